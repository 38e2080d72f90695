"""The one protocol for bytes: what file formats and product tables may ask of an archive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    """Id of this opening, in every process, where only that tells versions of its files apart; else empty."""

    def find(self, pattern: str) -> list[str]:
        """Names of the files that match a pattern in which ``*`` stands for anything but ``/``."""

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Bytes ``start:stop`` of a file (fewer only at its end)."""

    def read_many(self, requests: Sequence[Request]) -> list[bytes]:
        """Several ranges, in the order asked for; remote archives fetch them together."""

    def size(self, name: str) -> int:
        """Size of a file in bytes, uncompressed."""

    def identity(self, name: str) -> tuple[str, ...]:
        """A key that is the same in every process and changes when the file does (path, size, mtime)."""
