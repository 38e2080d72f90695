"""STAC items: the URLs and sizes of their assets, and where the product of an item is stored.

The items of the Copernicus Data Space name every file of a product, in its object store (``href``) and over HTTPS
(``alternate``). See https://github.com/radiantearth/stac-spec and the extensions `file` and `alternate-assets`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from xarray_safe.archive.stac_rules import base_of, is_allowed, is_local
from xarray_safe.errors import NotASafeError
from xarray_safe.net.urls import is_web

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FOLDER = re.compile(r"(.*?\.SAFE)(?:/(.*))?", re.IGNORECASE)
_NAME_LENGTH = 20
"""Length from which on the id of an item may be a product's name."""
_NODES = re.compile(r"(.*?/Products\([^()]+\)/Nodes\([^()]+\))((?:/Nodes\([^()]+\))*)(?:/\$value)?", re.IGNORECASE)
_ZIP = re.compile(r".*(?:\.SAFE\.zip|/Products\([^()]+\)/\$value)", re.IGNORECASE)


class Href(NamedTuple):
    """One URL of an asset."""

    url: str
    size: int | None
    """Bytes, if the item tells."""


@dataclass(frozen=True)
class Asset:
    """An asset of a STAC item."""

    key: str
    hrefs: tuple[Href, ...]
    """Its own URL, if it has a valid one, and those of its alternates."""
    fields: Mapping[str, Any]
    """All that the item says of it, as in its JSON."""

    @property
    def size(self) -> int | None:
        """Bytes, if the item tells."""
        return _size(self.fields)


@dataclass
class AssetLocation:
    """A folder or zip that assets of an item are in."""

    url: str
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of its files by name, if the item tells."""
    names: set[str] = field(default_factory=set)
    """All of its files that the item names."""
    assets: int = 0
    """Number of assets in it."""
    zip: bool = False


def is_item(thing: object) -> bool:
    """Return True if an object is a STAC item: a mapping as in its JSON, or pystac's. Inspects little."""
    if isinstance(thing, dict):
        return thing.get("type") == "Feature" and isinstance(thing.get("assets"), dict)
    return hasattr(thing, "assets") and hasattr(thing, "to_dict") and hasattr(thing, "id")


def as_mapping(item: Any) -> Mapping[str, Any]:
    """Return an item as in its JSON; links between items are not followed."""
    found: dict[str, Any] = item if isinstance(item, dict) else item.to_dict(transform_hrefs=False)
    return found


def parse_item(data: bytes, url: str) -> Mapping[str, Any]:
    """Read an item's JSON.

    Raises
    ------
    NotASafeError
        It is something else.
    """
    try:
        found: Any = json.loads(data)
    except ValueError:
        raise NotASafeError(f"{url} is not a STAC item: it is not JSON") from None
    if not is_item(found):
        kind = found.get("type") if isinstance(found, dict) else None
        raise NotASafeError(f"{url} is not a STAC item but {kind or 'another JSON'}; open one of its items")
    item: dict[str, Any] = found
    return item


def read_assets(item: Mapping[str, Any], base: str = "") -> Iterator[Asset]:
    """Yield the assets of an item; whatever is not a valid asset, or a place that it may name, is passed over.

    The rules are those of `stac_rules`: no chains, no file systems that an item could program, and local paths only
    if the item names nothing else.

    Parameters
    ----------
    item
        As in its JSON.
    base
        URL that the item was fetched from, to which its relative URLs refer if it does not give its own.
    """
    local = is_local(item, base)
    base = base_of(item, base)
    assets = item.get("assets")
    for key, fields in assets.items() if isinstance(assets, dict) else ():
        if not isinstance(fields, dict):
            continue
        alternates = fields.get("alternate")
        others = alternates.values() if isinstance(alternates, dict) else ()
        copies = (fields, *(other for other in others if isinstance(other, dict)))
        hrefs = (
            Href(url, _size(copy) if "file:size" in copy else _size(fields))
            for copy in copies
            if isinstance(href := copy.get("href"), str)
            and (url := _absolute(base, href)) is not None
            and is_allowed(url, local=local)
        )
        yield Asset(str(key), tuple(hrefs), fields)


def locate(item: Mapping[str, Any], base: str = "", *, prefer_web: bool = False) -> AssetLocation:
    """Return where the product of an item is stored.

    Parameters
    ----------
    item
        As in its JSON.
    base
        URL of the item, to which its relative URLs refer.
    prefer_web
        Choose the copy over HTTPS and not the one in the object store, if there are both. Folders go before zips.

    Raises
    ------
    NotASafeError
        None of its assets is in a `.SAFE`.
    """
    found: dict[str, AssetLocation] = {}
    for asset in read_assets(item, base):
        for href in asset.hrefs:
            _add(found, href, _folder_pattern(str(item.get("id") or "")))
    if not found:
        raise NotASafeError(
            f"the STAC item {item.get('id')} has no asset in a .SAFE; it is of another product, or names it by a place "
            "that an item may not name: those are URLs (https, s3, gs, az), or absolute paths if it names no URL"
        )
    return max(found.values(), key=lambda one: (one.url.startswith("http") == prefer_web, not one.zip, one.assets))


def _size(fields: Mapping[str, Any]) -> int | None:
    size = fields.get("file:size")
    return size if isinstance(size, int) else None


def _absolute(base: str, href: str) -> str | None:
    """Return the absolute URL of an asset; None if it is invalid."""
    try:
        url = urljoin(base, href) if base and "://" not in href else href
        urlsplit(url)
    except ValueError:
        return None
    return url


def _folder_pattern(name: str) -> re.Pattern[str]:
    """Pattern of a path in a product's folder: one that ends in ``.SAFE``, or has the name of the item."""
    plain = re.escape(name[:-5] if name.upper().endswith(".SAFE") else name)
    return re.compile(rf"(.*?\.SAFE|.*?/{plain})(?:/(.*))?", re.IGNORECASE) if len(name) >= _NAME_LENGTH else _FOLDER


def _add(found: dict[str, AssetLocation], href: Href, folder: re.Pattern[str]) -> None:
    """Add a URL to the folder or zip that it is in."""
    path = href.url.partition("?")[0] if is_web(href.url) else href.url
    nodes = _NODES.fullmatch(path)
    if nodes:
        root, name = nodes[1], "/".join(re.findall(r"Nodes\(([^()]+)\)", nodes[2]))
    elif _ZIP.fullmatch(path):
        found.setdefault(href.url, AssetLocation(href.url, zip=True)).assets += 1
        return
    else:
        match = folder.fullmatch(path)
        if match is None:
            return
        root, name = match[1], match[2] or ""
    location = found.setdefault(root, AssetLocation(root))
    location.assets += 1
    name = unquote(name)
    if name:
        location.names.add(name)
        if href.size is not None:
            location.sizes[name] = href.size
