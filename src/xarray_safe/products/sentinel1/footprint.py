"""Footprint of a burst, from the geolocation grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xarray_safe.model.arrays import LookUp
from xarray_safe.products.sentinel1.axes import burst_times, geometry, image_times, ranges_of, sample_ranges
from xarray_safe.products.sentinel1.gcp import PATH, GridOf, OnGrid
from xarray_safe.products.sentinel1.records import Column, Records

if TYPE_CHECKING:
    from xarray_safe.model.arrays import Context
    from xarray_safe.products.sentinel1.gcp import Grid

    Values = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class BurstFootprint(LookUp):
    """Look-up of the GeoJSON polygon of a burst's corners.

    The grid is taken as the converter takes it, its lines spread evenly over the swath, and the burst one line
    interval too long, so that the polygon is that of EOPF Zarr to the last digit; it is right to some 0.1 s of the
    flight, 2 km.
    """

    annotation: str
    burst: int
    weighted: bool = False
    """Whether both neighbours are weighted, as the converter of layout 3.0 does: other last digits."""

    def resolve(self, context: Context) -> dict[str, Any]:
        """Interpolate the grid linearly, along azimuth and then along range."""
        place = geometry(context, self.annotation)
        records = Records(self.annotation, PATH)
        grid: Grid = context.value(GridOf(records))
        times = image_times(place)
        lines = times[np.clip(grid.lines, 0, len(times) - 1)]
        across = ranges_of(place, grid.pixels, ground=False)
        start = burst_times(context, self.annotation)[self.burst]
        length = np.timedelta64(round(place.lines_per_burst * place.line_interval * 1e6), "us")
        ends = np.array([start, start + length]).astype("M8[ns]")
        samples = sample_ranges(place, ground=False)[[0, -1]]
        corners = []
        for tag in ("longitude", "latitude"):
            values = OnGrid(Column(records, tag, "f4 as f8")).values(context)
            along = self._linear(_seconds(lines, lines[0]), values, _seconds(ends, lines[0]))
            corners.append(self._linear(across, along.T, samples).T)
        ring = [[float(value[i, j]) for value in corners] for i, j in ((0, 0), (0, 1), (1, 1), (1, 0), (0, 0))]
        return {"coordinates": [ring], "type": "Polygon"}

    def _linear(self, places: Values, values: Values, wanted: Values) -> Values:
        """Values at wanted places along the first axis, beyond both ends too."""
        after = np.clip(np.searchsorted(places, wanted), 1, len(places) - 1)
        before = after - 1
        step = places[after] - places[before]
        if self.weighted:
            far, near = (wanted - places[before]) / step, (places[after] - wanted) / step
            return np.asarray(far[:, None] * values[after] + near[:, None] * values[before])
        slope = (values[after] - values[before]) / step[:, None]
        return np.asarray(slope * (wanted - places[before])[:, None] + values[before])


def _seconds(times: Values, since: np.datetime64) -> Values:
    return (times - since).astype(np.int64).astype(np.float64)
