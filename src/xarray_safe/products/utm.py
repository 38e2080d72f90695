"""Projection of a Sentinel-2 tile as STAC's `proj` extension states it: UTM zones on WGS 84.

The text of a zone's CRS is made from its EPSG code, because importing a projection library would cost more
than opening the product.
"""

from __future__ import annotations

from typing import Any, Final

from xarray_safe.metadata import F, X
from xarray_safe.sources.grids import GEOCODING

_WKT: Final = (
    'PROJCS["WGS 84 / UTM zone {zone}{hemisphere}",GEOGCS["WGS 84",DATUM["WGS_1984",'
    'SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],'
    'PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],'
    'AUTHORITY["EPSG","4326"]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],'
    'PARAMETER["central_meridian",{meridian}],PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],'
    'PARAMETER["false_northing",{northing}],UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],'
    'AXIS["Northing",NORTH],AUTHORITY["EPSG","{epsg}"]]'
)


def epsg(code: str) -> int:
    """EPSG number of a code such as ``EPSG:32632``; ValueError if it is no UTM zone on WGS 84."""
    number = int(code.rpartition(":")[2])
    if number // 100 not in (326, 327) or not 1 <= number % 100 <= 60:
        raise ValueError("Sentinel-2 tiles lie in UTM zones on WGS 84 (EPSG:32601 to 32660, 32701 to 32760)")
    return number


def wkt(code: str) -> str:
    """Well-known text (version 1, as GDAL writes it) of a UTM zone."""
    number = epsg(code)
    zone, south = number % 100, number // 100 == 327
    return _WKT.format(
        zone=zone, hemisphere="S" if south else "N", meridian=6 * zone - 183, northing=10000000 if south else 0, epsg=number
    )


def proj(resolution: int, *names: str) -> dict[str, Any]:
    """Look-ups of a resolution's `proj:…` attributes: epsg, wkt2, transform, shape, bbox, or those named."""
    place = f"{GEOCODING}/Geoposition[@resolution='{resolution}']"
    size = f"{GEOCODING}/Size[@resolution='{resolution}']"
    code = f"{GEOCODING}/HORIZONTAL_CS_CODE"
    left, top, width, height = (X("tile", f"{place}/{name}", float) for name in ("ULX", "ULY", "XDIM", "YDIM"))
    rows, columns = (X("tile", f"{size}/{name}", int) for name in ("NROWS", "NCOLS"))
    attrs: dict[str, Any] = {
        "proj:epsg": X("tile", code, epsg),
        "proj:wkt2": X("tile", code, wkt),
        "proj:transform": F(_transform, left, top, width, height),
        "proj:shape": F(_shape, rows, columns),
        "proj:bbox": F(_bbox, left, top, width, height, rows, columns),
    }
    return {name: attrs[name] for name in names} if names else attrs


def _transform(left: float, top: float, width: float, height: float) -> list[float]:
    return [width, 0.0, left, 0.0, height, top, 0.0, 0.0, 1.0]


def _shape(rows: int, columns: int) -> list[int]:
    return [rows, columns]


def _bbox(left: float, top: float, width: float, height: float, rows: int, columns: int) -> list[float]:
    return [left, top + height * rows, left + width * columns, top]
