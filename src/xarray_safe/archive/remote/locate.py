"""The doors to products elsewhere: which folder or zip a URL, a STAC item or a file object means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from xarray_safe.archive import stac
from xarray_safe.archive.detect import is_marker
from xarray_safe.archive.remote.fetch import Fetcher, Versions
from xarray_safe.archive.remote.folder import Place, open_folder, open_zip
from xarray_safe.archive.remote.fsspec import FsspecStore, RangesStore
from xarray_safe.archive.remote.http import HttpStore
from xarray_safe.archive.remote.options import for_place, under_scheme
from xarray_safe.archive.remote.s3 import S3Store
from xarray_safe.archive.remote.store import Ranges
from xarray_safe.errors import InvalidArgumentError, MissingFileError, NotASafeError, UnsupportedProductError
from xarray_safe.net.urls import NODES, is_web, path_of, redact_url, with_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray_safe.archive.base import Archive

_ZIP_CHAIN = re.compile(r"zip://([^:]*)::(.+)", re.DOTALL)
_STAC_URL = re.compile(r"https?://[^?#]*(?:/items/[^/?#]+|\.(?:geo)?json)", re.IGNORECASE)


def open_url(url: str, options: Mapping[str, Any]) -> Archive:
    """Open a product by a URL that is not a local path's.

    Parameters
    ----------
    url
        Of a folder, a zip, a file at the top of a folder, a STAC item, or a chain of these as fsspec has it.
    options
        Storage options.

    Raises
    ------
    SafeError
        As `open_archive`.
    """
    chain = _ZIP_CHAIN.fullmatch(url)
    if chain:
        return _open_in_zip(chain[1], chain[2], options)
    if _STAC_URL.fullmatch(url.partition("?")[0]):
        place = store_of(url, for_place(url, options))
        answer = Fetcher(place.store, Versions()).one(place.path)
        return open_item(stac.parse_item(answer.data, place.url), options, url)
    return open_place(store_of(url, options))


def open_object(thing: object, options: Mapping[str, Any]) -> Archive | None:
    """Open a product by an object: a STAC item, a file or path of fsspec, or one that gives `Ranges`; else None."""
    if stac.is_item(thing):
        return open_item(stac.as_mapping(thing), options)
    fs, path = getattr(thing, "fs", None), getattr(thing, "path", None)
    if fs is not None and isinstance(path, str) and hasattr(fs, "cat_file"):
        return open_place(_place_in(fs, path))
    if isinstance(thing, Ranges):
        return open_zip(Place(RangesStore(thing), ""))
    return None


def open_item(item: Mapping[str, Any], options: Mapping[str, Any], home: str = "") -> Archive:
    """Open the product of a STAC item.

    Parameters
    ----------
    item
        As in its JSON.
    options
        Storage options for the place that it names, and for others.
    home
        URL that the user gave for it: web servers elsewhere get no credentials. Without one, there is but the item's
        word, and its own place gets them.
    """
    found = stac.place_of(item, options, home)
    if "://" not in found.url:
        from xarray_safe.archive.open import open_archive

        return open_archive(found.url, dict(options))
    place = store_of(found.url, for_place(found.url, options), home or None)
    return open_zip(place) if found.zip else open_folder(place, dict.fromkeys(found.names) | found.sizes)


def open_place(place: Place) -> Archive:
    """Open the folder or zip at a place, whichever its name says; where that says nothing, whichever is there."""
    path = path_of(place.path)
    nodes = NODES.fullmatch(path) if is_web(place.path) else None
    if nodes:
        return open_folder(_at(place, nodes[1]))
    path = path.rstrip("/")
    folder, _, last = path.rpartition("/")
    if last.lower().endswith(".zip") or last == "$value":
        return open_zip(_at(place, path))
    if is_marker(last):
        return open_folder(_at(place, folder))
    if last.lower().endswith((".xml", ".jp2")):
        raise NotASafeError(f"{place.url} is a file of a product, not the product; open the folder that ends in .SAFE")
    if last.lower().endswith(".safe"):
        return open_folder(_at(place, path))
    try:
        return open_folder(_at(place, path))
    except (MissingFileError, NotASafeError, UnsupportedProductError) as error:
        try:
            return open_zip(_at(place, path))
        except MissingFileError:
            raise error from None


def _at(place: Place, path: str) -> Place:
    """Give another path in the same store."""
    return Place(place.store, with_path(place.path, path))


def _open_in_zip(inner: str, outer: str, options: Mapping[str, Any]) -> Archive:
    """Open a product in a zip, by fsspec's ``zip://inner::outer``: our own reader needs far fewer requests."""
    from xarray_safe.archive.open import is_remote, open_archive

    nested = under_scheme(outer, options)
    own = {key: value for key, value in options.items() if key != "zip"} if nested is None else nested
    archive = open_zip(store_of(outer, own)) if is_remote(outer) else open_archive(outer)
    folder = inner.strip("/")
    head, _, last = folder.rpartition("/")
    folder = head if is_marker(last) else folder
    if folder and folder.rpartition("/")[2].lower().removesuffix(".safe") != archive.name.lower():
        raise NotASafeError(f"{archive.url} has no product in a folder {inner!r}; its product is {archive.name}")
    return archive


def _place_in(fs: Any, path: str) -> Place:
    """Give the place of a path in a file system of fsspec, or an open file of it."""
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
    if "s3" in protocols:
        return Place(S3Store(fs.storage_options), path.strip("/"))
    if "https" in protocols:
        return Place(HttpStore(path, fs.storage_options), path)
    return Place(FsspecStore(f"{protocols[0]}://{path.lstrip('/')}", {}, fs), path)


def store_of(url: str, options: Mapping[str, Any], home: str | None = None) -> Place:
    """Give the store and the path that a URL means; asks nothing, though some of fsspec's file systems connect.

    Parameters
    ----------
    url
        Of the place.
    options
        Its storage options.
    home
        URL whose host the options' credentials are for, if that is another one.

    Raises
    ------
    InvalidArgumentError
        The URL is none, its scheme is unknown, or what it needs is not installed.
    """
    try:
        import fsspec  # noqa: F401
    except ImportError:
        raise InvalidArgumentError(
            f'{redact_url(url)} lies elsewhere: pip install "xarray-safe[remote]", or download it'
        ) from None
    scheme = url.partition("://")[0].lower()
    if scheme in ("http", "https"):
        _need("aiohttp", "remote", url)
        return Place(HttpStore(url, options, home), url)
    if scheme in ("s3", "s3a"):
        _need("s3fs", "s3", url)
        return Place(S3Store(options), url.partition("://")[2].strip("/"))
    store = FsspecStore(url, options)
    return Place(store, store.path())


def _need(module: str, extra: str, url: str) -> None:
    import importlib.util

    if importlib.util.find_spec(module) is None:
        raise InvalidArgumentError(
            f'{redact_url(url)} needs {module}, which is not installed: pip install "xarray-safe[{extra}]"'
        )
