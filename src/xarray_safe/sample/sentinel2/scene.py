"""The landscape in a sample product: sea and lakes, hills, fields, snow, clouds and their shadows.

It is a function of the place in the tile, so that every image, at any resolution and in any strip of rows, shows
the same land. Smooth fields are cubic B-splines over small lattices of seeded noise with a 1/f spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from xarray_safe.sample.sentinel2 import geometry
from xarray_safe.sample.sentinel2.tables import BANDS

if TYPE_CHECKING:
    from xarray_safe.sample.sentinel2.spec import Spec

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
"""Path radiance that the air adds at the top of the atmosphere."""


@dataclass(frozen=True)
class Lattice:
    """A smooth random field: how many nodes it has in each direction, and how rough it is."""

    name: str
    size: int
    power: float


_KEPT = 12
_HEIGHT = Lattice("height", 128, 1.75)
_MOISTURE = Lattice("moisture", 48, 1.5)
_CLOUDS = Lattice("cloud", 128, 1.45)
_VEIL = Lattice("veil", 16, 2.0)


@dataclass(frozen=True)
class Fields:
    """Land cover of every pixel of a strip of rows: all shares from 0 to 1, except `shade` (about 1)."""

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

    def fields(self, pixels: int, start: int, stop: int) -> Fields:
        """Evaluate rows ``start:stop`` of a grid of ``pixels`` x ``pixels``."""
        x = (np.arange(pixels, dtype="f4") + np.float32(0.5)) / np.float32(pixels)
        y = (np.arange(start, stop, dtype="f4") + np.float32(0.5)) / np.float32(pixels)
        above = self._height(x, y) - np.float32(self._levels["sea"])
        slope = self._spline(_HEIGHT, x, y, dx=1) + self._spline(_HEIGHT, x, y, dy=1)
        water = _ramp(-above, 0.02)
        parcels = self._parcels(x, y)
        cloud = _ramp(self._spline(_CLOUDS, x, y) - np.float32(self._levels["cloud"]), 0.5)
        behind = self._spline(_CLOUDS, x + np.float32(0.014), y + np.float32(0.024))
        return Fields(
            water=water,
            depth=np.clip(above * np.float32(-2.5), 0, 1),
            plants=_ramp(self._spline(_MOISTURE, x, y) + parcels + np.float32(0.3), 2.2),
            snow=_ramp(above - np.float32(self._levels["snow"] - self._levels["sea"]), 0.1),
            shade=np.clip(1 + (np.float32(1.1) * slope + np.float32(0.16) * parcels) * (1 - water), 0.3, 1.6),
            cloud=cloud,
            cirrus=_ramp(self._spline(_VEIL, x, y) - np.float32(self._levels["cirrus"]), 0.6) * np.float32(0.6),
            shadow=_ramp(behind - np.float32(self._levels["cloud"]), 0.5) * (1 - cloud),
        )

    def valid(self, pixels: int, start: int, stop: int) -> npt.NDArray[np.bool_]:
        """Return True for pixels of rows ``start:stop`` that are in the swath."""
        x = (np.arange(pixels, dtype="f4") + np.float32(0.5)) / np.float32(pixels)
        y = (np.arange(start, stop, dtype="f4") + np.float32(0.5)) / np.float32(pixels)
        return x + np.float32(geometry.SLANT) * y[:, None] < np.float32(self._levels["edge"])

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

    def classify(self, fields: Fields) -> Bytes:
        """Scene classification (SCL) of a strip, as if there were data everywhere."""
        out = np.where(fields.plants > 0.5, 4, 5).astype("u1")
        out[(fields.plants > 0.46) & (fields.plants < 0.5)] = 7
        out[fields.shade < 0.6] = 2
        out[fields.snow > 0.5] = 11
        out[fields.water > 0.5] = 6
        out[fields.shadow > 0.4] = 3
        out[fields.cirrus > 0.15] = 10
        out[fields.cloud > 0.35] = 8
        out[fields.cloud > 0.75] = 9
        return out

    # --- fields ---------------------------------------------------------------------------------------------------

    @cached_property
    def _levels(self) -> dict[str, float]:
        """Thresholds such that the wanted shares of the tile are under water, snow and clouds."""
        x = (np.arange(200, dtype="f4") + np.float32(0.5)) / np.float32(200)
        height = self._height(x, x)
        share = self.spec.clouds
        veil = self._spline(_VEIL, x, x)
        thin = np.quantile(veil, 1 - 0.3 * share)
        thick = np.quantile(self._spline(_CLOUDS, x, x)[veil <= thin], 1 - 0.7 * share / (1 - 0.3 * share))
        return {
            "sea": float(np.quantile(height, 0.28)),
            "snow": float(np.quantile(height, 0.985)),
            "cloud": float(thick) + 0.075 if share else np.inf,
            "cirrus": float(thin) + 0.15 if share else np.inf,
            "edge": geometry.swath_edge(self.spec.nodata),
        }

    def _height(self, x: Floats, y: Floats) -> Floats:
        """Height of the land: hills that sink towards the south-west."""
        tilt: Floats = np.float32(1.6) * x[None, :] - np.float32(1.2) * y[:, None]
        return self._spline(_HEIGHT, x, y) + tilt

    def _spline(self, lattice: Lattice, x: Floats, y: Floats, dx: int = 0, dy: int = 0) -> Floats:
        """Evaluate a field (mean 0, deviation about 1) or its derivative on the grid of `y` and `x`.

        Rounded, so that no machine's order of summation shows in the result.
        """
        nodes = self._lattices[lattice]
        values = _weights(y, lattice.size, dy) @ nodes @ self._across(x, lattice.size, dx)
        values *= 4096
        rounded: Floats = np.rint(values).astype("f4")
        rounded /= np.float32(4096)
        return rounded

    def _across(self, x: Floats, size: int, derivative: int) -> geometry.Floats:
        """Weights of the columns, which are the same for every strip of rows of an image."""
        key = (len(x), float(x[0]), size, derivative)
        if key not in self._columns:
            if len(self._columns) > _KEPT:
                self._columns.clear()
            self._columns[key] = _weights(x, size, derivative).T
        return self._columns[key]

    @cached_property
    def _columns(self) -> dict[tuple[int, float, int, int], geometry.Floats]:
        return {}

    @cached_property
    def _lattices(self) -> dict[Lattice, geometry.Floats]:
        """Noise of which amplitudes fall with the given power of the frequency."""
        lattices = {}
        for lattice in (_HEIGHT, _MOISTURE, _CLOUDS, _VEIL):
            white = self.spec.random("field", lattice.name).standard_normal((lattice.size, lattice.size))
            frequency = np.hypot(*np.meshgrid(*2 * [np.fft.fftfreq(lattice.size) * lattice.size]))
            field = np.fft.ifft2(np.fft.fft2(white) / np.maximum(frequency, 1.0) ** lattice.power).real
            lattices[lattice] = (field - field.mean()) / field.std()
        return lattices

    def _parcels(self, x: Floats, y: Floats) -> Floats:
        """Fields and meadows: a slanted patchwork, every parcel a little drier or wetter."""
        parcels = self.spec.random("parcels").normal(0, 0.5, (97, 89)).astype("f4")
        row = (y[:, None] * np.float32(80) + x * np.float32(23)).astype("i4") % 97
        column = (x * np.float32(70) - y[:, None] * np.float32(19)).astype("i4") % 89
        found: Floats = parcels[row, column]
        return found


def _weights(position: Floats, size: int, derivative: int) -> geometry.Floats:
    """Cubic B-spline weights of `size` nodes at positions 0 to 1, or their derivatives: (positions, nodes)."""
    place = np.clip(position.astype("f8"), -0.02, 1.02) * (size - 5) + 2
    offset = np.arange(size) - place[:, None]
    near, far = np.clip(1 - np.abs(offset), 0, None), np.clip(2 - np.abs(offset), 0, None)
    weights: geometry.Floats = (far**3 - 4 * near**3) / 6
    if derivative:
        weights = np.sign(offset) * (far**2 - 4 * near**2) / 2
    return weights


def _ramp(value: Floats, width: float) -> Floats:
    """Go from 0 to 1 around `value` 0."""
    share: Floats = np.clip(value / np.float32(width) + np.float32(0.5), 0, 1)
    return share


def _mix(low: float, high: float, share: Floats) -> Floats:
    """Go from one reflectance to another."""
    return np.float32(low) + np.float32(high - low) * share


def _blend(under: Floats, over: float, share: Floats) -> Floats:
    """Cover something by a share of something else."""
    return under + (np.float32(over) - under) * share
