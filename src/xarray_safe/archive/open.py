"""The doors to a product: which folder or zip a path means, and whether a path looks like a product at all."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from xarray_safe.archive.detect import is_marker, product_folders
from xarray_safe.archive.folder import FolderArchive
from xarray_safe.archive.local import LocalFile
from xarray_safe.archive.stac import is_item
from xarray_safe.archive.zip.archive import ZipArchive
from xarray_safe.archive.zip.central_directory import read_directory
from xarray_safe.errors import InvalidArgumentError, NotASafeError, UnsupportedProductError

if TYPE_CHECKING:
    from xarray_safe.archive.base import Archive

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:://|::)")
"""A scheme has two letters at the least: ``C:`` is a drive."""

_PRODUCT = re.compile(r"(S\d[A-Z_]_\w{20,})[^/]*?(?:\.SAFE)?(?:\.zip)?", re.IGNORECASE)
_OTHER_FORMAT = re.compile(r"\.(?:zarr|nc|tiff?|tar|t?gz|xml|json|jp2|png|jpe?g)\b", re.IGNORECASE)


def open_archive(path: object, storage_options: dict[str, object] | None = None) -> Archive:
    """Open a product; reads a listing at the most.

    Parameters
    ----------
    path
        The `.SAFE` folder, its `manifest.safe`, its product metadata (`MTD_*.xml` at its top), or a zip of it, with
        or without the folder in it: a local path (``~`` and ``file://`` are understood) or any URL that fsspec knows,
        such as ``s3://eodata/…/X.SAFE``, ``https://…/X.SAFE.zip``, ``zip://::s3://…/X.SAFE.zip``, ``memory://…``, or
        OData's ``https://…/Products(…)/Nodes(X.SAFE)``. Or a STAC item (a dict, a `pystac.Item`, the URL of its
        JSON), a file or path object of fsspec, or any object that gives `Ranges` of a zip.
    storage_options
        Of the remote file system, as fsspec (s3fs, …) has them; without meaning for local paths. For HTTP also
        ``token`` and ``trusted_hosts`` (see `HttpStore`).

    Raises
    ------
    MissingFileError
        There is nothing at this path.
    NotASafeError
        What is there is no product.
    UnsupportedProductError
        It is a zip of several products or of a kind that cannot be read in place, or on a server that does not
        give ranges of bytes.
    CorruptFileError
        It is a zip that is cut short or damaged.
    AccessDeniedError, RemoteFailedError
        A server refuses, or cannot be reached.
    """
    if not isinstance(path, str | os.PathLike) or hasattr(path, "fs"):
        from xarray_safe.archive.remote.locate import open_object

        found = open_object(path, storage_options or {})
        if found is None:
            raise InvalidArgumentError(f"a {type(path).__name__} is no path, URL or STAC item of a product")
        return found
    text = _text(path)
    if not text:
        raise InvalidArgumentError("the path is empty")
    if is_remote(text):
        from xarray_safe.archive.remote.locate import open_url

        return open_url(text, storage_options or {})
    local = _local(text)
    if os.path.isdir(local):
        return _open_folder(local)
    file = LocalFile.look(local)
    folder, last = os.path.split(local)
    if is_marker(last):
        return FolderArchive(folder)
    if last.lower().endswith((".xml", ".jp2")):
        raise NotASafeError(f"{local} is a file of a product, not the product; {_advice(folder)}")
    archive = ZipArchive(file)
    archive.open()
    return archive


def guess(path: object) -> str | None:
    """Say what a path seems to hold, cheaply.

    Parameters
    ----------
    path
        Anything; what is no path holds no product.

    Returns
    -------
    str or None
        None where `open_archive` would find no product. Else what tells the product's type: the product's name
        where the path has one, or the name of its metadata (``MTD_*.xml``), or, where neither
        is known, the folder's name. Never raises, and reads no more than a folder or a zip's directory.
    """
    try:
        if not isinstance(path, str | os.PathLike):
            return _guess_object(path)
        text = _text(path)
        last = text.rstrip("/\\").replace("\\", "/").rpartition("/")[2]
        if is_remote(text):
            return _guess_url(text)
        if _OTHER_FORMAT.search(last) and not is_marker(last):
            return None
        return _guess_local(_local(text))
    except Exception:  # a guess is no place to fail; opening says what is wrong
        return None


def _guess_url(url: str) -> str | None:
    """Guess from a URL: the name at its end, before a query or in OData's brackets, or that of a STAC item."""
    path = url.partition("?")[0].rstrip("/")
    item = re.search(r"/items/([^/]+)$", path)
    if item:
        found = _PRODUCT.fullmatch(item[1].removesuffix(".json"))
        return found[1] if found else None
    nodes = re.search(r"/Products\([^()]+\)/Nodes\(([^()]+)\)", path)
    path = nodes[1] if nodes else path
    last = path.rpartition("/")[2]
    return None if _OTHER_FORMAT.search(last) and not is_marker(last) else _guess_by_name(path)


