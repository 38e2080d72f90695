"""JPEG 2000 images of an archive as arrays of the tree: one component, components packed into bits, or all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from xarray_safe.errors import CorruptFile, SafeError
from xarray_safe.sources.grids import size
from xarray_safe.sources.jp2 import open_image

if TYPE_CHECKING:
    from xarray_safe.mapping import Array, Context, Key


@dataclass(frozen=True, slots=True)
class Jp2:
    """A JPEG 2000 image of a Sentinel-2 tile.

    Parameters
    ----------
    pattern
        Pattern of its file name in the archive.
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

    def open(self, context: Context) -> Array:
        """Look at the image's header at the most; remote images are not touched at all."""
        name = context.find(self.pattern)
        image = open_image(context.files, name) if context.files.local else self._unseen(context, name)
        if self.take == "bits":
            if image.shape[0] > 8:
                raise CorruptFile(f"{context.files.url}: {name} has {image.shape[0]} components, at the most 8 are packed.")
            return PackedBits(image)
        if self.take == "first":
            return Component(image, 0, np.dtype(self.dtype))
        return image

    def _unseen(self, context: Context, name: str) -> Array:
        raise NotImplementedError


def header_shape(context: Context, pattern: str, resolution: int) -> tuple[int, int]:
    """Rows and columns of an image: its own, where a look at its header is cheap, else those of the metadata."""
    if context.files.local:
        try:
            return open_image(context.files, context.find(pattern)).shape[1:]
        except SafeError:
            pass  # the image itself is reported where it is asked for
    return size(context.documents, resolution)


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
        return np.asarray(np.packbits(bits != 0, axis=0, bitorder="little")[0])
