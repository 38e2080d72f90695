"""A product as a folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from xarray_safe.archive.base import Archive, by_name, check_range
from xarray_safe.archive.detect import is_hidden
from xarray_safe.archive.local import LocalFile, denied
from xarray_safe.archive.manifest import SUFFIXES, manifest_at
from xarray_safe.errors import CorruptFileError, MissingFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xarray_safe.archive.files import Request

_DEPTH = 12
"""Maximum levels of folders; a SAFE has five, and links may form a circle."""


class FolderArchive(Archive):
    """A `.SAFE` folder on a local disk.

    A file whose size or time of change is not what it was when it was first inspected raises an error.

    Parameters
    ----------
    path
        Absolute path of the folder.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._files: dict[str, LocalFile] = {}

    @property
    def name(self) -> str:
        """Product name as the folder has it."""
        return without_suffix(os.path.basename(self.url), *SUFFIXES)

    def _list(self) -> Iterator[str]:
        return _walk(self.url, "", _DEPTH, self.remarks)

    def _file(self, name: str) -> LocalFile:
        file = self._files.get(name)
        if file is None:
            if ".." in name.replace("\\", "/").split("/"):  # names come from XML too
                raise MissingFileError(f"{name!r} is not the name of a file in {self.url}")
            try:
                file = LocalFile.probe(f"{self.url}/{name}")
            except MissingFileError as error:
                raise missing(name, self.url) from error
            file = self._files.setdefault(name, file)
        return file

    def _read(self, requests: Sequence[Request]) -> list[bytes]:
        found: list[bytes] = []
        for name, group in by_name(requests):
            file = self._file(name)
            found += file.read_many(check_range(name, start, stop, file.size) for _, start, stop in group)
        return found

    def size(self, name: str) -> int:
        """Return the size of a file in bytes."""
        return self._file(name).size

    def identity(self, name: str) -> tuple[str, ...]:
        """Return path, size and time of change of a file."""
        file = self._file(name)
        return (file.path, str(file.size), str(file.mtime_ns))

    def _key(self) -> tuple[str | int, ...]:
        return (self.url,)

    def __reduce__(self) -> tuple[type[FolderArchive], tuple[str]]:
        """Pickle as the path."""
        return FolderArchive, (self.url,)

    def __dask_tokenize__(self) -> tuple[str | int, ...]:
        """Return folder, size and time of its manifest; without a manifest, those of the folder."""
        try:
            return ("FolderArchive", *self.identity(manifest_at(self.url)))
        except MissingFileError:
            found = os.stat(self.url)
            return ("FolderArchive", self.url, found.st_mtime_ns)


def missing(name: str, url: str) -> MissingFileError:
    """Return the error for a file that is not in an archive."""
    return MissingFileError(f"{name} is missing from {url}; the product is incomplete, download it again")


def without_suffix(name: str, *suffixes: str) -> str:
    """Return a name without one of several suffixes, in upper or lower case."""
    return next((name[: -len(suffix)] for suffix in suffixes if name.lower().endswith(suffix)), name)


def _walk(path: str, prefix: str, depth: int, remarks: list[str]) -> Iterator[str]:
    """Yield the names of all files below a folder; links are followed. What cannot be read is a remark.

    Raises
    ------
    CorruptFileError
        Folders are nested too deeply.
    AccessDeniedError
        The product's folder may not be read.
    """
    if not depth:
        raise CorruptFileError(
            f"{path}: folders are nested more than {_DEPTH} deep; if links form a circle, delete one, else download "
            "the product again"
        )
    folders: list[str] = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders.append(entry.name)
                elif entry.is_file():
                    yield prefix + entry.name
                elif entry.is_symlink() and not is_hidden(entry.name):
                    remarks.append(f"{prefix}{entry.name} is a link to {os.readlink(entry.path)}, which is not there.")
    except OSError as error:
        if not prefix:
            raise denied(path) from error
        remarks.append(f"the folder {prefix.rstrip('/')} cannot be read ({error.strerror}).")
    for folder in folders:
        if not is_hidden(folder):
            yield from _walk(f"{path}/{folder}", f"{prefix}{folder}/", depth - 1, remarks)
