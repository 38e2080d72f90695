"""All services that the tutorial reaches, on this machine: the Data Space (catalogue, login, download, S3) and the
Sample Service (STAC, Zarr), with one generated product that has the name of the tutorial's.

``with services(folder) as there``: `there.environment` has the variables that lead to them. Used by the tests of the
notebooks, and by `docs/hooks.py` while the documentation is built.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import xarray as xr

from tests.servers.cdse import Cdse, Listed
from tests.servers.programs import rclone_s3, rustac
from tests.servers.proxy import Proxy
from xarray_safe.sample import Spec, write
from xarray_safe.sample.sentinel2.product import pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRODUCT = "S2C_MSIL2A_20250415T102041_N0511_R065_T32UNC_20250415T160234"
PLACE = "Sentinel-2/MSI/L2A/2025/04/15"
TENANT = "e05ab01a9d56408d82ac32d69a5aae2a:202504-s02msil2a"
KEYS = ("access", "hidden")


class _Product(Spec):
    """The sample product, made at the hour at which the real one was."""

    @property
    def generation(self) -> datetime:
        return datetime(2025, 4, 15, 16, 2, 34, tzinfo=UTC)


@dataclass
class _Listed(Listed):
    """Its entry in the catalogue, where the real one lies."""

    def entry(self) -> dict[str, object]:
        sensing = "2025-04-15T10:20:41.026Z"
        return super().entry() | {
            "S3Path": f"/eodata/{PLACE}/{self.name}",
            "ContentDate": {"Start": sensing, "End": sensing},
        }


class _Gateway(Proxy):
    """The Data Space at one address: objects from the store, all else from the stand-in."""

    def __init__(self, store: str, others: str) -> None:
        super().__init__(store)
        self._others = urlsplit(others)

    def upstream_of(self, path: str) -> SplitResult:
        return self.upstream if re.match(r"/(eodata)?(/|\?|$)", path) else self._others


@dataclass(frozen=True)
class Services:
    """What runs: the variables that lead there, the product's zip, and two of the servers."""

    environment: dict[str, str]
    archive: Path
    cdse: Cdse
    store: Proxy


@contextmanager
def services(folder: Path) -> Iterator[Services]:
    """Start all of them, with data written below `folder`."""
    spec = _Product(
        satellite="S2C",
        tile="32UNC",
        orbit=65,
        sensing=datetime(2025, 4, 15, 10, 20, 41, 26000, tzinfo=UTC),
        size=252,
        clouds=0.26,
        nodata=0.1,
    )
    assert spec.product_name == PRODUCT
    eodata, buckets = folder / "cdse", folder / "eopf"
    safe = write(eodata / "eodata" / PLACE, spec)
    archive = folder / f"{PRODUCT}.SAFE.zip"
    pack(safe, archive, compressed=False)
    zarr = f"{TENANT}/15/products/cpm_v256/{PRODUCT}.zarr"
    with xr.open_datatree(safe, engine="safe", eopf_version="2.5") as tree:
        tree.to_zarr(buckets / zarr, zarr_format=2, consolidated=True)
        cover = tree.attrs["stac_discovery"]["properties"]["eo:cloud_cover"]

    listed = _Listed(safe.name, archive, checksums={"MD5": hashlib.md5(archive.read_bytes()).hexdigest()})
    with (
        Cdse([listed]) as cdse,
        rclone_s3(eodata, *KEYS) as store,
        _Gateway(store.url, cdse.url) as gateway,
        rclone_s3(buckets) as public,
        Proxy(public.url) as web,
        rustac(folder / "stac", [_COLLECTION], [_item(f"{web.url}/{zarr}", cover)]) as stac,
    ):
        cdse.redirect = None
        user, login = next(iter(cdse.users.items()))
        environment = {
            "XARRAY_SAFE_CDSE_URL": gateway.url,
            "XARRAY_SAFE_EOPF_STAC": stac.url,
            "XARRAY_SAFE_KEEP_TOKEN": "0",
            "CDSE_USERNAME": user,
            "CDSE_PASSWORD": login.password,
            "CDSE_S3_ACCESS_KEY": KEYS[0],
            "CDSE_S3_SECRET_KEY": KEYS[1],
            "NETRC": str(folder / "no-netrc"),
        }
        yield Services(environment, archive, cdse, gateway)


_COLLECTION: dict[str, object] = {
    "type": "Collection",
    "stac_version": "1.0.0",
    "id": "sentinel-2-l2a",
    "description": "Sentinel-2 Level-2A",
    "license": "other",
    "links": [],
    "extent": {
        "spatial": {"bbox": [[-180, -90, 180, 90]]},
        "temporal": {"interval": [["2015-01-01T00:00:00Z", None]]},
    },
}


def _item(href: str, cover: float) -> dict[str, object]:
    ring = [[9, 52], [10, 52], [10, 53], [9, 53], [9, 52]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": PRODUCT,
        "collection": _COLLECTION["id"],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [9, 52, 10, 53],
        "properties": {"datetime": "2025-04-15T10:20:41.026Z", "eo:cloud_cover": cover},
        "links": [],
        "assets": {"product": {"href": href, "type": "application/vnd+zarr"}},
    }
