"""`conditions/gcp`: the geolocation grid as (azimuth_time, range)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from xarray_safe.model.arrays import LookUp
from xarray_safe.products.sentinel1.axes import geometry, image_times, ranges_of
from xarray_safe.products.sentinel1.pieces import Piece
from xarray_safe.products.sentinel1.records import Column, Records, packed, read_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml import etree

    from xarray_safe.model.arrays import Array, Context
    from xarray_safe.products.sentinel1.names import Image

    Values = np.ndarray[Any, np.dtype[Any]]

PATH: Final = "geolocationGrid/geolocationGridPointList/geolocationGridPoint"
VALUES: Final = {
    "latitude": "latitude",
    "longitude": "longitude",
    "height": "height",
    "incidence_angle": "incidenceAngle",
    "elevation_angle": "elevationAngle",
    "slant_range_time_gcp": "slantRangeTime",
    "azimuth_time_gcp": "azimuthTime",
}


class Grid(NamedTuple):
    """Lines and pixels of the grid, ascending, and where in it each point is."""

    lines: Values
    pixels: Values
    rows: Values
    columns: Values


@dataclass(frozen=True, slots=True)
class GridOf(LookUp):
    """Look-up of the grid of an annotation's points."""

    records: Records

    def resolve(self, context: Context) -> Grid:
        """Read the points' lines and pixels."""
        lines, pixels = (read_column(context, Column(self.records, tag, "i4")) for tag in ("line", "pixel"))
        unique_lines, rows = np.unique(lines, return_inverse=True)
        unique_pixels, columns = np.unique(pixels, return_inverse=True)
        return Grid(unique_lines, unique_pixels, rows, columns)


@dataclass(frozen=True, slots=True)
class OnGrid:
    """One value of each point, on the grid; NaN, or no time, where there is no point."""

    column: Column

    def open(self, context: Context) -> Array:
        """Parse."""
        return packed(self.values(context))

    def values(self, context: Context) -> Values:
        """Values of the grid; times rounded as a double has them (to 0.1 µs), as the converter does."""
        grid: Grid = context.value(GridOf(self.column.records))
        values = read_column(context, self.column)
        kind = values.dtype
        if kind.kind == "M":
            values = values.astype(np.int64).astype(np.float64).astype(np.int64).astype(kind)
        empty = np.datetime64("NaT", "ns") if kind.kind == "M" else np.nan
        result = np.full((len(grid.lines), len(grid.pixels)), empty, kind)
        result[grid.rows, grid.columns] = values
        return result


@dataclass(frozen=True, slots=True)
class GridAxis:
    """Coordinates of the grid.

    Parameters
    ----------
    annotation
        Name of the file.
    name
        ``line``, ``pixel``, ``azimuth_time``, ``ground_range`` or ``slant_range_time``.
    annotated
        Whether the lines' times are those of the points, because those of the image's lines do not grow evenly
        (bursts overlap).
    """

    annotation: str
    name: str
    annotated: bool = False

    def open(self, context: Context) -> Array:
        """Compute."""
        records = Records(self.annotation, PATH)
        grid: Grid = context.value(GridOf(records))
        if self.name in ("line", "pixel"):
            return packed((grid.lines if self.name == "line" else grid.pixels).astype("i4"))
        place = geometry(context, self.annotation)
        if self.name != "azimuth_time":
            return packed(ranges_of(place, grid.pixels, ground=self.name == "ground_range"))
        times = image_times(place)
        if self.annotated or grid.lines.min() < 0 or grid.lines.max() >= len(times):
            return packed(OnGrid(Column(records, "azimuthTime", "M8")).values(context)[:, 0])
        return packed(times[grid.lines])


def gcp(image: Image, root: etree._Element, product_type: str) -> Iterator[Piece]:
    """Variables of `conditions/gcp`."""
    if root.find(PATH) is None:
        return
    across = "ground_range" if product_type == "GRD" else "slant_range_time"
    dims = ("azimuth_time", across)
    records = Records(image.annotation, PATH)
    for name, tag in VALUES.items():
        time = name == "azimuth_time_gcp"
        source = OnGrid(Column(records, tag, "M8" if time else "f4 as f8"))
        yield Piece(f"conditions/gcp/{name}", source, dims, {}, (*dims, "line", "pixel"), floating=not time)
    bursts = root.find("swathTiming/burstList/burst") is not None
    for name, dim in (("azimuth_time", dims[0]), (across, across), ("line", dims[0]), ("pixel", across)):
        axis = GridAxis(image.annotation, name, annotated=bursts)
        yield Piece(f"conditions/gcp/{name}", axis, (dim,), {}, floating=name == across)
