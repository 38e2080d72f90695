"""Write JPEG 2000 images structured as Sentinel-2's: tiles, levels, code-blocks, precincts, packet lengths.

Structures are those read from real files; for small images the tiles shrink, so that there are still several and
those at the edges are short.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio import Affine
from rasterio.windows import Window

if TYPE_CHECKING:
    from pathlib import Path

    from xarray_safe.sample.sentinel2.geometry import Place

Rows = Callable[[int, int], npt.NDArray[np.unsignedinteger]]
"""Returns rows ``start:stop`` of an image: ``(rows, columns)`` or ``(components, rows, columns)``."""

_PIXELS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Structure:
    """How an image is cut up.

    `tile` and `levels` are those of a full-size image; `share` is the tile's size as a share of a small one.
    """

    tile: int
    share: float
    levels: int = 4
    block: int = 64
    precinct: int = 256

    def tile_size(self, pixels: int) -> int:
        """Size of the tiles of an image of ``pixels`` x ``pixels``."""
        if pixels >= 2 * self.tile:
            return self.tile
        return min(self.tile, max(32, int(pixels * self.share) // 8 * 8))


BAND_10M = Structure(1024, 0.35)
BAND_20M = Structure(640, 0.44)
BAND_60M = Structure(192, 0.66, block=4, precinct=64)
AOT_20M = Structure(640, 0.44, block=8, precinct=128)
MASK_10M = Structure(1024, 0.35)
MASK_20M = Structure(2048, 0.55, levels=5)
MASK_60M = Structure(256, 0.66, block=16, precinct=128)
PREVIEW = Structure(343, 1.0, block=16, precinct=128)


def write(
    path: Path,
    rows: Rows,
    pixels: int,
    *,
    spot: Place,
    metres: int,
    structure: Structure,
    bits: int = 8,
    components: int = 1,
    tlm: bool = True,
) -> None:
    """Write an image losslessly, with its place on the globe.

    Parameters
    ----------
    path
        File to write.
    rows
        Returns the pixels, some rows at a time.
    pixels
        Rows and columns.
    spot, metres
        Tile and size of a pixel, for the georeference (GeoJP2 and GML boxes).
    structure
        Tiles, levels, code-blocks, precincts.
    bits
        Depth: 8, or 15 in 16-bit words.
    components
        Number of components.
    tlm
        Whether to write the table of tile-part lengths.
    """
    tile = structure.tile_size(pixels)
    levels = min(structure.levels, max(min(tile, pixels).bit_length() - 2, 0))
    options = {
        "REVERSIBLE": "YES",
        "QUALITY": "100",
        "YCBCR420": "NO",
        "PLT": "YES",
        "TLM": "YES" if tlm else "NO",
        "RESOLUTIONS": str(levels + 1),
        "CODEBLOCK_WIDTH": str(structure.block),
        "CODEBLOCK_HEIGHT": str(structure.block),
        "PRECINCTS": ",".join([f"{{{structure.precinct},{structure.precinct}}}"] * (levels + 1)),
        **({"NBITS": str(bits)} if bits > 8 else {}),
    }
    with rasterio.open(
        path,
        "w",
        driver="JP2OpenJPEG",
        width=pixels,
        height=pixels,
        count=components,
        dtype="uint16" if bits > 8 else "uint8",
        crs=f"EPSG:{spot.epsg}",
        transform=Affine(metres, 0, spot.west, 0, -metres, spot.north),
        tiled=True,  # without it rasterio drops the block sizes
        blockxsize=tile,
        blockysize=tile,
        **options,
    ) as file:
        step = max(_PIXELS_AT_ONCE // pixels // 2 * 2, 2)
        for start in range(0, pixels, step):
            stop = min(start + step, pixels)
            window = Window(0, start, pixels, stop - start)
            strip = rows(start, stop)
            file.write(strip if strip.ndim == 3 else strip[None], window=window)
