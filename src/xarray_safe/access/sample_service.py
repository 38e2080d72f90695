"""The EOPF Sentinel Zarr Sample Service: the Zarr twins of products, found through its STAC, opened without tricks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from xarray_safe.access import http as web
from xarray_safe.access import odata, stac
from xarray_safe.access.errors import ServerFailedError, UnknownProductError
from xarray_safe.access.http import Limits
from xarray_safe.access.sizes import client_options, retry_config, s3_store, size
from xarray_safe.archive.stac_rules import is_allowed
from xarray_safe.errors import InvalidArgumentError
from xarray_safe.net.urls import redact_url
from xarray_safe.products import type_named
from xarray_safe.runtime import settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pystac
    from xarray import DataTree
    from zarr.storage import ObjectStore


@dataclass(frozen=True)
class ZarrProduct:
    """A product as Zarr.

    Parameters
    ----------
    name
        Of the product it was made from, without ``.SAFE``.
    url
        Of the Zarr, ``https://…`` (or ``s3://…``).
    sensing
        When sensing started (ISO 8601).
    cloud_cover
        In percent.
    """

    name: str
    url: str
    sensing: str | None = None
    cloud_cover: float | None = None


Twin = ZarrProduct
"""Former name of `ZarrProduct`."""


class SampleService:
    """The Sample Service, which needs no login.

    Parameters
    ----------
    url
        Of its STAC API; by default ``XARRAY_SAFE_EOPF_STAC``, or the real one.
    storage_options
        Of s3fs, for places that the STAC gives as ``s3://``; anonymous by default.
    limits
        How long to wait, how often to try.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        storage_options: Mapping[str, Any] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.url = url or settings().eopf_stac or "https://stac.core.eopf.eodc.eu/"
        self.limits = limits or Limits()
        self._options = dict(storage_options or {"anon": True})

    def __repr__(self) -> str:
        """Name the service."""
        return f"SampleService({web.host_of(self.url)!r})"

    def find(self, name: str, *, collection: str | None = None) -> ZarrProduct:
        """Find the Zarr of a product.

        Parameters
        ----------
        name
            Of the product, with or without ``.SAFE``, or of its Zarr.
        collection
            To find it in, by default that of the product's type. Collections share names: that of Zarr v3 (layout 3.0)
            ends in ``-zarr3``.

        Raises
        ------
        UnknownProductError
            There is none; the service has a sample of products, and removes them after a while.
        """
        wanted = odata.product_name(name)
        kind = type_named(wanted)
        collection = collection or (kind.collection if kind else "") or None
        items = stac.search(
            self.url, self.limits, ids=[wanted], collections=[collection] if collection else None, limit=1
        )
        if not items:
            place = f" in its collection {collection}" if collection else ""
            raise UnknownProductError(
                f"The EOPF Sample Service has no Zarr of {wanted}{place} (it has a changing sample)."
            )
        return _zarr_product(items[0])

    def search(
        self,
        collection: str,
        *,
        bbox: Sequence[float] | None = None,
        intersects: Mapping[str, Any] | None = None,
        datetime: str | None = None,
        cloud_cover: float | None = None,
        limit: int = 100,
    ) -> list[ZarrProduct]:
        """Search Zarrs by place, time and clouds; see `CDSE.search`."""
        items = stac.search(
            self.url,
            self.limits,
            collections=[collection],
            bbox=bbox,
            intersects=intersects,
            datetime=datetime,
            cloud_cover=cloud_cover,
            limit=limit,
        )
        return [_zarr_product(item) for item in items]

    def size(self, name: str) -> int:
        """Sum of the bytes of a product's Zarr; only lists it."""
        return size(self.find(name).url, self._options, self.limits)

    def store(self, name: str) -> ObjectStore[Any]:
        """Return the Zarr of a product as a store, for ``xr.open_datatree(store, engine="zarr")``."""
        return zarr_store(self.find(name).url, self._options, self.limits)

    def open(self, name: str, **options: Any) -> DataTree:
        """Open the Zarr of a product as a tree.

        Parameters
        ----------
        name
            See `find`.
        **options
            For `xarray.open_datatree`, e.g. ``chunks={}``.
        """
        import xarray

        return xarray.open_datatree(self.store(name), engine="zarr", **options)  # type: ignore[arg-type]


def zarr_store(
    url: str, storage_options: Mapping[str, Any] | None = None, limits: Limits | None = None
) -> ObjectStore[Any]:
    """Return a Zarr in the web as a store that only reads.

    Parameters
    ----------
    url
        ``https://host/tenant:bucket/…/X.zarr``, or ``s3://tenant:bucket/…/X.zarr``. Names with a colon are taken as
        they are, which botocore, and so s3fs, does not do.
    storage_options
        Of s3fs, for ``s3://``: endpoint and keys, or ``anon``.
    limits
        How long to wait, how often to try.
    """
    from obstore.store import HTTPStore
    from zarr.storage import ObjectStore

    limits = limits or Limits()
    parts = urlsplit(url)
    if parts.scheme in ("http", "https"):
        return ObjectStore(
            HTTPStore(url, client_options=client_options(url, limits), retry_config=retry_config(limits)),
            read_only=True,
        )
    if parts.scheme in ("s3", "s3a"):
        bucket, _, key = url.partition("://")[2].partition("/")
        store = s3_store(bucket, storage_options or {"anon": True}, limits, unquote(key).strip("/"))
        return ObjectStore(store, read_only=True)
    raise InvalidArgumentError(f"{redact_url(url)}: a Zarr is opened from https:// or s3://.")


def _zarr_product(item: pystac.Item) -> ZarrProduct:
    asset = item.assets.get("product") or next(
        (asset for asset in item.assets.values() if asset.href.rstrip("/").endswith(".zarr")), None
    )
    if asset is None:
        raise ServerFailedError(f"The Sample Service does not say where the Zarr of {item.id} is stored.")
    href = asset.href.rstrip("/")
    if not href.startswith(("https://", "s3://", "http://")) or not is_allowed(href):
        raise ServerFailedError(
            f"The Sample Service gives a place for {item.id} that is not one in the web: {redact_url(href)[:200]!r}."
        )
    cover = item.properties.get("eo:cloud_cover")
    start = item.properties.get("start_datetime") or item.properties.get("datetime")
    return ZarrProduct(item.id, href, str(start) if start else None, float(cover) if cover is not None else None)
