"""Open Sentinel `.SAFE` archives as the DataTree of EOPF Zarr: ``xr.open_datatree(path, engine="safe")``.

All public names are here. Those that need an extra, or time to import, are imported at their first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from xarray_safe.errors import (
    AbsentFileError,
    AccessDeniedError,
    CorruptFileError,
    InvalidArgumentError,
    MissingElementError,
    MissingFileError,
    MissingPackageError,
    NotASafeError,
    RemoteFailedError,
    SafeError,
    SafeWarning,
    UnknownGroupError,
    UnsupportedProductError,
)

if TYPE_CHECKING:
    from xarray_safe import access, catalogs, compare, intake, quicklook, sample, summary, tile_indexes
    from xarray_safe.access import (
        CDSE,
        AccessError,
        DiskFullError,
        Endpoints,
        Limits,
        LoginFailedError,
        ProductInfo,
        ProductOfflineError,
        QuotaReachedError,
        SampleService,
        ServerFailedError,
        TwoFactorNeededError,
        UnknownProductError,
        ZarrProduct,
    )
    from xarray_safe.access import size as product_size
    from xarray_safe.compare import Comparison, MeasuringFailedError
    from xarray_safe.compare import compare as compare_products
    from xarray_safe.encoding import common_encoding
    from xarray_safe.sample import write as write_sample
    from xarray_safe.summary import Summary
    from xarray_safe.summary import summary as summarize
    from xarray_safe.tile_indexes import save as save_tile_indexes
    from xarray_safe.tile_indexes import use as use_tile_indexes

__version__ = "0.1.0"

__all__ = [
    "CDSE",
    "AbsentFileError",
    "AccessDeniedError",
    "AccessError",
    "Comparison",
    "CorruptFileError",
    "DiskFullError",
    "Endpoints",
    "InvalidArgumentError",
    "Limits",
    "LoginFailedError",
    "MeasuringFailedError",
    "MissingElementError",
    "MissingFileError",
    "MissingPackageError",
    "NotASafeError",
    "ProductInfo",
    "ProductOfflineError",
    "QuotaReachedError",
    "RemoteFailedError",
    "SafeError",
    "SafeWarning",
    "SampleService",
    "ServerFailedError",
    "Summary",
    "TwoFactorNeededError",
    "UnknownGroupError",
    "UnknownProductError",
    "UnsupportedProductError",
    "ZarrProduct",
    "__version__",
    "access",
    "catalogs",
    "common_encoding",
    "compare",
    "compare_products",
    "intake",
    "product_size",
    "quicklook",
    "sample",
    "save_tile_indexes",
    "summarize",
    "summary",
    "tile_indexes",
    "use_tile_indexes",
    "write_sample",
]

_ROOMS = ("access", "catalogs", "compare", "intake", "quicklook", "sample", "summary", "tile_indexes")
"""Modules that are public by themselves: ``xarray_safe.compare.compare(…)``."""

_HOMES = {
    "access": (
        "CDSE AccessError DiskFullError Endpoints Limits LoginFailedError ProductInfo ProductOfflineError "
        "QuotaReachedError SampleService ServerFailedError TwoFactorNeededError UnknownProductError ZarrProduct"
    ),
    "compare": "Comparison MeasuringFailedError",
    "summary": "Summary",
}
_NAMES = {name: (home, name) for home, names in _HOMES.items() for name in names.split()} | {
    # functions that are called as their module is
    "common_encoding": ("encoding", "common_encoding"),
    "compare_products": ("compare", "compare"),
    "product_size": ("access", "size"),
    "save_tile_indexes": ("tile_indexes", "save"),
    "summarize": ("summary", "summary"),
    "use_tile_indexes": ("tile_indexes", "use"),
    "write_sample": ("sample", "write"),
}


def __getattr__(name: str) -> object:
    """Import a public name at its first use."""
    if name in _ROOMS:
        return importlib.import_module(f"xarray_safe.{name}")
    if name not in _NAMES:
        raise AttributeError(f"module 'xarray_safe' has no attribute {name!r}")
    home, inside = _NAMES[name]
    found = getattr(importlib.import_module(f"xarray_safe.{home}"), inside)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public names, imported or not."""
    return sorted({*globals(), *__all__})
