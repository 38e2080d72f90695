"""One product in all its forms behind real servers on loopback, each behind a proxy that counts and breaks."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import xarray as xr

from tests.archive.remote.support import KEY, SECRET, strip_tables
from tests.servers.programs import nginx, rclone_s3, wanted, web_files
from tests.servers.proxy import Faults, Proxy
from tests.support import own
from xarray_safe import runtime
from xarray_safe.net import retry
from xarray_safe.sample import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MISSING = [name for name in ("aiohttp", "fsspec", "platformdirs", "s3fs") if importlib.util.find_spec(name) is None]
if MISSING:
    collect_ignore_glob = ["test_*.py"]

WEB = {"aiohttp": web_files} | ({"nginx": nginx} if wanted("NGINX") else {})
"""Web servers that the product is behind; nginx where ``XARRAY_SAFE_TEST_NGINX=1`` says that it is there."""


def pytest_report_header() -> str | None:
    return f"not tested, missing: {', '.join(MISSING)}" if MISSING else None


@dataclass
class Site:
    """The product's folder and zips, and where they are served."""

    folder: Path
    http: Proxy
    s3: Proxy

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def s3_options(self) -> dict[str, object]:
        return {"key": KEY, "secret": SECRET, "endpoint_url": self.s3.url}

    def url(self, way: str) -> tuple[str, dict[str, object], Proxy]:
        """URL, storage options and proxy of a way to the product: ``s3 folder``, ``http zip``, ``http deflated``, …."""
        server, form = way.split()
        last = {"folder": self.name, "zip": f"{self.name}.zip", "deflated": f"{self.folder.stem}.zip"}[form]
        if server == "s3":
            return f"s3://eodata/Sentinel-2/{last}", self.s3_options, self.s3
        return f"{self.http.url}/eodata/Sentinel-2/{last}", {}, self.http

    def open(self, way: str, **options: object) -> xr.DataTree:
        url, storage_options, _ = self.url(way)
        return xr.open_datatree(url, engine="safe", storage_options=storage_options, **options)


@pytest.fixture(scope="session", params=WEB)
def served(request, tmp_path_factory, l2a_folder, l2a_zip, l2a_deflated) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("site")
    place = root / "eodata" / "Sentinel-2"
    folder = own(l2a_folder, place / l2a_folder.name)
    for packed in (l2a_zip, l2a_deflated):
        own(packed, place / packed.name)
    own(l2a_folder, root / "tenant:bucket" / "X.SAFE")
    with (
        WEB[request.param](root) as web,
        rclone_s3(root, KEY, SECRET) as store,
        Proxy(web.url) as http,
        Proxy(store.url) as s3,
    ):
        yield Site(folder, http, s3)


@pytest.fixture(scope="session")
def old(served) -> Path:
    """A product without tables of tiles, whose 10 m bands are too large to be read whole, on the same servers."""
    folder = write(served.folder.parent, level="L2A", size=1098, tile="32UPU")
    strip_tables(folder)
    return folder


@pytest.fixture
def site(served) -> Iterator[Site]:
    """The site without faults, with nothing counted yet."""
    for proxy in (served.http, served.s3):
        proxy.faults = Faults()
        proxy.reset()
    yield served
    for proxy in (served.http, served.s3):
        proxy.faults = Faults()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch) -> None:
    """Fail soon."""
    monkeypatch.setattr(retry, "REMOTE", replace(retry.REMOTE, pause=0.01, answer=20.0, patience=10.0))
    monkeypatch.setenv("XARRAY_SAFE_TIMEOUT", "5")


@pytest.fixture(scope="session")
def tree(l2a_folder) -> xr.DataTree:
    """The product as it is opened from its local folder."""
    return xr.open_datatree(l2a_folder, engine="safe")


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Path:
    """Keep indexes, in a folder of this test."""
    monkeypatch.setenv("XARRAY_SAFE_INDEX_CACHE", str(tmp_path / "indexes"))
    runtime.reset()
    return tmp_path / "indexes"
