"""Check the files of a product against the sizes and checksums that its own manifest gives."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from xarray_safe.archive import Archive, open_archive
from xarray_safe.archive.manifest import plain_name
from xarray_safe.errors import CorruptFileError, MissingFileError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

_METHODS = {
    "MD5": "md5",
    "SHA3-256": "sha3_256",
    "SHA3_256": "sha3_256",
    "SHA-256": "sha256",
    "SHA256": "sha256",
}
"""PSD-14 (baselines to 05.10) has MD5, PSD-15 has SHA3-256; others are there for other missions."""

_THREADS = 2
"""Whole files are in memory while they are checked: 130 MB each at the most in products seen so far."""


@dataclass(frozen=True)
class Entry:
    """A file as the manifest has it: name, bytes, and method and value of its checksum, where given."""

    name: str
    size: int | None
    method: str | None
    checksum: str | None


@dataclass(frozen=True)
class Report:
    """What a check found.

    Parameters
    ----------
    files, bytes
        How much was checked.
    problems
        A line for each file that is missing, or has not the size or checksum that the manifest gives.
    unchecked
        Files for which the manifest has no checksum that we know.
    """

    files: int
    bytes: int
    problems: tuple[str, ...]
    unchecked: tuple[str, ...]


def check(product: str | os.PathLike[str] | Archive, progress: Callable[[Entry], object] = lambda _: None) -> Report:
    """Check all files that a product's manifest names.

    Parameters
    ----------
    product
        Path of a folder or zip, or an open archive.
    progress
        Called after each file, from any thread.

    Raises
    ------
    MissingFileError, CorruptFileError
        There is no manifest, or none that can be read.
    """
    archive = product if isinstance(product, Archive) else open_archive(product)
    entries = list(read(archive))

    def look(entry: Entry) -> str | None:
        found = _look(archive, entry)
        progress(entry)
        return found

    with ThreadPoolExecutor(_THREADS) as pool:
        problems = [problem for problem in pool.map(look, entries) if problem]
    unchecked = tuple(entry.name for entry in entries if _METHODS.get(entry.method or "") is None)
    return Report(len(entries), sum(entry.size or 0 for entry in entries), tuple(problems), unchecked)


def read(archive: Archive) -> Iterator[Entry]:
    """Give the files that a manifest names.

    Raises
    ------
    MissingFileError, CorruptFileError
        There is no manifest, or none that can be read.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(archive.read("manifest.safe"), parser)
    except etree.XMLSyntaxError as error:
        raise CorruptFileError(f"{archive.url}: manifest.safe is no XML ({error.msg}); get the product again") from None
    streams = root.findall(".//{*}dataObject/{*}byteStream")
    if not streams:
        raise CorruptFileError(f"{archive.url}: manifest.safe names no files; get the product again")
    for stream in streams:
        location, checksum = stream.find("{*}fileLocation"), stream.find("{*}checksum")
        size = stream.get("size") or ""
        name = "" if location is None else plain_name(location.get("href") or "")
        if not name:
            raise CorruptFileError(f"{archive.url}: manifest.safe has a file without a name; get the product again")
        yield Entry(
            name,
            int(size) if size.isdecimal() else None,
            None if checksum is None else (checksum.get("checksumName") or "").upper(),
            None if checksum is None else (checksum.text or "").strip().lower(),
        )


def _look(archive: Archive, entry: Entry) -> str | None:
    """Say what is wrong with a file; None if nothing is."""
    try:
        data = archive.read(entry.name)
    except MissingFileError:
        return f"{entry.name} is missing"
    except CorruptFileError as error:
        return f"{entry.name}: {error}"
    if entry.size is not None and len(data) != entry.size:
        return f"{entry.name} has {len(data)} bytes, the manifest says {entry.size}"
    method = _METHODS.get(entry.method or "")
    if method is None:
        return None
    found = hashlib.new(method, data, usedforsecurity=False).hexdigest()
    if found != entry.checksum:
        return f"{entry.name} has {entry.method} {found}, the manifest says {entry.checksum}"
    return None
