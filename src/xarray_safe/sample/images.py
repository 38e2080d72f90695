"""All images of a product: bands, AOT, WVP, SCL, TCI, masks and the preview.

Each image is a function that gives its rows, so that a full-size one never lies in memory twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from . import geometry, jp2
from .jp2 import Rows, Structure
from .scene import Fields, Scene
from .spec import Spec
from .statistics import Statistics
from .tables import BANDS, RESOLUTION
from .tile_xml import mask_files, mask_suffix, preview_path

Bytes = npt.NDArray[np.uint8]

_BAND = {10: jp2.BAND_10M, 20: jp2.BAND_20M, 60: jp2.BAND_60M}
_MASK = {10: jp2.MASK_10M, 20: jp2.MASK_20M, 60: jp2.MASK_60M}
_TRUE_COLOUR = ("B04", "B03", "B02")
_BRIGHTEST = 3558
"""Reflectance (1e-4) that is 255 in the true-colour image."""


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
            rows = partial(painter.flags if kind == "MSK_CLASSI" else painter.probabilities, pixels, kind)
            yield Image(name, rows, pixels, metres, structure, (kind, metres), components=components)
        else:
            metres = RESOLUTION[BANDS[n]]
            pixels = spec.pixels(metres)
            twin = n if spec.unique_images else {10: 1, 20: 4, 60: 0}[metres]
            rows = partial(painter.detectors if kind == "MSK_DETFOO" else painter.quality, pixels, twin)
            components = 1 if kind == "MSK_DETFOO" else 8
            yield Image(name, rows, pixels, metres, _MASK[metres], (kind, twin), components=components)


class Painter:
    """Gives rows of images. Bands draw their noise row by row: their rows have to be asked for in order."""

    def __init__(self, spec: Spec, scene: Scene, statistics: Statistics) -> None:
        self.spec, self.scene, self.statistics = spec, scene, statistics
        self._noise: dict[Hashable, np.random.Generator] = {}

    def band(self, pixels: int, metres: object, band: str, start: int, stop: int) -> npt.NDArray[np.uint16]:
        """Rows of a spectral band."""
        fields = self.scene.fields(pixels, start, stop)
        return self._band(fields, band, metres, start, "band")

    def colours(self, pixels: int, metres: object, start: int, stop: int) -> Bytes:
        """Rows of the true-colour image, made from the very numbers of bands 4, 3 and 2: 1 to 255, 0 without data."""
        fields = self.scene.fields(pixels, start, stop)
        out = np.empty((3, stop - start, pixels), "u1")
        for n, band in enumerate(_TRUE_COLOUR if self.spec.unique_images else _TRUE_COLOUR[2:] * 3):
            numbers = self._band(fields, band, metres, start, ("colour", n)).astype("f4")
            numbers = (numbers - np.float32(self.spec.offset)) * np.float32(255 / _BRIGHTEST)
            out[n] = np.clip(numbers, 1, 255) * fields.valid
        return out

    def classes(self, pixels: int, metres: int, start: int, stop: int) -> Bytes:
        """Rows of the scene classification."""
        out = self.scene.classify(self.scene.fields(pixels, start, stop))
        if metres == 20:
            self.statistics.classes += np.bincount(out.ravel(), minlength=12)
        return out

    def atmosphere(self, pixels: int, metres: int, kind: str, start: int, stop: int) -> npt.NDArray[np.uint16]:
        """Rows of aerosol optical thickness or water vapour: smooth, in thousandths."""
        fields = self.scene.fields(pixels, start, stop)
        haze = 40 * fields.cirrus + 25 * fields.plants
        values = 75 + haze if kind == "AOT" else 880 + 4 * haze + 300 * fields.depth
        values = values + 2 * self._draw((kind, metres), start).standard_normal(values.shape, dtype="f4")
        out = (np.clip(values, 1, 32767) * fields.valid).astype("u2")
        if metres == 20:
            mean = float(out.sum(dtype="f8")) / 1000 / pixels**2
            if kind == "AOT":
                self.statistics.aot += mean
            else:
                self.statistics.wvp += mean
        return out

    def probabilities(self, pixels: int, kind: str, start: int, stop: int) -> Bytes:
        """Rows of the probability of clouds or snow, 0 to 100."""
        fields = self.scene.fields(pixels, start, stop)
        share = np.maximum(fields.cloud, fields.cirrus) if kind == "MSK_CLDPRB" else fields.snow * (1 - fields.cloud)
        return (np.rint(100 * share) * fields.valid).astype("u1")

    def flags(self, pixels: int, kind: str, start: int, stop: int) -> Bytes:
        """Rows of the classification mask: opaque clouds, cirrus, snow."""
        fields = self.scene.fields(pixels, start, stop)
        classes = self.scene.classify(fields)
        out = np.stack([(classes == 8) | (classes == 9), classes == 10, classes == 11]).astype("u1")
        clouds = int((out[0] | out[1]).sum())
        self.statistics.flags += [clouds, int(out[2].sum()), int((classes == 0).sum()), classes.size]
        return out

    def detectors(self, pixels: int, band: int, start: int, stop: int) -> Bytes:
        """Rows of the detector footprint: the number of the detector, 0 without data."""
        x, y = _centres(pixels, start, stop)
        known = np.array([*self.spec.detectors, 0], "u1")
        edge = geometry.swath_edge(self.spec.nodata)
        out: Bytes = known[geometry.detector_index(band, len(self.spec.detectors), edge, x, y)]
        return out

    def quality(self, pixels: int, band: int, start: int, stop: int) -> Bytes:
        """Rows of the eight quality flags: some small blocks in each, and the area without data in the sixth."""
        out = np.zeros((8, stop - start, pixels), "u1")
        draw = self.spec.random("quality", band)
        for flag in (0, 1, 2, 3, 4, 6, 7):
            size = max(pixels // 40, 2)
            row, column = draw.integers(0, pixels - size, 2)
            out[flag, max(row - start, 0) : max(row + size - start, 0), column : column + size] = 1
        x, y = _centres(pixels, start, stop)
        out[5] = x + np.float32(geometry.SLANT) * y >= np.float32(geometry.swath_edge(self.spec.nodata))
        return out

    def _band(
        self, fields: Fields, band: str, metres: object, start: int, purpose: Hashable
    ) -> npt.NDArray[np.uint16]:
        """Numbers of a band: the same ones for the same resolution, whatever they are for."""
        noise = self._draw((band, metres), start, purpose)
        return self.scene.numbers(fields, band, noise)

    def _draw(self, content: tuple[object, ...], start: int, purpose: Hashable = None) -> np.random.Generator:
        """Give the noise of an image, from its first row on."""
        if start == 0:
            self._noise[content, purpose] = self.spec.random("noise", *content)
        return self._noise[content, purpose]


def _centres(pixels: int, start: int, stop: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Centres of pixels, as shares of the tile: a row and a column."""
    x = (np.arange(pixels, dtype="f4") + np.float32(0.5)) / np.float32(pixels)
    y = (np.arange(start, stop, dtype="f4") + np.float32(0.5)) / np.float32(pixels)
    return x[None, :], y[:, None]
