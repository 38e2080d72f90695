"""Layout 2.5: variables, attributes and STAC metadata."""

from __future__ import annotations

from xarray_safe.products.sentinel2.layout25.metadata import attributes
from xarray_safe.products.sentinel2.layout25.variables import variables

__all__ = ["attributes", "variables"]
