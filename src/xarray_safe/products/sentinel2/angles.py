"""Sun and viewing angles of a Sentinel-2 tile from its metadata (`MTD_TL.xml`), in degrees.

Grids are parsed when their values are asked for; opening only counts them. A grid that the XML does not hold
(a detector that does not see the tile in one band) is NaN, as is each node outside a detector's swath.

The XML lists bands by detector focal plane in L1C (b01, b09, b10, b02, …). ESA's converter 2.8 keeps that order for
the values but sorts the labels, so that they disagree; ``as_listed`` does the same, for the same tree. Layout 2.5
is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.archive.xml import parse
from xarray_safe.errors import CorruptFileError
from xarray_safe.model.arrays import InMemoryArray

if TYPE_CHECKING:
    from lxml import etree

    from xarray_safe.archive.files import Files
    from xarray_safe.model.arrays import Array, Context, Key

ANGLES: Final = "Geometric_Info/Tile_Angles"
GRIDS: Final = f"{ANGLES}/Viewing_Incidence_Angles_Grids"
MEANS: Final = f"{ANGLES}/Mean_Viewing_Incidence_Angle_List/Mean_Viewing_Incidence_Angle"
NAMES: Final = ("zenith", "azimuth")
BANDS: Final = ("b01", "b02", "b03", "b04", "b05", "b06", "b07", "b08", "b8a", "b09", "b10", "b11", "b12")
"""Band names by their number in the XML (bandId)."""


@dataclass(frozen=True, slots=True)
class AngleNames:
    """Labels of the `angle` dimension."""

    def open(self, context: Context) -> Array:
        """Return the labels."""
        return InMemoryArray(np.array(NAMES))


@dataclass(frozen=True, slots=True)
class BandNames:
    """Labels of the `band` dimension: the bands that have angles, by number (b8a after b08).

    Parameters
    ----------
    labels
        By number.
    dtype
        Text, or bytes (``S3``).
    """

    labels: tuple[str, ...] = BANDS
    dtype: str = "<U3"

    def open(self, context: Context) -> Array:
        """Count the bands."""
        bands = _bands(context.documents.root("tile"), _where(context))
        return InMemoryArray(np.array([self.labels[band] for band in bands], dtype=self.dtype))


@dataclass(frozen=True, slots=True)
class Detectors:
    """Labels of the `detector` dimension: ``d02`` … as text or bytes, or their numbers."""

    dtype: str = "<U3"

    def open(self, context: Context) -> Array:
        """Count the detectors."""
        numbers = _detectors(context.documents.root("tile"), _where(context))
        if np.dtype(self.dtype).kind in "US":
            return InMemoryArray(np.array([f"d{number:02d}" for number in numbers], dtype=self.dtype))
        return InMemoryArray(np.array(numbers, dtype=self.dtype))


@dataclass(frozen=True, slots=True)
class MeanSunAngles:
    """Mean sun zenith and azimuth of the tile: (angle,)."""

    def open(self, context: Context) -> Array:
        """Read the two numbers."""
        root = context.documents.root("tile")
        return InMemoryArray(_pair(root.find(f"{ANGLES}/Mean_Sun_Angle"), _where(context)))


@dataclass(frozen=True, slots=True)
class MeanViewingAngles:
    """Mean viewing zenith and azimuth by band: (band, angle); NaN for a band without.

    Parameters
    ----------
    as_listed
        Bands in the order of the XML, whatever their labels say, as layout 2.8 has them.
    """

    as_listed: bool = False

    def open(self, context: Context) -> Array:
        """Read the numbers."""
        root = context.documents.root("tile")
        where = _where(context)
        bands = _bands(root, where, MEANS if self.as_listed else None)
        values = np.full((len(bands), 2), np.nan)
        for element in root.iterfind(MEANS):
            values[bands.index(_number(element, "bandId", where))] = _pair(element, where)
        return InMemoryArray(values)


@dataclass(frozen=True, slots=True)
class SunAngles:
    """Sun zenith and azimuth on the 5 km grid: (angle, y, x)."""

    def open(self, context: Context) -> Array:
        """Count the grid's rows and columns."""
        return Grids(context.files, context.documents.name("tile"), (2, *_grid_shape(context)))


