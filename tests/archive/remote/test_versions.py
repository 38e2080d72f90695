"""Which version of a thing it is: told to other processes, and known where the server does not tell."""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
import time
import zipfile
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import xarray as xr
from xarray.testing import assert_identical

from tests.servers.background import Background, Handler
from xarray_safe import runtime
from xarray_safe.archive import open_archive
from xarray_safe.archive.remote.fetch import VersionTracker
from xarray_safe.archive.remote.store import ObjectVersion
from xarray_safe.errors import CorruptFileError, SafeWarning

BAND = "measurements/reflectance/r10m/b02"


@pytest.fixture
def copy(site):
    """A copy of the product that a test may change."""
    folder = shutil.copytree(site.folder, site.folder.with_name("two_readers.SAFE"))
    time.sleep(1.1)  # so long rclone remembers what there is
    yield folder
    shutil.rmtree(folder)


def opened(site, copy, way):
    url, options, _ = site.url(f"{way} folder")
    options = {"engine": "safe", "storage_options": options, "cache": False, "mask_and_scale": False}
    return xr.open_datatree(url.replace(site.name, copy.name), **options)


def elsewhere(dump):
    """Read in another process: a corner, or what goes wrong."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_corner, (dump,))


def _corner(dump):
    try:
        return int(pickle.loads(dump)[0, 0].values)
    except CorruptFileError as error:
        return str(error)


@pytest.mark.parametrize("way", ["s3", "http"])
def test_an_image_replaced_between_two_processes(site, copy, way):
    """One has read a part of it, the other must not read the rest from another image."""
    band = opened(site, copy, way)[BAND]
    band[0, 0].load()
    dump = pickle.dumps(band)
    image = next(copy.glob("GRANULE/*/IMG_DATA/R10m/*_B02_10m.jp2"))
    time.sleep(1.1)  # the servers' times of change are whole seconds
    image.write_bytes(image.read_bytes()[:-1] + b"\0")
    time.sleep(1.1)
    assert "was replaced after it had been opened" in elsewhere(dump)


def test_a_manifest_replaced_between_two_processes(site, copy):
    band = opened(site, copy, "http")[BAND]
    dump = pickle.dumps(band)
    manifest = copy / "manifest.safe"
    data = manifest.read_bytes()
    assert b"UTF-8" in data
    manifest.write_bytes(data.replace(b"UTF-8", b"utf-8", 1))
    assert "was replaced after it had been opened" in elsewhere(dump)


def test_what_was_read_goes_along_and_stays_small(site, tree):
    from dask.base import tokenize

    remote = site.open("s3 folder")
    archive = open_archive(*site.url("s3 folder")[:2])
    before, token = len(pickle.dumps(remote[BAND])), tokenize(archive)
    assert before < 6000
    assert_identical(remote.load(), tree)
    for name in archive.names:
        archive.read(name, 0, 10)
    assert len(pickle.dumps(archive)) < 15_000
    assert tokenize(archive) == token
    again = pickle.loads(pickle.dumps(archive))
    assert pickle.loads(pickle.dumps(archive)) is again, "the variables of a tree share it"
    assert tokenize(again) == token
    image = archive.find("GRANULE/*/IMG_DATA/R10m/*_B02_10m.jp2")[0]
    assert again.version(image) == archive.version(image) != ""
    assert pickle.loads(pickle.dumps(again)).version(image) == archive.version(image)


def test_what_is_expected_of_a_file():
    versions = VersionTracker()
    versions.expect("a", ObjectVersion(None, "one"))
    versions.expect("a", ObjectVersion(5, ""))
    assert versions.seen["a"] == ObjectVersion(5, "one")
    with pytest.raises(CorruptFileError, match="was replaced"):
        versions.check("a", "label", ObjectVersion(5, "two"))
    with pytest.raises(CorruptFileError, match="has 6 bytes, but had 5"):
        versions.check("a", "label", ObjectVersion(6, "one"))
    versions.expect("a", ObjectVersion(None, "three"))
    assert versions.seen["a"] == ObjectVersion(5, "one"), "what was seen here stays"


def test_a_product_opened_again_after_an_image_was_replaced(site, copy):
    """Even where the manifest is as it was: tiles that were decoded belong to the opening that read them."""
    pair = [next(copy.glob(f"GRANULE/*/IMG_DATA/R10m/*_{band}_10m.jp2")) for band in ("B02", "B03")]
    small, large = sorted(pair, key=lambda path: path.stat().st_size)
    band = f"{BAND.rpartition('/')[0]}/{large.name[-11:-8].lower()}"
    before = opened(site, copy, "http")[band].load()
    large.write_bytes(small.read_bytes().ljust(large.stat().st_size, b"\0"))
    again = opened(site, copy, "http")[band].load()
    assert not again.equals(before)


@pytest.fixture(scope="module")
def twins(served, tree):
    """Files of two products that differ in the pixels of one band only, not in names, sizes or manifest."""
    files = {path.relative_to(served.folder).as_posix(): path.read_bytes() for path in _files(served.folder)}
    image, other = (next(name for name in files if name.endswith(f"_B0{n}_10m.jp2")) for n in (2, 3))
    size = max(len(files[image]), len(files[other]))
    files["manifest.safe"] = _with_size(files["manifest.safe"], image, size)
    found = {"a": {**files, image: files[image].ljust(size, b"\0")}}
    found["b"] = {**files, image: files[other].ljust(size, b"\0")}
    pixels = {key: tree[BAND.replace("b02", name)].values for key, name in (("a", "b02"), ("b", "b03"))}
    assert (pixels["a"] != pixels["b"]).any()
    return served.name, found, pixels


def _files(folder):
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _with_size(manifest, name, size):
    """Give a manifest without checksums, and with another size of one file."""
    from lxml import etree

    root = etree.fromstring(manifest)
    for stream in root.iterfind(".//{*}byteStream"):
        if stream.find("{*}fileLocation").get("href").endswith(name):
            stream.set("size", str(size))
        for checksum in stream.findall("{*}checksum"):
            stream.remove(checksum)
    return etree.tostring(root)


def zipped(name, files):
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        for path, data in files.items():
            file.writestr(zipfile.ZipInfo(f"{name}/{path}"), data)
    return target.getvalue()


class Bytes:
    """A zip that gives ranges, and has the same name as others."""

    def __init__(self, data):
        self.url, self.size, self.data = "a zip", len(data), data

    def read(self, start, stop):
        return self.data[start:stop]


class Untold(Handler):
    """Serves ranges, but neither ETag nor time of change; which of the twins it is stands in the query."""

    twins: dict = {}
    name = ""

    def do_GET(self):
        url = urlsplit(self.path)
        files = self.twins[parse_qs(url.query)["product"][0]]
        data = files.get(url.path.partition(".SAFE/")[2] if ".SAFE/" in url.path else url.path[1:])
        if data is None:
            return self.answer(404)
        first, _, last = self.headers.get("Range", "bytes=0-")[6:].partition("-")
        start, stop = (int(first), int(last) + 1 if last else len(data)) if first else (-int(last), len(data))
        start, stop = max(0, start + len(data)) if start < 0 else start, min(stop, len(data))
        return self.answer(206, data[start:stop], Content_Range=f"bytes {start}-{stop - 1}/{len(data)}")


@pytest.fixture(scope="module")
def untold(twins):
    name, files, _ = twins
    Untold.twins = {key: {**content, "x.zip": zipped(name, content)} for key, content in files.items()}
    with Background(Untold) as server:
        yield server


def check_twins(places, twins):
    """Open both in the same process, and send both to another one."""
    _, _, pixels = twins
    bands = {key: xr.open_datatree(place, engine="safe")[BAND] for key, place in places.items()}
    dumps = {key: pickle.dumps(band) for key, band in bands.items()}
    for key, band in bands.items():
        np.testing.assert_array_equal(band.values, pixels[key])
    again = {key: pickle.loads(dump) for key, dump in dumps.items()}
    for key, band in again.items():
        np.testing.assert_array_equal(band.values, pixels[key])


def test_objects_of_one_name_and_size(twins):
    name, files, _ = twins
    zips = {key: zipped(name, content) for key, content in files.items()}
    assert len(zips["a"]) == len(zips["b"])
    check_twins({key: Bytes(data) for key, data in zips.items()}, twins)


@pytest.mark.parametrize("form", ["x.zip", "folder"])
def test_urls_that_differ_in_the_query_only(untold, twins, form):
    last = form if form == "x.zip" else twins[0]
    check_twins({key: f"{untold.url}/{last}?product={key}" for key in "ab"}, twins)


def test_tokens_tell_twins_apart(untold, twins):
    from dask.base import tokenize

    for last in ("x.zip", twins[0]):
        one, two, again = (open_archive(f"{untold.url}/{last}?product={key}") for key in "aba")
        assert tokenize(one) == tokenize(again) != tokenize(two)
        assert one == again != two
        image = one.find("GRANULE/*/IMG_DATA/R10m/*_B02_10m.jp2")[0]
        assert one.identity(image) == again.identity(image) != two.identity(image)
        assert "product" not in str(one.identity(image))


def test_a_zip_replaced_between_two_readers_on_a_server_that_does_not_tell(untold, monkeypatch):
    dump = pickle.dumps(open_archive(f"{untold.url}/x.zip?product=a"))
    monkeypatch.setitem(Untold.twins, "a", Untold.twins["b"])
    runtime.reset()
    archive = pickle.loads(dump)
    with pytest.raises(CorruptFileError, match=r"x\.zip was replaced after it had been opened"):
        archive.names


def test_a_zip_with_other_files_than_its_manifest_says(twins):
    """The zip is right, and the product opens as it does from a disk."""
    name, files, _ = twins
    tile = next(path for path in files["a"] if path.endswith("MTD_TL.xml"))
    data = zipped(name, {**files["a"], tile: files["a"][tile] + b"\n"})
    with pytest.warns(SafeWarning, match=r"MTD_TL\.xml has \d+ bytes by the zip, \d+ by the manifest"):
        xr.open_datatree(Bytes(data), engine="safe")
