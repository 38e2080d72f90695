"""Projection of a Sentinel-2 tile as STAC's `proj` extension states it: UTM zones on WGS 84.

The text of a zone's CRS is made from its EPSG code, because importing a projection library would cost more
than opening the product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xarray_safe.metadata import F, LookUp

if TYPE_CHECKING:
    from collections.abc import Callable

    from xarray_safe.sources.grids import Place

_WKT: Final = (
    'PROJCS["WGS 84 / UTM zone {zone}{hemisphere}",GEOGCS["WGS 84",DATUM["WGS_1984",'
    'SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],'
    'PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],'
    'AUTHORITY["EPSG","4326"]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],'
    'PARAMETER["central_meridian",{meridian}],PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],'
    'PARAMETER["false_northing",{northing}],UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],'
    'AXIS["Northing",NORTH],AUTHORITY["EPSG","{epsg}"]]'
)


def wkt(epsg: int) -> str:
    """Well-known text (version 1, as GDAL writes it) of a UTM zone."""
    zone, south = epsg % 100, epsg // 100 == 327
    hemisphere, northing = ("S", 10000000) if south else ("N", 0)
    return _WKT.format(zone=zone, hemisphere=hemisphere, meridian=6 * zone - 183, northing=northing, epsg=epsg)


def proj(grid: LookUp, *names: str) -> dict[str, Any]:
    """Look-ups of the `proj:…` attributes of images: epsg, wkt2, transform, shape, bbox, or those named."""
    return {name: F(_PROJ[name], grid) for name in names or _PROJ}


def _transform(place: Place) -> list[float]:
    """Affine transform from columns and rows to the CRS, row by row."""
    return [place.width, 0.0, place.left, 0.0, place.height, place.top, 0.0, 0.0, 1.0]


def _bbox(place: Place) -> list[float]:
    """West, south, east, north in the CRS."""
    return [place.left, place.top + place.height * place.rows, place.left + place.width * place.columns, place.top]


_PROJ: Final[dict[str, Callable[[Place], object]]] = {
    "proj:epsg": lambda place: place.epsg,
    "proj:wkt2": lambda place: wkt(place.epsg),
    "proj:transform": _transform,
    "proj:shape": lambda place: [place.rows, place.columns],
    "proj:bbox": _bbox,
}
