"""The header of one GRIB message, under cfgrib's names.

The messages in products are all alike: GRIB edition 1, ECMWF's local section, a regular grid. Their
headers are read here directly (WMO FM 92 GRIB, edition 1), in less than 0.1 ms each. Any other message is read through
eccodes, if it is installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.errors import CorruptFileError
from xarray_safe.formats.grib.packing import MAX_CONSTANT, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

MISSING: Final = float(np.finfo(np.float32).max)
"""Stands for a missing value on decoding, as in cfgrib."""

_NAMES: Final[dict[int, tuple[str, str, str, str, str]]] = {
    # paramId: shortName, cfVarName, name, units, cfName (ECMWF parameter database, as in eccodes)
    129: ("z", "z", "Geopotential", "m**2 s**-2", "geopotential"),
    137: (
        "tcwv",
        "tcwv",
        "Total column vertically-integrated water vapour",
        "kg m**-2",
        "lwe_thickness_of_atmosphere_mass_content_of_water_vapor",
    ),
    151: ("msl", "msl", "Mean sea level pressure", "Pa", "air_pressure_at_mean_sea_level"),
    157: ("r", "r", "Relative humidity", "%", "relative_humidity"),
    165: ("10u", "u10", "10 metre U wind component", "m s**-1", "unknown"),
    166: ("10v", "v10", "10 metre V wind component", "m s**-1", "unknown"),
    206: ("tco3", "tco3", "Total column ozone", "kg m**-2", "atmosphere_mass_content_of_ozone"),
    **{
        210_000 + code: (short, short, f"{long} Aerosol Optical Depth at {short.partition('aod')[2]}nm", "~", "unknown")
        for code, short, long in (
            (207, "aod550", "Total"),
            (208, "ssaod550", "Sea Salt"),
            (209, "duaod550", "Dust"),
            (210, "omaod550", "Organic Matter"),
            (211, "bcaod550", "Black Carbon"),
            (212, "suaod550", "Sulphate"),
            (213, "aod469", "Total"),
            (214, "aod670", "Total"),
            (215, "aod865", "Total"),
            (216, "aod1240", "Total"),
        )
    },
}
_ECMWF: Final = {"centre": "ecmf", "centreDescription": "European Centre for Medium-Range Weather Forecasts"}
_LEVELS: Final = {1: "surface", 100: "isobaricInhPa"}
_TYPES: Final = {2: "an", 9: "fc"}
_STEP_SECONDS: Final = {0: 60, 1: 3600, 2: 86400, 10: 10800, 11: 21600, 12: 43200, 13: 1, 14: 900, 15: 1800}
"""GRIB's units of time (code table 4, as eccodes reads it) that have a fixed length, in seconds."""

