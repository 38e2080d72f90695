"""The landscape in a sample product: sea and lakes, hills, fields, snow, clouds and their shadows.

It is a function of the place in the tile, so that every image, at any resolution and in any strip of rows, shows
the same land. Smooth fields are cubic B-splines over small lattices of seeded noise with a 1/f spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from . import geometry
from .spec import Spec
from .tables import BANDS

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

# Reflectances (1e-4) by band in the order of BANDS; dense spectra are invented, their shapes are the usual ones.
_WATER = (330, 360, 310, 190, 160, 120, 110, 90, 80, 60, 10, 40, 30)
_SHALLOW = (520, 700, 820, 480, 330, 190, 180, 140, 120, 80, 10, 50, 40)
_PLANTS = (210, 270, 520, 330, 820, 2350, 2950, 3150, 3350, 3300, 20, 1650, 800)
_SOIL = (650, 900, 1250, 1650, 1900, 2100, 2300, 2450, 2600, 2650, 30, 3200, 2700)
_SNOW = (8600, 8700, 8800, 8700, 8600, 8500, 8300, 8100, 7800, 7000, 300, 1100, 900)
_CLOUD = (6500, 6600, 6700, 6800, 6900, 7000, 7100, 7200, 7300, 6000, 900, 4800, 3700)
_CIRRUS = (900, 850, 820, 800, 790, 780, 770, 760, 750, 700, 600, 500, 400)
_AIR = (1050, 800, 480, 270, 220, 180, 150, 120, 90, 60, 0, 10, 5)
"""What the air adds at the top of the atmosphere."""

_GRAIN = 40.0
"""Noise of a pixel (1e-4): with it a lossless 10 m band takes some 7.4 bits a pixel, as real ones do."""


@dataclass(frozen=True)
class Fields:
    """What lies at every pixel of a strip of rows: all shares from 0 to 1, but for `shade` (about 1)."""

    valid: npt.NDArray[np.bool_]
    water: Floats
    depth: Floats
    plants: Floats
    snow: Floats
    shade: Floats
    cloud: Floats
    cirrus: Floats
    shadow: Floats


@dataclass(frozen=True)
class Scene:
    """The landscape of a product."""

    spec: Spec

    def fields(self, pixels: int, start: int, stop: int, band: str = "B02") -> Fields:
        """Evaluate rows ``start:stop`` of an image of ``pixels`` x ``pixels``."""
        x = (np.arange(pixels, dtype="f4") + np.float32(0.5)) / np.float32(pixels)
        y = (np.arange(start, stop, dtype="f4") + np.float32(0.5)) / np.float32(pixels)
        height = self._height(x, y)
        sea = self._levels["sea"]
        slope = self._spline("height", 64, 2.0, x, y, dx=1) - self._spline("height", 64, 2.0, x, y, dy=1)
        water = _ramp(sea - height, 0.02)
        moisture = self._spline("moisture", 40, 1.6, x, y) + self._parcels(x, y)
        depth = np.clip((sea - height) * np.float32(2.5), 0, 1)
        cloud = _ramp(self._spline("cloud", 56, 1.5, x, y) - self._levels["cloud"], 0.25)
        behind = self._spline("cloud", 56, 1.5, x + np.float32(0.018), y + np.float32(0.03)) - self._levels["cloud"]
        return Fields(
            valid=(x + np.float32(geometry.SLANT) * y[:, None]) < np.float32(self.edge),
            water=water,
            depth=depth,
            plants=_ramp(moisture + np.float32(0.3), 0.5),
            snow=_ramp(height - self._levels["snow"], 0.1),
            shade=np.clip(1 + np.float32(0.006) * slope * (1 - water), 0.35, 1.5),
            cloud=cloud,
            cirrus=_ramp(self._spline("cirrus", 12, 2.0, x, y) - self._levels["cirrus"], 0.6) * np.float32(0.6),
            shadow=_ramp(behind, 0.25) * (1 - cloud),
        )

    @property
    def edge(self) -> float:
        """Where the swath ends, see `geometry.swath_edge`."""
        return self._levels["edge"]

    def reflectance(self, fields: Fields, band: str) -> Floats:
        """Reflectance (1e-4) of a band, without noise: of the surface for L2A, of the top of atmosphere for L1C."""
        n = BANDS.index(band)
        land = _mix(_SOIL[n], _PLANTS[n], fields.plants)
        land = _blend(land, _SNOW[n], fields.snow) * fields.shade
        sea = _mix(_SHALLOW[n], _WATER[n], fields.depth)
        out = land + (sea - land) * fields.water
        out *= 1 - np.float32(0.55) * fields.shadow
        out = _blend(out, _CLOUD[n], fields.cloud)
        out += np.float32(_CIRRUS[n]) * fields.cirrus
        return out + np.float32(_AIR[n]) if self.spec.level == "L1C" else out

    def numbers(self, fields: Fields, band: str, noise: np.random.Generator) -> npt.NDArray[np.uint16]:
        """Digital numbers of a band: 1 to 32767, and 0 where there are no data."""
        out = self.reflectance(fields, band)
        out += np.float32(_GRAIN) * noise.standard_normal(out.shape, dtype="f4")
        out += np.float32(self.spec.offset)
        return (np.clip(out, 1, 32767) * fields.valid).astype("u2")

    def classify(self, fields: Fields) -> Bytes:
        """Scene classification (SCL) of a strip."""
        out = np.where(fields.plants > 0.5, 4, 5).astype("u1")
        out[(fields.plants > 0.46) & (fields.plants < 0.5)] = 7
        out[fields.shade < 0.6] = 2
        out[fields.snow > 0.5] = 11
        out[fields.water > 0.5] = 6
        out[fields.shadow > 0.4] = 3
        out[fields.cirrus > 0.15] = 10
        out[fields.cloud > 0.35] = 8
        out[fields.cloud > 0.75] = 9
        out[~fields.valid] = 0
        return out

    # --- fields ---------------------------------------------------------------------------------------------------

    @cached_property
    def _levels(self) -> dict[str, float]:
        """Thresholds such that the wanted shares of the tile are under water, snow and clouds."""
        x = (np.arange(200, dtype="f4") + np.float32(0.5)) / np.float32(200)
        height = self._height(x, x)
        share = self.spec.clouds
        cloud = np.quantile(self._spline("cloud", 56, 1.5, x, x), 1 - 0.75 * share)
        cirrus = np.quantile(self._spline("cirrus", 12, 2.0, x, x), 1 - 0.6 * share)
        return {
            "sea": float(np.quantile(height, 0.28)),
            "snow": float(np.quantile(height, 0.985)),
            "cloud": float(cloud) if share else np.inf,
            "cirrus": float(cirrus) if share else np.inf,
            "edge": geometry.swath_edge(self.spec.nodata),
        }

    def _height(self, x: Floats, y: Floats) -> Floats:
        """Height of the land: hills that sink towards the south-west."""
        tilt = np.float32(1.6) * x[None, :] - np.float32(1.2) * y[:, None]
        return self._spline("height", 64, 2.0, x, y) + tilt

    def _spline(self, name: str, size: int, power: float, x: Floats, y: Floats, dx: int = 0, dy: int = 0) -> Floats:
        """Evaluate a field (mean 0, deviation about 1) or its derivative on the grid of `y` and `x`."""
        lattice = self._lattice(name, size, power)
        return _weights(y, size, dy) @ lattice @ _weights(x, size, dx).T

    def _lattice(self, name: str, size: int, power: float) -> Floats:
        """Noise of which amplitudes fall with the given power of the frequency."""
        spectrum = np.fft.fft2(self.spec.random("field", name).standard_normal((size, size)))
        frequency = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(size) * size]))
        field = np.fft.ifft2(spectrum / np.maximum(frequency, 1.0) ** power).real
        return ((field - field.mean()) / field.std()).astype("f4")

    def _parcels(self, x: Floats, y: Floats) -> Floats:
        """Fields and meadows: a slanted patchwork, every parcel a little drier or wetter."""
        parcels = self.spec.random("parcels").normal(0, 0.5, (97, 89)).astype("f4")
        row = (y[:, None] * np.float32(80) + x * np.float32(23)).astype("i4") % 97
        column = (x * np.float32(70) - y[:, None] * np.float32(19)).astype("i4") % 89
        return parcels[row, column]


def _weights(position: Floats, size: int, derivative: int) -> Floats:
    """Cubic B-spline weights of `size` nodes at positions 0 to 1, or their derivatives: (positions, nodes)."""
    place = np.clip(position, -0.02, 1.02) * np.float32(size - 5) + np.float32(2)
    distance = np.abs(place[:, None] - np.arange(size, dtype="f4"))
    near, far = np.clip(1 - distance, 0, None), np.clip(2 - distance, 0, None)
    if derivative == 0:
        return (far**3 - 4 * near**3) / np.float32(6)
    sign = np.sign(np.arange(size, dtype="f4") - place[:, None])
    return sign * (far**2 - 4 * near**2) / np.float32(2)


def _ramp(value: Floats, width: float) -> Floats:
    """Go from 0 to 1 around `value` 0."""
    return np.clip(value / np.float32(width) + np.float32(0.5), 0, 1)


def _mix(low: float, high: float, share: Floats) -> Floats:
    """Go from one reflectance to another."""
    return np.float32(low) + np.float32(high - low) * share


def _blend(under: Floats, over: float, share: Floats) -> Floats:
    """Cover something by a share of something else."""
    return under + (np.float32(over) - under) * share
