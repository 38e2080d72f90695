"""What a header says of a variable: its type, its attributes, and where its values are stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np


@dataclass(frozen=True, slots=True)
class Inline:
    """Values that are stored in the header itself; none where nothing was ever written."""

    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Contiguous:
    """Values in one piece, in C order.

    Parameters
    ----------
    offset
        Position of the first byte in the file.
    record
        Bytes from one index of the first dimension to the next; 0 where they follow each other closely.
    """

    offset: int
    record: int = 0


@dataclass(frozen=True, slots=True)
class Chunked:
    """Values in chunks, each compressed for itself.

    Parameters
    ----------
    shape
        Of a chunk.
    address
        Where the index of the chunks is stored; None where no chunk was ever written.
    filters
        Numbers of HDF5's filters, in the order of writing.
    single
        Bytes of the only chunk and its filter mask, where there is no index but the chunk's address.
    """

    shape: tuple[int, ...]
    address: int | None
    filters: tuple[int, ...] = ()
    single: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a netCDF file.

    Parameters
    ----------
    name
        As in the file.
    dtype
        Type of the stored values; an object type for strings of any length.
    shape
        Length of each dimension.
    storage
        Where the values are.
    fill
        Bytes of one value where nothing was written; empty for zero.
    attrs
        Attributes: numpy scalars, arrays, or texts; without the bookkeeping of dimensions.
    dims
        Names of its dimensions.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    storage: Inline | Contiguous | Chunked
    fill: bytes = b""
    attrs: Mapping[str, Any] = field(default_factory=dict)
    dims: tuple[str, ...] = ()
