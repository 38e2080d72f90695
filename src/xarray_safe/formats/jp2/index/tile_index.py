"""Where each tile of an image is in its file: from the TLM table, or by walking from SOT marker to SOT marker.

Archives written since February 2026 (processing baseline 05.12) have a TLM table; in older ones each tile-part
only says where the next begins. The walk goes as far as the tile that is asked for, and remembers. In remote images a
search finds tiles with fewer requests.
"""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from xarray_safe import runtime
from xarray_safe.archive.ranges import Blocks, ByteRange, Window
from xarray_safe.errors import CorruptFileError
from xarray_safe.formats.jp2.header import EOC, FIRST_READ, Header, ImageFile, read_header
from xarray_safe.formats.jp2.index import cache
from xarray_safe.formats.jp2.index.search import TileSearch, UnsortedTilePartsError
from xarray_safe.formats.jp2.index.verify import HeaderCheck
from xarray_safe.formats.jp2.tile_part import MIN_BYTES, SOT_BYTES, TilePart, read_sot, read_tlm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xarray_safe.formats.jp2.index.files import StoredIndex
    from xarray_safe.formats.jp2.index.search import Need

WALK_READ, WALK_READ_MAX = 4096, 1 << 18
"""Bytes of one read of the walk; more while tiles turn out to be small."""
WHOLE = 1 << 19
"""Maximum bytes of remote files that are read whole: that is cheaper than a second request."""

T = TypeVar("T")


class TileIndex:
    """A file's header and where its tiles are; any thread may use it.

    Parameters
    ----------
    file, header
        The image and its main header.

    Raises
    ------
    CorruptFileError
        The file is too small for its tiles, or the table of tile lengths is invalid.
    """

    def __init__(self, file: ImageFile, header: Header) -> None:
        self.key = _key(file)
        self.header = header
        self._lock = threading.Lock()
        self._size = file.size
        self._parts: dict[int, tuple[TilePart, ...]] = {}
        self._complete: set[int] = set()
        self._next: int | None = header.tiles_start  # None once the walk has ended, or the table has been read
        self._window = Window(WALK_READ, WALK_READ_MAX)
        searchable = not (file.files.local or header.tlm)
        self._search = TileSearch(header, self._size, _shares(self.key, header)) if searchable else None
        self.head = b""
        """The file's first bytes, up to the first tile, if known."""
        self.header_check: HeaderCheck | None = None
        """Set if a user supplied the header: it must be compared with the file's."""
        self.content = b""
        """All bytes of the file if it is small and remote."""
        self.needs: dict[tuple[int, int], int] = {}
        """Bytes from a tile's start that its image at a reduction needs, if known; by tile and reduction."""
        if header.tiles_start + header.tiles * MIN_BYTES > self._size:
            file.corrupt(f"{self._size} bytes cannot hold the {header.tiles} tiles of its header")

    @property
    def nbytes(self) -> int:
        """Estimated memory of the full index."""
        return 2000 + 250 * self.header.tiles + len(self.content)

    def buffered(self, file: ImageFile) -> ImageFile:
        """Return the image with what is known of it: all of it in memory, or reads that check its header."""
        if self.content:
            return file.buffered(Blocks({ByteRange(file.name, 0, None): self.content}))
        return self.header_check.guard(file) if self.header_check else file

    def has(self, tile: int) -> bool:
        """Return True if the parts of a tile are known without reading."""
        return tile in self._complete or bool(self.header.tlm) or self._next is None

    def parts(self, file: ImageFile, tile: int) -> tuple[TilePart, ...]:
        """Return where a tile's parts are, in order.

        Raises
        ------
        CorruptFileError
            The markers on the way, or the table, are invalid.
        """
        with self._lock:
            if self.header.tlm and self._next is not None:
                self._read_table(file)
            if not self.has(tile) and self._search:
                self._try(file, partial(self._search.locate, file, tile))
            while tile not in self._complete and self._next is not None:
                self._step(file, self._next, tile)
            if tile not in self._parts:
                file.corrupt("it is not in the file", tile)
            return self._parts[tile]

    def known(self) -> dict[int, TilePart]:
        """Return where all tiles are that are known and have one part."""
        with self._lock:
            return {tile: parts[0] for tile, parts in self._parts.items() if len(parts) == 1}

    def estimate(self, tile: int) -> int | None:
        """Return where a tile should start; None if there is no search."""
        with self._lock:
            return self._search.estimate(tile) if self._search else None

    def add(self, parts: Mapping[int, tuple[int, int]]) -> None:
        """Add tiles (start, length) of a stored index; reading the tiles checks them."""
        with self._lock:
            self._add_found(parts)
            if self._search:
                self._search.add(parts)
            if len(self._complete) == self.header.tiles:
                self._next = None

    def walk(self, file: ImageFile, last: int, first_bytes: int, need: Need) -> list[tuple[int, bytes]]:
        """Find all tiles up to one in parallel; return positions and first bytes, see `TileSearch.walk`."""
        with self._lock:
            if self._search is None:
                return []
            return self._try(file, partial(self._search.walk, file, last, first_bytes, need)) or []

    def _try(self, file: ImageFile, find: Callable[[], T]) -> T | None:
        """Search, and cache what is found; None if the file is of another kind, which is left to the walk."""
        search, before = self._search, len(self._search.parts) if self._search else 0
        try:
            return find()
        except UnsortedTilePartsError:
            search, self._search, self._parts, self._complete = None, None, {}, set()
            return None
        finally:
            if search:
                self._add_found(search.parts)
                if len(search.parts) > before:
                    runtime.indexes().put(_kind(self.key, self.header), search.fractions(), 40 * len(search.starts))
                    cache.save(file, self.head, search.parts)

    def _add_found(self, parts: Mapping[int, tuple[int, int]]) -> None:
        self._parts |= {tile: (TilePart(*place),) for tile, place in parts.items()}
        self._complete |= parts.keys()

    def _add(self, file: ImageFile, tile: int, part: TilePart) -> None:
        if tile >= self.header.tiles:
            file.corrupt(f"a tile-part at byte {part.start} is of tile {tile}; the image has {self.header.tiles}")
        if part.length < MIN_BYTES or part.stop > self._size:
            file.corrupt(
                f"its {part.length} bytes at {part.start} are not within the {self._size} bytes of the file", tile
            )
        self._parts[tile] = (*self._parts.get(tile, ()), part)

    def _step(self, file: ImageFile, position: int, wanted: int) -> None:
        """Walk over one tile-part."""
        data = self._window.read(position, position + SOT_BYTES, file.read)
        if data[:2] == EOC.to_bytes(2, "big"):
            self._next = None
            return
        sot = read_sot(data)
        if sot is None:
            file.corrupt(f"no tile-part at byte {position}, where the one before it says that it starts", wanted)
        length = sot.length
        if length == 0:
            length = self._size - position
            tail = file.read(self._size - 2, self._size)
            if tail == EOC.to_bytes(2, "big"):
                length -= 2
        have = len(self._parts.get(sot.tile, ()))
        if sot.part != have or (sot.parts and sot.part >= sot.parts):
            file.corrupt(f"part {sot.part} of {sot.parts} at byte {position} comes after {have} parts", sot.tile)
        self._add(file, sot.tile, TilePart(position, length))
        if sot.parts == have + 1:
            self._complete.add(sot.tile)
        self._next = position + length if sot.length else None

    def _read_table(self, file: ImageFile) -> None:
        """Read the TLM segments: lengths of all tile-parts in the order of the file (A.7.1)."""
        self._parts = {}
        position, count = self.header.tiles_start, 0
        for body in sorted(self.header.tlm):
            entries = read_tlm(body, count)
            if entries is None:
                file.corrupt("a TLM segment is invalid")
            count += len(entries)
            for tile, length in entries:
                self._add(file, tile, TilePart(position, length))
                position += length
        self._next = None


