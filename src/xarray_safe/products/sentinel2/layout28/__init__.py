"""Layout 2.8: variables and attributes."""

from __future__ import annotations

from xarray_safe.products.sentinel2.layout28.metadata import attributes, finish
from xarray_safe.products.sentinel2.layout28.variables import variables

__all__ = ["attributes", "finish", "variables"]
