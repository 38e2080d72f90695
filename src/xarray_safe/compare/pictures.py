"""True-colour pictures of a product, as PNG."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.compare.trees import find

if TYPE_CHECKING:
    from xarray import DataArray, DataTree

_GROUPS: Final = tuple(f"/measurements/reflectance/{group}" for group in ("r60m", "r20m", "r10m"))
_COLOURS: Final = ("b04", "b03", "b02")
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
    step = max(1, -(-max(chosen[0].shape) // most))
    return png(colours(np.stack([np.asarray(band[::step, ::step].values, np.float32) for band in chosen], -1)))


def _images(tree: DataTree, group: str) -> list[DataArray]:
    """Red, green and blue of a group; nothing if it lacks one."""
    found = (find(tree, f"{group}/{band}") for band in _COLOURS)
    images = [image for image in found if image is not None]
    return images if len(images) == len(_COLOURS) else []


def colours(reflectance: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
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

    return bytes(imagecodecs.png_encode(np.ascontiguousarray(image), level=6))
