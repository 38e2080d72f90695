"""Files that show that a folder is a product."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from xarray_safe.errors import NotASafeError

if TYPE_CHECKING:
    from collections.abc import Iterable

MARKER = re.compile(r"manifest\.safe|xfdumanifest\.xml|(?:\w+_)?MTD_(?!TL\b|DS\b)\w+\.xml", re.IGNORECASE)
"""The manifest, or the product's metadata; not those of a tile or a datastrip, which are in folders of their own."""

MAX_FILES = 10_000
"""Maximum number of files of a product: most have up to 300, the largest old ones some thousands."""


_FOREIGN = ("@eaDir", "__MACOSX", "lost+found")
"""Folders that other programs leave behind."""


def is_hidden(name: str) -> bool:
    """Return True if a file or folder of this (last) name is not of a product: other programs hide theirs so."""
    return name.startswith(".") or name in _FOREIGN or name.endswith("_$folder$")


def is_marker(name: str) -> bool:
    """Return True if a file of this (last) name is at the top of a product."""
    return MARKER.fullmatch(name) is not None


def is_product(names: Iterable[str]) -> bool:
    """Return True if the entries of a folder show that it is a product."""
    return any(is_marker(name) for name in names)


def check_count(count: int, label: str) -> None:
    """Refuse folders with more files than any product has.

    Raises
    ------
    NotASafeError
        There are more.
    """
    if count > MAX_FILES:
        raise NotASafeError(
            f"{label} holds more than {MAX_FILES} files, and no product does; open a folder in it that ends in .SAFE"
        )


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
