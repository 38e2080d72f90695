"""The header of a TIFF: its images (full resolution and overviews) and where their blocks are listed.

Every number of it is checked against the file before it is used: a file may be cut short, or made to attack.
Source: TIFF 6.0 (1992), TIFF Technical Note 2, BigTIFF design (2004), Cloud Optimized GeoTIFF.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from xarray_safe import runtime
from xarray_safe.errors import CorruptFileError, UnsupportedProductError

if TYPE_CHECKING:
    from xarray_safe.archive.files import Files

HEAD: Final = 16_384
"""Bytes that are read first: they hold the tags, and of a COG the lists of its tiles."""
MAX_ENTRIES: Final = 4096
MAX_IMAGES: Final = 64
MAX_BLOCK_BYTES: Final = 1 << 29
INLINE: Final = 8192
"""Bytes of a list of blocks that the header itself carries, so that reading needs no further request."""

TYPES: Final = {1: "u1", 3: "u2", 4: "u4", 6: "i1", 8: "i2", 9: "i4", 16: "u8", 17: "i8", 18: "u8"}
"""numpy's names of the integer types that tags have."""
DTYPES: Final = {
    (1, 8): "u1",
    (1, 16): "u2",
    (1, 32): "u4",
    (2, 8): "i1",
    (2, 16): "i2",
    (2, 32): "i4",
    (3, 32): "f4",
    (3, 64): "f8",
    (5, 32): "complex int16",
    (6, 64): "c8",
}
"""Kinds of samples by SampleFormat and BitsPerSample."""

NONE, LZW, DEFLATE, OLD_DEFLATE, ZSTD = 1, 5, 8, 32946, 50000


