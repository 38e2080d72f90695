"""Object headers: the messages that describe a group or a dataset, and what the common ones say."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xarray_safe.formats.netcdf.reader import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray_safe.formats.netcdf.reader import Reader

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
UNDEFINED: Final = 0xFFFF_FFFF_FFFF_FFFF
MOST: Final = 100_000
"""Maximum messages of a header, links of a group and nodes of an index: more are a circle."""

DATASPACE, LINK_INFO, DATATYPE, FILL, LINK, LAYOUT = 0x01, 0x02, 0x03, 0x05, 0x06, 0x08
FILTERS, ATTRIBUTE, CONTINUATION, SYMBOL_TABLE, ATTRIBUTE_INFO = 0x0B, 0x0C, 0x10, 0x11, 0x15


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an object header."""

    type: int
    data: bytes
    shared: bool = False


def root_address(reader: Reader) -> int:
    """Return the address of the root group's header; sets the reader's base address.

    Raises
    ------
    CorruptFileError
        The file is not HDF5, or is cut short.
    """
    start = 0
    while start + 8 <= reader.size and reader.at(start, 8) != SIGNATURE:
        start = 512 if not start else start * 2
    if start + 96 > reader.size:
        raise reader.corrupt("it is not netCDF")
    block = reader.at(start, 96)
    version = block[8]
    if version in (0, 1):
        sizes, at = block[13:15], 24 + 4 * version
        base, end, root = number(block, at), number(block, at + 16), number(block, at + 40)
    elif version in (2, 3):
        sizes = block[9:11]
        base, end, root = number(block, 12), number(block, 28), number(block, 36)
    else:
        raise reader.unsupported(f"an HDF5 superblock of version {version}")
    if sizes != b"\x08\x08":
        raise reader.unsupported("HDF5 addresses that are not of 8 bytes")
    if base + end > reader.size:
        raise reader.corrupt(f"it is cut short: it has {reader.size} of {base + end} bytes")
    reader.base = base
    return root


def messages(reader: Reader, address: int) -> list[Message]:
    """Return the messages of the object header at an address."""
    version = _version_2 if reader.at(address, 4) == b"OHDR" else _version_1
    return list(version(reader, address))


def _version_1(reader: Reader, address: int) -> Iterator[Message]:
    head = reader.at(address, 16)
    if head[0] != 1:
        raise reader.corrupt("an object header is damaged")
    blocks = [(address + 16, number(head, 8, 4))]
    count = 0
    while blocks:
        start, length = blocks.pop(0)
        data, at = reader.at(start, length), 0
        while at + 8 <= length:
            kind, size, flags = struct.unpack_from("<HHB", data, at)
            body = data[at + 8 : at + 8 + size]
            at += 8 + size
            count += 1
            if kind == CONTINUATION:
                blocks.append((number(body, 0), number(body, 8)))
            elif kind:
                yield Message(kind, body, bool(flags & 2))
            if count > MOST:
                raise reader.corrupt("an object header has no end")


def _version_2(reader: Reader, address: int) -> Iterator[Message]:
    head = reader.at(address, 6)
    flags = head[5]
    at = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    prefix = 6 if flags & 4 else 4
    length = number(reader.at(address + at, width), 0, width)
    blocks = [(address + at + width, length)]
    count = 0
    while blocks:
        start, length = blocks.pop(0)
        data, at = reader.at(start, length), 0
        while at + prefix <= length:
            kind, size, flags = struct.unpack_from("<BHB", data, at)
            body = data[at + prefix : at + prefix + size]
            at += prefix + size
            count += 1
            if kind == CONTINUATION:
                begin, extent = number(body, 0), number(body, 8)
                if reader.at(begin, 4) != b"OCHK":
                    raise reader.corrupt("an object header is damaged")
                blocks.append((begin + 4, extent - 8))
            elif kind:
                yield Message(kind, body, bool(flags & 2))
            if count > MOST:
                raise reader.corrupt("an object header has no end")


def shape_of(data: bytes) -> tuple[int, ...] | None:
    """Return the shape that a dataspace message states; () for a scalar, None for nothing at all."""
    version, rank = data[0], data[1]
    if version == 2 and data[3] == 2:
        return None
    return struct.unpack_from(f"<{rank}Q", data, 8 if version == 1 else 4)


def fill_of(data: bytes) -> bytes:
    """Return the bytes of the fill value that a message states; empty if it states none."""
    version = data[0]
    if version == 3:
        at, stated = 2, bool(data[1] & 0x20)
    else:
        at, stated = 4, version == 1 or bool(data[3])
    return data[at + 4 : at + 4 + number(data, at, 4)] if stated else b""


def filters_of(data: bytes) -> tuple[int, ...]:
    """Return the numbers of the filters of a pipeline message, in the order of writing."""
    version, count = data[0], data[1]
    found, at = [], 8 if version == 1 else 2
    for _ in range(count):
        (kind,) = struct.unpack_from("<H", data, at)
        at += 2
        length = 0
        if version == 1 or kind >= 256:
            (length,) = struct.unpack_from("<H", data, at)
            at += 2
        values = number(data, at + 2, 2)
        padded = -(-length // 8) * 8 if version == 1 else length
        at += 4 + padded + 4 * (values + (values % 2 if version == 1 else 0))
        found.append(kind)
    return tuple(found)
