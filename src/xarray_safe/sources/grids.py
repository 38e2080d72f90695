"""Coordinates and small arrays: pixel centres of a Sentinel-2 tile, nodes of its angle grids, constants.

The places of images are what the images say, or `Tile_Geocoding` of the tile's metadata (`MTD_TL.xml`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from xarray_safe.errors import CorruptFile
from xarray_safe.metadata import F, LookUp, Overview, X, finite, positive
from xarray_safe.sources.jp2 import open_image
from xarray_safe.sources.jp2.georeference import georeference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray_safe.mapping import Array, Context, Key
    from xarray_safe.metadata import Documents

GEOCODING = "Geometric_Info/Tile_Geocoding"
SUN_GRID = "Geometric_Info/Tile_Angles/Sun_Angles_Grid/Zenith"


@dataclass(frozen=True, eq=False)
class Small:
    """An array that is held in memory, because it is a coordinate or tiny."""

    values: np.ndarray[Any, Any]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return tuple(self.values.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the values."""
        dtype: np.dtype[Any] = self.values.dtype
        return dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """One chunk."""
        return self.shape

    def __getitem__(self, key: Key) -> np.ndarray[Any, Any]:
        """Basic indexing."""
        return np.asarray(self.values[key])


@dataclass(frozen=True, slots=True)
class Constant:
    """A value, or a list of them, that stands in the table itself."""

    value: int | float | str | tuple[int | float | str, ...]
    dtype: str

    def open(self, context: Context) -> Array:
        """Give the value as an array."""
        return Small(np.asarray(self.value, dtype=self.dtype))


@dataclass(frozen=True, slots=True)
class Place:
    """Where the images of one resolution lie: the outer corner, signed pixel sizes (m), rows, columns, CRS."""

    left: float
    top: float
    width: float
    height: float
    rows: int
    columns: int
    epsg: int


@dataclass(frozen=True, slots=True)
class Grid(LookUp):
    """Look-up of the `Place` of all images of one resolution.

    ESA's converter asks an image. Here too, where a look at its header is cheap; remotely, and where it does not
    say, the tile's metadata are asked, which say the same in a sound product.

    Parameters
    ----------
    resolution
        10, 20 or 60 m, by which the metadata name it.
    like
        Pattern of the image to ask.
    """

    resolution: int
    like: str

    def resolve(self, documents: Documents) -> Place:
        """Look at the image, or at the metadata."""
        code = documents.value(X("tile", f"{GEOCODING}/HORIZONTAL_CS_CODE", utm_epsg))
        place = f"{GEOCODING}/Geoposition[@resolution='{self.resolution}']"
        left, top, width, height = (
            documents.value(X("tile", f"{place}/{name}", finite)) for name in ("ULX", "ULY", "XDIM", "YDIM")
        )
        stated = Place(left, top, width, height, *size(documents, self.resolution), code)
        names = documents.files.find(self.like) if documents.files.local else []
        try:
            rows, columns = open_image(documents.files, names[0]).shape[1:]
        except (IndexError, CorruptFile):
            return stated
        seen = georeference(documents.files, names[0])
        if seen is None:
            return replace(stated, rows=rows, columns=columns)
        return Place(seen.left, seen.top, seen.width, seen.height, rows, columns, seen.epsg or code)


def samples(grid: Grid) -> F:
    """Look-up of the place of a resolution's samples at the overview that the tree is opened at."""
    return F(reduced, grid, Overview())


def reduced(place: Place, overview: int) -> Place:
    """Place of every 2**overview-th pixel: its samples lie on the centres of these pixels.

    So the outer corner moves by half a pixel less half a sample, unlike that of GDAL's overviews, whose corner
    stays and whose samples then lie on the centres of blocks of pixels.
    """
    factor = 1 << overview
    shift = (1 - factor) / 2
    return Place(
        place.left + shift * place.width,
        place.top + shift * place.height,
        place.width * factor,
        place.height * factor,
        -(-place.rows // factor),
        -(-place.columns // factor),
        place.epsg,
    )


def size(documents: Documents, resolution: int) -> tuple[int, int]:
    """Rows and columns of the images of a resolution (m), as the tile's metadata say."""
    path = f"{GEOCODING}/Size[@resolution='{resolution}']"
    rows, columns = (documents.value(X("tile", f"{path}/{name}", int)) for name in ("NROWS", "NCOLS"))
    return rows, columns


def utm_epsg(code: str) -> int:
    """EPSG number of a code such as ``EPSG:32632``; ValueError if it is no UTM zone on WGS 84."""
    number = int(code.rpartition(":")[2])
    if number // 100 not in (326, 327) or not 1 <= number % 100 <= 60:
        raise ValueError("Sentinel-2 tiles lie in UTM zones on WGS 84 (EPSG:32601 to 32660, 32701 to 32760)")
    return number


@dataclass(frozen=True, slots=True)
class PixelCentres:
    """Coordinates of pixel centres along one axis, in metres of the tile's UTM zone.

    Parameters
    ----------
    axis
        ``"x"`` or ``"y"``.
    resolution
        Of the images: 10, 20 or 60 m.
    dtype
        ``float32`` in layout 2.8, ``int64`` in 2.5.
    like
        Pattern of an image to ask (see `Grid`).
    """

    axis: Literal["x", "y"]
    resolution: int
    dtype: str
    like: str

    def open(self, context: Context) -> Array:
        """Compute the centres."""
        place: Place = context.documents.value(samples(Grid(self.resolution, self.like)))
        count = place.columns if self.axis == "x" else place.rows
        edge, step = (place.left, place.width) if self.axis == "x" else (place.top, place.height)
        return Small((edge + step * (np.arange(count) + 0.5)).astype(self.dtype))


@dataclass(frozen=True, slots=True)
class AngleGrid:
    """Coordinates of the nodes of the 5 km angle grids along one axis, from the tile's upper left corner."""

    axis: Literal["x", "y"]
    dtype: str

    def open(self, context: Context) -> Array:
        """Compute the nodes from the grid's step and its number of rows or columns."""
        documents = context.documents
        step = documents.value(X("tile", f"{SUN_GRID}/{'COL' if self.axis == 'x' else 'ROW'}_STEP", positive))
        rows = documents.texts("tile", f"{SUN_GRID}/Values_List/VALUES")
        if not rows:
            raise documents.missing("tile", f"{SUN_GRID}/Values_List/VALUES")
        count = len(rows) if self.axis == "y" else len((rows[0] or "").split())
        corner = f"{GEOCODING}/Geoposition[@resolution='10']/UL{self.axis.upper()}"
        edge = documents.value(X("tile", corner, finite))
        direction = 1 if self.axis == "x" else -1
        return Small((edge + direction * step * np.arange(count)).astype(self.dtype))