@dataclass(frozen=True, slots=True)
class Listing:
    """Where the offsets or the byte counts of all blocks are stored in the file."""

    position: int
    dtype: str
    count: int
    data: bytes = b""
    """The list itself, if it is short."""

    def read(self, files: Files, name: str, start: int, stop: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return entries ``start:stop``, in bounds; a remote list is fetched whole and cached."""
        size = np.dtype(self.dtype).itemsize
        if self.data:
            data = self.data[start * size : stop * size]
        elif files.local:
            data = files.read(name, self.position + start * size, self.position + stop * size)
        else:
            data = self._cached(files, name)[start * size : stop * size]
        if len(data) != (stop - start) * size:
            raise CorruptFileError(f"{files.url}: {name} is cut short. Download the product again.")
        return np.frombuffer(data, self.dtype).astype(np.int64)

    def _cached(self, files: Files, name: str) -> bytes:
        key = ("tiff", files.identity(name), self.position)
        data: bytes | None = runtime.indexes().get(key)
        if data is None:
            data = files.read(name, self.position, self.position + self.count * np.dtype(self.dtype).itemsize)
            runtime.indexes().put(key, data, len(data))
        return data


@dataclass(frozen=True, slots=True)
class Level:
    """One image of a file: the full resolution or an overview. Plain numbers: it pickles.

    Parameters
    ----------
    rows, columns
        Size of the image.
    kind
        Kind of its samples (see `DTYPES`).
    order
        ``<`` or ``>``, the byte order.
    block
        Rows and columns of a strip or tile.
    tiled
        Whether blocks are tiles, which are all of the same size, unlike the last strip.
    compression, predictor
        Numbers of TIFF.
    offsets, counts
        Lists of the blocks.
    """

    rows: int
    columns: int
    kind: str
    order: str
    block: tuple[int, int]
    tiled: bool
    compression: int
    predictor: int
    offsets: Listing
    counts: Listing

    @property
    def raw(self) -> np.dtype[Any]:
        """Data type of a stored sample; complex int16 is two int16 in a record of 4 bytes."""
        name = "i2" if self.kind == "complex int16" else self.kind
        dtype = np.dtype(self.order + name)
        return np.dtype((dtype, (2,))) if self.kind == "complex int16" else dtype

    @property
    def sample(self) -> int:
        """Bytes of a sample."""
        return self.raw.itemsize

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the values that are read: complex int16 becomes complex64."""
        return np.dtype("c8" if self.kind == "complex int16" else self.kind)

    @property
    def across(self) -> int:
        """Number of blocks side by side."""
        return -(-self.columns // self.block[1])


@dataclass
class _Reader:
    """The bytes of a file, of which the beginning is at hand."""

    files: Files
    name: str
    size: int = 0
    head: bytes = b""
    order: str = "<"
    big: bool = False
    seen: set[int] = field(default_factory=set)

    def corrupt(self, why: str) -> NoReturn:
        raise CorruptFileError(f"{self.files.url}: {self.name}: {why}. Download the product again.")

    def bytes(self, position: int, count: int) -> bytes:
        if position < 0 or count < 0 or position + count > self.size:
            self.corrupt("it is cut short, or its header points outside the file")
        if position + count <= len(self.head):
            return self.head[position : position + count]
        data = self.files.read(self.name, position, position + count)
        if len(data) != count:
            self.corrupt("it is cut short")
        return data

    def numbers(self, form: str, position: int) -> tuple[int, ...]:
        form = self.order + form
        return struct.unpack(form, self.bytes(position, struct.calcsize(form)))


def read_levels(files: Files, name: str) -> tuple[Level, ...]:
    """Read the header of a TIFF.

    Parameters
    ----------
    files, name
        The archive, and the file's name in it.

    Returns
    -------
    tuple of Level
        The full resolution and its overviews, from the largest to the smallest.

    Raises
    ------
    CorruptFileError
        It is not a TIFF, or says what cannot be.
    UnsupportedProductError
        It is of a kind that no Sentinel product has (several samples a pixel, JPEG, …).
    """
    reader = _Reader(files, name)
    reader.size = files.size(name)
    reader.head = files.read(name, 0, HEAD)
    position = _start(reader)
    levels: list[Level] = []
    while position:
        if position in reader.seen or len(reader.seen) >= MAX_IMAGES:
            reader.corrupt("its list of images is endless")
        reader.seen.add(position)
        tags, position = _tags(reader, position)
        if not levels or _number(reader, tags, 254, 0) & 1:  # NewSubfileType: a reduced image; masks are others
            levels.append(_level(reader, tags))
    if not levels:
        reader.corrupt("it holds no image")
    return (levels[0], *sorted(levels[1:], key=lambda level: -level.rows))


def _start(reader: _Reader) -> int:
    """Position of the first list of tags; sets byte order and width of numbers."""
    magic = reader.head[:4]
    if magic[:2] not in (b"II", b"MM"):
        reader.corrupt("it is not a TIFF")
    reader.order = "<" if magic[:2] == b"II" else ">"
    (version,) = reader.numbers("H", 2)
    if version == 42:
        return reader.numbers("I", 4)[0]
    if version != 43 or reader.numbers("HH", 4) != (8, 0):
        reader.corrupt("it is not a TIFF")
    reader.big = True
    return reader.numbers("Q", 8)[0]


Tag = tuple[int, int, int]
"""Type, count and position of the values."""


def _tags(reader: _Reader, position: int) -> tuple[dict[int, Tag], int]:
    """Tags of one image, and the position of the next one (0: none)."""
    entry, width, form = (20, 8, "HHQ") if reader.big else (12, 4, "HHI")
    (count,) = reader.numbers("Q" if reader.big else "H", position)
    if count > MAX_ENTRIES:
        reader.corrupt("its list of tags is too long to be true")
    first = position + (8 if reader.big else 2)
    tags: dict[int, Tag] = {}
    for place in range(first, first + count * entry, entry):
        tag, kind, length = reader.numbers(form, place)
        value = place + entry - width
        if kind in TYPES and np.dtype(TYPES[kind]).itemsize * length > width:
            (value,) = reader.numbers("Q" if reader.big else "I", value)
        tags[tag] = kind, length, value
    return tags, reader.numbers("Q" if reader.big else "I", first + count * entry)[0]


def _number(reader: _Reader, tags: dict[int, Tag], tag: int, default: int | None = None) -> int:
    """Only value of a tag."""
    if tag not in tags:
        if default is None:
            reader.corrupt(f"tag {tag} is missing")
        return default
    kind, length, position = tags[tag]
    if kind not in TYPES or length < 1:
        reader.corrupt(f"tag {tag} is not a number")
    dtype = np.dtype(reader.order + TYPES[kind])
    return int(np.frombuffer(reader.bytes(position, dtype.itemsize), dtype)[0])


def _listing(reader: _Reader, tags: dict[int, Tag], tag: int, blocks: int) -> Listing:
    """Where the list of all blocks is stored; short ones are read."""
    if tag not in tags:
        reader.corrupt(f"tag {tag} is missing")
    kind, length, position = tags[tag]
    if kind not in TYPES or length != blocks:
        reader.corrupt(f"tag {tag} lists {length} blocks where the image has {blocks}")
    dtype = reader.order + TYPES[kind]
    nbytes = np.dtype(dtype).itemsize * blocks
    if position + nbytes > reader.size:
        reader.corrupt("it is cut short, or its header points outside the file")
    at_hand = position + nbytes <= len(reader.head) and nbytes <= INLINE
    return Listing(position, dtype, blocks, reader.bytes(position, nbytes) if at_hand else b"")


def _level(reader: _Reader, tags: dict[int, Tag]) -> Level:
    """One image: its size, its samples and its blocks."""
    columns, rows = (_number(reader, tags, tag) for tag in (256, 257))
    if rows < 1 or columns < 1 or rows > 1 << 31 or columns > 1 << 31:
        reader.corrupt(f"it says that it has {rows} rows and {columns} columns")
    if _number(reader, tags, 277, 1) != 1:
        raise UnsupportedProductError(f"{reader.files.url}: {reader.name} has several samples a pixel.")
    form, bits = _number(reader, tags, 339, 1), _number(reader, tags, 258, 1)
    compression, predictor = _number(reader, tags, 259, NONE), _number(reader, tags, 317, 1)
    known = (NONE, LZW, DEFLATE, OLD_DEFLATE, ZSTD)
    if (form, bits) not in DTYPES or compression not in known or predictor not in (1, 2):
        raise UnsupportedProductError(
            f"{reader.files.url}: {reader.name} is a TIFF with sample format {form} of {bits} bits, compression "
            f"{compression} and predictor {predictor}, which is not read."
        )
    tiled = 322 in tags
    block = (
        (_number(reader, tags, 323), _number(reader, tags, 322))
        if tiled
        else (min(_number(reader, tags, 278, rows), rows), columns)
    )
    if min(block) < 1 or block[0] * block[1] * bits // 8 > MAX_BLOCK_BYTES:
        reader.corrupt(f"it says that it has blocks of {block[0]} rows and {block[1]} columns")
    blocks = -(-rows // block[0]) * -(-columns // block[1])
    offsets, counts = (_listing(reader, tags, tag, blocks) for tag in ((324, 325) if tiled else (273, 279)))
    kind = DTYPES[form, bits]
    return Level(rows, columns, kind, reader.order, block, tiled, compression, predictor, offsets, counts)
