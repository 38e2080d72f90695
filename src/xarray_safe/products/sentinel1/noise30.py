"""`quality/noise_azimuth` in layout 3.0: one table of lines and swaths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xarray_safe.model.arrays import LookUp
from xarray_safe.products.sentinel1.axes import geometry, image_times
from xarray_safe.products.sentinel1.pieces import Piece
from xarray_safe.products.sentinel1.quality import (
    ABOUT_NOISE_AZIMUTH,
    NOISE_AZIMUTH,
    SWATH_VALUES,
    about_swath_value,
)
from xarray_safe.products.sentinel1.records import Column, Records, packed, read_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray_safe.model.arrays import Array, Context
    from xarray_safe.model.documents import Documents
    from xarray_safe.products.sentinel1.names import Image

    Values = np.ndarray[Any, np.dtype[Any]]


class NoiseTable(NamedTuple):
    """Noise along azimuth by swath: what the group's variables hold."""

    swath: Values
    azimuth_time: Values
    noise_azimuth_lut: Values
    first_azimuth_line: Values
    last_azimuth_line: Values
    first_range_sample: Values
    last_range_sample: Values


@dataclass(frozen=True, slots=True)
class NoiseTableOf(LookUp):
    """Look-up of the noise along azimuth of an image.

    As the converter has it: the vectors of a swath one after the other, the lines' times those of the last swath
    (rounded as a double has them, to 0.1 µs), limits those of each swath's first vector.
    """

    noise: str
    annotation: str

    def resolve(self, context: Context) -> NoiseTable:
        """Read the vectors."""
        records = Records(self.noise, NOISE_AZIMUTH)
        of = read_column(context, Column(records, "swath", "U3"))
        lines = read_column(context, Column(records, "line", "i4", several=True))
        lut = read_column(context, Column(records, "noiseAzimuthLut", "f4", several=True))
        swaths = np.unique(of)
        valid = lines >= 0
        rows = [np.concatenate([lut[k][valid[k]] for k in np.flatnonzero(of == swath)]) for swath in swaths]
        last = np.concatenate([lines[k][valid[k]] for k in np.flatnonzero(of == swaths[-1])])
        height = max(map(len, rows))
        table = np.full((height, len(swaths)), np.nan)
        for j, row in enumerate(rows):
            table[: len(row), j] = row
        axis = image_times(geometry(context, self.annotation))
        times = axis[np.clip(last, 0, len(axis) - 1)].astype(np.int64).astype(np.float64).astype(np.int64)
        times = np.pad(times, (0, height - len(times)), mode="edge").astype("M8[ns]")
        firsts = [int(np.flatnonzero(of == swath)[0]) for swath in swaths]
        limits = {
            name: read_column(context, Column(records, tag, "i4"))[firsts].astype(np.float64)
            for name, tag in SWATH_VALUES.items()
        }
        return NoiseTable(swaths, times, table, **limits)


@dataclass(frozen=True, slots=True)
class NoiseColumn:
    """One variable of the table."""

    table: NoiseTableOf
    name: str

    def open(self, context: Context) -> Array:
        """Take it."""
        return packed(getattr(context.value(self.table), self.name))


def noise_azimuth_30(image: Image, documents: Documents) -> Iterator[Piece]:
    """Variables of `quality/noise_azimuth`."""
    if not image.noise or documents.file(image.noise).find(NOISE_AZIMUTH) is None:
        return
    table = NoiseTableOf(image.noise, image.annotation)
    group, dims = "quality/noise_azimuth", ("azimuth_time", "swath")
    lut = NoiseColumn(table, "noise_azimuth_lut")
    yield Piece(f"{group}/noise_azimuth_lut", lut, dims, ABOUT_NOISE_AZIMUTH, dims, floating=True)
    for name in SWATH_VALUES:
        about = about_swath_value(name)
        yield Piece(f"{group}/{name}", NoiseColumn(table, name), ("swath",), about, ("swath",), floating=True)
    for name in dims:
        yield Piece(f"{group}/{name}", NoiseColumn(table, name), (name,))
