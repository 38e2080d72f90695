"""Products that lie elsewhere: a folder or a zip in an object store, on a web server, wherever fsspec reaches."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4
from weakref import WeakValueDictionary

from xarray_safe.archive.base import Archive, check_range
from xarray_safe.archive.detect import is_marker
from xarray_safe.archive.folder import missing, without_suffix
from xarray_safe.archive.manifest import MANIFEST, Listed, agree, read_manifest
from xarray_safe.archive.remote.fetch import Fetcher, Span, Versions, join
from xarray_safe.archive.remote.store import RemoteLocation, Version
from xarray_safe.errors import CorruptFileError, MissingFileError, NotASafeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from xarray_safe.archive.files import Request

TAIL = (1 << 16) + 128
"""Bytes at the end of a zip that hold its directory, in the zip of any one product."""
METADATA_GAP = 1 << 18
"""Bytes between two members of a zip that are moved rather than asked for in two requests, on opening."""


class RemoteFile:
    """A zip elsewhere: what `ZipArchive` needs of a file.

    Parameters
    ----------
    place
        Where it lies.
    version
        Size and tag, as first seen.
    origin
        Name, found by lot, of the opening that this comes from, in whichever process that was: neither URL nor
        version need tell one zip from another.
    """

    local = False

    def __init__(self, place: RemoteLocation, version: Version, origin: str = "") -> None:
        self.place, self._version, self._origin = place, version, origin or uuid4().hex
        self.path = place.url
        self.size = version.size or 0
        self.tag = version.tag
        self._fetcher = Fetcher(place.store, Versions({place.path: version}))

    @classmethod
    def look(cls, place: RemoteLocation) -> tuple[RemoteFile, bytes]:
        """Ask for the end of the zip, which tells its size and version, too: one request.

        Returns
        -------
        file, tail
            The latter is at most `TAIL` bytes long.

        Raises
        ------
        MissingFileError, AccessDeniedError, RemoteFailedError
            There is none, or it cannot be read.
        """
        answer = Fetcher(place.store, Versions()).one(place.path, -TAIL)
        size = answer.start + len(answer.data)
        file = cls(place, answer.version._replace(size=answer.version.size or size))
        if file.size != size:
            raise CorruptFileError(f"{place.url}: the server gives other bytes than the end of the zip")
        return file, answer.data

    def read(self, start: int, stop: int) -> bytes:
        """Give bytes ``start:stop``, which lie inside the file."""
        return self.read_many([(start, stop)])[0]

    def read_many(self, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Several ranges that lie inside the file, at once."""
        return self._fetcher.many([Span(self.place.path, *pair) for pair in ranges])

    def ahead(self, ranges: Iterable[tuple[int, int]]) -> Held:
        """Fetch ranges that will be read soon, at once; what lies near each other comes as one."""
        spans = join([Span(self.place.path, *pair) for pair in ranges], METADATA_GAP)
        blocks = self._fetcher.many(spans)
        return Held(self, [(span.start, data) for span, data in zip(spans, blocks, strict=True)])

    def __reduce__(self) -> tuple[type[RemoteFile], tuple[RemoteLocation, Version, str]]:
        """Pickle as place and version."""
        return RemoteFile, (self.place, self._version, self._origin)

    def __eq__(self, other: object) -> bool:
        """Tell whether both come from the same opening."""
        return isinstance(other, RemoteFile) and self._origin == other._origin

    def __hash__(self) -> int:
        """Agree with ``==``."""
        return hash(self._origin)


