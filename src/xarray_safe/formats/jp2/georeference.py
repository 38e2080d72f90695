"""Georeference of an image: its GeoJP2 (a tiny GeoTIFF) or GML box, as GDAL reads them.

Sources: GeoJP2 (Mapping Science, UUID b14bf8bd-…), GeoTIFF 1.1 (OGC 19-008), GML in JPEG 2000 (OGC 05-047).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray_safe.archive.files import Files

HEAD: Final = 16 * 1024
"""All boxes before the codestream are within these bytes (some 3 kB)."""

_GEOJP2: Final = bytes.fromhex("b14bf8bd083d4b43a5ae8cd7d5a6ce03")
_NUMBERS: Final = r"\s*(?:<[^<>]*coordinates[^<>]*>)?\s*([-+.\deE]+)[\s,]+([-+.\deE]+)"
_POINT: Final = re.compile(r"<(?:\w+:)?origin>.*?<(?:\w+:)?(?:pos|coordinates)[^<>]*>" + _NUMBERS, re.DOTALL)
_VECTOR: Final = re.compile(r"<(?:\w+:)?offsetVector[^<>]*>" + _NUMBERS)
_SRS: Final = re.compile(r"srsName=[\"'][^\"']*EPSG:[^\"']*?:?(\d+)[\"']")


@dataclass(frozen=True, slots=True)
class Georeference:
    """Outer corner of the first pixel, signed pixel sizes, EPSG number (0: unknown)."""

    left: float
    top: float
    width: float
    height: float
    epsg: int


def georeference(files: Files, name: str) -> Georeference | None:
    """Return the georeference of a north-up image, or None if its boxes do not have one."""
    boxes = dict(_boxes(files.read(name, 0, HEAD)))
    for kind, read in (("geotiff", _from_geotiff), ("gml", _from_gml)):
        try:
            found = read(boxes[kind]) if kind in boxes else None
        except (struct.error, ValueError, KeyError, IndexError):
            found = None  # an invalid box is ignored; the metadata have it too
        if found:
            return found
    return None


def _boxes(head: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the boxes before the codestream that have a georeference."""
    at = 0
    while at + 8 <= len(head):
        length, kind = struct.unpack_from(">I4s", head, at)
        start = at + 8
        if length == 1 and start + 8 <= len(head):  # a long box, as products have them
            (length,) = struct.unpack_from(">Q", head, start)
            start += 8
        if kind == b"jp2c" or at + length < start:
            return
        body = head[start : at + length]
        if kind == b"uuid" and body[:16] == _GEOJP2:
            yield "geotiff", body[16:]
        elif kind == b"asoc" and b"RectifiedGrid" in body:
            yield "gml", body
        at += length


def _from_geotiff(tiff: bytes) -> Georeference | None:
    """Read the pixel scale and tie point tags, and the projection among the keys."""
    order = {b"II": "<", b"MM": ">"}[tiff[:2]]
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, directory)
    tags: dict[int, tuple[float, ...]] = {}
    for i in range(count):
        tag, kind, number, where = struct.unpack_from(f"{order}HHII", tiff, directory + 2 + 12 * i)
        if kind in (3, 12) and 1 < number < 1000 and tag in (33550, 33922, 34735):
            tags[tag] = struct.unpack_from(f"{order}{number}{'H' if kind == 3 else 'd'}", tiff, where)
    keys = tags.get(34735, ())
    values = {int(keys[i]): int(keys[i + 3]) for i in range(4, len(keys) - 3, 4) if keys[i + 1] == 0}
    width, height = tags[33550][:2]
    column, row, _, x, y = tags[33922][:5]
    half = 0.5 if values.get(1025) == 2 else 0.0  # tie points at pixel centres
    left, top = x - (column + half) * width, y + (row + half) * height
    return Georeference(left, top, width, -height, values.get(3072, 0))


def _from_gml(box: bytes) -> Georeference | None:
    """Read origin (the first pixel's centre) and offset vectors of the rectified grid."""
    text = box.decode("utf-8", "replace")
    point, vectors, srs = _POINT.search(text), _VECTOR.findall(text), _SRS.search(text)
    if point is None or len(vectors) != 2:
        return None
    (width, skew), (other, height) = ((float(a), float(b)) for a, b in vectors)
    if skew or other:
        return None
    return Georeference(
        float(point[1]) - width / 2, float(point[2]) - height / 2, width, height, int(srs[1]) if srs else 0
    )