def open_index(file: ImageFile) -> TileIndex:
    """Return the index of an image, read once per process while the file stays the same.

    Raises
    ------
    CorruptFileError, UnsupportedProductError
        As `read_header`.
    """
    key = _key(file)
    indexes = runtime.indexes()
    index = indexes.get(key)
    if isinstance(index, TileIndex):
        return index
    if file.files.local:
        index = TileIndex(file, read_header(file))
        indexes.put(key, index, index.nbytes)
        return index
    with runtime.opening(key):  # the first threads wait for one answer
        index = indexes.get(key)
        if not isinstance(index, TileIndex):
            index = _open_remote(file)
            indexes.put(key, index, index.nbytes)
        return index


def _key(file: ImageFile) -> tuple[str, ...]:
    """Return what identifies an image, and what was decoded of it, in this process."""
    return (*file.files.identity(file.name), file.files.origin)


def discard_index(file: ImageFile) -> bool:
    """Discard an image's index if it was cached or supplied; return True if so."""
    if file.files.local or not cache.discard(file):
        return False
    runtime.indexes().drop(_key(file))
    return True


def _open_remote(file: ImageFile) -> TileIndex:
    """Make the index of a remote image: from a stored one, or by one read."""
    stored = cache.load(file)
    if stored is not None:
        with contextlib.suppress(CorruptFileError):
            return _from_stored(file, stored)
    size = file.size
    end = size if size <= WHOLE else FIRST_READ
    start = file.read(0, end)
    index = TileIndex(file, read_header(file.buffered(Blocks({ByteRange(file.name, 0, end): start}))))
    index.head = start[: index.header.tiles_start + 4]
    if size <= WHOLE:
        index.content = start
    elif index.header.tlm:
        cache.save(file, index.head, {})
    return index


def _from_stored(file: ImageFile, stored: StoredIndex) -> TileIndex:
    """Make an index from a stored one; one read if that does not have the file's first bytes."""
    head = stored.head or file.read(0, FIRST_READ)
    block = ByteRange(file.name, 0, None if stored.head else FIRST_READ)  # a stored header must do without the file
    index = TileIndex(file, read_header(file.buffered(Blocks({block: head}))))
    if stored.first not in (0, index.header.tiles_start):
        file.corrupt("the index that was supplied is of another file")
    index.head = head[: index.header.tiles_start + 4]
    if stored.supplied and stored.head:
        index.header_check = HeaderCheck(index.head)
    index.add(stored.parts)
    return index


def _kind(key: tuple[str, ...], header: Header) -> tuple[str | int, ...]:
    """Return what images have in common whose tiles are at about the same shares of their bytes."""
    return ("shares", key[0].rpartition("/")[0], header.width, header.height, header.tile_width, header.tile_height)


def _shares(key: tuple[str, ...], header: Header) -> dict[int, float]:
    found = runtime.indexes().get(_kind(key, header))
    return found if isinstance(found, dict) else {}
