"""Random access to deflated bytes: checkpoints are states of the decompressor from which it can resume.

Reading a range of a deflated member inflates from the nearest checkpoint before it; the first pass over a member
leaves one about every MiB of output. A state takes about 40 kB; at most `LIMIT` of them are cached in a process
(some 40 MB), however many members there are: beyond that, the member with the most loses every second one.
"""

from __future__ import annotations

import contextlib
import threading
import zlib
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from xarray_safe.errors import CorruptFileError
from xarray_safe.runtime import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zlib import _Decompress

LIMIT = 1024
SPACING = 1 << 20
_PIECE = 1 << 15
"""Compressed bytes inflated at a time: at most 32 MiB of output, even of a zip bomb."""
_LEAST, _MOST = 1 << 12, 1 << 18
"""Compressed bytes fetched at a time."""

Key = tuple[str | int, ...]


class DeflateStream(NamedTuple):
    """The compressed bytes of a member."""

    fetch: Callable[[int, int], bytes]
    """Returns bytes ``start:stop`` of them."""
    length: int
    place: str
    """Name of the member, for messages."""
    size: int = -1
    """Inflated bytes, and their checksum below; if they are known, a pass that reaches the end checks it."""
    crc: int = 0

    def pieces(self, position: int, wanted: int) -> Iterator[tuple[int, bytes]]:
        """Yield the end position and bytes of pieces from a position on; little is fetched if little is wanted."""
        block = min(max(wanted, _LEAST), _MOST)
        while position < self.length:
            data = self.fetch(position, min(position + block, self.length))
            for first in range(0, len(data), _PIECE):
                piece = data[first : first + _PIECE]
                position += len(piece)
                yield position, piece


class _Point(NamedTuple):
    """A state after `taken` compressed bytes; they inflate to `out` bytes with the checksum `crc`."""

    out: int
    taken: int
    state: _Decompress | None
    crc: int = 0


_START = _Point(0, 0, None)


@dataclass
class _Member:
    """The checkpoints of one member, in order."""

    spacing: int
    points: list[_Point] = field(default_factory=list)
    growing: threading.Lock = field(default_factory=threading.Lock)
    """Held during a first pass, so that threads do not all make the same one."""

    def before(self, position: int) -> _Point:
        points = self.points  # replaced, never changed
        index = bisect_right(points, position, key=lambda point: point.out)
        return points[index - 1] if index else _START


class Checkpoints:
    """Checkpoints of all members that this process reads.

    Parameters
    ----------
    limit
        Maximum number of states.
    spacing
        Minimum output bytes between them.
    """

    def __init__(self, limit: int = LIMIT, spacing: int = SPACING) -> None:
        self.limit = limit
        self.spacing = spacing
        self._lock = threading.Lock()
        self._members: dict[Key, _Member] = {}

    def __len__(self) -> int:
        """Count the states."""
        return sum(len(member.points) for member in self._members.values())

    def drop(self, key: Key) -> None:
        """Drop the members whose keys begin with `key`."""
        with self._lock:
            self._members = {name: member for name, member in self._members.items() if name[: len(key)] != key}

    def read(self, key: Key, stream: DeflateStream, start: int, stop: int) -> bytes:
        """Inflate a range of a member.

        Parameters
        ----------
        key
            Identifies the member and its version.
        stream
            Its compressed bytes.
        start, stop
            Range of the inflated bytes, within the member.

        Raises
        ------
        CorruptFileError
            The bytes are not a deflated stream, or it ends too early.
        """
        if start >= stop:
            return b""
        with self._lock:
            member = self._members.get(key) or _Member(self.spacing)
            if stop > self.spacing:  # reading only the beginnings of members leaves nothing
                self._members[key] = member
        known = member.points[-1].out if member.points else 0
        with contextlib.nullcontext() if stop <= known + member.spacing else member.growing:
            pieces = self._inflate(key, member, stream, member.before(start), stop)
            return b"".join(data[max(start - out, 0) : stop - out] for out, data in pieces)

    def _inflate(
        self, key: Key, member: _Member, stream: DeflateStream, point: _Point, stop: int
    ) -> Iterator[tuple[int, bytes]]:
        """Yield positions and inflated pieces from a checkpoint to `stop`; add checkpoints on the way."""
        state = point.state.copy() if point.state else zlib.decompressobj(-zlib.MAX_WBITS)
        out, crc = point.out, point.crc
        for taken, piece in stream.pieces(point.taken, stop - point.out):
            try:
                data = state.decompress(piece)
            except zlib.error as error:
                raise CorruptFileError(
                    f"{stream.place} is damaged near its byte {out} ({error}); download it again"
                ) from error
            crc = zlib.crc32(data, crc)
            if out + len(data) == stream.size and crc != stream.crc:
                raise CorruptFileError(
                    f"{stream.place} does not have the checksum that the zip gives; download it again"
                )
            yield out, data
            out += len(data)
            if out >= stop:
                return
            if state.eof:
                break
            self._add(key, member, _Point(out, taken, state, crc))
        raise CorruptFileError(f"{stream.place} ends at its byte {out}, before byte {stop}; download it again")

    def _add(self, key: Key, member: _Member, point: _Point) -> None:
        """Add a checkpoint unless one is near, and make room for it."""
        if point.state is None or point.out - member.before(point.out).out < member.spacing:
            return
        with self._lock:
            if self._members.get(key) is not member or point.out - member.before(point.out).out < member.spacing:
                return
            point = point._replace(state=point.state.copy())
            member.points = sorted([*member.points, point], key=lambda known: known.out)
            while len(self) > self.limit:
                self._thin()

    def _thin(self) -> None:
        """Halve the checkpoints of the member that has the most."""
        key, most = max(self._members.items(), key=lambda item: len(item[1].points))
        most.points = most.points[1::2]
        most.spacing *= 2
        if not most.points:
            del self._members[key]


def inflate_all(packed: bytes, size: int, place: str) -> bytes:
    """Inflate all of a member that is `size` bytes long.

    Raises
    ------
    CorruptFileError
        It has another length, or is not a deflated stream.
    """
    state = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = state.decompress(packed, size + 1)
    except zlib.error as error:
        raise CorruptFileError(f"{place} is damaged ({error}); download it again") from error
    if len(data) != size or not state.eof:
        raise CorruptFileError(f"{place} does not inflate to the {size} bytes that the zip says; download it again")
    return data


checkpoints = PerProcess(Checkpoints)
"""The checkpoints of this process."""
