"""Values of GRIB edition 1 messages in simple packing, to the last bit those of eccodes.

A value is ``(R + X * 2**E) * 10**-D`` (WMO FM 92 GRIB, edition 1, section 4): R an IBM single precision number, X an
integer of 0 to 32 bits, E and D scale factors. All messages in known products are packed so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from xarray_safe.errors import CorruptFileError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_CONSTANT: Final = 1 << 24
"""Maximum number of points of a field without bits: no bytes bear out its size, and all points would be allocated."""

_BLOCK: Final = 1 << 16  # values unpacked at a time, a multiple of 8: so many start at a whole byte


_UNSET: Final = b"\xff\xff"  # of a scale factor: eccodes takes all values for missing


def signed(data: bytes) -> int:
    """Return a number that is stored as sign and magnitude."""
    value = int.from_bytes(data)
    sign = 1 << (8 * len(data) - 1)
    return sign - value if value & sign else value


def unpack(message: bytes, missing: float, where: str) -> NDArray[np.float64] | None:
    """Decode all values of a message.

    Parameters
    ----------
    message
        Whole message of edition 1; `header.check_sections` has accepted it.
    missing
        Stands for points that the bitmap leaves out.
    where
        File and message, for errors.

    Returns
    -------
    ndarray of float64 or None
        All points in the order in which they are stored; None if the message is packed in another way.

    Raises
    ------
    CorruptFileError
        Bitmap or data are shorter than the grid needs.
    """
    product, grid, bitmap, data = _sections(message)
    kind, width = data[3], data[10]
    if kind & 0xF0 or width > 32 or _UNSET in (data[4:6], product[26:28]):
        return None
    if bitmap and bitmap[4:6] != b"\0\0":  # the number of a bitmap that is not in the message
        return None
    points = int.from_bytes(grid[6:8]) * int.from_bytes(grid[8:10])
    present = _present(bitmap, points, where) if bitmap else None
    count = points if present is None else int(np.count_nonzero(present))
    free = 8 * (len(data) - 11) - (kind & 15)
    if count * width > free:
        raise CorruptFileError(f"{where}: {free} bits of data are too few for {count} values of {width} bits")
    if not width and points > MAX_CONSTANT:
        raise CorruptFileError(f"{where}: {points} points without data; {MAX_CONSTANT} are the maximum")
    values = _scaled(_integers(data[11:], count, width), data, signed(product[26:28]))
    if present is None:
        return values
    full = np.full(points, missing)
    full[present] = values
    return full


def _sections(message: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Sections 1 to 4: product, grid, bitmap (empty if there is none) and data."""
    flags, at, found = message[15], 8, []
    for present in (True, flags & 128, flags & 64, True):
        size = int.from_bytes(message[at : at + 3]) if present else 0
        found.append(message[at : at + size])
        at += size
    product, grid, bitmap, data = found
    return product, grid, bitmap, data


def _present(bitmap: bytes, points: int, where: str) -> NDArray[np.bool_]:
    """Return for each point whether it has a value."""
    free = 8 * (len(bitmap) - 6) - bitmap[3]
    if points > free:
        raise CorruptFileError(f"{where}: a bitmap of {free} bits is too short for {points} points")
    return np.unpackbits(np.frombuffer(bitmap, np.uint8, offset=6), count=points).astype(bool)


def _integers(data: bytes, count: int, width: int) -> NDArray[np.float64]:
    """Unsigned integers of `width` bits (0 to 32), one after the other, as float64."""
    values = np.zeros(count)
    if not width:
        return values
    for start in range(0, count, _BLOCK):
        size = min(_BLOCK, count - start)
        packed = np.frombuffer(data, np.uint8, offset=start * width // 8)[: -(-size * width // 8)]
        bits = np.zeros((size, 32), np.uint8)
        bits[:, 32 - width :] = np.unpackbits(packed, count=size * width).reshape(size, width)
        values[start : start + size] = np.packbits(bits, axis=1).view(">u4").ravel()
    return values


def _scaled(values: NDArray[np.float64], data: bytes, decimal: int) -> NDArray[np.float64]:
    """Apply the scale factors in eccodes' order, with its roundings."""
    reference = _ibm(data[6:10])
    if not data[10]:
        return values + reference  # as eccodes does it: a constant is not scaled
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        scaled: NDArray[np.float64] = values * np.ldexp(1.0, signed(data[4:6])) + reference
        return scaled * _power_of_ten(-decimal)


def _ibm(data: bytes) -> float:
    """Return an IBM single precision number: sign, exponent of 16, 24 bits of fraction."""
    value = int.from_bytes(data)
    magnitude = float(value & 0xFFFFFF) * 2.0 ** (4 * ((value >> 24 & 0x7F) - 64) - 24)
    return -magnitude if value >> 31 else magnitude


def _power_of_ten(exponent: int) -> float:
    """Return a power by repeated multiplication or division, which eccodes does: it rounds at each step."""
    power = 1.0
    for _ in range(min(abs(exponent), 400)):  # after 400 steps it is 0 or infinite
        power = power * 10 if exponent > 0 else power / 10
    return power
