"""What the tests of `access` share: a login, the sample product, the stand-in's endpoints."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xarray_safe.access import CDSE, Endpoints, Limits

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.cdse import Cdse

USER, PASSWORD = "me@example.org", "pass word & ü"
ID = "5d369f6c-909e-44f6-8fef-3a8220ba13e1"
FOLDER = "/eodata/Sentinel-2/MSI/L2A/2024/11/15"
QUICK = Limits(connect=2, read=5, answer=10, tries=3, pause=0.01, patience=1)


@dataclass(frozen=True)
class Sample:
    """A product as a zip: its name (with .SAFE), file, bytes and MD5."""

    name: str
    path: Path
    data: bytes
    md5: str


def endpoints(server: Cdse, via: str | None = None) -> Endpoints:
    """Give a stand-in's endpoints: tokens may go to it, and to localhost; downloads may go through a proxy."""
    local = f"http://localhost:{server.port}"
    found = dataclasses.replace(Endpoints.at(server.url), hosts=(server.url, local))
    if via:
        found = dataclasses.replace(found, download=f"{via}/odata/v1", hosts=(*found.hosts, via))
    return found


Connect = Callable[..., CDSE]


def collection(name: str) -> dict[str, object]:
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [["2015-01-01T00:00:00Z", None]]}}
    core = {"type": "Collection", "stac_version": "1.0.0", "description": "x", "license": "other", "links": []}
    return {**core, "id": name, "extent": extent}


def item(name: str, *, clouds: float | None, time: str, west: float, md5: str = "0" * 32) -> dict[str, object]:
    """Give an item as the Data Space's STAC has it."""
    ring = [[west, 47], [west + 1, 47], [west + 1, 48], [west, 48], [west, 47]]
    download = f"https://download.dataspace.copernicus.eu/odata/v1/Products({ID})/$value"
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": "sentinel-2-l2a",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, 47, west + 1, 48],
        "properties": {"datetime": time} | ({} if clouds is None else {"eo:cloud_cover": clouds}),
        "links": [],
        "assets": {
            "B02_10m": {
                "href": f"s3://{FOLDER[1:]}/{name}.SAFE/GRANULE/x/IMG_DATA/R10m/B02_10m.jp2",
                "alternate": {
                    "https": {
                        "href": f"https://download.dataspace.copernicus.eu/odata/v1/Products({ID})/Nodes(x)/$value"
                    }
                },
            },
            "Product": {"href": download, "file:size": 1234, "file:checksum": "d50110" + md5},
        },
    }
