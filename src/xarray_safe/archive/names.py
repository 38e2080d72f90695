"""The names of an archive's files as a tree of folders, so that a pattern only looks where it can match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xarray_safe.archive.detect import is_hidden
from xarray_safe.errors import CorruptFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Folder = dict[str, "str | Folder"]
"""Entries of a folder by their last name: a folder, or the full name of a file."""


class Listing:
    """Sorted names of files.

    Parameters
    ----------
    names
        POSIX paths relative to the product's folder, in any order; those that are hidden do not count.
    url
        The archive's path, for messages.

    Raises
    ------
    CorruptFileError
        Two files have one name, or a file has the name of a folder.
    """

    def __init__(self, names: Iterable[str], url: str) -> None:
        self.names = tuple(sorted(name for name in names if not any(map(is_hidden, name.split("/")))))
        self._set = frozenset(self.names)
        if len(self._set) < len(self.names):
            twice = next(a for a, b in zip(self.names, self.names[1:], strict=False) if a == b)
            raise CorruptFileError(f"{url}: there are two files named {twice}; download it again")
        self._top: Folder = {}
        for name in self.names:
            *path, last = name.split("/")
            folder = self._top
            for part in path:
                entry = folder.setdefault(part, {})
                if isinstance(entry, str):
                    raise CorruptFileError(f"{url}: {entry} is a file and also the folder of {name}; download it again")
                folder = entry
            if last in folder:
                raise CorruptFileError(f"{url}: {name} is a file and also a folder; download it again")
            folder[last] = name

    def __contains__(self, name: str) -> bool:
        """Return True if there is a file of this name."""
        return name in self._set

    def find(self, pattern: str) -> list[str]:
        """Return the names that match a pattern (``*``: anything but ``/``), sorted."""
        *path, last = pattern.split("/")
        folders = [self._top]
        for part in path:
            folders = [entry for folder in folders for entry in _entries(folder, part) if not isinstance(entry, str)]
        return sorted(entry for folder in folders for entry in _entries(folder, last) if isinstance(entry, str))


def _entries(folder: Folder, part: str) -> Iterator[str | Folder]:
    """Yield the entries of a folder whose last name matches one part of a pattern."""
    if "*" not in part:
        if part in folder:
            yield folder[part]
        return
    matches = _matcher(part)
    for name, entry in folder.items():
        if matches(name):
            yield entry


def _matcher(part: str) -> Callable[[str], bool]:
    """Return a test for one part of a pattern; several times cheaper than compiling a regular expression."""
    head, *middle, tail = part.split("*")
    least, end = len(head) + len(tail), len(tail)
    inner = [piece for piece in middle if piece]

    def matches(name: str) -> bool:
        if len(name) < least or not name.startswith(head) or not name.endswith(tail):
            return False
        position, stop = len(head), len(name) - end
        for piece in inner:
            position = name.find(piece, position, stop)
            if position < 0:
                return False
            position += len(piece)
        return True

    return matches
