"""Lists of what lies in a folder elsewhere: all files of a product; of anything else only what lies directly in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xarray_safe.archive.detect import is_marker
from xarray_safe.errors import NotASafeError

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_FILES = 10_000
"""Files of a product at the most: most have up to 300, the largest old ones some thousands."""


def is_product(names: Iterable[str]) -> bool:
    """Whether what lies directly in a folder tells that it is a product: only then what lies deeper is of interest."""
    return any(is_marker(name) for name in names)


def check_count(count: int, label: str) -> None:
    """Refuse folders with more files than any product has.

    Raises
    ------
    NotASafeError
        There are more.
    """
    if count > MOST_FILES:
        raise NotASafeError(
            f"{label} holds more than {MOST_FILES} files, and no product does; open a folder in it that ends in .SAFE"
        )
