"""Resolve: from whatever a user opens to the address of one product. `open.py` then opens that.

A path, a URL, a chain of URLs, a node of OData, a STAC item, a file or path object of fsspec, or an object that
reads ranges: each becomes an `Address`. Only the JSON of a STAC item is read for that.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from xarray_safe.archive import stac
from xarray_safe.archive.detect import is_marker
from xarray_safe.archive.local import LocalFile, denied, local_path, path_text
from xarray_safe.archive.manifest import SUFFIXES
from xarray_safe.errors import InvalidArgumentError, MissingFileError, NotASafeError
from xarray_safe.net.urls import NODES, is_remote, is_web, path_of, redact_url, with_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray_safe.archive.remote.options import StoreOptions
    from xarray_safe.archive.remote.store import RemoteLocation

_IN_ZIP = re.compile(r"(.+?\.zip)/+(.+?)/*", re.IGNORECASE | re.DOTALL)
"""A path in a zip: that of the zip, and that of a product's folder in it."""
_ZIP_CHAIN = re.compile(r"zip://([^:]*)::(.+)", re.DOTALL)
_STAC_URL = re.compile(r"https?://[^?#]*(?:/items/[^/?#]+|\.(?:geo)?json)", re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """Where a product is stored, and as what.

    Parameters
    ----------
    kind
        A folder or a zip; ``"either"`` if a URL does not tell.
    place
        Absolute path of the folder or zip on this machine; or its path in a store, which has the storage options
        that are for it and knows whose credentials they are.
    inner
        Folder in the zip that the user named; "" for the only one there is.
    declared
        Names of files that a catalogue gives, and their sizes in bytes, if known.
    """

    kind: Literal["folder", "zip", "either"]
    place: str | RemoteLocation
    inner: str = ""
    declared: Mapping[str, int | None] = field(default_factory=dict)


def resolve(thing: object, storage_options: Mapping[str, Any] | None = None) -> Address:
    """Return the address of a product.

    Parameters
    ----------
    thing, storage_options
        As for `open_archive`.

    Raises
    ------
    InvalidArgumentError
        It is not a path, URL, STAC item or object of the kinds that can be opened, or an option is invalid.
    MissingFileError
        There is nothing at a local path, or at the URL of a STAC item.
    NotASafeError
        A local folder, or a STAC item, is not a product; or a file is one of a product.
    AccessDeniedError, RemoteFailedError
        The server of a STAC item refuses, or cannot be reached.
    """
    if not isinstance(thing, str | os.PathLike) or hasattr(thing, "fs"):
        return _resolve_object(thing, storage_options or {})
    text = path_text(thing)
    if not text:
        raise InvalidArgumentError("the path is empty")
    return _resolve_url(text, storage_options or {}) if is_remote(text) else _resolve_local(text)


def _resolve_local(text: str) -> Address:
    """Resolve a local path or ``file://`` URL; looks at what is there."""
    path = local_path(text)
    if os.path.isdir(path):
        if not any(is_marker(name) for name in _entries(path)):
            raise NotASafeError(
                f"{path} has neither manifest.safe nor product metadata (MTD_*.xml) in it; {_advice(path)}"
            )
        return Address("folder", path)
    inner = _IN_ZIP.fullmatch(path.replace(os.sep, "/"))
    if inner and os.path.isfile(inner[1]):
        head, _, last = inner[2].rpartition("/")
        return Address("zip", inner[1], inner=head if is_marker(last) else inner[2])
    try:
        LocalFile.probe(path)
    except MissingFileError as error:
        hint = _other_form(text)
        if hint:
            raise MissingFileError(f"{path} does not exist; {hint}") from error
        raise
    folder, last = os.path.split(path)
    if is_marker(last):
        return Address("folder", folder)
    if _is_inner_file(last):
        raise NotASafeError(f"{path} is a file of a product, not the product; {_advice(folder)}")
    return Address("zip", path)


def _resolve_url(url: str, given: Mapping[str, Any]) -> Address:
    """Resolve the URL of a folder, a zip, a file at the top of a folder, a STAC item; or a chain as fsspec has it."""
    from xarray_safe.archive.remote.connect import connect
    from xarray_safe.archive.remote.options import StoreOptions

    if url.lower().startswith("zip://") and "!" in url and "::" not in url:
        place, _, inner = url[len("zip://") :].partition("!")
        raise InvalidArgumentError(
            f"{redact_url(url)} is a path of rasterio's; open {redact_url(place)!r}, or a product in it by "
            f"'zip://{inner.strip('/').partition('/')[0]}::{redact_url(place)}'"
        )
    chain = _ZIP_CHAIN.fullmatch(url)
    if chain:
        return _resolve_in_zip(chain[1], chain[2], {name: value for name, value in given.items() if name != "zip"})
    options = StoreOptions.split(given)
    if _STAC_URL.fullmatch(url.partition("?")[0]):
        return _resolve_item(_fetch_item(url, options), options, url)
    return _by_name(connect(url, options.of_store(url)))


def _resolve_in_zip(inner: str, outer: str, given: Mapping[str, Any]) -> Address:
    """Resolve ``zip://inner::outer`` of fsspec; our own reader of zips needs far fewer requests."""
    from xarray_safe.archive.remote.connect import connect
    from xarray_safe.archive.remote.options import StoreOptions

    head, _, last = inner.strip("/").rpartition("/")
    folder = head if is_marker(last) else inner.strip("/")
    if not is_remote(outer):
        return replace(_resolve_local(outer), inner=folder)
    return Address("zip", connect(outer, StoreOptions.split(given).of_store(outer)), inner=folder)


def _resolve_object(thing: object, given: Mapping[str, Any]) -> Address:
    """Resolve a STAC item, a file or path of fsspec, or an object that reads ranges of a zip."""
    from xarray_safe.archive.remote.options import StoreOptions
    from xarray_safe.archive.remote.store import RangeReader, RemoteLocation

    if stac.is_item(thing):
        return _resolve_item(stac.as_mapping(thing), StoreOptions.split(given))
    fs, path = getattr(thing, "fs", None), getattr(thing, "path", None)
    if fs is not None and isinstance(path, str) and hasattr(fs, "cat_file"):
        return _by_name(_of_file_system(fs, path))
    if isinstance(thing, RangeReader):
        from xarray_safe.archive.remote.fsspec import RangesStore

        return Address("zip", RemoteLocation(RangesStore(thing), ""))
    raise InvalidArgumentError(f"a {type(thing).__name__} is not a path, URL or STAC item of a product")


def _resolve_item(item: Mapping[str, Any], options: StoreOptions, home: str = "") -> Address:
    """Resolve a STAC item.

    Parameters
    ----------
    item
        As in its JSON.
    options
        For the stores of the item and of its assets.
    home
        URL that the user gave for it: other web servers get no credentials. Without one, there is only the item's
        word, and credentials go to the servers of `trusted_hosts` and of the Copernicus Data Space alone.
    """
    from xarray_safe.archive.remote.connect import connect

    found = stac.locate(item, home, prefer_web=options.prefers_web)
    if "://" not in found.url:
        return _resolve_local(found.url)
    location = connect(found.url, options.of_asset(found.url), home)
    declared = {**dict.fromkeys(found.names), **found.sizes}
    return Address("zip", location) if found.zip else Address("folder", location, declared=declared)


def _fetch_item(url: str, options: StoreOptions) -> Mapping[str, Any]:
    """Read the JSON of a STAC item."""
    from xarray_safe.archive.remote.connect import connect
    from xarray_safe.archive.remote.fetch import Fetcher, VersionTracker

    location = connect(url, options.of_item(url))
    answer = Fetcher(location.store, VersionTracker()).one(location.path)
    return stac.parse_item(answer.data, location.url)


def _of_file_system(fs: Any, path: str) -> RemoteLocation:
    """Return the location of a path in a file system of fsspec; our own stores read S3 and HTTP with its options."""
    from xarray_safe.archive.remote.connect import connect
    from xarray_safe.archive.remote.fsspec import FsspecStore
    from xarray_safe.archive.remote.store import RemoteLocation

    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
    if "s3" in protocols:
        return connect(f"s3://{path}", fs.storage_options)
    if "https" in protocols:
        return connect(path, fs.storage_options)
    return RemoteLocation(FsspecStore(f"{protocols[0]}://{path.lstrip('/')}", {}, fs), path)


def _by_name(location: RemoteLocation) -> Address:
    """Return the address of the folder or zip that a path in a store means, by its name alone."""
    path = path_of(location.path)
    nodes = NODES.fullmatch(path) if is_web(location.path) else None
    if nodes:
        return Address("folder", _at(location, nodes[1]))
    path = path.rstrip("/")
    inside = _IN_ZIP.fullmatch(path)
    if inside:
        head, _, last = inside[2].rpartition("/")
        return Address("zip", _at(location, inside[1]), inner=head if is_marker(last) else inside[2])
    folder, _, last = path.rpartition("/")
    if last.lower().endswith(".zip") or last == "$value":
        return Address("zip", _at(location, path))
    if is_marker(last):
        return Address("folder", _at(location, folder))
    if _is_inner_file(last):
        raise NotASafeError(
            f"{location.url} is a file of a product, not the product; open the folder that ends in .SAFE"
        )
    return Address("folder" if last.lower().endswith(SUFFIXES) else "either", _at(location, path))


def _at(location: RemoteLocation, path: str) -> RemoteLocation:
    """Return another path in the same store."""
    return replace(location, path=with_path(location.path, path))


def _other_form(text: str) -> str | None:
    """Say what form a path has that is not one of ours, and what to give instead; None if it is none that we know."""
    plain = text.strip().strip("\"'")
    if plain != text and (os.path.exists(os.path.expanduser(plain)) or text[:1] in "\"'"):
        return f"there are quotes or blanks around the path; give {plain!r} without them"
    if re.match(r"(?i)SENTINEL\d_\w+:", text):
        inside = re.sub(r"(?i)^SENTINEL\d_\w+:(/vsizip/)?", "", text)
        inside = re.sub(r"(/MTD_\w+\.xml)?(:\w+)*$", "", inside)
        return f"that is a name of GDAL's for a part of a product; open {inside!r}, and a group of it by group="
    if text.startswith("/vsi"):
        inside = re.sub(r"^/vsi\w+/\{?([^}]*)\}?", r"\1", text)
        return f"that is a path of GDAL's virtual file systems; open {inside!r}, for zips need no such prefix"
    return None


def _entries(path: str) -> list[str]:
    """Return the names of what is in a local folder.

    Raises
    ------
    AccessDeniedError
        It may not be read.
    """
    try:
        return os.listdir(path)
    except OSError as error:
        raise denied(path) from error


def _is_inner_file(name: str) -> bool:
    return name.lower().endswith((".xml", ".jp2"))


def _advice(path: str) -> str:
    """Name products near a local folder that is not a product."""
    names = _entries(path)
    if any(is_marker(name) for name in names):
        return f"open {path}"
    inside = sorted(name for name in names if name.lower().endswith((".safe", ".safe.zip", ".sen3", ".sen3.zip")))
    if inside:
        return f"open one of those in it: {', '.join(inside[:5])}{', …' if len(inside) > 5 else ''}"
    parts = path.replace(os.sep, "/").split("/")
    above = [number for number, part in enumerate(parts) if part.lower().endswith(SUFFIXES)]
    if above:
        return f"open {'/'.join(parts[: above[-1] + 1])}"
    return "open the .SAFE folder, its manifest.safe or its zip"
