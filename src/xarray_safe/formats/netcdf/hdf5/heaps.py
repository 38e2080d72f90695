"""Heaps and B-trees in which groups of many links, and objects of many attributes, are stored."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xarray_safe.formats.netcdf.hdf5.messages import MOST, UNDEFINED
from xarray_safe.formats.netcdf.reader import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray_safe.formats.netcdf.reader import Reader


def records(reader: Reader, address: int) -> list[bytes]:
    """Return all records of a B-tree of version 2, in order."""
    head = reader.at(address, 38)
    if head[:4] != b"BTHD":
        raise reader.corrupt("an index of names is damaged")
    node_size, record_size, depth = struct.unpack_from("<IHH", head, 6)
    root, count = number(head, 16), number(head, 24, 2)
    if root == UNDEFINED or not record_size:
        return []
    tree = _Tree(reader, node_size, record_size)
    return list(tree.below(root, count, depth))


def _width(value: int) -> int:
    """Return how many bytes hold numbers up to a value."""
    return max(1, (value.bit_length() + 7) // 8)


@dataclass
class _Tree:
    reader: Reader
    node_size: int
    record_size: int
    most: list[int] = field(default_factory=list)
    """Records of a node and all below it, at the most, by depth."""
    seen: int = 0

    def __post_init__(self) -> None:
        self.most = [(self.node_size - 10) // self.record_size]

    def below(self, address: int, count: int, depth: int) -> Iterator[bytes]:
        """Yield the records of a node and of those below it."""
        self.seen += count + 1
        if self.seen > MOST:
            raise self.reader.corrupt("an index of names has no end")
        size = self.record_size
        if not depth:
            data = self.reader.at(address + 6, count * size)
            yield from (data[k * size : (k + 1) * size] for k in range(count))
            return
        width, total = self._widths(depth)
        pointer = 8 + width + total
        data = self.reader.at(address + 6, count * size + (count + 1) * pointer)
        for k in range(count + 1):
            at = count * size + k * pointer
            yield from self.below(number(data, at), number(data, at + 8, width), depth - 1)
            if k < count:
                yield data[k * size : (k + 1) * size]

    def _widths(self, depth: int) -> tuple[int, int]:
        """Return the bytes of the two counts in a node's pointers."""
        while len(self.most) < depth:
            width, total = self._widths(len(self.most))
            pointer = 8 + width + total
            own = (self.node_size - 10 - pointer) // (self.record_size + pointer)
            self.most.append((own + 1) * self.most[-1] + own)
        return _width(self.most[0]), _width(self.most[depth - 1]) if depth > 1 else 0


class FractalHeap:
    """A fractal heap: objects by their ids.

    Parameters
    ----------
    reader, address
        The file, and where the heap's header is stored.
    """

    def __init__(self, reader: Reader, address: int) -> None:
        head = reader.at(address, 142)
        if head[:4] != b"FRHP":
            raise reader.corrupt("a heap of names or attributes is damaged")
        if number(head, 7, 2):
            raise reader.unsupported("a compressed heap")
        self._reader = reader
        largest = number(head, 10, 4)
        self._columns, self._first, most = struct.unpack_from("<HQQ", head, 110)
        bits = number(head, 128, 2)
        self._root, self._rows = number(head, 132), number(head, 140, 2)
        if not self._columns or not self._first:
            raise reader.corrupt("a heap of names or attributes is damaged")
        self._offset_size = (bits + 7) // 8
        self._length_size = min((most.bit_length() - 1 + 7) // 8, _width(largest))
        self._direct_rows = most.bit_length() - self._first.bit_length() + 2
        self._start = self._first.bit_length() - 1

    def get(self, identifier: bytes) -> bytes:
        """Return the object of an id."""
        kind = identifier[0] >> 4 & 3
        if kind == 2:
            return identifier[1 : 2 + (identifier[0] & 15)]
        if kind:
            raise self._reader.unsupported("a huge attribute")
        offset = number(identifier, 1, self._offset_size)
        length = number(identifier, 1 + self._offset_size, self._length_size)
        if not self._rows:
            return self._reader.at(self._root + offset, length)
        return self._reader.at(self._place(self._root, offset), length)

    def _place(self, block: int, offset: int) -> int:
        """Return the address of an offset within an indirect block."""
        for row in range(64):
            size = self._first << max(0, row - 1)
            if offset < size * self._columns:
                entry = row * self._columns + offset // size
                at = block + 5 + 8 + self._offset_size + 8 * entry
                address = number(self._reader.at(at, 8), 0)
                inside = offset % size
                return address + inside if row < self._direct_rows else self._place(address, inside)
            offset -= size * self._columns
        raise self._reader.corrupt("a heap of names or attributes is damaged")


def symbols(reader: Reader, tree: int, heap: int) -> Iterator[tuple[str, int]]:
    """Yield names and addresses of a group's links, as groups without creation order have them."""
    head = reader.at(heap, 32)
    if head[:4] != b"HEAP":
        raise reader.corrupt("a heap of names is damaged")
    names = reader.at(number(head, 24), number(head, 8))
    nodes = [tree]
    for count, address in enumerate(nodes):
        if count > MOST:
            raise reader.corrupt("an index of names has no end")
        head = reader.at(address, 8)
        used = number(head, 6, 2)
        if head[:4] == b"TREE":
            data = reader.at(address + 24, 8 + 16 * used)
            nodes += [number(data, 8 + 16 * k) for k in range(used)]
        elif head[:4] == b"SNOD":
            data = reader.at(address + 8, 40 * used)
            for k in range(used):
                start = number(data, 40 * k)
                yield names[start : names.find(b"\0", start)].decode(), number(data, 40 * k + 8)
        else:
            raise reader.corrupt("an index of names is damaged")


def from_global_heap(reader: Reader, address: int, wanted: int) -> bytes:
    """Return an object of a global heap: a string, or a list of references."""
    head = reader.at(address, 16)
    if head[:4] != b"GCOL":
        raise reader.corrupt("a heap of texts is damaged")
    data, at = reader.at(address, number(head, 8)), 16
    while at + 16 <= len(data):
        index, size = number(data, at, 2), number(data, at + 8)
        if index == wanted:
            return data[at + 16 : at + 16 + size]
        if not index:
            break
        at += 16 + -(-size // 8) * 8
    raise reader.corrupt("a heap of texts is damaged")
