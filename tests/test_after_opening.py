"""What users do with an opened tree: write it, combine it, show it, cut it, close it."""

from __future__ import annotations

import copy
import html
import pickle
import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import spy
from xarray_safe.sample import write

R10M, R60M = "/measurements/reflectance/r10m", "/measurements/reflectance/r60m"
KEPT = ("dtype", "scale_factor", "add_offset", "_FillValue", "calendar", "coordinates")
"""Encodings that a file says and a reader must find again."""


# --- writing ----------------------------------------------------------------------------------------------------------


def assert_same_encodings(found, expected):
    for node in expected.subtree:
        for name, var in node.to_dataset(inherit=False).variables.items():
            a, b = (
                {key: str(v.encoding[key]) for key in KEPT if v.encoding.get(key) is not None}
                for v in (found[node.path].variables[name], var)
            )
            assert a == b, f"{node.path}/{name}"


@pytest.mark.parametrize(
    ("level", "layout", "zarr_format"),
    [("tiny_folder", "2.8", 2), ("tiny_folder", "2.5", 3), ("l1c_folder", "2.8", 3), ("l1c_folder", "2.5", 2)],
)
def test_a_tree_goes_to_zarr_and_back(request, level, tmp_path, layout, zarr_format):
    pytest.importorskip("zarr")
    tree = xr.open_datatree(request.getfixturevalue(level), engine="safe", eopf_version=layout)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr's, about consolidated metadata and text in format 3
        tree.to_zarr(tmp_path / "z.zarr", zarr_format=zarr_format, consolidated=True)
    again = xr.open_datatree(tmp_path / "z.zarr", engine="zarr")
    xr.testing.assert_identical(again, tree)
    assert_same_encodings(again, tree)


@pytest.mark.parametrize("chunks", [{"x": 64, "y": 64}, {"x": 84}])
def test_a_part_goes_to_zarr(l2a_folder, tmp_path, chunks):
    pytest.importorskip("zarr")
    pytest.importorskip("dask")
    group = xr.open_dataset(l2a_folder, engine="safe", group=R10M, chunks={}).isel(x=slice(30, 230), y=slice(None, 100))
    group.chunk(chunks).to_zarr(tmp_path / "z.zarr", consolidated=False)
    xr.testing.assert_identical(xr.open_zarr(tmp_path / "z.zarr", consolidated=False).load(), group.load())


def test_a_group_goes_to_netcdf(l2a_folder, tmp_path):
    engine = next((name for name in ("netcdf4", "h5netcdf") if name in xr.backends.list_engines()), None)
    if engine is None:
        pytest.skip("no netCDF library here")
    group = xr.open_dataset(l2a_folder, engine="safe", group=R60M)
    for var in group.variables.values():
        var.attrs.pop("_eopf_attrs", None)  # netCDF has no nested attributes
    group.to_netcdf(tmp_path / "x.nc", engine=engine)
    again = xr.open_dataset(tmp_path / "x.nc", engine=engine)
    xr.testing.assert_equal(again, group)
    assert again.b02.encoding["dtype"] == np.uint16


def test_values_written_are_those_of_the_archive(l2a_folder, tmp_path):
    zarr = pytest.importorskip("zarr")
    xr.open_dataset(l2a_folder, engine="safe", group=R60M).to_zarr(tmp_path / "z.zarr", consolidated=False)
    raw = xr.open_dataset(l2a_folder, engine="safe", group=R60M, mask_and_scale=False)
    written = zarr.open_group(tmp_path / "z.zarr", mode="r")["b02"]
    assert written.dtype == np.uint16
    np.testing.assert_array_equal(written[:], raw.b02)


# --- several products -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Three products of one tile."""
    folder = tmp_path_factory.mktemp("days")
    return [write(folder, size=36, seed=seed, orbit=22 + seed) for seed in range(3)]


