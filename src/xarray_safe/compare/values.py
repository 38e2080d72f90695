"""Compare the values of two variables block by block, so that no complete image needs to be in memory."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from xarray_safe.compare.result import Values
from xarray_safe.net.urls import describe_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xarray import Variable

    from xarray_safe.compare.expected import Masked

    Readable: TypeAlias = Variable | Masked
    Array = np.ndarray[Any, Any]
    Map = Callable[..., Iterator[Any]]

BLOCK: Final = 16_000_000
"""Values in memory at a time, of either side."""

_SQUARES: Final = 48
"""Squares along the longer side of a map."""


class UnreadableError(Exception):
    """Values cannot be read: what went wrong on the left and on the right; empty where nothing did."""

    def __init__(self, left: str, right: str) -> None:
        super().__init__(left, right)
        self.sides = (left, right)


def differ(left: Readable, right: Readable, read: Map = map) -> Values | None:
    """Compare the values of two variables of equal shape.

    Parameters
    ----------
    left, right
        The variables, lazy or not. NaN equals NaN, NaT equals NaT.
    read
        ``map`` of a pool, to read both at once.

    Returns
    -------
    Values or None
        How they differ; None if they do not.

    Raises
    ------
    UnreadableError
        One of them, or both, cannot be read.
    """
    found = _Sum(left.shape)
    for block in blocks(left.shape):
        u, v = read(partial(_read, block), (left, right))
        if isinstance(u, Exception) or isinstance(v, Exception):
            raise UnreadableError(
                *(describe_error(side, limit=None) if isinstance(side, Exception) else "" for side in (u, v))
            )
        found.add(u, v, block[0].start if block else 0)
    return found.result()


def _read(block: tuple[slice, ...], variable: Readable) -> Array | Exception:
    """Read a block, or return the error, so that each side has its own."""
    try:
        return np.asarray(variable[block].values)
    except Exception as error:  # decoders raise anything on a damaged file
        return error


def blocks(shape: tuple[int, ...], size: int = BLOCK) -> Iterator[tuple[slice, ...]]:
    """Cut an array into blocks along its first dimension, each of at most about `size` values."""
    if not shape:
        yield ()
        return
    row = math.prod(shape[1:])
    step = max(1, size // max(1, row))
    for start in range(0, shape[0], step):
        yield (slice(start, min(start + step, shape[0])),)


def unequal(u: Array, v: Array) -> Array:
    """Return where two arrays differ; missing values are equal to each other."""
    different = np.broadcast_to(np.asarray(u != v), u.shape)  # of text and numbers, numpy gives one answer for all
    if u.dtype.kind in "fcmM" and v.dtype.kind in "fcmM":
        different = different & ~(_missing(u) & _missing(v))
    return different


class _Sum:
    """What was found in the blocks so far."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self.count = 0
        self.largest: float | None = None
        self.first: tuple[int, ...] | None = None
        self.map: Array | None = None
        self.scale = max(1, math.ceil(max(shape[-2:], default=1) / _SQUARES))

    def add(self, u: Array, v: Array, start: int) -> None:
        different = unequal(u, v)
        count = int(np.count_nonzero(different))
        if not count:
            return
        self.count += count
        if self.first is None:
            first = [int(place) for place in np.unravel_index(int(different.argmax()), different.shape)]
            self.first = (first[0] + start, *first[1:]) if first else ()
        if u.dtype.kind in "iufb" and v.dtype.kind in "iufb":
            with np.errstate(invalid="ignore"):  # infinities
                gaps = np.subtract(u[different], v[different], dtype=float)
            largest = float(np.fmax.reduce(np.abs(gaps, out=gaps)))
            if not math.isnan(largest):
                self.largest = max(self.largest or 0.0, largest)
        if len(self.shape) >= 2:
            self._mark(different, start if len(self.shape) == 2 else 0)

    def _mark(self, different: Array, start: int) -> None:
        """Count what differs in each square of the map; the block's first row is the image's `start`."""
        if self.map is None:
            self.map = np.zeros([math.ceil(n / self.scale) for n in self.shape[-2:]])
        for image in different.reshape(-1, *different.shape[-2:]):
            height, width = image.shape
            by_column = np.add.reduceat(image, np.arange(0, width, self.scale), axis=1, dtype=np.int64)
            top = start // self.scale
            rows = np.arange(top * self.scale, start + height, self.scale) - start
            counts = np.add.reduceat(by_column, np.maximum(rows, 0), axis=0)
            self.map[top : top + len(counts)] += counts

    def result(self) -> Values | None:
        if self.first is None:
            return None
        share = None
        if self.map is not None:
            share = np.minimum(1.0, self.map / (self.scale**2 * math.prod(self.shape[:-2])))
        return Values(self.count, math.prod(self.shape), self.largest, self.first, share)


def _missing(values: Array) -> Array:
    missing: Array = np.isnat(values) if values.dtype.kind in "mM" else np.isnan(values)
    return missing
