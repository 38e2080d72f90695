"""Pixels of one tile: read its bytes, make a codestream of them, and decode it by OpenJPEG or imagecodecs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xarray_safe.errors import UnsupportedProductError
from xarray_safe.formats.jp2 import codestream, openjpeg

if TYPE_CHECKING:
    from xarray_safe.formats.jp2.header import Box, Header, ImageFile
    from xarray_safe.formats.jp2.index.tile_index import TileIndex

Pixels = np.ndarray[Any, np.dtype[Any]]
REMEDY = "install imagecodecs, pillow or rasterio from wheels, or name a libopenjp2 in XARRAY_SAFE_OPENJPEG"


def decode(file: ImageFile, index: TileIndex, tile: int, area: Box | None = None) -> Pixels:
    """Decode a tile, or a window of it, at full resolution.

    Parameters
    ----------
    file, index
        The image.
    tile
        Number of the tile, row by row.
    area
        ``x0, y0, x1, y1`` in pixels of the image; the whole tile if None.

    Returns
    -------
    array (components, height, width) of uint8 or uint16

    Raises
    ------
    CorruptFileError
        The tile is damaged.
    UnsupportedProductError
        No installed decoder can decode it.
    """
    header = index.header
    parts = codestream.read_tile(file, index, tile)
    box = header.tile_bounds(tile)
    window = area or box
    flat = _flat(file, header, tile, parts)
    if flat is not None:
        return np.broadcast_to(flat, (header.components, window[3] - window[1], window[2] - window[0]))
    stream = codestream.full_codestream(header, tile, parts)
    return _decoded(file, header, tile, stream, box, window, header.dtype)


def decode_low_pass(file: ImageFile, index: TileIndex, tile: int, reduction: int, area: Box | None = None) -> Pixels:
    """Decode a tile, or a window of it, at ``1 / 2 ** reduction`` of the resolution.

    Parameters
    ----------
    file, index, tile
        As `decode`.
    reduction
        1 to the image's levels.
    area
        ``x0, y0, x1, y1`` in pixels of the image at that resolution; the whole tile if None.

    Returns
    -------
    array (components, height, width) of int32
        The low-pass as the wavelet has it, also below 0 and above the maximum pixel value.

    Raises
    ------
    CorruptFileError, UnsupportedProductError
        As `decode`.
    """
    header = index.header
    box = header.tile_bounds(tile, reduction)
    signed = header.reversible
    parts = codestream.read_prefix(file, index, tile, reduction)
    stream = codestream.reduced_codestream(header, tile, parts, reduction, signed=signed)
    left = 0
    if stream is None:
        parts = codestream.read_tile(file, index, tile)
        stream, left = codestream.full_codestream(header, tile, parts, signed=signed), reduction
    pixels = _decoded(file, header, tile, stream, box, area or box, np.dtype(np.int32), left)
    return pixels + np.int32(1 << header.bits - 1) if signed else pixels


def _flat(file: ImageFile, header: Header, tile: int, parts: list[codestream.ParsedPart]) -> Pixels | None:
    """Return the value of each component, if a tile has only one: most tiles of masks do. Else None."""
    if not codestream.is_flat(header, tile, parts):
        return None
    stream = codestream.reduced_codestream(header, tile, parts, header.levels)
    if stream is None:
        return None
    box = header.tile_bounds(tile, header.levels)
    pixels = _decoded(file, header, tile, stream, box, box, header.dtype)
    value = pixels[:, :1, :1]
    return value if (pixels == value).all() else None


def _decoded(
    file: ImageFile,
    header: Header,
    tile: int,
    stream: bytes,
    box: Box,
    window: Box,
    dtype: np.dtype[Any],
    reduction: int = 0,
) -> Pixels:
    """Decode the window of a codestream whose image is at `box`; `reduction` are left to the decoder."""
    library = openjpeg.load_openjpeg()
    area = None if window == box or reduction else window
    try:
        if library is not None:
            pixels = library.decode(stream, dtype, area, reduction)
        else:
            pixels = _by_imagecodecs(file, stream, reduction).astype(dtype, copy=False)
    except openjpeg.DecodeError as error:
        file.corrupt(f"it does not decode ({error})", tile)
    if library is None or area is None:
        x0, y0 = box[:2]
        pixels = pixels[:, window[1] - y0 : window[3] - y0, window[0] - x0 : window[2] - x0]
    expected = (header.components, window[3] - window[1], window[2] - window[0])
    if pixels.shape != expected:
        file.corrupt(f"it decodes to an array of {pixels.shape} instead of {expected}", tile)
    return pixels


def _by_imagecodecs(file: ImageFile, stream: bytes, reduction: int) -> Pixels:
    """Decode all of a codestream; imagecodecs has neither windows nor resolutions."""
    if reduction:
        raise UnsupportedProductError(f"{file}: reading it at reduced resolution needs OpenJPEG; {REMEDY}")
    try:
        import imagecodecs
    except ImportError as error:
        raise UnsupportedProductError(f"{file}: no decoder of JPEG 2000 is installed; {REMEDY}") from error
    try:
        pixels: Pixels = imagecodecs.jpeg2k_decode(stream)
    except imagecodecs.Jpeg2kError as error:
        raise openjpeg.DecodeError(str(error)) from error
    return pixels[np.newaxis] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)
