"""Layout 2.6: what differs from layout 2.7, and its checksum of names."""

from __future__ import annotations

from xarray_safe.products.sentinel2.layout26.names import finish
from xarray_safe.products.sentinel2.layout26.tables import attributes, variables

__all__ = ["attributes", "finish", "variables"]
