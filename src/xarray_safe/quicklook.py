"""Pictures of a product, as PNG: in true colour, or in grey where it has none."""

from __future__ import annotations

import posixpath
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.errors import MissingFileError, UnsupportedProductError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray import DataArray, DataTree

    from xarray_safe.archive import Archive
    from xarray_safe.model.tree import Entry

    Pixels = np.ndarray[Any, Any]

_SMALLEST: Final = 4
"""The images hold 1/2, 1/4, 1/8 and 1/16 of their resolution."""

_SAMPLES: Final = 3
"""Samples at least, side by side, that make a pixel of a grey picture."""

BRIGHTEST: Final = 0.3
"""Reflectance that is shown as white: land is seldom brighter, clouds are."""


def true_colour(tree: DataTree, max_size: int = 360) -> bytes | None:
    """Draw a product in true colour.

    Parameters
    ----------
    tree
        The product, of either source.
    max_size
        Maximum pixels of the longer side. Every n-th pixel is taken of the coarsest resolution that has enough.

    Returns
    -------
    bytes or None
        A PNG; None if the tree has no red, green and blue of one resolution. No-data is transparent.
    """
    found = [images for images in map(partial(_images, tree), colour_paths()) if images]
    if not found:
        return None
    chosen = next((images for images in reversed(found) if max(images[0].shape) >= max_size), found[0])
    step = stride(max(chosen[0].shape), max_size)
    return png(to_rgba(np.stack([np.asarray(band[::step, ::step].values, np.float32) for band in chosen], -1)))


def true_colour_of_safe(archive: Archive, max_size: int) -> bytes:
    """Draw a SAFE in true colour, from the low resolutions that its images hold; in grey if it has no colours.

    The bands are read from the neutral tree: importing xarray and pandas would take longer than the picture.

    Parameters
    ----------
    archive
        The product.
    max_size
        Maximum pixels of the longer side.

    Raises
    ------
    SafeError
        What ``engine="safe"`` raises.
    """
    from xarray_safe.model.product import Facts
    from xarray_safe.products import identify

    product_type = identify(facts := Facts(archive))
    if not product_type.true_colour and product_type.picture:
        return _grey(archive, product_type.picture(facts), max_size)
    images = _reduced(archive, _SMALLEST)
    size = max(images[0].array.shape) << _SMALLEST  # but for some pixels
    wanted = -(-size // stride(size, max_size))
    overview = next((n for n in range(_SMALLEST, 0, -1) if -(-size // (1 << n)) >= wanted), 0)
    if overview != _SMALLEST:
        images = _reduced(archive, overview)
    step = stride(max(images[0].array.shape), max_size)
    every = slice(0, None, step)
    bands = [_reflectance(image.array[_window(every, image.array.shape)], image.attrs) for image in images]
    return png(to_rgba(np.stack(bands, -1)))


def _reduced(archive: Archive, reduction: int) -> list[Entry]:
    """Open red, green and blue at a lower resolution; return their entries of the neutral tree."""
    from xarray_safe.model.build import BuildOptions
    from xarray_safe.model.product import Facts
    from xarray_safe.products import identify, open_tree

    product_type = identify(Facts(archive))
    paths = product_type.true_colour
    if not paths:
        raise UnsupportedProductError(f"{archive.url}: there is no true colour of {product_type.title}.")
    tree = open_tree(archive, below=posixpath.commonpath(paths), options=BuildOptions(reduction))
    entries = {path: tree.entry(path) for path in paths}
    found = [entry for entry in entries.values() if entry is not None]
    if len(found) < len(paths):
        missing = ", ".join(path for path, entry in entries.items() if entry is None)
        raise MissingFileError(f"{archive.url}: the picture needs {missing}, which the product lacks.")
    return found


def _grey(archive: Archive, path: str, max_size: int) -> bytes:
    """Draw the amplitude of one image, averaged in power, so that speckle is less."""
    entry = _image(archive, path, _SMALLEST)
    size = max(entry.array.shape) << _SMALLEST
    reduction = next((n for n in range(_SMALLEST, 0, -1) if size >> n >= _SAMPLES * max_size), 0)
    if reduction != _SMALLEST:
        entry = _image(archive, path, reduction)
    whole = tuple(slice(0, length, 1) for length in entry.array.shape)
    power = np.abs(entry.array[whole]).astype(np.float32) ** 2
    step = min(stride(max(power.shape), max_size), *power.shape)
    rows, columns = (length // step for length in power.shape)
    mean = power[: rows * step, : columns * step].reshape(rows, step, columns, step).mean((1, 3))
    amplitude = np.sqrt(np.where(mean > 0, mean, np.nan))
    white = np.nanpercentile(amplitude, 98) if np.isfinite(amplitude).any() else 1
    return png(to_rgba(np.repeat((amplitude * (BRIGHTEST / white))[..., None], 3, -1)))


def _image(archive: Archive, path: str, reduction: int) -> Entry:
    """Open one image at a lower resolution."""
    from xarray_safe.model.build import BuildOptions
    from xarray_safe.products import open_tree

    tree = open_tree(archive, below=path.rpartition("/")[0], options=BuildOptions(reduction))
    entry = tree.entry(path)
    if entry is None:
        raise MissingFileError(f"{archive.url}: the picture needs {path}, which the product lacks.")
    return entry


def _window(every: slice, shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(*every.indices(size)) for size in shape)


def _reflectance(counts: Pixels, attrs: Mapping[str, Any]) -> Pixels:
    """Decode counts by CF, as xarray does: scale, offset, NaN for no-data."""
    values = counts * np.float32(attrs.get("scale_factor", 1)) + np.float32(attrs.get("add_offset", 0))
    fill = attrs.get("_FillValue")
    return values if fill is None else np.where(counts == fill, np.float32(np.nan), values)


def stride(size: int, max_size: int) -> int:
    """Step between the pixels that are taken of `size`, so that at most `max_size` are left."""
    return max(1, -(-size // max_size))


def find(tree: DataTree, path: str) -> DataArray | None:
    """Return the variable at an absolute path, or None; ``path in tree`` knows the next level only."""
    from xarray import DataArray

    try:
        found = tree[path]
    except KeyError:
        return None
    return found if isinstance(found, DataArray) else None


def colour_paths() -> list[tuple[str, ...]]:
    """Paths of red, green and blue of all product types, by type from the finest resolution to the coarsest."""
    from xarray_safe.products import TYPES

    paths = (paths for product_type in TYPES for paths in (product_type.true_colour, *product_type.true_colour_coarse))
    return list(dict.fromkeys(filter(None, paths)))


def _images(tree: DataTree, paths: tuple[str, ...]) -> list[DataArray]:
    """Red, green and blue; nothing if the tree lacks one."""
    found = (find(tree, path) for path in paths)
    images = [image for image in found if image is not None]
    return images if len(images) == len(paths) else []


def to_rgba(reflectance: Pixels) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return reflectance (rows, columns, 3) as colours with alpha (rows, columns, 4), gamma corrected."""
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
