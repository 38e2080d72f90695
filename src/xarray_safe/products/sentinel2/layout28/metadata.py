"""Sentinel-2 L1C and L2A in layout 2.8: `stac_discovery`, `other_metadata` and `processing_history` of the root.

Source: the sections of the same names in the mappings of `eopf` 2.8.1. The converter evaluates each section on
every XML file and lets later files overwrite earlier ones; here each look-up names the file that wins. Its
``is_optional(…)`` values come from the product's file only, which is the last, and are ``"null"`` in the others.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.model.lookups import Either, F, X, finite
from xarray_safe.products.sentinel2 import bands as s2
from xarray_safe.products.sentinel2.bands import BANDS, CHARACTERISTICS, QI, Level
from xarray_safe.products.sentinel2.descriptions import COPY
from xarray_safe.products.sentinel2.grids import GEOCODING, proj

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from xarray_safe.model.product import Var

INFO: Final = "General_Info/Product_Info"
ACQUISITION: Final = "Image_Data_Info/Sensor_Configuration/Acquisition_Configuration"
MANIFEST: Final = "metadataSection/metadataObject[@ID='{}']/metadataWrap/xmlData"
FOOTPRINT: Final = MANIFEST.format("measurementFrameSet") + "/frameSet/footPrint/coordinates"
ORBIT: Final = MANIFEST.format("measurementOrbitReference") + "/orbitReference/orbitNumber"
EXTENSIONS: Final = (
    "eopf/v1.2.0 eo/v2.0.0 raster/v2.0.0 sat/v1.1.0 view/v1.1.0 scientific/v1.0.0 processing/v1.2.0 product/v1.0.0"
)
UNKNOWN_TIME: Final = "1970-01-01T00:00:00.000000Z"


def attributes(level: Level) -> dict[str, dict[str, Any]]:
    """Attributes of the groups by path: only the root has some."""
    root = {
        "stac_discovery": stac_discovery(level),
        "other_metadata": other_metadata(level),
        "processing_history": processing_history(level),
    }
    return {"/": root}


def stac_discovery(level: Level) -> dict[str, Any]:
    """STAC item of the product, version 1.1; `id` and `assets` are added by `finish`."""
    snow = "SNOW_ICE_PERCENTAGE" if level == "L2A" else "SNOW_PIXEL_PERCENTAGE"
    start, stop = _info("PRODUCT_START_TIME", iso_time), _info("PRODUCT_STOP_TIME", iso_time)
    properties = {
        "datetime": F(middle_time, start, stop),
        "start_datetime": start,
        "end_datetime": stop,
        "created": _info("GENERATION_TIME"),
        "platform": _info("Datatake/SPACECRAFT_NAME", s2.platform),
        "instruments": ["msi"],
        "constellation": "sentinel-2",
        "providers": [
            {"name": f"{level} processor", "roles": ["processor"]},
            {"name": "ESA", "roles": ["producer"]},
        ],
        "product:timeliness_category": "NRT",
        "product:timeliness": "PT3H",
        "eopf:instrument_mode": _info("Datatake/DATATAKE_TYPE"),
        "product:type": f"S02MSI{level}",
        "eopf:datatake_id": _info("Datatake/@datatakeIdentifier"),
        "eopf:datastrip_id": X(
            "product",
            f"{INFO}/Product_Organisation/Granule_List/Granule/@datastripIdentifier",
            optional=True,
            every=True,
        ),
        "sat:absolute_orbit": X("manifest", ORBIT, whole, optional=True),
        "sat:relative_orbit": _info("Datatake/SENSING_ORBIT_NUMBER", whole),
        "sat:orbit_state": X("manifest", f"{ORBIT}/@groundTrackDirection", optional=True),
        "sat:platform_international_designator": "2015-028A",
        "sci:doi": X(
            "product", f"{INFO}/PRODUCT_DOI", lambda text: text.replace("https://doi.org/", ""), optional=True
        ),
        "processing:lineage": "systematic",
        "processing:facility": "ESA",
        "processing:version": _info("PROCESSING_BASELINE"),
        "processing:level": level,
        "eo:cloud_cover": Either(
            s2.image_content("CLOUDY_PIXEL_PERCENTAGE"), X("product", f"{QI}/Cloud_Coverage_Assessment", float, True)
        ),
        "eo:snow_cover": s2.image_content(snow),
        "bands": [_band(band) for band in BANDS],
        "proj:code": X("tile", f"{GEOCODING}/HORIZONTAL_CS_CODE"),
        **proj(s2.grid(level, 60), "proj:bbox", "proj:transform", "proj:wkt2"),
    }
    if level == "L1C":
        properties["gsd"] = s2.spectral(BANDS[1], "RESOLUTION", None)
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": extensions(EXTENSIONS),
        "geometry": X("manifest", FOOTPRINT, polygon, optional=True),
        "bbox": X("manifest", FOOTPRINT, bounding_box, optional=True),
        "properties": properties,
        "links": [{"rel": "self", "href": "./.zattrs.json", "type": "application/json"}],
    }


def extensions(names: str) -> list[str]:
    """URLs of the schemas of STAC extensions, given as names with versions, separated by blanks."""
    return [f"https://stac-extensions.github.io/{name}/schema.json" for name in names.split()]


def _info(path: str, convert: Callable[[str], object] | None = None) -> X:
    return X("product", f"{INFO}/{path}", convert)


def _band(band: s2.Band) -> dict[str, Any]:
    irradiance = (
        f"{CHARACTERISTICS}/Reflectance_Conversion/Solar_Irradiance_List/SOLAR_IRRADIANCE[@bandId='{band.number}']"
    )
    return {
        "name": band.name,
        "eo:common_name": band.common_name,
        "eo:center_wavelength": F(_micrometres, s2.spectral(band, "Wavelength/CENTRAL")),
        "eo:full_width_half_max": band.fwhm,
        "eo:solar_illumination": X("product", irradiance, float, optional=True),
        "raster:spatial_resolution": s2.spectral(band, "RESOLUTION", None),
    }


def other_metadata(level: Level) -> dict[str, Any]:
    """Metadata that have no place in STAC."""
    angles = "Geometric_Info/Tile_Angles/Mean_Sun_Angle"
    table = {
        "eopf_category": "eoproduct",
        "utm_zone_identification": X(
            "tile", f"{GEOCODING}/HORIZONTAL_CS_NAME", lambda name: name.split("/")[1].lstrip(), optional=True
        ),
        "horizontal_crs_name": X("tile", f"{GEOCODING}/HORIZONTAL_CS_NAME"),
        "horizontal_crs_code": X("tile", f"{GEOCODING}/HORIZONTAL_CS_CODE"),
        "mean_sensing_time": X("tile", "General_Info/SENSING_TIME"),
        "mean_sun_azimuth_angle_in_deg_for_all_bands_all_detectors": X("tile", f"{angles}/AZIMUTH_ANGLE", float, True),
        "mean_sun_zenith_angle_in_deg_for_all_bands_all_detectors": X("tile", f"{angles}/ZENITH_ANGLE", float, True),
        "reflectance_correction_factor_from_the_sun_earth_distance_variation_computed_using_the_acquisition_date": X(
            "product", f"{CHARACTERISTICS}/Reflectance_Conversion/U", float, optional=True
        ),
        "product_quality_status": Either(_checks("product"), _checks("datastrip")),
        "nuc_table_id": X("datastrip", f"{ACQUISITION}/NUC_TABLE_ID", whole, optional=True),
        "onboard_compression_flag": X("datastrip", f"{ACQUISITION}/COMPRESS_MODE", optional=True),
        "onboard_equalization_flag": _null(f"{ACQUISITION}/EQUALIZATION_MODE"),
        "swir_rearrangement_flag": _null("Image_Data_Info/Radiometric_Info/SWIR_REARRANGEMENT_PROC"),
        "optical_crosstalk_correction_flag": _null("Image_Data_Info/Radiometric_Info/CROSSTALK_OPTICAL_PROC"),
        "electronic_crosstalk_correction_flag": _null("Image_Data_Info/Radiometric_Info/CROSSTALK_ELECTRONIC_PROC"),
        "band_description": {band.code: _band_description(band) for band in BANDS},
        "geometric_refinement": _refinement(),
    }
    return table | (_retrieval() if level == "L2A" else _acquisition_quality())


def _checks(document: str) -> X:
    return X(document, f"{QI}/Quality_Control_Checks/Quality_Inspections/quality_check", optional=True, every=True)


def _null(path: str, convert: Callable[[str], object] | None = None) -> X:
    return X("product", path, convert, default="null", attribute=True)


def _retrieval() -> dict[str, Any]:
    """Metadata of L2A only: accuracies and means of the atmospheric correction."""
    return {
        "declared_accuracy_of_radiative_transfer_model": s2.image_content("RADIATIVE_TRANSFER_ACCURACY"),
        "declared_accuracy_of_water_vapour_model": s2.image_content("WATER_VAPOUR_RETRIEVAL_ACCURACY"),
        "declared_accuracy_of_aot_model": s2.image_content("AOT_RETRIEVAL_ACCURACY"),
        "aot_retrieval_model": s2.image_content("AOT_RETRIEVAL_METHOD", None),
        "mean_value_of_aerosol_optical_thickness": s2.image_content("GRANULE_MEAN_AOT"),
        "mean_value_of_total_water_vapour_content": s2.image_content("GRANULE_MEAN_WV"),
        "ozone_source": s2.image_content("OZONE_SOURCE", None),
        "ozone_value": s2.image_content("OZONE_VALUE"),
    }


def _acquisition_quality() -> dict[str, Any]:
    """Metadata of L1C only: quality of the raw data."""
    geometric = f"{QI}/Geometric_Info/Geometric_QI"
    degraded = f"{QI}/Technical_Quality_Assessment/DEGRADED_MSI_DATA_PERCENTAGE"
    return {
        "l0_ephemeris_data_quality": _null(f"{geometric}/EPHEMERIS_QUALITY"),
        "l0_ancillary_data_quality": _null(f"{geometric}/ANCILLARY_QUALITY"),
        "absolute_location_assessment_from_aocs": _null(f"{geometric}/Absolute_Location"),
        "planimetric_stability_assessment_from_aocs": _null(f"{geometric}/Planimetric_Stability"),
        "multispectral_registration_assessment": _null(f"{geometric}/Multi_Spectral_Registration"),
        "percentage_of_degraded_msi_data": Either(
            X("product", degraded, float, True), X("datastrip", degraded, float, True)
        ),
        "spectral_band_of_reference": _null(f"{CHARACTERISTICS}/REFERENCE_BAND", whole),
        "meteo": {"source": "ECMWF", "type": "FORECAST"},
    }


def _band_description(band: s2.Band) -> dict[str, Any]:
    onboard = f"{ACQUISITION}/Spectral_Band_Info/Spectral_Band_Information[@bandId='{band.number}']"
    return {
        "units": "nm",
        "central_wavelength": s2.spectral(band, "Wavelength/CENTRAL"),
        "wavelength_min": s2.spectral(band, "Wavelength/MIN"),
        "wavelength_max": s2.spectral(band, "Wavelength/MAX"),
        "bandwidth": band.bandwidth,
        "spectral_response_step": F(int, s2.spectral(band, "Spectral_Response/STEP")),
        "spectral_response_values": s2.spectral(band, "Spectral_Response/VALUES", None),
        "physical_gain": X(
            "product", f"{CHARACTERISTICS}/PHYSICAL_GAINS[@bandId='{band.number}']", float, optional=True
        ),
        "onboard_compression_rate": X("datastrip", f"{onboard}/COMPRESSION_RATE", float, optional=True),
        "onboard_integration_time": X("datastrip", f"{onboard}/INTEGRATION_TIME", float, optional=True),
    }


def _refinement() -> dict[str, Any]:
    rotation = "Image_Data_Info/Geometric_Info/Refined_Corrections_List/Refined_Corrections/MSI_State/Rotation"
    correlation = f"{QI}/Geometric_Info/Geometric_Refining_Quality/Image_Refining/Correlation_Quality"
    residual = f"{correlation}/Local_Residual_List/Local_Residual"
    tie_points = "residual_displacements_at_all_tie_points_after_refinement_m"
    return {
        "spacecraft_rotation": {
            axis: {
                "degree": _null(f"{rotation}/{axis}/DEGREE"),
                "coefficients": _null(f"{rotation}/{axis}/COEFFICIENTS"),
            }
            for axis in "XYZ"
        },
        f"mean_value_of_{tie_points}": {f"{axis}_mean": _null(f"{residual}/{axis.upper()}_MEAN") for axis in "xy"},
        f"standard_deviation_of_{tie_points}": {
            f"{axis}_stdv": _null(f"{residual}/{axis.upper()}_STDV") for axis in "xy"
        },
    }


def processing_history(level: Level) -> dict[str, Any]:
    """Steps up to the product's level. What the converter adds about itself is left out."""
    auxiliary = [
        "PRODUCTION_DEM_TYPE",
        "GRI_List/GRI_FILENAME",
        "IERS_BULLETIN_FILENAME",
        "ECMWF_DATA_REF",
        "GIPP_List/GIPP_FILENAME",
    ]
    climatology = [
        "SNOW_CLIMATOLOGY_MAP",
        "ESACCI_WaterBodies_Map",
        "ESACCI_LandCover_Map",
        "ESACCI_SnowCondition_Map_Dir",
        "LUT_List/LUT_FILENAME",
    ]
    first = {
        "processor": "Sentinel-2 L0 processor" if level == "L2A" else "L0 processor",
        "version": "Unknown",
        "facility": "ESA",
        "inputs": "Downlinked Data",
        "outputs": "S02MSIL0__etc",
        "time": UNKNOWN_TIME,
    }
    history: dict[str, Any] = {"Level-0 Product": [first]}
    levels = ["0_", "1A", "1B", "1C", "2A"][: 5 if level == "L2A" else 4]
    for before, this in itertools.pairwise(levels):
        own = this == level[1:]
        history[f"Level-{this} Product"] = [
            {
                "processor": "Sentinel-2 IPF",
                "version": _info("PROCESSING_BASELINE") if own else "Unknown",
                "facility": "ESA",
                "adfs": adfs((*auxiliary, *climatology) if this == "2A" else tuple(auxiliary)),
                "inputs": f"S02MSIL{before}_etc",
                "outputs": f"S02MSIL{this}_etc",
                "time": _info("GENERATION_TIME") if own else UNKNOWN_TIME,
            }
        ]
    return history


