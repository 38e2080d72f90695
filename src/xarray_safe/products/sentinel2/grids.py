"""Coordinates of a Sentinel-2 tile: pixel centres, and nodes of its angle grids.

The places of images are what the images say, or `Tile_Geocoding` of the tile's metadata (`MTD_TL.xml`).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from xarray_safe.crs import wkt
from xarray_safe.errors import (
    AccessDeniedError,
    CorruptFileError,
    MissingFileError,
    SafeError,
    UnsupportedProductError,
)
from xarray_safe.formats.jp2 import open_image
from xarray_safe.formats.jp2.georeference import georeference
from xarray_safe.model.arrays import InMemoryArray, LookUp
from xarray_safe.model.lookups import F, Reduction, X, finite, positive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xarray_safe.archive.files import Files
    from xarray_safe.model.arrays import Array, Context

GEOCODING = "Geometric_Info/Tile_Geocoding"
SUN_GRID = "Geometric_Info/Tile_Angles/Sun_Angles_Grid/Zenith"


@dataclass(frozen=True, slots=True)
class GridGeometry:
    """Position of the images of one resolution: the outer corner, signed pixel sizes (m), rows, columns, CRS."""

    left: float
    top: float
    width: float
    height: float
    rows: int
    columns: int
    epsg: int


@dataclass(frozen=True, slots=True)
class Grid(LookUp):
    """Look-up of the `GridGeometry` of all images of one resolution.

    ESA's converter asks an image. Here too, if reading its header is cheap; remotely, and where it does not
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

    def resolve(self, context: Context) -> GridGeometry:
        """Read the image's header, or the metadata."""
        stated: GridGeometry | SafeError
        try:
            stated = self._stated(context)
        except (MissingFileError, CorruptFileError) as error:  # of the whole file; an element of it must be right
            stated = error
        if context.files.local:
            for name in self._images(context, every=isinstance(stated, SafeError)):
                found = _seen(context.files, name, stated)
                if found is not None:
                    return found
        if isinstance(stated, SafeError):
            raise stated
        return stated

    def _stated(self, context: Context) -> GridGeometry:
        """Return what the tile's metadata say."""
        code = context.value(X("tile", f"{GEOCODING}/HORIZONTAL_CS_CODE", utm_epsg))
        place = f"{GEOCODING}/Geoposition[@resolution='{self.resolution}']"
        left, top, width, height = (
            context.value(X("tile", f"{place}/{name}", finite)) for name in ("ULX", "ULY", "XDIM", "YDIM")
        )
        return GridGeometry(left, top, width, height, *size(context, self.resolution), code)

    def _images(self, context: Context, *, every: bool) -> Iterator[str]:
        """Yield the image to ask; where there are no metadata, others of the same resolution too."""
        with contextlib.suppress(MissingFileError, CorruptFileError):
            yield context.find(self.like)
        if every:
            folder, _, last = self.like.rpartition("/")
            ending = last.rpartition("_")[2]
            if ending == f"{self.resolution}m.jp2":  # names of L1C do not tell the resolution
                yield from context.files.find(f"{folder}/*_{ending}")


def _seen(files: Files, name: str, stated: GridGeometry | SafeError) -> GridGeometry | None:
    """Return the place of an image by its own header; None if it does not tell, or tells another size than stated."""
    try:
        rows, columns = open_image(files, name).shape[1:]
    except (CorruptFileError, MissingFileError, UnsupportedProductError, AccessDeniedError):
        return None
    seen = georeference(files, name)
    if isinstance(stated, GridGeometry):
        if (rows, columns) != (stated.rows, stated.columns):
            return None
        if seen is None:
            return stated
        return GridGeometry(seen.left, seen.top, seen.width, seen.height, rows, columns, seen.epsg or stated.epsg)
    if seen is None or not seen.epsg:
        return None
    return GridGeometry(seen.left, seen.top, seen.width, seen.height, rows, columns, seen.epsg)