class Held:
    """A zip elsewhere of which some ranges are at hand.

    Parameters
    ----------
    file
        The zip.
    blocks
        Positions and bytes.
    """

    def __init__(self, file: RemoteFile, blocks: Sequence[tuple[int, bytes]]) -> None:
        self._file, self._blocks = file, blocks

    def read(self, start: int, stop: int) -> bytes:
        """Give bytes ``start:stop``, which lie inside the file."""
        return self.read_many([(start, stop)])[0]

    def read_many(self, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Several ranges that lie inside the file; what is not at hand is fetched at once."""
        asked = list(ranges)
        found = {pair: data for pair in asked if (data := self._find(*pair)) is not None}
        rest = [pair for pair in asked if pair not in found]
        found |= zip(rest, self._file.read_many(rest), strict=True)
        return [found[pair] for pair in asked]

    def _find(self, start: int, stop: int) -> bytes | None:
        for first, data in self._blocks:
            if first <= start and stop <= first + len(data):
                return data[start - first : stop - first]
        return None


_opened: WeakValueDictionary[str, RemoteFolder] = WeakValueDictionary()
"""Folders that came out of pickles: the many variables of a tree share one list of files in each process."""


class RemoteFolder(Archive):
    """A `.SAFE` folder elsewhere; its manifest tells the names, sizes and checksums of its files.

    A file's version is noted when it is first read; one that changes later, or has not the size that the manifest
    gives, is an error, in other processes, too.

    Parameters
    ----------
    place
        The folder.
    told
        Names and sizes of files, by a catalogue.
    mark
        Digest of the manifest, where it has been seen: another one now is an error.
    origin
        Name, found by lot, of the opening that this comes from, in whichever process that was.
    """

    local = False

    def __init__(
        self, place: RemoteLocation, told: Mapping[str, int | None] | None = None, mark: str = "", origin: str = ""
    ) -> None:
        super().__init__(place.url)
        self.place = place
        self._told = dict(told or {})
        self._mark, self.origin = mark, origin or uuid4().hex
        self._versions = Versions()
        self._read_elsewhere: set[str] = set()

    @cached_property
    def _fetcher(self) -> Fetcher:
        return Fetcher(self.place.store, self._versions)

    @property
    def name(self) -> str:
        """Product name as the folder has it."""
        parts = [part for part in self.url.rstrip("/").split("/") if part not in ("$value", "Nodes")]
        last = parts[-1] if parts else self.url
        return without_suffix(last.removeprefix("Nodes(").removesuffix(")"), ".safe")

    def open(self) -> None:
        """Read the manifest now, so that a place without a product is an error at once."""
        self._files

    @cached_property
    def _files(self) -> dict[str, Listed]:
        """All files by name."""
        try:
            answer = self._fetcher.one(self._path(MANIFEST))
        except MissingFileError as error:
            return self._listed(error)
        self._note(answer.data)
        self._held[MANIFEST, 0, None] = answer.data
        found = read_manifest(answer.data, self.url)
        if not any(is_marker(name) and name != MANIFEST for name in found):
            found |= {name: entry for name, entry in (self._find() or {}).items() if name not in found}
        agree(found, self._told, self.url, "the catalogue")
        self._told = {}  # need not go along to other processes
        for name, entry in found.items():
            self._versions.expect(self._path(name), Version(entry.size, ""))
        return found

    def _note(self, content: bytes) -> None:
        """Note which product it is, by its path, of which messages leave out a part, and by what lists its files."""
        mark = hashlib.sha256(self.place.path.encode() + b"\n" + content).hexdigest()[:16]
        if self._mark not in ("", mark):
            raise CorruptFileError(f"{self.url} was replaced after it had been opened; open it again")
        self._mark = mark

    def _find(self) -> dict[str, Listed] | None:
        versions = self._fetcher.find(self.place.path)
        return None if versions is None else {name: Listed(*version) for name, version in versions.items()}

    def _listed(self, error: MissingFileError) -> dict[str, Listed]:
        """Files by the store's own list, or else the catalogue's, where there is no manifest."""
        found = self._find()
        if found is None:
            found = {name: Listed(size, "") for name, size in self._told.items() if name != MANIFEST}
        if not any(is_marker(name) for name in found):
            inside = sorted({name.partition("/")[0] for name in found if ".SAFE" in name.partition("/")[0].upper()})
            advice = f"; open one of those in it: {', '.join(inside[:5])}" if inside else ""
            kind = NotASafeError if found else MissingFileError
            raise kind(f"{self.url} has no {MANIFEST}, it is no SAFE folder that can be opened{advice}") from error
        self._note(repr(sorted(found.items())).encode())
        for name, entry in found.items():
            self._versions.expect(self._path(name), Version(entry.size, entry.mark))
        return found

    def _list(self) -> Iterable[str]:
        return self._files

    def _path(self, name: str) -> str:
        return self.place.store.join(self.place.path, name)

    def _entry(self, name: str) -> Listed:
        try:
            return self._files[name]
        except KeyError:
            raise missing(name, self.url) from None

    def _read(self, requests: Sequence[Request]) -> list[bytes]:
        spans = []
        for name, start, stop in requests:
            entry = self._entry(name)
            if entry.size is not None or stop is not None or start:
                start, stop = check_range(name, start, stop, self.size(name))
            spans.append(Span(self._path(name), start, stop))
        return self._fetcher.many(spans)

    def size(self, name: str) -> int:
        """Size of a file in bytes; asked for where the manifest does not give it."""
        size = self._entry(name).size
        if size is None:
            seen = self._versions.seen.get(self._path(name))
            size = seen.size if seen and seen.size is not None else self._ask_size(name)
        return size

    def _ask_size(self, name: str) -> int:
        answer = self._fetcher.one(self._path(name), -1)
        return answer.version.size or answer.start + len(answer.data)

    def identity(self, name: str) -> tuple[str, ...]:
        """URL, size and checksum of a file, as the manifest gives them; for that nothing needs to be asked."""
        entry = self._entry(name)
        return (self._path_label(name), str(entry.size), entry.mark or self._mark)

    def _path_label(self, name: str) -> str:
        return self.place.store.label(self._path(name))

    def version(self, name: str) -> str:
        """ETag, or time of change, that a file had when it was first read; "" before."""
        seen = self._versions.seen.get(self._path(name))
        return seen.tag if seen else ""

    def _key(self) -> tuple[str | int, ...]:
        self.open()
        return (self.url, self._mark)

    def remember(self, tags: Mapping[str, str]) -> None:
        """Take over the versions of files, by name, that were read in another process."""
        self._read_elsewhere |= tags.keys()
        for name, tag in tags.items():
            self._versions.expect(self._path(name), Version(None, tag))

    def __reduce__(self) -> tuple[Callable[..., RemoteFolder], tuple[object, ...]]:
        """Pickle as place and what has been read; the list of files is read again in each process, once."""
        names = {*self.__dict__.get("_files", ()), *self._read_elsewhere}
        tags = {name: tag for name in sorted(names) if (tag := self.version(name))}
        return _reopen, (self.place, self._told, self._mark, self.origin, tags)


def _reopen(
    place: RemoteLocation, told: Mapping[str, int | None], mark: str, origin: str, tags: Mapping[str, str]
) -> RemoteFolder:
    """Give this process's archive of a folder that was pickled elsewhere; reads nothing yet."""
    found = _opened.setdefault(origin, RemoteFolder(place, told, mark, origin))
    found.remember(tags)
    return found
