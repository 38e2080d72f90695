"""Files that show that a folder is a product."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MARKER = re.compile(r"manifest\.safe|(?:\w+_)?MTD_(?!TL\b|DS\b)\w+\.xml", re.IGNORECASE)
"""The manifest, or the product's metadata; not those of a tile or a datastrip, which are in folders of their own."""


def is_marker(name: str) -> bool:
    """Return True if a file of this (last) name is at the top of a product."""
    return MARKER.fullmatch(name) is not None


def product_folders(names: Iterable[str]) -> list[str]:
    """Return the folders of all products among the files of a zip, sorted: "" or with a slash at the end.

    Parameters
    ----------
    names
        POSIX paths of files. A product within a product does not count.
    """
    found = {path + slash for path, slash, last in (name.rpartition("/") for name in names) if is_marker(last)}
    outer: list[str] = []
    for folder in sorted(found):
        if not folder.startswith("__MACOSX/") and not any(folder.startswith(parent) for parent in outer):
            outer.append(folder)
    return outer
