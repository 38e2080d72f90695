"""Sentinel-2 L1C and L2A in layout 2.6: the EOPF product name.

The converter (`eopf` 2.6.2) ends it in a CRC over all values in the order in which it found them: as its mappings have
them, XML file by XML file. So the order of keys counts here, as nowhere else; these are its orders.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.products.sentinel2.bands import BANDS
from xarray_safe.products.sentinel2.descriptions import COPY
from xarray_safe.products.sentinel2.layout28.metadata import assets_of, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from xarray_safe.model.product import Var

Orders = dict[str, tuple[str, ...]]
"""Keys in order, by the path of the table that they are in; keys that are not listed follow in their own order."""

LAST: Final = "suaod550"
"""The last variable of the mappings, whose asset is added after the name is made."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_PROPERTIES = _words(
    "instruments constellation providers product:timeliness_category product:timeliness product:type "
    "sat:platform_international_designator processing:lineage processing:facility processing:level eo:cloud_cover "
    "eo:snow_cover bands"
)
_ORBIT_AND_TIMES = _words("sat:absolute_orbit sat:orbit_state datetime start_datetime end_datetime created platform")
_IDENTIFIERS = _words("eopf:datatake_id eopf:datastrip_id sat:relative_orbit sci:doi")
_METADATA = _words(
    "eopf_category UTM_zone_identification horizontal_CRS_name horizontal_CRS_code "
    "mean_sun_azimuth_angle_in_deg_for_all_bands_all_detectors mean_sun_zenith_angle_in_deg_for_all_bands_all_detectors"
)
_FLAGS = _words(
    "onboard_equalization_flag SWIR_rearrangement_flag optical_crosstalk_correction_flag "
    "electronic_crosstalk_correction_flag"
)
_SUN_DISTANCE = (
    "reflectance_correction_factor_from_the_Sun_Earth_distance_variation_computed_using_the_acquisition_date"
)
_SPECTRAL = _words(
    "central_wavelength wavelength_min wavelength_max spectral_response_step spectral_response_values physical_gain"
)
_ON_BOARD = _words("onboard_compression_rate onboard_integration_time")
_MASKS = (
    "msk_cls_b00",
    *(f"msk_{kind}_{band.name}" for kind in ("quality", "detfoo") for band in BANDS),
)
_WEATHER = _words("tcwv msl tco3 u10 v10 r z aod469 aod550 aod670 aod865")
_BOTH: Final[Orders] = {
    "stac_discovery": _words("type stac_version stac_extensions properties links assets geometry bbox id"),
    **{
        f"stac_discovery/properties/bands/{band.number}": _words(
            "name eo:common_name eo:full_width_half_max eo:center_wavelength"
        )
        for band in BANDS
    },
}
ORDERS: Final[dict[str, Orders]] = {
    "S02MSIL1C": {
        **_BOTH,
        "stac_discovery/properties": (
            *_PROPERTIES,
            *_ORBIT_AND_TIMES,
            *_words("gsd eopf:instrument_mode processing:version"),
            *_IDENTIFIERS,
        ),
        "stac_discovery/assets": (
            *_words("b01_60m b02_10m b03_10m b04_10m b05_20m b06_20m b07_20m b08_10m b8a_20m b09_r60m b10_60m"),
            *_words("b11_20m b12_20m"),
            *_MASKS,
            *_words("sun_angles viewing_incidence_angles mean_viewing_incidence_angles mean_sun_angles"),
            *_WEATHER,
            *_words("aod1240 bcaod550 duaod550 omaod550 ssaod550"),
        ),
        "other_metadata": (
            *_METADATA,
            *_words("L0_ephemeris_data_quality L0_ancillary_data_quality absolute_location_assessment_from_AOCS"),
            *_words("planimetric_stability_assessment_from_AOCS multispectral_registration_assessment"),
            *_words("spectral_band_of_reference band_description meteo"),
            *_FLAGS,
            *_words("geometric_refinement NUC_table_ID onboard_compression_flag"),
            _SUN_DISTANCE,
            *_words("percentage_of_degraded_MSI_data product_quality_status"),
        ),
        **{
            f"other_metadata/band_description/{band.code}": ("units", "bandwidth", *_ON_BOARD, *_SPECTRAL)
            for band in BANDS
        },
        "processing_history/Level-1C Product/0": _words("processor version time"),
    },
    "S02MSIL2A": {
        **_BOTH,
        "stac_discovery/properties": (
            *_PROPERTIES,
            *_ORBIT_AND_TIMES,
            "eopf:instrument_mode",
            *_IDENTIFIERS,
            "processing:version",
        ),
        "stac_discovery/assets": (
            *_words("sun_angles mean_sun_angles"),
            *_words("b01_60m b02_60m b03_60m b04_60m b05_60m b06_60m b07_60m b8a_r60m b09_r60m b11_60m b12_r60m"),
            *_words("aot_r60m wvp_r60m scl_r60m b01_r20m b02_r20m b03_r10m b03_r20m b04_r20m b05_r20m b06_r20m"),
            *_words("b07_r20m b8a_r20m b11_r20m b12_r20m aot_r20m wvp_r20m scl_r20m aot wvc"),
            *_words("b08_r10m b04_r10m b02_10m snw cld"),
            *_MASKS,
            *_words("viewing_incidence_angles mean_viewing_incidence_angles"),
            *_WEATHER,
            *_words("bcaod550 aod1240 duaod550 omaod550 ssaod550"),
        ),
        "other_metadata": (
            *_METADATA,
            *_words("declared_accuracy_of_radiative_transfer_model declared_accuracy_of_water_vapour_model"),
            *_words("declared_accuracy_of_AOT_model AOT_retrieval_model mean_value_of_aerosol_optical_thickness"),
            *_words("mean_value_of_total_water_vapour_content ozone_source ozone_value"),
            *_FLAGS,
            *_words("band_description geometric_refinement"),
            _SUN_DISTANCE,
            *_words("product_quality_status NUC_table_ID onboard_compression_flag"),
        ),
        **{
            f"other_metadata/band_description/{band.code}": ("units", "bandwidth", *_SPECTRAL, *_ON_BOARD)
            for band in BANDS
        },
        "processing_history/Level-2A Product/0": _words("processor version time"),
    },
}


