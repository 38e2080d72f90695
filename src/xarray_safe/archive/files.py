"""The one protocol for bytes: what file formats and product tables may ask of an archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Request = tuple[str, int, int | None]
"""A range of bytes of a file: name, start, stop (None: the end)."""


class Files(Protocol):
    """The named files of one product, read by ranges of bytes.

    Names are POSIX paths relative to the product's folder, e.g. ``folder/file.xml``.
    An archive pickles (as path and description, without handles) and any thread may read from it.
    """

    url: str
    """The archive's path or URL, for messages."""

    local: bool
    """Whether a read costs microseconds, so that headers may be read on opening."""

    origin: str
    """Random id of this opening, shared by all pickled copies, if only that tells versions of its files apart."""

    def find(self, pattern: str) -> list[str]:
        """Return the names of the files that match a pattern in which ``*`` stands for anything but ``/``."""

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Return bytes ``start:stop`` of a file (fewer only at its end)."""

    def read_many(self, requests: Sequence[Request]) -> list[bytes]:
        """Return several ranges, in the order of the requests; remote archives fetch them together."""

    def size(self, name: str) -> int:
        """Return the size of a file in bytes, uncompressed."""

    def identity(self, name: str) -> tuple[str, ...]:
        """Return a key that is the same in every process and changes when the file does (path, size, mtime)."""


class ByteSource(Protocol):
    """One file, read by ranges of bytes that must be within it: what a zip is read from."""

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes ``start:stop``."""

    def read_many(self, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Return several ranges; those of a remote file are fetched together."""


class VersionedFile(ByteSource, Protocol):
    """A local or remote file in one version; hashable, pickles as a description."""

    @property
    def path(self) -> str:
        """Path or URL, for messages."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def tag(self) -> str:
        """Time of change or ETag; empty if the server has neither."""

    @property
    def local(self) -> bool:
        """Whether a read costs microseconds."""

    def prefetch(self, ranges: Iterable[tuple[int, int]]) -> ByteSource:
        """Return the file with ranges in memory that will be read soon, if that saves requests."""
