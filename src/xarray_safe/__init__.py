"""Open Sentinel `.SAFE` archives as the DataTree that EOPF Zarr gives: ``xr.open_datatree(path, engine="safe")``."""

from __future__ import annotations

from xarray_safe.errors import SafeError, SafeWarning

__all__ = ["SafeError", "SafeWarning", "__version__"]
__version__ = "0.1.0"
