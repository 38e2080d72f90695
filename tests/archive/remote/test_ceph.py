"""A real Ceph: buckets of tenants (``tenant:bucket``), policies, and what its gateway answers.

Runs if the environment says ``XARRAY_SAFE_TEST_CEPH=1``; then what is missing fails. On Debian:
``apt install --no-install-recommends radosgw ceph-mon ceph-osd`` (which `.ci/packages` does, if the variable is set).
"""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import xarray as xr
from xarray.testing import assert_identical

from tests.archive.remote.support import KEY, SECRET
from tests.servers.ceph import Account, User, ceph
from tests.servers.programs import wanted
from tests.servers.proxy import Proxy
from tests.support import own
from xarray_safe.archive import open_archive
from xarray_safe.errors import AccessDeniedError, CorruptFileError, MissingFileError, NotASafeError
from xarray_safe.sample import write
from xarray_safe.sample.sentinel2.product import pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not wanted("CEPH"), reason="starts a Ceph if XARRAY_SAFE_TEST_CEPH=1")

OWNER = User("tenant", KEY, SECRET)
OTHER = User("neighbour", "AKIAI44QH8DHBEXAMPLE", "secret of the neighbour")
R10 = "measurements/reflectance/r10m"
GROUP = "conditions/geometry"
MB = 1_000_000

WAYS = {
    "anybody": ("s3://tenant:bucket", None),
    "the owner": ("s3://tenant:bucket", OWNER),
    "the owner, by its own name": ("s3://bucket", OWNER),
    "the owner, in a bucket for nobody else": ("s3://tenant:private", OWNER),
    "another tenant": ("s3://tenant:bucket", OTHER),
    "anybody, who may not list": ("s3://tenant:unlisted", None),
    "a path": ("{url}/tenant:bucket", None),
    "an escaped path": ("{url}/tenant%3Abucket", None),
}


@dataclass
class Gateway:
    """The gateway behind the proxy, and who puts there what."""

    proxy: Proxy
    owner: Account

    def options(self, user: User | None) -> dict[str, object]:
        who = {"key": user.key, "secret": user.secret} if user else {"anon": True}
        return {**who, "endpoint_url": self.proxy.url}

    def place(self, way: str) -> tuple[str, dict[str, object]]:
        """URL of a bucket, and storage options."""
        url, user = WAYS[way]
        return url.format(url=self.proxy.url), self.options(user) if url.startswith("s3:") else {}


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """A product with bands and data strip too large to be read whole, and its zip."""
    folder = write(tmp_path_factory.mktemp("large"), level="L2A", size=1098, datastrip_mb=3, tile="33UUP")
    pack(folder, folder.with_name(f"{folder.name}.zip"), compressed=False)
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory, l2a_folder, l2a_zip, large) -> Iterator[Gateway]:
    with ceph(tmp_path_factory.mktemp("ceph") / "home", [OWNER, OTHER]) as url, Proxy(url) as proxy:
        owner = Account(url, OWNER)
        for bucket, public in (("bucket", ("GetObject", "ListBucket")), ("unlisted", ("GetObject",)), ("private", ())):
            owner.make(bucket, *public)
            for path in (l2a_folder, l2a_zip, large, large.with_name(f"{large.name}.zip")):
                owner.upload(bucket, path)
        yield Gateway(proxy, owner)


@pytest.fixture
def gateway(running) -> Gateway:
    """The gateway with nothing counted yet."""
    running.proxy.reset()
    return running


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("way", WAYS)
def test_every_value_is_the_same(gateway, l2a_folder, tree, way, form):
    place, options = gateway.place(way)
    url = f"{place}/{l2a_folder.name}" + (".zip" if form == "zip" else "")
    assert_identical(xr.open_datatree(url, engine="safe", storage_options=options), tree)


