"""The neutral tree as xarray's variables; the only file that knows `BackendArray`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
from xarray import Variable
from xarray.backends import BackendArray
from xarray.core import indexing

from xarray_safe.model.arrays import InMemoryArray

if TYPE_CHECKING:
    from xarray_safe.model.arrays import Array
    from xarray_safe.model.tree import Entry


def variable(entry: Entry) -> Variable:
    """Make an xarray variable: arrays in memory stay there, others are lazy and say which chunks they prefer."""
    if isinstance(entry.array, InMemoryArray):
        return Variable(entry.dims, entry.array.values, entry.attrs)
    data = indexing.LazilyIndexedArray(LazyArray(entry.array))
    chunks = dict(zip(entry.dims, entry.chunks, strict=True))
    return Variable(entry.dims, data, entry.attrs, {"preferred_chunks": chunks})


class LazyArray(BackendArray):
    """An `Array` for xarray: it turns every kind of indexing into windows and what numpy does with them."""

    def __init__(self, array: Array) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray[Any, Any]:
        """Read by any of xarray's indexers."""
        key = type(key)(tuple(_forward_if_empty(k, n) for k, n in zip(key.tuple, self.shape, strict=True)))
        return np.asarray(
            indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)
        )

    async def async_getitem(self, key: indexing.ExplicitIndexer) -> np.ndarray[Any, Any]:
        """Read in a thread, so that `load_async` loads all at once; the archive bounds its connections."""
        return await asyncio.to_thread(self.__getitem__, key)

    def _read(self, key: tuple[int | slice, ...]) -> np.ndarray[Any, Any]:
        sizes = zip(key, self.shape, strict=True)
        return self.array[tuple(slice(*k.indices(n)) if isinstance(k, slice) else int(k) for k, n in sizes)]

    def __dask_tokenize__(self) -> object:
        """Token of the content: the archive's and the description's, the same in every process."""
        from dask.base import normalize_token

        return normalize_token(self.array)


def _forward_if_empty(key: Any, size: int) -> Any:
    """Turn an empty slice into one that xarray can take apart; it cannot if the slice runs backwards."""
    return slice(0, 0) if isinstance(key, slice) and not len(range(*key.indices(size))) else key
