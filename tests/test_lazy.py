"""Opening reads little and decodes nothing; what is opened goes to other threads, processes and machines."""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tests.support import copy, find, replace, spy
from xarray_safe.archive.xml import END
from xarray_safe.model.build import CHUNK, chunk_length
from xarray_safe.sample import write
from xarray_safe.sample.sentinel2.product import pack

dask = pytest.importorskip("dask")

WINDOW = {"y": slice(50, 120, 3), "x": slice(-1, 100, -7)}
BAND = "/measurements/reflectance/r10m/b04"


@pytest.fixture(scope="module")
def thick(tmp_path_factory):
    """Product whose `MTD_DS.xml` has more in its middle than is read."""
    return write(tmp_path_factory.mktemp("thick"), size=36, datastrip_mb=1.5)


@pytest.fixture(scope="module")
def tree(l2a_folder):
    return xr.open_datatree(l2a_folder, engine="safe")


# --- opening ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packing", ["l2a_folder", "l1c_folder", "l2a_zip", "l2a_deflated", "l2a_bare"])
def test_opening_reads_headers_and_xml_once_and_nothing_else(request, packing, layout):
    path = request.getfixturevalue(packing)
    with spy() as seen, warnings.catch_warnings():
        warnings.simplefilter("error")
        opened = xr.open_datatree(path, engine="safe", eopf_version=layout)
    assert not seen.decoded
    assert all(start == 0 and stop <= 1 << 14 for _, start, stop in seen.of(".jp2"))
    xml = [read for read in seen.ranges if read[0].endswith((".xml", ".safe"))]
    assert len(xml) == len(set(xml)) <= 5  # the datastrip's at its two ends
    images = sum(var.dims[-2:] == ("y", "x") for node in opened.subtree for var in node.variables.values())
    assert len(seen.ranges) <= images + 12
    for node in opened.subtree:
        for name, var in node.to_dataset(inherit=False).variables.items():
            assert name in node.coords or not var._in_memory or math.prod(var.shape) <= 26, f"{node.path}/{name}"


def test_one_group_reads_less(l2a_folder):
    with spy() as seen:
        xr.open_dataset(l2a_folder, engine="safe", group="quality/atmosphere/r60m")
    assert len({name for name, *_ in seen.of(".jp2")}) <= 3
    assert not [name for name, *_ in seen.ranges if "AUX_" in name]


def test_each_look_reads_only_what_it_shows(l2a_folder):
    opened = xr.open_datatree(l2a_folder, engine="safe")
    with spy() as seen:
        values = opened[BAND].isel(y=slice(0, 3), x=slice(0, 3)).values
    assert values.shape == (3, 3)
    assert {name.rpartition("_")[2] for name, *_ in seen.ranges} == {"10m.jp2"}
    assert seen.nbytes < find(l2a_folder, "*_B04_10m.jp2").stat().st_size / 2


def test_attributes_cost_nothing(l2a_folder):
    opened = xr.open_datatree(l2a_folder, engine="safe")
    with spy() as seen:
        assert opened.attrs["stac_discovery"]["id"]
        assert all(node.nbytes >= 0 for node in opened.subtree)
        opened[BAND].encoding["preferred_chunks"]
    assert not seen.ranges


# --- huge datastrip metadata ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_the_middle_of_the_datastrip_metadata_is_not_moved(thick, packed, tmp_path, layout):
    path = tmp_path / "thick.zip" if packed else thick
    if packed:
        pack(thick, path, compressed=False)
    assert find(thick, "MTD_DS.xml").stat().st_size > 1.5e6
    with spy() as seen:
        xr.open_datatree(path, engine="safe", eopf_version=layout)
    ranges = seen.of("MTD_DS.xml")
    assert len(ranges) == 2
    assert all(stop is not None and stop - start == END for _, start, stop in ranges)


def moved(text, section, before):
    """The same sections in another order."""
    start, end = text.index(f"<n1:{section}"), text.index(f"</n1:{section}>") + len(f"</n1:{section}>")
    piece, rest = text[start:end], text[:start] + text[end:]
    place = rest.index(f"<n1:{before}") if before else rest.rindex("</")
    return rest[:place] + piece + rest[place:]


