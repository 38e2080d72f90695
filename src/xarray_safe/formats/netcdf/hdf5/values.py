"""Data types and attributes."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.formats.netcdf.hdf5.heaps import from_global_heap
from xarray_safe.formats.netcdf.hdf5.messages import DATATYPE, messages, shape_of
from xarray_safe.formats.netcdf.reader import number

if TYPE_CHECKING:
    from xarray_safe.formats.netcdf.reader import Reader

REFERENCE: Final = "reference"
TEXT: Final = "text"
SEQUENCE: Final = "sequence"
OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Type:
    """A data type.

    Parameters
    ----------
    dtype
        Of a stored element.
    kind
        What an element means, where it is not a number: `TEXT` of any length, `SEQUENCE`, `REFERENCE`, `OTHER`.
    """

    dtype: np.dtype[Any]
    kind: str = ""


def type_of(reader: Reader, data: bytes, *, shared: bool = False) -> Type:
    """Return the type that a message states, or that the message is a reference to."""
    if shared:
        found = messages(reader, number(data, len(data) - 8 if data[0] == 1 else 2))
        data = next((message.data for message in found if message.type == DATATYPE), b"")
        if not data:
            raise reader.corrupt("a data type is damaged")
    group, bits, size = data[0] & 15, data[1], number(data, 4, 4)
    order = ">" if bits & 1 else "<"
    if group == 0 and size in (1, 2, 4, 8):
        return Type(np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}"))
    if group == 1 and size in (2, 4, 8):
        return Type(np.dtype(f"{order}f{size}"))
    if group == 3:
        return Type(np.dtype(f"S{size}"))
    if group == 7:
        return Type(np.dtype(f"V{size}"), REFERENCE)
    if group == 8:
        return type_of(reader, data[8:])
    if group == 9:
        return Type(np.dtype("V16"), TEXT if bits & 15 == 1 else SEQUENCE)
    return Type(np.dtype(f"V{max(1, size)}"), OTHER)


def attribute(reader: Reader, data: bytes) -> tuple[str, Any]:
    """Return name and value of an attribute message: a text, a numpy scalar or an array; None for what is neither."""
    version, flags = data[0], data[1]
    sizes = struct.unpack_from("<HHH", data, 2)
    at = 9 if version == 3 else 8
    step = 8 if version == 1 else 1
    parts = []
    for size in sizes:
        parts.append(data[at : at + size])
        at += -(-size // step) * step
    name = parts[0].split(b"\0")[0].decode("utf-8", "replace")
    kind = type_of(reader, parts[1], shared=version > 1 and bool(flags & 1))
    shape = shape_of(parts[2])
    return name, None if shape is None else _value(reader, kind, shape, data[at:])


def _value(reader: Reader, kind: Type, shape: tuple[int, ...], data: bytes) -> Any:
    count = int(np.prod(shape, dtype=np.int64))
    if count * kind.dtype.itemsize > len(data):
        raise reader.corrupt("an attribute is damaged")
    if kind.kind == OTHER:
        return None
    raw = np.frombuffer(data, kind.dtype, count)
    if kind.kind == TEXT:
        texts = [text_at(reader, item) for item in raw.tolist()]
        return texts[0] if len(texts) == 1 else texts
    if kind.kind == SEQUENCE:
        return [_from_heap(reader, item) for item in raw.tolist()]
    if kind.kind == REFERENCE:
        return [number(item, 0) for item in raw.tolist()]
    if kind.dtype.kind == "S":
        texts = [item.decode("utf-8", "replace").rstrip("\0") for item in raw.tolist()]
        return texts[0] if len(texts) == 1 else texts
    native = raw.astype(kind.dtype.newbyteorder("="))
    return native[0] if count == 1 else native


def text_at(reader: Reader, item: bytes) -> str:
    """Return the text that an element of a variable of strings refers to."""
    return _from_heap(reader, item).decode("utf-8", "replace").rstrip("\0")


def _from_heap(reader: Reader, item: bytes) -> bytes:
    length, address, index = struct.unpack("<IQI", item)
    return from_global_heap(reader, address, index) if length else b""