_GROUP_KEYS: Final = ("edition", "centre", "centreDescription", "subCentre")
_VARIABLE_KEYS: Final = (
    *("paramId", "dataType", "numberOfPoints", "typeOfLevel", "stepType", "gridType", "shortName", "units", "name"),
    *("cfName", "cfVarName", "totalNumber", "NV", "gridDefinitionDescription", "Nx", "iDirectionIncrementInDegrees"),
    *("iScansNegatively", "longitudeOfFirstGridPointInDegrees", "longitudeOfLastGridPointInDegrees", "Ny"),
    *("jDirectionIncrementInDegrees", "jPointsAreConsecutive", "jScansPositively"),
    *("latitudeOfFirstGridPointInDegrees", "latitudeOfLastGridPointInDegrees"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One GRIB message, as its header describes it.

    Parameters
    ----------
    start, stop
        Bytes of the file that are the message.
    group
        Attributes that cfgrib gives to a file: ``edition``, ``centre``, ``centreDescription``, ``subCentre``.
    keys
        Attributes that cfgrib gives to a variable, by eccodes' keys (``paramId``, ``shortName``, ``Nx``, …).
    number
        Number of the member of the ensemble; None if the message does not belong to one.
    time
        Initial time of the forecast, seconds since 1970-01-01.
    step
        Length of the forecast in seconds.
    level
        Value of the vertical coordinate that ``keys["typeOfLevel"]`` names.
    latitude, longitude
        Degrees, float64, as in eccodes' ``distinctLatitudes`` and ``distinctLongitudes``.
    """

    start: int
    stop: int
    group: Mapping[str, Any]
    keys: Mapping[str, Any]
    number: int | None
    time: int
    step: int
    level: float
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]

    @property
    def name(self) -> str:
        """Name of the variable, as in cfgrib: the CF one if there is one."""
        cf = str(self.keys.get("cfVarName", "unknown"))
        return cf if cf not in ("undef", "unknown") else str(self.keys["shortName"])

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of latitudes and longitudes."""
        return int(self.keys["Ny"]), int(self.keys["Nx"])


def field(head: bytes, start: int, length: int, where: str, whole: Callable[[], bytes]) -> Field:
    """Read the header of a message.

    Parameters
    ----------
    head
        The message, or its first 4096 bytes if it is longer.
    start
        Where it begins in its file.
    length
        Its length in bytes.
    where
        File and message, for errors.
    whole
        Reads all of it; called only for messages of another kind than those in products.

    Raises
    ------
    CorruptFileError
        The message is broken, or not on a regular grid of latitudes and longitudes stored row by row.
    MissingPackageError
        The message is of another kind, and eccodes is not installed.
    """
    if head[7] == 1:
        check_sections(head, length, where)
        known = _usual_field(head, start, length, where)
        if known is not None:
            return known
    return _field_by_eccodes(whole(), start, where)


def check_sections(message: bytes, total: int, where: str) -> None:
    """Validate the sections of an edition 1 message against its length and its grid, before anything decodes them.

    Parameters
    ----------
    message
        The message or its head; sections that start beyond it are not inspected.
    total
        Length of the message in bytes.
    where
        File and message, for errors.
    """
    flags, at, begins = message[15], 8, dict[int, int]()
    for number, least in ((1, 28), (2, 32 if flags & 128 else 0), (3, 6 if flags & 64 else 0), (4, 11)):
        if not least:
            continue
        if at + 11 > len(message) < total:
            return  # the data are beyond the head; they are checked before they are decoded
        size = int.from_bytes(message[at : at + 3])
        if size < least or at + size > total - 4:
            raise CorruptFileError(
                f"{where}: section {number} of {size} bytes does not fit into a message of {total} bytes"
            )
        begins[number] = at
        at += size
    if at != total - 4:
        raise CorruptFileError(f"{where}: its sections end at byte {at} of {total}")
    _check_content(message[8:], message[begins[2] :] if 2 in begins else b"", message[begins[4] :], where)


def _check_content(product: bytes, grid: bytes, data: bytes, where: str) -> None:
    """Validate date, grid and data of a message (from where these sections begin) against each other."""
    if not grid:
        raise CorruptFileError(f"{where}: has no description of its grid")
    if grid[5] != 0:
        raise CorruptFileError(
            f"{where}: its grid is of type {grid[5]}, not a regular one of latitudes and longitudes (0)"
        )
    if grid[3] and grid[4] - 1 + 4 * grid[3] > int.from_bytes(grid[:3]):
        raise CorruptFileError(
            f"{where}: its {grid[3]} vertical coordinates do not fit into the description of the grid"
        )
    north, south = signed(grid[10:13]), signed(grid[17:20])
    if (north < south) != bool(grid[27] & 64) and north != south:
        raise CorruptFileError(
            f"{where}: latitudes from {north / 1000} to {south / 1000} are not in the order that it states"
        )
    size, kind, bits = int.from_bytes(data[:3]), data[3], data[10]
    points = int.from_bytes(grid[6:8]) * int.from_bytes(grid[8:10])
    if kind & 0x80:
        raise CorruptFileError(f"{where}: holds spherical harmonics, not values of points")
    if not kind & 0x50 and not product[7] & 64 and points * bits > 8 * (size - 11) - (kind & 15):
        raise CorruptFileError(f"{where}: {size} bytes of data are too few for {points} values of {bits} bits")
    if not bits and points > MAX_CONSTANT:
        raise CorruptFileError(f"{where}: {points} points without data; {MAX_CONSTANT} are the maximum")
    _moment(product, where)


def _usual_field(message: bytes, start: int, length: int, where: str) -> Field | None:
    """Read a message of the kind in products; None if it is of another kind.

    Octets are those of WMO FM 92 GRIB edition 1 and of ECMWF's local definition 1; here they count from 0.
    """
    first = message[8 : 8 + int.from_bytes(message[8:11])]
    if first[4] != 98 or len(first) < 51 or first[40] != 1 or int.from_bytes(first[43:45]) != 1025:  # 1025: "oper"
        return None
    grid = message[8 + len(first) :]
    grid = grid[: int.from_bytes(grid[:3])]
    param = first[8] if first[3] == 128 else 1000 * first[3] + first[8]
    unit, span = first[17], first[20]
    if (
        param not in _NAMES
        or first[9] not in _LEVELS
        or first[42] not in _TYPES
        or unit not in (0, 1)
        or span not in (0, 1, 10)
        or (span == 1 and (first[18] or first[19]))
        or len(grid) != 32
        or grid[5] != 0
        or grid[3] != 0
        or not grid[16] & 128
        or grid[27] != 0
    ):
        return None
    width, height = int.from_bytes(grid[6:8]), int.from_bytes(grid[8:10])
    north, west, south, east = (signed(grid[i : i + 3]) for i in (10, 13, 17, 20))
    dx, dy = int.from_bytes(grid[23:25]), int.from_bytes(grid[25:27])
    sizes = 2 <= width < 0xFFFF and 2 <= height < 0xFFFF and 0 < dx < 0xFFFF and 0 < dy < 0xFFFF  # all bits: missing
    across = -180_000 <= west != east <= (360_000 if west < east else 180_000)
    if not sizes or not across or not -90_000 <= south < north <= 90_000:
        return None
    latitude, longitude = _latitudes(north, south, dy, height), _longitudes(west, east, width)
    if not (np.diff(latitude) < 0).all() or len(longitude) < width:
        return None
    step = _STEP_SECONDS[unit] * (int.from_bytes(first[18:20]) if span == 10 else first[18])
    short, cf_variable, name, units, cf_name = _NAMES[param]
    keys = {
        "paramId": param,
        "dataType": _TYPES[first[42]],
        "numberOfPoints": width * height,
        "typeOfLevel": _LEVELS[first[9]],
        "stepUnits": 1 if step % 3600 == 0 else unit,
        "stepType": "instant",
        "gridType": "regular_ll",
        "shortName": short,
        "units": units,
        "name": name,
        "cfName": cf_name,
        "cfVarName": cf_variable,
        "missingValue": MISSING,
        "totalNumber": first[50],
        "NV": 0,
        "gridDefinitionDescription": "Latitude/Longitude Grid",
        "Nx": width,
        "iDirectionIncrementInDegrees": dx / 1000,
        "iScansNegatively": 0,
        "longitudeOfFirstGridPointInDegrees": west / 1000,
        "longitudeOfLastGridPointInDegrees": east / 1000,
        "Ny": height,
        "jDirectionIncrementInDegrees": dy / 1000,
        "jPointsAreConsecutive": 0,
        "jScansPositively": 0,
        "latitudeOfFirstGridPointInDegrees": north / 1000,
        "latitudeOfLastGridPointInDegrees": south / 1000,
    }
    level = float(int.from_bytes(first[10:12]))
    group = {"edition": 1, **_ECMWF, "subCentre": first[25]}
    return Field(start, start + length, group, keys, first[49], _moment(first, where), step, level, latitude, longitude)


def _moment(product: bytes, where: str) -> int:
    """Seconds since 1970 of the reference time in section 1."""
    year, (month, day, hour, minute) = 100 * (product[24] - 1) + product[12], product[13:17]
    try:
        return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp())
    except ValueError as error:
        raise CorruptFileError(f"{where}: there is no moment {year}-{month}-{day} {hour}:{minute}") from error


@lru_cache(maxsize=16)  # one grid for all messages of a product
def _latitudes(north: int, south: int, step: int, count: int) -> NDArray[np.float64]:
    """Latitudes from thousandths of degrees; sums with eccodes' roundings, and the last as it is stored."""
    values = np.subtract.accumulate(np.array([north / 1000, *[step / 1000] * (count - 1)]))
    values[-1] = south / 1000
    values.flags.writeable = False
    return values


@lru_cache(maxsize=16)
def _longitudes(west: int, east: int, count: int) -> NDArray[np.float64]:
    """Longitudes as `_latitudes`; evenly spaced, and sorted even across the antimeridian, both as eccodes does it."""
    first, last = west / 1000, east / 1000
    step = ((last if last > first else last + 360) - first) / (count - 1)
    values = np.add.accumulate(np.array([first, *[step] * (count - 1)]))
    values[-1] = last
    values = np.unique(values)
    values.flags.writeable = False
    return values


def _field_by_eccodes(message: bytes, start: int, where: str) -> Field:
    """Read the header of any message on a regular grid."""
    from xarray_safe.formats.grib.eccodes import open_message

    with open_message(message, where) as get:
        keys: dict[str, Any] = {key: get.optional(key) for key in _VARIABLE_KEYS}
        if keys["gridType"] != "regular_ll":
            raise CorruptFileError(f"{where}: its grid is of type {keys['gridType']}, not regular_ll")
        if keys["jPointsAreConsecutive"] or get.optional("alternativeRowScanning"):
            raise CorruptFileError(f"{where}: its values do not run through all rows from west to east")
        keys["stepUnits"], step = get.step(_STEP_SECONDS)
        keys["missingValue"] = MISSING
        date, time = get("dataDate"), get("dataTime")
        found = Field(
            start=start,
            stop=start + len(message),
            group={key: get(key) for key in _GROUP_KEYS},
            keys={key: value for key, value in keys.items() if value is not None},
            number=get.optional("number"),
            time=int(datetime.strptime(f"{date:08}{time:04} +0000", "%Y%m%d%H%M %z").timestamp()),
            step=step,
            level=float(get("level")),
            latitude=get.array("distinctLatitudes"),
            longitude=get.array("distinctLongitudes"),
        )
    if found.shape != (len(found.latitude), len(found.longitude)):
        axes = f"{len(found.latitude)} latitudes and {len(found.longitude)} longitudes"
        raise CorruptFileError(f"{where}: says that its grid is {found.shape}, but has {axes}")
    return found
