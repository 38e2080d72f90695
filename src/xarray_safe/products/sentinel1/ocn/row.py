"""One variable of an OCN product, and its values out of the netCDF file."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.formats.netcdf import open_netcdf
from xarray_safe.products.sentinel1.records import packed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray_safe.model.arrays import Array, Context, Key

    Values = np.ndarray[Any, np.dtype[Any]]

SPECTRA: Final = ("azimuth", "range", "lag", "ky", "kx")
"""Dimensions of cartesian spectra; the file has `lag` last."""


@dataclass(frozen=True)
class Row:
    """One variable.

    Parameters
    ----------
    name
        In the tree; of data with its group.
    element
        Name in the netCDF file.
    dims
        Dimensions in the tree, separated by blanks.
    dtype
        As attributes state it, without the byte order.
    long_name, units, short_name
        What it is; None where nothing is stated.
    fill
        Value that stands for no data.
    more
        Further attributes.
    """

    name: str
    element: str
    dims: str
    dtype: str
    long_name: str
    units: str | None = None
    short_name: str | None = None
    fill: float | bool | None = None
    more: Mapping[str, object] = field(default_factory=dict)

    def attributes(self, dims: tuple[str, ...], coordinates: tuple[str, ...], *, data: bool) -> dict[str, Any]:
        """Raw attributes in layout 2.8.

        Parameters
        ----------
        dims
            Its dimensions in this product.
        coordinates
            Names of its coordinates.
        data
            Whether it is data, not a coordinate.
        """
        stated = "M8[ns]" if self.dtype == "M8" else self.dtype
        about = {"long_name": self.long_name, "dtype": f"<{stated}", **self.more}
        if self.units is not None:
            about["units"] = self.units
        attrs: dict[str, Any] = dict(about)
        if self.dtype == "f4":
            attrs["_FillValue"] = math.nan if self.fill is None else float(self.fill)
        own = {} if self.fill is None else {"fill_value": self.fill}
        if not data:
            return attrs | own | {"dimensions": list(dims)}
        listed = {"coordinates": list(coordinates)} if coordinates else {}
        attrs["_eopf_attrs"] = {**about, **own, **listed, "dimensions": list(dims), "short_name": self.short_name}
        auxiliary = sorted(name for name in coordinates if name not in dims)
        if auxiliary:
            attrs["coordinates"] = " ".join(auxiliary)
        return attrs


@dataclass(frozen=True, slots=True)
class Element:
    """A variable of a netCDF file.

    Parameters
    ----------
    file, name
        The file in the archive, and the variable in it.
    dtype
        Data type that it becomes: flags are booleans, partitions floats.
    order
        Which of its dimensions comes where; empty where it stays.
    """

    file: str
    name: str
    dtype: str
    order: tuple[int, ...] = ()

    def open(self, context: Context) -> Array:
        """Open lazily; times, which are texts, are read."""
        array = open_netcdf(context.files, self.file).open(self.name)
        if self.dtype == "M8":
            return packed(_times(array[(slice(None),) * len(array.shape)]))
        return Converted(array, np.dtype(self.dtype), self.order or tuple(range(len(array.shape))))


def _times(characters: Values) -> Values:
    """Times of characters along the third dimension; what is not a time (dashes) is none."""
    last = np.ascontiguousarray(np.moveaxis(characters, 2, -1))
    texts = [bytes(row.tobytes()).decode("ascii", "replace").strip(" \0") for row in last.reshape(-1, last.shape[-1])]
    times = np.full(len(texts), np.datetime64("NaT", "ns"), "M8[ns]")
    for number, text in enumerate(texts):
        if text[:1].isdigit():
            times[number] = np.datetime64(text.replace(" ", "T"), "ns")
    return times.reshape(last.shape[:-1])


@dataclass(frozen=True)
class Converted:
    """A lazy array of another data type, its dimensions in another order."""

    array: Array
    dtype: np.dtype[Any]
    order: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""
        return tuple(self.array.shape[k] for k in self.order)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Those of the file."""
        return tuple(self.array.chunks[k] for k in self.order)

    def __getitem__(self, key: Key) -> Values:
        """Read a window."""
        slices = tuple(k if isinstance(k, slice) else slice(int(k), int(k) + 1, 1) for k in key)
        stored: list[slice] = [slice(None)] * len(slices)
        for place, k in zip(self.order, slices, strict=True):
            stored[place] = k
        values = np.transpose(self.array[tuple(stored)], self.order).astype(self.dtype, copy=False)
        return np.asarray(values[tuple(slice(None) if isinstance(k, slice) else 0 for k in key)])
