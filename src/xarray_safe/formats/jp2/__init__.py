"""JPEG 2000 images: lazy arrays over their tiles."""

from __future__ import annotations

from xarray_safe.formats.jp2.image import Jp2Image, open_image

__all__ = ["Jp2Image", "open_image"]
