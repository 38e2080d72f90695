"""Tile indexes of images, saved and supplied: they make old remote products as quick to read as new ones.

Images from before February 2026 have no table of their tiles, and finding these takes some requests more. That is
done once and cached in the user's cache folder. Users who read many products, or on many machines, can save indexes in
a file, beside the product or apart from it, and supply them again: by `use`, or in all processes by the environment
variable ``XARRAY_SAFE_INDEXES`` (local paths of such files).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xarray_safe.archive import open_archive
from xarray_safe.formats.jp2.header import ImageFile
from xarray_safe.formats.jp2.index import cache
from xarray_safe.formats.jp2.index.files import StoredIndex, encode
from xarray_safe.formats.jp2.index.tile_index import open_index
from xarray_safe.net.urls import is_remote

if TYPE_CHECKING:
    from xarray_safe.archive import Archive

__all__ = ["save", "use"]


def save(product: object, target: str | os.PathLike[str], *, storage_options: dict[str, Any] | None = None) -> int:
    """Save the indexes of a product's images that have no tables of their own.

    Parameters
    ----------
    product
        Anything that `xarray.open_datatree` takes with ``engine="safe"``; preferably a local copy.
    target
        Local file to write, about 2 kB per image.
    storage_options
        As for `xarray.open_datatree`.

    Returns
    -------
    int
        Number of indexes.
    """
    archive = open_archive(product, storage_options)
    images = [name for name in archive.names if name.endswith(".jp2")]
    found = [(name, archive.size(name), index) for name in images if (index := _complete_index(archive, name))]
    Path(target).write_bytes(encode(found))
    return len(found)


def _complete_index(archive: Archive, name: str) -> StoredIndex | None:
    """Return the index of all tiles of an image; None if it has a table of its own."""
    file = ImageFile(archive, name)
    index = open_index(file)
    if index.header.tlm:
        return None
    for tile in range(index.header.tiles):
        index.parts(file, tile)
    head = index.head or file.read(0, index.header.tiles_start + 4)
    return StoredIndex(head, index.header.tiles_start, dict(index.known()))


def use(source: str | os.PathLike[str], *, storage_options: dict[str, Any] | None = None) -> int:
    """Use saved indexes in this process.

    Parameters
    ----------
    source
        Local file, or any URL of fsspec, as ``s3://…/X.indexes`` beside a product: one that `save` wrote, or a Parquet
        table of https://github.com/Kayrros/sentinel-2-jp2-tlm. A remote file may have at most 32 MB.
    storage_options
        For the URL, as `xarray.open_datatree` takes them.

    Returns
    -------
    int
        Number of indexes in it.

    Raises
    ------
    MissingFileError, CorruptFileError, InvalidArgumentError
        There is no such file, it is another kind of file or damaged, or pyarrow is not installed.
    AccessDeniedError, RemoteFailedError
        It cannot be read.
    """
    path = os.fspath(source)
    if not is_remote(path):
        return cache.supply(path)
    from xarray_safe.archive.remote.connect import connect
    from xarray_safe.archive.remote.fetch import Fetcher, VersionTracker

    place = connect(path, storage_options or {})
    return cache.supply_bytes(Fetcher(place.store, VersionTracker()).one(place.path).data, place.url)
