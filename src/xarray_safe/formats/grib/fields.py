"""Variables of GRIB files: a lazy field per message, and the coordinates and attributes that cfgrib would give.

Indexing a file takes one read (of a large file: several, without the values) and no decoding. Attributes are spelt,
and times rounded, as cfgrib and xarray write them to Zarr, because the tree has what they wrote.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from dataclasses import field as factory
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe import runtime
from xarray_safe.archive.ranges import Window
from xarray_safe.errors import AbsentFileError, CorruptFileError, MissingPackageError
from xarray_safe.formats.grib import header as grib_header
from xarray_safe.formats.grib.eccodes import open_message
from xarray_safe.formats.grib.header import MISSING, Field
from xarray_safe.formats.grib.packing import unpack
from xarray_safe.model.arrays import InMemoryArray

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from xarray_safe.archive.files import Files, Request
    from xarray_safe.model.arrays import Array, Context, Key

_PIECE: Final = 1 << 16  # bytes of one read: many times a whole file of a product
_HEAD: Final = 1 << 12  # bytes of a message that hold its header
_FIELD_BYTES: Final = 4000  # approximate memory of an indexed message

_LEVEL_ATTRS: Final[Mapping[str, Mapping[str, str]]] = {
    "isobaricInhPa": {
        "long_name": "pressure",
        "standard_name": "air_pressure",
        "units": "hPa",
        "positive": "down",
        "stored_direction": "decreasing",
    },
}
_NANOSECONDS: Final = {"days": 86400 * 10**9, "hours": 3600 * 10**9, "minutes": 60 * 10**9, "seconds": 10**9}


@dataclass(slots=True)
class GribArray:
    """The values of one GRIB message, float32 of shape (latitudes, longitudes), NaN where they are missing.

    Parameters
    ----------
    files, name
        The archive and its GRIB file.
    field
        The message.
    attrs
        Raw attributes, as cfgrib gives them.
    """

    files: Files
    name: str
    field: Field
    attrs: Mapping[str, Any]
    shape: tuple[int, ...] = factory(init=False)
    dtype: np.dtype[Any] = factory(init=False, default=np.dtype("<f4"))
    chunks: tuple[int, ...] = factory(init=False)

    def __post_init__(self) -> None:
        """Take the shape from the header."""
        self.shape = self.chunks = self.field.shape

    def __dask_tokenize__(self) -> object:
        """Token of the content: the file and the message in it."""
        return ("xarray_safe.grib", self.files.identity(self.name), self.field.start)

    def __getitem__(self, key: Key) -> np.ndarray[Any, Any]:
        """Decode the message and cut a window out.

        Raises
        ------
        CorruptFileError
            The message has changed since it was indexed, or its values cannot be decoded.
        MissingPackageError
            The values are packed in a way that needs eccodes, which is not installed.
        """
        where = f"{self.files.url}: {self.name}: message of {self.field.name!r} at byte {self.field.start}"
        message = self.files.read(self.name, self.field.start, self.field.stop)
        if len(message) != self.field.stop - self.field.start or message[:4] != b"GRIB" or message[-4:] != b"7777":
            raise CorruptFileError(f"{where}: is no longer there: the file has changed")
        values = None
        if message[7] == 1:
            grib_header.check_sections(message, len(message), where)
            values = unpack(message, MISSING, where)
        if values is None:
            with open_message(message, where) as get:
                values = get.values(MISSING)
        if values.size != math.prod(self.shape):
            raise CorruptFileError(f"{where}: holds {values.size} values for {self.shape} points")
        with np.errstate(over="ignore"):
            array = values.astype(self.dtype).reshape(self.shape)
        array[array == np.float32(MISSING)] = np.nan
        return np.asarray(array[key])


@dataclass(frozen=True, slots=True)
class GribFile:
    """Index of a GRIB file whose messages share one grid and one forecast.

    Parameters
    ----------
    where
        Archive and file, for errors.
    fields
        Messages by the names of their variables, in the file's order.
    unread
        Messages that only eccodes could read, which is not installed.
    """

    where: str
    fields: Mapping[str, Field]
    unread: tuple[MissingPackageError, ...] = ()

    @property
    def first(self) -> Field:
        """The first message, which stands for what all have in common."""
        return next(iter(self.fields.values()))

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the group: ``GRIB_edition``, …, ``institution``, ``Conventions``, ``history``."""
        return {
            **{f"GRIB_{key}": value for key, value in self.first.group.items()},
            "Conventions": "CF-1.7",
            "institution": self.first.group["centreDescription"],
            "history": "GRIB to CDM+CF as cfgrib does it",
        }

    @property
    def coordinates(self) -> list[str]:
        """Names of all coordinates, in cfgrib's order."""
        return list(dict.fromkeys(name for field in self.fields.values() for name in _coordinates_of(field)))

    def no_message(self, name: str) -> AbsentFileError:
        """Return the error for a variable that the file does not have; its cause is the package that may be missing."""
        error = AbsentFileError(
            f"{self.where}: has no message of {name!r}, only of {', '.join(self.fields) or 'none'}."
        )
        error.__cause__ = self.unread[0] if self.unread else None
        return error

    def variable_attrs(self, name: str) -> dict[str, Any]:
        """Raw attributes of a variable: all of ``GRIB_…``, names, units, ``coordinates``, ``_FillValue``."""
        field = self.fields[name]
        attrs = {f"GRIB_{key}": value for key, value in field.keys.items()}
        attrs["standard_name"], attrs["long_name"] = field.keys["cfName"], field.keys["name"]
        attrs["units"] = field.keys["units"]
        return {**attrs, "coordinates": " ".join(_coordinates_of(field)), "_FillValue": np.float32(np.nan)}

    def coordinate(self, name: str) -> InMemoryArray:
        """One of `coordinates`, as cfgrib and xarray write it to Zarr: times as integers, the rest as they are."""
        if name in ("latitude", "longitude"):
            values = self.first.latitude if name == "latitude" else self.first.longitude
            return _geographic(name, values.copy())  # the index is cached, and users may write into coordinates
        if name == "number":
            attrs = {"long_name": "ensemble member numerical id", "standard_name": "realization", "units": "1"}
            return InMemoryArray(np.array(self.first.number, np.int64), attrs)
        if name == "time":
            return _moment(self.first.time, "initial time of forecast", "forecast_reference_time")
        if name == "valid_time":
            return _moment(self.first.time + self.first.step, "time", "time")
        if name == "step":
            value, units = _step(self.first.step)
            attrs = {
                "long_name": "time since forecast_reference_time",
                "standard_name": "forecast_period",
                "units": units,
            }
            return InMemoryArray(np.array(value, np.int64), attrs)
        level = next(field.level for field in self.fields.values() if field.keys["typeOfLevel"] == name)
        plain = {"long_name": f"original GRIB coordinate for key: level({name})", "units": "1"}
        return InMemoryArray(
            np.array(level, np.float64), {**_LEVEL_ATTRS.get(name, plain), "_FillValue": np.float64(np.nan)}
        )


