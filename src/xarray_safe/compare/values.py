"""Hold the values of two variables against each other, block by block, so that no whole image need be in memory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.compare.result import Values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xarray import Variable

    Array = np.ndarray[Any, Any]
    Map = Callable[..., Iterator[Array]]

BLOCK: Final = 16_000_000
"""Values in memory at a time, of either side."""

_SQUARES: Final = 48
"""Squares along the longer side of a map."""


def differ(left: Variable, right: Variable, read: Map = map) -> Values | None:
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
    """
    found = _Sum(left.shape)
    for block in blocks(left.shape):
        u, v = read(lambda variable, block=block: np.asarray(variable[block].values), (left, right))
        found.add(u, v, block[0].start if block else 0)
    return found.result()


def blocks(shape: tuple[int, ...], most: int = BLOCK) -> Iterator[tuple[slice, ...]]:
    """Cut an array into blocks along its first dimension, each of about `most` values at the most."""
    if not shape:
        yield ()
        return
    row = math.prod(shape[1:])
    step = max(1, most // max(1, row))
    for start in range(0, shape[0], step):
        yield (slice(start, min(start + step, shape[0])),)


def unequal(u: Array, v: Array) -> Array:
    """Tell where two arrays differ; missing values are equal to each other."""
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
        if not different.any():
            return
        where = np.argwhere(different)
        self.count += len(where)
        if self.first is None:
            first = where[0]
            self.first = (int(first[0]) + start, *map(int, first[1:])) if len(first) else ()
        if u.dtype.kind in "iufb" and v.dtype.kind in "iufb":
            gaps = np.abs(u[different].astype(float) - v[different].astype(float))
            gaps = gaps[~np.isnan(gaps)]
            if gaps.size:
                self.largest = max(self.largest or 0.0, float(gaps.max()))
        if len(self.shape) >= 2:
            self._mark(where, start)

    def _mark(self, where: Array, start: int) -> None:
        rows, columns = (math.ceil(n / self.scale) for n in self.shape[-2:])
        if self.map is None:
            self.map = np.zeros((rows, columns))
        y = where[:, -2] + (start if len(self.shape) == 2 else 0)
        np.add.at(self.map, (y // self.scale, where[:, -1] // self.scale), 1)

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
