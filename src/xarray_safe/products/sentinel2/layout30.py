"""Sentinel-2 L1C and L2A in layout 3.0: what differs from layout 2.8.

Source: mappings of `eopf` 3.0.0, and what it writes. The Sample Service publishes it since July 2026 as GeoZarr
(`cpm_v300`), which adds groups and attributes to it.

The converter leaves `_FillValue` out of what it scales, so that its Zarr opens with no data as numbers (reflectance
-0.1). Here no data is NaN as in every other layout; `fill_value` is an attribute besides, as in the Zarr.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.model.lookups import ABSENT
from xarray_safe.products.sentinel2 import layout28
from xarray_safe.products.sentinel2.angles import BandNames, Detectors
from xarray_safe.products.sentinel2.bands import ByPsd
from xarray_safe.products.sentinel2.descriptions import mask
from xarray_safe.products.sentinel2.differences import REMOVED, Change, changed, edited
from xarray_safe.products.sentinel2.layout28.metadata import assets_of, checksum, name_of, named
from xarray_safe.products.sentinel2.layout28.variables import GEOMETRY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xarray_safe.model.product import Var
    from xarray_safe.products.sentinel2.bands import Level

__all__ = ["DATA_ATTRIBUTE", "attributes", "finish", "variables"]

DATA_ATTRIBUTE: Final = "short_name"
"""Data variables have their short name as an attribute, and no copy of their description."""

CHANGES: Final = (
    Change("*", {"dimensions": REMOVED, "coordinates": REMOVED}),
    # Labels are bytes.
    Change(f"{GEOMETRY}/band", {"dtype": "<S3"}, source=BandNames(dtype="S3")),
    Change(
        f"{GEOMETRY}/detector", {"dtype": "<S3", "valid_min": REMOVED, "valid_max": REMOVED}, source=Detectors("S3")
    ),
)

SLIPS: Final = (
    Change("/measurements/reflectance/r60m/b03", {"valid_max": ByPsd(65535, 6553)}),
    # By PSD-14 it is masked as in 2.8, and alone in having no attribute `fill_value`.
    Change("/quality/probability/r20m/cld", {"fill_value": ByPsd(ABSENT, 101), "_FillValue": np.float32(101)}),
)
"""What the mappings of L2A have otherwise in one place only."""

UNKNOWN: Final[dict[Level, tuple[str, ...]]] = {"L1C": ("0", "1A", "1B"), "L2A": ("0", "1A", "1B", "1C")}
"""Levels whose processing time the archive does not tell, 1970 in layout 2.8."""

PROPERTIES: Final = "stac_discovery/properties"
EDITS: Final = {
    f"{PROPERTIES}/processing:version": "1.0.0",  # of EOPF's processing, whatever the baseline
    f"{PROPERTIES}/processing:software": {
        "EOPF_CPM": "3.0.0",
        "COMMON_PFSD": "3.0.0",
        "SPECIFIC_PFSD": "1.1.0",
        "EOPF_MAPPING": "1.0.0",
        "EOPF_MODEL": "1.0.0",
    },
}


def variables(level: Level) -> tuple[Var, ...]:
    """All variables, coordinates included."""
    slips = SLIPS if level == "L2A" else ()
    return changed(layout28.variables(level), (*CHANGES, *slips), rule=with_short_name)


def with_short_name(description: Mapping[str, Any]) -> dict[str, Any]:
    """Raw attributes of a data variable: all of its description, and the mask that follows from it."""
    return {**description, **mask(description)}


def attributes(level: Level) -> dict[str, dict[str, Any]]:
    """Attributes of the groups by path: only the root has some."""
    timeless = {f"processing_history/Level-{step} Product/0/time": REMOVED for step in UNKNOWN[level]}
    return {"/": edited(layout28.attributes(level)["/"], {**EDITS, **timeless})}


def finish(attrs: dict[str, Any], variables: Iterable[Var]) -> dict[str, Any]:
    """Add `assets`, one for each variable, and the EOPF product name, which ends in a checksum over the rest.

    The converter computes the checksum before it adds the assets and `processing:software`.
    """
    stac = attrs["stac_discovery"]
    summed = {
        **{key: value for key, value in attrs.items() if key != "processing_history"},
        "stac_discovery": edited({**stac, "assets": {}}, {"properties/processing:software": REMOVED}),
    }
    name = named(name_of, stac["properties"], checksum(summed), digits=(5, 4))
    assets = assets_of({str(var.attrs[DATA_ATTRIBUTE]): var for var in variables if DATA_ATTRIBUTE in var.attrs})
    return {**attrs, "stac_discovery": {**stac, "assets": assets, **name}}