@dataclass(frozen=True, slots=True)
class Grib:
    """A variable or a coordinate of a GRIB file.

    Parameters
    ----------
    names
        Patterns of the file, e.g. ``("*/weather.grib",)``; the first that is there counts.
    variable
        Name in cfgrib: a variable (``msl``, ``u10``, …), ``latitude``, ``longitude``, ``number``, ``time``,
        ``step``, ``valid_time``, or a type of level (``surface``, ``isobaricInhPa``).
    dtype
        For coordinates: cast to it; empty: as cfgrib gives them (float64, int64).
    described
        The opened array has ``attrs``: the raw attributes that cfgrib gives to the variable.
    """

    names: tuple[str, ...]
    variable: str
    dtype: str = ""
    described: bool = False

    def prefetch(self, files: Files) -> Iterator[Request]:
        """Return the whole files: they are small."""
        return ((name, 0, None) for pattern in self.names for name in files.find(pattern))

    def open(self, context: Context) -> Array:
        """Index the file (once) and return the variable, lazily.

        Raises
        ------
        AbsentFileError
            There is no such file, or it has no message of the variable that can be read.
        CorruptFileError
            The file is not a GRIB file, or broken.
        """
        name = find(context.find, self.names)
        grib = index(context.files, name)
        field = grib.fields.get(self.variable)
        if field is not None:
            return GribArray(context.files, name, field, grib.variable_attrs(self.variable) if self.described else {})
        if self.variable not in grib.coordinates:
            raise grib.no_message(self.variable)
        coordinate = grib.coordinate(self.variable)
        values = coordinate.values.astype(self.dtype) if self.dtype else coordinate.values
        return InMemoryArray(values, coordinate.attrs if self.described else {})


def find(look: Callable[[str], str], names: tuple[str, ...]) -> str:
    """Name of the first file that exists; the error for the first pattern if none does."""
    absent = None
    for pattern in names:
        try:
            return look(pattern)
        except AbsentFileError as error:
            absent = error if absent is None or (error.expected and not absent.expected) else absent
    raise absent or AbsentFileError("no file was asked for")


def index(files: Files, name: str) -> GribFile:
    """Index a GRIB file; the index is cached for as long as the file stays the same.

    Parameters
    ----------
    files
        The archive.
    name
        The file in it.

    Raises
    ------
    CorruptFileError
        The file is not a GRIB file, or cut short, or its messages do not belong together.
    """
    key = ("grib", *files.identity(name))
    found: GribFile | None = runtime.indexes().get(key)
    if found is None:
        where = f"{files.url}: {name}"
        messages = list(_messages(files, name, where))
        fields = _by_name([message for message in messages if isinstance(message, Field)], where)
        unread = tuple(message for message in messages if isinstance(message, MissingPackageError))
        found = GribFile(where, fields, unread)
        runtime.indexes().put(key, found, _FIELD_BYTES * len(fields))
    return found