def adfs(paths: tuple[str, ...]) -> F:
    """Names of the auxiliary data files, which the product's metadata lists by kind."""
    there = X("product", "Auxiliary_Data_Info", optional=True)
    return F(_joined, there, *(X("product", f"Auxiliary_Data_Info/{path}", default=(), every=True) for path in paths))


def _joined(_: object, *values: object) -> list[object]:
    lists = [value if isinstance(value, list | tuple) else [value] for value in values]
    return [name for names in lists for name in names if name != "None"]


def finish(attrs: dict[str, Any], variables: Iterable[Var]) -> dict[str, Any]:
    """Add `assets`, one for each variable, and the EOPF product name, which ends in a checksum over the rest.

    The converter computes the checksum when all assets but that of the last variable of its mapping
    (`suaod550`) are in.
    """
    assets = assets_of({var.attrs[COPY]["short_name"]: var for var in variables if COPY in var.attrs})  # type: ignore[index]
    stac = {**attrs["stac_discovery"], "assets": assets}
    summed = {**stac, "assets": {name: asset for name, asset in assets.items() if name != "suaod550"}}
    return {**attrs, "stac_discovery": {**stac, **named(product_name, summed, attrs["other_metadata"])}}


def named(name: Callable[..., str], *arguments: Any, **more: Any) -> dict[str, str]:
    """Return the EOPF name as ``{"id": …}``; nothing where a part of it is unknown."""
    try:
        return {"id": name(*arguments, **more)}
    except KeyError:  # properties that the archive's metadata lack are absent
        return {}


