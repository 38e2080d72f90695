"""Files of tile indexes: our own, and the Parquet tables of TLM segments of the historical archive.

The latter come from https://github.com/Kayrros/sentinel-2-jp2-tlm: a row for each image, with columns ``product_id``,
``band_id``, ``path`` (in the store of the Copernicus Data Space) and ``index``: big-endian u64 size of the file, u64
position of the first tile, u32 length of the TLM segment, and the segment (ISO/IEC 15444-1, A.7.1).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import zlib
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, NamedTuple

from xarray_safe.errors import CorruptFileError, InvalidArgumentError
from xarray_safe.formats.jp2.header import TLM
from xarray_safe.formats.jp2.tile_part import read_tlm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

VERSION = 2
_KIND = "xarray-safe indexes"


class StoredIndex(NamedTuple):
    """What a cached or supplied index knows of an image."""

    head: bytes
    """First bytes of the file, up to the first tile and a little further; empty if not known."""
    first: int
    """Position of the first tile; 0 if `head` shows it."""
    parts: dict[int, tuple[int, int]]
    """Start and length of each tile."""
    supplied: bool = False
    """Whether a user supplied it: then only name and size show that it belongs to the file."""

    @property
    def checksum(self) -> str:
        """SHA-256 of the content."""
        content = [
            b64encode(self.head).decode(),
            self.first,
            sorted((tile, *place) for tile, place in self.parts.items()),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def validated(self, size: int, checksum: str | None = None) -> StoredIndex:
        """Return self if all tiles are within `size` bytes and the checksum matches.

        Raises
        ------
        ValueError
            They are not, or it does not.
        """
        if checksum is not None and checksum != self.checksum:
            raise ValueError("its checksum does not match")
        for tile, (start, length) in self.parts.items():
            if tile < 0 or start <= 0 or length <= 0 or start + length > size:
                raise ValueError(f"tile {tile} with {length} bytes at {start} is not in a file of {size} bytes")
        return self


Key = tuple[str, int]
"""Last part of a file's name, and its size: what a supplied index is known by."""


def encode(indexes: Iterable[tuple[str, int, StoredIndex]]) -> bytes:
    """Encode indexes (name and size of the image file, its index) as a file of our own."""
    entries = [
        {
            "name": name.rpartition("/")[2],
            "size": size,
            "head": b64encode(index.head).decode(),
            "first": index.first,
            "parts": sorted((tile, *place) for tile, place in index.parts.items()),
            "sum": index.checksum,
        }
        for name, size, index in indexes
    ]
    return gzip.compress(json.dumps({"kind": _KIND, "version": VERSION, "indexes": entries}).encode())


def decode(data: bytes, label: str) -> dict[Key, StoredIndex]:
    """Decode the indexes of a file, ours or Parquet; `label` names it in messages.

    Raises
    ------
    CorruptFileError
        It is not a file of indexes.
    InvalidArgumentError
        It is Parquet, and pyarrow is not installed.
    """
    return dict(_parquet(data, label) if data.startswith(b"PAR1") else _own(data, label))


def _own(data: bytes, label: str) -> Iterator[tuple[Key, StoredIndex]]:
    try:
        content = json.loads(gzip.decompress(data))
        if content["kind"] != _KIND or content["version"] != VERSION:
            raise ValueError("it is of another kind")
        for entry in content["indexes"]:
            size = int(entry["size"])
            parts = {int(tile): (int(first), int(length)) for tile, first, length in entry["parts"]}
            index = StoredIndex(b64decode(entry["head"]), int(entry["first"]), parts, supplied=True)
            yield (str(entry["name"]), size), index.validated(size, str(entry["sum"]))
    except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error) as error:
        raise CorruptFileError(f"{label} is not a file of indexes ({error}); write it again") from error


def _parquet(data: bytes, label: str) -> Iterator[tuple[Key, StoredIndex]]:
    try:
        import pyarrow.parquet
    except ImportError:
        raise InvalidArgumentError(f"{label} is Parquet: pip install pyarrow") from None
    try:
        rows = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"{label} cannot be read as Parquet ({error}); download it again") from error
    for row in rows:
        segment = row.get("index")
        if not isinstance(segment, bytes) or not isinstance(row.get("path"), str):
            raise CorruptFileError(f"{label} does not have the columns path and index; it is another table")
        if segment:  # else the image has a table of its own
            size, index = _segment(segment, f"{label}, {row['path']}")
            yield (row["path"].rpartition("/")[2], size), index


def _segment(data: bytes, label: str) -> tuple[int, StoredIndex]:
    """Decode the index of a row: size of the file, and where its tiles are."""
    try:
        size, first, length = struct.unpack_from(">QQL", data)
        marker, _, number = struct.unpack_from(">HHB", data, 20)
    except struct.error:
        raise CorruptFileError(f"{label}: the index is cut short; download it again") from None
    entries = read_tlm(data[24:])
    if marker != TLM or number or entries is None or len(data) != 20 + length:
        raise CorruptFileError(f"{label}: the index is not a TLM segment; download it again")
    parts, position = {}, first
    for tile, part in entries:
        if tile in parts:
            raise CorruptFileError(f"{label}: tile {tile} has several parts, which no known product has")
        parts[tile] = (position, part)
        position += part
    try:
        return size, StoredIndex(b"", first, parts, supplied=True).validated(size)
    except ValueError as error:
        raise CorruptFileError(f"{label}: the index is invalid: {error}") from None