def _messages(files: Files, name: str, where: str) -> Iterator[Field | MissingPackageError]:
    """Read the headers of all messages of a file; one that cannot be read without eccodes is its error."""
    size, at, count = files.size(name), 0, 0
    window = Window(_PIECE, _PIECE)

    def get(start: int, stop: int) -> bytes:
        return window.read(start, stop, partial(files.read, name))

    while at < size or not count:
        count += 1
        here = f"{where}: message {count} at byte {at}"
        head = get(at, min(at + _HEAD, size))
        length = _length(head, size - at, here)
        if get(at + length - 4, at + length) != b"7777":
            raise CorruptFileError(
                f"{here}: does not end with '7777' after {length} bytes; the file is damaged, download it again"
            )
        try:
            yield grib_header.field(head[:length], at, length, here, partial(get, at, at + length))
        except MissingPackageError as error:
            yield error
        at += length


def _length(head: bytes, left: int, where: str) -> int:
    """Length of the message that starts with these bytes, checked against what is left of the file."""
    if len(head) < 16 or head[:4] != b"GRIB":
        raise CorruptFileError(f"{where}: no GRIB message starts there; the file is damaged, download it again")
    if head[7] not in (1, 2):
        raise CorruptFileError(f"{where}: GRIB edition {head[7]} is not known")
    length = int.from_bytes(head[4:7]) if head[7] == 1 else int.from_bytes(head[8:16])
    if not 20 <= length <= left:
        raise CorruptFileError(
            f"{where}: is {length} bytes long, but {left} are left; the file is cut short, download it again"
        )
    return length


def _by_name(fields: list[Field], where: str) -> dict[str, Field]:
    """Messages by variable; an error unless all are of one forecast and one grid, at one level of a kind."""
    levels, named = dict[str, float](), dict[str, Field]()
    for count, field in enumerate(fields, start=1):
        here, first = f"{where}: message {count} at byte {field.start}", fields[0]
        if field.name in named:
            raise CorruptFileError(f"{here}: is a second message of {field.name!r}")
        if (field.group, field.number, field.time, field.step) != (first.group, first.number, first.time, first.step):
            raise CorruptFileError(f"{here}: {field.name!r} is of another forecast than {first.name!r}")
        if not np.array_equal(field.latitude, first.latitude) or not np.array_equal(field.longitude, first.longitude):
            raise CorruptFileError(f"{here}: {field.name!r} is on another grid than {first.name!r}")
        if levels.setdefault(field.keys["typeOfLevel"], field.level) != field.level:
            raise CorruptFileError(f"{here}: {field.name!r} is at another level than the variables before it")
        named[field.name] = field
    return named


def _coordinates_of(field: Field) -> tuple[str, ...]:
    """Names of a message's coordinates, in cfgrib's order."""
    number = () if field.number is None else ("number",)
    return (*number, "time", "step", field.keys["typeOfLevel"], "latitude", "longitude", "valid_time")


def _geographic(name: str, values: np.ndarray[Any, Any]) -> InMemoryArray:
    """Latitudes or longitudes with their attributes."""
    attrs: dict[str, Any] = {"long_name": name, "standard_name": name, "_FillValue": np.float64(np.nan)}
    attrs["units"] = "degrees_north" if name == "latitude" else "degrees_east"
    if name == "latitude" and values[0] > values[-1]:
        attrs["stored_direction"] = "decreasing"
    return InMemoryArray(values, attrs)


def _moment(seconds: int, long_name: str, standard_name: str) -> InMemoryArray:
    """Encode a moment as xarray does: as zero days since itself."""
    moment = datetime.fromtimestamp(seconds, UTC)
    attrs = {"long_name": long_name, "standard_name": standard_name, "calendar": "proleptic_gregorian"}
    return InMemoryArray(np.array(0, np.int64), {**attrs, "units": f"days since {moment:%Y-%m-%d %H:%M:%S}"})


def _step(seconds: int) -> tuple[int, str]:
    """Encode the length of a forecast as cfgrib and xarray do.

    cfgrib returns hours as a float. pandas splits off the whole ones and rounds the rest to 12 digits, so that
    35,700 s become a nanosecond too long. xarray then takes the largest unit that divides the result.
    """
    hour = _NANOSECONDS["hours"]
    whole, rest = divmod(seconds / 3600, 1)
    length = int(whole) * hour + int(np.round(rest, 12) * hour)
    for units, unit in _NANOSECONDS.items():
        if length % unit == 0:
            return length // unit, units
    return length, "nanoseconds"
