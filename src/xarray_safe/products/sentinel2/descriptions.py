"""Descriptions of data variables, as the converter's mappings have them, and the raw attributes that follow from one.

A description is all that a mapping says of a variable: type, names, units, scale, `fill_value`, dimensions. What of it
becomes an attribute is a rule of the layout: 2.6 to 2.8 add a copy of the description (`with_copy`), 3.0 does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

Rule = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Raw attributes of a data variable from its description."""

ABOUT_ITSELF: Final = ("short_name", "dimensions", "coordinates")
"""Entries of a description that are not attributes in layouts 2.6 to 2.8."""

COPY: Final = "_eopf_attrs"


def describe(
    dims: tuple[str, ...], short_name: str, coordinates: list[str] | None = None, **attrs: Any
) -> dict[str, Any]:
    """Return the description of a data variable; its coordinates are its dimensions unless others are named."""
    return {**attrs, "short_name": short_name, "dimensions": list(dims), "coordinates": coordinates or list(dims)}


def with_copy(description: Mapping[str, Any]) -> dict[str, Any]:
    """Raw attributes of layouts 2.6 to 2.8: the description's, and a copy of it as `_eopf_attrs`."""
    attrs = {key: value for key, value in description.items() if key not in (*ABOUT_ITSELF, "fill_value")}
    return {**attrs, **mask(description), COPY: dict(description)}


def mask(description: Mapping[str, Any]) -> dict[str, Any]:
    """`_FillValue` of a description that states none: its `fill_value` in the type of the samples, NaN for floats."""
    if "_FillValue" in description:
        return {}
    dtype = np.dtype(description["dtype"])
    fill = description.get("fill_value", np.nan if dtype.kind == "f" else None)
    return {} if fill is None else {"_FillValue": dtype.type(fill)}
