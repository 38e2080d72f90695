"""Paths that lead to no product, and archives that lack files: errors say where, what, and what to do."""

from __future__ import annotations

import os
import shutil
import zipfile

import pytest
import xarray as xr

from tests.support import copy, edit, find, refused, replace
from xarray_safe.errors import (
    MissingFileError,
    NotASafeError,
    SafeError,
    SafeWarning,
    UnsupportedProductError,
)

# --- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["none.SAFE", "none.SAFE/", "none.SAFE/manifest.safe", "none.zip", "no/such/folder"])
@pytest.mark.parametrize("opener", [xr.open_datatree, xr.open_dataset, xr.open_groups])
def test_no_such_path(tmp_path, name, opener):
    error = refused(f"{tmp_path}/{name}", FileNotFoundError, opener=opener)
    assert isinstance(error, MissingFileError)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.zip", b""),
        ("text.zip", b"no zip at all" * 100),
        ("a.SAFE", b"a file, no folder"),
        ("image.jp2", b"\0\0\0\x0cjP  "),
        ("any.xml", b"<a/>"),
        ("half.zip", b"PK\x03\x04" + bytes(50)),
    ],
)
def test_files_that_are_no_product(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, ValueError)


def test_folders_that_are_no_product(tmp_path, tiny_folder):
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", NotASafeError, "manifest.safe")
    refused(tiny_folder.parent, NotASafeError, tiny_folder.name)
    refused(tiny_folder / "GRANULE", NotASafeError, tiny_folder.name)
    refused(find(tiny_folder, "MTD_TL.xml"), NotASafeError, tiny_folder.name)


def test_a_zip_of_something_else(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    refused(tmp_path / "x.zip", NotASafeError)


def test_a_zip_of_several_products(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in "ab":
            archive.writestr(f"{name}.SAFE/manifest.safe", "<x/>")
    refused(tmp_path / "x.zip", UnsupportedProductError, "a.SAFE", "b.SAFE")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.timeout(60)
def test_a_pipe_does_not_wait(tmp_path, tiny_folder):
    os.mkfifo(tmp_path / "pipe.zip")
    refused(tmp_path / "pipe.zip", SafeError)
    product = copy(tiny_folder, tmp_path)
    path = find(product, "MTD_TL.xml")
    path.unlink()
    os.mkfifo(path)
    refused(product, SafeError, missing="raise")


@pytest.mark.parametrize("path", [5, None, 1.5, b"\xff"])
def test_things_that_are_no_path(path):
    with pytest.raises((TypeError, ValueError, FileNotFoundError)):
        xr.open_datatree(path, engine="safe")


def test_an_empty_path():
    with pytest.raises(SafeError, match="empty"):
        SafeOpener("")


def SafeOpener(path):
    from xarray_safe.backend import SafeBackendEntrypoint

    return SafeBackendEntrypoint().open_datatree(path)


# --- other products ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("S1A_IW_GRDH_1SDV_20241115T051234_20241115T051259_056567_06F0B1_7D3C.SAFE", ["annotation/s1a.xml"]),
        ("S3A_OL_1_EFR____20241115T093000_20241115T093300_20241115T113000_0179_119.SEN3", ["geo_coordinates.nc"]),
        ("S3A_OL_1_EFR____20241115T093000_20241115T093300_20241115T113000_0179_119.SAFE", ["xfdumanifest.xml"]),
        (
            "S2A_OPER_PRD_MSIL1C_PDMC_20160115T183612_R093_V20160115T150000_20160115T150000.SAFE",
            ["S2A_OPER_MTD_SAFL1C_PDMC_20160115T183612_R093_V20160115T150000_20160115T150000.xml"],
        ),
        ("S2A_MSIL1B_20241115T094259_N0511_R122_20241115T123642.SAFE", ["MTD_MSIL1B.xml"]),
    ],
)
def test_other_product_types(tmp_path, name, files):
    for file in ("manifest.safe", *files):
        path = tmp_path / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("<x/>")
    refused(tmp_path / name, UnsupportedProductError, "MTD_MSIL1C.xml", "MTD_MSIL2A.xml")


def test_two_products_in_one(tmp_path, tiny_folder):
    product = copy(tiny_folder, tmp_path)
    shutil.copy(product / "MTD_MSIL2A.xml", product / "MTD_MSIL1C.xml")
    refused(product, UnsupportedProductError, "MTD_MSIL1C.xml", "MTD_MSIL2A.xml")


@pytest.mark.parametrize("folder", ["GRANULE", "DATASTRIP"])
def test_two_granules_or_datastrips(tmp_path, tiny_folder, folder):
    """The names in the product's metadata decide."""
    product = copy(tiny_folder, tmp_path)
    (inside,) = (product / folder).iterdir()
    shutil.copytree(inside, inside.with_name("ANOTHER"))
    tree = xr.open_datatree(product, engine="safe", missing="raise")
    assert tree.identical(xr.open_datatree(tiny_folder, engine="safe"))


# --- missing files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    ["MTD_MSIL2A.xml", "MTD_TL.xml", "MTD_DS.xml", "manifest.safe", "*_B02_10m.jp2", "*_B05_20m.jp2", "*_B09_60m.jp2"],
)
def test_a_missing_file_that_must_be_there(tmp_path, tiny_folder, layout, pattern):
    product = copy(tiny_folder, tmp_path)
    find(product, pattern).unlink()
    kind = UnsupportedProductError if pattern == "MTD_MSIL2A.xml" else FileNotFoundError
    word = {"MTD_TL.xml": "tile", "MTD_DS.xml": "datastrip", "manifest.safe": "manifest"}.get(
        pattern, pattern.strip("*")
    )
    refused(product, kind, word.removesuffix(".jp2"), eopf_version=layout, missing="raise")


