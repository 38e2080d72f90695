"""Entries over S3 and HTTP, from tests.servers on loopback; the SAFE ones need remote archives."""

from __future__ import annotations

import intake
import pytest

from tests.intake.support import compare_cell
from tests.servers.programs import rclone_http, rclone_s3
from tests.servers.proxy import Proxy
from xarray_safe import catalogs
from xarray_safe.errors import UnsupportedProductError
from xarray_safe.intake import catalog

ENTRIES = ("zarr_s3", "safe_s3")
KEY, SECRET = "the-key", "the-secret"


@pytest.fixture(scope="module")
def s3(bucket):
    """S3 server that lets anybody read: the bucket `sample` has the product."""
    with rclone_s3(bucket.parent) as server, Proxy(server.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def locked(bucket):
    """S3 server that wants keys."""
    with rclone_s3(bucket.parent, KEY, SECRET) as server, Proxy(server.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def expected(bucket):
    cat = intake.open_catalog(catalogs.sample)(folder=str(bucket))
    with cat.safe_folder.read() as tree:
        return compare_cell(tree)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_s3_entry_gives_the_same(cat, s3, expected, name):
    entry = cat(endpoint=s3.url)[name]
    assert compare_cell(entry.read()) == expected


@pytest.mark.filterwarnings("ignore:Shell command not executed:UserWarning")
@pytest.mark.parametrize("name", ENTRIES)
def test_every_s3_entry_of_the_v1_catalog_gives_the_same(bucket, s3, expected, name):
    cat = intake.open_catalog(catalogs.sample_v1)(folder=str(bucket), endpoint=s3.url)
    assert compare_cell(cat[name].read()) == expected


@pytest.mark.parametrize("name", ENTRIES)
def test_describe_moves_no_images(cat, s3, name):
    before, known = s3.bytes, len(s3.log)
    found = cat(endpoint=s3.url)[name].describe()
    assert found == cat.safe_folder.describe()
    assert not [entry.path for entry in s3.log[known:] if entry.path.endswith("_B02_10m.jp2") and entry.bytes > 100_000]
    assert s3.bytes - before < 3_000_000


def keyed(cat, proxy, bucket):
    name = next(bucket.glob("*.SAFE")).stem
    return cat(endpoint=proxy.url, safe_place="s3://sample", product=name, downloads=str(bucket))


@pytest.mark.parametrize("form", ["", "_v1"])
@pytest.mark.filterwarnings("ignore:Shell command not executed:UserWarning")
def test_keys_from_the_environment_open_the_safe_in_s3(locked, bucket, monkeypatch, form):
    monkeypatch.setenv("CDSE_S3_ACCESS_KEY", KEY)
    monkeypatch.setenv("CDSE_S3_SECRET_KEY", SECRET)
    cat = keyed(intake.open_catalog(getattr(catalogs, f"sentinel2{form}")), locked, bucket)
    assert cat.safe_s3.read().identical(cat.safe_local.read())
    assert cat.bands_safe_s3.read().identical(cat.bands_safe_local.read())


def test_wrong_keys_are_an_error_without_them_in_it(locked, bucket, monkeypatch):
    monkeypatch.setenv("CDSE_S3_ACCESS_KEY", KEY)
    monkeypatch.setenv("CDSE_S3_SECRET_KEY", "a-wrong-secret")
    cat = keyed(intake.open_catalog(catalogs.sentinel2), locked, bucket)
    with pytest.raises((OSError, ValueError)) as caught:
        cat.safe_s3.read()
    assert not isinstance(caught.value, UnsupportedProductError)
    assert "a-wrong-secret" not in str(caught.value)


def test_a_catalog_from_a_search_opens_both(s3, cat, bucket):
    name = next(bucket.glob("*.SAFE")).stem
    options = cat(endpoint=s3.url).zarr_s3.source.location.storage_options
    manifest = {"href": f"s3://sample/{name}.SAFE/manifest.safe"}
    product = {"href": f"s3://sample/{name}.zarr"}
    found = catalog(
        {"type": "Feature", "id": name, "properties": {}, "assets": {"safe_manifest": manifest, "product": product}},
        eopf_version="2.8",
    )
    safe, zarr = (found[f"{name}_{kind}"].read(storage_options=options) for kind in ("safe", "zarr"))
    assert safe.identical(zarr)


def test_the_public_catalog_over_http(bucket, cat):
    name = next(bucket.glob("*.SAFE")).stem
    with rclone_http(bucket) as server:
        public = intake.open_catalog(catalogs.public)(safe_place=server.url, zarr_place=server.url, product=name)
        assert public.zarr.read(eopf_version="2.8").identical(cat.zarr_local.read())
        assert public.safe.read().identical(cat.safe_folder.read(eopf_version="2.5"))
