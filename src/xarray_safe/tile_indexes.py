"""Indexes of images, saved and brought along: they make old products as quick to read from afar as new ones.

Images from before February 2026 have no table of their tiles, and to find these takes some requests more. That is
done once and kept in the user's cache folder; those who read many products, or in many places, can save indexes in
a file, beside the product or apart from it, and use them elsewhere: by `use`, or in all processes by the environment
variable ``XARRAY_SAFE_INDEXES`` (local paths of such files).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xarray_safe.archive import open_archive
from xarray_safe.formats.jp2.header import ImageFile
from xarray_safe.formats.jp2.index import files as index_files
from xarray_safe.formats.jp2.index.tile_index import open_index

if TYPE_CHECKING:
    import os

__all__ = ["save", "use"]


def save(product: object, target: str | os.PathLike[str], *, storage_options: dict[str, Any] | None = None) -> int:
    """Save the indexes of a product's images that have no tables of their own.

    Parameters
    ----------
    product
        Anything that `xarray.open_datatree` takes with ``engine="safe"``; best a local copy.
    target
        Local file to write, about 2 kB for an image.
    storage_options
        As there.

    Returns
    -------
    int
        How many there are.
    """
    archive = open_archive(product, storage_options)
    found = []
    for name in archive.names:
        if name.endswith(".jp2"):
            file = ImageFile(archive, name)
            index = open_index(file)
            if not index.header.tlm:
                for tile in range(index.header.tiles):
                    index.parts(file, tile)
                index.head = index.head or archive.read(name, 0, index.header.tiles_start + 4)
                found.append((name, archive.size(name), index))
    return index_files.write(target, found)


def use(source: str | os.PathLike[str], *, storage_options: dict[str, Any] | None = None) -> int:
    """Use saved indexes in this process.

    Parameters
    ----------
    source
        Local file, or any URL of fsspec, as ``s3://…/X.indexes`` beside a product: one that `save` wrote, or a Parquet
        table of https://github.com/Kayrros/sentinel-2-jp2-tlm; of 32 MB at the most if it lies elsewhere.
    storage_options
        For the URL, as `xarray.open_datatree` takes them.

    Returns
    -------
    int
        How many there are in it.

    Raises
    ------
    MissingFileError, CorruptFileError, InvalidArgumentError
        There is none, it is another kind of file or damaged, or pyarrow is not installed.
    AccessDeniedError, RemoteFailedError
        It cannot be read.
    """
    return index_files.use(source, storage_options)
