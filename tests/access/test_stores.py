"""Object stores: what a product weighs, the Zarr twin with a `tenant:bucket` name, options with hidden keys."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import s3fs
import xarray as xr

from tests.access.support import QUICK, Connect, Sample, collection, endpoints, item
from tests.servers.programs import rclone_http, rclone_s3, rustac
from tests.servers.proxy import Proxy
from tests.servers.recorder import Recorder
from xarray_safe.access import (
    AccessError,
    LoginFailedError,
    SampleService,
    ServerFailedError,
    UnknownProductError,
    size,
)
from xarray_safe.access.sample_service import zarr_store
from xarray_safe.errors import InvalidArgumentError, MissingFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.cdse import Cdse

NAME = "S2A_MSIL2A_20250503T103701_N0511_R008_T32UNE_20250503T173316"
TENANT = "e05ab01a9d56408d82ac32d69a5aae2a:202505-s02msil2a"
KEYS = ("AKIA-TEST", "SECRET-TEST")
LIMITS = replace(QUICK, tries=2)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, sample: Sample) -> Path:
    """Buckets: one with a colon in its name that has a Zarr, one like eodata."""
    root = tmp_path_factory.mktemp("stores")
    band = xr.Dataset({"b04": (("y", "x"), np.arange(10_000, dtype="u2").reshape(100, 100))})
    tree = xr.DataTree.from_dict({"/measurements/reflectance/r10m": band})
    place = root / TENANT / "03" / "products"
    tree.to_zarr(place / f"{NAME}.zarr", zarr_format=2, consolidated=True)
    (place / f"{NAME}.zarr.old").mkdir()
    (place / f"{NAME}.zarr.old" / "x").write_bytes(b"not part of it")
    folder = root / "eodata" / "Sentinel-2" / f"{NAME}.SAFE"
    (folder / "GRANULE" / "ü b").mkdir(parents=True)
    (folder / "manifest.safe").write_bytes(b"x" * 1000)
    (folder / "GRANULE" / "ü b" / "a.jp2").write_bytes(b"x" * 234)
    (folder.parent / f"{NAME}.SAFE.zip").write_bytes(b"x" * 77)
    return root


@pytest.fixture(scope="module")
def open_store(root: Path) -> Iterator[Proxy]:
    with rclone_s3(root) as server, Proxy(server.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def locked_store(root: Path) -> Iterator[Proxy]:
    with rclone_s3(root, *KEYS) as server, Proxy(server.url) as proxy:
        yield proxy


def bytes_in(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@pytest.fixture
def twins(open_store: Proxy, tmp_path: Path) -> Iterator[SampleService]:
    zarr = f"{open_store.url}/{TENANT}/03/products/{NAME}.zarr"
    found = {**item(NAME, clouds=5, time="2025-05-03T10:37:01Z", west=9), "assets": {"product": {"href": f"{zarr}/"}}}
    inside = {"SR_10m": {"href": f"{zarr}/measurements/reflectance/r10m"}}
    other = {**item("S2A_MSIL2A_other", clouds=5, time="2025-05-03T10:37:01Z", west=9), "assets": inside}
    with rustac(tmp_path / "stac", [collection("sentinel-2-l2a")], [found, other]) as server:
        yield SampleService(server.url, limits=LIMITS)


def test_the_twin_is_found(twins: SampleService, open_store: Proxy) -> None:
    for name in (NAME, f"{NAME}.SAFE", f"{NAME}.zarr"):
        found = twins.find(name)
        assert found.url == f"{open_store.url}/{TENANT}/03/products/{NAME}.zarr"
        assert (found.name, found.cloud_cover) == (NAME, 5.0)
    with pytest.raises(UnknownProductError, match="changing sample"):
        twins.find(NAME.replace("2025", "2019"))
    with pytest.raises(ServerFailedError, match="where the Zarr of S2A_MSIL2A_other is stored"):
        twins.find("S2A_MSIL2A_other")
    assert [twin.name for twin in twins.search("sentinel-2-l2a", limit=1)] == [NAME]


def test_the_twin_opens_over_https(twins: SampleService, open_store: Proxy) -> None:
    open_store.reset()
    tree = twins.open(NAME, chunks={})
    assert len(open_store.log) <= 10
    assert all(entry.method in ("GET", "HEAD") for entry in open_store.log)
    band = tree["/measurements/reflectance/r10m/b04"]
    np.testing.assert_array_equal(band, np.arange(10_000).reshape(100, 100))
    again = pickle.loads(pickle.dumps(band))
    np.testing.assert_array_equal(again, band)
    open_store.reset()
    twins.open(NAME, zarr_format=2, consolidated=True)
    assert len(open_store.log) <= 4


@pytest.mark.parametrize("signed", [False, True])
def test_the_twin_opens_over_s3(open_store: Proxy, locked_store: Proxy, signed: bool) -> None:
    store = locked_store if signed else open_store
    login = {"key": KEYS[0], "secret": KEYS[1]} if signed else {"anon": True}
    options = {**login, "client_kwargs": {"endpoint_url": store.url}}
    zarr = zarr_store(f"s3://{TENANT}/03/products/{NAME}.zarr", options, LIMITS)
    tree = xr.open_datatree(zarr, engine="zarr")
    np.testing.assert_array_equal(tree["/measurements/reflectance/r10m/b04"], np.arange(10_000).reshape(100, 100))
    assert KEYS[1] not in repr(zarr)


def test_a_zarr_is_opened_from_the_web_only() -> None:
    with pytest.raises(InvalidArgumentError, match="https:// or s3://"):
        zarr_store("ftp://x/y.zarr")


def test_the_twin_weighs_what_its_files_do(twins: SampleService, open_store: Proxy, root: Path) -> None:
    folder = root / TENANT / "03" / "products" / f"{NAME}.zarr"
    open_store.reset()
    assert twins.size(NAME) == bytes_in(folder)
    assert all("list-type=2" in entry.path for entry in open_store.log)
    options = {"anon": True, "client_kwargs": {"endpoint_url": open_store.url}}
    assert size(f"s3://{TENANT}/03/products/{NAME}.zarr/", options, LIMITS) == bytes_in(folder)


def test_sizes_in_a_store_with_keys(connect: Connect, locked_store: Proxy, cdse: Cdse) -> None:
    client = connect(endpoints=replace(endpoints(cdse), s3=locked_store.url), s3_key=KEYS[0], s3_secret=KEYS[1])
    options = client.storage_options()
    assert size(f"s3://eodata/Sentinel-2/{NAME}.SAFE", options, LIMITS) == 1234
    assert size(f"s3://eodata/Sentinel-2/{NAME}.SAFE.zip", options, LIMITS) == 77
    with pytest.raises(UnknownProductError, match="there is nothing"):
        size("s3://eodata/Sentinel-2/S2A.SAFE", options, LIMITS)


@pytest.mark.parametrize("secret", [None, "wrong"])
def test_sizes_without_the_right_keys(locked_store: Proxy, secret: str | None) -> None:
    login = {"key": KEYS[0], "secret": secret} if secret else {"anon": True}
    with pytest.raises(AccessError, match=r"other keys|cannot be listed") as caught:
        size(
            f"s3://eodata/Sentinel-2/{NAME}.SAFE",
            {**login, "client_kwargs": {"endpoint_url": locked_store.url}},
            LIMITS,
        )
    assert KEYS[0] not in str(caught.value)


def test_storage_options_open_the_store_with_s3fs(connect: Connect, locked_store: Proxy, cdse: Cdse) -> None:
    client = connect(endpoints=replace(endpoints(cdse), s3=locked_store.url), s3_key=KEYS[0], s3_secret=KEYS[1])
    files = s3fs.S3FileSystem(**client.storage_options(), skip_instance_cache=True)
    assert files.du(f"eodata/Sentinel-2/{NAME}.SAFE") == 1234
    assert files.cat_file(f"eodata/Sentinel-2/{NAME}.SAFE/manifest.safe", start=0, end=3) == b"xxx"


@pytest.mark.parametrize(
    "names", [("CDSE_S3_ACCESS_KEY", "CDSE_S3_SECRET_KEY"), ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
)
def test_keys_from_the_environment(connect: Connect, monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]) -> None:
    with pytest.raises(LoginFailedError, match="CDSE_S3_ACCESS_KEY"):
        connect().storage_options()
    for name, value in zip(names, KEYS, strict=True):
        monkeypatch.setenv(name, value)
    options = connect().storage_options()
    assert (options["key"], options["secret"]) == KEYS
    assert dict(options)["client_kwargs"]["region_name"] == "default"  # type: ignore[index]
    assert pickle.loads(pickle.dumps(options)) == options
    for text in (repr(options), str(options), f"{options}"):
        assert "SECRET-TEST" not in text
        assert "AKIA-TEST" not in text
        assert "endpoint_url" in text


def test_half_a_pair_of_keys(connect: Connect) -> None:
    with pytest.raises(InvalidArgumentError, match="pairs"):
        connect(s3_key="x").storage_options()


def test_sizes_over_https(root: Path, open_store: Proxy) -> None:
    with rclone_http(root / "eodata") as server:
        assert size(f"{server.url}/Sentinel-2/{NAME}.SAFE.zip", limits=LIMITS) == 77
        with pytest.raises(UnknownProductError):
            size(f"{server.url}/Sentinel-2/nothing.zip", limits=LIMITS)
        with pytest.raises(AccessError, match=r"cannot be listed|nothing"):
            size(f"{server.url}/Sentinel-2/{NAME}.SAFE", limits=LIMITS)
    assert size(f"{open_store.url}/eodata/Sentinel-2/{NAME}.SAFE", limits=LIMITS) == 1234


def test_sizes_that_are_not_told() -> None:
    with Recorder(status=405) as server, pytest.raises(AccessError, match="does not say how big"):
        size(f"{server.url}/x.zip", limits=LIMITS)
    with pytest.raises(AccessError, match="cannot be listed"):
        size("http://127.0.0.1:1/bucket/x.zarr", limits=LIMITS)
    with pytest.raises(ServerFailedError):
        size("http://127.0.0.1:1/bucket/x.zip", limits=LIMITS)


def test_local_sizes(root: Path, sample: Sample) -> None:
    assert size(sample.path) == len(sample.data)
    folder = root / "eodata" / "Sentinel-2" / f"{NAME}.SAFE"
    assert size(folder) == size(str(folder)) == size(folder.as_uri()) == 1234
    with pytest.raises(MissingFileError, match="does not exist"):
        size("no/such/product")


@pytest.mark.parametrize("url", ["s3://bucket", "s3://", "gs://x/y", "https://host/x.zarr"])
def test_places_that_are_none(url: str) -> None:
    with pytest.raises(InvalidArgumentError):
        size(url, {"anon": True}, LIMITS)


def test_a_stac_that_gives_odd_places(tmp_path: Path) -> None:
    odd = {
        **item(NAME, clouds=5, time="2025-05-03T10:37:01Z", west=9),
        "assets": {"product": {"href": "file:///etc/x.zarr"}},
    }
    with (
        rustac(tmp_path, [collection("sentinel-2-l2a")], [odd]) as server,
        pytest.raises(ServerFailedError, match="not one in the web"),
    ):
        SampleService(server.url, limits=LIMITS).find(NAME)
