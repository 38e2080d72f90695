"""Variables of netCDF files as sources: as the tree has them, in its order of dimensions and its data types."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.errors import AbsentFileError, CorruptFileError, MissingElementError, UnsupportedProductError
from xarray_safe.formats.netcdf import NetcdfFile, open_netcdf
from xarray_safe.formats.netcdf.reader import HEAD
from xarray_safe.model.arrays import InMemoryArray, LookUp
from xarray_safe.model.lookups import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xarray_safe.archive.files import Files, Request
    from xarray_safe.model.arrays import Array, Context, Key

    Values = np.ndarray[Any, np.dtype[Any]]

UNITS: Final = {
    "days": 86_400_000_000_000,
    "hours": 3_600_000_000_000,
    "minutes": 60_000_000_000,
    "seconds": 10**9,
    "milliseconds": 10**6,
} | {
    "microseconds": 1000,
    "nanoseconds": 1,
}
LARGEST: Final = ("days", "hours", "minutes", "seconds", "milliseconds", "microseconds")
SINCE: Final = re.compile(r"(\w+) since (\d{4}-\d\d-\d\d(?:[ T][\d:.]+)?)\D*")
NOT_A_TIME: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class OpenedFile(LookUp):
    """A netCDF file of the product, opened once per opening; absent files raise `AbsentFileError`.

    Parameters
    ----------
    name
        Of the file.
    """

    name: str

    def resolve(self, context: Context) -> NetcdfFile:
        """Open the file."""
        return open_netcdf(context.files, context.find(self.name))


@dataclass(frozen=True, slots=True)
class FileAttribute(LookUp):
    """An attribute of a variable, as a plain number or text; `ABSENT` where the file lacks it."""

    file: str
    variable: str
    name: str

    def resolve(self, context: Context) -> object:
        """Return the value."""
        value = context.value(OpenedFile(self.file)).variable(self.variable).attrs.get(self.name, ABSENT)
        return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


@dataclass(frozen=True, slots=True)
class FirstValue(LookUp):
    """The first value of a variable, as a plain number or text; `ABSENT` where the file lacks it, or is absent."""

    file: str
    variable: str

    def resolve(self, context: Context) -> object:
        """Read the value."""
        try:
            file: NetcdfFile = context.value(OpenedFile(self.file))
        except AbsentFileError:
            return ABSENT
        if self.variable not in file:
            return ABSENT
        array = file.open(self.variable)
        if 0 in array.shape:
            return ABSENT
        value: Any = array[tuple(0 for _ in array.shape)]
        return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


@dataclass(frozen=True, slots=True)
class DimensionSize(LookUp):
    """The length of a variable's dimension in a file, by its number."""

    file: str
    variable: str
    number: int

    def resolve(self, context: Context) -> object:
        """Return the length."""
        try:
            shape = context.value(OpenedFile(self.file)).variable(self.variable).shape
        except (AbsentFileError, KeyError):
            return ABSENT
        return shape[self.number] if self.number < len(shape) else ABSENT


def _prefetch(files: Files, name: str) -> Iterable[Request]:
    """Ranges of the head of a file, where there is the file."""
    return [(name, 0, min(HEAD, files.size(name)))] if files.find(name) else []


@dataclass(frozen=True, slots=True)
class Length:
    """The numbers from 0 up to the length of a dimension."""

    file: str
    dimension: str
    dtype: str = "<i8"

    def prefetch(self, files: Files) -> Iterable[Request]:
        """Range of the file's head."""
        return _prefetch(files, self.file)

    def open(self, context: Context) -> Array:
        """Return the numbers."""
        file: NetcdfFile = context.value(OpenedFile(self.file))
        size = file.size(self.dimension)
        if size is None:
            raise AbsentFileError(f"{context.files.url}: {self.file} has no dimension {self.dimension}.")
        return InMemoryArray(np.arange(size, dtype=self.dtype))


