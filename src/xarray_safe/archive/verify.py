"""Compare the files of a product with the sizes and checksums in its own manifest."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xarray_safe.archive import Archive, open_archive
from xarray_safe.archive.manifest import ManifestEntry, manifest_in, parse_manifest
from xarray_safe.errors import CorruptFileError, MissingFileError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

_METHODS = {
    "MD5": "md5",
    "SHA3-256": "sha3_256",
    "SHA3_256": "sha3_256",
    "SHA-256": "sha256",
    "SHA256": "sha256",
}
"""Names of checksums in manifests, and in hashlib. PSD-14 (baselines up to 05.10) has MD5, PSD-15 has SHA3-256."""

_THREADS = 2
"""Each thread has a whole file in memory: up to 130 MB in products seen so far."""


@dataclass(frozen=True)
class Report:
    """Result of a check.

    Parameters
    ----------
    files, bytes
        How much was checked.
    problems
        A line for each file that is missing or has another size or checksum than in the manifest.
    unchecked
        Files for which the manifest has no known checksum.
    """

    files: int
    bytes: int
    problems: tuple[str, ...]
    unchecked: tuple[str, ...]


def check(
    product: str | os.PathLike[str] | Archive, progress: Callable[[ManifestEntry], object] = lambda _: None
) -> Report:
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
        There is no manifest, or it is invalid.
    """
    archive = product if isinstance(product, Archive) else open_archive(product)
    entries = read(archive)

    def check_one(entry: ManifestEntry) -> str | None:
        found = _problem(archive, entry)
        progress(entry)
        return found

    with ThreadPoolExecutor(_THREADS) as pool:
        problems = [problem for problem in pool.map(check_one, entries) if problem]
    unchecked = tuple(entry.name for entry in entries if _METHODS.get(entry.method) is None)
    return Report(len(entries), sum(entry.size or 0 for entry in entries), tuple(problems), unchecked)


def read(archive: Archive) -> list[ManifestEntry]:
    """Return the files that a manifest names.

    Raises
    ------
    MissingFileError, CorruptFileError
        There is no manifest, or it is invalid.
    """
    manifest = manifest_in(archive.names)
    entries = list(parse_manifest(archive.read(manifest), archive.url))
    if not entries:
        raise CorruptFileError(f"{archive.url}: {manifest} names no files; download the product again")
    if not all(entry.name for entry in entries):
        raise CorruptFileError(f"{archive.url}: {manifest} has a file without a name; download the product again")
    return entries


def _problem(archive: Archive, entry: ManifestEntry) -> str | None:
    """Return what is wrong with a file, or None."""
    try:
        data = archive.read(entry.name)
    except MissingFileError:
        return f"{entry.name} is missing"
    except CorruptFileError as error:
        return f"{entry.name}: {error}"
    if entry.size is not None and len(data) != entry.size:
        return f"{entry.name} has {len(data)} bytes, the manifest says {entry.size}"
    method = _METHODS.get(entry.method)
    if method is None:
        return None
    found = hashlib.new(method, data, usedforsecurity=False).hexdigest()
    if found != entry.checksum:
        return f"{entry.name} has {entry.method} {found}, the manifest says {entry.checksum}"
    return None
