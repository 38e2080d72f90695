"""Where a STAC item says that a product lies: the folder that its assets have in common, and the sizes it tells.

The Copernicus Data Space's items name every file of a product, in its object store (``href``) and over HTTPS
(``alternate``). See https://github.com/radiantearth/stac-spec and the extensions `file` and `alternate-assets`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from xarray_safe.archive.remote.options import prefers_web
from xarray_safe.errors import NotASafeError
from xarray_safe.net.urls import is_web

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_FOLDER = re.compile(r"(.*?\.SAFE)(?:/(.*))?", re.IGNORECASE)
_NODES = re.compile(
    r"(.*?/Products\([^()]+\)/Nodes\([^()]+\.SAFE\))((?:/Nodes\([^()]+\))*)(?:/\$value)?", re.IGNORECASE
)
_ZIP = re.compile(r".*(?:\.SAFE\.zip|/Products\([^()]+\)/\$value)", re.IGNORECASE)


@dataclass
class Found:
    """A place where a product lies."""

    url: str
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of its files, by name, as far as the item tells."""
    names: set[str] = field(default_factory=set)
    """All of its files that the item names."""
    files: int = 0
    """How many assets lie there."""
    zip: bool = False


def is_item(thing: object) -> bool:
    """Whether an object is a STAC item: a mapping as in its JSON, or pystac's; looks at hardly anything."""
    if isinstance(thing, dict):
        return thing.get("type") == "Feature" and isinstance(thing.get("assets"), dict)
    return hasattr(thing, "assets") and hasattr(thing, "to_dict") and hasattr(thing, "id")


def as_mapping(item: Any) -> Mapping[str, Any]:
    """Give an item as in its JSON; links between items are not followed."""
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
        raise NotASafeError(f"{url} is no STAC item: it is no JSON") from None
    if not is_item(found):
        kind = found.get("type") if isinstance(found, dict) else None
        raise NotASafeError(f"{url} is no STAC item but {kind or 'another JSON'}; open one of its items")
    item: dict[str, Any] = found
    return item


def place_of(item: Mapping[str, Any], options: Mapping[str, Any], base: str = "") -> Found:
    """Give the place of the product of an item that suits the storage options best.

    Parameters
    ----------
    item
        As in its JSON.
    options
        Storage options: those of a web server (``headers``, ``token``) choose HTTPS, others the object store; see
        `remote_options.prefers_web`.
    base
        URL of the item, which relative places start from.

    Raises
    ------
    NotASafeError
        None of its assets lies in a `.SAFE`.
    """
    base = _own_url(item) or base
    found: dict[str, Found] = {}
    for href, size in _hrefs(item, base):
        _sort_in(found, href, size)
    if not found:
        raise NotASafeError(f"the STAC item {item.get('id')} has no asset in a .SAFE; it is of another product")
    web = prefers_web(options)
    return max(found.values(), key=lambda place: (place.url.startswith("http") == web, not place.zip, place.files))


def _own_url(item: Mapping[str, Any]) -> str | None:
    """URL that an item gives for itself, if it does."""
    links = item.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "self" and isinstance(link.get("href"), str):
            return str(link["href"])
    return None


def _hrefs(item: Mapping[str, Any], base: str) -> Iterator[tuple[str, int | None]]:
    """All places that an item names, and the sizes of what lies there; what is no URL is passed over."""
    assets = item.get("assets")
    for asset in assets.values() if isinstance(assets, dict) else ():
        if not isinstance(asset, dict):
            continue
        alternates = asset.get("alternate")
        others = alternates.values() if isinstance(alternates, dict) else ()
        for place in (asset, *(other for other in others if isinstance(other, dict))):
            href, size = place.get("href"), place.get("file:size", asset.get("file:size"))
            full = _full(base, href) if isinstance(href, str) else None
            if full is not None:
                yield full, size if isinstance(size, int) else None


def _full(base: str, href: str) -> str | None:
    """Give the whole URL that an asset names; None where that is none."""
    try:
        full = urljoin(base, href) if base and "://" not in href else href
        urlsplit(full)
    except ValueError:
        return None
    return full


def _sort_in(found: dict[str, Found], href: str, size: int | None) -> None:
    """Add an asset to the place where it lies."""
    path = href.partition("?")[0] if is_web(href) else href
    nodes = _NODES.fullmatch(path)
    if nodes:
        root, name = nodes[1], "/".join(re.findall(r"Nodes\(([^()]+)\)", nodes[2]))
    elif _ZIP.fullmatch(path):
        found.setdefault(href, Found(href, zip=True)).files += 1
        return
    else:
        match = _FOLDER.fullmatch(path)
        if match is None:
            return
        root, name = match[1], match[2] or ""
    place = found.setdefault(root, Found(root))
    place.files += 1
    name = unquote(name)
    place.names |= {name} - {""}
    if name and size is not None:
        place.sizes[name] = size
