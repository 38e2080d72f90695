"""JPEG 2000 images of an archive as arrays of the tree: one component, components packed into bits, or all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from xarray_safe.errors import AbsentFileError, CorruptFileError
from xarray_safe.formats.jp2 import open_image
from xarray_safe.products.sentinel2.grids import size

if TYPE_CHECKING:
    from xarray_safe.archive.files import Files
    from xarray_safe.model.arrays import Array, Context, Key


@dataclass(frozen=True, slots=True)
class Jp2:
    """A JPEG 2000 image of a Sentinel-2 tile.

    Parameters
    ----------
    pattern
        Pattern of its file name in the archive.
    older
        Pattern of the name that it has in older products; "" if it is the same.
    resolution
        Pixel size in m, by which the tile's metadata names its size.
    dtype
        Data type of the variable: that of the samples, or one that they are cast to.
    take
        ``"first"`` component (y, x); ``"bits"``: up to 8 components of 0 and 1 packed into one byte, the first
        in the lowest bit (y, x), as the converter's `pack_bits`; ``"all"`` components (band, y, x).
    """

    pattern: str
    resolution: int
    dtype: str = "uint16"
    take: Literal["first", "bits", "all"] = "first"
    older: str = ""

    @property
    def continuous(self) -> bool:
        """Return True if an overview is the wavelet's low-pass: reflectance, retrievals, quicklooks; not classes."""
        return self.take == "all" or self.dtype == "uint16"

    def _find(self, context: Context) -> str:
        """Name of the file; the error for today's name if there is none."""
        try:
            return context.find(self.pattern)
        except AbsentFileError as error:
            if not self.older:
                raise
            try:
                return context.find(self.older)
            except AbsentFileError:
                raise error from None

    def open(self, context: Context) -> Array:
        """Read at most the image's header; nothing of remote images is read."""
        name = self._find(context)
        reduction = context.reduction
        image: Array | None = None
        if context.files.local:
            try:
                image = open_image(context.files, name, reduction=reduction, continuous=self.continuous)
                if self.take == "first" and image.shape[0] != 1:
                    raise CorruptFileError(
                        f"{context.files.url}: {name} has {image.shape[0]} components, where one must be."
                    )
            except CorruptFileError:
                image = None
                context.unreadable(name)  # a damaged image does not make the product unreadable; reading it raises
        if image is None:
            rows, columns = size(context, self.resolution)
            kind = "uint16" if self.dtype == "uint16" else "uint8"
            factor = 1 << reduction
            shape = (COMPONENTS[self.take], -(-rows // factor), -(-columns // factor))
            image = DeferredImage(context.files, name, shape, TILES[self.resolution], kind, reduction, self.continuous)
        if self.take == "all":
            return image
        return PackedBits(image) if self.take == "bits" else Component(image, 0, np.dtype(self.dtype))


COMPONENTS: Final = {"first": 1, "bits": 8, "all": 3}
TILES: Final = {10: 1024, 20: 640, 60: 192}
"""Length of the tiles of real images by resolution: for chunks where the image has not been looked at."""


@dataclass(frozen=True)
class DeferredImage:
    """An image that is first looked at when pixels are asked for; its size is that of the metadata till then."""

    files: Files
    name: str
    shape: tuple[int, ...]
    tile: int
    kind: str
    reduction: int = 0
    continuous: bool = True

    @property
    def chunks(self) -> tuple[int, ...]:
        """Components, height and width of the tiles that images of this resolution have."""
        return self.shape[0], min(self.tile, self.shape[1]), min(self.tile, self.shape[2])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the samples."""
        return np.dtype(self.kind)

    def __getitem__(self, key: Key) -> np.ndarray[Any, Any]:
        """Open the image, hold it against the metadata, and decode a window."""
        image = open_image(self.files, self.name, reduction=self.reduction, continuous=self.continuous)
        if image.shape[1:] != self.shape[1:] or (self.shape[0] == 1 != image.shape[0]):
            raise CorruptFileError(
                f"{self.files.url}: {self.name} has {' x '.join(map(str, image.shape))} samples instead of "
                f"{' x '.join(map(str, self.shape))}. Download the product again."
            )
        return np.asarray(image[key])


@dataclass(frozen=True)
class Component:
    """One component of an image, cast to a data type: (y, x)."""

    image: Array
    number: int
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        return self.image.shape[1:]

    @property
    def chunks(self) -> tuple[int, ...]:
        """Tile of the image."""
        return self.image.chunks[1:]

    def __getitem__(self, key: Key) -> np.ndarray[Any, Any]:
        """Decode a window."""
        return np.asarray(self.image[(self.number, *key)]).astype(self.dtype, copy=False)


@dataclass(frozen=True)
class PackedBits:
    """Components of 0 and 1 as the bits of one byte, the first component in the lowest bit: (y, x)."""

    image: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns."""
        return self.image.shape[1:]

    @property
    def chunks(self) -> tuple[int, ...]:
        """Tile of the image."""
        return self.image.chunks[1:]

    @property
    def dtype(self) -> np.dtype[Any]:
        """One byte."""
        return np.dtype("uint8")

    def __getitem__(self, key: Key) -> np.ndarray[Any, Any]:
        """Decode a window of all components and pack it."""
        bits = np.asarray(self.image[(slice(None), *key)])
        if len(bits) > 8:
            raise CorruptFileError(f"a mask has {len(bits)} components, where one byte has room for 8")
        return np.asarray(np.packbits(bits != 0, axis=0, bitorder="little")[0])
