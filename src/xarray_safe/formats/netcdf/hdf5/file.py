"""An HDF5 file's root group: its datasets by name, described at their first use."""

from __future__ import annotations

import struct
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.formats.netcdf.hdf5 import messages as m
from xarray_safe.formats.netcdf.hdf5.heaps import FractalHeap, records, symbols
from xarray_safe.formats.netcdf.hdf5.values import TEXT, attribute, type_of
from xarray_safe.formats.netcdf.reader import number
from xarray_safe.formats.netcdf.variable import Chunked, Contiguous, Inline, Variable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray_safe.formats.netcdf.reader import Reader

BOOKKEEPING: Final = frozenset(
    {"DIMENSION_LIST", "REFERENCE_LIST", "CLASS", "NAME", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict"}
)
"""Attributes with which netCDF-4 writes dimensions down."""
_NO_VARIABLE: Final = "This is a netCDF dimension but not a netCDF variable."
_LINK_NAME, _ATTRIBUTE_NAME = 4, 0
"""Positions of heap ids in the records of indexes by name."""


class Hdf5File:
    """The root group of an HDF5 file.

    Parameters
    ----------
    reader
        Of the file.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._root = m.messages(reader, m.root_address(reader))
        self._links = dict(self._read_links())
        self._headers: dict[str, list[m.Message]] = {}
        self._attrs: dict[str, dict[str, Any]] = {}

    def _read_links(self) -> Iterator[tuple[str, int]]:
        """Yield names and addresses of what is in the root group."""
        for message in self._root:
            data = message.data
            if message.type == m.SYMBOL_TABLE:
                yield from symbols(self._reader, number(data, 0), number(data, 8))
            elif message.type == m.LINK:
                yield from _link(data)
            elif message.type == m.LINK_INFO:
                at = 10 if data[1] & 1 else 2
                heap, tree = number(data, at), number(data, at + 8)
                if heap != m.UNDEFINED and tree != m.UNDEFINED:
                    found = FractalHeap(self._reader, heap)
                    for record in records(self._reader, tree):
                        yield from _link(found.get(record[_LINK_NAME:]))

    def _header(self, name: str) -> list[m.Message]:
        if name not in self._headers:
            self._headers[name] = m.messages(self._reader, self._links[name])
        return self._headers[name]

    def _find(self, name: str, kind: int) -> m.Message | None:
        return next((message for message in self._header(name) if message.type == kind), None)

    @property
    def names(self) -> list[str]:
        """Names of all variables."""
        return [name for name in self._links if self._is_variable(name)]

    def __contains__(self, name: str) -> bool:
        """Return True if there is a variable of this name."""
        return name in self._links and self._is_variable(name)

    def _is_variable(self, name: str) -> bool:
        if self._find(name, m.LAYOUT) is None:
            return False
        return not str(self._all_attributes(name).get("NAME", "")).startswith(_NO_VARIABLE)

    @cached_property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the file."""
        return self._visible(self._read_attributes(self._root))

    def _all_attributes(self, name: str) -> dict[str, Any]:
        if name not in self._attrs:
            self._attrs[name] = self._read_attributes(self._header(name))
        return self._attrs[name]

    def _read_attributes(self, header: list[m.Message]) -> dict[str, Any]:
        found = {}
        for message in header:
            if message.type == m.ATTRIBUTE and not message.shared:
                name, value = attribute(self._reader, message.data)
                found[name] = value
            elif message.type == m.ATTRIBUTE_INFO:
                at = 4 if message.data[1] & 1 else 2
                heap, tree = number(message.data, at), number(message.data, at + 8)
                if heap != m.UNDEFINED and tree != m.UNDEFINED:
                    stored = FractalHeap(self._reader, heap)
                    for record in records(self._reader, tree):
                        name, value = attribute(self._reader, stored.get(record[_ATTRIBUTE_NAME:]))
                        found[name] = value
        return found

    @staticmethod
    def _visible(attrs: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in attrs.items() if name not in BOOKKEEPING and value is not None}

    def size(self, dimension: str) -> int | None:
        """Return the length of a dimension; None if there is none of this name."""
        if dimension not in self._links:
            return None
        message = self._find(dimension, m.DATASPACE)
        shape = m.shape_of(message.data) if message else None
        return shape[0] if shape else None

    @cached_property
    def _names_by_address(self) -> dict[int, str]:
        return {address: name for name, address in self._links.items()}

    def _dims(self, name: str, rank: int) -> tuple[str, ...]:
        """Return names of a variable's dimensions: as it refers to them, or itself where it is one."""
        lists = self._all_attributes(name).get("DIMENSION_LIST")
        if lists is None:
            return (name,) if rank == 1 and name in self._links else ()
        return tuple(self._names_by_address.get(number(item, 0), "") for item in lists)

    def variable(self, name: str) -> Variable:
        """Return the description of a variable.

        Raises
        ------
        CorruptFileError
            Its header is damaged.
        UnsupportedProductError
            It is stored in a way that no product uses.
        """
        kind, space, layout = (self._find(name, which) for which in (m.DATATYPE, m.DATASPACE, m.LAYOUT))
        if kind is None or space is None or layout is None:
            raise self._reader.corrupt(f"the header of {name} is damaged")
        found = type_of(self._reader, kind.data, shared=kind.shared)
        if found.kind and found.kind != TEXT:
            raise self._reader.unsupported(f"a variable, {name}, of a type without a numpy counterpart")
        dtype = np.dtype(object) if found.kind else found.dtype
        shape = m.shape_of(space.data)
        shape = (0,) if shape is None else shape
        fill, pipeline = self._find(name, m.FILL), self._find(name, m.FILTERS)
        filters = m.filters_of(pipeline.data) if pipeline else ()
        return Variable(
            name,
            dtype,
            shape,
            self._storage(name, layout.data, shape, found.dtype.itemsize, filters),
            m.fill_of(fill.data) if fill else b"",
            self._visible(self._all_attributes(name)),
            self._dims(name, len(shape)),
        )

    def _storage(
        self, name: str, data: bytes, shape: tuple[int, ...], itemsize: int, filters: tuple[int, ...]
    ) -> Inline | Contiguous | Chunked:
        version, kind = data[0], data[1]
        nbytes = int(np.prod(shape, dtype=object)) * itemsize
        if version in (3, 4) and kind == 0:
            return Inline(data[4 : 4 + number(data, 2, 2)])
        if version in (3, 4) and kind == 1:
            address = number(data, 2)
            if address == m.UNDEFINED or not nbytes:
                return Inline()
            if address + self._reader.base + nbytes > self._reader.size:
                raise self._reader.corrupt(f"it is cut short: the values of {name} are beyond its end")
            return Contiguous(address + self._reader.base)
        if version == 3 and kind == 2:
            rank = data[2] - 1
            chunk = struct.unpack_from(f"<{rank}I", data, 11)
            return self._chunked(name, shape, chunk, number(data, 3), filters)
        if version == 4 and kind == 2:
            return self._version_4(name, data, shape, filters)
        raise self._reader.unsupported(f"a variable, {name}, whose values are stored in an unknown way")

    def _chunked(
        self,
        name: str,
        shape: tuple[int, ...],
        chunk: tuple[int, ...],
        address: int,
        filters: tuple[int, ...],
        single: tuple[int, int] | None = None,
    ) -> Chunked:
        if len(chunk) != len(shape) or not all(chunk):
            raise self._reader.corrupt(f"the header of {name} is damaged")
        return Chunked(chunk, None if address == m.UNDEFINED else address, filters, single)

    def _version_4(self, name: str, data: bytes, shape: tuple[int, ...], filters: tuple[int, ...]) -> Chunked:
        """Layout messages of HDF5 1.10 with one chunk; its other indexes no product has."""
        flags, rank, width = data[2], data[3] - 1, data[4]
        chunk = tuple(number(data, 5 + k * width, width) for k in range(rank))
        at = 5 + (rank + 1) * width
        if data[at] != 1:
            raise self._reader.unsupported(f"a variable, {name}, with an index of chunks of HDF5 1.10")
        nbytes, mask = int(np.prod(chunk, dtype=object)) * number(data, 5 + rank * width, width), 0
        at += 1
        if flags & 2:
            nbytes, mask, at = number(data, at), number(data, at + 8, 4), at + 12
        return self._chunked(name, shape, chunk, number(data, at), filters, (nbytes, mask))


def _link(data: bytes) -> Iterator[tuple[str, int]]:
    """Yield name and address of a hard link."""
    flags, at = data[1], 2
    kind = data[at] if flags & 8 else 0
    at += (1 if flags & 8 else 0) + (8 if flags & 4 else 0) + (1 if flags & 16 else 0)
    width = 1 << (flags & 3)
    length = number(data, at, width)
    at += width
    if kind == 0:
        yield data[at : at + length].decode("utf-8", "replace"), number(data, at + length)
