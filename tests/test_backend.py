"""The door: every path to a product, every argument, and that all ways lead to the same tree."""

from __future__ import annotations

import inspect
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from xarray.backends.plugins import guess_engine

from xarray_safe.backend import SafeBackendEntrypoint
from xarray_safe.errors import InvalidArgumentError, SafeError, UnknownGroupError

R10M = "/measurements/reflectance/r10m"


@pytest.fixture(scope="module")
def tree(l2a_folder):
    return xr.open_datatree(l2a_folder, engine="safe")


@pytest.fixture(scope="module")
def tiny_tree(tiny_folder):
    return xr.open_datatree(tiny_folder, engine="safe")


# --- doors ------------------------------------------------------------------------------------------------------------


DOORS = {
    "folder": lambda folder: folder,
    "trailing slash": lambda folder: f"{folder}/",
    "manifest": lambda folder: folder / "manifest.safe",
    "metadata": lambda folder: folder / "MTD_MSIL2A.xml",
    "file URL": lambda folder: folder.as_uri(),
}


@pytest.mark.parametrize(("door", "kind"), [*((door, str) for door in DOORS), ("folder", Path), ("metadata", Path)])
def test_every_door_of_a_folder_gives_the_same_tree(tiny_tree, tiny_folder, door, kind):
    assert xr.open_datatree(kind(DOORS[door](tiny_folder)), engine="safe").identical(tiny_tree)


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("packing", ["l2a_zip", "l2a_deflated", "l2a_bare"])
def test_every_zip_gives_the_same_tree(tree, request, packing, kind):
    found = xr.open_datatree(kind(request.getfixturevalue(packing)), engine="safe")
    xr.testing.assert_identical(found, tree)


