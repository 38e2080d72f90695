"""The protocol of stores, from which remote archives read ranges of bytes, and the errors of one attempt."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from xarray_safe.errors import InvalidArgumentError, SafeError, UnsupportedProductError
from xarray_safe.net.urls import describe_error

if TYPE_CHECKING:
    from collections.abc import Mapping

WHOLE = 32 << 20
"""Maximum bytes of a file that is read without its size being known (a manifest, an item's JSON, an XML file): the
largest of them, a datastrip's metadata, has 19 MB. A larger one is another file, such as the zip of a product."""


class ObjectVersion(NamedTuple):
    """Identifies a version of a file."""

    size: int | None
    """Bytes; None if not known."""
    tag: str
    """ETag, or time of change; "" if the store knows neither."""


@dataclass(frozen=True)
class RangeResponse:
    """Bytes of a file, the position of the first of them, and the version of the file."""

    data: bytes
    start: int
    version: ObjectVersion


class Store(Protocol):
    """A place from which ranges of files are read. It can be pickled; handles are made where they are used.

    Methods are called on fsspec's event loop. One call is one attempt; see `TransientError`.
    """

    @property
    def host(self) -> str:
        """Key by which connections are limited."""

    def join(self, root: str, name: str) -> str:
        """Return the path of a file below a folder."""

    def label(self, path: str) -> str:
        """Return a path for messages: a URL without secrets."""

    async def get(self, path: str, start: int, stop: int | None) -> RangeResponse:
        """Request a range.

        Parameters
        ----------
        path
            Of the file.
        start, stop
            Range of its bytes; a negative start counts from the end and goes with stop None; ``0, None`` is the whole
            file, which may have at most `WHOLE` bytes.

        Raises
        ------
        TransientError
            It failed, and may succeed later.
        SafeError
            It failed permanently.
        """

    async def list_files(self, path: str) -> Mapping[str, ObjectVersion] | None:
        """Return names, relative to the path, and versions of all files of a product; None if the store cannot list.

        Of a folder that is not a product, only what is directly in it; names of folders end with a slash.
        """


@dataclass(frozen=True)
class RemoteLocation:
    """A path in a store; can be pickled."""

    store: Store
    path: str

    @property
    def url(self) -> str:
        """URL for messages, without secrets."""
        return self.store.label(self.path)


@runtime_checkable
class RangeReader(Protocol):
    """Any object that returns ranges of the bytes of a zip: to be written for a place that fsspec does not know.

    Any thread may call `read`. An optional attribute ``version`` (str) distinguishes versions of the zip. To be sent
    to other processes, the object must be picklable.
    """

    url: str
    """Name of the zip, for messages."""

    size: int
    """Number of its bytes."""

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes ``start:stop``, all of them."""


Ranges = RangeReader
"""Old name."""


class TransientError(Exception):
    """An attempt failed, and another may succeed.

    Parameters
    ----------
    what
        What happened, for the message.
    after
        Seconds that the server asks to wait.
    busy
        Whether the server is overloaded (429): such attempts are not counted, but the total wait is limited.
    """

    def __init__(self, what: str, *, after: float | None = None, busy: bool = False) -> None:
        super().__init__(what)
        self.what, self.after, self.busy = what, after, busy


TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 509})
"""HTTP statuses after which another attempt may succeed."""

_PERMANENT = frozenset({errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EINVAL})


def is_transient(error: BaseException) -> bool:
    """Return True for errors of the network, not of the program; for any file system."""
    if isinstance(error, SafeError):
        return False
    if isinstance(error, OSError):
        return error.errno not in _PERMANENT
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"TimeoutError", "ClientError", "HTTPClientError", "HttpError", "RequestException", "EOFError"})


def too_large(label: str, size: int | None = None) -> UnsupportedProductError:
    """Return the error for a file larger than `WHOLE`, with its size if known."""
    return UnsupportedProductError(
        f"{label} has {size or 'too many'} bytes: no file that must be read whole has more than {WHOLE}. It "
        "is something else and is not downloaded unasked; check the URL (that of a zip should end in .zip)"
    )


def bad_option(label: str, error: Exception) -> InvalidArgumentError:
    """Return the error for storage options that a library rejects, from its own error."""
    found = re.search(r"keyword argument '(\w+)'", str(error))
    if found:
        return InvalidArgumentError(
            f"{label}: the storage option {found[1]!r} is not known there; check its spelling, and whether it is one "
            "for such a store. Options for several stores are given by scheme, {'https': {…}, 's3': {…}}"
        )
    return InvalidArgumentError(f"{label} cannot be read with these storage options: {describe_error(error)}")