@dataclass(frozen=True, slots=True)
class ViewingAngles:
    """Viewing zenith and azimuth on the 5 km grid by band and detector: (band, detector, angle, y, x).

    Parameters
    ----------
    as_listed
        Bands in the order of the XML, whatever their labels say, as layout 2.8 has them.
    """

    as_listed: bool = False

    def open(self, context: Context) -> Array:
        """Count bands, detectors, rows and columns."""
        root = context.documents.root("tile")
        where = _where(context)
        bands = tuple(_bands(root, where, GRIDS if self.as_listed else None))
        shape = (len(bands), len(_detectors(root, where)), 2, *_grid_shape(context))
        return Grids(context.files, context.documents.name("tile"), shape, bands)


@dataclass(frozen=True)
class Grids:
    """Angle grids of a tile, parsed when asked for: (angle, y, x) or (band, detector, angle, y, x)."""

    files: Files
    name: str
    shape: tuple[int, ...]
    bands: tuple[int, ...] = ()

    @property
    def chunks(self) -> tuple[int, ...]:
        """One chunk: it is one small file."""
        return self.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Degrees in double precision."""
        return np.dtype("float64")

    def __getitem__(self, key: Key) -> np.ndarray[Any, Any]:
        """Parse all grids and return a part."""
        where = f"{self.files.url}: {self.name}"
        root = parse(self.files.read(self.name), where)
        if not self.bands:
            return np.asarray(_grid(root.find(f"{ANGLES}/Sun_Angles_Grid"), self.shape[-2:], where)[key])
        detectors = _detectors(root, where)
        values = np.full(self.shape, np.nan)
        for element in root.iterfind(GRIDS):
            band, detector = (_number(element, name, where) for name in ("bandId", "detectorId"))
            values[self.bands.index(band), detectors.index(detector)] = _grid(element, self.shape[-2:], where)
        return np.asarray(values[key])


def _bands(root: etree._Element, where: str, as_in: str | None = None) -> list[int]:
    """Numbers of the bands that have angles of any kind, sorted or in the order in which a kind lists them."""
    found = {_number(element, "bandId", where) for path in (GRIDS, MEANS) for element in root.iterfind(path)}
    if as_in is None:
        return sorted(found)
    listed = dict.fromkeys(_number(element, "bandId", where) for element in root.iterfind(as_in))
    return [*listed, *sorted(found - listed.keys())]


def _detectors(root: etree._Element, where: str) -> list[int]:
    return sorted({_number(element, "detectorId", where) for element in root.iterfind(GRIDS)})


def _number(element: etree._Element, attribute: str, where: str) -> int:
    text = element.get(attribute)
    try:
        number = int(text or "")
    except ValueError:
        number = -1
    if number < 0 or (attribute == "bandId" and number >= len(BANDS)):
        raise CorruptFileError(
            f"{where}, line {element.sourceline}: {element.tag} has {attribute} {text!r}, which names nothing. "
            "Download the product again."
        )
    return number


def _grid_shape(context: Context) -> tuple[int, int]:
    path = f"{ANGLES}/Sun_Angles_Grid/Zenith/Values_List/VALUES"
    rows = context.documents.texts("tile", path)
    if not rows:
        raise context.documents.missing_element("tile", path)
    return len(rows), len((rows[0] or "").split())


def _grid(element: etree._Element | None, shape: tuple[int, ...], where: str) -> np.ndarray[Any, Any]:
    """Zenith and azimuth of one grid: (angle, y, x)."""
    values = np.full((2, *shape), np.nan)
    if element is None:
        return values
    for i, name in enumerate(("Zenith", "Azimuth")):
        rows = [(row.text or "").split() for row in element.iterfind(f"{name}/Values_List/VALUES")]
        if not rows:
            continue
        try:
            values[i] = np.array(rows, dtype="float64").reshape(shape)
        except ValueError as error:
            place = f"{where}, line {element.sourceline}: {element.tag}/{name}"
            raise CorruptFileError(
                f"{place} is not a grid of {shape[0]} x {shape[1]} numbers: {error}. Download the product again."
            ) from error
    return values


def _pair(element: etree._Element | None, where: str) -> np.ndarray[Any, Any]:
    """Zenith and azimuth of a mean angle: (angle,); NaN where it is missing."""
    texts = [None if element is None else element.findtext(name) for name in ("ZENITH_ANGLE", "AZIMUTH_ANGLE")]
    try:
        return np.array([np.nan if text is None else float(text) for text in texts])
    except ValueError as error:
        raise CorruptFileError(f"{where}: mean angles must be numbers: {error}. Download the product again.") from error


def _where(context: Context) -> str:
    return f"{context.files.url}: {context.documents.name('tile')}"
