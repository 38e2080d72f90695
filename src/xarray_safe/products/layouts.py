"""Layouts of EOPF Zarr: which there are, which one a version of ESA's converter writes, which one a product has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.products.evidence import Evidence, evidence_of

LAYOUTS: Final = ("2.5", "2.6", "2.7", "2.8", "3.0")
DEFAULT_LAYOUT: Final = "2.8"
AUTO: Final = "auto"
"""Where a twin is known (compare, catalogs): the layout that the twin has."""

HISTORY: Final = "processing_history"
"""Root attribute with the steps of processing: a list of steps by level."""

_CONVERTER: Final = "EOPF-CPM"
_SOFTWARE: Final = ("EOPF_CPM", "EOPF-CPM")
"""Keys of the converter in `processing:software`: in trees of layout 3.0, and in the Sample Service's STAC items."""
_CPM: Final = re.compile(r"/cpm_v(\d)(\d)\d*/")
"""Folder of the Sample Service's stores: the version of their converter."""
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
        raise InvalidArgumentError(f"eopf_version={version!r} is not a version; {known}.")
    if found[1] not in LAYOUTS:
        raise InvalidArgumentError(f"eopf_version={version!r} is unknown; {known}.")
    return found[1]


def layout_in(source: object) -> str:
    """Layout of a product: by the version of the converter that wrote it, else by marks in its metadata and arrays.

    Parameters
    ----------
    source
        A tree or dataset of xarray, a Zarr group, store or path, a STAC item (or its JSON), the root attributes of a
        tree, or the JSON of a Zarr group with its ``attributes`` and ``members``.

    Returns
    -------
    str
        One of `LAYOUTS`. In GeoZarr form (see `has_multiscales`) it is 3.0.

    Raises
    ------
    InvalidArgumentError
        If nothing tells it.
    """
    found = evidence_of(source)
    versions = [*_versions(found)]
    for version in versions:
        layout = ".".join(version.split(".")[:2])
        if layout in LAYOUTS:
            return layout
    for layout, tell in MARKS:
        if tell(found):
            return layout
    written = f"its converter {versions[0]} is unknown, and " if versions else ""
    stac = found.item.get("stac_version") or "missing"
    raise InvalidArgumentError(
        f"the layout of the Zarr is not known: {written}stac_discovery/stac_version is {stac} at its root; "
        f"known are {', '.join(LAYOUTS)}"
    )


def has_multiscales(source: object) -> bool:
    """Return True if a product is in GeoZarr form: layout 3.0, and coarser levels and coordinate systems besides."""
    return any("multiscales" in array.attrs for array in evidence_of(source).nodes())


def _versions(found: Evidence) -> Iterator[str]:
    """Versions of the converter that a product names, the most reliable first."""
    properties = found.item.get("properties")
    software = properties.get("processing:software") if isinstance(properties, Mapping) else None
    named = software if isinstance(software, Mapping) else {}
    step = converter_version(found.attrs)
    yield from (str(version) for version in (*(named.get(key) for key in _SOFTWARE), step) if version)
    for url in found.urls:
        if match := _CPM.search(url):
            yield f"{match[1]}.{match[2]}"


def _in_bytes(found: Evidence) -> bool:
    nodes = list(found.nodes())
    return any("short_name" in node.attrs for node in nodes) and not any("_eopf_attrs" in node.attrs for node in nodes)


def _in_whole_metres(found: Evidence) -> bool:
    return found.stac_version == "1.0" or any(
        node.path.startswith("/measurements/reflectance/") and node.path.endswith("/x") and node.kind in ("i", "u")
        for node in found.nodes()
    )


def _in_capitals(found: Evidence) -> bool:
    named = [band.get("name") for band in found.bands if isinstance(band, Mapping)]
    return "8A" in named or any(
        str(node.attrs.get("flag_meanings", "")).startswith(("B01 ", "D01 ", "ANC_LOST ")) for node in found.nodes()
    )


def _with_scaled_classes(found: Evidence) -> bool:
    """The classes at 60 m are scaled, or the STAC extensions are those of before 2.8."""
    extensions = found.item.get("stac_extensions")
    older = isinstance(extensions, list | tuple) and any("/eo/v1.1.0/" in str(url) for url in extensions)
    return (older and found.stac_version == "1.1") or any(
        node.path == "/conditions/mask/l2a_classification/r60m/scl" and "scale_factor" in node.attrs
        for node in found.nodes()
    )


def _with_copies(found: Evidence) -> bool:
    return found.stac_version == "1.1" or any("_eopf_attrs" in node.attrs for node in found.nodes())


MARKS: Final[tuple[tuple[str, Callable[[Evidence], bool]], ...]] = (
    ("3.0", _in_bytes),
    ("2.5", _in_whole_metres),
    ("2.6", _in_capitals),
    ("2.7", _with_scaled_classes),
    ("2.8", _with_copies),
)
"""What tells layouts apart where no converter has signed, as in trees out of a SAFE; the first that holds counts."""


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
