"""Tile indexes of remote images, cached from one session to the next, or supplied by a user.

An index is small (about 3 kB), and finding the tiles of an image without a table of them takes many requests. So it is
cached in the user's cache folder, by the file's URL, size and checksum or ETag. ``XARRAY_SAFE_INDEX_CACHE`` names
another folder, or is ``off``. Supplied indexes (`xarray_safe.tile_indexes`) are known by the file's name and size;
``XARRAY_SAFE_INDEXES`` names local files of them. Neither is trusted blindly: an index has a checksum of its own, what
it says is compared with the markers in the image, and if these differ, it is discarded.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import tempfile
import zlib
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from xarray_safe.errors import MissingFileError
from xarray_safe.formats.jp2.index.files import VERSION, Key, StoredIndex, decode
from xarray_safe.runtime import PerProcess, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray_safe.formats.jp2.header import ImageFile

MAX_FILES = 20_000
"""Cached indexes; beyond that, the oldest are deleted."""

supplied: PerProcess[dict[Key, StoredIndex]] = PerProcess(dict, inherited=True)
"""Indexes that a user supplied."""


def folder() -> Path | None:
    """Return the folder of the cached indexes; None if they are not to be cached."""
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


def load(file: ImageFile) -> StoredIndex | None:
    """Return the index of an image that was cached or supplied, or None."""
    home = folder()
    if home is not None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, zlib.error):
            found = json.loads(zlib.decompress((home / _name(file)).read_bytes()))
            if found["version"] == VERSION and found["key"] == list(file.files.identity(file.name)):
                parts = {int(tile): (int(start), int(length)) for tile, start, length in found["parts"]}
                index = StoredIndex(b64decode(found["header"]), 0, parts)
                return index.validated(file.size, str(found["sum"]))
    _read_supplied()
    return supplied().get(_key(file))


def supply(path: str | os.PathLike[str]) -> int:
    """Use the indexes of a local file; return how many.

    Raises
    ------
    MissingFileError
        There is no such file.
    CorruptFileError, InvalidArgumentError
        As `files.decode`.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise MissingFileError(f"{os.fspath(path)}: there is no file of indexes") from error
    return supply_bytes(data, str(Path(path)))


def supply_bytes(data: bytes, label: str) -> int:
    """Use the indexes of a file's bytes; return how many. See `supply`."""
    found = decode(data, label)
    supplied().update(found)
    return len(found)


def _read_files() -> None:
    for path in settings().indexes:
        supply(path)


_read_supplied: PerProcess[None] = PerProcess(_read_files, inherited=True)
"""Reads the files of indexes that the environment names, once."""


def save(file: ImageFile, head: bytes, parts: Mapping[int, tuple[int, int]]) -> None:
    """Cache an index; no error if it cannot be written."""
    home = folder()
    if home is None or not head:
        return
    content = {
        "version": VERSION,
        "key": list(file.files.identity(file.name)),
        "header": b64encode(head).decode(),
        "parts": [[tile, *place] for tile, place in sorted(parts.items())],
        "sum": StoredIndex(head, 0, dict(parts)).checksum,
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
    """Delete the oldest files if there are too many; among them are those of interrupted writes."""
    files = sorted(home.iterdir(), key=lambda path: path.stat().st_mtime)
    for path in files[: max(0, len(files) - MAX_FILES)]:
        path.unlink(missing_ok=True)


def discard(file: ImageFile) -> bool:
    """Discard an image's index, which may belong to another file; return True if there was one."""
    was_supplied = supplied().pop(_key(file), None) is not None
    home = folder()
    if home is not None:
        with contextlib.suppress(OSError):
            (home / _name(file)).unlink()
            return True
    return was_supplied


def _key(file: ImageFile) -> Key:
    return file.name.rpartition("/")[2], file.size


def _name(file: ImageFile) -> str:
    key = "\n".join(file.files.identity(file.name))
    return f"{sha256(key.encode()).hexdigest()[:32]}.index"