@pytest.mark.parametrize(("form", "most"), [("folder", 7), ("zip", 6)])
@pytest.mark.parametrize("way", WAYS)
def test_it_takes_few_requests(gateway, large, way, form, most):
    place, options = gateway.place(way)
    url = f"{place}/{large.name}" + (".zip" if form == "zip" else "")
    proxy, band = gateway.proxy, f"{R10}/b02"
    there = xr.open_datatree(url, engine="safe", storage_options=options, mask_and_scale=False)[band]
    assert len(proxy.log) <= most
    assert proxy.bytes < 3 * MB
    assert {(entry.method, entry.status // 100) for entry in proxy.log} == {("GET", 2)}
    assert not any(".jp2" in entry.path for entry in proxy.log)

    here = xr.open_datatree(large, engine="safe", mask_and_scale=False)[band]
    for window, requests in ((slice(384, 768), 2), (slice(768, None), 1)):  # the first reads the header, too
        proxy.reset()
        assert_identical(there[window, window].load(), here[window, window].load())
        assert len(proxy.log) == requests
        assert {entry.status for entry in proxy.log} == {206}
        assert proxy.bytes <= 1.1 * max(entry.bytes for entry in proxy.log)


STRANGERS = {
    "nobody": None,
    "another tenant": OTHER,
    "a wrong secret": User("tenant", KEY, "wrong"),
    "an unknown key": User("tenant", "AKIAUNKNOWN", SECRET),
}


@pytest.mark.parametrize("form", ["SAFE", "SAFE.zip"])
@pytest.mark.parametrize("who", STRANGERS)
def test_strangers_are_told_so_at_once(gateway, l2a_folder, who, form):
    url = f"s3://tenant:private/{l2a_folder.stem}.{form}"
    with pytest.raises(AccessDeniedError, match=r"tenant:private/.*the store refuses"):
        open_archive(url, gateway.options(STRANGERS[who]))
    assert [entry.status for entry in gateway.proxy.log] == [403]


def test_a_path_to_a_private_bucket_is_refused(gateway, l2a_folder):
    with pytest.raises(AccessDeniedError, match=r"tenant:private/.*the server refuses"):
        open_archive(f"{gateway.proxy.url}/tenant:private/{l2a_folder.name}", {})
    assert [entry.status for entry in gateway.proxy.log] == [403]


def test_a_bucket_is_its_tenants(gateway, l2a_folder):
    """Without a tenant's name a bucket is the user's own; there is none of that name, nor elsewhere."""
    name = l2a_folder.name
    for url, user in ((f"s3://bucket/{name}", OTHER), (f"s3://neighbour:bucket/{name}", None), ("s3://bucket/x", None)):
        with pytest.raises(MissingFileError, match=r"is not there \(NoSuchBucket\)"):
            open_archive(url, gateway.options(user))


@pytest.mark.parametrize("url", ["s3://tenant:bucket/none.SAFE", "s3://tenant:bucket/none.SAFE.zip"])
@pytest.mark.parametrize("user", [None, OWNER], ids=["anybody", "the owner"])
def test_what_is_not_there(gateway, url, user):
    with pytest.raises(MissingFileError, match=r"none\.SAFE"):
        open_archive(url, gateway.options(user))
    with pytest.raises(NotASafeError, match="open one of those in it: S2A"):
        open_archive("s3://tenant:bucket", gateway.options(user))


def test_a_product_without_manifest_is_listed_page_by_page(gateway, tiny_folder, tmp_path):
    bare = own(tiny_folder, tmp_path / "bare.SAFE")
    (bare / "manifest.safe").unlink()
    for number in range(1000):
        (bare / "HTML" / f"{number}.html").write_bytes(b"x")
    files = [path for path in bare.rglob("*") if path.is_file()]
    with ThreadPoolExecutor(4) as pool:
        names = [path.relative_to(tmp_path).as_posix() for path in files]
        list(pool.map(gateway.owner.put, ["bucket"] * len(files), names, [path.read_bytes() for path in files]))
    for user in (None, OWNER):
        gateway.proxy.reset()
        options = gateway.options(user)
        assert open_archive("s3://tenant:bucket/bare.SAFE", options).names == open_archive(bare).names
        assert len(gateway.proxy.log) == 4, "the manifest, the folder itself, and two pages"
        there = xr.open_dataset(
            "s3://tenant:bucket/bare.SAFE", engine="safe", group=GROUP, storage_options=options
        ).load()
        assert_identical(there, xr.open_dataset(bare, engine="safe", group=GROUP).load())


@pytest.mark.parametrize("way", ["anybody", "a path"])
def test_a_zip_replaced_while_open(gateway, l2a_zip, way):
    data = bytearray(l2a_zip.read_bytes())
    gateway.owner.put("bucket", "changing.SAFE.zip", bytes(data))
    place, options = gateway.place(way)
    opened = xr.open_datatree(f"{place}/changing.SAFE.zip", engine="safe", storage_options=options)
    data[-1] ^= 1
    gateway.owner.put("bucket", "changing.SAFE.zip", bytes(data))
    with pytest.raises(CorruptFileError, match=r"changing\.SAFE\.zip was replaced"):
        opened[f"{R10}/b02"].load()


def test_missing_programs_fail(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *arguments, **options: None)
    with pytest.raises(pytest.fail.Exception, match="apt install radosgw ceph-mon ceph-osd"), ceph(tmp_path, []):
        pass
