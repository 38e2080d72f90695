"""The lazy array over a variable of a netCDF file: only the chunks, or rows, that a key needs are read."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe import runtime
from xarray_safe.errors import CorruptFileError
from xarray_safe.formats.netcdf.filters import decode
from xarray_safe.formats.netcdf.hdf5.chunks import read_index
from xarray_safe.formats.netcdf.hdf5.values import text_at
from xarray_safe.formats.netcdf.reader import Reader
from xarray_safe.formats.netcdf.variable import Chunked, Contiguous, Inline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xarray_safe.archive.files import Files, Request
    from xarray_safe.formats.netcdf.hdf5.chunks import Index
    from xarray_safe.formats.netcdf.variable import Variable
    from xarray_safe.model.arrays import Key

    Values = np.ndarray[Any, np.dtype[Any]]

AT_ONCE: Final = 1 << 26
"""Bytes, as stored, that are held at most while they become values."""
PIECE: Final = 1 << 22
"""Bytes of rows that are read in one request."""


@dataclass(frozen=True)
class NetcdfArray:
    """A variable's stored values, neither masked nor scaled. It pickles as the archive, a name and the header's facts.

    Parameters
    ----------
    files, name
        The archive, and the file's name in it.
    variable
        The variable.
    """

    files: Files
    name: str
    variable: Variable

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""
        return self.variable.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the values, in the machine's byte order."""
        return self.variable.dtype.newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of the stored chunks; rows of a few MB where there are none."""
        storage = self.variable.storage
        if isinstance(storage, Chunked):
            return tuple(min(n, length) for n, length in zip(self.shape, storage.shape, strict=True))
        row = math.prod(self.shape[1:]) * self.variable.dtype.itemsize
        return (min(self.shape[0], max(1, 2 * PIECE // max(1, row))), *self.shape[1:]) if self.shape else ()

    def __getitem__(self, key: Key) -> Values:
        """Read values.

        Raises
        ------
        CorruptFileError
            The file is cut short, or a chunk of those needed is damaged.
        UnsupportedProductError
            A chunk is compressed in a way that no product uses.
        """
        wanted = [_positions(item, size) for item, size in zip(key, self.shape, strict=True)]
        flips = tuple(slice(None, None, -1 if steps.step < 0 else 1) for steps in wanted)
        ascending = [steps[::-1] if steps.step < 0 else steps for steps in wanted]
        values = self._read(ascending)[flips]
        return values[tuple(0 if isinstance(item, int | np.integer) else slice(None) for item in key)]

    def _read(self, wanted: list[range]) -> Values:
        """Values at positions that ascend."""
        shape = tuple(map(len, wanted))
        if 0 in shape:
            return np.empty(shape, self.dtype)
        storage = self.variable.storage
        if self.variable.dtype.kind == "O":
            return self._texts()[np.ix_(*wanted)] if wanted else self._texts()
        if isinstance(storage, Inline):
            whole = self._inline(storage)
            return whole[tuple(slice(steps.start, steps.stop, steps.step) for steps in wanted)]
        values = np.empty(shape, self.dtype)
        if isinstance(storage, Contiguous):
            self._read_rows(values, wanted, storage)
        else:
            self._read_chunks(values, wanted, storage)
        return values

    def _inline(self, storage: Inline) -> Values:
        dtype = self.variable.dtype
        if not storage.data:
            return np.full(self.shape, self._fill(), self.dtype)
        if len(storage.data) < math.prod(self.shape) * dtype.itemsize:
            raise self._corrupt("its header is damaged")
        return np.frombuffer(storage.data, dtype, math.prod(self.shape)).reshape(self.shape).astype(self.dtype)

    def _fill(self) -> Any:
        fill, dtype = self.variable.fill, self.variable.dtype
        return np.frombuffer(fill, dtype, 1)[0] if len(fill) >= dtype.itemsize > 0 else np.zeros((), dtype)[()]

    def _texts(self) -> Values:
        """All texts of a variable of strings; there are few."""
        storage, count = self.variable.storage, math.prod(self.shape)
        if isinstance(storage, Inline):
            data = storage.data
        elif isinstance(storage, Contiguous):
            data = self.files.read(self.name, storage.offset, storage.offset + 16 * count)
        else:
            whole = np.empty(self.shape, "V16")
            self._read_chunks(whole, [range(size) for size in self.shape], storage)
            data = whole.tobytes()
        reader = _reader(self.files, self.name)
        texts = np.empty(count, object)
        for k in range(count):
            texts[k] = text_at(reader, data[16 * k : 16 * k + 16])
        return texts.reshape(self.shape)

    def _read_rows(self, values: Values, wanted: list[range], storage: Contiguous) -> None:
        """Rows of the first dimension, some MB at a time."""
        dtype, inner = self.variable.dtype, self.shape[1:]
        if not wanted:
            values[()] = np.frombuffer(self._bytes(storage.offset, dtype.itemsize), dtype)[0]
            return
        nbytes = math.prod(inner) * dtype.itemsize
        step = storage.record or nbytes
        rest = tuple(slice(steps.start, steps.stop, steps.step) for steps in wanted[1:])
        many = max(1, PIECE // max(1, step * wanted[0].step))
        for begin in range(0, len(wanted[0]), many):
            rows = wanted[0][begin : begin + many]
            length = (rows[-1] - rows[0]) * step + nbytes
            data = self._bytes(storage.offset + rows[0] * step, length)
            strides = np.empty(inner, dtype).strides
            block = np.ndarray((len(rows), *inner), dtype, data, strides=(step * rows.step, *strides))
            values[begin : begin + len(rows)] = block[(slice(None), *rest)]

    def _bytes(self, offset: int, length: int) -> bytes:
        data = self.files.read(self.name, offset, offset + length)
        if len(data) < length:
            raise self._corrupt("it is cut short")
        return data

    def _read_chunks(self, values: Values, wanted: list[range], storage: Chunked) -> None:
        """The chunks that positions need: read together, decoded side by side."""
        index = self._index(storage)
        spans = [
            range(steps[0] // length, steps[-1] // length + 1)
            for steps, length in zip(wanted, storage.shape, strict=True)
        ]
        places = [place for place in itertools.product(*spans) if _touches(place, wanted, storage.shape)]
        requests: list[Request] = []
        stored = []
        for place in places:
            offset, nbytes, _ = index[place].tolist()
            if offset < 0:
                _paste(values, np.broadcast_to(self._fill(), storage.shape), wanted, place, storage.shape)
            else:
                stored.append(place)
                requests.append((self.name, offset, offset + nbytes))
        for part in _batches(requests, self.files.local):
            data = self.files.read_many(requests[part])
            masks = [int(index[place][2]) for place in stored[part]]
            runtime.run(
                [
                    partial(self._put, values, wanted, storage, place, got, mask)
                    for place, got, mask in zip(stored[part], data, masks, strict=True)
                ]
            )

    def _put(
        self, values: Values, wanted: list[range], storage: Chunked, place: tuple[int, ...], data: bytes, mask: int
    ) -> None:
        dtype = np.dtype("V16") if self.variable.dtype.kind == "O" else self.variable.dtype
        nbytes = math.prod(storage.shape) * dtype.itemsize
        try:
            raw = decode(data, storage.filters, mask, dtype.itemsize, nbytes)
        except ValueError as error:
            raise self._corrupt(f"chunk {place} of {self.variable.name} is damaged ({error})") from error
        except NotImplementedError as error:
            raise _reader(self.files, self.name).unsupported(f"{error} in {self.variable.name}") from error
        _paste(values, np.frombuffer(raw, dtype).reshape(storage.shape), wanted, place, storage.shape)

    def _index(self, storage: Chunked) -> Index:
        """Index of the chunks, read once per version of the file and process."""
        key = ("netcdf chunks", self.variable.name, *self.files.identity(self.name))
        with runtime.opening(key):
            index: Index | None = runtime.indexes().get(key)
            if index is None:
                index = read_index(_reader(self.files, self.name), self.variable, storage)
                runtime.indexes().put(key, index, index.nbytes)
            return index

    def _corrupt(self, why: str) -> CorruptFileError:
        return CorruptFileError(f"{self.files.url}: {self.name}: {why}. Download the product again.")


def _reader(files: Files, name: str) -> Reader:
    """Return a reader that knows the base address."""
    from xarray_safe.formats.netcdf.hdf5.messages import root_address

    reader = Reader(files, name)
    root_address(reader)
    return reader


def _positions(item: int | slice, size: int) -> range:
    if isinstance(item, slice):
        return range(*item.indices(size))
    position = range(size)[item]
    return range(position, position + 1)


def _parts(place: int, steps: range, length: int) -> tuple[slice, slice]:
    """Return which of the wanted positions are in a chunk, and where in the chunk they are."""
    start = place * length
    first = max(0, -(-(start - steps.start) // steps.step))
    last = min(len(steps), -(-(start + length - steps.start) // steps.step))
    begin = steps.start + first * steps.step - start
    return slice(first, last), slice(begin, begin + max(0, last - first - 1) * steps.step + 1, steps.step)


def _touches(place: tuple[int, ...], wanted: list[range], lengths: tuple[int, ...]) -> bool:
    """Return True if a chunk holds a wanted position; wide steps pass over some."""
    found = (_parts(*item)[0] for item in zip(place, wanted, lengths, strict=True))
    return all(part.stop > part.start for part in found)


def _paste(
    values: Values, chunk: Values, wanted: list[range], place: tuple[int, ...], lengths: tuple[int, ...]
) -> None:
    parts = [_parts(*item) for item in zip(place, wanted, lengths, strict=True)]
    values[tuple(target for target, _ in parts)] = chunk[tuple(source for _, source in parts)]


def _batches(requests: Sequence[Request], local: bool) -> Iterator[slice]:
    """Yield parts of a list of requests that are `AT_ONCE` bytes at most; of local files, a few chunks at a time."""
    most = AT_ONCE // 4 if local else AT_ONCE
    start = total = 0
    for k, (_, begin, end) in enumerate(requests):
        nbytes = (end or 0) - begin
        if total and total + nbytes > most:
            yield slice(start, k)
            start, total = k, 0
        total += nbytes
    if requests:
        yield slice(start, len(requests))
