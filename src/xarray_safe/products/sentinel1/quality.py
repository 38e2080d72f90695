"""`quality` of an image: calibration and noise vectors along range, noise vectors along azimuth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from xarray_safe.products.sentinel1.axes import geometry, ranges_of
from xarray_safe.products.sentinel1.pieces import Piece
from xarray_safe.products.sentinel1.records import Column, Records, packed, read_column

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray_safe.model.arrays import Array, Context
    from xarray_safe.model.documents import Documents
    from xarray_safe.products.sentinel1.names import Image

CALIBRATION: Final = "calibrationVectorList/calibrationVector"
NOISE_RANGE: Final = ("noiseRangeVectorList/noiseRangeVector", "noiseVectorList/noiseVector")
"""Since IPF 2.9, and before."""
NOISE_AZIMUTH: Final = "noiseAzimuthVectorList/noiseAzimuthVector"

FLOATS: Final = "(this array contains the count attribute number of floating point values"
VECTORS: Final = {
    "sigma_nought": ("sigmaNought", "sigma nought"),
    "beta_nought": ("betaNought", "beta nought"),
    "gamma": ("gamma", "gamma"),
    "dn": ("dn", "digital number"),
}
ABOUT_NOISE_RANGE: Final = {
    "long_name": f"range thermal noise correction vector power values {FLOATS})",
    "dtype": "<f4",
}
NOISE_LINE_OF_SLC: Final = (
    "image pixel at which the noise vector applies (this array contains the count attribute number of integer values "
    "(i.e. one value per point in the noise vector); the maximum length of this array is one value for every pixel in "
    "an image line, however in general the vector is subsampled"
)
ABOUT_NOISE_AZIMUTH: Final = {
    "long_name": f"azimuth thermal noise correction vector power values {FLOATS})",
    "dtype": "<f4",
}


class Kind(NamedTuple):
    """Mode and type of a product: what the tables depend on."""

    mode: str
    type: str

    @property
    def across(self) -> str:
        """Name of the range dimension."""
        return "ground_range" if self.type == "GRD" else "slant_range_time"

    @property
    def bursts(self) -> bool:
        """Whether images are cut into bursts."""
        return self.type == "SLC" and self.mode in ("IW", "EW")


@dataclass(frozen=True, slots=True)
class Pixels:
    """Pixels of the first vector, which the converter takes for all, or their range.

    Parameters
    ----------
    column
        Pixels of the vectors.
    annotation
        File by which pixels become ranges; "" for the pixels themselves.
    across
        Name of the range dimension.
    """

    column: Column
    annotation: str = ""
    across: str = ""

    def open(self, context: Context) -> Array:
        """Parse."""
        rows = read_column(context, self.column)
        pixels = rows[0]
        if not self.annotation:
            return packed(pixels)
        place = geometry(context, self.annotation)
        return packed(ranges_of(place, pixels, ground=self.across == "ground_range"))


def vectors(image: Image, documents: Documents, kind: Kind) -> Iterator[Piece]:
    """Calibration and noise along range; files that an archive lacks, and empty lists, make nothing."""
    if image.calibration and documents.file(image.calibration).find(CALIBRATION) is not None:
        yield from _calibration(image, kind)
    if image.noise:
        root = documents.file(image.noise)
        path = next((path for path in NOISE_RANGE if root.find(path) is not None), None)
        if path is not None:
            yield from _noise_range(image, kind, path)


def _calibration(image: Image, kind: Kind) -> Iterator[Piece]:
    records = Records(image.calibration, CALIBRATION)
    dims = ("azimuth_time", kind.across)
    for name, (tag, title) in VECTORS.items():
        about = {
            "long_name": f"{title} calibration vector {FLOATS}; the values in this vector are aligned with the pixel "
            "vector)",
            "dtype": "<f4",
        }
        coordinates = ("azimuth_time", "line", "pixel", kind.across)
        source = Column(records, tag, "f4", several=True)
        yield Piece(f"quality/calibration/{name}", source, dims, about, coordinates, floating=True)
    time = "zero doppler azimuth time at which calibration vector applies"
    line = {"long_name": "image line at which the calibration vector applies", "dtype": "<i4"}
    yield from _axes("calibration", image, records, kind, time, line, "i4")


def _noise_range(image: Image, kind: Kind, path: str) -> Iterator[Piece]:
    records = Records(image.noise, path)
    old = path == NOISE_RANGE[1]
    dims = ("azimuth_time", kind.across)
    swapped = ("pixel", "line") if kind.type == "SLC" else ("line", "pixel")
    source = Column(records, "noiseLut" if old else "noiseRangeLut", "f4", several=True)
    coordinates = ("azimuth_time", *swapped, kind.across)
    yield Piece("quality/noise_range/noise_range_lut", source, dims, ABOUT_NOISE_RANGE, coordinates, floating=True)
    line = {
        "long_name": NOISE_LINE_OF_SLC if kind.type == "SLC" else "line",
        "dtype": "<M8[ns]" if kind == ("EW", "GRD") else "<i4",
    }
    time = "zero doppler azimuth time at which noise vector applies"
    unsigned = kind in (("EW", "GRD"), ("EW", "SLC"), ("WV", "SLC"))
    yield from _axes("noise_range", image, records, kind, time, line, "u4" if unsigned else "i4")


def _axes(
    group: str, image: Image, records: Records, kind: Kind, time: str, line: dict[str, str], pixel: str
) -> Iterator[Piece]:
    """Coordinates of vectors along range."""
    across = kind.across
    about = {"long_name": time, "dtype": "<M8[ns]"}
    stated = ("azimuth_time",)
    path = f"quality/{group}"
    yield Piece(f"{path}/azimuth_time", Column(records, "azimuthTime", "M8"), stated, about, stated=stated)
    yield Piece(f"{path}/line", Column(records, "line", "i4"), stated, line, stated=stated)
    pixels = Column(records, "pixel", pixel, several=True)
    yield Piece(f"{path}/pixel", Pixels(pixels), (across,))
    yield Piece(f"{path}/{across}", Pixels(pixels, image.annotation, across), (across,), floating=True)


SWATH_VALUES: Final = {
    "first_azimuth_line": "firstAzimuthLine",
    "last_azimuth_line": "lastAzimuthLine",
    "first_range_sample": "firstRangeSample",
    "last_range_sample": "lastRangeSample",
}


def about_swath_value(name: str) -> dict[str, str]:
    """Description of where a noise vector along azimuth begins or ends."""
    return {"long_name": f"{name.replace('_', ' ')} azimuth thermal noise correction", "dtype": "<i4"}


@dataclass(frozen=True, slots=True)
class OfSwath:
    """A column's rows that belong to one swath; without the first dimension if there is only one.

    Short rows are as long as the longest of all swaths, as the converter has them.
    """

    column: Column
    swath: str

    def open(self, context: Context) -> Array:
        """Parse."""
        swaths = read_column(context, Column(self.column.records, "swath", "U3"))
        values = read_column(context, self.column)[swaths == self.swath]
        return packed(values[0] if len(values) == 1 else values)


def noise_azimuth_28(image: Image, documents: Documents, kind: Kind) -> Iterator[Piece]:
    """`quality/noise_azimuth` in layout 2.8: GRD a group a swath, SLC flat."""
    root = documents.file(image.noise) if image.noise else None
    if root is None or root.find(NOISE_AZIMUTH) is None:
        return
    records = Records(image.noise, NOISE_AZIMUTH)
    counts: dict[str, int] = {}
    for element in root.findall(NOISE_AZIMUTH):
        swath = (element.findtext("swath") or "").strip()
        counts[swath] = counts.get(swath, 0) + 1
    along = "line" if kind.type == "SLC" else "azimuth_time"
    for swath, count in counts.items():
        group = "quality/noise_azimuth" if kind.type == "SLC" else f"quality/noise_azimuth/{swath}"
        yield from _of_swath(records, group, swath, along, ("swath",) if count > 1 else ())


def _of_swath(records: Records, group: str, swath: str, along: str, outer: tuple[str, ...]) -> Iterator[Piece]:
    dims = (*outer, along)
    names = ("line", "swath", "first_azimuth_line", "last_azimuth_line", "first_range_sample", "last_range_sample")

    def values(tag: str, dtype: str, *, several: bool = False) -> OfSwath:
        return OfSwath(Column(records, tag, dtype, several), swath)

    lut = values("noiseAzimuthLut", "f4", several=True)
    yield Piece(f"{group}/noise_azimuth_lut", lut, dims, ABOUT_NOISE_AZIMUTH, names, floating=True)
    line = {"long_name": "line", "dtype": "<i4"}
    yield Piece(f"{group}/line", values("line", "i4", several=True), dims, line, stated=("swath", along))
    about = {"long_name": "Swath", "dtype": "U3"}
    yield Piece(f"{group}/swath", values("swath", "U3"), outer, about, stated=("swath",))
    for name, tag in SWATH_VALUES.items():
        yield Piece(f"{group}/{name}", values(tag, "i4"), outer, about_swath_value(name))


def missing(image: Image, documents: Documents) -> dict[str, tuple[str, ...]]:
    """Paths of variables that an image lacks although every product has them, by the file that is at fault."""
    found: dict[str, tuple[str, ...]] = {}
    calibration = image.calibration and documents.file(image.calibration).find(CALIBRATION) is not None
    if not calibration:
        name = image.calibration or f"annotation/calibration/calibration-{image.stem}.xml"
        found[name] = tuple(f"quality/calibration/{vector}" for vector in VECTORS)
    roots = [documents.file(image.noise)] if image.noise else []
    if not any(root.find(path) is not None for root in roots for path in NOISE_RANGE):
        name = image.noise or f"annotation/calibration/noise-{image.stem}.xml"
        found[name] = ("quality/noise_range/noise_range_lut",)
    return found
