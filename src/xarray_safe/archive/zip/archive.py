"""A product as a zip, stored or deflated, read in place."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from xarray_safe.archive.base import Archive, check_range
from xarray_safe.archive.detect import product_folders
from xarray_safe.archive.folder import missing, without_suffix
from xarray_safe.archive.manifest import SUFFIXES, differences, manifest_in, read_manifest
from xarray_safe.archive.zip import inflate
from xarray_safe.archive.zip.central_directory import (
    AGAIN,
    LOCAL,
    STORED,
    Member,
    data_start,
    read_directory,
)
from xarray_safe.errors import CorruptFileError, NotASafeError, UnsupportedProductError
from xarray_safe.runtime import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from xarray_safe.archive.files import ByteSource, Request, VersionedFile

_Key = tuple["VersionedFile", str]
_opened: PerProcess[WeakValueDictionary[_Key, ZipArchive]] = PerProcess(WeakValueDictionary, inherited=True)
"""Unpickled archives: the variables of a tree share one central directory in each process."""

_SLACK = 128
"""Usual maximum bytes of a local header's extra fields: 28 with times, 20 in Zip64."""

_BOMB_RATIO, _BOMB_SIZE = 200, 1 << 26
"""Members that are larger and packed more tightly are refused. Images pack by 1, XML by 10 to 50."""


class ZipArchive(Archive):
    """A local or remote zip, with or without the `.SAFE` folder in it.

    Parameters
    ----------
    file
        The zip; an error is raised if it is replaced while open.
    digest
        Digest of its central directory, if that has been read: another one now is an error.
    inner
        Folder of the product in the zip, if there are several.
    """

    def __init__(self, file: VersionedFile, digest: str = "", inner: str = "") -> None:
        super().__init__(file.path)
        self.local = file.local
        self._file = file
        self._digest = digest
        self._inner = inner.strip("/")
        self._starts: dict[str, int] = {}

    @cached_property
    def _members(self) -> tuple[str, dict[str, Member]]:
        """The product's folder in the zip ("" or with a slash at the end), and members by name inside it."""
        return self._read_members(self._file)

    def _read_members(self, file: ByteSource) -> tuple[str, dict[str, Member]]:
        members = read_directory(file.read, self._file.size, self.url)
        if not self.local:
            self._note(members)
        prefix = _product_folder(members, self.url, self._inner)
        return prefix, {name[len(prefix) :]: member for name, member in members.items() if name.startswith(prefix)}

    def _note(self, members: dict[str, Member]) -> None:
        """Identify the zip by its members and their checksums: not every server has ETags."""
        digest = hashlib.sha256(repr(members).encode()).hexdigest()[:16]
        if self._digest not in ("", digest):
            raise CorruptFileError(f"{self.url} was replaced after it had been opened; open it again")
        self._digest = digest

    def open(self, file: ByteSource | None = None) -> None:
        """Read the central directory now, so that a damaged zip, or another file, raises an error at once."""
        self.__dict__["_members"] = self._read_members(file or self._file)

    @contextlib.contextmanager
    def prefetch(self, requests: Sequence[Request]) -> Iterator[None]:
        """Prefetch ranges. Deflated members are fetched whole, because inflating must start at their first byte."""
        there = [request for request in requests if self.exists(request[0])]
        ranges = [r if self._member(r[0]).method == STORED else (r[0], 0, None) for r in there]
        with super().prefetch(ranges):
            manifest = self._prefetched.get((manifest_in(self._members[1]), 0, None))
            if manifest is not None:  # of remote zips only: users may have changed local ones on purpose
                sizes = {name: member.size for name, member in self._members[1].items()}
                with contextlib.suppress(CorruptFileError):  # whoever needs the manifest will say so
                    self.remarks += differences(read_manifest(manifest, self.url), sizes, "the zip")
            yield

    @property
    def name(self) -> str:
        """Product name as the zip's folder has it, or the zip itself."""
        prefix, _ = self._members
        label = prefix.rstrip("/").rpartition("/")[2] or without_suffix(os.path.basename(self.url), ".zip")
        return without_suffix(label, *SUFFIXES)

    def _list(self) -> Iterable[str]:
        return self._members[1]

    def _member(self, name: str) -> Member:
        try:
            return self._members[1][name]
        except KeyError:
            raise missing(name, self.url) from None

    def size(self, name: str) -> int:
        """Return the size of a file in bytes, uncompressed."""
        return self._member(name).size

    def identity(self, name: str) -> tuple[str, ...]:
        """Return path, size and version of the zip, if remote also a digest of its central directory, and the name."""
        inside = f"{self._inner}/{name}" if self._inner else name
        return (self.url, str(self._file.size), f"{self._file.tag} {self._digest}".strip(), inside)

    def _read(self, requests: Sequence[Request]) -> list[bytes]:
        asked = [(name, member := self._member(name), *check_range(name, a, b, member.size)) for name, a, b in requests]
        unknown = {name: member for name, member, _, _ in asked if name not in self._starts}
        file: ByteSource = self._file
        if unknown:
            file = self._file.prefetch(found for request in asked for found in self._estimate(*request))
            self._note_starts(unknown, file.read_many(_header(member) for member in unknown.values()))
        ranges = [self._range(name, member, start, stop) for name, member, start, stop in asked]
        raw = iter(file.read_many(found for found in ranges if found))
        return [
            self._finish(next(raw), *request) if found else self._inflate(file, *request)
            for found, request in zip(ranges, asked, strict=True)
        ]

    def _estimate(self, name: str, member: Member, start: int, stop: int) -> list[tuple[int, int]]:
        """Return ranges that hold a member's local header and a range of it, estimated from the central directory."""
        first = _header(member)[1]
        known = self._starts.get(name)
        if member.method != STORED:
            start, stop = 0, member.packed if (start, stop) == (0, member.size) else min(stop, member.packed)
        end = (first if known is None else known) + stop + (0 if known is not None else _SLACK)
        wanted = [((first if known is None else known) + start, min(end, self._file.size))]
        return wanted if known is not None else [_header(member), *wanted]

    def _note_starts(self, members: dict[str, Member], headers: Iterable[bytes]) -> None:
        """Note where members begin: extra fields may be longer in local headers than in the central directory."""
        for (name, member), header in zip(members.items(), headers, strict=True):
            if member.size > _BOMB_SIZE and member.size > _BOMB_RATIO * member.packed:
                raise UnsupportedProductError(
                    f"{self.url}: {name} would inflate from {member.packed} to {member.size} bytes"
                )
            self._starts[name] = data_start(header, member.header, name, member, self.url)

    def _range(self, name: str, member: Member, start: int, stop: int) -> tuple[int, int] | None:
        """Return the bytes of the zip that hold a range; None if a part of a member must be inflated."""
        first = self._starts[name]
        if member.method == STORED:
            return first + start, first + stop
        return (first, first + member.packed) if (start, stop) == (0, member.size) else None

    def _finish(self, data: bytes, name: str, member: Member, start: int, stop: int) -> bytes:
        """Inflate and check a whole member; a range of a stored one is returned as it is."""
        if member.method != STORED:
            data = inflate.inflate_all(data, member.size, f"{self.url}: {name}")
        if (start, stop) == (0, member.size) and zlib.crc32(data) != member.crc:
            raise CorruptFileError(
                f"{self.url}: the bytes of {name} do not have the checksum that the zip gives; {AGAIN}"
            )
        return data

    def _inflate(self, file: ByteSource, name: str, member: Member, start: int, stop: int) -> bytes:
        """Inflate a part of a deflated member."""
        first = self._starts[name]

        def fetch(begin: int, end: int) -> bytes:
            return file.read(first + begin, first + end)

        stream = inflate.DeflateStream(fetch, member.packed, f"{self.url}: {name}", member.size, member.crc)
        return inflate.checkpoints().read((*self._key(), name), stream, start, stop)

    def close(self) -> None:
        """Drop the checkpoints of deflated members; the archive can still be read afterwards."""
        inflate.checkpoints().drop(self._key())

    def _key(self) -> tuple[str | int, ...]:
        key = (self._file.path, self._file.size, self._file.tag, self._digest)
        return (*key, self._inner) if self._inner else key

    def __reduce__(self) -> tuple[Callable[..., ZipArchive], tuple[VersionedFile, str, str]]:
        """Pickle as a description of the file."""
        return _reopen, (self._file, self._digest, self._inner)


