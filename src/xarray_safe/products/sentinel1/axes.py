"""Coordinates that are computed: image axes in time and range, and small ones that only count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from xarray_safe.errors import MissingElementError
from xarray_safe.model.arrays import InMemoryArray, LookUp
from xarray_safe.products.sentinel1.records import Column, Records, packed, read_column

if TYPE_CHECKING:
    from collections.abc import Callable

    from xarray_safe.model.arrays import Array, Context

    Values = np.ndarray[Any, np.dtype[Any]]

MAX_SIDE: Final = 1_000_000
"""Lines or samples that an image can have: the longest (stripmap SLC) have some 60,000."""


class Geometry(NamedTuple):
    """What an annotation says of its image: times of the first and last line, size, spacings."""

    first: np.datetime64
    last: np.datetime64
    lines: int
    samples: int
    ground_spacing: float
    """m."""
    slant_range_time: float
    """Of the first sample, two-way, s."""
    sampling_rate: float
    """Hz."""
    line_interval: float
    """s."""
    lines_per_burst: int


def geometry(context: Context, annotation: str) -> Geometry:
    """Geometry of an image, read once."""
    found: Geometry = context.value(GeometryOf(annotation))
    return found


@dataclass(frozen=True, slots=True)
class GeometryOf(LookUp):
    """Look-up of an image's geometry in its annotation."""

    annotation: str

    def resolve(self, context: Context) -> Geometry:
        """Read the elements."""
        root = context.documents.file(self.annotation)

        def value(path: str, convert: Callable[[str], Any]) -> Any:
            text = root.findtext(path)
            try:
                return convert(text or "")
            except ValueError:
                raise MissingElementError(
                    f"{context.files.url}: {self.annotation}: element {path} holds {text!r}, which is invalid there. "
                    "Download the product again."
                ) from None

        info = "imageAnnotation/imageInformation"
        lines, samples = (value(f"{info}/numberOf{side}", _side) for side in ("Lines", "Samples"))
        return Geometry(
            value(f"{info}/productFirstLineUtcTime", _time),
            value(f"{info}/productLastLineUtcTime", _time),
            lines,
            samples,
            value(f"{info}/rangePixelSpacing", _finite),
            value(f"{info}/slantRangeTime", _finite),
            value("generalAnnotation/productInformation/rangeSamplingRate", _positive),
            value(f"{info}/azimuthTimeInterval", _finite),
            value("swathTiming/linesPerBurst", lambda text: int(text or 0)),
        )


def _time(text: str) -> np.datetime64:
    time = np.datetime64(text.rstrip("Z"), "us")
    if np.isnat(time):
        raise ValueError("no time")
    return time


def _side(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MAX_SIDE:
        raise ValueError("no size of an image")
    return number


def _finite(text: str) -> float:
    number = float(text)
    if not np.isfinite(number):
        raise ValueError("not finite")
    return number


def _positive(text: str) -> float:
    number = _finite(text)
    if number <= 0:
        raise ValueError("not above zero")
    return number


def spread(first: np.datetime64, last: np.datetime64, count: int) -> Values:
    """Times from the first to the last, evenly, in whole microseconds as the annotation has them."""
    length = (last.astype("M8[us]") - first.astype("M8[us]")).astype(np.int64)
    steps = np.linspace(0, length, count).astype(np.int64)
    times: Values = (first.astype("M8[us]") + steps.astype("m8[us]")).astype("M8[ns]")
    return times


def image_times(geometry: Geometry) -> Values:
    """Times of an image's lines."""
    return spread(geometry.first, geometry.last, geometry.lines)


def sample_ranges(geometry: Geometry, *, ground: bool) -> Values:
    """Ground range (m) or slant range time (s) of an image's samples."""
    last = geometry.samples - 1
    if ground:
        return np.linspace(0, geometry.ground_spacing * last, geometry.samples)
    start = geometry.slant_range_time
    return np.linspace(start, start + last / geometry.sampling_rate, geometry.samples)


def ranges_of(geometry: Geometry, pixels: Values, *, ground: bool) -> Values:
    """Ground range (m) or slant range time (s) of pixels."""
    numbers = pixels.astype(np.float64)
    if ground:
        return numbers * geometry.ground_spacing
    return geometry.slant_range_time + numbers / geometry.sampling_rate


@dataclass(frozen=True, slots=True)
class Axis:
    """A coordinate of an image, or of one of its bursts.

    Parameters
    ----------
    annotation
        Name of the file.
    name
        Which.
    burst
        Number of the burst; None for the whole image.
    """

    annotation: str
    name: Literal["azimuth_time", "ground_range", "slant_range_time", "line", "pixel"]
    burst: int | None = None

    def open(self, context: Context) -> Array:
        """Compute; at reduced resolution, the middle of the pixels that become one."""
        return packed(reduced(self._values(context), context.reduction))

    def _values(self, context: Context) -> Values:
        place = geometry(context, self.annotation)
        if self.name in ("ground_range", "slant_range_time"):
            return sample_ranges(place, ground=self.name == "ground_range")
        if self.name == "pixel":
            return np.arange(place.samples)
        lines = place.lines if self.burst is None else place.lines_per_burst
        if self.name == "line":
            return np.arange(lines) + (self.burst or 0) * lines
        if self.burst is None:
            return image_times(place)
        first = burst_times(context, self.annotation)[self.burst]
        length = np.timedelta64(round((lines - 1) * place.line_interval * 1e6), "us")
        return spread(first, first + length, lines)


def burst_times(context: Context, annotation: str) -> Values:
    """Times of the first lines of an image's bursts."""
    return read_column(context, Column(Records(annotation, "swathTiming/burstList/burst"), "azimuthTime", "M8"))


def reduced(values: Values, reduction: int) -> Values:
    """Coordinate of blocks of 2 ** reduction pixels: the middle of first and last, rounded down for integers."""
    factor = min(1 << reduction, len(values))
    if factor == 1:
        return values
    count = max(1, len(values) >> reduction)
    first, last = values[: count * factor : factor], values[factor - 1 : count * factor : factor]
    if values.dtype.kind == "M":
        middle: Values = first + (last - first) // 2
        return middle
    return np.asarray((first + last) // 2 if values.dtype.kind in "iu" else (first + last) / 2)


@dataclass(frozen=True, slots=True)
class Count:
    """Numbers of the values of a column's rows, from 0."""

    column: Column

    def open(self, context: Context) -> Array:
        """Count."""
        return InMemoryArray(np.arange(read_column(context, self.column).shape[1]))


@dataclass(frozen=True, slots=True)
class Degrees:
    """Numbers of the coefficients of a column's rows, from the last to 0, as the converter has them."""

    column: Column

    def open(self, context: Context) -> Array:
        """Count down."""
        return InMemoryArray(np.arange(read_column(context, self.column).shape[1])[::-1].copy())


@dataclass(frozen=True, slots=True)
class Vectors:
    """Columns side by side: (record, column)."""

    columns: tuple[Column, ...]

    def open(self, context: Context) -> Array:
        """Parse."""
        return packed(np.stack([read_column(context, column) for column in self.columns], -1))
