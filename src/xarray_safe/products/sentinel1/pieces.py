"""Variables of a sub-product before they have the attributes of a layout."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray_safe.model.arrays import Source

AUXILIARY: Final = (
    "first_azimuth_line",
    "first_range_sample",
    "last_azimuth_line",
    "last_range_sample",
    "line",
    "pixel",
    "swath",
)
"""Coordinates that may not be dimensions, in the order of CF's ``coordinates``."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One variable of a sub-product.

    Parameters
    ----------
    path
        Below the sub-product, e.g. ``conditions/orbit/position``.
    source
        Where its values come from.
    dims
        Names of its dimensions.
    about
        ``long_name``, ``units`` and ``dtype``, if the layout's mapping states them.
    coordinates
        Of data: its coordinates as layout 2.8 lists them. Empty for a coordinate.
    stated
        Of a coordinate: the dimensions that layout 2.8 states, where it does.
    optional
        Absence makes a warning, no error.
    """

    path: str
    source: Source
    dims: tuple[str, ...]
    about: Mapping[str, str] = field(default_factory=dict)
    coordinates: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()
    floating: bool = False
    optional: bool = False

    @property
    def name(self) -> str:
        """Name within its group."""
        return self.path.rpartition("/")[2]


def attributes_28(piece: Piece) -> dict[str, Any]:
    """Raw attributes in layout 2.8."""
    attrs: dict[str, Any] = dict(piece.about)
    if piece.floating:
        attrs["_FillValue"] = math.nan
    if piece.stated:
        attrs["dimensions"] = list(piece.stated)
    if piece.coordinates:
        attrs["_eopf_attrs"] = {
            "coordinates": list(piece.coordinates),
            "dimensions": list(piece.dims),
            **piece.about,
        }
        auxiliary = [name for name in AUXILIARY if name in piece.coordinates and name not in piece.dims]
        if auxiliary:
            attrs["coordinates"] = " ".join(auxiliary)
    return attrs


def attributes_30(piece: Piece) -> dict[str, Any]:
    """Raw attributes in layout 3.0."""
    about = dict(piece.about)
    if not piece.coordinates:
        about.pop("dtype", None)
    attrs: dict[str, Any] = {**about, "short_name": piece.name} if about else {}
    if piece.floating:
        attrs["_FillValue"] = math.nan
    return attrs
