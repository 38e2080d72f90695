"""True-colour pictures of a product, as PNG."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.errors import MissingFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray import DataArray, DataTree

    from xarray_safe.archive import Archive
    from xarray_safe.model.tree import Entry

    Pixels = np.ndarray[Any, Any]

_GROUPS: Final = tuple(f"/measurements/reflectance/{group}" for group in ("r60m", "r20m", "r10m"))
_COLOURS: Final = ("b04", "b03", "b02")
_FINEST: Final = tuple(f"{_GROUPS[-1]}/{band}" for band in _COLOURS)
_SMALLEST: Final = 4
"""The images hold 1/2, 1/4, 1/8 and 1/16 of their resolution."""

BRIGHTEST: Final = 0.3
"""Reflectance that is shown as white: land is seldom brighter, clouds are."""


def true_colour(tree: DataTree, most: int = 360) -> bytes | None:
    """Draw a product in true colour.

    Parameters
    ----------
    tree
        The product, of either source.
    most
        Pixels of the longer side at the most. Every n-th pixel is taken of the coarsest resolution that has enough.

    Returns
    -------
    bytes or None
        A PNG; None if the tree has no bands red, green and blue together. No-data is transparent.
    """
    images = [images for images in map(partial(_images, tree), _GROUPS) if images]
    if not images:
        return None
    chosen = next((bands for bands in images if max(bands[0].shape) >= most), images[-1])
    step = step_of(max(chosen[0].shape), most)
    return png(colours(np.stack([np.asarray(band[::step, ::step].values, np.float32) for band in chosen], -1)))


def true_colour_of_safe(archive: Archive, most: int) -> bytes:
    """Draw a SAFE in true colour, from the low resolutions that its 10 m images hold.

    The bands are read without making a tree of them: importing xarray and pandas would take longer than the picture.

    Parameters
    ----------
    archive
        The product.
    most
        Pixels of the longer side at the most.

    Raises
    ------
    SafeError
        What ``engine="safe"`` raises.
    """
    images = _reduced(archive, _SMALLEST)
    size = max(images[0].array.shape) << _SMALLEST  # but for some pixels
    wanted = -(-size // step_of(size, most))
    overview = next((n for n in range(_SMALLEST, 0, -1) if -(-size // (1 << n)) >= wanted), 0)
    if overview != _SMALLEST:
        images = _reduced(archive, overview)
    step = step_of(max(images[0].array.shape), most)
    every = slice(0, None, step)
    bands = [_reflectance(image.array[_window(every, image.array.shape)], image.attrs) for image in images]
    return png(colours(np.stack(bands, -1)))


def _reduced(archive: Archive, reduction: int) -> list[Entry]:
    """Open red, green and blue at a lower resolution; return their entries of the neutral tree."""
    from xarray_safe.model.build import BuildOptions
    from xarray_safe.products import open_tree

    tree = open_tree(archive, below=_FINEST[0].rpartition("/")[0], options=BuildOptions(reduction))
    entries = [tree.entry(path) for path in _FINEST]
    found = [entry for entry in entries if entry is not None]
    if len(found) < len(_FINEST):
        missing = ", ".join(path for path, entry in zip(_FINEST, entries, strict=True) if entry is None)
        raise MissingFileError(f"{archive.url}: the picture needs {missing}, which is not there.")
    return found


def _window(every: slice, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(*every.indices(size)) for size in shape)


def _reflectance(counts: Pixels, attrs: Mapping[str, Any]) -> Pixels:
    """Decode counts as CF says, and as xarray does: scale, offset, NaN where there is no data."""
    values = counts * np.float32(attrs.get("scale_factor", 1)) + np.float32(attrs.get("add_offset", 0))
    fill = attrs.get("_FillValue")
    return values if fill is None else np.where(counts == fill, np.float32(np.nan), values)


def step_of(size: int, most: int) -> int:
    """Which pixels to take of so many, so that there are no more than `most`: every n-th."""
    return max(1, -(-size // most))


def find(tree: DataTree, path: str) -> DataArray | None:
    """Return the variable at an absolute path, or None; ``path in tree`` knows the next level only."""
    from xarray import DataArray

    try:
        found = tree[path]
    except KeyError:
        return None
    return found if isinstance(found, DataArray) else None


def _images(tree: DataTree, group: str) -> list[DataArray]:
    """Red, green and blue of a group; nothing if it lacks one."""
    found = (find(tree, f"{group}/{band}") for band in _COLOURS)
    images = [image for image in found if image is not None]
    return images if len(images) == len(_COLOURS) else []


def colours(reflectance: Pixels) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Give reflectance (rows, columns, 3) as colours (rows, columns, 4) with an alpha; the eye's gamma is applied."""
    valid = ~np.isnan(reflectance).any(-1)
    light = np.clip(np.nan_to_num(reflectance) / BRIGHTEST, 0, 1) ** (1 / 1.6)
    rgba = np.empty((*reflectance.shape[:2], 4), np.uint8)
    rgba[..., :3] = np.round(light * 255)
    rgba[..., 3] = np.where(valid, 255, 0)
    return rgba


def png(image: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """Encode an image as PNG."""
    import imagecodecs

    return bytes(imagecodecs.png_encode(np.ascontiguousarray(image), level=4))  # 6 takes twice as long and saves 7 %
