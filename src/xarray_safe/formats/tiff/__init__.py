"""TIFF images read by ranges of bytes: strips and tiles, classic and BigTIFF, overviews."""

from __future__ import annotations

from xarray_safe.formats.tiff.image import TiffImage, open_tiff

__all__ = ["TiffImage", "open_tiff"]
