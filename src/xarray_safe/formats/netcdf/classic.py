"""Classic netCDF: a header with dimensions, attributes and variables; values big-endian, in one piece or by records.

Source: "The NetCDF Classic Format Specification" (CDF-1, CDF-2 with offsets of 8 bytes, CDF-5 with counts of 8 bytes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.formats.netcdf.variable import Contiguous, Inline, Variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from xarray_safe.formats.netcdf.reader import Reader

MAGIC: Final = b"CDF"
DTYPES: Final = {1: "i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8"} | {
    7: "u1",
    8: ">u2",
    9: ">u4",
    10: ">i8",
    11: ">u8",
}
DIMENSIONS, VARIABLES, ATTRIBUTES = 10, 11, 12
MOST: Final = 100_000
"""Maximum entries of a list."""


class ClassicFile:
    """A classic netCDF file.

    Parameters
    ----------
    reader
        Of the file.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        version = reader.at(0, 4)[3]
        if version not in (1, 2, 5):
            raise reader.unsupported(f"classic netCDF of version {version}")
        self._count_size = 8 if version == 5 else 4
        self._offset_size = 4 if version == 1 else 8
        self._at = 4
        records = self._number()
        self._sizes = dict(self._list(DIMENSIONS, self._dimension))
        self._dim_names = list(self._sizes)
        self._record_dim = next((name for name, size in self._sizes.items() if not size), "")
        if self._record_dim:
            self._sizes[self._record_dim] = 0 if records == (1 << 8 * self._count_size) - 1 else records
        self.attrs: dict[str, Any] = dict(self._list(ATTRIBUTES, self._attribute))
        self._variables = self._place(self._list(VARIABLES, self._variable))

    @property
    def names(self) -> list[str]:
        """Names of all variables."""
        return list(self._variables)

    def __contains__(self, name: str) -> bool:
        """Return True if there is a variable of this name."""
        return name in self._variables

    def size(self, dimension: str) -> int | None:
        """Return the length of a dimension; None if there is none of this name."""
        return self._sizes.get(dimension)

    def variable(self, name: str) -> Variable:
        """Return the description of a variable.

        Raises
        ------
        CorruptFileError
            Its values are beyond the file's end.
        """
        found = self._variables[name]
        if isinstance(found.storage, Contiguous) and found.shape:
            step = found.storage.record or int(np.prod(found.shape[1:], dtype=object)) * found.dtype.itemsize
            inner = int(np.prod(found.shape[1:], dtype=object)) * found.dtype.itemsize
            if found.storage.offset + (found.shape[0] - 1) * step + inner > self._reader.size:
                raise self._reader.corrupt(f"it is cut short: values of {name} are beyond its end")
        return found

    def _take(self, length: int) -> bytes:
        data = self._reader.at(self._at, length)
        self._at += length
        return data

    def _number(self, size: int = 0) -> int:
        return int.from_bytes(self._take(size or self._count_size), "big")

    def _padded(self, length: int) -> bytes:
        data = self._take(length)
        self._at += -length % 4
        return data

    def _name(self) -> str:
        return self._padded(self._number()).decode("utf-8", "replace")

    def _list(self, tag: int, item: Callable[[], Any]) -> list[Any]:
        found, count = self._number(4), self._number()
        if found not in (0, tag) or (not found and count) or count > MOST:
            raise self._reader.corrupt("its header is damaged")
        return [item() for _ in range(count)]

    def _dimension(self) -> tuple[str, int]:
        return self._name(), self._number()

    def _attribute(self) -> tuple[str, Any]:
        name, dtype, count = self._name(), self._dtype(), self._number()
        data = self._padded(count * dtype.itemsize)
        if dtype.kind == "S":
            return name, data.decode("utf-8", "replace").rstrip("\0")
        values = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))
        return name, values[0] if count == 1 else values

    def _dtype(self) -> np.dtype[Any]:
        number = self._number(4)
        if number not in DTYPES:
            raise self._reader.corrupt("its header is damaged")
        return np.dtype(DTYPES[number])

    def _variable(self) -> tuple[Variable, int]:
        """Return a variable that is placed as if its records followed each other closely, and its bytes of a record."""
        name, count = self._name(), self._number()
        if count > len(self._dim_names) * 8:
            raise self._reader.corrupt("its header is damaged")
        numbers = [self._number() for _ in range(count)]
        if any(number >= len(self._dim_names) for number in numbers):
            raise self._reader.corrupt("its header is damaged")
        dims = tuple(self._dim_names[number] for number in numbers)
        attrs, dtype = dict(self._list(ATTRIBUTES, self._attribute)), self._dtype()
        self._number()  # bytes of a record, which large variables do not state rightly
        offset = self._number(self._offset_size)
        shape = tuple(self._sizes[dim] for dim in dims)
        inner = int(np.prod(shape[1:], dtype=object)) * dtype.itemsize
        storage = Contiguous(offset) if 0 not in shape else Inline()
        return Variable(name, dtype, shape, storage, b"", attrs, dims), inner

    def _place(self, found: list[tuple[Variable, int]]) -> dict[str, Variable]:
        """Return variables by name; those of records take turns in the file."""
        from dataclasses import replace

        by_records = [inner for var, inner in found if var.dims[:1] == (self._record_dim,)]
        padded = [inner + -inner % 4 for inner in by_records]
        record = by_records[0] if len(by_records) == 1 else sum(padded)
        placed = {}
        for var, _ in found:
            if var.dims[:1] == (self._record_dim,) and isinstance(var.storage, Contiguous):
                var = replace(var, storage=replace(var.storage, record=record))
            placed[var.name] = var
        return placed
