"""Indexes are only believed as far as they can be checked, wherever they lie."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from base64 import b64decode, b64encode

import pytest
import xarray as xr
from xarray.testing import assert_identical

from xarray_safe import runtime, tile_indexes
from xarray_safe.archive.base import Archive
from xarray_safe.errors import AccessDeniedError, CorruptFileError, MissingFileError, RemoteFailedError
from xarray_safe.formats.jp2.header import ImageFile
from xarray_safe.formats.jp2.index import cache
from xarray_safe.formats.jp2.index.files import StoredIndex
from xarray_safe.formats.jp2.index.verify import HeaderCheck

BAND = "measurements/reflectance/r10m/b04"


@pytest.fixture(scope="module")
def saved(old, tmp_path_factory):
    target = tmp_path_factory.mktemp("saved") / "x.indexes"
    tile_indexes.save(old, target)
    return target


def band(site, old):
    url, options, _ = site.url("http folder")
    return xr.open_datatree(url.replace(site.name, old.name), engine="safe", storage_options=options)[BAND]


def flip_quantisation(head):
    """Give another header that makes sense, too: only the pixels are others."""
    data = bytearray(head)
    at = data.index(b"\xff\x5c")
    data[at + 6] ^= 0x10
    data[at + 8] ^= 0x10
    return bytes(data)


def altered(saved, target, change, *, summed=False):
    """Save an index of which one entry was altered; with the sum that belongs to it, or not."""
    content = json.loads(gzip.decompress(saved.read_bytes()))
    entry = next(entry for entry in content["indexes"] if entry["name"].endswith("_B04_10m.jp2"))
    change(entry)
    if summed:
        parts = {tile: (start, length) for tile, start, length in entry["parts"]}
        entry["sum"] = StoredIndex(b64decode(entry["head"]), entry["first"], parts).checksum
    target.write_bytes(gzip.compress(json.dumps(content).encode()))
    return target


def flip_head(entry):
    entry["head"] = b64encode(flip_quantisation(b64decode(entry["head"]))).decode()


def move_first_tile(entry):
    entry["parts"][0][1] += 1


@pytest.mark.parametrize("change", [flip_head, move_first_tile])
def test_a_saved_index_has_a_checksum(saved, tmp_path, change):
    with pytest.raises(CorruptFileError, match=r"is not a file of indexes \(its checksum does not match\)"):
        tile_indexes.use(altered(saved, tmp_path / "bad", change))
    assert not cache.supplied()


@pytest.mark.parametrize(("start", "length"), [(-5, 100), (0, 100), (3000, 0), (3000, -1), (3000, 10**12)])
def test_places_outside_of_the_file(saved, tmp_path, start, length):
    def change(entry):
        entry["parts"] = [[tile, start, length] for tile, _, _ in entry["parts"]]

    with pytest.raises(CorruptFileError, match=rf"tile 0 with {length} bytes at {start} is not in a file of \d+ bytes"):
        tile_indexes.use(altered(saved, tmp_path / "bad", change, summed=True))
    assert not cache.supplied()


@pytest.mark.parametrize("key", ["header", "parts"])
def test_a_kept_index_with_a_flipped_bit_is_made_anew(site, old, kept, key):
    band(site, old)[800:900, 800:900].load()
    (path,) = kept.glob("*.index")
    content = json.loads(zlib.decompress(path.read_bytes()))
    if key == "header":
        content["header"] = b64encode(flip_quantisation(b64decode(content["header"]))).decode()
    else:
        content["parts"] = [[tile, -5, length] for tile, _, length in content["parts"]]
    path.write_bytes(zlib.compress(json.dumps(content).encode()))
    runtime.reset()
    assert_identical(band(site, old).load(), xr.open_datatree(old, engine="safe")[BAND].load())


@pytest.mark.parametrize("server", ["s3", "http"])
def test_indexes_that_lie_elsewhere(site, old, saved, server):
    (old.parent / "beside.indexes").write_bytes(saved.read_bytes())
    url, options, _ = site.url(f"{server} folder")
    count = tile_indexes.use(url.replace(site.name, "beside.indexes"), storage_options=options)
    assert count == len(cache.supplied()) > 10


def test_indexes_that_cannot_be_read(site):
    with pytest.raises(MissingFileError, match=r"none\.indexes"):
        tile_indexes.use(f"{site.http.url}/eodata/none.indexes?X-Amz-Signature=s3cr3t")
    with pytest.raises(AccessDeniedError):
        tile_indexes.use("s3://eodata/x.indexes", storage_options={**site.s3_options, "key": "AKIAIOSFODNN7ANOTHER"})
    with pytest.raises(CorruptFileError, match=r"http://.*/manifest\.safe is not a file of indexes"):
        tile_indexes.use(f"{site.url('http folder')[0]}/manifest.safe")


@pytest.mark.parametrize("overview", [0, 2])
def test_an_index_with_the_header_of_another_file_is_dropped(site, old, saved, tmp_path, overview):
    """Its tiles are where they are in the file, only what they mean would be other."""
    tile_indexes.use(altered(saved, tmp_path / "other", flip_head, summed=True))
    here, there = (
        xr.open_datatree(place, engine="safe", overview=overview)[BAND]
        for place in (old, site.url("http folder")[0].replace(site.name, old.name))
    )
    window = (slice(100, 160), slice(100, 160))
    assert_identical(there[window].load(), here[window].load())
    assert_identical(there.load(), here.load())


class Far(Archive):
    """A file of 100 bytes elsewhere, that notes what is asked for; fails at first where told to."""

    local = False

    def __init__(self, failures=0):
        super().__init__("far")
        self.batches, self.failures, self.gate = [], failures, None

    def size(self, name):
        return 100

    def _read(self, requests):
        self.batches.append(list(requests))
        if self.gate:
            self.gate.wait(10)
        if self.failures:
            self.failures -= 1
            raise RemoteFailedError("down")
        return [bytes(range(100))[start:stop] for _, start, stop in requests]


def test_a_header_is_proved_once_beside_what_is_read():
    far, check = Far(), HeaderCheck(bytes(range(10)))
    file = ImageFile(far, "a.jp2")
    assert check.guard(file).read(50, 52) == bytes([50, 51])
    assert far.batches == [[("a.jp2", 0, 10), ("a.jp2", 50, 52)]], "one batch"
    assert check.guard(file) is file


def test_a_header_of_another_file_gives_no_bytes_to_anybody():
    far, check = Far(), HeaderCheck(bytes(range(1, 11)))
    far.gate = threading.Event()
    file, errors = check.guard(ImageFile(far, "a.jp2")), []

    def read(start):
        try:
            file.read(start, start + 2)
        except CorruptFileError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=read, args=(start,)) for start in (20, 40, 60)]
    for thread in threads:
        thread.start()
    far.gate.set()
    for thread in threads:
        thread.join(10)
    assert len(errors) == 3
    assert "a.jp2 of far: its index is of another file" in errors[0]
    assert sum(("a.jp2", 0, 10) in batch for batch in far.batches) == 1


def test_a_header_that_could_not_be_read_is_tried_again():
    far, check = Far(failures=1), HeaderCheck(bytes(range(10)))
    file = check.guard(ImageFile(far, "a.jp2"))
    with pytest.raises(RemoteFailedError):
        file.read(50, 52)
    assert file.files.read_many([("a.jp2", 50, 52), ("a.jp2", 60, 61)]) == [bytes([50, 51]), bytes([60])]
    assert len(far.batches) == 2
