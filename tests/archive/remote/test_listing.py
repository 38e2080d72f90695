"""Places without a manifest, prefixes that are no product, and what else an object store answers."""

from __future__ import annotations

import asyncio
import shutil
import time

import pytest
import xarray as xr
from xarray.testing import assert_identical

from tests.archive.remote.support import item_of
from xarray_safe.archive import detect, open_archive
from xarray_safe.archive.remote import s3 as remote_s3
from xarray_safe.archive.remote.fetch import run
from xarray_safe.archive.remote.s3 import S3Store
from xarray_safe.archive.remote.store import ObjectVersion
from xarray_safe.errors import InvalidArgumentError, MissingFileError, NotASafeError, UnsupportedProductError

GROUP = "measurements/reflectance/r10m"


@pytest.fixture(scope="module")
def bare(served):
    """The product without its manifest."""
    folder = shutil.copytree(served.folder, served.folder.with_name("bare.SAFE"))
    (folder / "manifest.safe").unlink()
    time.sleep(1.1)  # so long rclone remembers what there is
    yield folder
    shutil.rmtree(folder)


def test_a_product_without_manifest_in_an_object_store(site, bare):
    """Lists and answers spell ETags differently there."""
    url = site.url("s3 folder")[0].replace(site.name, bare.name)
    archive = open_archive(url, site.s3_options)
    assert archive.names == open_archive(bare).names
    there = xr.open_dataset(url, engine="safe", group=GROUP, storage_options=site.s3_options)
    assert_identical(there.load(), xr.open_dataset(bare, engine="safe", group=GROUP).load())


@pytest.mark.parametrize("extra", [(), ("manifest.safe",)])
def test_a_product_without_manifest_of_a_catalogue(site, bare, extra):
    """Web servers do not list: what the item names is what there is."""
    item = item_of(bare, f"{site.http.url}/eodata/Sentinel-2/{bare.name}", extra)
    options = {"headers": {"X-From": "a test"}}
    archive = open_archive(item, options)
    assert archive.names == open_archive(bare).names
    there = xr.open_dataset(item, engine="safe", group=GROUP, storage_options=options)
    assert_identical(there.load(), xr.open_dataset(bare, engine="safe", group=GROUP).load())


def test_without_manifest_and_catalogue_nothing_can_be_told(site, bare):
    with pytest.raises(MissingFileError, match=r"has no manifest\.safe"):
        open_archive(f"{site.http.url}/eodata/Sentinel-2/{bare.name}")


def test_a_mistaken_prefix_is_listed_one_level_deep(site):
    with pytest.raises(NotASafeError, match=rf"open one of those in it: .*{site.name}"):
        open_archive("s3://eodata/Sentinel-2", site.s3_options)
    lists = [entry.path for entry in site.s3.log if "list-type=2" in entry.path]
    assert len(lists) == 1
    assert "delimiter=%2F" in lists[0]


def test_a_mistaken_folder_of_any_file_system(monkeypatch):
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/many/2024/X.SAFE/manifest.safe", b"")
    memory.pipe("/many/Y.SAFE/manifest.safe", b"")
    monkeypatch.setattr(type(memory), "find", None)
    with pytest.raises(NotASafeError, match=r"open one of those in it: Y\.SAFE$"):
        open_archive("memory://many")


def test_a_bucket_is_no_product(site):
    with pytest.raises(NotASafeError, match="s3://eodata has no manifest"):
        open_archive("s3://eodata", site.s3_options)
    with pytest.raises(InvalidArgumentError, match="has no bucket"):
        open_archive("s3://", site.s3_options)


def test_no_product_has_so_many_files(site, bare, monkeypatch):
    monkeypatch.setattr(detect, "MAX_FILES", 10)
    with pytest.raises(NotASafeError, match="holds more than 10 files"):
        open_archive(site.url("s3 folder")[0].replace(site.name, bare.name), site.s3_options)


def test_lists_of_many_pages():
    """A store that gives two names a page."""
    names = [*"abcde", "MTD_MSIL1C.xml"]

    async def paged(Bucket, Prefix, ContinuationToken="0"):
        start = int(ContinuationToken)
        found = [{"Key": f"{Prefix}{name}", "Size": 1, "ETag": '"e"'} for name in names[start : start + 2]]
        stop = start + 2
        return {"Contents": found, "IsTruncated": stop < len(names), "NextContinuationToken": str(stop)}

    found = asyncio.run(S3Store({})._below(paged, "b", "X.SAFE/"))
    assert found == dict.fromkeys(names, ObjectVersion(1, "e"))


def test_files_that_are_no_products(site):
    """Smaller than the end of a zip that is asked for first."""
    file = next(path for path in site.folder.rglob("AUX_*") if path.is_file() and path.stat().st_size < 60_000)
    name = file.relative_to(site.folder).as_posix()
    with pytest.raises(NotASafeError, match="neither a folder nor a zip: it begins with b'GRIB"):
        open_archive(f"{site.url('s3 folder')[0]}/{name}", site.s3_options)


def test_nothing_large_is_read_whole(site, monkeypatch):
    monkeypatch.setattr(remote_s3, "WHOLE", 1000)
    with pytest.raises(UnsupportedProductError, match=r"manifest\.safe has \d+ bytes.*is not downloaded unasked"):
        open_archive(site.url("s3 folder")[0], site.s3_options)


def test_options_that_nobody_knows(site):
    with pytest.raises(InvalidArgumentError, match="the storage option 'nonopt' is not known there"):
        open_archive(site.url("s3 folder")[0], {**site.s3_options, "nonopt": 1})


def test_what_options_add_to_each_request(site):
    """`requester_pays` and `s3_additional_kwargs` of s3fs, to the operations that know them."""
    more = {"RequestPayer": "requester", "ExpectedBucketOwner": "1234", "SSECustomerAlgorithm": "AES256"}
    options = {**site.s3_options, "requester_pays": True, "s3_additional_kwargs": more}
    store = S3Store({**options, "endpoint_url": site.s3.url})

    async def added(name):
        operation, bucket, key = await store._operation(name, "eodata/a/b")
        assert (bucket, key) == ("eodata", "a/b")
        return operation.keywords

    assert run(added("GetObject"), 60) == more
    assert run(added("ListObjectsV2"), 60) == {name: more[name] for name in ("RequestPayer", "ExpectedBucketOwner")}


@pytest.mark.parametrize(("code", "said"), [("503", "status 503"), ("SlowDown", "status 503 SlowDown")])
def test_a_status_is_said_once(code, said):
    from botocore.exceptions import ClientError

    answer = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 503}}
    assert S3Store({})._failure(ClientError(answer, "GetObject"), "bucket/file").what == said


class _Body:
    closed = False

    async def read(self):
        return b"abcde"

    def close(self):
        self.closed = True


@pytest.mark.parametrize(("span", "size"), [("bytes 5-9/*", None), ("bytes 5-9/20", 20)])
def test_answers_that_do_not_tell_the_size(span, size):
    response = {"Body": _Body(), "ContentLength": 5, "ContentRange": span, "ETag": 'W/"x"'}
    answer = asyncio.run(S3Store({})._answer(response, "bucket/file", 5, 10))
    assert (answer.data, answer.start, answer.version) == (b"abcde", 5, ObjectVersion(size, "x"))
    assert response["Body"].closed
