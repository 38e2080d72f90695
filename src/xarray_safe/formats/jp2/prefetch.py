"""What will be read soon of an image that lies elsewhere, asked for before it is needed: few requests, all at once."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from xarray_safe.formats.jp2.header import ImageFile
from xarray_safe.runtime import readers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from xarray_safe.archive.files import Files, Request

GROUP = 4 << 20
"""Bytes of one request at the most, where tiles are read one after the other."""
GAP = 1 << 16
"""Bytes between two tiles that are rather moved than paid for with a request of their own."""
IN_FLIGHT = 32 << 20
"""Bytes asked for ahead of those that are needed now."""
KEPT = 4
"""Requests behind the one that is needed now whose bytes slower threads may still want."""

Range = tuple[int, int]


class Source(Protocol):
    """Bytes of one file that are at hand, or on their way."""

    def take(self, start: int, stop: int) -> bytes | None:
        """Give bytes ``start:stop``; None where they are not among these."""


class Blocks:
    """Bytes at hand, by position."""

    def __init__(self, blocks: Sequence[tuple[int, bytes]]) -> None:
        self._blocks = dict(blocks)

    def take(self, start: int, stop: int) -> bytes | None:
        """Give bytes that lie in one block."""
        data = self._blocks.get(start)
        if data is not None and stop <= start + len(data):
            return data[: stop - start]
        for first, data in self._blocks.items():
            if first <= start and stop <= first + len(data):
                return data[start - first : stop - first]
        return None


class Head:
    """The first bytes of a file, as far as they are of use; what is asked beyond is not there."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, start: int, stop: int) -> bytes:
        """Give bytes, fewer where there are no more."""
        return self._data[start:stop]


@dataclass
class HeldFiles:
    """An archive of which some bytes of one file are at hand; see `xarray_safe.archive.files.Files`."""

    files: Files
    name: str
    source: Source

    def __post_init__(self) -> None:
        """Take over what the archive says of itself."""
        self.url, self.local, self.origin = self.files.url, self.files.local, self.files.origin

    def find(self, pattern: str) -> list[str]:
        """As the archive."""
        return self.files.find(pattern)

    def size(self, name: str) -> int:
        """As the archive."""
        return self.files.size(name)

    def identity(self, name: str) -> tuple[str, ...]:
        """As the archive."""
        return self.files.identity(name)

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Give what is at hand; ask the archive for the rest."""
        if name == self.name and stop is not None:
            data = self.source.take(start, min(stop, self.files.size(name)))
            if data is not None:
                return data
        return self.files.read(name, start, stop)

    def read_many(self, requests: Sequence[Request]) -> list[bytes]:
        """Several ranges, at once where the archive can."""
        return self.files.read_many(requests)


def held(file: ImageFile, source: Source) -> ImageFile:
    """Give an image whose bytes come from a source, as far as it has them."""
    return ImageFile(HeldFiles(file.files, file.name, source), file.name)


def read_ranges(file: ImageFile, ranges: Sequence[Range]) -> list[bytes]:
    """Read several ranges of an image, at once where the archive can."""
    return file.files.read_many([(file.name, start, stop) for start, stop in ranges])


def groups(ranges: Sequence[Range]) -> list[Range]:
    """Join ranges, in order of position, that lie near each other, into groups that are not too long."""
    found: list[Range] = []
    for start, stop in sorted(ranges):
        if found and start - found[-1][1] <= GAP and max(stop, found[-1][1]) - found[-1][0] <= GROUP:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


class Stream:
    """Ranges of a file, fetched some steps ahead of the one that is needed.

    Parameters
    ----------
    file
        The image.
    ranges
        In the order in which they will be needed, none of them inside another.
    """

    def __init__(self, file: ImageFile, ranges: Sequence[Range]) -> None:
        self._file = file
        self._ranges = list(ranges)
        self._coming: dict[int, Future[bytes]] = {}
        self._lock = threading.Lock()

    def take(self, start: int, stop: int) -> bytes | None:
        """Give bytes that lie in one range, or in two that touch; waits for them."""
        pieces = []
        position = start
        for number, (first, last) in enumerate(self._ranges):
            if first <= position < last and position < stop:
                data = self._get(number)
                pieces.append(data[position - first : stop - first])
                position += len(pieces[-1])
        return b"".join(pieces) if position >= stop else None

    def _get(self, number: int) -> bytes:
        with self._lock:
            future = self._ask(number)
            ahead = 0
            for following in range(number + 1, len(self._ranges)):
                ahead += self._ranges[following][1] - self._ranges[following][0]
                if ahead > IN_FLIGHT:
                    break
                self._ask(following)
            for before in [known for known in self._coming if known < number - KEPT]:
                del self._coming[before]
        return future.result()

    def _ask(self, number: int) -> Future[bytes]:
        if number not in self._coming:
            start, stop = self._ranges[number]
            self._coming[number] = readers().submit(self._file.read, start, stop)
        return self._coming[number]

    def close(self) -> None:
        """Give up what has not been asked for yet."""
        for future in list(self._coming.values()):
            future.cancel()


@contextlib.contextmanager
def streaming(file: ImageFile, ranges: Sequence[Range]) -> Iterator[ImageFile]:
    """Give an image whose ranges are fetched ahead while this lasts."""
    stream = Stream(file, groups(ranges))
    try:
        yield held(file, stream)
    finally:
        stream.close()
