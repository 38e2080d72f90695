"""`measurements` of an image, and what an annotation says of its bursts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.errors import AbsentFileError, CorruptFileError, UnsupportedProductError
from xarray_safe.formats.tiff import open_tiff
from xarray_safe.formats.tiff.header import HEAD
from xarray_safe.model.arrays import InMemoryArray
from xarray_safe.products.sentinel1.axes import Axis, geometry
from xarray_safe.products.sentinel1.pieces import Piece
from xarray_safe.products.sentinel1.records import Records, numbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xarray_safe.archive.files import Files, Request
    from xarray_safe.model.arrays import Array, Context, Key
    from xarray_safe.products.sentinel1.names import Image
    from xarray_safe.products.sentinel1.quality import Kind

BURSTS: Final = "swathTiming/burstList/burst"


@dataclass(frozen=True, slots=True)
class Pixels:
    """The image of a measurement file, or one of its bursts.

    Parameters
    ----------
    measurement, annotation
        Names of the files; the first "" where the archive has none.
    dtype
        Data type of the variable.
    burst
        Number of the burst; None for the whole image.
    """

    measurement: str
    annotation: str
    dtype: str
    burst: int | None = None

    def prefetch(self, files: Files) -> Iterable[Request]:
        """Range of the header."""
        return [(self.measurement, 0, HEAD)] if self.measurement else []

    def open(self, context: Context) -> Array:
        """Read the header; an image that is damaged, or of another size, raises when pixels are read."""
        if not self.measurement:
            stem = self.annotation.rpartition("/")[2].removesuffix(".xml")
            raise AbsentFileError(f"{context.files.url}: there is no file measurement/{stem}.tiff.")
        place = geometry(context, self.annotation)
        rows = None
        if self.burst is not None:
            lines = place.lines_per_burst
            rows = (self.burst * lines, (self.burst + 1) * lines)
        try:
            image = open_tiff(
                context.files,
                self.measurement,
                shape=(place.lines, place.samples),
                rows=rows,
                reduction=context.reduction,
            )
            if image.dtype != np.dtype(self.dtype):
                raise CorruptFileError(
                    f"{context.files.url}: {self.measurement} holds samples of type {image.dtype}, not {self.dtype}. "
                    "Download the product again."
                )
        except (CorruptFileError, UnsupportedProductError) as error:
            context.unreadable(self.measurement)
            height = place.lines if rows is None else rows[1] - rows[0]
            shape = (max(1, height >> context.reduction), max(1, place.samples >> context.reduction))
            return Unreadable(shape, self.dtype, str(error))
        return image


@dataclass(frozen=True)
class Unreadable:
    """An image that raises an error when its pixels are asked for."""

    shape: tuple[int, ...]
    kind: str
    why: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type that it should have."""
        return np.dtype(self.kind)

    @property
    def chunks(self) -> tuple[int, ...]:
        """One chunk."""
        return self.shape

    def __getitem__(self, key: Key) -> np.ndarray[Any, Any]:
        """Raise what is wrong with it."""
        raise CorruptFileError(self.why)


@dataclass(frozen=True, slots=True)
class ValidSamples:
    """First or last valid sample of each line of a burst; −1 for lines without."""

    annotation: str
    tag: str
    burst: int

    def open(self, context: Context) -> Array:
        """Parse."""
        burst = context.value(Records(self.annotation, BURSTS))[self.burst]
        values = numbers(burst.findtext(self.tag)).astype(np.int64)
        lines = geometry(context, self.annotation).lines_per_burst
        if len(values) != lines:
            raise CorruptFileError(
                f"{context.files.url}: {self.annotation} has {len(values)} values of {self.tag} for the {lines} lines "
                "of a burst. Download the product again."
            )
        factor = min(1 << context.reduction, lines)
        return InMemoryArray(values[: max(1, lines >> context.reduction) * factor : factor])


def measurements(image: Image, kind: Kind, burst: int | None = None) -> Iterator[Piece]:
    """The image with its coordinates."""
    across, name = kind.across, kind.type.lower()
    dims = ("azimuth_time", across)
    dtype = "u2" if kind.type == "GRD" else "c8"
    about = {"long_name": f"measurement data set for {_title(kind)}", "dtype": f"<{dtype}"}
    coordinates = (
        ("line", "pixel", across, "azimuth_time") if kind.bursts else ("azimuth_time", "line", "pixel", across)
    )
    source = Pixels(image.measurement, image.annotation, dtype, burst)
    yield Piece(f"measurements/{name}", source, dims, about, coordinates, optional=True)
    for axis, dim in (("azimuth_time", dims[0]), (across, across), ("line", dims[0]), ("pixel", across)):
        values = Axis(image.annotation, axis, burst)  # type: ignore[arg-type]
        yield Piece(f"measurements/{axis}", values, (dim,), floating=axis == across)


def _title(kind: Kind) -> str:
    """What the mappings call an image; that of layout 2.8 calls stripmap SLC "IW"."""
    if kind.bursts:
        return "SLC sub-swath"
    return "SLC IW" if kind == ("SM", "SLC") else f"{kind.type} {kind.mode}"


def burst_info(image: Image, burst: int) -> Iterator[Piece]:
    """`conditions/burst_info`, which only layout 2.8 has."""
    dims = ("azimuth_time",)
    for which in ("first", "last"):
        source = ValidSamples(image.annotation, f"{which}ValidSample", burst)
        yield Piece(f"conditions/burst_info/{which}_valid_sample", source, dims, {}, dims)
    yield Piece("conditions/burst_info/azimuth_time", Axis(image.annotation, "azimuth_time", burst), dims)
