"""What every archive has in common: a sorted list of names, finding in it, pickling as a description."""

from __future__ import annotations

import contextlib
import itertools
from functools import cached_property
from typing import TYPE_CHECKING, Self

from xarray_safe.archive.names import Listing
from xarray_safe.errors import CorruptFileError, InvalidArgumentError, MissingFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from xarray_safe.archive.files import Request


class Archive:
    """The files of one product; implements `files.Files`.

    An archive holds no handle: every read opens, reads and closes (3 µs on a local disk). So there is nothing
    to leak, any number of threads may read, it survives fork, pickles as a path, and one may go on reading
    after `close`, which only drops what is remembered to read faster.

    Parameters
    ----------
    url
        Absolute path, or URL, of the product's folder or zip.
    """

    local: bool = True
    """Whether reading needs no network."""
    origin: str = ""
    """Which opening this comes from, in whichever process, where only that tells versions of its files apart."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._held: dict[Request, bytes] = {}

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
        """Names that match a pattern, sorted.

        Parameters
        ----------
        pattern
            A name in which ``*`` stands for any characters but ``/``. There are no other wildcards, and a
            difference of case is a difference.
        """
        return self._listing.find(pattern)

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return name in self._listing

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Bytes ``start:stop`` of a file (fewer only at its end).

        Parameters
        ----------
        name
            Name of the file, relative to the product's folder.
        start, stop
            Range of the uncompressed bytes, neither negative; to the end by default.

        Raises
        ------
        MissingFileError
            There is no such file.
        CorruptFileError
            The file was cut short, changed while open, or has another checksum than the zip says (checked when
            a whole member is read).
        """
        return self.read_many([(name, start, stop)])[0]

    def read_many(self, requests: Sequence[Request]) -> list[bytes]:
        """Several ranges, in the order asked for; see `read`. Remote archives fetch them at once."""
        held = self._held
        if not held:
            return self._read(requests)
        found = {request: data for request in requests if (data := _within(held, request)) is not None}
        rest = [request for request in requests if request not in found]
        found |= zip(rest, self._read(rest), strict=True)
        return [found[request] for request in requests]

    def _read(self, requests: Sequence[Request]) -> list[bytes]:
        """Several ranges; see `read_many`."""
        raise NotImplementedError

    def ahead(self, requests: Sequence[Request]) -> contextlib.AbstractContextManager[None]:
        """While this lasts, hold ranges that will be read soon: in a remote archive, all come at once.

        What cannot be read now is left for the one who asks for it, who knows what it means.
        """
        return self._ahead(requests)

    @contextlib.contextmanager
    def _ahead(self, requests: Sequence[Request]) -> Iterator[None]:
        if not self.local:
            wanted = [request for request in dict.fromkeys(requests) if _within(self._held, request) is None]
            with contextlib.suppress(MissingFileError, CorruptFileError):
                self._held |= zip(wanted, self._read(wanted), strict=True)
        try:
            yield
        finally:
            self._held = {}

    def size(self, name: str) -> int:
        """Size of a file in bytes, uncompressed."""
        raise NotImplementedError

    def identity(self, name: str) -> tuple[str, ...]:
        """Key that is the same in every process and changes when the file does (path, size, mtime)."""
        raise NotImplementedError

    def close(self) -> None:
        """Drop what is remembered to read faster. There are no handles, so reading goes on working afterwards."""

    def __enter__(self) -> Self:
        """Give the archive itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close."""
        self.close()

    def _key(self) -> tuple[str | int, ...]:
        """Plain values from which the same archive can be opened elsewhere."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        """Tell whether both read the same files."""
        return type(self) is type(other) and isinstance(other, Archive) and self._key() == other._key()

    def __hash__(self) -> int:
        """Agree with ``==``."""
        return hash((type(self).__name__, self._key()))

    def __dask_tokenize__(self) -> tuple[str | int, ...]:
        """Name the content: the same in every process, another once the product was replaced."""
        return (type(self).__name__, *self._key())

    def __repr__(self) -> str:
        """Name type and path."""
        return f"{type(self).__name__}({self.url!r})"


def _within(held: dict[Request, bytes], request: Request) -> bytes | None:
    """Give a range from among those that are held."""
    if request in held:
        return held[request]
    name, start, stop = request
    whole = held.get((name, 0, None))
    return whole[start:stop] if whole is not None and min(start, stop or 0) >= 0 else None


def check_range(name: str, start: int, stop: int | None, size: int) -> tuple[int, int]:
    """Give the part of a range that lies inside a file of `size` bytes.

    Raises
    ------
    InvalidArgumentError
        Either end is negative.
    """
    if start < 0 or (stop is not None and stop < 0):
        raise InvalidArgumentError(f"range {start}:{stop} of {name}: neither end may be negative")
    stop = size if stop is None else min(stop, size)
    return min(start, stop), stop


def by_name(requests: Sequence[Request]) -> Iterable[tuple[str, list[Request]]]:
    """Group neighbouring requests for the same file."""
    return ((name, list(group)) for name, group in itertools.groupby(requests, key=lambda request: request[0]))
