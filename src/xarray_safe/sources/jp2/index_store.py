"""Indexes of images that lie elsewhere, kept from one session to the next, or brought along.

An index is small (about 3 kB) and takes many requests to make where an image has no table of its tiles. So it is
kept in the user's cache folder, by the file's URL, size and checksum or ETag. ``XARRAY_SAFE_INDEX_CACHE`` names
another folder, or is ``off``.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import zlib
from base64 import b64decode, b64encode
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray_safe.sources.jp2.header import ImageFile

VERSION = 1
MOST_FILES = 20_000
"""Indexes kept; beyond, the oldest go."""
Parts = dict[int, tuple[int, int]]


@cache
def folder() -> Path | None:
    """Folder of the kept indexes; None where they are not to be kept."""
    chosen = os.environ.get("XARRAY_SAFE_INDEX_CACHE", "").strip()
    if chosen.lower() in ("off", "0", "no", "false"):
        return None
    if chosen:
        return Path(chosen).expanduser()
    try:
        import platformdirs
    except ImportError:
        return None
    return Path(platformdirs.user_cache_dir("xarray-safe")) / "indexes"


def find(file: ImageFile) -> tuple[bytes, Parts] | None:
    """Give the start of an image's file, and the places (start, length) of its tiles, as they were kept."""
    home = folder()
    if home is None:
        return None
    try:
        packed = (home / _name(file)).read_bytes()
        found = json.loads(zlib.decompress(packed))
        if found["version"] != VERSION or found["key"] != list(file.files.identity(file.name)):
            return None
        parts = {int(tile): (int(start), int(length)) for tile, start, length in found["parts"]}
        return b64decode(found["header"]), parts
    except (OSError, ValueError, KeyError, TypeError, zlib.error):
        return None


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
    }
    with contextlib.suppress(OSError):
        home.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=home, prefix=".new-")
        with os.fdopen(handle, "wb") as target:
            target.write(zlib.compress(json.dumps(content).encode()))
        os.replace(temporary, home / _name(file))


def forget(file: ImageFile) -> bool:
    """Drop an image's index, which may not belong to it any more; tell whether there was one."""
    home = folder()
    if home is not None:
        with contextlib.suppress(OSError):
            (home / _name(file)).unlink()
            return True
    return False


def _name(file: ImageFile) -> str:
    key = "\n".join(file.files.identity(file.name))
    return f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.index"
