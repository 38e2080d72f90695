"""What tests of whole products need: copies to damage, and a spy on what is read."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import xarray as xr

from xarray_safe.archive.folder import FolderArchive
from xarray_safe.archive.local import LocalFile
from xarray_safe.archive.zip.archive import ZipArchive
from xarray_safe.errors import SafeError, SafeWarning
from xarray_safe.formats.grib.fields import GribArray
from xarray_safe.formats.jp2 import Jp2Image
from xarray_safe.products.sentinel2.angles import Grids

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""

SHARED = ROOT.parent / "shared"

Run = Callable[..., tuple[int, str, str]]
"""Calls the command line with arguments; returns its exit status, output and errors."""


def copy(product: Path, target: Path) -> Path:
    """Copy a product by hard links, which costs nothing; its files must be replaced, never written into."""
    return Path(shutil.copytree(product, target / product.name, copy_function=os.link))


def own(product: Path, target: Path) -> Path:
    """Copy a product, a twin or a zip to files that may be written into; `target` becomes the copy."""
    if product.is_dir():
        return Path(shutil.copytree(product, target, copy_function=shutil.copyfile))
    return Path(shutil.copyfile(product, target))


def find(product: Path, pattern: str) -> Path:
    """The one file of a product that matches a pattern."""
    (path,) = product.rglob(pattern)
    return path


def replace(path: Path, data: bytes) -> None:
    """Give a file of a copy another content; the original keeps its own."""
    path.unlink()
    path.write_bytes(data)


def edit(path: Path, old: str, new: str) -> None:
    """Change the first such text of a file of a copy."""
    text = path.read_text()
    assert old in text
    replace(path, text.replace(old, new, 1).encode())


@dataclass
class Reads:
    """What was read while a spy watched."""

    ranges: list[tuple[str, int, int | None]] = field(default_factory=list)
    """Name in the archive, start, stop."""
    nbytes: int = 0
    """Bytes that came from the disk."""
    decoded: list[object] = field(default_factory=list)
    """Arrays of which values were asked for: images, GRIB messages, angle grids."""

    def of(self, ending: str) -> list[tuple[str, int, int | None]]:
        """Ranges of files with this ending."""
        return [read for read in self.ranges if read[0].endswith(ending)]


@contextmanager
def spy():
    """Watch all reading of archives and decoding of arrays."""
    seen = Reads()
    with pytest.MonkeyPatch.context() as patch:
        for kind in (FolderArchive, ZipArchive):
            patch.setattr(kind, "read_many", _watched(kind.read_many, lambda _, requests: seen.ranges.extend(requests)))
        for kind in (Jp2Image, GribArray, Grids):
            patch.setattr(kind, "__getitem__", _watched(kind.__getitem__, lambda array, _: seen.decoded.append(array)))
        original = LocalFile.read_many

        def read_many(self, ranges):
            found = original(self, ranges)
            seen.nbytes += sum(map(len, found))
            return found

        patch.setattr(LocalFile, "read_many", read_many)
        yield seen


def _watched(method, note):
    def watched(self, argument):
        note(self, argument)
        return method(self, argument)

    return watched


ADVICE = (
    "download",
    "open ",
    "give ",
    "is the product complete",
    "does not",
)
"""Words of which each message has one: what to do, or that a path is wrong."""


def refused(path, kind, *words, opener=xr.open_datatree, **options):
    """Hold an error against what it must be and say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SafeWarning)
        with pytest.raises(SafeError) as caught:
            opener(path, engine="safe", **options)
    text = str(caught.value)
    assert isinstance(caught.value, kind), repr(caught.value)
    for word in (*words, os.path.basename(str(path).rstrip("/"))):
        assert word in text, text
    assert any(word in text.lower() for word in ADVICE), text
    return caught.value
