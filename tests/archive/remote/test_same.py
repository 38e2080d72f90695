"""The law of archives: whatever way a product is reached, its tree is the same."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap

import fsspec
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from xarray.testing import assert_identical

from tests.archive.remote.support import Zipped, item
from xarray_safe.archive import guess, open_archive
from xarray_safe.errors import InvalidArgumentError, MissingFileError, NotASafeError, SafeWarning

WAYS = [
    f"{server} {form}"
    for server in ("s3", "http")
    for form in ("folder", "zip", "deflated")
    if (server, form) != ("s3", "deflated")
]
BAND = "measurements/reflectance/r10m/b02"


@pytest.mark.parametrize("way", WAYS)
def test_every_value_is_the_same(site, tree, way):
    assert_identical(site.open(way), tree)


@pytest.mark.parametrize("layout", ["2.5", "2.8"])
def test_both_layouts_of_a_level_1c(l1c_folder, layout):
    memory = in_memory(l1c_folder, "l1c")
    assert_identical(
        xr.open_datatree(memory, engine="safe", eopf_version=layout),
        xr.open_datatree(l1c_folder, engine="safe", eopf_version=layout),
    )


@pytest.fixture(scope="module")
def trees(served, tree):
    """The tree by each way, opened once."""
    return {"local": tree} | {way: served.open(way) for way in WAYS}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_window_by_any_way(served, trees, data):
    paths = [f"{node.path}/{name}" for node in trees["local"].subtree for name in node.data_vars]
    path, way = data.draw(st.sampled_from(paths)), data.draw(st.sampled_from(WAYS))
    window = {}
    for name, size in trees["local"][path].sizes.items():
        start = data.draw(st.integers(0, size - 1))
        window[name] = slice(start, data.draw(st.integers(start + 1, size)), data.draw(st.integers(1, 5)))
    here, there = (trees[key][path].isel(window).copy().load() for key in ("local", way))
    assert_identical(here, there)


def in_memory(folder, name):
    """Put a product's folder into fsspec's memory."""
    memory = fsspec.filesystem("memory")
    for path in folder.rglob("*"):
        if path.is_file():
            memory.pipe(f"/{name}/{folder.name}/{path.relative_to(folder).as_posix()}", path.read_bytes())
    return f"memory://{name}/{folder.name}"


DOORS = {
    "a file at the top": lambda site: (f"{site.url('http folder')[0]}/MTD_MSIL2A.xml", {}),
    "the manifest": lambda site: (f"{site.url('s3 folder')[0]}/manifest.safe", site.s3_options),
    "a chain": lambda site: (f"zip://::{site.url('s3 zip')[0]}", {"s3": site.s3_options}),
    "a folder in a chain": lambda site: (f"zip://{site.name}::{site.url('http zip')[0]}", {}),
    "a chain that fsspec resolves": lambda site: (f"simplecache::{site.url('http zip')[0]}", {}),
    "a local zip in a chain": lambda site: (f"zip://::file://{site.folder}.zip", {}),
    "an item": lambda site: (item(site), site.s3_options),
    "an item over HTTPS": lambda site: (item(site), {"headers": {"X-From": "a test"}}),
    "an object": lambda site: (Zipped(site.folder.with_suffix(".SAFE.zip")), {}),
    "a path of fsspec": lambda site: (fsspec.open(site.url("http zip")[0]), {}),
    "a tenant's bucket": lambda site: ("s3://tenant:bucket/X.SAFE", site.s3_options),
    "a URL with a query": lambda site: (f"{site.url('http zip')[0]}?X-Amz-Signature=s3cr3t", {}),
}


@pytest.mark.parametrize("door", DOORS)
def test_doors(site, tree, door):
    thing, options = DOORS[door](site)
    opened = xr.open_dataset(thing, engine="safe", group="conditions/geometry", storage_options=options)
    assert_identical(opened.load(), tree["conditions/geometry"].to_dataset(inherit=False))
    band = xr.open_datatree(thing, engine="safe", storage_options=options)[BAND]
    assert_identical(band[:30, :30].load(), tree[BAND][:30, :30].load())
    assert "s3cr3t" not in str(opened.encoding)


def test_an_item_by_its_url(site, tree):
    places = item(site)
    relative = {key: {"href": f"../Sentinel-2/{site.name}/{key}"} for key in places["assets"]}
    folder = site.folder.parent.parent / "items"
    folder.mkdir(exist_ok=True)
    (folder / f"{site.folder.stem}.json").write_text(json.dumps({**places, "assets": relative}))
    url = f"{site.http.url}/eodata/items/{site.folder.stem}.json"
    assert_identical(xr.open_datatree(url, engine="safe")[BAND].load(), tree[BAND].load())


def test_a_pystac_item(site, tree):
    pystac = pytest.importorskip("pystac")
    whole = {**item(site), "properties": {"datetime": "2024-11-15T00:00:00Z"}, "geometry": None, "links": []}
    found = pystac.Item.from_dict(whole)
    assert guess(found) == site.folder.stem
    band = xr.open_datatree(found, engine="safe", storage_options=site.s3_options)[BAND]
    assert_identical(band.load(), tree[BAND].load())


def test_engines_are_guessed_without_a_request(site):
    name = site.folder.stem
    for thing in (
        site.url("s3 folder")[0],
        f"{site.url('http zip')[0]}?X-Amz-Signature=s3cr3t",
        f"https://example.org/odata/v1/Products(1-2)/Nodes({name}.SAFE)",
        f"https://example.org/v1/collections/sentinel-2-l2a/items/{name}",
        item(site),
    ):
        assert guess(thing) == name
    for thing in ({"type": "Feature"}, {"type": "Feature", "id": "x", "assets": {}}, f"https://example.org/{name}.nc"):
        assert guess(thing) is None
    assert not site.http.log
    assert not site.s3.log


def test_sizes_that_the_catalogue_tells_otherwise(site, tree):
    wrong = item(site)
    name = next(name for name in wrong["assets"] if name.endswith("MTD_TL.xml"))
    wrong["assets"][name]["file:size"] += 1
    """What the server says is right."""
    size = wrong["assets"][name]["file:size"] - 1
    with pytest.warns(SafeWarning, match=r"MTD_TL\.xml has .* bytes by the catalogue, .* by the manifest"):
        opened = xr.open_datatree(wrong, engine="safe", storage_options=site.s3_options)
    assert len(open_archive(wrong, site.s3_options).read(name)) == size
    assert_identical(opened["conditions/geometry"].load(), tree["conditions/geometry"].load())


def test_what_leads_nowhere(site):
    for url, options, error, message in (
        (f"{site.http.url}/eodata/none.SAFE", {}, MissingFileError, "manifest.safe is not there|has no manifest.safe"),
        (f"{site.http.url}/eodata/none.zip", {}, MissingFileError, "none.zip is not there"),
        ("s3://eodata/none.SAFE", site.s3_options, MissingFileError, "has no manifest.safe"),
        ("s3://none/x.SAFE", site.s3_options, MissingFileError, "none/x.SAFE"),
        ("s3://eodata/Sentinel-2", site.s3_options, NotASafeError, "open one of those in it: S2A"),
        (f"{site.url('http folder')[0]}/INSPIRE.xml", {}, NotASafeError, "file of a product"),
        (
            {"type": "Feature", "id": "x", "assets": {"a": {"href": "s3://b/a.tif"}}},
            {},
            NotASafeError,
            "no asset in a .SAFE",
        ),
        (f"zip://other.SAFE::{site.url('http zip')[0]}", {}, NotASafeError, "has no product in a folder 'other.SAFE'"),
        ("nonsense://x.SAFE", {}, InvalidArgumentError, "nonsense"),
        (5, {}, InvalidArgumentError, "a int is not a path, URL or STAC item"),
    ):
        with pytest.raises(error, match=message):
            open_archive(url, options)


def test_trees_go_to_other_processes(site, tree):
    for way in ("s3 folder", "http zip"):
        dump = pickle.dumps(site.open(way)[BAND])
        assert len(dump) < 30_000
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            sums = pool.apply(_sum, (dump,))
        assert sums == float(tree[BAND].sum())


def test_a_forked_process_makes_its_own_connections(site, tree):
    remote = site.open("s3 folder")
    assert float(remote[BAND][:20].sum()) == float(tree[BAND][:20].sum())
    with multiprocessing.get_context("fork").Pool(1) as pool:
        sums = pool.apply(_sum, (pickle.dumps(remote[BAND]),))
    assert sums == float(tree[BAND].sum())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("way", ["s3 folder", "http folder"])
def test_a_forked_child_reads_on_and_prints_nothing(site, tree, way):
    """It must not free, and so close, what the parent has open."""
    code = """
        import gc, json, os, sys
        import xarray as xr
        band = xr.open_datatree(sys.argv[1], engine="safe", storage_options=json.loads(sys.argv[2]))[sys.argv[3]]
        band[0, 0].values
        child = os.fork()
        if not child:
            total = float(band.sum())
            gc.collect()
            print(total, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
    """
    url, options, _ = site.url(way)
    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code), url, json.dumps(options), BAND]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert float(done.stdout) == float(tree[BAND].sum())
    assert not done.stderr


def _sum(dump):
    return float(pickle.loads(dump).sum())


def test_loading_by_async(site, tree):
    group = site.open("http folder")["measurements/reflectance/r20m"].to_dataset()
    site.http.reset()
    site.http.faults.latency = 0.1
    loaded = asyncio.run(group.load_async())
    assert_identical(loaded, tree["measurements/reflectance/r20m"].to_dataset().load())
    assert 2 <= site.http.peak <= 4


def test_dask_reads_and_names_the_same(site, tree):
    one, two = (site.open("http folder", chunks={})[BAND] for _ in range(2))
    assert one.data.name == two.data.name
    np.testing.assert_array_equal(one.values, tree[BAND].values)