@pytest.mark.parametrize("parallel", [False, True])
def test_open_mfdataset(days, parallel):
    pytest.importorskip("dask")
    options = {"engine": "safe", "group": R10M, "combine": "nested", "concat_dim": "time", "parallel": parallel}
    stack = xr.open_mfdataset(days, **options, join="exact", combine_attrs="override", data_vars="all")
    assert stack.b02.dims == ("time", "y", "x")
    assert stack.b02.chunks is not None
    for number, day in enumerate(days):
        np.testing.assert_array_equal(stack.b02[number], xr.open_dataset(day, engine="safe", group=R10M).b02)
    stack.close()


def test_preprocess_knows_the_product(days):
    pytest.importorskip("dask")

    def dated(dataset):
        return dataset.expand_dims(name=[dataset.encoding["source"].rpartition("/")[2]])

    stack = xr.open_mfdataset(days, engine="safe", group=R60M, preprocess=dated, combine_attrs="override")
    assert list(stack.name) == sorted(day.name for day in days)


# --- closing and copying ----------------------------------------------------------------------------------------------


def test_with_and_close(l2a_folder):
    with xr.open_datatree(l2a_folder, engine="safe") as tree:
        assert tree[R60M]["b02"].shape == (42, 42)
    tree.close()
    with xr.open_dataset(l2a_folder, engine="safe", group=R60M) as group:
        kept = group.b02.load()
    assert kept.notnull().any()
    for dataset in xr.open_groups(l2a_folder, engine="safe").values():
        dataset.close()


@pytest.mark.parametrize("deep", [False, True])
def test_copies_are_lazy_and_equal(l2a_folder, deep):
    tree = xr.open_datatree(l2a_folder, engine="safe")
    with spy() as seen:
        copies = tree.copy(deep=deep), copy.deepcopy(tree) if deep else copy.copy(tree)
    assert not seen.decoded
    for other in copies:
        assert other.identical(tree)
        other[R10M]["b02"].attrs["units"] = "changed"
        assert deep is (tree[R10M]["b02"].attrs["units"] != "changed") or not deep


def test_changing_a_tree_changes_no_other(tiny_folder, layout):
    """Attributes come from tables that live as long as the process."""
    one = xr.open_datatree(tiny_folder, engine="safe", eopf_version=layout)
    for node in one.subtree:
        spoil(node.attrs)
        for var in node.to_dataset(inherit=False).variables.values():
            spoil(var.attrs)
    other = xr.open_datatree(tiny_folder, engine="safe", eopf_version=layout)
    for node in other.subtree:
        assert "spoiled" not in str(node.attrs)
        for name, var in node.to_dataset(inherit=False).variables.items():
            assert "spoiled" not in str(var.attrs), f"{node.path}/{name}"


def spoil(value):
    """Put something into all dicts and lists at any depth."""
    if isinstance(value, dict):
        for item in value.values():
            spoil(item)
        value["spoiled"] = True
    elif isinstance(value, list):
        for item in value:
            spoil(item)
        value.append("spoiled")


# --- showing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", [None, {}])
def test_a_repr_reads_nothing(l2a_folder, layout, chunks):
    if chunks is not None:
        pytest.importorskip("dask")
    tree = xr.open_datatree(l2a_folder, engine="safe", eopf_version=layout, chunks=chunks)
    with spy() as seen:
        text, page = repr(tree), tree._repr_html_()
        texts = [repr(node.to_dataset(inherit=False)) for node in tree.subtree]
        repr(tree[R10M]["b02"].variable)
        tree[R10M]["b02"]._repr_html_()
    assert not seen.ranges
    assert not seen.decoded
    for name in ("reflectance", "b02", "stac_discovery"):
        assert name in text
        assert html.escape(name) in page
    assert all("Error" not in text for text in texts)


# --- cutting ----------------------------------------------------------------------------------------------------------

SIZE = 42  # pixels at 60 m, in tiles of 32


@pytest.fixture(scope="module")
def lazy(l2a_folder):
    """Group whose values are read anew every time."""
    return xr.open_dataset(l2a_folder, engine="safe", group=R60M, cache=False)


@pytest.fixture(scope="module")
def values(l2a_folder):
    return xr.open_dataset(l2a_folder, engine="safe", group=R60M).b02.values


