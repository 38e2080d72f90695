"""Sentinel-1 sample products: GRD and SLC, of any size, seeded."""

from __future__ import annotations

from xarray_safe.sample.sentinel1.product import Spec, write

__all__ = ["Spec", "write"]
