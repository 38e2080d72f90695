"""Guess from a path, URL or object, cheaply, whether it is a product and of which type. Opens nothing."""

from __future__ import annotations

import os
import re

from xarray_safe.archive.detect import is_marker, product_folders
from xarray_safe.archive.local import LocalFile, local_path, path_text
from xarray_safe.archive.stac import is_item
from xarray_safe.archive.zip.central_directory import read_directory
from xarray_safe.net.urls import is_remote

_PRODUCT = re.compile(r"(S\d[A-Z_]_\w{20,})[^/]*?(?:\.SAFE|\.SEN3)?(?:\.zip)?", re.IGNORECASE)
_SUFFIXES = (".safe", ".sen3", ".safe.zip", ".sen3.zip")
_OTHER_FORMAT = re.compile(r"\.(?:zarr|nc|tiff?|tar|t?gz|xml|json|jp2|png|jpe?g)\b", re.IGNORECASE)


def guess(path: object) -> str | None:
    """Guess what a path holds, cheaply.

    Parameters
    ----------
    path
        Anything; an object that is not a path or URL holds no product.

    Returns
    -------
    str or None
        None if `open_archive` would find no product. Else what tells the product's type: the product's name
        if the path has one, or the name of its metadata (``MTD_*.xml``), or, if neither is
        known, the folder's name. Never raises, and reads no more than a folder or a zip's central directory.
    """
    try:
        if not isinstance(path, str | os.PathLike):
            return _from_object(path)
        text = path_text(path)
        last = text.rstrip("/\\").replace("\\", "/").rpartition("/")[2]
        if is_remote(text):
            return _from_url(text)
        if _OTHER_FORMAT.search(last) and not is_marker(last):
            return None
        return _from_local(local_path(text))
    except Exception:  # a guess must not fail; opening reports what is wrong
        return None


def _from_url(url: str) -> str | None:
    """Guess from a URL: the name at its end, before a query or in OData's brackets, or that of a STAC item."""
    path = url.partition("?")[0].rstrip("/")
    item = re.search(r"/items/([^/]+)$", path)
    if item:
        return _product_name(item[1].removesuffix(".json"))
    nodes = re.search(r"/Products\([^()]+\)/Nodes\(([^()]+)\)", path)
    path = nodes[1] if nodes else path
    last = path.rpartition("/")[2]
    return None if _OTHER_FORMAT.search(last) and not is_marker(last) else _from_name(path)


def _from_object(thing: object) -> str | None:
    """Guess from the name that an object has: the id of a STAC item, or the path of a remote file."""
    if is_item(thing):
        return _product_name(str(thing["id"] if isinstance(thing, dict) else getattr(thing, "id", "")))
    place = getattr(thing, "path", None) or getattr(thing, "url", None)
    return _from_name(place) if isinstance(place, str) else None


def _from_name(path: str) -> str | None:
    """Guess from the name alone."""
    folder, _, last = path.replace("\\", "/").rstrip("/").rpartition("/")
    if is_marker(last):
        return _product_name(folder.rpartition("/")[2]) or (last if last.upper().startswith("MTD_") else None)
    return _product_name(last) if last.lower().endswith((".safe", ".sen3", ".zip")) else None


def _from_local(path: str) -> str | None:
    """Guess from the name, and if that does not tell, from the folder or the zip's central directory."""
    last = os.path.basename(path)
    if not os.path.exists(path) or last.lower().endswith(_SUFFIXES) or is_marker(last):
        named = _from_name(path)
        if named or not os.path.exists(path):
            return named
    if os.path.isdir(path):
        return _label(os.path.basename(path), os.listdir(path))
    if is_marker(last):
        folder = os.path.dirname(path)
        return _label(os.path.basename(folder), os.listdir(folder))
    if not last.lower().endswith(".zip"):
        return None
    file = LocalFile.probe(path)
    names = read_directory(file.read, file.size, path)
    folders = product_folders(names)
    if len(folders) != 1:
        return None
    top = [name[len(folders[0]) :] for name in names if name.startswith(folders[0])]
    return _label(folders[0].rstrip("/").rpartition("/")[2] or last, top)


def _label(folder: str, names: list[str]) -> str | None:
    """Return the name that tells most of a product's type, from its folder's name and the files at its top."""
    markers = sorted(name for name in names if is_marker(name))
    if not markers:
        return None
    named = _product_name(folder)
    return named or next((name for name in markers if name.upper().startswith("MTD_")), folder)


def _product_name(name: str) -> str | None:
    """Return the product's name in that of a folder, zip or STAC item."""
    found = _PRODUCT.fullmatch(name)
    return found[1] if found else None
