"""The filters with which HDF5 packs chunks: deflate, shuffle and a checksum."""

from __future__ import annotations

from typing import Final

import numpy as np

DEFLATE: Final = 1
SHUFFLE: Final = 2
FLETCHER32: Final = 3
NAMES: Final = {4: "szip", 5: "nbit", 6: "scale-offset", 32000: "LZF", 32001: "Blosc", 32015: "Zstandard"}


def decode(data: bytes, filters: tuple[int, ...], mask: int, itemsize: int, nbytes: int) -> bytes | memoryview:
    """Undo the filters of one chunk; most of the time is spent without Python's lock.

    Parameters
    ----------
    data
        The chunk as stored.
    filters
        Numbers of the filters, in the order of writing.
    mask
        Bits of the filters that this chunk was written without.
    itemsize, nbytes
        Bytes of a value, and of the whole chunk.

    Raises
    ------
    ValueError
        The chunk is damaged.
    NotImplementedError
        A filter is unknown; the message names it.
    """
    found: bytes | memoryview = data
    for position in reversed(range(len(filters))):
        if mask >> position & 1:
            continue
        kind = filters[position]
        if kind == DEFLATE:
            found = _inflate(found, nbytes + 4 if FLETCHER32 in filters[:position] else nbytes)
        elif kind == SHUFFLE:
            found = _unshuffle(found, itemsize)
        elif kind == FLETCHER32:
            found = found[:-4]
        else:
            raise NotImplementedError(f"HDF5's filter {kind} ({NAMES.get(kind, 'not a common one')})")
    if len(found) != nbytes:
        raise ValueError(f"it has {len(found)} bytes, not {nbytes}")
    return found


def _inflate(data: bytes | memoryview, nbytes: int) -> bytes:
    """Decompress, never to more bytes than a chunk can have."""
    import imagecodecs

    try:
        return bytes(imagecodecs.zlib_decode(bytes(data), out=nbytes))
    except Exception as error:  # a codec's own error, of whichever class
        raise ValueError(f"it does not decompress: {error}") from error


def _unshuffle(data: bytes | memoryview, itemsize: int) -> bytes | memoryview:
    """Put the bytes of each value together again."""
    if itemsize < 2:
        return data
    whole = len(data) // itemsize * itemsize
    planes = np.frombuffer(data, np.uint8, whole).reshape(itemsize, -1)
    values = np.ascontiguousarray(planes.T).reshape(-1)
    return values.data if whole == len(data) else values.tobytes() + bytes(data[whole:])