def assets_of(variables: Mapping[str, Var]) -> dict[str, dict[str, str]]:
    """Assets of a STAC item: variables by their short names."""
    return {name: {"href": var.path, "title": name} for name, var in variables.items()}


def product_name(stac: Mapping[str, Any], other_metadata: Mapping[str, Any]) -> str:
    """EOPF name, with the checksum of the converter since 2.7; see `name_of`."""
    return name_of(stac["properties"], checksum({"stac_discovery": stac, "other_metadata": other_metadata}))


def checksum(attrs: Mapping[str, Any]) -> str:
    """First three hexadecimal digits of the MD5 of attributes as JSON."""
    text = json.dumps(attrs, sort_keys=True)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:3].upper()


def name_of(properties: Mapping[str, Any], checksum: str, digits: tuple[int, int] = (4, 3)) -> str:
    """EOPF name: type, start, duration (s), satellite unit, relative orbit, timeliness, checksum.

    Source: EOPF Product Structure Format Definition, product naming; `eopf.product.conveniences.get_product_id`.

    Parameters
    ----------
    properties
        Of the STAC item.
    checksum
        Three hexadecimal digits over the other attributes.
    digits
        Of the duration, and of the relative orbit.
    """
    start, stop = (utc(properties[f"{end}_datetime"]) for end in ("start", "end"))
    seconds = min(int((stop - start).total_seconds()), 10 ** digits[0] - 1)
    unit, orbit = properties["platform"][-1].upper(), properties["sat:relative_orbit"]
    return (
        f"{properties['product:type']}_{start:%Y%m%dT%H%M%S}_{seconds:0{digits[0]}d}_"
        f"{unit}{orbit:0{digits[1]}d}_T{checksum}"
    )


