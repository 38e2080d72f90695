"""Layouts of EOPF Zarr: which there are, which one a version of ESA's converter writes, which one a tree has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from xarray_safe.errors import InvalidArgumentError

LAYOUTS: Final = ("2.5", "2.6", "2.7", "2.8", "3.0")
DEFAULT_LAYOUT: Final = "2.8"

HISTORY: Final = "processing_history"
"""Root attribute with the steps of processing: a list of steps by level."""

_BY_STAC_VERSION: Final = {"1.0": "2.5", "1.1": "2.8"}
_CONVERTER: Final = "EOPF-CPM"
_ENTRY: Final = {"facility", "inputs", "outputs", "processor", "time", "version"}


def layout_of(version: str) -> str:
    """Layout of an EOPF version such as ``"2.8"``, ``"2.8.1"`` or ``"2.5.6"``.

    Raises
    ------
    InvalidArgumentError
        For versions that are unknown; the message names the known ones.
    """
    found = re.fullmatch(r"(\d+\.\d+)(\.\d+)?", str(version))
    listed = ", ".join(map(repr, LAYOUTS))
    known = f"known are {listed}, with or without a patch version; {DEFAULT_LAYOUT!r} is the default"
    if found is None:
        raise InvalidArgumentError(f"eopf_version={version!r} is no version; {known}.")
    if found[1] not in LAYOUTS:
        raise InvalidArgumentError(f"eopf_version={version!r} is unknown; {known}.")
    return found[1]


def layout_in(attrs: Mapping[str, Any]) -> str:
    """Layout of an open tree, from its root attributes: by the version of the converter, else by that of STAC.

    Parameters
    ----------
    attrs
        Attributes of the root.

    Raises
    ------
    InvalidArgumentError
        If they do not say, or it is a layout that ``engine="safe"`` does not offer.
    """
    version = converter_version(attrs)
    if version is not None:
        return layout_of(version)
    item = attrs.get("stac_discovery")
    stac = str(item.get("stac_version", "")) if isinstance(item, Mapping) else ""
    layout = _BY_STAC_VERSION.get(".".join(stac.split(".")[:2]))
    if layout is None:
        known = ", ".join(f"{stac}.x (layout {layout})" for stac, layout in _BY_STAC_VERSION.items())
        raise InvalidArgumentError(
            f"the layout of the Zarr is not known: stac_discovery/stac_version is {stac or 'missing'} at its root; "
            f"known are {known}"
        )
    return layout


@dataclass(frozen=True)
class ConverterStep:
    """The converter's entry about itself in a tree's processing history: its level and number there."""

    level: str
    number: int
    entry: Mapping[str, Any]


def converter_step(attrs: Mapping[str, Any]) -> ConverterStep | None:
    """Find the converter's entry about itself: the last step of the last level; None if it is another processor's."""
    history = attrs.get(HISTORY)
    level = max(map(str, history), default="") if isinstance(history, dict) else ""
    steps = history.get(level) if isinstance(history, dict) else None
    last = steps[-1] if isinstance(steps, list | tuple) and steps else None
    if not isinstance(last, dict) or last.get("processor") != _CONVERTER or not last.keys() <= _ENTRY:
        return None
    assert isinstance(steps, list | tuple)
    return ConverterStep(level, len(steps) - 1, last)


def converter_version(attrs: Mapping[str, Any]) -> str | None:
    """Version of the converter that wrote a tree, if its processing history says so (layouts since 2.6)."""
    step = converter_step(attrs)
    return str(step.entry["version"]) if step is not None and step.entry.get("version") else None
