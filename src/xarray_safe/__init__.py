"""Open Sentinel `.SAFE` archives as the DataTree that EOPF Zarr gives: ``xr.open_datatree(path, engine="safe")``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from xarray_safe.errors import SafeError, SafeWarning

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["SafeError", "SafeWarning", "__version__"]
__version__ = "0.1.0"

_LAZY = ("access", "catalogs", "intake", "sample")
"""Rooms that are imported at their first use, because they need extras or time."""


def __getattr__(name: str) -> ModuleType:
    """Import a room at its first use: ``xarray_safe.sample.write(…)``."""
    if name in _LAZY:
        return importlib.import_module(f"xarray_safe.{name}")
    raise AttributeError(f"module 'xarray_safe' has no attribute {name!r}")