def _guess_object(thing: object) -> str | None:
    """Guess from what an object says of itself: the name of a STAC item, or of a remote file."""
    if is_item(thing):
        found = _PRODUCT.fullmatch(str(thing["id"] if isinstance(thing, dict) else getattr(thing, "id", "")))
        return found[1] if found else None
    place = getattr(thing, "path", None) or getattr(thing, "url", None)
    return _guess_by_name(place) if isinstance(place, str) else None


def _guess_by_name(path: str) -> str | None:
    """Guess from the name alone."""
    folder, _, last = path.replace("\\", "/").rstrip("/").rpartition("/")
    if is_marker(last):
        found = _PRODUCT.fullmatch(folder.rpartition("/")[2])
        return found[1] if found else last if last.upper().startswith("MTD_") else None
    found = _PRODUCT.fullmatch(last)
    if found and last.lower().endswith((".safe", ".zip")):
        return found[1]
    return None


def _guess_local(path: str) -> str | None:
    """Guess from the name, and where that does not tell, from the folder or the zip's directory."""
    last = os.path.basename(path)
    if not os.path.exists(path) or last.lower().endswith((".safe", ".safe.zip")) or is_marker(last):
        named = _guess_by_name(path)
        if named or not os.path.exists(path):
            return named
    if os.path.isdir(path):
        return _label(os.path.basename(path), os.listdir(path))
    if is_marker(last):
        folder = os.path.dirname(path)
        return _label(os.path.basename(folder), os.listdir(folder))
    if not last.lower().endswith(".zip"):
        return None
    file = LocalFile.look(path)
    names = read_directory(file.read, file.size, path)
    folders = product_folders(names)
    if len(folders) != 1:
        return None
    top = [name[len(folders[0]) :] for name in names if name.startswith(folders[0])]
    return _label(folders[0].rstrip("/").rpartition("/")[2] or last, top)


def _label(folder: str, names: list[str]) -> str | None:
    """Give the name that tells most of a product's type, from its folder's name and the files at its top."""
    markers = sorted(name for name in names if is_marker(name))
    if not markers:
        return None
    found = _PRODUCT.fullmatch(folder)
    if found:
        return found[1]
    return next((name for name in markers if name.upper().startswith("MTD_")), folder)


def _text(path: str | os.PathLike[str]) -> str:
    return os.fsdecode(os.fspath(path))


def is_remote(text: str) -> bool:
    """Whether a text is a URL of something that is no local file."""
    return _URL.match(text) is not None and not text.lower().startswith("file://")


def _local(text: str) -> str:
    """Give the absolute path that a text means; links stay, for their names may say more."""
    if text.lower().startswith("file://"):
        url = urlsplit(text)
        if url.netloc not in ("", "localhost"):
            raise UnsupportedProductError(
                f"{text} lies on another machine, which this URL does not lead to; mount it, or use another URL"
            )
        text = url2pathname(url.path)
    return os.path.abspath(os.path.expanduser(text))


def _open_folder(path: str) -> FolderArchive:
    if not any(is_marker(name) for name in os.listdir(path)):
        raise NotASafeError(f"{path} has neither manifest.safe nor product metadata (MTD_*.xml) in it; {_advice(path)}")
    return FolderArchive(path)


def _advice(path: str) -> str:
    """Name products near a folder that is none."""
    names = os.listdir(path)
    if any(is_marker(name) for name in names):
        return f"open {path}"
    inside = sorted(name for name in names if name.lower().endswith((".safe", ".safe.zip")))
    if inside:
        return f"open one of those in it: {', '.join(inside[:5])}{', …' if len(inside) > 5 else ''}"
    parts = path.replace(os.sep, "/").split("/")
    above = [number for number, part in enumerate(parts) if part.lower().endswith(".safe")]
    if above:
        return f"open {'/'.join(parts[: above[-1] + 1])}"
    return "open the .SAFE folder, its manifest.safe or its zip"