def _header(member: Member) -> tuple[int, int]:
    """Return the bytes of a member's local header: its fixed part and its name."""
    return member.header, member.header + LOCAL.size + len(member.stored_name)


def _reopen(file: VersionedFile, digest: str, inner: str = "") -> ZipArchive:
    """Return this process's archive of a pickled zip; reads nothing yet."""
    return _opened().setdefault((file, inner), ZipArchive(file, digest, inner))


def _product_folder(members: Iterable[str], url: str, inner: str) -> str:
    """Return the one product folder in a zip, or the one that is asked for: "" or with a slash at the end.

    Raises
    ------
    NotASafeError
        There is no product in it, or none of that name.
    UnsupportedProductError
        There are several, and none is asked for.
    """
    names = list(members)
    folders = product_folders(names)
    if not folders:
        packed = [name for name in names if name.lower().endswith((".zip", ".tar", ".tgz", ".tar.gz"))]
        if packed:
            raise NotASafeError(
                f"{url} is a zip around {', '.join(packed[:3])}, which cannot be read through it; unpack the outer zip "
                "and open what was in it"
            )
        text = "it contains neither manifest.safe nor product metadata (MTD_*.xml); open the zip of a .SAFE folder"
        raise NotASafeError(f"{url} is a zip, but not a SAFE: {text}")
    if len(folders) == 1:
        return folders[0]
    listed = ", ".join(folder.rstrip("/") or "(top)" for folder in folders)
    wanted = without_suffix(inner, *SUFFIXES).lower()
    found = [folder for folder in folders if without_suffix(folder.rstrip("/"), *SUFFIXES).lower().endswith(wanted)]
    if wanted and len(found) == 1:
        return found[0]
    if wanted:
        raise NotASafeError(f"{url} has no product {inner!r}; open one of those in it: {listed}")
    example = folders[0].rstrip("/")
    raise UnsupportedProductError(
        f"{url} holds {len(folders)} products: {listed}; open one of them by its path in the zip, {url}/{example}"
    )
