"""STAC catalogues, of the Copernicus Data Space and of the EOPF Sample Service, through pystac-client."""

from __future__ import annotations

import difflib
import itertools
import re
from typing import TYPE_CHECKING, Any

import pystac_client
from pystac import STACError
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from xarray_safe.access import http as web
from xarray_safe.access.errors import ServerFailedError, UnknownProductError
from xarray_safe.access.odata import ProductInfo
from xarray_safe.archive.stac import as_mapping, read_assets
from xarray_safe.errors import InvalidArgumentError, SafeError
from xarray_safe.net.urls import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pystac

    from xarray_safe.access.http import Limits
    from xarray_safe.archive.stac import Asset

_PAGES = 1000
"""Maximum requests of one search; a catalogue may return empty pages endlessly."""

_S3 = re.compile(r"s3:/(/[^?#]+?\.(?:SAFE|SEN3))(?:/|$)")
_ODATA = re.compile(r"/Products\(([0-9a-fA-F-]{36})\)/\$value")
_MULTIHASH = {"d50110": "MD5", "1e20": "BLAKE3"}
"""Prefixes of a multihash (method and length) of the STAC file extension."""


class _LimitedIO(StacApiIO):
    """pystac-client's requests with our limits, without credentials, never to a local file."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.session = web.PlainSession()
        self._limits = limits
        self._left = _PAGES

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """Send one request and return the text of the response."""
        self._left -= 1
        if self._left < 0:
            raise ServerFailedError(f"{web.host_of(href)}: the search does not come to an end.")
        post = (method or "GET").upper() == "POST"
        response, body = web.get(
            self.session,
            href,
            method="POST" if post else "GET",
            limits=self._limits,
            headers=headers,
            params=None if post else {key: _text(value) for key, value in (parameters or {}).items()},
            json=parameters if post else None,
        )
        if response.status_code == 404:
            raise UnknownProductError(f"{web.host_of(href)} has nothing there: {response.url.partition('?')[0]}")
        web.get_json(response, body, "a search")
        return body.decode("utf-8", "replace")

    def read_text(self, source: pystac.link.HREF, *args: Any, **kwargs: Any) -> str:
        """Read a link, which must lead to the web."""
        href = str(getattr(source, "href", source))
        if not href.startswith(("https://", "http://")):
            raise ServerFailedError(
                f"The catalogue links to something that is not in the web: {redact_url(href)[:200]!r}."
            )
        return super().read_text(source, *args, **kwargs)


def search(
    url: str,
    limits: Limits,
    *,
    ids: Sequence[str] | None = None,
    collections: Sequence[str] | None = None,
    bbox: Sequence[float] | None = None,
    intersects: Mapping[str, Any] | None = None,
    datetime: str | None = None,
    cloud_cover: float | None = None,
    limit: int = 100,
) -> list[pystac.Item]:
    """Search a STAC API.

    Parameters
    ----------
    url
        Of the API's landing page.
    ids, collections, bbox, intersects, datetime
        As in the STAC API: `bbox` in degrees (west, south, east, north), `intersects` GeoJSON, `datetime` an
        instant or interval, e.g. ``2025-05-01/2025-05-31``.
    cloud_cover
        Maximum percent; checked again here, because not all catalogues apply it.
    limit
        Maximum number of items.

    Raises
    ------
    AccessError
        The catalogue cannot be reached, or rejects the search.
    """
    if bbox is not None and (len(bbox) != 4 or bbox[1] > bbox[3]):
        raise InvalidArgumentError(f"bbox={list(bbox)} is not west, south, east, north in degrees.")
    if bbox is not None and intersects is not None:
        raise InvalidArgumentError("Give either bbox or intersects.")
    if limit < 1:
        raise InvalidArgumentError(f"limit={limit}: at least one must be wanted.")
    try:
        client = pystac_client.Client.open(url, stac_io=_LimitedIO(limits))
        query = None
        if cloud_cover is not None and client.conforms_to("QUERY"):
            query = {"eo:cloud_cover": {"lte": cloud_cover}}
        found = _prepared(
            client,
            ids=list(ids) if ids else None,
            collections=list(collections) if collections else None,
            bbox=list(bbox) if bbox else None,
            intersects=dict(intersects) if intersects else None,
            datetime=datetime,
            query=query,
            limit=min(limit, 100),
        )
        clear = (item for item in found.items() if cloud_cover is None or _cover(item) <= cloud_cover)
        items = list(itertools.islice(clear, limit))
        if not items and collections:
            _check_collections(client, collections)
    except SafeError:
        raise
    except (APIError, STACError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError) as error:
        raise ServerFailedError(
            f"{web.host_of(url)} gives no STAC that we understand ({type(error).__name__})."
        ) from None
    return items


def _prepared(client: pystac_client.Client, **arguments: Any) -> pystac_client.ItemSearch:
    """Create a search; no request yet, so errors are those of the arguments."""
    try:
        return client.search(**arguments)
    except Exception as error:  # pystac-client raises Exception itself
        raise InvalidArgumentError(f"The search is invalid: {error}") from None


def _check_collections(client: pystac_client.Client, collections: Sequence[str]) -> None:
    """Raise an error if a collection does not exist, as opposed to one without matches."""
    known = {collection.id for collection in client.get_collections()}
    for name in collections:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3) or sorted(known)[:10]
            raise UnknownProductError(f"The catalogue has no collection {name}; it has {', '.join(near)}.")


def _cover(item: pystac.Item) -> float:
    cover = item.properties.get("eo:cloud_cover")
    return float("inf") if cover is None else float(cover)


def info(item: pystac.Item) -> ProductInfo:
    """Return a STAC item of the Data Space as an entry of its other catalogue."""
    assets = list(read_assets(as_mapping(item)))
    bare = re.compile(rf"s3:/(/[^?#]+?/{re.escape(item.id)})(?:/|$)")  # some folders have no ending
    urls = [url for asset in assets for url in _urls(asset)]
    path = next((found[1] for kind in (_S3, bare) for url in urls if (found := kind.match(url))), None)
    if path is None:
        raise ServerFailedError(f"The catalogue does not say where {item.id} is stored.")
    products = ((asset, found[1]) for asset in assets for url in _urls(asset) if (found := _ODATA.search(url)))
    product, identity = next(products, (None, None))
    fields: Mapping[str, Any] = product.fields if product else {}
    checksum = str(fields.get("file:checksum") or "").lower()
    status = str(item.properties.get("order:status") or "")
    cover = item.properties.get("eo:cloud_cover")
    return ProductInfo(
        path.rpartition("/")[2],
        identity,
        path,
        (product.size or None) if product else None,
        {name: checksum[len(prefix) :] for prefix, name in _MULTIHASH.items() if checksum.startswith(prefix)},
        False if status in ("orderable", "ordered", "shipping") else None,
        str(item.properties.get("start_datetime") or item.properties.get("datetime") or "") or None,
        float(cover) if cover is not None else None,
    )


def _urls(asset: Asset) -> list[str]:
    """Return all URLs of an asset: its own, its alternates', and that of the path that it has in the store."""
    local = str(asset.fields.get("file:local_path") or "")
    return [*(href.url for href in asset.hrefs), *([f"s3:/{local}"] if local.startswith("/") else [])]


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
