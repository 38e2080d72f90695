"""Indexes of images that lie elsewhere, kept from one session to the next, or brought along.

An index is small (about 3 kB) and takes many requests to make where an image has no table of its tiles. So it is
kept in the user's cache folder, by the file's URL, size and checksum or ETag. ``XARRAY_SAFE_INDEX_CACHE`` names
another folder, or is ``off``. Supplied indexes (`xarray_safe.tile_indexes`) are known by the file's name and size;
``XARRAY_SAFE_INDEXES`` names files of them. None is believed blindly: it has a checksum of its own, what it says
is held against the markers in the image, and where these say otherwise, it is dropped.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import tempfile
import zlib
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from xarray_safe.runtime import PerProcess, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray_safe.formats.jp2.header import ImageFile

VERSION = 2
MOST_FILES = 20_000
"""Indexes kept; beyond, the oldest go."""
Parts = dict[int, tuple[int, int]]


class Known(NamedTuple):
    """What an index tells of an image."""

    head: bytes
    """First bytes of the file, up to the first tile and a little further; empty where not known."""
    first: int
    """Position of the first tile; 0 where `head` tells."""
    parts: Parts
    """Start and length of each tile."""
    given: bool = False
    """Whether it was brought along: then nothing but name and size tells that it belongs to the file."""

    @property
    def sum(self) -> str:
        """Checksum."""
        content = [
            b64encode(self.head).decode(),
            self.first,
            sorted((tile, *place) for tile, place in self.parts.items()),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def check(self, size: int, wanted: str | None = None) -> Known:
        """Give it back if it can be of a file of so many bytes, and has the checksum that it was kept with.

        Raises
        ------
        ValueError
            It cannot, or has not.
        """
        if wanted is not None and wanted != self.sum:
            raise ValueError("its checksum is another one")
        for tile, (start, length) in self.parts.items():
            if tile < 0 or start <= 0 or length <= 0 or start + length > size:
                raise ValueError(f"tile {tile} with {length} bytes at {start} is none of a file of {size} bytes")
        return self


given: PerProcess[dict[tuple[str, int], Known]] = PerProcess(dict, inherited=True)
"""Indexes that were brought along, by the last part of the file's name and its size."""


def folder() -> Path | None:
    """Folder of the kept indexes; None where they are not to be kept."""
    chosen = settings().index_cache
    if chosen == "off":
        return None
    if chosen:
        return Path(chosen).expanduser()
    try:
        import platformdirs
    except ImportError:
        return None
    return Path(platformdirs.user_cache_dir("xarray-safe")) / "indexes"


def find(file: ImageFile) -> Known | None:
    """Give what is known of an image from earlier, or was brought along."""
    home = folder()
    if home is not None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, zlib.error):
            found = json.loads(zlib.decompress((home / _name(file)).read_bytes()))
            if found["version"] == VERSION and found["key"] == list(file.files.identity(file.name)):
                parts = {int(tile): (int(start), int(length)) for tile, start, length in found["parts"]}
                known = Known(b64decode(found["header"]), 0, parts)
                return known.check(file.files.size(file.name), str(found["sum"]))
    _read_named()
    return given().get(_given_key(file))


def _read_files() -> None:
    for name in settings().indexes:
        from xarray_safe.formats.jp2.index import files as index_files

        index_files.use(name)


_read_named: PerProcess[None] = PerProcess(_read_files, inherited=True)
"""Reads the files of indexes that the environment names, once."""


def _given_key(file: ImageFile) -> tuple[str, int]:
    return file.name.rpartition("/")[2], file.files.size(file.name)


def keep(file: ImageFile, head: bytes, parts: Mapping[int, tuple[int, int]]) -> None:
    """Keep an index; that it cannot be written is no error."""
    home = folder()
    if home is None or not head:
        return
    content = {
        "version": VERSION,
        "key": list(file.files.identity(file.name)),
        "header": b64encode(head).decode(),
        "parts": [[tile, *place] for tile, place in sorted(parts.items())],
        "sum": Known(head, 0, dict(parts)).sum,
    }
    with contextlib.suppress(OSError):
        home.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=home, prefix=".new-")
        with os.fdopen(handle, "wb") as target:
            target.write(zlib.compress(json.dumps(content).encode()))
        os.replace(temporary, home / _name(file))
        if random.random() < 1 / 64:
            _prune(home)


def _prune(home: Path) -> None:
    """Drop the oldest indexes where there are too many, and what broken-off writing left behind."""
    files = sorted(home.iterdir(), key=lambda path: path.stat().st_mtime)
    for path in files[: max(0, len(files) - MOST_FILES)]:
        path.unlink(missing_ok=True)


def forget(file: ImageFile) -> bool:
    """Drop an image's index, which may not belong to it any more; tell whether there was one."""
    was_given = given().pop(_given_key(file), None) is not None
    home = folder()
    if home is not None:
        with contextlib.suppress(OSError):
            (home / _name(file)).unlink()
            return True
    return was_given


def _name(file: ImageFile) -> str:
    key = "\n".join(file.files.identity(file.name))
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.index"
