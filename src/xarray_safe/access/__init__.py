"""Find and download products, and get their URLs and sizes.

`CDSE` is the Copernicus Data Space, `SampleService` has the Zarr products of the EOPF Sentinel Zarr Sample Service,
`size` returns the bytes of a product. All need the extra ``[access]``, which is imported only when one is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from xarray_safe.access.errors import (
    AccessError,
    DiskFullError,
    LoginFailedError,
    ProductOfflineError,
    QuotaReachedError,
    ServerFailedError,
    TwoFactorNeededError,
    UnknownProductError,
)
from xarray_safe.errors import deprecated_names

if TYPE_CHECKING:
    from xarray_safe.access.cdse import CDSE, Endpoints
    from xarray_safe.access.http import Limits
    from xarray_safe.access.odata import ProductInfo
    from xarray_safe.access.sample_service import SampleService, Twin, ZarrProduct
    from xarray_safe.access.sizes import size

__all__ = [
    "CDSE",
    "AccessError",
    "DiskFullError",
    "Endpoints",
    "Limits",
    "LoginFailedError",
    "ProductInfo",
    "ProductOfflineError",
    "QuotaReachedError",
    "SampleService",
    "ServerFailedError",
    "Twin",
    "TwoFactorNeededError",
    "UnknownProductError",
    "ZarrProduct",
    "size",
]

_HOMES = {
    "CDSE": "cdse",
    "Endpoints": "cdse",
    "Limits": "http",
    "ProductInfo": "odata",
    "SampleService": "sample_service",
    "Twin": "sample_service",
    "ZarrProduct": "sample_service",
    "size": "sizes",
}

_deprecated = deprecated_names(
    __name__,
    LoginFailedError,
    TwoFactorNeededError,
    UnknownProductError,
    ProductOfflineError,
    QuotaReachedError,
    ServerFailedError,
    DiskFullError,
    stacklevel=3,
)


def __getattr__(name: str) -> object:
    """Import what needs the extra only where it is used."""
    home = _HOMES.get(name)
    if home is None:
        return _deprecated(name)
    try:
        module = importlib.import_module(f"xarray_safe.access.{home}")
    except ImportError as error:
        raise ImportError(
            f"{__name__}.{name} needs {error.name or 'a package'}, which is not installed: "
            'pip install "xarray-safe[access]"',
            name=error.name,
        ) from error
    found = getattr(module, name)
    globals()[name] = found
    return found
