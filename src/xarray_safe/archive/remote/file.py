"""One remote file in one version, read by ranges of bytes: the zip of a product."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from xarray_safe.archive.ranges import Blocks, ByteRange, coalesce, read_through
from xarray_safe.archive.remote.fetch import Fetcher, VersionTracker
from xarray_safe.archive.zip.archive import ZipArchive
from xarray_safe.errors import CorruptFileError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xarray_safe.archive.files import Request
    from xarray_safe.archive.remote.store import ObjectVersion, RemoteLocation

TAIL = (1 << 16) + 128
"""Bytes at the end of a zip that hold its central directory, if it is of one product."""
METADATA_GAP = 1 << 18
"""Maximum bytes between two members of a zip that are fetched in one request, on opening."""


class RemoteFile:
    """A remote file in one version, and ranges of it that are in memory; implements `files.VersionedFile`.

    Parameters
    ----------
    place
        Where it is.
    version
        Size and tag when it was opened.
    origin
        Random id of this opening, shared by all pickled copies: neither URL nor version need identify the file.
    blocks
        Ranges in memory, by the path in the store; they are not pickled.
    """

    local = False

    def __init__(
        self, place: RemoteLocation, version: ObjectVersion, origin: str = "", blocks: Blocks | None = None
    ) -> None:
        self.place, self._version, self._origin = place, version, origin or uuid4().hex
        self._blocks = blocks or Blocks()
        self.path = place.url
        self.size = version.size or 0
        self.tag = version.tag
        self._fetcher = Fetcher(place.store, VersionTracker({place.path: version}))

    @classmethod
    def probe(cls, place: RemoteLocation) -> tuple[RemoteFile, RemoteFile]:
        """Ask for the end of the file: one request, which also returns size and version.

        Returns
        -------
        file, tail
            The latter is the same with its last `TAIL` bytes in memory.

        Raises
        ------
        MissingFileError, AccessDeniedError, RemoteFailedError
            There is no such file, or it cannot be read.
        """
        answer = Fetcher(place.store, VersionTracker()).one(place.path, -TAIL)
        size = answer.start + len(answer.data)
        file = cls(place, answer.version._replace(size=answer.version.size or size))
        if file.size != size:
            raise CorruptFileError(f"{place.url}: the server returns other bytes than the end of the zip")
        return file, file._with(Blocks({ByteRange(place.path, answer.start, size): answer.data}))

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes ``start:stop``, which must be within the file."""
        return self.read_many([(start, stop)])[0]

    def read_many(self, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Return several ranges; those that are not in memory are fetched together."""
        return read_through(self._blocks, self._requests(ranges), self._fetcher.many)

    def prefetch(self, ranges: Iterable[tuple[int, int]]) -> RemoteFile:
        """Fetch ranges that will be read soon, those near each other in one request; return the file with them."""
        wanted = coalesce(self._requests(ranges), METADATA_GAP)
        return self._with(Blocks(zip(wanted, self._fetcher.many(wanted), strict=True)))

    def _with(self, blocks: Blocks) -> RemoteFile:
        file = RemoteFile(self.place, self._version, self._origin, blocks)
        file._fetcher = self._fetcher  # with the versions that it has seen
        return file

    def _requests(self, ranges: Iterable[tuple[int, int]]) -> list[Request]:
        return [(self.place.path, start, stop) for start, stop in ranges]

    def __reduce__(self) -> tuple[type[RemoteFile], tuple[RemoteLocation, ObjectVersion, str]]:
        """Pickle as place and version."""
        return RemoteFile, (self.place, self._version, self._origin)

    def __eq__(self, other: object) -> bool:
        """Return True if both come from the same opening."""
        return isinstance(other, RemoteFile) and self._origin == other._origin

    def __hash__(self) -> int:
        """Agree with ``==``."""
        return hash(self._origin)


def open_zip(place: RemoteLocation, inner: str = "") -> ZipArchive:
    """Open a remote zip, or the product in a folder of it: usually one request.

    Raises
    ------
    MissingFileError, AccessDeniedError, RemoteFailedError, UnsupportedProductError, NotASafeError, CorruptFileError
        There is no such file, it cannot be read, or not by ranges, or it is not a product.
    """
    file, tail = RemoteFile.probe(place)
    archive = ZipArchive(file, inner=inner)
    archive.open(tail)
    return archive
