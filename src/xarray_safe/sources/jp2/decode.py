"""Pixels of one tile: reads its bytes, makes a codestream of them, and hands it to OpenJPEG or imagecodecs."""

from __future__ import annotations

from typing import Any

import numpy as np

from xarray_safe.errors import UnsupportedProduct
from xarray_safe.sources.jp2 import openjpeg, tilepart
from xarray_safe.sources.jp2.header import Box, ImageFile
from xarray_safe.sources.jp2.index import Index

Pixels = np.ndarray[Any, np.dtype[Any]]


def decode(file: ImageFile, index: Index, tile: int, halvings: int, area: Box | None) -> Pixels:
    """Decode a tile or a window of it.

    Parameters
    ----------
    file, index
        The image.
    tile
        Number of the tile, row by row.
    halvings
        Resolution: 1 / 2 ** halvings.
    area
        ``x0, y0, x1, y1`` in pixels of the image at that resolution; the whole tile where None.

    Returns
    -------
    array (components, height, width) of uint8 or uint16

    Raises
    ------
    CorruptFile
        The tile is damaged.
    UnsupportedProduct
        The installed decoders cannot decode it at that resolution.
    """
    header = index.header
    codestream = tilepart.reduced(file, index, tile, halvings) if halvings else None
    left = 0
    if codestream is None:
        codestream = tilepart.whole(header, tile, tilepart.read_tile(file, index, tile))
        left = halvings
    box = header.box(tile, halvings)
    window = box if area is None else area
    crop = (slice(None), slice(window[1] - box[1], window[3] - box[1]), slice(window[0] - box[0], window[2] - box[0]))
    library = openjpeg.library()
    try:
        if library is None:
            pixels = _whole(codestream, file, left)[crop]
        elif left:
            pixels = library.decode(codestream, header.dtype, halvings=left)[crop]
        else:
            pixels = library.decode(codestream, header.dtype, None if window == box else window)
    except openjpeg.DecodeError as error:
        file.corrupt(f"it does not decode ({error})", tile)
    expected = (header.components, window[3] - window[1], window[2] - window[0])
    if pixels.shape != expected:
        file.corrupt(f"it decodes to an array of {pixels.shape} in place of {expected}", tile)
    return np.asarray(pixels, header.dtype)


def _whole(codestream: bytes, file: ImageFile, halvings: int) -> Pixels:
    """Decode by imagecodecs, which knows no windows."""
    import imagecodecs

    if halvings:
        raise UnsupportedProduct(
            f"{file.name} of {file.files.url}: reading this image at reduced resolution needs the OpenJPEG library; "
            "install imagecodecs, pillow or rasterio from wheels, or name the library in XARRAY_SAFE_OPENJPEG"
        )
    try:
        pixels: Pixels = imagecodecs.jpeg2k_decode(codestream)
    except imagecodecs.Jpeg2kError as error:
        raise openjpeg.DecodeError(str(error)) from error
    return pixels[np.newaxis] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
