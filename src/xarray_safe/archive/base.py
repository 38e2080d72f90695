"""What all archives have in common: a sorted list of names to search, and pickling as a description."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Self

from xarray_safe.archive.names import Listing
from xarray_safe.archive.ranges import Blocks, read_through
from xarray_safe.errors import CorruptFileError, InvalidArgumentError, MissingFileError, SafeWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from xarray_safe.archive.files import Request


class Archive:
    """The files of one product; implements `files.Files`.

    An archive holds no handle: every read opens, reads and closes (3 µs on a local disk). So there is nothing
    to leak, any number of threads may read, it survives a fork, pickles as a path, and can still be read
    after `close`, which only drops caches.

    Parameters
    ----------
    url
        Absolute path, or URL, of the product's folder or zip.
    """

    local: bool = True
    """Whether reading needs no network."""
    origin: str = ""
    """Random id of this opening, shared by all pickled copies, if only that tells versions of its files apart."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.remarks: list[str] = []
        """What is odd about the archive and yet no reason to refuse it, for the one warning."""
        self.reported = False
        """Whether the warning on opening has been given."""
        self._prefetched = Blocks()

    @property
    def name(self) -> str:
        """Product name as the folder (or the zip without a folder in it) has it.

        Users rename files: it is a label, not a fact.
        """
        raise NotImplementedError

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all files, sorted."""
        return self._listing.names

    @cached_property
    def _listing(self) -> Listing:
        return Listing(self._list(), self.url)

    def _list(self) -> Iterable[str]:
        """Names of all files, in any order."""
        raise NotImplementedError

    def find(self, pattern: str) -> list[str]:
        """Return the names that match a pattern, sorted.

        Parameters
        ----------
        pattern
            A name in which ``*`` stands for any characters but ``/``. There are no other wildcards; case counts.
        """
        return self._listing.find(pattern)

    def remark(self, text: str) -> None:
        """Note what is odd about the archive: for the one warning on opening, or, after that, for one of its own."""
        if text not in self.remarks:
            self.remarks.append(text)
            if self.reported:
                warnings.warn(f"{self.url}: {text}", SafeWarning, stacklevel=2)

    def exists(self, name: str) -> bool:
        """Return True if there is a file of this name."""
        return name in self._listing

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return bytes ``start:stop`` of a file (fewer only at its end).

        Parameters
        ----------
        name
            Name of the file, relative to the product's folder.
        start, stop
            Range of the uncompressed bytes, not negative; by default all of them.

        Raises
        ------
        MissingFileError
            There is no such file.
        CorruptFileError
            The file was cut short or changed while open, or its checksum is not the one in the zip (checked when a
            whole member is read).
        """
        return self.read_many([(name, start, stop)])[0]

    def read_many(self, requests: Sequence[Request]) -> list[bytes]:
        """Return several ranges, in the order of the requests; see `read`. Remote archives fetch them together."""
        return read_through(self._prefetched, requests, self._read) if self._prefetched else self._read(requests)

    def _read(self, requests: Sequence[Request]) -> list[bytes]:
        """Read several ranges; see `read_many`."""
        raise NotImplementedError

    @contextlib.contextmanager
    def prefetch(self, requests: Sequence[Request]) -> Iterator[None]:
        """Fetch ranges of a remote archive together, and serve reads from memory, while this context lasts.

        Ranges that fail are left to the later `read`, which raises.
        """
        if not self.local:
            missing = [request for request in dict.fromkeys(requests) if self._prefetched.get(request) is None]
            with contextlib.suppress(MissingFileError, CorruptFileError):
                for request, data in zip(missing, self._read(missing), strict=True):
                    self._prefetched.add(request, data)
        try:
            yield
        finally:
            self._prefetched = Blocks()

    def size(self, name: str) -> int:
        """Return the size of a file in bytes, uncompressed."""
        raise NotImplementedError

    def identity(self, name: str) -> tuple[str, ...]:
        """Return a key that is the same in every process and changes when the file does (path, size, mtime)."""
        raise NotImplementedError

    def close(self) -> None:
        """Drop caches. There are no handles, so the archive can still be read afterwards."""

    def __enter__(self) -> Self:
        """Return the archive itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def _key(self) -> tuple[str | int, ...]:
        """Return plain values that name the archive in every process."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        """Return True if both read the same files."""
        return type(self) is type(other) and isinstance(other, Archive) and self._key() == other._key()

    def __hash__(self) -> int:
        """Agree with ``==``."""
        return hash((type(self).__name__, self._key()))

    def __dask_tokenize__(self) -> tuple[str | int, ...]:
        """Return a token of the content: the same in every process, another one after the product was replaced."""
        return (type(self).__name__, *self._key())

    def __repr__(self) -> str:
        """Name type and path."""
        return f"{type(self).__name__}({self.url!r})"


def check_range(name: str, start: int, stop: int | None, size: int) -> tuple[int, int]:
    """Return the part of a range that is within a file of `size` bytes.

    Raises
    ------
    InvalidArgumentError
        An end of the range is negative.
    """
    if start < 0 or (stop is not None and stop < 0):
        raise InvalidArgumentError(f"range {start}:{stop} of {name}: neither end may be negative")
    stop = size if stop is None else min(stop, size)
    return min(start, stop), stop


def by_name(requests: Sequence[Request]) -> Iterable[tuple[str, list[Request]]]:
    """Group neighbouring requests for the same file."""
    return ((name, list(group)) for name, group in itertools.groupby(requests, key=lambda request: request[0]))
