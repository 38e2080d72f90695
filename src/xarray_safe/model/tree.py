"""The neutral tree: groups, their attributes and their lazy arrays, before any library's own idea of them.

xarray (`lazy`, `backend`), Zarr (`zarr`) and pictures (`quicklook`) are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xarray_safe.archive import Archive
    from xarray_safe.model.arrays import Array
    from xarray_safe.model.product import Product


@dataclass(frozen=True, slots=True)
class Entry:
    """One variable of a group.

    Parameters
    ----------
    dims
        Names of its dimensions.
    array
        Its raw values, lazily.
    attrs
        Its raw attributes, as in the Zarr.
    chunks
        Shape of the chunks to prefer for it.
    coordinate
        Whether it is a coordinate, not data.
    """

    dims: tuple[str, ...]
    array: Array
    attrs: dict[str, Any]
    chunks: tuple[int, ...]
    coordinate: bool = False


@dataclass(slots=True)
class Node:
    """One group: its attributes and its variables by name."""

    path: str
    attrs: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tree:
    """A product's groups by path, parents first; empty if there is none at or below the group that was asked for."""

    product: Product
    archive: Archive
    nodes: dict[str, Node]

    def entry(self, path: str) -> Entry | None:
        """Variable at an absolute path, or None."""
        group, _, name = path.rpartition("/")
        node = self.nodes.get(group or "/")
        return None if node is None else node.entries.get(name)


def is_below(path: str, group: str) -> bool:
    """Return True if a path is in a group or in one below it."""
    return group == "/" or path.startswith(f"{group}/")


def with_ancestors(paths: Iterable[str], below: str) -> list[str]:
    """Paths of groups and of all their ancestors down from `below`, parents first; empty if there are none."""
    found: dict[str, None] = {}
    for path in paths:
        while path and is_below(f"{path}/", below):
            found[path] = None
            path = path.rpartition("/")[0]
    if found and below == "/":
        found["/"] = None
    return sorted(found, key=lambda path: (path.count("/") if path != "/" else 0, path))
