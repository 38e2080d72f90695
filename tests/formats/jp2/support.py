"""JPEG 2000 files for the tests: written by rasterio, taken apart and put together differently."""

from __future__ import annotations

import os
import struct
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import imagecodecs
import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from tests.support import SHARED
from xarray_safe.formats.jp2.header import Header

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

REAL = SHARED / "real" / "jp2"

Pixels = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Folder:
    """An archive that is a folder; counts what is read from it."""

    local: ClassVar[bool] = True
    origin: ClassVar[str] = ""
    root: str
    reads: list[int] = field(default_factory=list, compare=False)

    @property
    def url(self) -> str:
        return self.root

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        descriptor = os.open(f"{self.root}/{name}", os.O_RDONLY)
        try:
            end = os.fstat(descriptor).st_size if stop is None else stop
            data = os.pread(descriptor, end - start, start)
        finally:
            os.close(descriptor)
        self.reads.append(len(data))
        return data

    def read_many(self, requests: Sequence[tuple[str, int, int | None]]) -> list[bytes]:
        return [self.read(*request) for request in requests]

    def size(self, name: str) -> int:
        return os.stat(f"{self.root}/{name}").st_size

    def identity(self, name: str) -> tuple[str, ...]:
        stat = os.stat(f"{self.root}/{name}")
        return self.root, name, str(stat.st_size), str(stat.st_mtime_ns)


def scene(shape: tuple[int, int, int], bits: int, seed: int = 0) -> Pixels:
    """Smooth hills with noise, from 1 to the largest value."""
    components, height, width = shape
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    top = (1 << bits) - 1
    planes = []
    for component in range(components):
        hills = np.sin(x / 37 + component) * np.cos(y / 23) * 0.3 + 0.5
        planes.append(np.clip(hills * top + rng.normal(0, top / 60, hills.shape), 1, top))
    return np.stack(planes).astype(np.uint8 if bits <= 8 else np.uint16)


def write(
    path: Path, pixels: Pixels, tile: int | tuple[int, int], bits: int, levels: int = 4, **options: str
) -> Pixels:
    """Write a tiled lossless image; returns its pixels."""
    components, height, width = pixels.shape
    rows, columns = (tile, tile) if isinstance(tile, int) else tile
    settings: dict[str, Any] = {
        "REVERSIBLE": "YES",
        "QUALITY": "100",
        "YCBCR420": "NO",
        "PLT": "YES",
        "TLM": "NO",
        "PROGRESSION": "LRCP",
        "RESOLUTIONS": str(levels + 1),
        "CODEBLOCK_WIDTH": "16",
        "CODEBLOCK_HEIGHT": "16",
        "NBITS": bits,
        **options,
    }
    size = {"width": width, "height": height, "count": components, "blockxsize": columns, "blockysize": rows}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="JP2OpenJPEG", dtype=pixels.dtype, tiled=True, **size, **settings
        ) as target:
            target.write(pixels)
    assert np.array_equal(pixels, truth(path))
    return pixels


def tiny_tiles(pixels: Pixels, tile: int, levels: int) -> bytes:
    """Make a codestream of tiles too small for GDAL, from codestreams of one tile each.

    Tiles coded at the origin may be moved where ``tile`` is a multiple of ``2 ** levels`` and at most a code-block.
    """
    _, height, width = pixels.shape
    head, parts = bytearray(), []
    for number, (y, x) in enumerate((y, x) for y in range(0, height, tile) for x in range(0, width, tile)):
        block = np.ascontiguousarray(np.moveaxis(pixels[:, y : y + tile, x : x + tile], 0, -1))
        data = imagecodecs.jpeg2k_encode(block, codecformat="j2k", resolutions=levels + 1, reversible=True)
        start = first_sot(data)
        parts.append(data[start : start + 4] + struct.pack(">H", number) + data[start + 6 : -2])
        head = head or bytearray(data[:start])
    struct.pack_into(">8I", head, segment(bytes(head), 0xFF51) + 6, width, height, 0, 0, tile, tile, 0, 0)
    return bytes(head) + b"".join(parts) + b"\xff\xd9"


def truth(
    path: Path, overview: int = 0, rows: int | None = None, window: tuple[tuple[int, int], ...] | None = None
) -> Pixels:
    """Read an image, its first rows, a window (of rows and columns), or its overview, by rasterio."""
    options = {"OVERVIEW_LEVEL": overview - 1} if overview else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, **options) as source:
            pixels: Pixels = source.read(window=window or ((0, rows or source.height), (0, source.width)))
    return pixels


def tile_parts(data: bytes) -> list[tuple[int, int]]:
    """Find start and length of each tile-part."""
    position = first_sot(data)
    parts = []
    while data[position : position + 2] == b"\xff\x90":
        length = struct.unpack_from(">I", data, position + 6)[0] or len(data) - 2 - position
        parts.append((position, length))
        position += length
    assert data[position:] == b"\xff\xd9"
    return parts


def first_sot(data: bytes) -> int:
    position = data.index(b"\xff\x4f\xff\x51") + 2
    while data[position : position + 2] != b"\xff\x90":
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
    return position


def segment(data: bytes, marker: int) -> int:
    """Find a segment of the main header."""
    position = data.index(b"\xff\x4f\xff\x51") + 2
    while struct.unpack_from(">H", data, position)[0] != marker:
        position += 2 + struct.unpack_from(">H", data, position + 2)[0]
    return position


