"""The lazy array over a JPEG 2000 image: reads the tiles that a key needs.

At reduced resolution there are two kinds of images. Continuous ones (reflectance, temperature, water vapour) take the
wavelet's low-pass, which is stored in the first bytes of each tile. Class-like ones (classes, flags, numbers,
probabilities) take every 2 ** n-th pixel: their low-pass would invent classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xarray_safe.errors import CorruptFileError, InvalidArgumentError
from xarray_safe.formats.jp2.header import Header, ImageFile, ceil_div_pow2
from xarray_safe.formats.jp2.index.tile_index import discard_index, open_index
from xarray_safe.formats.jp2.reduced import read_low_pass
from xarray_safe.formats.jp2.tiles import TiledImage

if TYPE_CHECKING:
    from xarray_safe.archive.files import Files
    from xarray_safe.model.arrays import Key

Pixels = np.ndarray[Any, np.dtype[Any]]
Shape = tuple[int, int, int]

CHUNK_PIXELS = 1024
"""Chunks at reduced resolution are as many tiles as reach about this height and width."""


def open_image(
    files: Files,
    name: str,
    *,
    shape: Shape | None = None,
    chunks: Shape | None = None,
    dtype: np.dtype[Any] | type[np.generic] | str | None = None,
    reduction: int = 0,
    continuous: bool = True,
) -> Jp2Image:
    """Open an image lazily: one small read, or none if its shape, tiles and dtype are known.

    Parameters
    ----------
    files, name
        The archive, and the image's name in it.
    shape
        Components, height and width of the full-resolution image, if known.
    chunks
        Components, height and width of its tiles, if known.
    dtype
        Data type, uint8 or uint16, if known. If all three are given, nothing is read here, and the first read of
        pixels checks them.
    reduction
        Resolution: 1 / 2 ** reduction; users call it ``overview``.
    continuous
        Whether a reduced image takes the wavelet's low-pass with the samples that no-data affects set to no-data
        (0), or every 2 ** reduction-th pixel.

    Returns
    -------
    Jp2Image
        Shape (components, height, width), the latter two ``ceil(size / 2 ** reduction)``.

    Raises
    ------
    CorruptFileError
        The image's header is damaged, or is not as expected.
    UnsupportedProductError
        The image is of a kind of JPEG 2000 that products do not use.
    InvalidArgumentError
        The image does not have that many resolutions.
    """
    if reduction < 0:
        raise InvalidArgumentError(
            f"overview is {reduction}; give 0 for full resolution, 1 for a half, 2 for a quarter"
        )
    if shape is None or chunks is None or dtype is None:
        header = open_index(ImageFile(files, name)).header
        shape, chunks, dtype = shape or header.shape, chunks or header.chunks, dtype or header.dtype
        expected = ImageSpec(shape, chunks, np.dtype(dtype).name)
        expected.check(ImageFile(files, name), header)
    return Jp2Image(files, name, ImageSpec(shape, chunks, np.dtype(dtype).name), reduction, continuous)


@dataclass(frozen=True)
class ImageSpec:
    """What the header of an image should say: components, height, width; those of a tile; dtype."""

    shape: Shape
    tile: Shape
    dtype: str

    def check(self, file: ImageFile, header: Header) -> None:
        """Raise `CorruptFileError` if the header says otherwise."""
        found = ImageSpec(header.shape, header.chunks, header.dtype.name)
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
    expected: ImageSpec
    reduction: int = 0
    continuous: bool = True

    @property
    def shape(self) -> Shape:
        """Components, height, width."""
        components, height, width = self.expected.shape
        return components, ceil_div_pow2(height, self.reduction), ceil_div_pow2(width, self.reduction)

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 or uint16."""
        return np.dtype(self.expected.dtype)

    @property
    def chunks(self) -> Shape:
        """Components, height and width of the tiles; of blocks of tiles if the image is reduced."""
        components, height, width = self.expected.tile
        if self.reduction:
            height, width = (self._reduced_chunk(size) for size in (height, width))
        return components, min(height, self.shape[1]), min(width, self.shape[2])

    def _reduced_chunk(self, tile: int) -> int:
        tiles = max(1, (CHUNK_PIXELS << self.reduction) // tile)
        while tiles * tile % (1 << self.reduction):
            tiles += 1
        return tiles * tile >> self.reduction

    def __getitem__(self, key: Key) -> Pixels:
        """Read pixels; only the tiles, and of large tiles only the windows, that the key needs are decoded.

        Parameters
        ----------
        key
            One int or slice for components, rows and columns.

        Raises
        ------
        CorruptFileError
            A tile that is needed is damaged, or the image's header is not as expected.
        """
        ranges = [_positions(item, size) for item, size in zip(key, self.shape, strict=True)]
        flips = tuple(slice(None, None, -1 if steps.step < 0 else 1) for steps in ranges)
        components, rows, columns = (steps[::-1] if steps.step < 0 else steps for steps in ranges)
        try:
            pixels = self._read(components, rows, columns)[flips]
        except CorruptFileError:
            if not discard_index(ImageFile(self.files, self.name)):
                raise  # else the stored index may be of another file: read again without it
            pixels = self._read(components, rows, columns)[flips]
        return pixels[tuple(0 if isinstance(item, int | np.integer) else slice(None) for item in key)]

    def _read(self, components: range, rows: range, columns: range) -> Pixels:
        if not (len(components) and len(rows) and len(columns)):
            return np.empty((len(components), len(rows), len(columns)), self.dtype)
        file = ImageFile(self.files, self.name)
        index = open_index(file)
        file = index.buffered(file)
        self.expected.check(file, index.header)
        if not self.reduction:
            return TiledImage(file, index).read(components, rows, columns)
        if not self.continuous:
            step = 1 << self.reduction
            full = [range(r.start * step, (r[-1]) * step + 1, r.step * step) for r in (rows, columns)]
            return TiledImage(file, index).read(components, *full)
        if self.reduction > index.header.levels:
            raise InvalidArgumentError(
                f"overview={self.reduction}: {self.name} of {self.files.url} has resolutions down to "
                f"overview={index.header.levels}"
            )
        return read_low_pass(TiledImage(file, index, self.reduction), self.shape[1:], components, rows, columns)


def _positions(item: int | slice, size: int) -> range:
    if isinstance(item, slice):
        return range(*item.indices(size))
    position = range(size)[item]
    return range(position, position + 1)
