"""Files of indexes: our own, and the Parquet tables of TLM segments of the historical archive.

The latter come from https://github.com/Kayrros/sentinel-2-jp2-tlm: a row for each image, with columns ``product_id``,
``band_id``, ``path`` (in the store of the Copernicus Data Space) and ``index``: big-endian u64 size of the file, u64
position of the first tile, u32 length of the TLM segment, and the segment (ISO/IEC 15444-1, A.7.1).
"""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import zlib
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xarray_safe.errors import CorruptFileError, InvalidArgumentError, MissingFileError
from xarray_safe.formats.jp2.header import TLM
from xarray_safe.formats.jp2.index import cache
from xarray_safe.net.urls import is_remote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from xarray_safe.formats.jp2.index.tile_index import Index

KIND = "xarray-safe indexes"


def write(target: str | os.PathLike[str], indexes: Iterable[tuple[str, int, Index]]) -> int:
    """Write complete indexes (name and size of the file, index) to a file of our own; tell how many."""
    entries = [_entry(name, size, index) for name, size, index in indexes]
    with gzip.open(target, "wt", encoding="utf-8") as file:
        json.dump({"kind": KIND, "version": cache.VERSION, "indexes": entries}, file)
    return len(entries)


def _entry(name: str, size: int, index: Index) -> dict[str, object]:
    parts = {tile: (place.start, place.length) for tile, place in index.known().items()}
    known = cache.Known(index.head, index.header.tiles_start, parts)
    return {
        "name": name.rpartition("/")[2],
        "size": size,
        "head": b64encode(index.head).decode(),
        "first": known.first,
        "parts": sorted((tile, *place) for tile, place in parts.items()),
        "sum": known.sum,
    }


def use(source: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> int:
    """Take over the indexes of a file, local or elsewhere; tell how many.

    Raises
    ------
    MissingFileError, AccessDeniedError, RemoteFailedError
        There is none, or it cannot be read.
    CorruptFileError
        It is no file of indexes.
    InvalidArgumentError
        It is Parquet, and pyarrow is not installed.
    """
    data, where = _read(os.fspath(source), options or {})
    found = dict(_parquet(data, where) if data.startswith(b"PAR1") else _own(data, where))
    cache.given.update(found)
    return len(found)


def _read(source: str, options: Mapping[str, Any]) -> tuple[bytes, str]:
    """Give all bytes of a file, and how messages name it."""
    if is_remote(source):
        from xarray_safe.archive.remote.connect import connect
        from xarray_safe.archive.remote.fetch import Fetcher, Versions

        place = connect(source, options)
        return Fetcher(place.store, Versions()).one(place.path).data, place.url
    path = Path(source)
    try:
        return path.read_bytes(), str(path)
    except OSError as error:
        raise MissingFileError(f"{path}: there is no file of indexes") from error


def _own(data: bytes, where: str) -> Iterator[tuple[tuple[str, int], cache.Known]]:
    try:
        content = json.loads(gzip.decompress(data))
        if content["kind"] != KIND or content["version"] != cache.VERSION:
            raise ValueError("it is of another kind")
        for entry in content["indexes"]:
            size = int(entry["size"])
            parts = {int(tile): (int(first), int(length)) for tile, first, length in entry["parts"]}
            known = cache.Known(b64decode(entry["head"]), int(entry["first"]), parts, given=True)
            yield (str(entry["name"]), size), known.check(size, str(entry["sum"]))
    except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error) as error:
        raise CorruptFileError(f"{where} is no file of indexes ({error}); write it again") from error


def _parquet(data: bytes, where: str) -> Iterator[tuple[tuple[str, int], cache.Known]]:
    try:
        import pyarrow.parquet
    except ImportError:
        raise InvalidArgumentError(f"{where} is Parquet: pip install pyarrow") from None
    try:
        rows = pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist()
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"{where} cannot be read as Parquet ({error})") from error
    for row in rows:
        index = row.get("index")
        if not isinstance(index, bytes) or not isinstance(row.get("path"), str):
            raise CorruptFileError(f"{where} has no columns path and index; it is another table")
        if index:  # else the image has a table of its own
            size, known = _segment(index, f"{where}, {row['path']}")
            yield (row["path"].rpartition("/")[2], size), known


def _segment(data: bytes, where: str) -> tuple[int, cache.Known]:
    """Read a row's index: size of the file, and where its tiles lie."""
    try:
        size, first, length = struct.unpack_from(">QQL", data)
        marker, _, number, kind = struct.unpack_from(">HHBB", data, 20)
    except struct.error:
        raise CorruptFileError(f"{where}: the index is cut short") from None
    tile_size, part_size = (kind >> 4) & 3, 4 if kind & 0x40 else 2
    step = tile_size + part_size
    if marker != TLM or number or tile_size == 3 or len(data) != 20 + length or (length - 6) % step:
        raise CorruptFileError(f"{where}: the index is no TLM segment")
    parts, position = {}, first
    for count, at in enumerate(range(26, len(data), step)):
        tile = int.from_bytes(data[at : at + tile_size], "big") if tile_size else count
        part = int.from_bytes(data[at + tile_size : at + step], "big")
        if tile in parts:
            raise CorruptFileError(f"{where}: tile {tile} has several parts, which no Sentinel-2 image has")
        parts[tile] = (position, part)
        position += part
    try:
        return size, cache.Known(b"", first, parts, given=True).check(size)
    except ValueError as error:
        raise CorruptFileError(f"{where}: the index makes no sense: {error}") from None