LAID_OUT = {
    "a comment at the head": lambda text: text.replace("<n1:General_Info", "<!-- <Open> <x --><n1:General_Info", 1),
    "a comment with the mark in it": lambda text: text.replace(
        "<n1:Quality_Indicators_Info", "<!-- see <Quality_Indicators_Info> --><n1:Quality_Indicators_Info", 1
    ),
    "a comment after the mark": lambda text: text.replace(
        "<n1:Auxiliary_Data_Info", "<!-- see <Quality_Indicators_Info> --><n1:Auxiliary_Data_Info", 1
    ),
    "quality first": lambda text: moved(text, "Quality_Indicators_Info", "General_Info"),
    "auxiliary files before the middle": lambda text: moved(
        text, "Auxiliary_Data_Info", "Satellite_Ancillary_Data_Info"
    ),
    "image data last": lambda text: moved(text, "Image_Data_Info", ""),
    "ancillary data first": lambda text: moved(text, "Satellite_Ancillary_Data_Info", "General_Info"),
    "ancillary data last": lambda text: moved(text, "Satellite_Ancillary_Data_Info", ""),
    "an attribute with > in it": lambda text: text.replace("<n1:General_Info", '<n1:General_Info note="a > b"', 1),
    "CDATA": lambda text: text.replace(
        "</n1:General_Info>", "<x><![CDATA[</n1:General_Info>]]></x></n1:General_Info>", 1
    ),
    "an instruction": lambda text: text.replace("<n1:General_Info", "<?style <a> ?><n1:General_Info", 1),
    "other prefix": lambda text: text.replace("n1:", "other:").replace("xmlns:n1=", "xmlns:other="),
    "UTF-16": lambda text: text.replace('encoding="UTF-8"', 'encoding="UTF-16"', 1),
}


@pytest.mark.parametrize("way", LAID_OUT)
def test_datastrip_metadata_laid_out_otherwise_give_the_same_tree(thick, tmp_path, way):
    other = copy(thick, tmp_path)
    path = find(other, "MTD_DS.xml")
    text = path.read_text()
    changed = LAID_OUT[way](text)
    assert changed != text
    replace(path, changed.encode("utf-16" if way == "UTF-16" else "utf-8"))
    for version in ("2.8", "2.5"):
        found, expected = (xr.open_dataset(p, engine="safe", eopf_version=version) for p in (other, thick))
        assert found.attrs == expected.attrs


# --- dask -------------------------------------------------------------------------------------------------------------


def test_chunks_give_dask_arrays_with_the_same_values(l2a_folder, tree):
    with spy() as seen:
        lazy = xr.open_datatree(l2a_folder, engine="safe", chunks={})
    assert not seen.decoded
    for node in lazy.subtree:
        for name, var in node.data_vars.items():
            assert var.chunks is not None, f"{node.path}/{name}"
    assert lazy.compute().identical(tree)


@pytest.mark.parametrize("chunks", [{}, {"x": 100, "y": 64}, "auto", 50, {"y": -1}])
def test_any_chunks(l2a_folder, tree, chunks):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # chunks that are no multiples of tiles
        lazy = xr.open_dataset(l2a_folder, engine="safe", group="measurements/reflectance/r10m", chunks=chunks)
    np.testing.assert_array_equal(lazy.b04.isel(WINDOW), tree[BAND].isel(WINDOW))


@given(st.integers(1, 12000), st.integers(1, 12000))
def test_chunks_are_whole_tiles(size, tile):
    length = chunk_length(size, tile, None)
    assert length == size or length % tile == 0
    assert min(size, CHUNK) <= length < max(CHUNK + tile, tile + 1)
    assert chunk_length(size, tile, 305) == min(size, 305)


NAMES = """
import sys, warnings, xarray as xr
from dask.base import tokenize
for layout in ("2.8", "2.5"):
    tree = xr.open_datatree(sys.argv[1], engine="safe", chunks={}, eopf_version=layout)
    plain = xr.open_datatree(sys.argv[1], engine="safe", eopf_version=layout)
    for node in tree.subtree:
        for name, var in node.data_vars.items():
            print(layout, node.path, name, var.data.name, tokenize(plain[node.path][name].variable._data))
"""


