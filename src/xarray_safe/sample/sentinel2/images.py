"""All images of a product: bands, AOT, WVP, SCL, TCI, masks and the preview.

Each image is a function that returns its rows, so that a full-size one is never in memory twice.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from xarray_safe.sample.sentinel2 import geometry, jp2
from xarray_safe.sample.sentinel2.scene import Fields, Scene
from xarray_safe.sample.sentinel2.tables import BANDS, RESOLUTION
from xarray_safe.sample.sentinel2.tile_xml import mask_files, mask_suffix, preview_path

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator
    from pathlib import Path

    from xarray_safe.sample.sentinel2.jp2 import Rows, Structure
    from xarray_safe.sample.sentinel2.spec import Spec
    from xarray_safe.sample.sentinel2.statistics import Statistics

Bytes = npt.NDArray[np.uint8]

_BAND = {10: jp2.BAND_10M, 20: jp2.BAND_20M, 60: jp2.BAND_60M}
_MASK = {10: jp2.MASK_10M, 20: jp2.MASK_20M, 60: jp2.MASK_60M}
_TRUE_COLOUR = ("B04", "B03", "B02")
_BRIGHTEST = 3558
"""Reflectance (1e-4) that is 255 in the true-colour image."""
_GRAIN = 30.0
"""Noise of a pixel (1e-4): with it a lossless 10 m band takes some 7.4 bits a pixel, as real ones do."""


@dataclass(frozen=True)
class Image:
    """An image to write; images of equal `content` have equal bytes."""

    name: str
    rows: Rows
    pixels: int
    metres: int
    structure: Structure
    content: Hashable
    bits: int = 8
    components: int = 1


def write(spec: Spec, folder: Path, statistics: Statistics) -> None:
    """Write all images into a product's folder, and count in them what the metadata tell."""
    done: dict[Hashable, Path] = {}
    for image in images(spec, statistics):
        path = folder / image.name
        if image.content in done:
            shutil.copyfile(done[image.content], path)
            continue
        jp2.write(
            path,
            image.rows,
            image.pixels,
            spot=spec.place,
            metres=image.metres,
            structure=image.structure,
            bits=image.bits,
            components=image.components,
            tlm=spec.tlm,
        )
        done[image.content] = path


