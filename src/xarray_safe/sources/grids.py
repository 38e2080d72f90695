"""Coordinates and small arrays: pixel centres of a Sentinel-2 tile, nodes of its angle grids, constants.

The places come from `Tile_Geocoding` of the tile's metadata (`MTD_TL.xml`), as in ESA's converter, which takes
them from the images: the two agree in a sound product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from xarray_safe.metadata import X

if TYPE_CHECKING:
    from xarray_safe.mapping import Array, Context, Key
    from xarray_safe.metadata import Documents

GEOCODING = "Geometric_Info/Tile_Geocoding"
SUN_GRID = "Geometric_Info/Tile_Angles/Sun_Angles_Grid/Zenith"


@dataclass(frozen=True, eq=False)
class Small:
    """An array that is held in memory, because it is a coordinate or tiny."""

    values: np.ndarray[Any, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return self.values.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the values."""
        return self.values.dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """One chunk."""
        return self.values.shape

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


def size(documents: Documents, resolution: int) -> tuple[int, int]:
    """Rows and columns of the images at a resolution (m) as the tile's metadata says."""
    path = f"{GEOCODING}/Size[@resolution='{resolution}']"
    rows = documents.value(X("tile", f"{path}/NROWS", int))
    columns = documents.value(X("tile", f"{path}/NCOLS", int))
    return rows, columns  # type: ignore[return-value]


def origin_and_step(documents: Documents, resolution: int, axis: str) -> tuple[float, float]:
    """Outer edge of the first pixel and the signed pixel size (m) along an axis."""
    path = f"{GEOCODING}/Geoposition[@resolution='{resolution}']"
    letter = axis.upper()
    edge = documents.value(X("tile", f"{path}/UL{letter}", float))
    step = documents.value(X("tile", f"{path}/{letter}DIM", float))
    return edge, step  # type: ignore[return-value]


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
        Pattern of an image whose own size is believed rather than the metadata's, where it costs nothing.
    """

    axis: Literal["x", "y"]
    resolution: int
    dtype: str
    like: str

    def open(self, context: Context) -> Array:
        """Compute the centres."""
        from xarray_safe.sources.images import header_shape

        count = header_shape(context, self.like, self.resolution)[self.axis == "x"]
        edge, step = origin_and_step(context.documents, self.resolution, self.axis)
        return Small((edge + step * (np.arange(count) + 0.5)).astype(self.dtype))


@dataclass(frozen=True, slots=True)
class AngleGrid:
    """Coordinates of the nodes of the 5 km angle grids along one axis, from the tile's upper left corner."""

    axis: Literal["x", "y"]
    dtype: str

    def open(self, context: Context) -> Array:
        """Compute the nodes from the grid's step and its number of rows or columns."""
        documents = context.documents
        step = documents.value(X("tile", f"{SUN_GRID}/{'COL' if self.axis == 'x' else 'ROW'}_STEP", float))
        rows = documents.texts("tile", f"{SUN_GRID}/Values_List/VALUES")
        if not rows:
            raise documents.missing("tile", f"{SUN_GRID}/Values_List/VALUES")
        count = len(rows) if self.axis == "y" else len((rows[0] or "").split())
        edge, direction = origin_and_step(documents, 10, self.axis)
        nodes = edge + np.sign(direction) * float(step) * np.arange(count)  # type: ignore[arg-type]
        return Small(nodes.astype(self.dtype))