def test_a_relative_path_and_a_link(tiny_tree, tiny_folder, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(tiny_folder)
    monkeypatch.chdir(tiny_folder.parent)
    for path in (tiny_folder.name, f"./{tiny_folder.name}/", tmp_path / "link"):
        assert xr.open_datatree(path, engine="safe").identical(tiny_tree)


@pytest.mark.parametrize("door", ["folder", "trailing slash", "manifest", "metadata"])
def test_folders_need_no_engine(tiny_tree, tiny_folder, door):
    assert xr.open_datatree(str(DOORS[door](tiny_folder))).identical(tiny_tree)
    assert xr.open_dataset(DOORS[door](tiny_folder), group=R10M).identical(tiny_tree[R10M].to_dataset(inherit=False))


@pytest.mark.parametrize("packing", ["l2a_zip", "l2a_deflated", "l2a_bare"])
def test_zips_need_no_engine(tree, request, packing):
    found = xr.open_dataset(request.getfixturevalue(packing), group=R10M)
    assert found.identical(tree[R10M].to_dataset(inherit=False))


# --- guessing ---------------------------------------------------------------------------------------------------------

OTHERS = (
    "S1A_IW_RAW__0SDV_20241115T051234_20241115T051259_056567_06F0B1_7D3C",
    "S1C_AI_SLC__1SDV_20250415T051234_20250415T051259_001234_0026B1_7D3C",
    "S3A_OL_0_EFR____20241115T093000_20241115T093300_20241115T113000_0179_119_107_2160_PS1_O_NR_004",
    "S2A_OPER_PRD_MSIL1C_PDMC_20160115T183612_R093_V20160115T150000_20160115T150000",
    "S2A_MSIL0__20241115T094259_N0511_R122_T32TQM_20241115T123642",
)


def guesses(path):
    return SafeBackendEntrypoint().guess_can_open(path)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("suffix", [".SAFE", ".SAFE.zip", ".SEN3"])
def test_other_product_types_are_not_claimed(tmp_path, name, suffix):
    assert not guesses(f"{name}{suffix}")
    if not suffix.endswith("zip"):
        folder = tmp_path / f"{name}{suffix}"
        folder.mkdir()
        (folder / "manifest.safe").touch()
        assert not guesses(folder)
        assert not guesses(str(folder / "manifest.safe"))


@pytest.mark.parametrize("level", ["L1C", "L2A"])
@pytest.mark.parametrize("satellite", ["S2A", "S2B", "S2C", "S2D"])
def test_product_names_are_claimed(level, satellite):
    name = f"{satellite}_MSI{level}_20241115T094259_N0511_R122_T32TQM_20241115T123642.SAFE"
    for path in (name, f"{name}/", f"{name}.zip", f"s3://bucket/{name}", f"https://x.eu/{name}/manifest.safe"):
        assert guesses(path), path


@pytest.mark.parametrize(
    "thing", [None, 5, b"", b"bytes", "", "x.nc", "a.zarr", "S2.zip", object(), Path("nothing.SAFE")]
)
def test_other_things_are_not_claimed(thing):
    assert not guesses(thing)


def test_other_files_are_not_claimed(l2a_folder, tmp_path):
    (tmp_path / "x.nc").write_bytes(b"CDF\x01")
    (tmp_path / "some.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    inside = [path for path in l2a_folder.rglob("*") if path.name not in ("manifest.safe", "MTD_MSIL2A.xml")]
    for path in (tmp_path, *tmp_path.iterdir(), *inside):
        assert not guesses(path), path


def test_xarray_guesses_the_engine(l2a_folder, l2a_zip):
    for path in (str(l2a_folder), str(l2a_zip), f"{l2a_folder}/"):
        assert guess_engine(path, must_support_groups=True) == "safe"


# --- versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "layout"),
    [
        ("2.8", "2.8"),
        ("2.8.0", "2.8"),
        ("2.8.1", "2.8"),
        ("2.5", "2.5"),
        ("2.5.6", "2.5"),
        ("2.6.2", "2.6"),
        ("2.7.0", "2.7"),
        ("3.0.0", "3.0"),
    ],
)
def test_known_versions(l1c_folder, version, layout):
    found = xr.open_dataset(l1c_folder, engine="safe", group="conditions/geometry", eopf_version=version)
    expected = xr.open_dataset(l1c_folder, engine="safe", group="conditions/geometry", eopf_version=layout)
    assert found.identical(expected)
    assert (found.x.dtype == np.float32) is (layout != "2.5")


def test_default_is_2_8(tiny_tree, tiny_folder):
    assert xr.open_datatree(tiny_folder, engine="safe", eopf_version="2.8").identical(tiny_tree)


@pytest.mark.parametrize(
    "version", ["2.4", "2.9", "3.1", "4.0.0", "2", "latest", "", "2.8.", "v2.8", None, 2, 28, "2.8.1.1"]
)
def test_unknown_versions_are_errors_that_name_the_known(l2a_folder, version):
    with pytest.raises(InvalidArgumentError, match=r"'2\.5'.*'2\.8'") as caught:
        xr.open_datatree(l2a_folder, engine="safe", eopf_version=version)
    assert repr(version) in str(caught.value)
    assert isinstance(caught.value, ValueError)


# --- groups -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", [R10M, R10M[1:], f"{R10M}/", f"{R10M[1:]}/"])
def test_group_with_and_without_slashes(tree, l2a_folder, spelling):
    expected = tree[R10M].to_dataset(inherit=False)
    assert xr.open_dataset(l2a_folder, engine="safe", group=spelling).identical(expected)
    assert xr.open_datatree(l2a_folder, engine="safe", group=spelling).to_dataset().identical(expected)


@pytest.mark.parametrize("layout", ["2.8", "2.5"])
def test_every_group_is_that_of_the_tree(tiny_folder, layout):
    options = {"engine": "safe", "eopf_version": layout}
    tree = xr.open_datatree(tiny_folder, **options)
    groups = xr.open_groups(tiny_folder, **options)
    assert set(groups) == set(tree.groups)
    for path in tree.groups:
        expected = tree[path].to_dataset(inherit=False)
        assert groups[path].identical(expected), path
        assert xr.open_dataset(tiny_folder, group=path, **options).identical(expected), path


def test_a_group_with_children_is_a_tree(tree, l2a_folder):
    below = xr.open_datatree(l2a_folder, engine="safe", group="/conditions/mask")
    expected = tree["/conditions/mask"]
    assert set(below.groups) == {node.path.removeprefix("/conditions/mask") or "/" for node in expected.subtree}
    for node in below.subtree:
        assert node.to_dataset(inherit=False).identical(expected[node.path.strip("/") or "."].to_dataset(inherit=False))


@pytest.mark.parametrize("group", ["quality/atmosphere", "/quality/atmosphere/r10m"])
def test_groups_of_a_group_are_named_as_by_zarr(l2a_folder, tmp_path, group):
    pytest.importorskip("zarr")
    for resolution in (10, 20, 60):
        xr.Dataset().to_zarr(tmp_path, group=f"quality/atmosphere/r{resolution}m", consolidated=False)
    found = xr.open_groups(l2a_folder, engine="safe", group=group)
    assert set(found) == set(xr.open_groups(tmp_path, engine="zarr", group=group, consolidated=False))


def test_without_group_there_is_the_root(tree, l2a_folder):
    root = xr.open_dataset(l2a_folder, engine="safe")
    assert not root.variables
    assert root.identical(tree.to_dataset(inherit=False))
    assert {"stac_discovery", "other_metadata"} <= set(root.attrs)
    assert root.identical(xr.open_dataset(l2a_folder, engine="safe", group="/"))


@pytest.mark.parametrize(
    ("group", "near"),
    [
        ("measurements/reflectance/r10", R10M),
        ("measurement/reflectance/r20m", "/measurements/reflectance/r20m"),
        ("r10m", R10M),
        (f"{R10M}/b02", R10M),
        ("quality/l2a_quicklook/r10m", "/quality/"),
        ("Conditions/Geometry", "/conditions/geometry"),
        ("xyz", "/conditions/geometry"),
        ("../..", "/conditions/geometry"),
    ],
)
@pytest.mark.parametrize("opener", [xr.open_dataset, xr.open_datatree, xr.open_groups])
def test_unknown_groups_are_errors_that_name_near_ones(l2a_folder, opener, group, near):
    with pytest.raises(UnknownGroupError, match=near) as caught:
        opener(l2a_folder, engine="safe", group=group)
    assert isinstance(caught.value, SafeError | KeyError | ValueError)
    assert group in str(caught.value)
    assert not str(caught.value).startswith(("'", '"'))


@pytest.mark.parametrize("group", [5, ["measurements"], b"measurements"])
def test_groups_are_text(l2a_folder, group):
    with pytest.raises(InvalidArgumentError, match="group="):
        xr.open_dataset(l2a_folder, engine="safe", group=group)


# --- decoders ---------------------------------------------------------------------------------------------------------


def test_all_openers_take_the_same_keywords():
    for opener in ("open_dataset", "open_datatree", "open_groups_as_dict"):
        names = list(inspect.signature(getattr(SafeBackendEntrypoint, opener)).parameters)
        assert names == ["self", "filename_or_obj", "keywords"]
    assert len(set(SafeBackendEntrypoint.open_dataset_parameters)) == 14


def test_unknown_keywords_are_refused(l2a_folder):
    with pytest.raises(TypeError, match="foldr"):
        xr.open_dataset(l2a_folder, engine="safe", foldr=1)
    with pytest.raises(TypeError, match='engine="safe" has no argument foldr'):
        SafeBackendEntrypoint().open_dataset(l2a_folder, foldr=1)


def test_mask_and_scale_off_gives_the_numbers_of_the_archive(tree, l2a_folder):
    raw = xr.open_datatree(l2a_folder, engine="safe", mask_and_scale=False)[R10M]["b02"]
    assert raw.dtype == np.uint16
    assert (raw.attrs["scale_factor"], raw.attrs["add_offset"], raw.attrs["_FillValue"]) == (1e-4, -0.1, 0)
    values = np.where(raw.values == 0, np.nan, raw.values * 1e-4 - 0.1)
    assert np.isnan(values).any()
    np.testing.assert_allclose(tree[R10M]["b02"].values, values, rtol=0, atol=1e-12)


def test_mask_and_scale_by_variable(l2a_folder):
    found = xr.open_dataset(l2a_folder, engine="safe", group=R10M, mask_and_scale={"b02": False})
    assert (found.b02.dtype, found.b03.dtype) == (np.uint16, np.float64)


@pytest.mark.parametrize("drop", ["b02", ["b02", "b08"], ("x",)])
def test_drop_variables(l2a_folder, drop):
    names = {drop} if isinstance(drop, str) else set(drop)
    found = xr.open_dataset(l2a_folder, engine="safe", group=R10M, drop_variables=drop)
    assert set(found.variables) == {"b02", "b03", "b04", "b08", "x", "y"} - names
    tree = xr.open_datatree(l2a_folder, engine="safe", drop_variables=drop)
    assert not names & {name for node in tree.subtree for name in node.to_dataset(inherit=False).variables}


def test_decode_times_and_timedelta(l2a_folder):
    options = {"engine": "safe", "group": "/conditions/meteorology/ecmwf", "eopf_version": "2.5"}
    decoded = xr.open_dataset(l2a_folder, **options, decode_timedelta=True)
    assert (decoded.time.dtype.kind, decoded.step.dtype.kind) == ("M", "m")
    late = (decoded.time + decoded.step - decoded.valid_time).values
    assert abs(late) <= np.timedelta64(10, "ns")  # cfgrib, which layout 2.5 follows, rounds steps like this
    raw = xr.open_dataset(l2a_folder, **options, decode_times=False)
    assert raw.time.dtype.kind == "i"
    assert "since" in raw.time.attrs["units"]
    coder = xr.coders.CFDatetimeCoder(time_unit="s")
    assert xr.open_dataset(l2a_folder, **options, decode_times=coder).time.dtype == "datetime64[s]"


def test_decode_coords(l2a_folder):
    options = {"engine": "safe", "group": "/conditions/meteorology/ecmwf", "eopf_version": "2.5"}
    assert "number" in xr.open_dataset(l2a_folder, **options).coords
    raw = xr.open_dataset(l2a_folder, **options, decode_coords=False)
    assert "number" in raw.data_vars
    assert "number" in raw.msl.attrs["coordinates"]


def test_decode_cf_off_is_all_decoders_off(l2a_folder):
    raw = xr.open_datatree(l2a_folder, engine="safe", decode_cf=False)
    assert raw[R10M]["b02"].dtype == np.uint16
    assert raw[R10M]["x"].attrs["_FillValue"] is not None


@pytest.mark.parametrize("name", ["concat_characters", "use_cftime"])
def test_other_decoders_are_taken(l2a_folder, tree, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # `use_cftime` is on its way out of xarray
        found = xr.open_dataset(l2a_folder, engine="safe", group=R10M, **{name: False})
    assert found.identical(tree[R10M].to_dataset(inherit=False))


def test_without_default_indexes(tree, l2a_folder):
    bare = xr.open_datatree(l2a_folder, engine="safe", create_default_indexes=False)
    assert not any(node.xindexes for node in bare.subtree)
    assert any(node.xindexes for node in tree.subtree)
    for node in tree.subtree:
        expected, found = node.to_dataset(inherit=False), bare[node.path].to_dataset(inherit=False)
        assert found.drop_indexes(found.xindexes).identical(expected.drop_indexes(expected.xindexes))


def test_source_is_the_archive(l2a_folder, l2a_zip):
    for path in (l2a_folder, l2a_zip):
        for dataset in xr.open_groups(path, engine="safe").values():
            assert dataset.encoding["source"] == os.fspath(path)
