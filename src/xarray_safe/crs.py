"""UTM zones on WGS 84 as well-known text.

The text of a zone's CRS is made from its EPSG code, because importing a projection library would cost more
than opening the product.
"""

from __future__ import annotations

from typing import Final

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
