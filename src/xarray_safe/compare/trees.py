"""Looking things up in trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xarray import DataArray, DataTree


def find(tree: DataTree, path: str) -> DataArray | None:
    """Give the variable at an absolute path, or None; ``path in tree`` knows the next level only."""
    from xarray import DataArray

    try:
        found = tree[path]
    except KeyError:
        return None
    return found if isinstance(found, DataArray) else None
