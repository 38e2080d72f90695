"""The lazy array over a JPEG 2000 image: which tiles a key needs, and their pixels put together.

At reduced resolution (`overview`) there are two kinds of images. Continuous ones (reflectance, temperature, water
vapour) take the wavelet's low-pass, which lies in the first bytes of each tile. Class-like ones (classes, flags,
detectors, probabilities) take every 2 ** n-th pixel: their low-pass would invent classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from xarray_safe import cache
from xarray_safe.errors import InvalidArgument
from xarray_safe.mapping import Files, Key
from xarray_safe.sources.jp2.decode import decode
from xarray_safe.sources.jp2.header import Box, Header, ImageFile, halved
from xarray_safe.sources.jp2.index import Index, open_index

Pixels = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, int, int]

CHUNK_PIXELS = 1024
"""Chunks at reduced resolution are as many tiles as come near to this height and width."""


def open_image(
    files: Files,
    name: str,
    *,
    shape: Shape | None = None,
    chunks: Shape | None = None,
    dtype: np.dtype[Any] | type[np.generic] | str | None = None,
    overview: int = 0,
    continuous: bool = True,
) -> Jp2Image:
    """Open an image lazily: one small read, or none where its shape, tiles and dtype are known.

    Parameters
    ----------
    files, name
        The archive, and the image's name in it.
    shape
        Components, height and width of the full-resolution image, where known.
    chunks
        Components, height and width of its tiles, where known.
    dtype
        uint8 or uint16, where known. If all three are given, nothing is read here, and the first reading of
        pixels checks them.
    overview
        Resolution: 1 / 2 ** overview.
    continuous
        Whether an overview takes the wavelet's low-pass with the samples that no-data touches set to no-data
        (0), or every 2 ** overview-th pixel.

    Returns
    -------
    Jp2Image
        Shape (components, height, width), the latter two ``ceil(size / 2 ** overview)``.

    Raises
    ------
    CorruptFile
        The image's header is damaged, or is not as expected.
    UnsupportedProduct
        A kind of JPEG 2000 that Sentinel-2 does not use.
    InvalidArgument
        The image does not have that many resolutions.
    """
    if overview < 0:
        raise InvalidArgument(f"overview is {overview}; give 0 for full resolution, 1 for a half, 2 for a quarter")
    if shape is None or chunks is None or dtype is None:
        header = open_index(ImageFile(files, name)).header
        shape, chunks, dtype = shape or header.shape, chunks or header.chunks, dtype or header.dtype
        expected = Expected(shape, chunks, np.dtype(dtype).name)
        expected.check(ImageFile(files, name), header)
    image = Jp2Image(files, name, Expected(shape, chunks, np.dtype(dtype).name), overview, continuous)
    return image


@dataclass(frozen=True)
class Expected:
    """What the header of an image is expected to say: components, height, width; those of a tile; dtype."""

    shape: Shape
    tile: Shape
    dtype: str

    def check(self, file: ImageFile, header: Header) -> None:
        """Raise `CorruptFile` where the header says otherwise."""
        found = Expected(header.shape, header.chunks, header.dtype.name)
        if found != self:
            file.corrupt(f"it is {found._text()}; expected {self._text()}")

    def _text(self) -> str:
        return f"{self.dtype} {self.shape} in tiles of {self.tile}"


@dataclass(frozen=True)
class Jp2Image:
    """A lazy image of shape (components, height, width); see `open_image`.

    It pickles as the archive, a name and a few numbers. Threads and forked processes may read from it.
    """

    files: Files
    name: str
    expected: Expected
    overview: int = 0
    continuous: bool = True

    @property
    def shape(self) -> Shape:
        """Components, height, width."""
        components, height, width = self.expected.shape
        return components, halved(height, self.overview), halved(width, self.overview)

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 or uint16."""
        return np.dtype(self.expected.dtype)

    @property
    def chunks(self) -> Shape:
        """Components, height and width of the tiles; of blocks of tiles where these are reduced."""
        components, height, width = self.expected.tile
        if self.overview:
            height, width = (self._reduced_chunk(size) for size in (height, width))
        return components, min(height, self.shape[1]), min(width, self.shape[2])

    def _reduced_chunk(self, tile: int) -> int:
        tiles = max(1, (CHUNK_PIXELS << self.overview) // tile)
        while tiles * tile % (1 << self.overview):
            tiles += 1
        return tiles * tile >> self.overview

    def __getitem__(self, key: Key) -> Pixels:
        """Read pixels; only the tiles, and of large tiles only the windows, that the key needs are decoded.

        Parameters
        ----------
        key
            One int or slice for components, rows and columns.

        Raises
        ------
        CorruptFile
            A tile of those needed is damaged, or the image's header is not as expected.
        """
        ranges = [_positions(item, size) for item, size in zip(key, self.shape, strict=True)]
        flips = tuple(slice(None, None, -1 if steps.step < 0 else 1) for steps in ranges)
        components, rows, columns = (steps[::-1] if steps.step < 0 else steps for steps in ranges)
        pixels = self._read(components, rows, columns)[flips]
        return pixels[tuple(0 if isinstance(item, int | np.integer) else slice(None) for item in key)]

    def _read(self, components: range, rows: range, columns: range) -> Pixels:
        if not (len(components) and len(rows) and len(columns)):
            return np.empty((len(components), len(rows), len(columns)), self.dtype)
        file = ImageFile(self.files, self.name)
        index = open_index(file)
        self.expected.check(file, index.header)
        if not self.overview:
            return Mosaic(file, index).read(components, rows, columns)
        if not self.continuous:
            step = 1 << self.overview
            full = [range(r.start * step, (r[-1]) * step + 1, r.step * step) for r in (rows, columns)]
            return Mosaic(file, index).read(components, *full)
        if self.overview > index.header.levels:
            raise InvalidArgument(
                f"overview={self.overview}: {self.name} of {self.files.url} has resolutions down to "
                f"overview={index.header.levels}"
            )
        return self._low_pass(Mosaic(file, index, self.overview), components, rows, columns)

    def _low_pass(self, mosaic: Mosaic, components: range, rows: range, columns: range) -> Pixels:
        """Read the low-pass, and set to no-data what no-data touches; see `touched`."""
        reach = REACH[min(self.overview, len(REACH) - 1)]
        _, height, width = self.shape
        y0, x0 = max(0, rows[0] - reach), max(0, columns[0] - reach)
        y1, x1 = min(height, rows[-1] + 1 + reach), min(width, columns[-1] + 1 + reach)
        pixels = mosaic.read(components, range(y0, y1), range(x0, x1))
        empty = pixels == 0
        if empty.any():
            pixels[touched(empty, reach)] = 0
        return pixels[:, rows[0] - y0 : rows[-1] + 1 - y0 : rows.step, columns[0] - x0 : columns[-1] + 1 - x0 : columns.step]


REACH = (0, 2, 3, 4, 4, 4)
"""How many samples from the nearest sample that is all no-data the wavelet mixes, by overview."""


def touched(empty: np.ndarray[Any, np.dtype[np.bool_]], reach: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Mark all samples within `reach` rows and columns of an empty one; (components, height, width)."""
    for axis in (1, 2):
        grown = empty.copy()
        for distance in range(1, reach + 1):
            ahead = [slice(None)] * 3
            behind = [slice(None)] * 3
            ahead[axis], behind[axis] = slice(distance, None), slice(None, -distance)
            grown[tuple(ahead)] |= empty[tuple(behind)]
            grown[tuple(behind)] |= empty[tuple(ahead)]
        empty = grown
    return empty


class _Piece(NamedTuple):
    """Positions ``first:last`` of a range that lie in one row (or column) of tiles."""

    tile: int
    first: int
    last: int


@dataclass(frozen=True)
class Mosaic:
    """The tiles of an image at one resolution of the wavelet, as one array."""

    file: ImageFile
    index: Index
    halvings: int = 0

    def read(self, components: range, rows: range, columns: range) -> Pixels:
        """Read the pixels at rising positions."""
        header = self.index.header
        down = _pieces(rows, header.tile_height, header.height, self.halvings)
        across = _pieces(columns, header.tile_width, header.width, self.halvings)
        if len(down) == len(across) == 1:
            return self._piece(components, rows, columns, down[0], across[0])
        pixels = np.empty((len(components), len(rows), len(columns)), header.dtype)
        cache.run([partial(self._fill, pixels, components, rows, columns, y, x) for y in down for x in across])
        return pixels

    def _fill(
        self, pixels: Pixels, components: range, rows: range, columns: range, down: _Piece, across: _Piece
    ) -> None:
        pixels[:, down.first : down.last, across.first : across.last] = self._piece(
            components, rows, columns, down, across
        )

    def _piece(self, components: range, rows: range, columns: range, down: _Piece, across: _Piece) -> Pixels:
        """Read the positions that lie in one tile."""
        ys, xs = rows[down.first : down.last], columns[across.first : across.last]
        tile = down.tile * self.index.header.across + across.tile
        window = (xs[0], ys[0], xs[-1] + 1, ys[-1] + 1)
        box = self.index.header.box(tile, self.halvings)
        share = _size(window) / _size(box)
        key = (self.file.files.identity(self.file.name), tile, self.halvings)
        job: Callable[[Box | None], Pixels] = partial(decode, self.file, self.index, tile, self.halvings)
        pixels, is_whole = cache.tiles().window(key, share, partial(job, None), partial(job, window))
        left, top = (box[0], box[1]) if is_whole else (xs[0], ys[0])
        return pixels[
            components.start : components[-1] + 1 : components.step,
            ys[0] - top : ys[-1] + 1 - top : ys.step,
            xs[0] - left : xs[-1] + 1 - left : xs.step,
        ]


def _size(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _positions(item: int | slice, size: int) -> range:
    if isinstance(item, slice):
        return range(*item.indices(size))
    return range(size)[item : item + 1] if item >= 0 else range(size)[item:][:1]


def _pieces(positions: range, tile: int, size: int, halvings: int) -> list[_Piece]:
    """Cut rising positions where tiles end; tiles that have no sample at this resolution do not occur."""
    pieces = []
    first = 0
    # The tile that holds a sample is the last whose start, halved and rounded up, is not beyond it.
    while first < len(positions):
        number = (positions[first] << halvings) // tile
        end = halved(min((number + 1) * tile, size), halvings)
        last = min(len(positions), first + -(-(end - positions[first]) // positions.step))
        pieces.append(_Piece(number, first, last))
        first = last
    return pieces
