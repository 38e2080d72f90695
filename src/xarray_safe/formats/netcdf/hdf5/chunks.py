"""The index of a variable's chunks: where each is stored. It is read when values are, and cached."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from xarray_safe.formats.netcdf.hdf5.messages import MOST
from xarray_safe.formats.netcdf.reader import number

if TYPE_CHECKING:
    from xarray_safe.formats.netcdf.reader import Reader
    from xarray_safe.formats.netcdf.variable import Chunked, Variable

Index = np.ndarray[Any, np.dtype[np.int64]]
"""Offset, bytes and filter mask by the number of a chunk in each dimension; offset −1 where none was written."""


def read_index(reader: Reader, variable: Variable, storage: Chunked) -> Index:
    """Read the index of all chunks.

    Returns
    -------
    numpy.ndarray
        (chunks along each dimension ..., 3), int64: offset in the file, bytes, filter mask.

    Raises
    ------
    CorruptFileError
        The index is damaged, or names chunks beyond the file's end.
    """
    counts = tuple(-(-size // length) for size, length in zip(variable.shape, storage.shape, strict=True))
    if int(np.prod(counts, dtype=object)) > MOST * 100:
        raise reader.corrupt(f"{variable.name} has more chunks than any product has")
    index: Index = np.zeros((*counts, 3), np.int64)
    index[..., 0] = -1
    if storage.address is None:
        return index
    if storage.single:
        index[...] = (storage.address, *storage.single)
    else:
        _walk(reader, variable.name, storage, index)
    index[..., 0] += np.where(index[..., 0] >= 0, reader.base, 0)
    stops = index[..., 0] + index[..., 1]
    if (stops > reader.size).any() or (index[..., 1] < 0).any():
        raise reader.corrupt(f"it is cut short: values of {variable.name} are beyond its end")
    return index


def _walk(reader: Reader, name: str, storage: Chunked, index: Index) -> None:
    """Fill an index from a B-tree of version 1."""
    rank = len(storage.shape)
    key = 8 + 8 * (rank + 1)
    nodes = [storage.address or 0]
    for count, address in enumerate(nodes):
        head = reader.at(address, 24)
        if head[:5] != b"TREE\x01" or count > MOST:
            raise reader.corrupt(f"the index of {name} is damaged")
        level, used = head[5], number(head, 6, 2)
        data = reader.at(address + 24, used * (key + 8) + key)
        for k in range(used):
            at = k * (key + 8)
            child = number(data, at + key)
            if level:
                nodes.append(child)
                continue
            size, mask, *offsets = struct.unpack_from(f"<II{rank}Q", data, at)
            place = tuple(start // length for start, length in zip(offsets, storage.shape, strict=True))
            if child >= 1 << 62 or any(number >= most for number, most in zip(place, index.shape, strict=False)):
                continue  # a chunk that is left over from before the variable shrank
            index[place] = (child, size, mask)
