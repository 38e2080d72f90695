"""Ranges of bytes of one local file, which is opened for each read and identified by size and time of change."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import urlsplit
from urllib.request import url2pathname

from xarray_safe.errors import AccessDeniedError, CorruptFileError, MissingFileError, UnsupportedProductError

if TYPE_CHECKING:
    from collections.abc import Iterable

_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a named pipe must raise an error, not wait for a writer
)
_MAX_BYTES = 1 << 30
"""Bytes of one call; Linux returns at most 2 GiB."""


def path_text(path: str | os.PathLike[str]) -> str:
    """Return a path as text."""
    return os.fsdecode(os.fspath(path))


def local_path(text: str) -> str:
    """Return the absolute path that a path or ``file://`` URL means; links are not resolved, as their names may matter.

    Raises
    ------
    UnsupportedProductError
        The URL names another machine.
    """
    if text.lower().startswith("file://"):
        url = urlsplit(text)
        if url.netloc not in ("", "localhost"):
            raise UnsupportedProductError(
                f"{text} is on another machine, which such a URL does not reach; mount it, or use another URL"
            )
        text = url2pathname(url.path)
    return os.path.abspath(os.path.expanduser(text))


_DEVICE = (errno.EIO, errno.ESTALE) if hasattr(errno, "ESTALE") else (errno.EIO,)
"""Errors of a disk or of the network that it is reached by."""


def denied(path: str) -> AccessDeniedError:
    """Return the error for a path that may not be read."""
    return AccessDeniedError(f"{path} may not be read (permission denied); change its mode or owner")


@dataclass(frozen=True)
class LocalFile:
    """A file as it was when it was first inspected."""

    local: ClassVar[bool] = True

    path: str
    size: int
    mtime_ns: int

    @property
    def tag(self) -> str:
        """Time of change; with the size it identifies a version of the file."""
        return str(self.mtime_ns)

    @classmethod
    def probe(cls, path: str) -> LocalFile:
        """Inspect a regular file: its size and time of change.

        Raises
        ------
        MissingFileError
            There is no such file.
        AccessDeniedError
            It may not be inspected.
        CorruptFileError
            The disk fails.
        """
        try:
            found = os.stat(path)
        except PermissionError as error:
            raise denied(path) from error
        except (OSError, ValueError) as error:
            if os.path.islink(path):
                raise MissingFileError(
                    f"{path} is a link to {os.readlink(path)}, which does not exist; mend the link, or give the path "
                    "of the product itself"
                ) from error
            if getattr(error, "errno", None) in _DEVICE:
                raise CorruptFileError(f"{path} cannot be read ({error}); check the disk") from error
            raise MissingFileError(f"{path} does not exist") from error
        if not stat.S_ISREG(found.st_mode):
            raise MissingFileError(f"{path} is not a regular file; open a .SAFE folder, its manifest.safe or its zip")
        return cls(path, found.st_size, found.st_mtime_ns)

    def prefetch(self, ranges: Iterable[tuple[int, int]]) -> Self:
        """Return the file itself: local reads need no prefetching."""
        return self

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes ``start:stop``, which must be within the file."""
        return self.read_many([(start, stop)])[0]

    def read_many(self, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Return several ranges, which must be within the file.

        Raises
        ------
        MissingFileError
            The file is gone.
        AccessDeniedError
            It may not be read.
        CorruptFileError
            It changed since it was first inspected, or cannot be read.
        """
        try:
            handle = os.open(self.path, _FLAGS)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingFileError(f"{self.path} was deleted or moved after it had been opened") from error
        except PermissionError as error:
            raise denied(self.path) from error
        except OSError as error:
            raise CorruptFileError(f"{self.path} cannot be opened ({error.strerror}); check the disk") from error
        try:
            found = os.fstat(handle)
            if found.st_size != self.size or found.st_mtime_ns != self.mtime_ns:
                raise CorruptFileError(f"{self.path} was replaced or changed after it had been opened; open it again")
            return [_read(handle, start, stop, self.path) for start, stop in ranges]
        finally:
            os.close(handle)


def _read(handle: int, start: int, stop: int, path: str) -> bytes:
    """Read all of a range, in as many calls as the system needs."""
    pieces: list[bytes] = []
    position = start
    while position < stop:
        try:
            piece = _pread(handle, min(stop - position, _MAX_BYTES), position)
        except OSError as error:
            raise CorruptFileError(f"{path} cannot be read at bytes {position}:{stop} ({error.strerror})") from error
        if not piece:
            raise CorruptFileError(
                f"{path} ends at byte {position}, before byte {stop}; it is cut short, download it again"
            )
        pieces.append(piece)
        position += len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


if hasattr(os, "pread"):
    _pread = os.pread
else:  # Windows; the handle is this call's own, so nobody else can move its position

    def _pread(handle: int, length: int, position: int, /) -> bytes:
        os.lseek(handle, position, os.SEEK_SET)
        return os.read(handle, length)
