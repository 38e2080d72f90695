"""Intake plugin: SAFE and Zarr of a product side by side in one catalog, read by the same code.

`SAFE` and `EopfZarr` are data types, `EopfTreeReader` reads both as a DataTree, `SafeSource` and `EopfZarrSource`
serve catalogs of Intake 1; `catalog` turns STAC items into a catalog, `sample` writes the data of the sample catalog.
Needs ``pip install xarray-safe[intake]``. The catalogs themselves are in `xarray_safe.catalogs`.
"""

from __future__ import annotations

from xarray_safe import catalogs
from xarray_safe.intake.data import SAFE, EopfZarr
from xarray_safe.intake.opening import describe, open_tree
from xarray_safe.intake.reader import EopfTreeReader
from xarray_safe.intake.sample import sample
from xarray_safe.intake.source import EopfZarrSource, SafeSource
from xarray_safe.intake.stac import catalog

__all__ = [
    "SAFE",
    "EopfTreeReader",
    "EopfZarr",
    "EopfZarrSource",
    "SafeSource",
    "catalog",
    "catalogs",
    "describe",
    "open_tree",
    "sample",
]