@pytest.mark.parametrize("pattern", ["*_B02_20m.jp2", "*_AOT_10m.jp2", "*_WVP_60m.jp2", "*_SCL_20m.jp2"])
def test_a_missing_image_that_the_metadata_name(tmp_path, tiny_folder, layout, pattern):
    """A product may lack it, unless it says that it has it."""
    product = copy(tiny_folder, tmp_path)
    find(product, pattern).unlink()
    refused(product, FileNotFoundError, pattern.strip("*").removesuffix(".jp2"), eopf_version=layout, missing="raise")


def test_a_missing_image_of_l1c(tmp_path, l1c_folder, layout):
    product = copy(l1c_folder, tmp_path)
    find(product, "T*_B8A.jp2").unlink()
    refused(product, FileNotFoundError, "_B8A", eopf_version=layout, missing="raise")


def test_one_group_does_not_need_the_files_of_another(tmp_path, tiny_folder):
    product = copy(tiny_folder, tmp_path)
    find(product, "*_B02_10m.jp2").unlink()
    assert xr.open_dataset(product, engine="safe", group="/quality/mask/r60m").sizes


OPTIONAL = {
    "MSK_DETFOO_B02.jp2": ["/conditions/mask/detector_footprint/r10m/b02"],
    "MSK_QUALIT_B8A.jp2": ["/quality/mask/r20m/b8a"],
    "MSK_CLASSI_B00.jp2": ["/conditions/mask/l1c_classification/r60m/b00"],
    "MSK_CLDPRB_20m.jp2": ["/quality/probability/r20m/cld"],
    "MSK_SNWPRB_20m.jp2": ["/quality/probability/r20m/snw"],
    "AUX_ECMWFT": [f"/conditions/meteorology/ecmwf/{name}" for name in ("msl", "r", "tco3", "tcwv", "u10", "v10")],
    "AUX_CAMSFO": ["/conditions/meteorology/cams/z", "/conditions/meteorology/cams/aod550"],
}


def variables(tree):
    return {f"{node.path}/{name}" for node in tree.subtree for name in node.data_vars}


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_missing_optional_file_costs_its_variables_and_one_warning(tmp_path, tiny_folder, layout, name):
    product = copy(tiny_folder, tmp_path)
    find(product, name).unlink()
    with pytest.warns(SafeWarning) as caught:
        tree = xr.open_datatree(product, engine="safe", eopf_version=layout)
    (warning,) = caught
    assert warning.filename == __file__
    whole = xr.open_datatree(tiny_folder, engine="safe", eopf_version=layout)
    lost = variables(whole) - variables(tree)
    assert variables(tree) < variables(whole)
    assert set(OPTIONAL[name]) <= lost
    assert {path.rpartition("/")[0] for path in lost} == {OPTIONAL[name][0].rpartition("/")[0]}
    for path in OPTIONAL[name]:
        group, _, last = path.rpartition("/")
        assert group in str(warning.message)
        assert last in str(warning.message)
    assert "lacks" in str(warning.message)
    for path in variables(tree):
        assert tree[path].variable.identical(whole[path].variable), path


def test_many_missing_files_give_one_warning(tmp_path, tiny_folder):
    product = copy(tiny_folder, tmp_path)
    for path in product.rglob("MSK_*"):
        path.unlink()
    with pytest.warns(SafeWarning) as caught:
        tree = xr.open_datatree(product, engine="safe")
    assert len(caught) == 1
    assert "/quality/mask" not in tree.groups
    with pytest.warns(SafeWarning), pytest.raises(SafeError, match="lacks its files"):
        xr.open_dataset(product, engine="safe", group="/quality/mask/r10m")


def test_an_old_product_says_why_files_are_absent(old_folder, layout):
    with pytest.warns(SafeWarning, match=r"02\.09.*GML") as caught:
        tree = xr.open_datatree(old_folder, engine="safe", eopf_version=layout)
    assert len(caught) == 1
    assert "/measurements/reflectance/r10m" in tree.groups
    assert "/quality/mask" not in tree.groups
    assert "b01" not in tree["/measurements/reflectance/r20m"]
    reflectance = tree["/measurements/reflectance/r60m/b09"]
    assert reflectance.encoding["add_offset"] == 0


def test_files_in_the_place_of_others(tmp_path, tiny_folder):
    product = copy(tiny_folder, tmp_path)
    path = find(product, "MTD_TL.xml")
    path.unlink()
    path.mkdir()
    refused(product, FileNotFoundError, "tile", missing="raise")


def test_a_link_that_leads_round(tmp_path, tiny_folder):
    product = copy(tiny_folder, tmp_path)
    (product / "GRANULE" / "round").symlink_to(product)
    refused(product, SafeError)


def test_names_in_the_metadata_lead_nowhere_else(tmp_path, tiny_folder):
    product = copy(tiny_folder, tmp_path)
    edit(product / "MTD_MSIL2A.xml", "<IMAGE_FILE>GRANULE/", "<IMAGE_FILE>../../../../../etc/passwd/")
    xr.open_datatree(product, engine="safe")
    replace(product / "manifest.safe", (product / "manifest.safe").read_bytes().replace(b'href="./', b'href="/etc/'))
    assert xr.open_datatree(product, engine="safe").groups
