"""Remote folders: a product in an object store, on a web server, or in any file system of fsspec."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING
from uuid import uuid4
from weakref import WeakValueDictionary

from xarray_safe.archive.base import Archive, check_range
from xarray_safe.archive.detect import is_marker
from xarray_safe.archive.folder import missing, without_suffix
from xarray_safe.archive.manifest import MANIFESTS, SUFFIXES, ManifestEntry, differences, manifest_at, read_manifest
from xarray_safe.archive.ranges import ByteRange
from xarray_safe.archive.remote.fetch import Fetcher, OtherSizeError, VersionTracker
from xarray_safe.archive.remote.store import ObjectVersion, RemoteLocation
from xarray_safe.errors import CorruptFileError, MissingFileError, NotASafeError, SafeError
from xarray_safe.runtime import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from xarray_safe.archive.files import Request

_opened: PerProcess[WeakValueDictionary[str, RemoteFolder]] = PerProcess(WeakValueDictionary, inherited=True)
"""Unpickled folders: the variables of a tree share one list of files in each process."""


class RemoteFolder(Archive):
    """A remote `.SAFE` folder; its manifest lists the names, sizes and checksums of its files.

    A file's version is noted when it is first read. If it changes later, also in another process, or does not have the
    size in the manifest, an error is raised.

    Parameters
    ----------
    place
        The folder.
    catalogue_sizes
        Names and sizes of files as a catalogue lists them.
    digest
        Digest of the manifest, if that has been read: another one now is an error.
    origin
        Random id of this opening, shared by all pickled copies.
    """

    local = False

    def __init__(
        self,
        place: RemoteLocation,
        catalogue_sizes: Mapping[str, int | None] | None = None,
        digest: str = "",
        origin: str = "",
    ) -> None:
        super().__init__(place.url)
        self.place = place
        self._catalogue_sizes = dict(catalogue_sizes or {})
        self._digest, self.origin = digest, origin or uuid4().hex
        self._versions = VersionTracker()
        self._read_in_others: set[str] = set()

    @cached_property
    def _fetcher(self) -> Fetcher:
        return Fetcher(self.place.store, self._versions)

    @property
    def name(self) -> str:
        """Product name as the folder has it."""
        parts = [part for part in self.url.rstrip("/").split("/") if part not in ("$value", "Nodes")]
        last = parts[-1] if parts else self.url
        return without_suffix(last.removeprefix("Nodes(").removesuffix(")"), *SUFFIXES)

    def open(self) -> None:
        """Read the manifest now, so that a folder without a product raises an error at once."""
        self._files

    @cached_property
    def _files(self) -> dict[str, ManifestEntry]:
        """All files by name: those that the store lists, or else those of the manifest; what it says of them."""
        manifest = manifest_at(self.url)
        answer, listed = self._fetcher.one_and_find(self._path(manifest), self.place.path)
        try:
            if isinstance(answer, SafeError):
                raise answer
            found = read_manifest(answer.data, self.url)
        except (MissingFileError, CorruptFileError) as error:
            if isinstance(listed, MissingFileError) or (self._catalogue_sizes and isinstance(listed, SafeError)):
                listed = None  # the catalogue says what there is
            if isinstance(listed, SafeError):
                raise listed from error
            return self._listed(error, listed)
        self._note(answer.data)
        self._prefetched.add((manifest, 0, None), answer.data)
        self.remarks += differences(found, self._catalogue_sizes, "the catalogue")
        for name, size in self._catalogue_sizes.items():
            entry = found.get(name, ManifestEntry(name, None))
            found[name] = entry if size is None or name in MANIFESTS else entry._replace(size=size)
        self._catalogue_sizes = {}  # other processes do not need it
        if isinstance(listed, Mapping) and any(is_marker(name) for name in listed):  # listing may be forbidden
            sizes = {name: version.size for name, version in listed.items()}
            self.remarks += differences(found, sizes, "the store")
            return {
                name: found.get(name, ManifestEntry(name, None))._replace(size=size) for name, size in sizes.items()
            }
        for name, entry in found.items():
            if entry.size is not None and name not in MANIFESTS:
                self._versions.claims.setdefault(self._path(name), entry.size)
        return found

    def _note(self, content: bytes) -> None:
        """Identify the product by its path, which messages do not show in full, and by the list of its files."""
        digest = hashlib.sha256(self.place.path.encode() + b"\n" + content).hexdigest()[:16]
        if self._digest not in ("", digest):
            raise CorruptFileError(f"{self.url} was replaced after it had been opened; open it again")
        self._digest = digest

    def _listed(self, error: SafeError, listed: Mapping[str, ObjectVersion] | None) -> dict[str, ManifestEntry]:
        """Return the files as the store lists them, or else the catalogue, if there is no manifest."""
        if listed is not None:
            found = {name: ManifestEntry(name, *version) for name, version in listed.items()}
        else:
            found = {
                name: ManifestEntry(name, size) for name, size in self._catalogue_sizes.items() if name not in MANIFESTS
            }
        if not any(is_marker(name) for name in found):
            inside = sorted({name.partition("/")[0] for name in found if ".SAFE" in name.partition("/")[0].upper()})
            advice = f"; open one of those in it: {', '.join(inside[:5])}" if inside else ""
            if isinstance(error, CorruptFileError):
                raise error
            kind = NotASafeError if found else MissingFileError
            raise kind(
                f"{self.url} has no {manifest_at(self.url)}, it is not a SAFE folder that can be opened{advice}"
            ) from error
        self._note(repr(sorted(found.items())).encode())
        for name, entry in found.items():
            self._versions.expect(self._path(name), ObjectVersion(entry.size, entry.version))
        return found

    def _list(self) -> Iterable[str]:
        return self._files

    def _path(self, name: str) -> str:
        return self.place.store.join(self.place.path, name)

    def _entry(self, name: str) -> ManifestEntry:
        try:
            return self._files[name]
        except KeyError:
            raise missing(name, self.url) from None

    def _read(self, requests: Sequence[Request]) -> list[bytes]:
        while True:
            try:
                return self._fetch(requests)
            except OtherSizeError as error:  # once for each file at the most
                name = next(name for name, _, _ in requests if self._path(name) == error.path)
                sizes = f"{error.size} bytes by the server, {error.claimed} by the manifest"
                self.remark(f"{name} has {sizes}, which is not believed.")

    def _fetch(self, requests: Sequence[Request]) -> list[bytes]:
        ranges = []
        for name, start, stop in requests:
            entry = self._entry(name)
            if entry.size is not None or stop is not None or start:
                start, stop = check_range(name, start, stop, self.size(name))
            ranges.append(ByteRange(self._path(name), start, stop))
        return self._fetcher.many(ranges)

    def size(self, name: str) -> int:
        """Return the size of a file in bytes; one request if the manifest does not list it."""
        size = self._entry(name).size
        seen = self._versions.seen.get(self._path(name))
        if seen is not None and seen.size is not None:
            return seen.size
        return self._ask_size(name) if size is None else size

    def _ask_size(self, name: str) -> int:
        answer = self._fetcher.one(self._path(name), -1)
        return answer.version.size or answer.start + len(answer.data)

    def identity(self, name: str) -> tuple[str, ...]:
        """Return URL, size and checksum of a file as the manifest lists them: no request."""
        entry = self._entry(name)
        return (self._path_label(name), str(entry.size), entry.version or self._digest)

    def _path_label(self, name: str) -> str:
        return self.place.store.label(self._path(name))

    def version(self, name: str) -> str:
        """Return ETag, or time of change, of a file when it was first read; "" before that."""
        seen = self._versions.seen.get(self._path(name))
        return seen.tag if seen else ""

    def _key(self) -> tuple[str | int, ...]:
        self.open()
        return (self.url, self._digest)

    def restore_versions(self, tags: Mapping[str, str]) -> None:
        """Add the versions of files, by name, that were read in another process."""
        self._read_in_others |= tags.keys()
        for name, tag in tags.items():
            self._versions.expect(self._path(name), ObjectVersion(None, tag))

    def __reduce__(self) -> tuple[Callable[..., RemoteFolder], tuple[object, ...]]:
        """Pickle as place and versions; each process reads the list of files again, once."""
        names = {*self.__dict__.get("_files", ()), *self._read_in_others}
        tags = {name: tag for name in sorted(names) if (tag := self.version(name))}
        return _reopen, (self.place, self._catalogue_sizes, self._digest, self.origin, tags)


def _reopen(
    place: RemoteLocation, catalogue_sizes: Mapping[str, int | None], digest: str, origin: str, tags: Mapping[str, str]
) -> RemoteFolder:
    """Return this process's archive of a pickled folder; reads nothing yet."""
    found = _opened().setdefault(origin, RemoteFolder(place, catalogue_sizes, digest, origin))
    found.restore_versions(tags)
    return found


def open_folder(place: RemoteLocation, catalogue_sizes: Mapping[str, int | None] | None = None) -> RemoteFolder:
    """Open a remote folder: one request, for its manifest.

    Raises
    ------
    MissingFileError, AccessDeniedError, RemoteFailedError, NotASafeError, CorruptFileError
        There is no such folder, it cannot be read, or is not a product.
    """
    archive = RemoteFolder(place, catalogue_sizes)
    archive.open()
    return archive
