"""Where each tile of an image lies in its file: from the TLM table, or by walking from SOT marker to SOT marker.

Archives written since February 2026 (processing baseline 05.12) have a TLM table; in older ones each tile-part
only tells where the next begins. The walk goes as far as the tile that is asked for, and remembers.
"""

from __future__ import annotations

import contextlib
import struct
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from xarray_safe import runtime
from xarray_safe.errors import CorruptFileError
from xarray_safe.formats.jp2.header import EOC, FIRST_READ, SOT, Header, ImageFile, read_header
from xarray_safe.formats.jp2.index import cache
from xarray_safe.formats.jp2.index.search import NotPlainError, Place, Places
from xarray_safe.formats.jp2.index.verify import Proof
from xarray_safe.formats.jp2.prefetch import Blocks, Head, held

SOT_BYTES = 12
WALK_READ = 4096
WALK_READ_MAX = 1 << 18
WHOLE = 1 << 19
"""Files that lie elsewhere and have at most so many bytes are read whole: that is cheaper than a second request."""


Need = Callable[[int, Place, bytes], int]
T = TypeVar("T")


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
    CorruptFileError
        The file is too small for its tiles, or the table of tile lengths makes no sense.
    """

    def __init__(self, file: ImageFile, header: Header) -> None:
        self.key = _key(file)
        self.header = header
        self._lock = threading.Lock()
        self._size = file.files.size(file.name)
        self._parts: dict[int, tuple[Part, ...]] = {}
        self._complete: set[int] = set()
        self._next: int | None = header.tiles_start  # None once the walk, or the table, has been read
        self._buffer, self._buffer_start, self._read_size = b"", 0, WALK_READ
        self._places = None if file.files.local or header.tlm else Places(header, self._size, _shares(self.key, header))
        self.head = b""
        """The file's first bytes, up to the first tile, where known."""
        self.proof: Proof | None = None
        """Where the header was brought along and is not yet known to be the file's."""
        self.whole = b""
        """All bytes of the file, where it is small and lies elsewhere."""
        self.needs: dict[tuple[int, int], int] = {}
        """Bytes from a tile's start that its image after so many halvings needs, where known."""
        if header.tiles_start + header.tiles * (SOT_BYTES + 2) > self._size:
            file.corrupt(f"{self._size} bytes cannot hold the {header.tiles} tiles that its header says")

    @property
    def nbytes(self) -> int:
        """About the memory that the full index takes."""
        return 2000 + 250 * self.header.tiles + len(self.whole)

    def at_hand(self, file: ImageFile) -> ImageFile:
        """Give the image as it is best read: from memory where all of it is there."""
        if self.whole:
            return held(file, Blocks([(0, self.whole)]))
        return self.proof.over(file) if self.proof else file

    def knows(self, tile: int) -> bool:
        """Whether the places of a tile can be told without reading."""
        return tile in self._complete or bool(self.header.tlm) or self._next is None

    def parts(self, file: ImageFile, tile: int) -> tuple[Part, ...]:
        """Give the places of a tile's parts, in order.

        Raises
        ------
        CorruptFileError
            The markers on the way, or the table, make no sense.
        """
        with self._lock:
            if self.header.tlm and self._next is not None:
                self._read_table(file)
            if not self.knows(tile) and self._places:
                places = self._places
                self._seek(file, lambda: places.locate(file, tile))
            while tile not in self._complete and self._next is not None:
                self._step(file, self._next, tile)
            if tile not in self._parts:
                file.corrupt("it is not in the file", tile)
            return self._parts[tile]

    def known(self) -> dict[int, Part]:
        """Give the places of all tiles that are known and have one part."""
        with self._lock:
            return {tile: parts[0] for tile, parts in self._parts.items() if len(parts) == 1}

    def guess(self, tile: int) -> int | None:
        """Where a tile should start; None where nothing tells."""
        with self._lock:
            return self._places.guess(tile) if self._places else None

    def learn(self, parts: Mapping[int, tuple[int, int]]) -> None:
        """Take over the places of tiles (start, length) from an index that was kept; reading them checks them."""
        with self._lock:
            self._parts |= {tile: (Part(*place),) for tile, place in parts.items()}
            self._complete |= parts.keys()
            if self._places:
                self._places.learn(parts)
            if len(self._complete) == self.header.tiles:
                self._next = None

    def walk(self, file: ImageFile, last: int, first_bytes: int, need: Need) -> list[tuple[int, bytes]]:
        """Find all tiles up to one from several places at once; give their first bytes, see `Places.walk`."""
        with self._lock:
            places = self._places
            if places is None:
                return []
            return self._seek(file, lambda: places.walk(file, last, first_bytes, need)) or []

    def _seek(self, file: ImageFile, search: Callable[[], T]) -> T | None:
        """Search for tiles, and keep what is found; where the file is of another kind, leave it to the walk."""
        places = self._places
        if places is None:
            return None
        before = len(places.parts)
        try:
            return search()
        except NotPlainError:
            self._places, self._parts, self._complete = None, {}, set()
            return None
        finally:
            if self._places:
                self._parts |= {tile: (Part(*place),) for tile, place in places.parts.items()}
                self._complete |= places.parts.keys()
                if len(places.parts) > before:
                    runtime.indexes().put(_kind(self.key, self.header), places.fractions(), 40 * len(places.starts))
                    cache.keep(file, self.head, places.parts)

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
    CorruptFileError, UnsupportedProductError
        As `read_header`.
    """
    key = _key(file)
    kept = runtime.indexes()
    index = kept.get(key)
    if isinstance(index, Index):
        return index
    if file.files.local:
        index = Index(file, read_header(file))
        kept.put(key, index, index.nbytes)
        return index
    with runtime.opening(key):  # the threads that come first wait for one answer
        index = kept.get(key)
        if not isinstance(index, Index):
            index = _open_elsewhere(file)
            kept.put(key, index, index.nbytes)
        return index


def _key(file: ImageFile) -> tuple[str, ...]:
    """What tells an image, and what was decoded of it, from all others while this process lives."""
    return (*file.files.identity(file.name), file.files.origin)


def forget_index(file: ImageFile) -> bool:
    """Forget an image's index if it had been kept from an earlier session; tell whether it had."""
    if file.files.local or not cache.forget(file):
        return False
    runtime.indexes().drop(_key(file))
    return True


