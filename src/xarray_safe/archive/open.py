"""Open a product: resolve what the user gave to an address, then open the folder or zip there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xarray_safe.archive.folder import FolderArchive
from xarray_safe.archive.local import LocalFile
from xarray_safe.archive.resolve import Address, resolve
from xarray_safe.archive.zip.archive import ZipArchive
from xarray_safe.errors import MissingFileError, NotASafeError, UnsupportedProductError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray_safe.archive.base import Archive
    from xarray_safe.archive.remote.store import RemoteLocation


def open_archive(path: object, storage_options: Mapping[str, object] | None = None) -> Archive:
    """Open a product; reads at most a listing.

    Parameters
    ----------
    path
        The `.SAFE` folder, its `manifest.safe`, its product metadata (`MTD_*.xml` at its top), or a zip of it, with
        or without the folder in it: a local path (``~`` and ``file://`` are understood) or any URL that fsspec knows,
        such as ``s3://eodata/…/X.SAFE``, ``https://…/X.SAFE.zip``, ``zip://::s3://…/X.SAFE.zip``, ``memory://…``, or
        OData's ``https://…/Products(…)/Nodes(X.SAFE)``. Or a STAC item (a dict, a `pystac.Item`, the URL of its
        JSON), a file or path object of fsspec, or any object that reads ranges of a zip (`RangeReader`).
    storage_options
        Of the remote file system, as fsspec (s3fs, …) has them; ignored for local paths. For HTTP also ``token`` and
        ``trusted_hosts`` (see `HttpStore`). A flat dict is for the store of the product; options for two stores, as a
        STAC item may need, are given by scheme: ``{"https": {…}, "s3": {…}}`` (see `StoreOptions`).

    Raises
    ------
    MissingFileError
        There is nothing at this path.
    NotASafeError
        What is there is not a product.
    UnsupportedProductError
        It is a zip of several products or of a kind that cannot be read in place, or on a server that does not
        return ranges of bytes.
    CorruptFileError
        It is a zip that is cut short or damaged.
    AccessDeniedError, RemoteFailedError
        A server refuses, or cannot be reached.
    InvalidArgumentError
        `path` is not of a kind that can be opened, or an option is invalid.
    """
    return open_address(resolve(path, storage_options))


def open_address(address: Address) -> Archive:
    """Open the folder or zip at an address.

    Raises
    ------
    SafeError
        As `open_archive`.
    """
    archive: Archive
    if not isinstance(address.place, str):
        archive = _open_remote(address.place, address)
    elif address.kind == "folder":
        archive = FolderArchive(address.place)
    else:
        archive = ZipArchive(LocalFile.probe(address.place), inner=address.inner)
        archive.open()
    last = address.inner.rstrip("/").rpartition("/")[2]
    if last and last.lower().removesuffix(".safe").removesuffix(".sen3") != archive.name.lower():
        raise NotASafeError(
            f"{archive.url} has no product in a folder {address.inner!r}; its product is {archive.name}"
        )
    return archive


def _open_remote(location: RemoteLocation, address: Address) -> Archive:
    from xarray_safe.archive.remote.file import open_zip
    from xarray_safe.archive.remote.folder import open_folder

    if address.kind == "zip":
        return open_zip(location, address.inner)
    try:
        return open_folder(location, address.declared)
    except (MissingFileError, NotASafeError, UnsupportedProductError) as error:
        if address.kind == "folder":
            raise
        try:
            return open_zip(location)
        except MissingFileError:
            raise error from None