@pytest.fixture(scope="module")
def names(l2a_folder):
    """By layout, what another process, in which hashes are others, calls the variables' arrays and data."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", NAMES, str(l2a_folder)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    found = {"2.8": [], "2.5": []}
    for line in run.stdout.splitlines():
        layout, *rest = line.split(" ")
        found[layout].append(tuple(rest))
    return found


def test_tokens_are_the_same_in_every_process_and_differ_between_variables(l2a_folder, layout, names):
    path = str(l2a_folder)  # xarray's names of arrays tell a text from a path object
    tree = xr.open_datatree(path, engine="safe", chunks={}, eopf_version=layout)
    plain = xr.open_datatree(path, engine="safe", eopf_version=layout)
    here = [
        (node.path, name, var.data.name, dask.base.tokenize(plain[node.path][name].variable._data))
        for node in tree.subtree
        for name, var in node.data_vars.items()
    ]
    assert here == names[layout]
    assert len({name for _, _, name, _ in here}) == len(here) > 50
    assert len({token for *_, token in here}) == len(here)


@pytest.mark.parametrize("packed", [False, True])
def test_tokens_change_with_the_product(tiny_folder, tmp_path, packed):
    def token():
        return xr.open_dataset(other, engine="safe", chunks={}, group="measurements/reflectance/r10m").b04.data.name

    other = copy(tiny_folder, tmp_path)
    if packed:
        pack(other, tmp_path / "packed.zip", compressed=False)
        other = tmp_path / "packed.zip"
    before = token()
    assert token() == before
    os.utime(other, ns=(1, 1))
    assert token() != before


# --- other processes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["pickle", "cloudpickle"])
@pytest.mark.parametrize("packing", ["l2a_folder", "l2a_deflated"])
def test_a_tree_pickles_without_its_pixels(request, tree, packing, module, layout):
    packer = pytest.importorskip(module)
    opened = xr.open_datatree(request.getfixturevalue(packing), engine="safe", eopf_version=layout)
    with spy() as seen:
        data = packer.dumps(opened)
        again = pickle.loads(data)
    assert not seen.decoded
    assert len(data) < 1_500_000
    np.testing.assert_array_equal(again[BAND].isel(WINDOW), tree[BAND].isel(WINDOW))


def test_every_variable_pickles(tiny_folder, layout):
    tree = xr.open_datatree(tiny_folder, engine="safe", eopf_version=layout)
    for node in tree.subtree:
        for name, var in node.to_dataset(inherit=False).variables.items():
            assert pickle.loads(pickle.dumps(var)).identical(var), f"{node.path}/{name}"


def test_a_pickle_works_in_a_new_process(l2a_deflated, tmp_path, tree):
    opened = xr.open_datatree(l2a_deflated, engine="safe")
    (tmp_path / "pickle").write_bytes(pickle.dumps(opened["/measurements/reflectance/r60m/b09"]))
    code = "import pickle, sys; print(float(pickle.load(open(sys.argv[1], 'rb')).sum()))"
    run = subprocess.run([sys.executable, "-c", code, tmp_path / "pickle"], capture_output=True, text=True, check=True)
    assert float(run.stdout) == float(tree["/measurements/reflectance/r60m/b09"].sum())


def _mean(array):
    return float(array.mean())


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("packing", ["l2a_folder", "l2a_deflated"])
def test_forked_processes_read(request, tree, packing):
    opened = xr.open_datatree(request.getfixturevalue(packing), engine="safe")
    expected = _mean(opened["/measurements/reflectance/r10m/b02"])  # starts the threads that decode
    paths = [
        "/measurements/reflectance/r10m/b02",
        BAND,
        "/conditions/meteorology/cams/z",
        "/conditions/geometry/sun_angles",
    ]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        found = pool.map_async(_mean, [opened[path] for path in paths]).get(120)
    assert found == [expected, *(_mean(tree[path]) for path in paths[1:])]


@pytest.mark.slow
def test_a_cluster_of_processes_computes(l2a_deflated, tree):
    distributed = pytest.importorskip("distributed")
    opened = xr.open_datatree(l2a_deflated, engine="safe", chunks={})
    paths = [BAND, "/conditions/geometry/viewing_incidence_angles", "/conditions/meteorology/ecmwf/msl"]
    options = {"n_workers": 2, "threads_per_worker": 2, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster):
        found = dask.compute(*(opened[path].variable for path in paths))
    for path, variable in zip(paths, found, strict=True):
        np.testing.assert_array_equal(variable, tree[path].variable)