def _open_elsewhere(file: ImageFile) -> Index:
    """Make the index of an image that lies elsewhere: as it was kept, or by one read."""
    known = cache.find(file)
    if known is not None:
        with contextlib.suppress(CorruptFileError):
            return _from_known(file, known)
    size = file.files.size(file.name)
    start = file.read(0, size if size <= WHOLE else FIRST_READ)
    index = Index(file, read_header(held(file, Blocks([(0, start)]))))
    index.head = start[: index.header.tiles_start + 4]
    if size <= WHOLE:
        index.whole = start
    elif index.header.tlm:
        cache.keep(file, index.head, {})
    return index


def _from_known(file: ImageFile, known: cache.Known) -> Index:
    """Make an index of what was known; one read where that is not the file's beginning."""
    head = known.head or file.read(0, FIRST_READ)
    index = Index(file, read_header(held(file, Head(head) if known.head else Blocks([(0, head)]))))
    if known.first not in (0, index.header.tiles_start):
        file.corrupt("the index that was brought along is of another file")
    index.head = head[: index.header.tiles_start + 4]
    if known.given and known.head:
        index.proof = Proof(index.head)
    index.learn(known.parts)
    return index


def _kind(key: tuple[str, ...], header: Header) -> tuple[str | int, ...]:
    """What images have in common whose tiles lie at about the same shares of their bytes: product and geometry."""
    return ("shares", key[0].rpartition("/")[0], header.width, header.height, header.tile_width, header.tile_height)


def _shares(key: tuple[str, ...], header: Header) -> dict[int, float]:
    found = runtime.indexes().get(_kind(key, header))
    return found if isinstance(found, dict) else {}
