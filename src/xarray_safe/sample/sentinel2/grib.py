"""``AUX_ECMWFT`` and ``AUX_CAMSFO``: meteorology and aerosols over the tile, 9 x 9 nodes, as GRIB edition 1."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from xarray_safe.formats.grib.eccodes import library
from xarray_safe.sample.sentinel2.geometry import EXTENT

if TYPE_CHECKING:
    from pathlib import Path

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
    spot = spec.place
    latitude, longitude = spot.geographic([spot.west, spot.west + EXTENT], [spot.north, spot.north - EXTENT])
    width = (longitude[1] - longitude[0]) % 360  # across the antimeridian longitudes go on beyond 180
    keys = {
        "table2Version": table,
        "indicatorOfParameter": parameter,
        "indicatorOfTypeOfLevel": level,
        "level": 0,
        "generatingProcessIdentifier": 128,
        "dataDate": int(run.strftime("%Y%m%d")),
        "dataTime": 0,
        "unitOfTimeRange": 0,  # minutes
        "timeRangeIndicator": 10,  # P1 takes two octets
        "P1": minutes // 256,
        "P2": minutes % 256,
        "marsClass": "ei",
        "marsType": "fc",
        "marsStream": "oper",
        "Ni": NODES,
        "Nj": NODES,
        "latitudeOfFirstGridPoint": round(latitude[0] * 1000),
        "longitudeOfFirstGridPoint": round(longitude[0] * 1000),
        "latitudeOfLastGridPoint": round(latitude[1] * 1000),
        "longitudeOfLastGridPoint": round((longitude[0] + width) * 1000),
        "iDirectionIncrement": round(width * 1000 / (NODES - 1)),
        "jDirectionIncrement": round((latitude[0] - latitude[1]) * 1000 / (NODES - 1)),
        "bitsPerValue": 16,
    }
    eccodes = library()
    handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib1")
    try:
        for key, value in keys.items():
            eccodes.codes_set(handle, key, value)
        eccodes.codes_set_values(handle, _field(spec, (table, parameter), mean, spread))
        message: bytes = eccodes.codes_get_message(handle)
    finally:
        eccodes.codes_release(handle)
    return message


def _field(spec: Spec, purpose: object, mean: float, spread: float) -> list[float]:
    """Give a smooth field of `mean` ± `spread`, rows from north to south."""
    a, b, c, d = spec.random("grib", purpose).uniform(-1, 1, 4)
    x, y = np.meshgrid(*2 * [np.linspace(-1, 1, NODES)])
    field = a * x + b * y + c * np.sin(2 * x + 3 * y + d)
    values: list[float] = (mean + spread * field / np.abs(field).max()).ravel().tolist()
    return values
