"""Indexes that are saved, brought along, and not believed blindly."""

from __future__ import annotations

import gzip
import os
import shutil
import struct

import pytest
import xarray as xr
from xarray.testing import assert_identical

from xarray_safe import runtime, tile_indexes
from xarray_safe.archive import open_archive
from xarray_safe.errors import CorruptFileError, MissingFileError
from xarray_safe.formats.jp2.header import ImageFile
from xarray_safe.formats.jp2.index import cache
from xarray_safe.formats.jp2.index.tile_index import open_index

BAND = "measurements/reflectance/r10m/b04"


def requests_of_a_chunk(site, old):
    runtime.indexes.forget()
    url, options, proxy = site.url("s3 folder")
    tree = xr.open_datatree(url.replace(site.name, old.name), engine="safe", storage_options=options)
    proxy.reset()
    here, there = (each[BAND][800:900, 800:900].load() for each in (xr.open_datatree(old, engine="safe"), tree))
    assert_identical(here, there)
    return len(proxy.log)


def test_a_saved_index_makes_the_search_needless(site, old, tmp_path, monkeypatch):
    assert requests_of_a_chunk(site, old) > 2
    count = tile_indexes.save(old, tmp_path / "x.indexes")
    assert count == len(list(old.glob("GRANULE/*/IMG_DATA/*/*.jp2")))
    assert (tmp_path / "x.indexes").stat().st_size < 2500 * count
    assert tile_indexes.use(tmp_path / "x.indexes") == count
    assert requests_of_a_chunk(site, old) == 2, "the tile, and beside it the header, to compare"
    monkeypatch.setenv("XARRAY_SAFE_INDEXES", os.pathsep.join([str(tmp_path / "x.indexes")] * 2))
    runtime.reset()
    assert requests_of_a_chunk(site, old) == 2, "the tile, and beside it the header, to compare"


def parquet(old, path, change=lambda data: data):
    """The table of TLM segments of a product."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    archive = open_archive(old)
    rows = []
    for name in archive.find("GRANULE/*/IMG_DATA/R10m/*_B0*_10m.jp2"):
        file = ImageFile(archive, name)
        index = open_index(file)
        lengths = [index.parts(file, tile)[0].length for tile in range(index.header.tiles)]
        body = b"".join(length.to_bytes(4, "big") for length in lengths)
        segment = struct.pack(">HHBB", 0xFF55, 4 + len(body), 0, 0x40) + body
        data = struct.pack(">QQL", archive.size(name), index.header.tiles_start, len(segment)) + segment
        rows.append({"product_id": old.stem, "band_id": "B", "path": f"a/{old.name}/{name}", "index": change(data)})
    rows.append({"product_id": "other", "band_id": "B02", "path": "a/with_a_table.jp2", "index": b""})
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return len(rows) - 1


def test_a_table_of_tlm_segments(site, old, tmp_path):
    count = parquet(old, tmp_path / "32UPU.parquet")
    assert tile_indexes.use(tmp_path / "32UPU.parquet") == count
    assert requests_of_a_chunk(site, old) == 2, "the header, and the tile"


def test_an_index_of_another_file_is_dropped(site, old, tmp_path):
    """Lengths that belong to other tiles; then the markers in the image decide."""

    def shuffled(data):
        return data[:26] + data[30:34] + data[26:30] + data[34:]

    parquet(old, tmp_path / "wrong.parquet", shuffled)
    tile_indexes.use(tmp_path / "wrong.parquet")
    runtime.indexes.forget()
    url, options, _ = site.url("s3 folder")
    tree = xr.open_datatree(url.replace(site.name, old.name), engine="safe", storage_options=options)
    assert_identical(tree[BAND].load(), xr.open_datatree(old, engine="safe")[BAND].load())


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:19],
        lambda data: data[:-1],
        lambda data: data[:20] + b"\xff\x64" + data[22:],
        lambda data: bytes(8) + data[8:],
    ],
)
def test_tables_that_make_no_sense(old, tmp_path, change):
    parquet(old, tmp_path / "bad.parquet", change)
    with pytest.raises(CorruptFileError, match=r"bad\.parquet"):
        tile_indexes.use(tmp_path / "bad.parquet")
    assert not cache.supplied()


def test_files_that_are_no_indexes(tmp_path):
    with pytest.raises(MissingFileError):
        tile_indexes.use(tmp_path / "none")
    for content in (b"", b"nonsense", gzip.compress(b"{}"), gzip.compress(b"[]"), b"PAR1nonsense"):
        (tmp_path / "x").write_bytes(content)
        with pytest.raises(CorruptFileError):
            tile_indexes.use(tmp_path / "x")


def test_a_product_with_tables_has_nothing_to_save(site, tmp_path):
    folder = shutil.copytree(site.folder, tmp_path / "copy.SAFE")
    for path in folder.glob("GRANULE/*/IMG_DATA/R?0m/*.jp2"):
        assert b"\xff\x55" in path.read_bytes()[:4000]
    saved = tile_indexes.save(folder, tmp_path / "x")
    assert saved < len(list(folder.rglob("*.jp2")))
