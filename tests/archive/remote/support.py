"""What tests of remote reading share: images without tables of tiles, and files of a shape but without content."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from xarray_safe.formats.jp2.header import Header

if TYPE_CHECKING:
    from pathlib import Path


KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "secret of the store"


def strip_tables(folder: Path) -> None:
    """Make the tables of tile lengths of all images comments, as if they had never been there."""
    for path in folder.glob("GRANULE/*/IMG_DATA/**/*.jp2"):
        data = path.read_bytes()
        at = data.find(b"\xff\x55", 0, 4000)
        if at >= 0:
            path.write_bytes(data[:at] + b"\xff\x64" + data[at + 2 :])


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


def item_of(folder: Path, url: str, extra: tuple[str, ...] = ()) -> dict[str, object]:
    """Give a STAC item of a product on a server: its files, and others that are not there."""
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    names = {**sizes, **dict.fromkeys(extra, 7)}
    assets = {name: {"href": f"{url}/{name}", "file:size": size} for name, size in names.items()}
    return {"type": "Feature", "stac_version": "1.1.0", "id": folder.stem, "assets": assets}