def images(spec: Spec, statistics: Statistics) -> Iterator[Image]:
    """List all images of a product; reading their rows in order fills `statistics`."""
    painter = Painter(spec, Scene(spec), statistics)
    yield from _measurements(spec, painter)
    yield from _masks(spec, painter)
    pixels = max(spec.size * 10 // 320, 1)
    yield Image(
        preview_path(spec), partial(painter.colours, pixels, "PVI"), pixels, 320, jp2.PREVIEW, "PVI", components=3
    )


def _measurements(spec: Spec, painter: Painter) -> Iterator[Image]:
    for name, (kind, metres) in spec.images().items():
        pixels = spec.pixels(metres)
        structure = jp2.AOT_20M if (kind, metres) == ("AOT", 20) else _BAND[metres]
        content: Hashable = (kind, metres)
        bits, components = 15, 1
        if kind in BANDS:
            twin = kind if spec.unique_images else _TRUE_COLOUR[2]
            content = (twin, metres)
            rows: Rows = partial(painter.band, pixels, metres, twin)
        elif kind == "TCI":
            rows, bits, components = partial(painter.colours, pixels, metres), 8, 3
        elif kind == "SCL":
            rows, bits = partial(painter.classes, pixels, metres), 8
        else:
            rows = partial(painter.atmosphere, pixels, metres, kind)
        yield Image(f"{name}.jp2", rows, pixels, metres, structure, content, bits, components)


def _masks(spec: Spec, painter: Painter) -> Iterator[Image]:
    for kind, n, path in mask_files(spec):
        name = path + mask_suffix(spec, kind)
        if name.endswith(".gml"):
            continue
        if n is None:
            metres = 60 if kind == "MSK_CLASSI" else int(path[-3:-1])
            pixels = spec.pixels(metres)
            structure = jp2.MASK_60M if kind == "MSK_CLASSI" else _BAND[metres]
            components = 3 if kind == "MSK_CLASSI" else 1
            rows: Rows = partial(painter.probabilities, pixels, kind)
            if kind == "MSK_CLASSI":
                rows = partial(painter.flags, pixels)
            yield Image(name, rows, pixels, metres, structure, (kind, metres), components=components)
        else:
            metres = RESOLUTION[BANDS[n]]
            pixels = spec.pixels(metres)
            twin = n if spec.unique_images else {10: 1, 20: 4, 60: 0}[metres]
            rows = partial(painter.detectors if kind == "MSK_DETFOO" else painter.quality, pixels, twin)
            components = 1 if kind == "MSK_DETFOO" else 8
            yield Image(name, rows, pixels, metres, _MASK[metres], (kind, twin), components=components)


class Painter:
    """Gives rows of images. Bands draw their noise row by row: their rows have to be asked for in order.

    The land below 10 m images near full size is evaluated at 20 m: it has no finer detail, and it is quicker.
    """

    def __init__(self, spec: Spec, scene: Scene, statistics: Statistics) -> None:
        self.spec, self.scene, self.statistics = spec, scene, statistics
        self._noise: dict[Hashable, np.random.Generator] = {}
        self._small: dict[int, Fields] = {}

    def band(self, pixels: int, metres: object, band: str, start: int, stop: int) -> npt.NDArray[np.uint16]:
        """Rows of a spectral band: 1 to 32767, and 0 where there are no data."""
        return self._numbers(pixels, (band, metres), start, stop, "band")

    def colours(self, pixels: int, metres: object, start: int, stop: int) -> Bytes:
        """Rows of the true-colour image, made from the very numbers of bands 4, 3 and 2: 1 to 255, 0 without data."""
        out = np.empty((3, stop - start, pixels), "u1")
        for n, band in enumerate(_TRUE_COLOUR if self.spec.unique_images else _TRUE_COLOUR[2:] * 3):
            numbers = self._numbers(pixels, (band, metres), start, stop, ("colour", n))
            bright = (numbers.astype("f4") - np.float32(self.spec.offset)) * np.float32(255 / _BRIGHTEST)
            out[n] = np.clip(bright, 1, 255) * (numbers > 0)
        return out

    def classes(self, pixels: int, metres: int, start: int, stop: int) -> Bytes:
        """Rows of the scene classification."""
        out = self.scene.classify(self._fields(pixels, start, stop)) * self.scene.valid(pixels, start, stop)
        if metres == 20:
            self.statistics.classes += np.bincount(out.ravel(), minlength=12)
        return out

    def atmosphere(self, pixels: int, metres: int, kind: str, start: int, stop: int) -> npt.NDArray[np.uint16]:
        """Rows of aerosol optical thickness or water vapour: smooth, in thousandths."""
        fields = self._fields(pixels, start, stop)
        haze = 40 * fields.cirrus + 25 * fields.plants
        values = _grow(75 + haze if kind == "AOT" else 880 + 4 * haze + 300 * fields.depth, pixels)
        out = (np.clip(values, 1, 32767) * self.scene.valid(pixels, start, stop)).astype("u2")
        if metres == 20:
            self.statistics.add(kind, out)
        return out

    def probabilities(self, pixels: int, kind: str, start: int, stop: int) -> Bytes:
        """Rows of the probability of clouds or snow, 0 to 100."""
        fields = self._fields(pixels, start, stop)
        share = np.maximum(fields.cloud, fields.cirrus) if kind == "MSK_CLDPRB" else fields.snow * (1 - fields.cloud)
        out: Bytes = (np.rint(100 * share) * self.scene.valid(pixels, start, stop)).astype("u1")
        return out

    def flags(self, pixels: int, start: int, stop: int) -> Bytes:
        """Rows of the classification mask: opaque clouds, cirrus, snow."""
        classes = self.scene.classify(self._fields(pixels, start, stop)) * self.scene.valid(pixels, start, stop)
        out = np.stack([(classes == 8) | (classes == 9), classes == 10, classes == 11]).astype("u1")
        clouds = int((out[0] | out[1]).sum())
        self.statistics.flags += [clouds, int(out[2].sum()), int((classes == 0).sum()), classes.size]
        return out

    def detectors(self, pixels: int, band: int, start: int, stop: int) -> Bytes:
        """Rows of the detector footprint: the number of the detector, 0 without data."""
        known = np.array([*self.spec.detectors, 0], "u1")
        edge = geometry.swath_edge(self.spec.nodata)
        x, y = _centres(pixels, start, stop)
        out: Bytes = known[geometry.detector_index(band, len(self.spec.detectors), edge, x, y)]
        return out

    def quality(self, pixels: int, band: int, start: int, stop: int) -> Bytes:
        """Rows of the eight quality flags: a small block in each, and the area without data in the sixth."""
        out = np.zeros((8, stop - start, pixels), "u1")
        draw = self.spec.random("quality", band)
        size = max(pixels // 40, 2)
        for flag in (0, 1, 2, 3, 4, 6, 7):
            row, column = draw.integers(0, pixels - size, 2)
            out[flag, max(row - start, 0) : max(row + size - start, 0), column : column + size] = 1
        out[5] = ~self.scene.valid(pixels, start, stop)
        return out

    def _numbers(
        self, pixels: int, content: tuple[str, object], start: int, stop: int, purpose: Hashable
    ) -> npt.NDArray[np.uint16]:
        """Digital numbers of a band at a resolution: the same ones every time, whatever they are for."""
        out = _grow(self.scene.reflectance(self._fields(pixels, start, stop), content[0]), pixels)
        out += np.float32(_GRAIN) * self._draw(content, start, purpose).standard_normal(out.shape, dtype="f4")
        out += np.float32(self.spec.offset)
        return (np.clip(out, 1, 32767, out=out) * self.scene.valid(pixels, start, stop)).astype("u2")

    def _fields(self, pixels: int, start: int, stop: int) -> Fields:
        """Evaluate the land below rows of an image; that below small images is cached."""
        if (start, stop) != (0, pixels):
            coarse = _coarse(pixels)
            return self.scene.fields(pixels // coarse, start // coarse, stop // coarse)
        if pixels not in self._small:
            self._small[pixels] = self.scene.fields(pixels, 0, pixels)
        return self._small[pixels]

    def _draw(self, content: tuple[object, ...], start: int, purpose: Hashable = None) -> np.random.Generator:
        """Return the noise of an image, from its first row on."""
        if start == 0:
            self._noise[content, purpose] = self.spec.random("noise", *content)
        return self._noise[content, purpose]


def _coarse(pixels: int) -> int:
    return 2 if pixels > 5490 else 1


def _grow(values: npt.NDArray[np.float32], pixels: int) -> npt.NDArray[np.float32]:
    """Bring values to the resolution of an image of which they may have half."""
    coarse = pixels // values.shape[1]
    return values if coarse == 1 else values.repeat(coarse, axis=0).repeat(coarse, axis=1)


def _centres(pixels: int, start: int, stop: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Centres of pixels, as shares of the tile: a row and a column."""
    x = (np.arange(pixels, dtype="f4") + np.float32(0.5)) / np.float32(pixels)
    y = (np.arange(start, stop, dtype="f4") + np.float32(0.5)) / np.float32(pixels)
    return x[None, :], y[:, None]