@dataclass(frozen=True, slots=True)
class Stored:
    """A variable of a netCDF file.

    Parameters
    ----------
    file, variable
        Where it is stored.
    rank
        Number of its dimensions in the tree.
    dtype
        Data type in the tree; ``M8[ns]`` for times, which are numbers of nanoseconds since 1970; empty for the file's.
    axes
        Numbers of the stored dimensions in the order of the tree; empty where the order is the same.
    squeeze
        Stored dimensions of length 1 that are left out.
    """

    file: str
    variable: str
    rank: int
    dtype: str = ""
    axes: tuple[int, ...] = ()
    squeeze: tuple[int, ...] = ()

    def prefetch(self, files: Files) -> Iterable[Request]:
        """Range of the file's head."""
        return _prefetch(files, self.file)

    def open(self, context: Context) -> Array:
        """Read the header.

        Raises
        ------
        AbsentFileError
            The file, or the variable in it, is absent.
        CorruptFileError
            The variable has another number of dimensions than the tree, or another kind of values.
        """
        file: NetcdfFile = context.value(OpenedFile(self.file))
        if self.variable not in file:
            raise AbsentFileError(f"{context.files.url}: {self.file} has no variable {self.variable}.")
        array = file.open(self.variable)
        where = f"{context.files.url}: {self.file}: {self.variable}"
        if len(array.shape) - len(self.squeeze) != self.rank or any(array.shape[axis] != 1 for axis in self.squeeze):
            raise CorruptFileError(
                f"{where} has the shape {array.shape}, not {self.rank} dimensions. Download the product again."
            )
        if array.dtype.kind not in "iufS":
            raise UnsupportedProductError(f"{where} holds values of type {array.dtype}, which no product has there.")
        factor, epoch = 0, 0
        if self.dtype.endswith("M8[ns]"):
            factor, epoch = _time_units(str(array.variable.attrs.get("units", "")), where)
        dtype = np.dtype(np.int64) if factor else np.dtype(self.dtype) if self.dtype else array.dtype
        if not self.squeeze and not self.axes and not factor and dtype == array.dtype:
            return array
        return View(array, self.axes, self.squeeze, dtype.str, factor, epoch)


@dataclass(frozen=True, slots=True)
class TimeIndex:
    """Times along a dimension of their own, read at opening: whole units since the first, as xarray writes them."""

    file: str
    variable: str

    def prefetch(self, files: Files) -> Iterable[Request]:
        """Range of the file's head."""
        return _prefetch(files, self.file)

    def open(self, context: Context) -> Array:
        """Read the times."""
        values = Stored(self.file, self.variable, 1, "<M8[ns]").open(context)[(slice(None),)]
        first = int(values[0]) if len(values) else 0
        since = values - first
        unit = next((name for name in LARGEST if not (since % UNITS[name]).any()), "nanoseconds")
        epoch = str(np.datetime64(first, "ns")).replace("T", " ").removesuffix(".000000000")
        attrs = {"units": f"{unit} since {epoch}", "calendar": "proleptic_gregorian"}
        return InMemoryArray(since // UNITS[unit], attrs)


@dataclass(frozen=True)
class View:
    """An array with another order of dimensions, data type or unit of time.

    Parameters
    ----------
    array
        As it is stored.
    axes, squeeze
        See `Stored`.
    kind
        Data type of the values.
    factor, epoch
        Nanoseconds of the stored unit of time, and of its beginning since 1970; 0 where values are no times.
    """

    array: Array
    axes: tuple[int, ...]
    squeeze: tuple[int, ...]
    kind: str
    factor: int = 0
    epoch: int = 0

    @property
    def _order(self) -> tuple[int, ...]:
        """Stored dimensions in the order of the tree."""
        return self.axes or tuple(axis for axis in range(len(self.array.shape)) if axis not in self.squeeze)

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""
        return tuple(self.array.shape[axis] for axis in self._order)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the values."""
        return np.dtype(self.kind)

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of the stored chunks."""
        return tuple(self.array.chunks[axis] for axis in self._order)

    def __getitem__(self, key: Key) -> Values:
        """Read values; those that do not fit the data type become what numpy makes of them, as in ESA's converter."""
        stored: list[int | slice] = [0] * len(self.array.shape)
        for axis, item in zip(self._order, key, strict=True):
            stored[axis] = slice(item, item + 1) if isinstance(item, int | np.integer) else item
        values = self.array[tuple(stored)]
        kept = [axis for axis in range(len(stored)) if axis not in self.squeeze]
        values = np.transpose(values, [kept.index(axis) for axis in self._order])
        values = values[tuple(0 if isinstance(item, int | np.integer) else slice(None) for item in key)]
        if not self.factor:
            with np.errstate(invalid="ignore"):
                return values.astype(self.dtype)
        return self._nanoseconds(values)

    def _nanoseconds(self, values: Values) -> Values:
        numbers = values.astype(np.int64)
        with np.errstate(over="ignore"):
            times = numbers * self.factor + self.epoch
        return np.where(numbers == NOT_A_TIME, NOT_A_TIME, times)


def _time_units(text: str, where: str) -> tuple[int, int]:
    """Return nanoseconds of a unit of time, and of its beginning since 1970."""
    found = SINCE.match(text)
    if found is None or found[1] not in UNITS:
        raise MissingElementError(f"{where} has no units of time but {text!r}. Download the product again.")
    return UNITS[found[1]], int(np.datetime64(found[2].strip().replace(" ", "T"), "ns").astype(np.int64))
