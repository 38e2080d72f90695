"""The lazy array over a TIFF image, at full resolution or reduced.

At reduced resolution the overviews of a COG are read where they are; else blocks of ``2 ** reduction`` rows and
columns are averaged: real samples in power (multilooking: the root of the mean square), of not more than four rows
of a block, which all columns are read of. Complex samples are not averaged, for that would cancel their phases: the
one in the middle of each block is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.errors import CorruptFileError
from xarray_safe.formats.tiff.blocks import Window
from xarray_safe.formats.tiff.header import Level, read_levels

if TYPE_CHECKING:
    from xarray_safe.archive.files import Files
    from xarray_safe.model.arrays import Key

    Values = np.ndarray[Any, np.dtype[Any]]

CHUNK_BYTES: Final = 1 << 23
"""Rows of strips that make a chunk: about 8 MB."""
ROWS_OF_BLOCK: Final = 4
"""Rows that are read of a block of rows that is reduced to one."""
BAND_BYTES: Final = 1 << 26
"""Bytes of full resolution that are held while they are reduced."""


def open_tiff(
    files: Files,
    name: str,
    *,
    shape: tuple[int, int] | None = None,
    rows: tuple[int, int] | None = None,
    reduction: int = 0,
) -> TiffImage:
    """Open an image lazily: its header is read, no pixels.

    Parameters
    ----------
    files, name
        The archive, and the image's name in it.
    shape
        Rows and columns that the metadata say the whole image has, where known.
    rows
        First row and the one after the last, of a part of the image that is opened as one: a burst.
    reduction
        Resolution: 1 / 2 ** reduction.

    Returns
    -------
    TiffImage
        Rows and columns, ``size // 2 ** reduction`` each, at least 1.

    Raises
    ------
    CorruptFileError
        It is not a TIFF, is damaged, or has another size.
    UnsupportedProductError
        It is of a kind that no Sentinel product has.
    """
    levels = read_levels(files, name)
    full = levels[0]
    if shape is not None and (full.rows, full.columns) != tuple(shape):
        raise CorruptFileError(
            f"{files.url}: {name} has {full.rows} rows and {full.columns} columns; the metadata say {shape[0]} and "
            f"{shape[1]}. Download the product again."
        )
    start, stop = rows or (0, full.rows)
    if not 0 <= start < stop <= full.rows:
        raise CorruptFileError(
            f"{files.url}: {name} has {full.rows} rows; the metadata name rows {start} to {stop}. "
            "Download the product again."
        )
    size = (max(1, (stop - start) >> reduction), max(1, full.columns >> reduction))
    if reduction and rows is None:
        fits = [level for level in levels[1:] if _fits(full, level, reduction)]
        if fits:
            return TiffImage(files, name, fits[0], 0, size)
    return TiffImage(files, name, full, start, size, reduction)


def _fits(full: Level, level: Level, reduction: int) -> bool:
    """Return True if an overview has this reduction: its sides rounded up or down."""
    return all(
        whole >> reduction <= part <= -(-whole >> reduction)
        for whole, part in ((full.rows, level.rows), (full.columns, level.columns))
    )


@dataclass(frozen=True)
class TiffImage:
    """A lazy image (rows, columns); see `open_tiff`. It pickles as the archive, a name and a few numbers."""

    files: Files
    name: str
    level: Level
    start: int
    shape: tuple[int, int]
    reduction: int = 0

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the values; complex int16 is read as complex64."""
        return self.level.dtype

    @property
    def chunks(self) -> tuple[int, int]:
        """Rows and columns of a tile, or whole rows of a few MB."""
        if self.level.tiled:
            height, width = (max(1, length >> self.reduction) for length in self.level.block)
            return min(height, self.shape[0]), min(width, self.shape[1])
        rows = max(1, CHUNK_BYTES // (self.shape[1] * self.dtype.itemsize))
        return min(rows, self.shape[0]), self.shape[1]

    def __getitem__(self, key: Key) -> Values:
        """Read pixels: only rows, or tiles, that the key needs.

        Raises
        ------
        CorruptFileError
            The file is cut short, or a block of those needed is damaged.
        """
        wanted = [_positions(item, size) for item, size in zip(key, self.shape, strict=True)]
        flips = tuple(slice(None, None, -1 if steps.step < 0 else 1) for steps in wanted)
        rows, columns = (steps[::-1] if steps.step < 0 else steps for steps in wanted)
        values = self._read(rows, columns)[flips]
        return values[tuple(0 if isinstance(item, int | np.integer) else slice(None) for item in key)]

    def _read(self, rows: range, columns: range) -> Values:
        window = Window(self.files, self.name, self.level)
        if not (len(rows) and len(columns)):
            return np.empty((len(rows), len(columns)), self.dtype)
        if not self.reduction:
            return window.read(_shifted(rows, self.start), columns)
        if self.dtype.kind == "c":
            rows, columns = _scaled(rows, self.reduction), _scaled(columns, self.reduction)
            return window.read(_shifted(rows, self.start), columns)
        return self._multilook(window, rows, columns)

    def _multilook(self, window: Window, rows: range, columns: range) -> Values:
        """Root of the mean square of blocks, in bands of rows that fit into memory."""
        factor = 1 << self.reduction
        looks = min(factor, ROWS_OF_BLOCK, self.level.rows)
        step = max(1, min(factor, self.level.rows) // looks)
        first, last = columns[0] * factor, min((columns[-1] + 1) * factor, self.level.columns)
        values = np.empty((len(rows), len(columns)), self.dtype)
        band = max(1, BAND_BYTES // ((last - first) * looks * 8))
        for begin in range(0, len(rows), band):
            part = rows[begin : begin + band]
            total = np.zeros((len(part), last - first), np.float32)
            for look in range(looks):
                line = range(part.start * factor + look * step, part[-1] * factor + look * step + 1, part.step * factor)
                got = window.read(_shifted(line, self.start), range(first, last)).astype(np.float32)
                total += got * got
            width = min(factor, last - first)
            mean = total[:, : (last - first) // width * width].reshape(len(part), -1, width).mean(-1) / looks
            root = np.sqrt(mean)[:, :: columns.step]
            values[begin : begin + len(part)] = np.rint(root) if self.dtype.kind in "ui" else root
        return values


def _positions(item: int | slice, size: int) -> range:
    if isinstance(item, slice):
        return range(*item.indices(size))
    position = range(size)[item]
    return range(position, position + 1)


def _shifted(rows: range, by: int) -> range:
    return range(rows.start + by, rows.stop + by, rows.step)


def _scaled(positions: range, reduction: int) -> range:
    """Positions, at full resolution, of the samples in the middle of blocks."""
    factor = 1 << reduction
    first, last = (position * factor + factor // 2 for position in (positions[0], positions[-1]))
    return range(first, last + 1, positions.step * factor)
