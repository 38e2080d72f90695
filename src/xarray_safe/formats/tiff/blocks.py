"""Windows of one image of a TIFF: which bytes they need, and these bytes as samples.

Uncompressed strips (often one strip a row) are read as runs of rows, joined into ranges;
all other blocks are read and decompressed one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe import runtime
from xarray_safe.errors import CorruptFileError
from xarray_safe.formats.tiff.header import DEFLATE, LZW, NONE, OLD_DEFLATE, Level

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from xarray_safe.archive.files import Files, Request

    Values = np.ndarray[Any, np.dtype[Any]]
    Offsets = np.ndarray[Any, np.dtype[np.int64]]

LOCAL_RANGE: Final = 1 << 20
"""Bytes of one local read: small enough to stay in the processor's cache until its samples are converted."""
REMOTE_RANGE: Final = 1 << 22
"""Bytes of one remote request."""
AT_ONCE: Final = 1 << 26
"""Bytes that are held at most while they become samples."""
NARROW: Final = 4
"""From which part of a row on the rest of it is left out of a local read."""


@dataclass(frozen=True)
class Window:
    """A reader of windows of one image.

    Parameters
    ----------
    files, name
        The archive, and the file's name in it.
    level
        The image.
    """

    files: Files
    name: str
    level: Level

    def read(self, rows: range, columns: range) -> Values:
        """Read a window; both ranges ascend and are within the image.

        Raises
        ------
        CorruptFileError
            The file is cut short, or a block of those needed is damaged.
        """
        values = np.empty((len(rows), len(columns)), self.level.dtype)
        if not values.size:
            return values
        if self.level.compression == NONE and not self.level.tiled:
            self._read_rows(values, rows, columns)
        else:
            self._read_blocks(values, rows, columns)
        return values

    def _read_rows(self, values: Values, rows: range, columns: range) -> None:
        """Uncompressed strips: every row is a run of bytes."""
        level, files = self.level, self.files
        first, last = columns[0], columns[-1] + 1
        starts = self._row_starts(rows) + first * level.sample
        length = (last - first) * level.sample
        pitch = level.columns * level.sample
        narrow = files.local and length * NARROW < pitch
        most = LOCAL_RANGE if files.local else REMOTE_RANGE
        runs = list(_runs(starts, pitch, 1 if narrow else max(1, most // pitch)))
        requests: list[Request] = [(self.name, int(starts[a]), int(starts[b - 1]) + length) for a, b in runs]

        def put(part: slice, data: Sequence[bytes]) -> None:
            for (start, stop), (_, begin, end), got in zip(runs[part], requests[part], data, strict=True):
                if len(got) != (end or 0) - begin:
                    raise self._corrupt("it is cut short")
                shape, strides = (stop - start, last - first), (pitch, level.sample)
                samples = _as_rows(got, level.raw, shape, strides)
                _assign(values[start:stop], samples[:, :: columns.step])

        self._fetch(requests, put)

    def _row_starts(self, rows: range) -> Offsets:
        """Positions of rows in the file, checked."""
        level = self.level
        height, pitch = level.block[0], level.columns * level.sample
        first, last = rows[0] // height, rows[-1] // height + 1
        offsets, counts = self._blocks(first, last)
        heights = np.full(last - first, height)
        if last * height > level.rows:
            heights[-1] = level.rows - (last - 1) * height
        if (counts != heights * pitch).any():
            raise self._corrupt("its strips are not as long as its rows are")
        places = np.arange(rows.start, rows.stop, rows.step)
        starts: Offsets = offsets[places // height - first] + (places % height) * pitch
        return starts

    def _blocks(self, first: int, last: int) -> tuple[Offsets, Offsets]:
        """Offsets and byte counts of neighbouring blocks, all within the file."""
        level, files = self.level, self.files
        offsets, counts = (listing.read(files, self.name, first, last) for listing in (level.offsets, level.counts))
        if (offsets < 0).any() or (counts < 0).any() or (offsets > files.size(self.name) - counts).any():
            raise self._corrupt("its blocks are outside the file; it is cut short")
        return offsets, counts

    def _read_blocks(self, values: Values, rows: range, columns: range) -> None:
        """Blocks one by one: tiles, and strips that are compressed."""
        level = self.level
        height, width = level.block
        down = range(rows[0] // height, rows[-1] // height + 1)
        right = range(columns[0] // width, columns[-1] // width + 1)
        first = down[0] * level.across + right[0]
        offsets, counts = self._blocks(first, down[-1] * level.across + right[-1] + 1)
        places = [(i, j) for i in down for j in right]
        indexes = [i * level.across + j - first for i, j in places]
        requests: list[Request] = [(self.name, int(offsets[k]), int(offsets[k] + counts[k])) for k in indexes]

        def put(part: slice, data: Sequence[bytes]) -> None:
            for (i, j), (_, begin, end), got in zip(places[part], requests[part], data, strict=True):
                if len(got) != (end or 0) - begin:
                    raise self._corrupt("it is cut short")
                block = self._decode(got, i, j)
                _paste(values, block, rows, columns, (i * height, j * width))

        self._fetch(requests, put)

    def _decode(self, data: bytes, i: int, j: int) -> Values:
        """Samples of one block as stored; a block without bytes (sparse) is zeros."""
        level = self.level
        height, width = level.block
        if not level.tiled:
            height = min(height, level.rows - i * height)
        shape = (height, width)
        nbytes = height * width * level.sample
        if not data:
            return np.zeros(shape, level.raw)
        try:
            decoded = _decompress(data, level.compression, nbytes)
        except Exception as error:
            raise self._corrupt(f"block {i}, {j} does not decompress ({error})") from error
        if len(decoded) != nbytes:
            raise self._corrupt(f"block {i}, {j} has {len(decoded)} bytes, not {nbytes}")
        block = np.frombuffer(decoded, level.raw).reshape(height, width, *level.raw.shape)
        if level.predictor == 2:
            block = np.cumsum(block, axis=1, dtype=level.raw.base)
        return block

    def _fetch(self, requests: list[Request], put: Callable[[slice, Sequence[bytes]], None]) -> None:
        """Read ranges and use them: locally side by side, remotely many in one call, never too many bytes at once."""
        if self.files.local:
            size = 1 if len(requests) < 2 or requests[0][2] is None else max(1, LOCAL_RANGE // _nbytes(requests[0]))
            parts = [slice(k, k + size) for k in range(0, len(requests), size)]
            runtime.run([partial(self._read_and_put, requests, part, put) for part in parts])
            return
        for part in _batches(requests):
            put(part, self.files.read_many(requests[part]))

    def _read_and_put(
        self, requests: list[Request], part: slice, put: Callable[[slice, Sequence[bytes]], None]
    ) -> None:
        put(part, self.files.read_many(requests[part]))

    def _corrupt(self, why: str) -> CorruptFileError:
        return CorruptFileError(f"{self.files.url}: {self.name}: {why}. Download the product again.")


def _nbytes(request: Request) -> int:
    return max(1, (request[2] or 0) - request[1])


def _batches(requests: Sequence[Request]) -> Iterator[slice]:
    """Parts of a list of requests that are `AT_ONCE` bytes at most."""
    start = total = 0
    for k, request in enumerate(requests):
        if total and total + _nbytes(request) > AT_ONCE:
            yield slice(start, k)
            start, total = k, 0
        total += _nbytes(request)
    yield slice(start, len(requests))


def _runs(starts: Offsets, pitch: int, most: int) -> Iterator[tuple[int, int]]:
    """Ranges of neighbouring rows that are stored one after the other, `most` rows at a time."""
    breaks = np.flatnonzero(np.diff(starts) != pitch) + 1
    for begin, end in zip([0, *breaks.tolist()], [*breaks.tolist(), len(starts)], strict=True):
        for start in range(begin, end, most):
            yield start, min(start + most, end)


def _as_rows(data: bytes, dtype: np.dtype[Any], shape: tuple[int, int], strides: tuple[int, int]) -> Values:
    """Rows of samples in a buffer that starts with the first and ends with the last of them."""
    base = dtype.base
    inner = tuple(base.itemsize for _ in dtype.shape)
    return np.ndarray((*shape, *dtype.shape), base, data, strides=(*strides, *inner))


def _assign(values: Values, samples: Values) -> None:
    """Put stored samples into values: (real, imaginary) int16 become complex."""
    if samples.ndim > values.ndim:
        values.view(np.float32).reshape(*values.shape, 2)[...] = samples
    else:
        values[...] = samples


def _paste(values: Values, block: Values, rows: range, columns: range, corner: tuple[int, int]) -> None:
    """Put the part of a block that a window needs into the window's values."""
    target, source = [], []
    for wanted, start, length in zip((rows, columns), corner, block.shape, strict=False):
        first = max(0, -(-(start - wanted.start) // wanted.step))
        last = min(len(wanted), -(-(start + length - wanted.start) // wanted.step))
        target.append(slice(first, last))
        begin = wanted.start + first * wanted.step - start
        source.append(slice(begin, begin + (last - first - 1) * wanted.step + 1, wanted.step))
    if all(part.stop > part.start for part in target):
        samples = block[tuple(source)]
        if samples.ndim > values.ndim:
            values[tuple(target)] = samples[..., 0] + 1j * samples[..., 1].astype(np.float32)
        else:
            values[tuple(target)] = samples


def _decompress(data: bytes, compression: int, nbytes: int) -> bytes:
    """Bytes of a block, never more than it can have."""
    import imagecodecs

    if compression == NONE:
        return data
    if compression in (DEFLATE, OLD_DEFLATE):
        return bytes(imagecodecs.zlib_decode(data, out=nbytes))
    if compression == LZW:
        return bytes(imagecodecs.lzw_decode(data, out=nbytes))
    return bytes(imagecodecs.zstd_decode(data, out=nbytes))
