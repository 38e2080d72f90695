"""Ranges of bytes of files: joined, split, and served from memory if they are there.

One idea in three parts. A `Buffer` says which bytes are in memory (`Blocks` are) or on their way; `read_through` serves
ranges from a buffer and reads the others in one batch; `Buffered` makes an archive with a buffer look like the archive.
`Window` stands apart: it forgets, because whoever reads a file from front to back needs no byte twice.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from xarray_safe.archive.files import Files, Request

GAP = 1 << 16
"""Maximum bytes between two ranges that are read in one request: they cost less than another request."""


class ByteRange(NamedTuple):
    """Bytes ``start:stop`` of a file, to its end if `stop` is None; a `files.Request` with names."""

    name: str
    start: int
    stop: int | None


def coalesce(ranges: Iterable[Request], gap: int = GAP, longest: float = math.inf) -> list[ByteRange]:
    """Join ranges of the same file that are close to each other.

    Parameters
    ----------
    ranges
        In any order. A file of which one range is open-ended becomes one range: the whole file.
    gap
        Maximum bytes between two ranges that are joined.
    longest
        Maximum bytes of a joined range.

    Returns
    -------
    list
        Sorted; each range that was passed is within one of them.
    """
    ranges = list(ranges)
    whole = {name for name, _, stop in ranges if stop is None}
    joined = [ByteRange(name, 0, None) for name in sorted(whole)]
    for name, start, stop in sorted((name, start, stop or 0) for name, start, stop in ranges if name not in whole):
        last = joined[-1] if joined else None
        if last and last.stop is not None and last.name == name and start - last.stop <= gap:
            end = max(stop, last.stop)
            if end - last.start <= longest:
                joined[-1] = last._replace(stop=end)
                continue
        joined.append(ByteRange(name, start, stop))
    return joined


def split(wanted: ByteRange, longest: int) -> list[ByteRange]:
    """Split a range into equal pieces of at most `longest` bytes; an open-ended range stays as it is."""
    name, start, stop = wanted
    if stop is None:
        return [wanted]
    count = -(-(stop - start) // longest)
    step = max(1, -(-(stop - start) // max(1, count)))
    return [ByteRange(name, at, min(at + step, stop)) for at in range(start, stop, step)]


class Buffer(Protocol):
    """Bytes of files that are in memory, or on their way."""

    def get(self, request: Request) -> bytes | None:
        """Return a range, or None if it is not in here."""


class Blocks:
    """Ranges of files in memory.

    Parameters
    ----------
    blocks
        Ranges and their bytes. From an open-ended range, which holds a whole file, reads past the end return fewer
        bytes.
    """

    def __init__(self, blocks: Mapping[ByteRange, bytes] | Iterable[tuple[Request, bytes]] = ()) -> None:
        self._blocks: dict[str, list[tuple[int, int | None, bytes]]] = {}
        for request, data in dict(blocks).items():
            self.add(request, data)

    def add(self, request: Request, data: bytes) -> None:
        """Add a range."""
        name, start, stop = request
        self._blocks.setdefault(name, []).append((start, stop, data))

    def get(self, request: Request) -> bytes | None:
        """Return a range that is within one block, or None."""
        name, start, stop = request
        for first, last, data in self._blocks.get(name, ()):
            if (first, last) == (start, stop):
                return data
            within = first <= start and stop is not None and start <= stop <= first + len(data)
            if within or (last is None and first == 0 <= min(start, stop or 0)):
                return data[start - first : None if stop is None else stop - first]
        return None

    def __len__(self) -> int:
        """Count the files of which there is a block."""
        return len(self._blocks)


def read_through(
    buffer: Buffer, requests: Sequence[Request], read: Callable[[Sequence[Request]], list[bytes]]
) -> list[bytes]:
    """Return ranges in the order of the requests: those of the buffer, and all others by one call of `read`."""
    found = {request: data for request in requests if (data := buffer.get(request)) is not None}
    missing = [request for request in requests if request not in found]
    if missing:
        found |= zip(missing, read(missing), strict=True)
    return [found[request] for request in requests]


class Buffered:
    """An archive of which some bytes come from a buffer; implements `files.Files`.

    Parameters
    ----------
    files
        The archive.
    buffer
        Asked first.
    """

    def __init__(self, files: Files, buffer: Buffer) -> None:
        self.files, self._buffer = files, buffer
        self.url, self.local, self.origin = files.url, files.local, files.origin

    def find(self, pattern: str) -> list[str]:
        """Return the names that match a pattern."""
        return self.files.find(pattern)

    def size(self, name: str) -> int:
        """Return the size of a file."""
        return self.files.size(name)

    def identity(self, name: str) -> tuple[str, ...]:
        """Return the key of a file."""
        return self.files.identity(name)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return bytes ``start:stop`` of a file (fewer only at its end)."""
        return self.read_many([(name, start, stop)])[0]

    def read_many(self, requests: Sequence[Request]) -> list[bytes]:
        """Return several ranges; those that are not in the buffer are read together."""
        inside = [(name, start, stop and min(stop, self.files.size(name))) for name, start, stop in requests]
        return read_through(self._buffer, inside, self.files.read_many)


class Window:
    """A few bytes more than were asked for, for reading a file from front to back.

    Parameters
    ----------
    least, most
        Bytes of a read. It starts small, becomes four times larger while reads follow closely upon each other, and
        small again after a jump.
    """

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most, self._size = least, most, least
        self._start, self._data = 0, b""

    def read(self, start: int, stop: int, read: Callable[[int, int], bytes]) -> bytes:
        """Return bytes ``start:stop`` (fewer only at the file's end); `read` reads what is not in the window."""
        offset = start - self._start
        if not 0 <= offset <= offset + stop - start <= len(self._data):
            near = 0 <= offset <= 2 * self._size
            self._size = min(self._size * 4, self._most) if near else self._least
            self._start, self._data, offset = start, read(start, max(stop, start + self._size)), 0
        return self._data[offset : offset + stop - start]
