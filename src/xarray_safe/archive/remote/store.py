"""What remote archives need of the place where they lie, and what can come of asking it."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from xarray_safe.errors import InvalidArgumentError, SafeError, UnsupportedProductError
from xarray_safe.net.urls import describe_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WHOLE = 32 << 20
"""Bytes of a file that is read without its size being known (a manifest, an item's JSON, an XML file) at the most: the
largest of them, a datastrip's metadata, has 19 MB. What is larger is another file, such as the zip of a product."""


class Version(NamedTuple):
    """What tells one version of a file from another."""

    size: int | None
    """Bytes; None where it is not known."""
    tag: str
    """ETag, or time of change; "" where the place knows neither."""


@dataclass(frozen=True)
class Answer:
    """Bytes of a file, the position of the first of them, and which version of the file they are of."""

    data: bytes
    start: int
    version: Version


class Store(Protocol):
    """A place from which ranges of files can be asked for. It pickles; handles are made where they are used.

    Methods are called on fsspec's event loop. One call is one try; see `TryAgain`.
    """

    @property
    def host(self) -> str:
        """By this connections are counted."""

    def join(self, root: str, name: str) -> str:
        """Path of a file below a folder."""

    def label(self, path: str) -> str:
        """Name a path in messages: a URL without secrets."""

    async def get(self, path: str, start: int, stop: int | None) -> Answer:
        """Ask for a range.

        Parameters
        ----------
        path
            Of the file.
        start, stop
            Range of its bytes; a negative start counts from the end and goes with stop None; ``0, None`` is all,
            of which there may be `WHOLE` at the most.

        Raises
        ------
        TryAgain
            It failed in a way that may pass.
        SafeError
            It failed for good.
        """

    async def find(self, path: str) -> Mapping[str, Version] | None:
        """Names, relative to it, and versions of all files of a product; None where the place cannot tell.

        Of a folder that is no product only what lies directly in it; folders with a slash behind their names.
        """


@dataclass(frozen=True)
class RemoteLocation:
    """A path in a store; pickles."""

    store: Store
    path: str

    @property
    def url(self) -> str:
        """URL for messages, without secrets."""
        return self.store.label(self.path)


class OfProcess:
    """A file system of fsspec, made anew in each process: none is used in another than it was made in."""

    _inherited: ClassVar[list[object]] = []
    """Those of the process that this one was forked from; were they freed here, they would close its connections."""

    def __init__(self) -> None:
        self._made: tuple[int, Any] | None = None

    def get(self, make: Callable[[], Any]) -> Any:
        """Give this process's file system; make it at the first call."""
        if self._made is None or self._made[0] != os.getpid():
            if self._made is not None:
                self._inherited.append(self._made)
            self._made = (os.getpid(), make())
        return self._made[1]


@runtime_checkable
class RangeReader(Protocol):
    """Anything that gives ranges of the bytes of a zip: what to write for a place that fsspec does not know.

    Any thread may call `read`. An optional attribute ``version`` (str) tells versions of the zip apart. To be sent
    to other processes, it must pickle.
    """

    url: str
    """Name of the zip, for messages."""

    size: int
    """Its bytes."""

    def read(self, start: int, stop: int) -> bytes:
        """Give bytes ``start:stop``, all of them."""


Ranges = RangeReader
"""Old name."""


class TryAgain(Exception):
    """A try failed in a way that may pass.

    Parameters
    ----------
    what
        What happened, for the message.
    after
        Seconds that the server asks to wait.
    busy
        Whether the server has too much to do (429): then a try does not count as one, but patience has an end.
    """

    def __init__(self, what: str, *, after: float | None = None, busy: bool = False) -> None:
        super().__init__(what)
        self.what, self.after, self.busy = what, after, busy


PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 509})
"""HTTP statuses that may pass."""

_FOR_GOOD = frozenset({errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EINVAL})


def passes(error: BaseException) -> bool:
    """Whether an error of a file system that we do not know may pass: of the network, not of the program."""
    if isinstance(error, SafeError):
        return False
    if isinstance(error, OSError):
        return error.errno not in _FOR_GOOD
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"TimeoutError", "ClientError", "HTTPClientError", "HttpError", "RequestException", "EOFError"})


def too_large(label: str, size: int | None = None) -> UnsupportedProductError:
    """Give the error for a file larger than `WHOLE`; the size where it is known."""
    return UnsupportedProductError(
        f"{label} has {size or 'too many'} bytes: no file that must be read whole has more than {WHOLE}. What answers "
        "there is something else, and is not moved in silence; check the URL (that of a zip should end in .zip)"
    )


def bad_option(label: str, error: Exception) -> InvalidArgumentError:
    """Give the error for storage options that a library does not take, by what it says to them."""
    found = re.search(r"keyword argument '(\w+)'", str(error))
    if found:
        return InvalidArgumentError(
            f"{label}: the storage option {found[1]!r} has no meaning there; check its spelling, and whether it is one "
            "for such a store. Options for several stores are given by scheme, {'https': {…}, 's3': {…}}"
        )
    return InvalidArgumentError(f"{label} cannot be read with these storage options: {describe_error(error)}")