_BY_PSD14: Final[Orders] = {
    "stac_discovery/properties": (
        *_PROPERTIES,
        "processing:version",
        *_ORBIT_AND_TIMES,
        *_words("gsd eopf:instrument_mode"),
        *_IDENTIFIERS,
    )
}
"""What is otherwise in L1C by PSD-14, which has the version from the datastrip's metadata."""


def finish(attrs: dict[str, Any], variables: Iterable[Var]) -> dict[str, Any]:
    """Add `assets`, one for each variable, and the EOPF product name, in which the SAFE's own name is counted too."""
    stac = attrs["stac_discovery"]
    properties, unnamed = stac["properties"], stac["id"]
    assets = assets_of({var.attrs[COPY]["short_name"]: var for var in variables if COPY in var.attrs})  # type: ignore[index]
    orders = ORDERS[properties["product:type"]]
    if (properties["product:type"], unnamed["psd"]) == ("S02MSIL1C", 14):
        orders = orders | _BY_PSD14
    counted = {name: asset for name, asset in assets.items() if name != LAST}
    summed = {
        "stac_discovery": {**stac, "assets": counted, "id": unnamed["safe"]},
        **{key: attrs[key] for key in ("other_metadata", "processing_history")},
    }
    name = name_of(properties, checksum(summed, orders))
    return {**attrs, "stac_discovery": {**stac, "assets": assets, "id": name}}


def checksum(attrs: Mapping[str, Any], orders: Orders) -> str:
    """Last three hexadecimal digits of the CRC-32 over the text of all values in order."""
    text = "".join(map(str, _values(attrs, orders, "")))
    return f"{zlib.crc32(text.encode()) & 0xFFF:03X}"


def _values(value: object, orders: Orders, path: str) -> Iterator[object]:
    """Values of nested tables in order."""
    if isinstance(value, dict):
        listed = [key for key in orders.get(path, ()) if key in value]
        for key in (*listed, *(key for key in value if key not in listed)):
            yield from _values(value[key], orders, f"{path}/{key}".lstrip("/"))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _values(item, orders, f"{path}/{number}")
    else:
        yield value