def utc(text: str) -> datetime:
    """Time of an ISO 8601 text, taken as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def iso_time(text: str) -> str:
    """Return a text unchanged; ValueError if it is not a time in ISO 8601."""
    utc(text)
    return text


def middle_time(start: str, stop: str) -> str:
    """Time between two, as STAC writes it."""
    first, last = utc(start), utc(stop)
    return (first + 0.5 * (last - first)).isoformat().replace("+00:00", "Z")


def points(text: str) -> list[list[float]]:
    """(longitude, latitude) pairs of a GML list of latitudes and longitudes."""
    numbers = [finite(number) for number in text.replace(",", " ").split()]
    if len(numbers) < 6:
        raise ValueError("a footprint has at least three points")
    return [[longitude, latitude] for latitude, longitude in zip(numbers[::2], numbers[1::2], strict=False)]


def polygon(text: str) -> dict[str, Any]:
    """GeoJSON polygon of a footprint, longitudes as given, across the antimeridian too."""
    ring = points(text)
    return {"type": "Polygon", "coordinates": [ring if ring[0] == ring[-1] else [*ring, ring[0]]]}


def bounding_box(text: str) -> list[float]:
    """Bounding box of a footprint in the converter's order: east, south, west, north."""
    longitudes, latitudes = zip(*points(text), strict=True)
    return [max(longitudes), min(latitudes), min(longitudes), max(latitudes)]


def whole(text: str) -> int:
    """Whole number of a text such as ``122`` or ``122.0``."""
    return int(float(text))


def _micrometres(nanometres: float) -> float:
    return nanometres * 0.001
