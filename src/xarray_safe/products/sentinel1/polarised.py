"""Polarisation as a dimension (layout 3.0): arrays of several images side by side, their axes joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from xarray_safe.errors import CorruptFileError
from xarray_safe.model.arrays import InMemoryArray, LookUp

if TYPE_CHECKING:
    from xarray_safe.model.arrays import Array, Context, Key, Source

    Values = np.ndarray[Any, np.dtype[Any]]


def _read(context: Context, source: Source) -> InMemoryArray:
    return cast("InMemoryArray", context.value(Opened(source)))


@dataclass(frozen=True, slots=True)
class Opened(LookUp):
    """Look-up of a source's array, in memory."""

    source: Source

    def resolve(self, context: Context) -> InMemoryArray:
        """Open it."""
        array = self.source.open(context)
        return array if isinstance(array, InMemoryArray) else InMemoryArray(array[(slice(None),) * len(array.shape)])


@dataclass(frozen=True, slots=True)
class Joined:
    """One axis for several images: theirs if it is the same, else all their values in order."""

    axes: tuple[Source, ...]

    def open(self, context: Context) -> Array:
        """Join."""
        arrays = [_read(context, axis) for axis in self.axes]
        return InMemoryArray(_join([array.values for array in arrays]), arrays[0].attrs)


def _join(axes: list[Values]) -> Values:
    first = axes[0]
    if all(np.array_equal(axis, first) for axis in axes[1:]):
        return first
    return np.unique(np.concatenate(axes))


@dataclass(frozen=True, slots=True)
class Stacked:
    """Arrays of several images: (polarization, …), each put where its axes are on the joined ones.

    Parameters
    ----------
    sources
        One of each image.
    axes
        For each dimension: the axis of each image, or nothing if it has none.
    first
        Whether only the first image's is wanted, without a dimension of polarisation.
    """

    sources: tuple[Source, ...]
    axes: tuple[tuple[Source, ...], ...]
    first: bool = False

    def open(self, context: Context) -> Array:
        """Stack."""
        arrays = [_read(context, source) for source in self.sources[: 1 if self.first else None]]
        joined = [_join([_read(context, axis).values for axis in axes]) if axes else None for axes in self.axes]
        sizes = [
            max(array.shape[i] for array in arrays) if axis is None else len(axis) for i, axis in enumerate(joined)
        ]
        values = np.full((len(arrays), *sizes), _empty(arrays[0].dtype), arrays[0].dtype)
        for number, (target, array) in enumerate(zip(values, arrays, strict=True)):
            places = [
                np.arange(array.shape[i])
                if axis is None or len(axis) == array.shape[i]
                else np.searchsorted(axis, _read(context, self.axes[i][number]).values)
                for i, axis in enumerate(joined)
            ]
            target[np.ix_(*places)] = array.values
        return InMemoryArray(values[0] if self.first else values, arrays[0].attrs)


def _empty(dtype: np.dtype[Any]) -> Any:
    """What stands where an image has no value."""
    if dtype.kind == "f":
        return np.nan
    return np.iinfo(np.int64).min if dtype == np.int64 else np.zeros((), dtype)[()]


@dataclass(frozen=True, slots=True)
class StackedImages:
    """Images of several polarisations: (polarization, azimuth, range), lazily."""

    sources: tuple[Source, ...]

    def open(self, context: Context) -> Array:
        """Open them.

        Raises
        ------
        CorruptFileError
            If they have different sizes.
        """
        images = tuple(source.open(context) for source in self.sources)
        if len({image.shape for image in images}) > 1:
            raise CorruptFileError(
                f"{context.files.url}: images of different polarisations have different sizes. "
                "Download the product again."
            )
        return ImageStack(images)


@dataclass(frozen=True)
class ImageStack:
    """Lazy images, one over the other."""

    images: tuple[Array, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Images, rows, columns."""
        return len(self.images), *self.images[0].shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the values."""
        return self.images[0].dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """One image; its own chunks."""
        return 1, *self.images[0].chunks

    def __getitem__(self, key: Key) -> Values:
        """Read a window of the images that are asked for."""
        which, *window = key
        if not isinstance(which, slice):
            return np.asarray(self.images[which][tuple(window)])
        numbers = range(*which.indices(len(self.images)))
        if numbers:
            return np.stack([self.images[k][tuple(window)] for k in numbers])
        sizes = [len(range(*k.indices(n))) for k, n in zip(window, self.shape[1:], strict=True) if isinstance(k, slice)]
        return np.empty((0, *sizes), self.dtype)