def samples(grid: Grid) -> F:
    """Look-up of the place of a resolution's samples at the reduction that the tree is opened with."""
    return F(reduced, grid, Reduction())


def reduced(place: GridGeometry, reduction: int) -> GridGeometry:
    """GridGeometry of every 2**reduction-th pixel: its samples are on the centres of these pixels.

    So the outer corner moves by half a pixel less half a sample, unlike that of GDAL's overviews, whose corner
    stays and whose samples then are on the centres of blocks of pixels.
    """
    factor = 1 << reduction
    shift = (1 - factor) / 2
    return GridGeometry(
        place.left + shift * place.width,
        place.top + shift * place.height,
        place.width * factor,
        place.height * factor,
        -(-place.rows // factor),
        -(-place.columns // factor),
        place.epsg,
    )


def size(context: Context, resolution: int) -> tuple[int, int]:
    """Rows and columns of the images of a resolution (m), as the tile's metadata say."""
    path = f"{GEOCODING}/Size[@resolution='{resolution}']"
    rows, columns = (context.value(X("tile", f"{path}/{name}", int)) for name in ("NROWS", "NCOLS"))
    return rows, columns


def utm_epsg(code: str) -> int:
    """EPSG number of a code such as ``EPSG:32632``; ValueError if it is no UTM zone on WGS 84."""
    number = int(code.rpartition(":")[2])
    if number // 100 not in (326, 327) or not 1 <= number % 100 <= 60:
        raise ValueError("Sentinel-2 tiles are in UTM zones on WGS 84 (EPSG:32601 to 32660, 32701 to 32760)")
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
        place: GridGeometry = context.value(samples(Grid(self.resolution, self.like)))
        count = place.columns if self.axis == "x" else place.rows
        edge, step = (place.left, place.width) if self.axis == "x" else (place.top, place.height)
        return InMemoryArray((edge + step * (np.arange(count) + 0.5)).astype(self.dtype))


@dataclass(frozen=True, slots=True)
class AngleGrid:
    """Coordinates of the nodes of the 5 km angle grids along one axis, from the tile's upper left corner."""

    axis: Literal["x", "y"]
    dtype: str

    def open(self, context: Context) -> Array:
        """Compute the nodes from the grid's step and its number of rows or columns."""
        documents = context.documents
        step = context.value(X("tile", f"{SUN_GRID}/{'COL' if self.axis == 'x' else 'ROW'}_STEP", positive))
        rows = documents.texts("tile", f"{SUN_GRID}/Values_List/VALUES")
        if not rows:
            raise documents.missing_element("tile", f"{SUN_GRID}/Values_List/VALUES")
        count = len(rows) if self.axis == "y" else len((rows[0] or "").split())
        corner = f"{GEOCODING}/Geoposition[@resolution='10']/UL{self.axis.upper()}"
        edge = context.value(X("tile", corner, finite))
        direction = 1 if self.axis == "x" else -1
        return InMemoryArray((edge + direction * step * np.arange(count)).astype(self.dtype))


def proj(grid: LookUp, *names: str) -> dict[str, Any]:
    """Look-ups of the `proj:…` attributes of images: epsg, wkt2, transform, shape, bbox, or those named."""
    return {name: F(_PROJ[name], grid) for name in names or _PROJ}


def _transform(place: GridGeometry) -> list[float]:
    """Affine transform from columns and rows to the CRS, row by row."""
    return [place.width, 0.0, place.left, 0.0, place.height, place.top, 0.0, 0.0, 1.0]


def _bbox(place: GridGeometry) -> list[float]:
    """West, south, east, north in the CRS."""
    return [place.left, place.top + place.height * place.rows, place.left + place.width * place.columns, place.top]


_PROJ: Final[dict[str, Callable[[GridGeometry], object]]] = {
    "proj:epsg": lambda place: place.epsg,
    "proj:wkt2": lambda place: wkt(place.epsg),
    "proj:transform": _transform,
    "proj:shape": lambda place: [place.rows, place.columns],
    "proj:bbox": _bbox,
}
