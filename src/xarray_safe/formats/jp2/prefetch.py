"""Read-ahead of a remote image: ranges are fetched some steps before they are needed."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from xarray_safe.archive.ranges import coalesce

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from xarray_safe.archive.files import Request
    from xarray_safe.formats.jp2.header import ImageFile
from xarray_safe.runtime import readers

MAX_REQUEST = 4 << 20
"""Maximum bytes of one request."""
IN_FLIGHT = 32 << 20
"""Maximum bytes requested ahead of those that are needed now."""
CACHED = 4
"""Requests behind the one that is needed now whose bytes stay in memory for slower threads."""


class ReadAhead:
    """Ranges of an image that are in memory or on their way; a `ranges.Buffer`. It is not `Blocks`: `get` may wait.

    Parameters
    ----------
    file
        The image.
    ranges
        In the order in which they will be needed, none of them within another.
    """

    def __init__(self, file: ImageFile, ranges: Sequence[Request]) -> None:
        self._file = file
        self._ranges = [(start, stop) for _, start, stop in ranges if stop is not None]
        self._coming: dict[int, Future[bytes]] = {}
        self._lock = threading.Lock()

    def get(self, request: Request) -> bytes | None:
        """Wait for a range that is within one of the ranges, or in several that touch; None if it is not."""
        name, start, stop = request
        if name != self._file.name or stop is None:
            return None
        pieces = []
        position = start
        for number, (first, last) in enumerate(self._ranges):
            if first <= position < last and position < stop:
                data = self._wait(number)
                pieces.append(data[position - first : stop - first])
                position += len(pieces[-1])
        return b"".join(pieces) if position >= stop else None

    def _wait(self, number: int) -> bytes:
        with self._lock:
            future = self._request(number)
            ahead = 0
            for following in range(number + 1, len(self._ranges)):
                ahead += self._ranges[following][1] - self._ranges[following][0]
                if ahead > IN_FLIGHT:
                    break
                self._request(following)
            for before in [known for known in self._coming if known < number - CACHED]:
                del self._coming[before]
        return future.result()

    def _request(self, number: int) -> Future[bytes]:
        if number not in self._coming:
            self._coming[number] = readers().submit(self._file.read, *self._ranges[number])
        return self._coming[number]

    def close(self) -> None:
        """Cancel what has not been requested yet."""
        for future in list(self._coming.values()):
            future.cancel()


@contextlib.contextmanager
def reading_ahead(file: ImageFile, ranges: Sequence[Request]) -> Iterator[ImageFile]:
    """Context manager: the image, whose ranges are fetched ahead while it lasts."""
    ahead = ReadAhead(file, coalesce(ranges, longest=MAX_REQUEST))
    try:
        yield file.buffered(ahead)
    finally:
        ahead.close()
