"""Tile-parts: where one is in its file, its SOT segment and TLM tables (ISO/IEC 15444-1, A.4.2 and A.7.1)."""

from __future__ import annotations

import itertools
import struct
from typing import NamedTuple

from xarray_safe.formats.jp2.header import SOT

SOT_BYTES = 12
MIN_BYTES = SOT_BYTES + 2
"""An SOT segment, and the marker after it."""
_SOT = struct.Struct(">HHHIBB")


class TilePart(NamedTuple):
    """Where a tile-part is in its file: its first byte, and its length in bytes."""

    start: int
    length: int

    @property
    def stop(self) -> int:
        """Position of the byte after it."""
        return self.start + self.length


class Sot(NamedTuple):
    """A start-of-tile-part segment: tile, bytes (0: to the end), number of this part, number of parts (or 0)."""

    tile: int
    length: int
    part: int
    parts: int

    def encode(self) -> bytes:
        """Return the segment as it is stored."""
        return _SOT.pack(SOT, 10, *self)


def read_sot(data: bytes | memoryview, position: int = 0) -> Sot | None:
    """Return the SOT segment at a position of some bytes, or None if there is none."""
    if position + SOT_BYTES > len(data):
        return None
    marker, size, *fields = _SOT.unpack_from(data, position)
    return Sot(*fields) if marker == SOT and size == 10 else None


def read_tlm(body: bytes, count: int = 0) -> list[tuple[int, int]] | None:
    """Return tile and length of the tile-parts that the body of a TLM segment lists; None if it is invalid.

    Parameters
    ----------
    body
        The segment without marker and length.
    count
        Tile-parts in the segments before it: tiles without numbers are counted.
    """
    if len(body) < 2:
        return None
    tile_size, length_size = (body[1] >> 4) & 3, 4 if body[1] & 0x40 else 2
    entry = tile_size + length_size
    if tile_size == 3 or (len(body) - 2) % entry:
        return None
    positions = range(2, len(body), entry)
    tiles = (
        (int.from_bytes(body[at : at + tile_size], "big") for at in positions) if tile_size else itertools.count(count)
    )
    return list(
        zip(tiles, (int.from_bytes(body[at + tile_size : at + entry], "big") for at in positions), strict=False)
    )
