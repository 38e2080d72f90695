"""Servers that fail: the same pixels or one clear error, never wrong data, and every wait has an end."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from xarray.testing import assert_identical

from tests.servers.background import Background, Handler
from xarray_safe import runtime
from xarray_safe.archive import open_archive
from xarray_safe.errors import (
    AccessDeniedError,
    CorruptFileError,
    RemoteFailedError,
    SafeWarning,
    UnsupportedProductError,
)
from xarray_safe.net import retry

BAND = "measurements/reflectance/r10m/b02"
pytestmark = pytest.mark.timeout(120)


def limit(monkeypatch, tries=8, **changes):
    monkeypatch.setattr(retry, "REMOTE", replace(retry.REMOTE, **{"answer": 2.0, "patience": 3.0, **changes}))
    monkeypatch.setenv("XARRAY_SAFE_TIMEOUT", "0.5")
    monkeypatch.setenv("XARRAY_SAFE_TRIES", str(tries))
    runtime.reset()


@pytest.mark.parametrize("way", ["s3 folder", "http folder", "http zip"])
@pytest.mark.parametrize("fault", [{"p503": 0.2}, {"p_cut": 0.2}, {"p_reset": 0.2}, {"p503": 0.2, "p_cut": 0.2}])
def test_what_passes_is_tried_again(site, tree, way, fault):
    _, _, proxy = site.url(way)
    for name, value in fault.items():
        setattr(proxy.faults, name, value)
    proxy.faults.retry_after = None
    remote = site.open(way)
    group = "measurements/reflectance/r20m"
    assert_identical(remote[group].to_dataset().load(), tree[group].to_dataset().load())
    assert_identical(remote[BAND].load(), tree[BAND].load())


@pytest.mark.parametrize("way", ["s3 folder", "http zip"])
def test_a_server_that_allows_fewer_connections(site, tree, way, monkeypatch):
    _, _, proxy = site.url(way)
    proxy.faults.most, proxy.faults.latency = 1, 0.02  # fewer than are asked for at once
    proxy.faults.retry_after = "0"
    limit(monkeypatch)
    remote = site.open(way, chunks={})
    assert_identical(remote[BAND].compute(), tree[BAND].compute())
    assert 429 in {entry.status for entry in proxy.log}


@pytest.mark.parametrize("status", [429, 503])
def test_what_the_server_asks_to_wait_is_waited(site, monkeypatch, status):
    pauses = []
    monkeypatch.setattr("xarray_safe.archive.remote.fetch.asyncio.sleep", _noting(pauses))
    for way in ("http folder", "s3 folder"):
        url, options, proxy = site.url(way)
        proxy.faults.statuses, proxy.faults.retry_after = [status], "2"
        open_archive(url, options)
    assert pauses == [2.0, 2.0]


def _noting(pauses):
    import asyncio

    sleep = asyncio.sleep

    async def note(seconds, *rest):
        if seconds >= 1:
            pauses.append(seconds)
            seconds = 0
        await sleep(seconds, *rest)

    return note


def test_patience_has_an_end(site):
    url, options, proxy = site.url("http folder")
    proxy.faults.statuses, proxy.faults.retry_after = [429] * 5, "3600"
    with pytest.raises(RemoteFailedError, match=r"too much to do .*another 3600 s were asked for"):
        open_archive(url, options)


def test_patience_ends_even_if_the_server_asks_for_none(site, monkeypatch):
    limit(monkeypatch, patience=0.2)
    url, options, proxy = site.url("s3 folder")
    proxy.faults.statuses, proxy.faults.retry_after = [429] * 1000, "0"
    with pytest.raises(RemoteFailedError, match="too much to do"):
        open_archive(url, options)


@pytest.mark.parametrize("way", ["http zip", "s3 folder"])
def test_tries_have_an_end(site, way):
    url, options, proxy = site.url(way)
    proxy.faults.statuses, proxy.faults.retry_after = [500] * 50, None
    with pytest.raises(RemoteFailedError, match="could not be read, tried 8 times: status 500"):
        open_archive(url, options)
    tries = Counter(entry.path for entry in proxy.log)  # of a folder: its manifest and its listing, side by side
    assert set(tries.values()) == {8}


@pytest.mark.parametrize("way", ["http folder", "s3 zip"])
@pytest.mark.parametrize("status", [401, 403])
def test_a_credential_that_expires_in_the_middle(site, way, status):
    remote = site.open(way)
    _, _, proxy = site.url(way)
    proxy.faults.statuses = [status]
    with pytest.raises(AccessDeniedError, match=r"refuses .*expired.*storage_options"):
        remote[BAND].load()
    assert remote[BAND][0, 0].load().size == 1, "and it goes on as soon as the server does"


def test_wrong_keys(site):
    with pytest.raises(AccessDeniedError, match="InvalidAccessKeyId"):
        open_archive(site.url("s3 folder")[0], {**site.s3_options, "key": "AKIAIOSFODNN7ANOTHER"})


def test_a_server_that_hangs(monkeypatch):
    limit(monkeypatch, tries=2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        with pytest.raises(RemoteFailedError, match="tried 2 times"):
            open_archive(f"http://127.0.0.1:{silent.getsockname()[1]}/X.SAFE")
        assert time.monotonic() - start < 30


def test_a_server_that_trickles(site, monkeypatch):
    """Not silent, but not done in time either."""
    limit(monkeypatch, tries=2, answer=0.5)
    url, options, proxy = site.url("http zip")
    proxy.faults.bandwidth = 20_000
    with pytest.raises(RemoteFailedError, match="no complete answer within"):
        open_archive(url, options)


def test_nobody_there(monkeypatch):
    limit(monkeypatch, tries=2)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    for url, options in (
        (f"http://127.0.0.1:{port}/X.SAFE", {}),
        ("s3://b/X.SAFE", {"anon": True, "endpoint_url": f"http://127.0.0.1:{port}"}),
    ):
        with pytest.raises(RemoteFailedError, match="tried 2 times"):
            open_archive(url, options)


def test_a_server_without_ranges(site, tree):
    """Small files are read whole; large ones are not downloaded unasked."""
    url, options, proxy = site.url("http zip")
    proxy.faults.no_range = True
    with pytest.raises(UnsupportedProductError, match=r"does not support ranges of bytes.*download"):
        open_archive(url, options)
    assert proxy.bytes < 2_000_000
    assert_identical(site.open("http folder")[BAND].load(), tree[BAND].load())


@pytest.fixture
def copy(site):
    """A copy of the product that a test may change."""
    folder = shutil.copytree(site.folder, site.folder.with_name("copy.SAFE"))
    shutil.copy(f"{site.folder}.zip", f"{folder}.zip")
    yield folder
    shutil.rmtree(folder)
    folder.with_name("copy.SAFE.zip").unlink()


@pytest.mark.parametrize("way", ["s3", "http"])
def test_a_file_replaced_while_open(site, copy, way):
    url, options, _ = site.url(f"{way} folder")
    remote = xr.open_datatree(url.replace(site.name, copy.name), engine="safe", storage_options=options, cache=False)
    assert remote[BAND][0, 0].values.shape == ()
    runtime.reset()
    image = next(copy.glob("GRANULE/*/IMG_DATA/R10m/*_B02_10m.jp2"))
    data = image.read_bytes()
    time.sleep(1.1)  # the servers' times of change are whole seconds
    image.write_bytes(data[:-1] + b"\0")
    with pytest.raises(CorruptFileError, match="was replaced after it had been opened"):
        remote[BAND][0, 0].load()


def test_a_zip_replaced_while_open(site, copy):
    url = f"{site.http.url}/eodata/Sentinel-2/{copy.name}.zip"
    archive = open_archive(url)
    name = archive.find("MTD_MSI*.xml")[0]
    assert archive.read(name)
    time.sleep(1.1)
    shutil.copy(f"{site.folder}.zip", f"{copy}.zip")
    with pytest.raises(CorruptFileError, match="was replaced after it had been opened; open it again"):
        archive.read(name)


def test_a_file_that_is_not_what_the_manifest_says(site, copy):
    """What the store says of a file outweighs the manifest, with a warning; as from a local folder."""
    tile = next(copy.glob("GRANULE/*/MTD_TL.xml"))
    tile.write_bytes(tile.read_bytes() + b"\n")
    url, options, _ = site.url("s3 folder")
    with pytest.warns(SafeWarning, match=r"MTD_TL\.xml has \d+ bytes by the store, \d+ by the manifest"):
        remote = xr.open_datatree(url.replace(site.name, copy.name), engine="safe", storage_options=options)
    assert remote.identical(xr.open_datatree(copy, engine="safe"))


def test_a_file_that_the_manifest_lists_but_is_not_there(site, copy):
    from xarray_safe.errors import MissingFileError

    next(copy.glob("GRANULE/*/IMG_DATA/R10m/*_B02_10m.jp2")).unlink()
    url, options, _ = site.url("http folder")
    remote = xr.open_datatree(url.replace(site.name, copy.name), engine="safe", storage_options=options)
    with pytest.raises(MissingFileError, match=r"B02_10m\.jp2 is not there"):
        remote[BAND].load()


class _Guarded(Handler):
    """Redirects from 127.0.0.1 to localhost, both want a token; notes what it gets."""

    seen: list = []
    good = "fresh"
    folder = None

    def do_GET(self):
        host, token = self.headers["Host"].partition(":")[0], self.headers.get("Authorization")
        self.seen.append((host, token))
        if host == "127.0.0.1":
            self.answer(302, Location=f"http://localhost:{self.owner.port}{self.path}")
        elif token != f"Bearer {self.good}":
            self.answer(401)
        else:
            name = self.path.replace("/Nodes(", "/").replace(")", "").removesuffix("/$value")
            path = self.folder / name.split(".SAFE/", 1)[-1]
            data = path.read_bytes() if path.is_file() else b""
            start, _, stop = self.headers.get("Range", "bytes=0-")[6:].partition("-")
            part = data[int(start) : int(stop) + 1 if stop else None]
            span = f"bytes {start}-{int(start) + len(part) - 1}/{len(data)}"
            self.answer(206 if data else 404, part, Content_Range=span)


@pytest.fixture
def guarded(site):
    _Guarded.folder = site.folder
    _Guarded.seen = []
    with Background(_Guarded) as server:
        yield server


def test_odata_nodes_behind_a_redirect_with_a_token_that_expires(site, tree, guarded):
    """The token goes along only to hosts that are trusted, and is renewed where it is refused."""
    given = []

    def token(refused):
        given.append(refused)
        return "stale" if refused is None else "fresh"

    url = f"{guarded.url}/odata/v1/Products(1-2)/Nodes({site.name})"
    remote = xr.open_datatree(
        url, engine="safe", storage_options={"token": token, "trusted_hosts": ("127.0.0.1", "localhost")}
    )
    assert_identical(remote[BAND][:40].load(), tree[BAND][:40].load())
    assert given == [None, "stale"]


def test_a_token_does_not_go_to_strangers(site, guarded):
    url = f"{guarded.url}/odata/v1/Products(1-2)/Nodes({site.name})"
    for options in (
        {"token": "fresh"},
        {"headers": {"Authorization": "Bearer fresh"}},
        {"client_kwargs": {"headers": {"Authorization": "Bearer fresh"}}},
    ):
        _Guarded.seen = []
        with pytest.raises(AccessDeniedError):
            open_archive(url, options)
        assert ("127.0.0.1", "Bearer fresh") in _Guarded.seen
        assert ("localhost", "Bearer fresh") not in _Guarded.seen


def test_secrets_stay_out_of_messages(site):
    url = f"{site.http.url.replace('http://', 'http://user:s3cr3t@')}/eodata/none.zip?X-Amz-Signature=s3cr3t"
    with pytest.raises(OSError, match=r"none\.zip") as caught:
        open_archive(url)
    assert "s3cr3t" not in str(caught.value)


def test_threads_share_the_connections(site, tree):
    remote = site.open("http folder")
    site.http.faults.latency = 0.02
    site.http.reset()
    values = {}

    def read(number):
        values[number] = remote[BAND].isel(x=slice(number * 10, number * 10 + 50)).values

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for number, found in values.items():
        np.testing.assert_array_equal(found, tree[BAND].isel(x=slice(number * 10, number * 10 + 50)).values)
    assert len(values) == 8
    assert site.http.peak <= 4
