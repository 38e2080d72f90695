"""An image as one array over its tiles: which tiles hold the requested positions, and their pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xarray_safe import runtime
from xarray_safe.formats.jp2.decode import decode, decode_low_pass
from xarray_safe.formats.jp2.header import Box, ImageFile, ceil_div_pow2
from xarray_safe.formats.jp2.plan import prefetch_tiles
from xarray_safe.formats.jp2.tile_cache import TileCache, tiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from xarray_safe.formats.jp2.index.tile_index import TileIndex

Pixels = np.ndarray[Any, np.dtype[Any]]


class _Piece(NamedTuple):
    """Positions ``first:last`` of a range that are in one row (or column) of tiles."""

    tile: int
    first: int
    last: int


@dataclass(frozen=True)
class TiledImage:
    """An image at one resolution of its wavelet, as one array.

    Parameters
    ----------
    file, index
        The image.
    reduction
        Resolution: 1 / 2 ** reduction. At full resolution (0) pixels have the image's dtype, at lower ones they
        are the low-pass in int32, see `decode_low_pass`.
    """

    file: ImageFile
    index: TileIndex
    reduction: int = 0

    def read(self, components: range, rows: range, columns: range) -> Pixels:
        """Read the pixels at rising positions; no range may be empty.

        Returns
        -------
        array (components, rows, columns)
            A new array, which nobody else uses.
        """
        header = self.index.header
        down = _pieces(rows, header.tile_height, header.height, self.reduction)
        across = _pieces(columns, header.tile_width, header.width, self.reduction)
        if len(down) == len(across) == 1:
            pixels = self._piece(components, rows, columns, down[0].tile * header.tiles_per_row + across[0].tile)
            owned = pixels.flags.writeable and (pixels.base is None or pixels.base.size == pixels.size)
            return pixels if owned else pixels.copy()
        dtype = np.dtype(np.int32) if self.reduction else header.dtype
        pixels = np.empty((len(components), len(rows), len(columns)), dtype)
        numbers = [y.tile * header.tiles_per_row + x.tile for y in down for x in across]
        with prefetch_tiles(self.file, self.index, numbers, self.reduction) as file:
            image = replace(self, file=file)
            runtime.run([partial(image._fill, pixels, components, rows, columns, y, x) for y in down for x in across])
        return pixels

    def _fill(
        self, target: Pixels, components: range, rows: range, columns: range, down: _Piece, across: _Piece
    ) -> None:
        tile = down.tile * self.index.header.tiles_per_row + across.tile
        ys, xs = slice(down.first, down.last), slice(across.first, across.last)
        target[:, ys, xs] = self._piece(components, rows[ys], columns[xs], tile)

    def _piece(self, components: range, rows: range, columns: range, tile: int) -> Pixels:
        """Read positions that are in one tile."""
        box = self.index.header.tile_bounds(tile, self.reduction)
        window = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
        share = _size(window) / _size(box)
        if rows.step > 1 or columns.step > 1:
            # A coarse step over all of a tile leaves little unread: do not cache the tile for that.
            share = 1.0 if share > TileCache.LARGE else share
        job: Callable[[Box | None], Pixels] = (
            partial(decode_low_pass, self.file, self.index, tile, self.reduction)
            if self.reduction
            else partial(decode, self.file, self.index, tile)
        )
        pixels, is_whole = tiles().window(
            (self.index.key, tile, self.reduction),
            share,
            _size(box) * self.index.header.components * self.index.header.dtype.itemsize,
            partial(job, None),
            partial(job, window),
        )
        left, top = box[:2] if is_whole else window[:2]
        return pixels[
            components.start : components[-1] + 1 : components.step,
            rows[0] - top : rows[-1] + 1 - top : rows.step,
            columns[0] - left : columns[-1] + 1 - left : columns.step,
        ]


def _size(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _pieces(positions: range, tile: int, size: int, reduction: int) -> list[_Piece]:
    """Split rising positions where tiles end; tiles that have no sample at this resolution do not occur."""
    pieces = []
    first = 0
    while first < len(positions):
        # Sample p is on pixel p << reduction, and a tile holds those samples whose pixels it holds.
        number = (positions[first] << reduction) // tile
        end = ceil_div_pow2(min((number + 1) * tile, size), reduction)
        last = min(len(positions), first + -(-(end - positions[first]) // positions.step))
        pieces.append(_Piece(number, first, last))
        first = last
    return pieces
