"""Sentinel-2 L1C and L2A in layout 2.6: what differs from layout 2.7.

Source: mappings of `eopf` 2.6.2, and what it writes with ``mask_and_scale=False``: samples as they are in the images,
as the Sample Service published them (`cpm_v262`). 2.6.4 spells `other_metadata` as 2.7 does, but for
`mean_sensing_time`, which it lacks too, and states `proj:bbox` and `proj:code`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xarray_safe.model.lookups import X
from xarray_safe.products.sentinel2 import layout27
from xarray_safe.products.sentinel2.angles import BandNames
from xarray_safe.products.sentinel2.bands import BANDS, ByPsd
from xarray_safe.products.sentinel2.differences import REMOVED, Change, Renamed, changed, edited
from xarray_safe.products.sentinel2.layout28.metadata import INFO
from xarray_safe.products.sentinel2.layout28.variables import GEOMETRY

if TYPE_CHECKING:
    from xarray_safe.model.product import Var
    from xarray_safe.products.sentinel2.bands import Level


CHANGES: Final = (
    # Labels are the numbers of the bands in the XML, b08 for band 8A.
    Change(
        f"{GEOMETRY}/band",
        {"flag_meanings": " ".join(f"B{band.code}" for band in BANDS)},
        source=BandNames(tuple(f"b{band.number:02d}" for band in BANDS)),
    ),
    Change(f"{GEOMETRY}/detector", {"_FillValue": REMOVED}),
    # Flags are one text, in capitals, and others than in the images in places.
    Change(
        "/conditions/mask/detector_footprint/r??m/b??",
        {
            "flag_values": list(range(1, 13)),
            "flag_meanings": " ".join(f"D{number:02d}" for number in range(1, 13)),
        },
    ),
    Change(
        "/quality/mask/r??m/b??",
        {
            "flag_masks": [1 << bit for bit in range(10)],
            "flag_meanings": "ANC_LOST ANC_DEG MSI_LOST MSI_DEG DEFECTIVE_PIXEL NODATA_PIXEL PARTIALLY_CORRECTED_PIXEL "
            "SATURATED_PIXEL_L1A SATURATED_PIXEL_L1B CLOUD",
        },
    ),
    Change(
        "/conditions/mask/l1c_classification/r60m/b00",
        {"flag_masks": [1, 2, 4], "flag_meanings": "opaque cirrus snow_ice"},
    ),
)

SPELLINGS: Final = {
    "aot_retrieval_model": "AOT_retrieval_model",
    "declared_accuracy_of_aot_model": "declared_accuracy_of_AOT_model",
    "nuc_table_id": "NUC_table_ID",
    "swir_rearrangement_flag": "SWIR_rearrangement_flag",
    "utm_zone_identification": "UTM_zone_identification",
    "horizontal_crs_code": "horizontal_CRS_code",
    "horizontal_crs_name": "horizontal_CRS_name",
    "l0_ancillary_data_quality": "L0_ancillary_data_quality",
    "l0_ephemeris_data_quality": "L0_ephemeris_data_quality",
    "absolute_location_assessment_from_aocs": "absolute_location_assessment_from_AOCS",
    "planimetric_stability_assessment_from_aocs": "planimetric_stability_assessment_from_AOCS",
    "percentage_of_degraded_msi_data": "percentage_of_degraded_MSI_data",
    "reflectance_correction_factor_from_the_sun_earth_distance_variation_computed_using_the_acquisition_date": (
        "reflectance_correction_factor_from_the_Sun_Earth_distance_variation_computed_using_the_acquisition_date"
    ),
}
"""Keys of `other_metadata` by their names in 2.7."""

PROPERTIES: Final = "stac_discovery/properties"
EDITS: Final[dict[str, object]] = {
    **{f"other_metadata/{name}": Renamed(spelling) for name, spelling in SPELLINGS.items()},
    "other_metadata/mean_sensing_time": REMOVED,
    **{f"{PROPERTIES}/proj:{name}": REMOVED for name in ("code", "bbox", "transform", "wkt2")},
    **{f"{PROPERTIES}/bands/{band.number}/name": band.code for band in BANDS},
    **{f"{PROPERTIES}/bands/{number}/eo:common_name": REMOVED for number in (4, 5, 6, 8, 9)},
    **{f"{PROPERTIES}/bands/{number}/eo:solar_illumination": REMOVED for number in (8, 12)},
}
_BASELINE = X("product", f"{INFO}/PROCESSING_BASELINE")
_PROCESSOR = X("datastrip", "General_Info/Processing_Info/PROCESSING_BASELINE", optional=True)
VERSION: Final[dict[Level, object]] = {
    # The mapping for PSD-14 takes the processor's version for the baseline.
    "L1C": ByPsd(_PROCESSOR, _BASELINE),
    "L2A": _BASELINE,
}


def variables(level: Level) -> tuple[Var, ...]:
    """All variables, coordinates included."""
    return changed(layout27.variables(level), CHANGES)


def attributes(level: Level) -> dict[str, dict[str, Any]]:
    """Attributes of the groups by path: only the root has some."""
    edits = {
        **EDITS,
        f"{PROPERTIES}/processing:version": VERSION[level],
        # What the product's name takes, until it is made.
        "stac_discovery/id": {"safe": X("product", f"{INFO}/PRODUCT_URI", default=""), "psd": ByPsd(14, 15)},
    }
    return {"/": edited(layout27.attributes(level)["/"], edits)}