def in_two_parts(data: bytes, *, plt: bool = True) -> bytes:
    """Cut every tile into two tile-parts: first parts of all tiles, then the second parts."""
    start = first_sot(data)
    firsts, seconds = [], []
    for position, length in tile_parts(data):
        tile = struct.unpack_from(">H", data, position + 4)[0]
        lengths, body = packets(data, position)
        half = len(lengths) // 2
        for part, (group, at) in enumerate(((lengths[:half], body), (lengths[half:], body + sum(lengths[:half])))):
            table = _plt(group) if plt else b""
            content = table + b"\xff\x93" + data[at : at + sum(group)]
            piece = struct.pack(">HHHIBB", 0xFF90, 10, tile, 12 + len(content), part, 2) + content
            (seconds if part else firsts).append(piece)
        assert body + sum(lengths) == position + length
    return open_ended(data[:start]) + b"".join(firsts + seconds) + b"\xff\xd9"


def open_ended(head: bytes) -> bytes:
    """Let the box of the codestream reach to the end of the file."""
    box = head.index(b"jp2c")
    return head[: box - 4] + bytes(4) + head[box:]


def without_plt(data: bytes) -> bytes:
    """Drop the tables of packet lengths."""
    pieces = []
    for position, length in tile_parts(data):
        tile = struct.unpack_from(">H", data, position + 4)[0]
        content = b"\xff\x93" + data[packets(data, position)[1] : position + length]
        pieces.append(struct.pack(">HHHIBB", 0xFF90, 10, tile, 12 + len(content), 0, 1) + content)
    return open_ended(data[: first_sot(data)]) + b"".join(pieces) + b"\xff\xd9"


def packets(data: bytes, position: int) -> tuple[list[int], int]:
    """Read the packet lengths of a tile-part, and where its first packet is."""
    position += 12
    lengths, value = [], 0
    while data[position : position + 2] != b"\xff\x93":
        marker, size = struct.unpack_from(">HH", data, position)
        for byte in data[position + 5 : position + 2 + size] if marker == 0xFF58 else b"":
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                lengths.append(value)
                value = 0
        position += 2 + size
    return lengths, position + 2


def _plt(lengths: list[int]) -> bytes:
    body = bytearray(1)
    for length in lengths:
        groups = [length & 0x7F]
        while length := length >> 7:
            groups.append(length & 0x7F | 0x80)
        body += bytes(reversed(groups))
    return struct.pack(">HH", 0xFF58, len(body) + 2) + bytes(body)


def header(side: int, tile: int) -> Header:
    """Header of a square image."""
    return Header(
        width=side,
        height=side,
        tile_width=tile,
        tile_height=tile,
        components=1,
        bits=15,
        levels=4,
        progression=0,
        layers=1,
        block=(6, 6),
        reversible=True,
        delimited=False,
        precincts=((8, 8),) * 5,
        tiles_start=2600,
        segments=(),
        tlm=(),
    )


@dataclass
class Shape:
    """A file of tile-parts that are empty but for their markers, elsewhere; counts batches of four requests."""

    local: ClassVar[bool] = False
    url: ClassVar[str] = "shape"
    origin: ClassVar[str] = ""

    lengths: list[int]
    rounds: int = 0
    bytes: int = 0
    starts: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.starts = 2600 + np.concatenate([[0], np.cumsum(self.lengths)])

    def size(self, name: str = "") -> int:
        return int(self.starts[-1]) + 2

    def find(self, pattern: str) -> list[str]:
        return []

    def identity(self, name: str) -> tuple[str, ...]:
        return (name, str(self.size()), str(id(self)))

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        return self.read_many([(name, start, stop)])[0]

    def read_many(self, requests: list[tuple[str, int, int | None]]) -> list[bytes]:
        self.rounds += -(-len(requests) // 4)
        return [self._read(start, stop or self.size()) for _, start, stop in requests]

    def _read(self, start: int, stop: int) -> bytes:
        stop = min(stop, self.size())
        data = bytearray(max(0, stop - start))
        self.bytes += len(data)
        first = max(0, int(np.searchsorted(self.starts, start)) - 1)
        for tile in range(first, int(np.searchsorted(self.starts[:-1], stop))):
            marker = struct.pack(">HHHIBB", 0xFF90, 10, tile, self.lengths[tile], 0, 1)
            for at, byte in enumerate(marker, int(self.starts[tile]) - start):
                if 0 <= at < len(data):
                    data[at] = byte
        return bytes(data)


def even(seed: int = 0, spread: float = 0.01) -> list[int]:
    """Lengths of the 121 tiles of a full-size 10 m band (110 MB): by area, and a little by chance."""
    random = np.random.default_rng(seed)
    side = np.array([1024] * 10 + [740]) / 1024
    shares = np.outer(side, side).ravel() * np.exp(random.normal(0, spread, 121))
    return [int(length) for length in shares / shares.sum() * 110e6]


def coast(seed: int = 0) -> list[int]:
    """The same where about half the image is sea, which takes a twelfth of the bytes that land does."""
    return [
        length // 12 if tile % 11 > 5 + 2 * np.sin(tile // 11 + seed) else length
        for tile, length in enumerate(even(seed, 0.3))
    ]


def swath_edge(seed: int = 0) -> list[int]:
    """The same where a border of the orbit's swath crosses the image; beyond it tiles have no data."""
    cut = 3 + seed % 6
    return [120 + tile if tile % 11 + tile // 11 / 4 > cut else length for tile, length in enumerate(even(seed, 0.3))]
