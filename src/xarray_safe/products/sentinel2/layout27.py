"""Sentinel-2 L1C and L2A in layout 2.7: what differs from layout 2.8.

Source: mappings of `eopf` 2.7.0, and what it writes. The Sample Service publishes it since April 2026 (`cpm_v270`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xarray_safe.products.sentinel2 import layout28
from xarray_safe.products.sentinel2.differences import Change, changed, edited
from xarray_safe.products.sentinel2.layout28.metadata import extensions
from xarray_safe.products.sentinel2.layout28.variables import GEOMETRY, VALID

if TYPE_CHECKING:
    from xarray_safe.model.product import Var
    from xarray_safe.products.sentinel2.bands import Level

__all__ = ["attributes", "finish", "variables"]

finish = layout28.finish

CHANGES: Final[dict[Level, tuple[Change, ...]]] = {
    "L1C": (),
    "L2A": (
        # The mapping scales the classes at 60 m too.
        Change(
            "/conditions/mask/l2a_classification/r60m/scl",
            {"scale_factor": 1, "add_offset": 0, "fill_value": 0, **VALID},
        ),
        # Zarr's own fill value of text, which xarray takes for no data.
        Change(f"{GEOMETRY}/detector", {"fill_value": 0, "_FillValue": ""}),
    ),
}

EDITS: Final = {
    "stac_discovery/stac_extensions": extensions(
        "eopf/v1.2.0 eo/v1.1.0 raster/v2.0.0 sat/v1.1.0 view/v1.0.0 scientific/v1.0.0 processing/v1.2.0 product/v0.1.0"
    )
}


def variables(level: Level) -> tuple[Var, ...]:
    """All variables, coordinates included."""
    return changed(layout28.variables(level), CHANGES[level])


def attributes(level: Level) -> dict[str, dict[str, Any]]:
    """Attributes of the groups by path: only the root has some."""
    return {"/": edited(layout28.attributes(level)["/"], EDITS)}
