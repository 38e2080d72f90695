"""Geometry of a tile: its position, the angles of the sun, and the views of the twelve detectors.

Tiles follow the MGRS grid of 100 km squares, widened to 109,800 m and snapped to 60 m. Sun angles are the usual
low-precision ephemeris (0.1°). Detectors look down in slanted strips; odd and even ones look a little ahead and
back, more so for some bands, which is where the azimuths of the real grids come from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
from rasterio.warp import transform as reproject

from xarray_safe.errors import InvalidArgumentError

Floats = npt.NDArray[np.float64]

EXTENT = 109_800
"""Width and height of a tile (m)."""
STEP = 5000
"""Spacing of the angle grids (m); they have 23 x 23 nodes."""
NODES = 23
SLANT = 0.22
"""How far the detectors' strips move west, for each metre south."""

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_ALTITUDE, _NADIR = 786e3, 165e3
_PARALLAX = (22.0, 7.5, 11.0, 13.5, 15.0, 16.5, 18.0, 9.0, 19.5, 24.0, 10.0, 16.0, 20.0)
"""By band: km along the track that odd detectors look ahead and even ones back."""


@dataclass(frozen=True)
class Place:
    """A tile's place: its projection, upper left corner (m), and centre (degrees)."""

    tile: str
    epsg: int
    west: int
    north: int
    latitude: float
    longitude: float

    @property
    def zone(self) -> str:
        """UTM zone as in the metadata, ``32N``."""
        return f"{self.epsg % 100}{'N' if self.epsg < 32700 else 'S'}"

    def geographic(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Latitudes and longitudes (−180 to 180) of points of the projection."""
        shape = np.broadcast_shapes(np.shape(x), np.shape(y))
        eastings, northings = (np.broadcast_to(a, shape).ravel() for a in (x, y))
        longitudes, latitudes = reproject(f"EPSG:{self.epsg}", "EPSG:4326", eastings, northings)
        wrapped = (np.asarray(longitudes, "f8") + 180) % 360 - 180
        return np.asarray(latitudes, "f8").reshape(shape), wrapped.reshape(shape)


def place(tile: str) -> Place:
    """Find a tile, such as ``32TQM``, on the globe."""
    found = re.fullmatch(r"(\d\d)([C-HJ-NP-X])([A-HJ-NP-Z])([A-HJ-NP-V])", tile)
    zone = int(found[1]) if found else 0
    column = (_LETTERS.index(found[3]) - (zone - 1) % 3 * 8) if found else -1
    if not found or not 1 <= zone <= 60 or not 0 <= column < 8:
        raise InvalidArgumentError(f'sample product: tile is an MGRS square such as "32TQM", not {tile!r}.')
    south = found[2] < "N"
    epsg = (32700 if south else 32600) + zone
    band = -80 + 8 * _BANDS.index(found[2])
    row = (_ROWS.index(found[4]) - (5 if zone % 2 == 0 else 0)) % 20
    west = (column + 1) * 100_000 // 60 * 60
    for cycle in range(0, 10_000_000, 2_000_000):
        top = cycle + (row + 1) * 100_000
        north = 10_000_000 - (10_000_000 - top) // 60 * 60 if south else -(-top // 60) * 60
        candidate = Place(tile, epsg, west, north, 0.0, 0.0)
        latitude, longitude = candidate.geographic(west + EXTENT / 2, north - EXTENT / 2)
        if band - 1 <= latitude < band + (13 if found[2] == "X" else 9):
            return Place(tile, epsg, west, north, float(latitude), float(longitude))
    raise InvalidArgumentError(f"sample product: there is no tile {tile!r}: its row is outside its latitude band.")


def footprint(spot: Place, nodata: float) -> list[tuple[float, float]]:
    """Outline of a tile's data: latitudes and longitudes, clockwise from the north-west, closed."""
    edge = swath_edge(nodata)
    top, bottom = min(edge, 1.0), min(edge - SLANT, 1.0)
    corners = [(0.0, 0.0), (top, 0.0)]
    if top == 1.0 > bottom:
        corners.append((1.0, (edge - 1.0) / SLANT))
    corners += [(bottom, 1.0), (0.0, 1.0)] if bottom > 0 else [(0.0, edge / SLANT)]
    x, y = np.array([*corners, corners[0]]).T
    latitude, longitude = spot.geographic(spot.west + x * EXTENT, spot.north - y * EXTENT)
    return list(zip(latitude.tolist(), longitude.tolist(), strict=True))


def swath_edge(nodata: float) -> float:
    """Edge of the swath: ``x + SLANT * y`` (shares of the tile), so that `nodata` of the tile is beyond it."""
    if nodata == 0:
        return 1.0 + SLANT
    x, y = np.meshgrid(*2 * [(np.arange(256) + 0.5) / 256])
    return float(np.quantile(x + SLANT * y, 1 - nodata))


def strip_outline(spot: Place, position: int, count: int, edge: float) -> list[tuple[float, float]]:
    """Outline of a detector's strip within the tile: eastings and northings, closed."""
    rows = np.linspace(0, 1, NODES)
    left, right = (np.clip(edge * (position + side) / count - SLANT * rows, 0, 1) for side in (0, 1))
    x = np.concatenate([left, right[::-1], left[:1]])
    y = np.concatenate([rows, rows[::-1], rows[:1]])
    return list(zip((spot.west + x * EXTENT).tolist(), (spot.north - y * EXTENT).tolist(), strict=True))


def detector_index(band: int, count: int, edge: float, x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.int8]:
    """Which of the tile's `count` detectors sees points of the tile (shares): from 0; −1 beyond the swath."""
    along = np.asarray(x, "f4") + np.float32(SLANT) * np.asarray(y, "f4")
    shift = np.float32(0.02 * _PARALLAX[band] / 24)
    index = np.clip(np.floor((along + shift) * np.float32(count / edge)), 0, count - 1)
    return np.where(along < np.float32(edge), index, -1).astype("i1")


def nodes(spot: Place) -> tuple[Floats, Floats]:
    """Eastings and northings of the angle grids, each 23 x 23."""
    steps = np.arange(NODES) * float(STEP)
    x, y = np.meshgrid(spot.west + steps, spot.north - steps)
    return x, y


def sun_angles(spot: Place, time: datetime) -> tuple[Floats, Floats]:
    """Zenith and azimuth of the sun (degrees) at the nodes of the angle grids."""
    latitude, longitude = spot.geographic(*nodes(spot))
    days = (time.replace(tzinfo=None) - datetime(2000, 1, 1, 12)).total_seconds() / 86400
    anomaly = np.radians(357.529 + 0.98560028 * days)
    ecliptic = np.radians(280.459 + 0.98564736 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly))
    tilt = np.radians(23.439)
    right_ascension = np.degrees(np.arctan2(np.cos(tilt) * np.sin(ecliptic), np.cos(ecliptic)))
    declination = np.arcsin(np.sin(tilt) * np.sin(ecliptic))
    sidereal = 280.46062 + 360.98564737 * days
    hour = np.radians(sidereal + longitude - right_ascension)
    phi = np.radians(latitude)
    up = np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour)
    east = -np.cos(declination) * np.sin(hour)
    north = np.cos(phi) * np.sin(declination) - np.sin(phi) * np.cos(declination) * np.cos(hour)
    return np.degrees(np.arccos(up)), np.degrees(np.arctan2(east, north)) % 360


def view_angles(spot: Place, band: int, detector: int, position: int, count: int, edge: float) -> tuple[Floats, Floats]:
    """Zenith and azimuth of the view (degrees) at the nodes; NaN where this detector does not see.

    `position` of `count` is the detector's place among those that see the tile; neighbours overlap by a node.
    """
    x, y = nodes(spot)
    u, v = (x - spot.west) / EXTENT, (spot.north - y) / EXTENT
    along = (u + SLANT * v) * count / edge
    half = 0.5 * STEP / EXTENT * count / edge
    seen = (along >= position - half) & (along < position + 1 + half)
    across = _NADIR - (x - spot.west) - SLANT * (spot.north - y)
    ahead = _PARALLAX[band] * 1e3 * (1 if detector % 2 else -1)
    zenith = np.degrees(np.arctan(np.hypot(across, ahead) / _ALTITUDE))
    azimuth = (102.4 + np.degrees(np.arctan2(ahead, across))) % 360
    return np.where(seen, zenith, np.nan), np.where(seen, azimuth, np.nan)
