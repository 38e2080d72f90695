"""``AUX_ECMWFT`` and ``AUX_CAMSFO``: meteorology and aerosols over the tile, 9 x 9 nodes, as GRIB edition 1."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from xarray_safe.sample.sentinel2.geometry import EXTENT

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    import numpy.typing as npt

    from xarray_safe.sample.sentinel2.spec import Spec

NODES = 9

# GRIB table, parameter, level type (1 surface, 100 pressure), mean, spread over the tile
_ECMWF = (
    (128, 137, 1, 11.3, 2.0),  # total column water vapour (kg m**-2)
    (128, 151, 1, 102030.0, 100.0),  # mean sea level pressure (Pa)
    (128, 206, 1, 0.00634, 0.00007),  # total column ozone (kg m**-2)
    (128, 165, 1, -1.8, 2.5),  # 10 metre U wind (m s**-1)
    (128, 166, 1, -3.1, 2.9),  # 10 metre V wind (m s**-1)
    (128, 157, 100, 68.0, 10.0),  # relative humidity (%)
)
_CAMS = (
    (128, 129, 1, 2700.0, 2500.0),  # geopotential (m**2 s**-2)
    (210, 213, 1, 0.067, 0.011),  # aerosol optical depth at 469 nm
    (210, 207, 1, 0.057, 0.009),  # 550 nm
    (210, 214, 1, 0.045, 0.007),  # 670 nm
    (210, 215, 1, 0.032, 0.005),  # 865 nm
    (210, 216, 1, 0.018, 0.004),  # 1240 nm
    (210, 211, 1, 0.0026, 0.0004),  # black carbon
    (210, 209, 100, 0.0029, 0.0016),  # dust
    (210, 210, 1, 0.0089, 0.0016),  # organic matter
    (210, 208, 1, 0.0058, 0.0042),  # sea salt
    (210, 212, 1, 0.024, 0.005),  # sulphate
)


def auxiliary_names(spec: Spec) -> list[str]:
    """Paths of the files in the product: aerosols only since baseline 04.00."""
    names = ["AUX_CAMSFO", "AUX_ECMWFT"] if spec.raster_masks else ["AUX_ECMWFT"]
    return [f"{spec.granule_folder}/AUX_DATA/{name}" for name in names]


def write(spec: Spec, folder: Path) -> None:
    """Write the files."""
    for name in auxiliary_names(spec):
        table = _CAMS if name.endswith("CAMSFO") else _ECMWF[: 6 if spec.raster_masks else 3]
        (folder / name).write_bytes(b"".join(_message(spec, *field) for field in table))


def _message(spec: Spec, table: int, parameter: int, level: int, mean: float, spread: float) -> bytes:
    """Encode one field: a forecast of midnight for the minute of sensing."""
    run = spec.start.replace(hour=0, minute=0, second=0, microsecond=0)
    minutes = (spec.strip_start - run) // timedelta(minutes=1)
    data = pack(_field(spec, (table, parameter), mean, spread))
    body = _product(table, parameter, level, run, minutes) + _grid(spec) + data + b"7777"
    return b"GRIB" + (8 + len(body)).to_bytes(3) + bytes([1]) + body


def _product(table: int, parameter: int, level: int, run: datetime, minutes: int) -> bytes:
    """Section 1: which parameter, when, of which forecast; with ECMWF's local definition 1."""
    century, year = divmod(run.year - 1, 100)
    centre, process, grid, flags = 98, 128, 255, 128  # ECMWF; the grid is in section 2
    unit, span = 0, 10  # minutes, and P1 takes two bytes
    octets = bytes([table, centre, process, grid, flags, parameter, level, 0, 0, year + 1, *run.timetuple()[1:5]])
    octets += bytes([unit, *minutes.to_bytes(2), span, 0, 0, 0, century + 1, 0, 0, 0]) + bytes(12)
    definition, marsclass, forecast, stream = 1, 14, 9, 1025  # class "ei", type "fc", stream "oper"
    octets += bytes([definition, marsclass, forecast, *stream.to_bytes(2)]) + b"0001" + bytes(3)
    return (3 + len(octets)).to_bytes(3) + octets


def _grid(spec: Spec) -> bytes:
    """Section 2: a regular grid over the tile, rows from north to south, in thousandths of degrees."""
    spot = spec.place
    latitude, longitude = spot.geographic([spot.west, spot.west + EXTENT], [spot.north, spot.north - EXTENT])
    width = (longitude[1] - longitude[0]) % 360  # across the antimeridian longitudes go on beyond 180
    corners = latitude[0], longitude[0], latitude[1], longitude[0] + width
    places = [_signed(round(degrees * 1000), 3) for degrees in corners]
    steps = [round(extent * 1000 / (NODES - 1)) for extent in (width, latitude[0] - latitude[1])]
    nodes = 2 * NODES.to_bytes(2)
    octets = bytes([0, 255, 0]) + nodes + b"".join(places[:2]) + bytes([128]) + b"".join(places[2:])
    octets += b"".join(step.to_bytes(2) for step in steps) + bytes(5)
    return (3 + len(octets)).to_bytes(3) + octets


def pack(values: npt.ArrayLike) -> bytes:
    """Encode values as section 4: simple packing in 16 bits, scaled as eccodes does it.

    Parameters
    ----------
    values
        Finite values that are not all the same.
    """
    array = np.asarray(values, np.float64).ravel()
    reference, ibm = _ibm_below(float(array.min()))
    exponent = int(np.frexp((array.max() - reference) / 0xFFFF)[1]) - 1
    while int((array.max() - reference) * 2.0**-exponent + 0.5) > 0xFFFF:
        exponent += 1
    integers = ((array - reference) * 2.0**-exponent + 0.5).astype(">u2").tobytes()
    unused = len(integers) + 11 & 1  # bytes, to an even length
    header = bytes([8 * unused]) + _signed(exponent, 2) + ibm + bytes([16])
    return (3 + len(header) + len(integers) + unused).to_bytes(3) + header + integers + bytes(unused)


def _ibm_below(value: float) -> tuple[float, bytes]:
    """Largest IBM single precision number that is not above a value, and its bytes."""
    exponent = math.ceil(math.frexp(value)[1] / 4)
    unit = 2.0 ** (4 * exponent - 24)
    fraction = math.floor(value / unit)
    if fraction == -1 << 24:  # rounded down to one digit more
        unit, exponent, fraction = unit * 16, exponent + 1, -1 << 20
    return fraction * unit, _signed(exponent + 64 << 24 | abs(fraction), 4, negative=fraction < 0)


def _signed(value: int, size: int, *, negative: bool | None = None) -> bytes:
    """Encode a number as sign and magnitude."""
    sign = 1 << 8 * size - 1 if (value < 0 if negative is None else negative) else 0
    return (sign | abs(value)).to_bytes(size)


def _field(spec: Spec, purpose: object, mean: float, spread: float) -> list[float]:
    """Return a smooth field of `mean` ± `spread`, rows from north to south."""
    a, b, c, d = spec.random("grib", purpose).uniform(-1, 1, 4)
    x, y = np.meshgrid(*2 * [np.linspace(-1, 1, NODES)])
    field = a * x + b * y + c * np.sin(2 * x + 3 * y + d)
    values: list[float] = (mean + spread * field / np.abs(field).max()).ravel().tolist()
    return values
