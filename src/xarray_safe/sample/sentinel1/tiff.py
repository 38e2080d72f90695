"""Write TIFF images as ESA does (strips of one row) and as cloud-optimised ones (tiles, overviews)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import imagecodecs
import numpy as np

if TYPE_CHECKING:
    Pixels = np.ndarray[Any, np.dtype[Any]]

SHORT, LONG = 3, 4
UNSIGNED, COMPLEX = 1, 5
DEFLATE: Final = 8


@dataclass
class _Image:
    """One image: its tags but for the offsets of blocks, and its blocks."""

    tags: dict[int, tuple[int, list[int]]]
    blocks: list[bytes]
    offsets: int
    """Tag that lists where blocks are."""


def strips(pixels: Pixels) -> bytes:
    """TIFF of strips of one row, uncompressed: uint16, or complex as pairs of int16.

    Parameters
    ----------
    pixels
        Rows and columns.
    """
    stored = _stored(pixels)
    tags = _tags(pixels) | {278: (SHORT, [1])}
    return _file([_Image(tags, [row.tobytes() for row in stored], 273)])


def cog(pixels: Pixels, tile: int = 64, levels: int = 2) -> bytes:
    """TIFF of tiles, compressed, with overviews: uint16.

    Parameters
    ----------
    pixels
        Rows and columns.
    tile
        Length of its tiles.
    levels
        How many overviews it has, of a half, a quarter, …
    """
    images = []
    for level in range(levels + 1):
        factor = 1 << level
        rows, columns = (max(1, length // factor) for length in pixels.shape)
        part = pixels[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor).mean((1, 3))
        values = part.astype(pixels.dtype)
        tags = _tags(values) | {259: (SHORT, [DEFLATE]), 322: (SHORT, [tile]), 323: (SHORT, [tile])}
        if level:
            tags[254] = (LONG, [1])
        images.append(_Image(tags, list(_tiles(values, tile)), 324))
    return _file(images)


def _tiles(values: Pixels, tile: int) -> list[bytes]:
    rows, columns = (-(-length // tile) * tile for length in values.shape)
    padded = np.zeros((rows, columns), "<u2")
    padded[: values.shape[0], : values.shape[1]] = values
    return [
        bytes(imagecodecs.zlib_encode(np.ascontiguousarray(padded[i : i + tile, j : j + tile]).tobytes()))
        for i in range(0, rows, tile)
        for j in range(0, columns, tile)
    ]


def _stored(pixels: Pixels) -> Pixels:
    if pixels.dtype.kind != "c":
        return pixels.astype("<u2")
    return np.stack([pixels.real, pixels.imag], -1).round().astype("<i2")


def _tags(pixels: Pixels) -> dict[int, tuple[int, list[int]]]:
    rows, columns = pixels.shape
    is_complex = pixels.dtype.kind == "c"
    return {
        256: (LONG, [columns]),
        257: (LONG, [rows]),
        258: (SHORT, [32 if is_complex else 16]),
        259: (SHORT, [1]),
        262: (SHORT, [1]),
        277: (SHORT, [1]),
        339: (SHORT, [COMPLEX if is_complex else UNSIGNED]),
    }


def _file(images: list[_Image]) -> bytes:
    """Headers first, then all blocks in order, as in real files."""
    lists = []
    position = 8
    for image in images:
        tags = image.tags | {image.offsets: (LONG, []), image.offsets + (1 if image.offsets == 324 else 6): (LONG, [])}
        start = position
        position += 2 + 12 * len(tags) + 4
        places = {}
        for tag in (image.offsets, image.offsets + (1 if image.offsets == 324 else 6)):
            places[tag] = position
            position += 4 * len(image.blocks) if len(image.blocks) > 1 else 0
        lists.append((start, tags, places))
    out = bytearray(position)
    struct.pack_into("<2sHI", out, 0, b"II", 42, 8)
    for number, (image, (start, tags, places)) in enumerate(zip(images, lists, strict=True)):
        counts = [len(block) for block in image.blocks]
        offsets = []
        for count in counts:
            offsets.append(position)
            position += count
        struct.pack_into("<H", out, start, len(tags))
        for k, (tag, (kind, values)) in enumerate(sorted(tags.items())):
            entry = start + 2 + 12 * k
            listed = offsets if tag == image.offsets else counts if tag in places else values
            struct.pack_into("<HHI", out, entry, tag, kind, len(listed))
            if len(listed) > 1:
                struct.pack_into("<I", out, entry + 8, places[tag])
                struct.pack_into(f"<{len(listed)}I", out, places[tag], *listed)
            else:
                struct.pack_into("<I" if kind == LONG else "<H", out, entry + 8, listed[0])
        following = lists[number + 1][0] if number + 1 < len(lists) else 0
        struct.pack_into("<I", out, start + 2 + 12 * len(tags), following)
    return bytes(out) + b"".join(block for image in images for block in image.blocks)
