"""Where each tile of an image lies in its file: from the TLM table, or by walking from SOT marker to SOT marker.

Archives written since February 2026 (processing baseline 05.12) have a TLM table; in older ones each tile-part
only tells where the next begins. The walk goes as far as the tile that is asked for, and remembers.
"""

from __future__ import annotations

import struct
import threading
from typing import NamedTuple

from xarray_safe import cache
from xarray_safe.sources.jp2.header import EOC, SOT, Header, ImageFile, read_header

SOT_BYTES = 12
WALK_READ = 4096
WALK_READ_MAX = 1 << 18


class Part(NamedTuple):
    """A tile-part: where it starts in the file, and how many bytes it has."""

    start: int
    length: int


class Sot(NamedTuple):
    """A start-of-tile-part segment: tile, bytes (0: up to the end), number of this part, number of parts (or 0)."""

    tile: int
    length: int
    part: int
    parts: int


def read_sot(data: bytes | memoryview, position: int = 0) -> Sot | None:
    """Read an SOT segment; None where there is none."""
    if position + SOT_BYTES > len(data):
        return None
    marker, size, *fields = struct.unpack_from(">HHHIBB", data, position)
    return Sot(*fields) if marker == SOT and size == 10 else None


class Index:
    """A file's header and the places of its tiles; any thread may ask.

    Parameters
    ----------
    file, header
        The image and its main header.

    Raises
    ------
    CorruptFile
        The file is too small for its tiles, or the table of tile lengths makes no sense.
    """

    def __init__(self, file: ImageFile, header: Header) -> None:
        self.key = file.files.identity(file.name)
        self.header = header
        self._lock = threading.Lock()
        self._size = file.files.size(file.name)
        self._parts: dict[int, tuple[Part, ...]] = {}
        self._complete: set[int] = set()
        self._next: int | None = header.tiles_start  # None once the walk, or the table, has been read
        self._buffer, self._buffer_start, self._read_size = b"", 0, WALK_READ
        if header.tiles_start + header.tiles * (SOT_BYTES + 2) > self._size:
            file.corrupt(f"{self._size} bytes cannot hold the {header.tiles} tiles that its header says")

    @property
    def nbytes(self) -> int:
        """About the memory that the full index takes."""
        return 2000 + 250 * self.header.tiles

    def parts(self, file: ImageFile, tile: int) -> tuple[Part, ...]:
        """Give the places of a tile's parts, in order.

        Raises
        ------
        CorruptFile
            The markers on the way, or the table, make no sense.
        """
        with self._lock:
            if self.header.tlm and self._next is not None:
                self._read_table(file)
            while tile not in self._complete and self._next is not None:
                self._step(file, self._next, tile)
            if tile not in self._parts:
                file.corrupt("it is not in the file", tile)
            return self._parts[tile]

    def _add(self, file: ImageFile, tile: int, part: Part) -> None:
        if tile >= self.header.tiles:
            file.corrupt(f"a tile-part at byte {part.start} is of tile {tile}; the image has {self.header.tiles}")
        if part.length < SOT_BYTES + 2 or part.start + part.length > self._size:
            file.corrupt(
                f"its {part.length} bytes at {part.start} do not fit into the {self._size} bytes of the file", tile
            )
        self._parts[tile] = (*self._parts.get(tile, ()), part)

    def _step(self, file: ImageFile, position: int, wanted: int) -> None:
        """Walk over one tile-part."""
        data = self._bytes_at(file, position)
        if data[:2] == EOC.to_bytes(2, "big"):
            self._next = None
            return
        sot = read_sot(data)
        if sot is None:
            file.corrupt(f"no tile-part at byte {position}, where the one before it says that one starts", wanted)
        length = sot.length
        if length == 0:
            length = self._size - position
            tail = file.read(self._size - 2, self._size)
            if tail == EOC.to_bytes(2, "big"):
                length -= 2
        have = len(self._parts.get(sot.tile, ()))
        if sot.part != have or (sot.parts and sot.part >= sot.parts):
            file.corrupt(f"part {sot.part} of {sot.parts} at byte {position} comes after {have} parts", sot.tile)
        self._add(file, sot.tile, Part(position, length))
        if sot.parts == have + 1:
            self._complete.add(sot.tile)
        self._next = position + length if sot.length else None

    def _bytes_at(self, file: ImageFile, position: int) -> bytes:
        """Give the bytes of an SOT segment; reads larger blocks while tiles turn out to be small."""
        offset = position - self._buffer_start
        if not 0 <= offset <= len(self._buffer) - SOT_BYTES:
            near = 0 <= offset <= 2 * self._read_size
            self._read_size = min(self._read_size * 4, WALK_READ_MAX) if near else WALK_READ
            self._buffer, self._buffer_start, offset = file.read(position, position + self._read_size), position, 0
        return self._buffer[offset : offset + SOT_BYTES]

    def _read_table(self, file: ImageFile) -> None:
        """Read the TLM segments: lengths of all tile-parts in the order of the file (A.7.1)."""
        self._parts = {}
        position = self.header.tiles_start
        count = 0
        for body in sorted(self.header.tlm):
            if len(body) < 2:
                file.corrupt("a TLM segment without content")
            tile_size, length_size = (body[1] >> 4) & 3, 4 if body[1] & 0x40 else 2
            entry = tile_size + length_size
            if tile_size == 3 or (len(body) - 2) % entry:
                file.corrupt("a TLM segment whose length does not fit its entries")
            for at in range(2, len(body), entry):
                tile = int.from_bytes(body[at : at + tile_size], "big") if tile_size else count
                length = int.from_bytes(body[at + tile_size : at + entry], "big")
                self._add(file, tile, Part(position, length))
                position += length
                count += 1
        self._next = None


def open_index(file: ImageFile) -> Index:
    """Give the index of an image, read once per process while the file stays the same.

    Raises
    ------
    CorruptFile, UnsupportedProduct
        As `read_header`.
    """
    key = file.files.identity(file.name)
    kept = cache.indexes()
    index = kept.get(key)
    if not isinstance(index, Index):
        index = Index(file, read_header(file))
        kept.put(index.key, index, index.nbytes)
    return index