slices = st.builds(
    slice,
    st.none() | st.integers(-SIZE, SIZE + 5),  # xarray itself takes a start before the first wrongly: [-SIZE - 1::-1]
    st.none() | st.integers(-SIZE - 5, SIZE + 5),
    st.none() | st.integers(1, 9) | st.integers(-9, -1),
)
integers = st.integers(-SIZE, SIZE - 1)
lists = st.lists(integers, min_size=0, max_size=6)
masks = st.lists(st.booleans(), min_size=SIZE, max_size=SIZE).map(np.array)
keys = slices | integers | lists | masks


def orthogonal(key):
    return np.arange(SIZE)[key if not isinstance(key, list) else np.array(key, dtype=int)]


@settings(max_examples=60, deadline=None)
@given(keys, keys)
def test_isel_is_what_numpy_does(lazy, values, rows, columns):
    expected = values[np.ix_(np.atleast_1d(orthogonal(rows)), np.atleast_1d(orthogonal(columns)))]
    expected = expected[tuple(0 if isinstance(key, int) else slice(None) for key in (rows, columns))]
    found = lazy.b02.isel(y=rows, x=columns)
    np.testing.assert_array_equal(found.values, expected)


@settings(max_examples=40, deadline=None)
@given(slices, slices, slices, slices)
def test_a_cut_of_a_cut(lazy, values, rows, columns, more_rows, more_columns):
    cut = lazy.b02.variable[rows, columns]
    found = pickle.loads(pickle.dumps(cut))[more_rows, more_columns]
    np.testing.assert_array_equal(found.values, values[rows, columns][more_rows, more_columns])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(integers, integers), max_size=8))
def test_points(lazy, values, points):
    rows, columns = (
        xr.DataArray(np.array(list(part), dtype=int), dims="point")
        for part in (zip(*points, strict=True) if points else ((), ()))
    )
    np.testing.assert_array_equal(lazy.b02.isel(y=rows, x=columns).values, values[rows.values, columns.values])


def test_sel_by_coordinates(lazy, values):
    x, y = lazy.x.values, lazy.y.values
    assert y[0] > y[1]
    np.testing.assert_array_equal(lazy.b02.sel(x=slice(x[5], x[20]), y=slice(y[7], y[9])).values, values[7:10, 5:21])
    np.testing.assert_array_equal(lazy.b02.sel(x=x[[3, 1]], y=y[[40, 2]]).values, values[np.ix_([40, 2], [3, 1])])
    assert lazy.b02.sel(x=x[8] + 20, y=y[4] - 20, method="nearest").values == pytest.approx(values[4, 8], nan_ok=True)
    np.testing.assert_array_equal(lazy.b02.sortby("y").values, values[::-1])


@pytest.mark.parametrize(
    "path",
    ["/conditions/geometry/viewing_incidence_angles", "/conditions/meteorology/ecmwf/msl", "/quality/mask/r60m/b01"],
)
def test_other_sources_cut_the_same(l2a_folder, path):
    array = xr.open_datatree(l2a_folder, engine="safe", cache=False)[path]
    whole = array.values
    for step in (1, 2, -1, -3):
        key = tuple(slice(None, None, step if axis % 2 else -step) for axis in range(array.ndim))
        np.testing.assert_array_equal(array.variable[key].values, whole[key])
    last = (-1,) * array.ndim
    np.testing.assert_array_equal(array.variable[last].values, whole[last])
    np.testing.assert_array_equal(array[{array.dims[-1]: [2, 0]}].values, whole[..., [2, 0]])


def test_numpy_and_arithmetic(l2a_folder):
    group = xr.open_dataset(l2a_folder, engine="safe", group=R10M)
    index = (group.b08 - group.b04) / (group.b08 + group.b04)
    assert index.dtype == np.float64
    np.testing.assert_array_equal(np.asarray(group.b02), group.b02.values)
    assert float(np.nanmax(group.b02)) == float(group.b02.max())
    assert group.coarsen(x=2, y=2).mean().b02.shape == (126, 126)
    assert pickle.loads(pickle.dumps(index)).identical(index)
