"""Write small, self-consistent products of any size, seeded: Sentinel-2 L2A and L1C, Sentinel-1 GRD and SLC.

``write(folder)`` writes one of Sentinel-2, ``sentinel1.write(folder)`` one of Sentinel-1; their `Spec` says what can be
chosen. On the command line: ``python -m xarray_safe.sample``.
Needs the extra ``[sample]``.
"""

from __future__ import annotations

import importlib.util

from xarray_safe.errors import MissingPackageError, how_to_install

if importlib.util.find_spec("rasterio") is None:
    raise MissingPackageError(
        f"sample products need rasterio, which is not installed: {how_to_install('sample')}", name="rasterio"
    )

from xarray_safe.sample import sentinel1
from xarray_safe.sample.sentinel2.product import write
from xarray_safe.sample.sentinel2.spec import Spec, scaled_size
from xarray_safe.sample.zarr import write_zarr

__all__ = ["Spec", "scaled_size", "sentinel1", "write", "write_zarr"]
