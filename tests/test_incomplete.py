"""Products as people have them: half kept, made elsewhere, named otherwise, copied by other programs."""

from __future__ import annotations

import json
import re
import shutil
import warnings
import zipfile

import numpy as np
import pytest
import xarray as xr
from xarray.testing import assert_identical

from tests.support import copy, find, replace
from xarray_safe import common_encoding
from xarray_safe.archive import local, open_archive
from xarray_safe.errors import (
    AccessDeniedError,
    InvalidArgumentError,
    MissingElementError,
    MissingFileError,
    NotASafeError,
    SafeError,
    SafeWarning,
    UnsupportedProductError,
)
from xarray_safe.products import LAYOUTS

REFLECTANCE = "measurements/reflectance"
R10 = f"{REFLECTANCE}/r10m"


def opened(path, **options):
    """Open a product that gives one warning; return the tree and the warning's text."""
    with pytest.warns(SafeWarning) as caught:
        tree = xr.open_datatree(path, engine="safe", **options)
    assert len(caught) == 1
    return tree, str(caught[0].message)


def quietly(path, **options):
    """Open a product that gives no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return xr.open_datatree(path, engine="safe", **options)


@pytest.fixture(scope="module")
def whole(tiny_folder):
    return xr.open_datatree(tiny_folder, engine="safe")


# --- all or nothing ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("gone", [["R60m"], ["R10m", "R20m"], ["R10m", "R60m"]])
def test_resolutions_that_are_not_there(tmp_path, tiny_folder, layout, gone):
    product = copy(tiny_folder, tmp_path)
    for folder in gone:
        shutil.rmtree(next(product.rglob(folder)))
    tree, text = opened(product, eopf_version=layout)
    there = {f"r{size}m" for size in (10, 20, 60)} - {name.lower() for name in gone}
    assert set(tree[REFLECTANCE].children) == there
    expected = xr.open_datatree(tiny_folder, engine="safe", eopf_version=layout)
    for group in there:
        assert_identical(tree[f"{REFLECTANCE}/{group}"].load(), expected[f"{REFLECTANCE}/{group}"].load())
    assert gone[0].lower() in text
    with pytest.raises(MissingFileError, match="Download"):
        xr.open_datatree(product, engine="safe", eopf_version=layout, missing="raise")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ignored = xr.open_datatree(product, engine="safe", eopf_version=layout, missing="ignore")
    assert ignored.groups == tree.groups


def test_two_bands_alone(tmp_path, tiny_folder, whole):
    product = copy(tiny_folder, tmp_path)
    for path in product.rglob("*.jp2"):
        if not path.name.endswith(("_B04_10m.jp2", "_B08_10m.jp2")):
            path.unlink()
    tree, text = opened(product)
    assert list(tree[R10].data_vars) == ["b04", "b08"]
    assert_identical(tree[f"{R10}/b08"].load(), whole[f"{R10}/b08"].load())
    assert "b02" in text


ATTRIBUTES = {"manifest.safe": "bbox", "MTD_DS.xml": None}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("way", ["absent", "empty"])
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_metadata_that_are_not_there(tmp_path, tiny_folder, layout, name, way):
    product = copy(tiny_folder, tmp_path)
    path = find(product, name)
    path.unlink() if way == "absent" else replace(path, b"")
    tree, text = opened(product, eopf_version=layout)
    assert name in text
    stac = tree.attrs["stac_discovery"]
    if name == "manifest.safe":
        assert "bbox" not in stac
        assert "geometry" not in stac
    else:
        assert "nuc_table_id" not in {key.lower() for key in tree.attrs["other_metadata"]}
    json.dumps(tree.attrs, allow_nan=False)
    assert stac["properties"]["platform"] == "sentinel-2a"
    with pytest.raises(SafeError, match=re.escape(name)):
        xr.open_datatree(product, engine="safe", eopf_version=layout, missing="raise")
    expected = xr.open_datatree(tiny_folder, engine="safe", eopf_version=layout)
    assert_identical(tree[R10].load(), expected[R10].load())


@pytest.mark.parametrize("way", ["absent", "empty"])
def test_a_tile_without_metadata(tmp_path, tiny_folder, whole, way):
    """The images tell where they are; angles are absent."""
    product = copy(tiny_folder, tmp_path)
    path = find(product, "MTD_TL.xml")
    path.unlink() if way == "absent" else replace(path, b"")
    tree, text = opened(product)
    assert "MTD_TL.xml" in text
    assert "geometry" not in tree["conditions"].children
    assert_identical(tree[R10].load(), whole[R10].load())


def test_a_band_of_another_size(tmp_path, tiny_folder, whole):
    product = copy(tiny_folder, tmp_path)
    for band in ("B02", "B03"):  # B02 is the one that coordinates come from
        replace(find(product, f"*_{band}_10m.jp2"), find(product, "*_B05_20m.jp2").read_bytes())
    tree, text = opened(product)
    assert list(tree[R10].data_vars) == ["b04", "b08"]
    assert_identical(tree[f"{R10}/b04"].load(), whole[f"{R10}/b04"].load())
    assert "_B02_10m.jp2" in text


def test_a_band_that_may_not_be_read(tmp_path, tiny_folder, monkeypatch):
    product = copy(tiny_folder, tmp_path)
    look = local.LocalFile.probe

    def refuse(path):
        if path.endswith("_B03_10m.jp2"):
            raise local.denied(path)
        return look(path)

    monkeypatch.setattr(local.LocalFile, "probe", refuse)
    tree, text = opened(product)
    assert "b03" not in tree[R10]
    assert "_B03_10m.jp2 may not be read" in text
    with pytest.raises(AccessDeniedError):
        xr.open_datatree(product, engine="safe", missing="raise")


def test_what_is_left_out_does_not_fail(tmp_path, tiny_folder):
    product = copy(tiny_folder, tmp_path)
    find(product, "*_B02_10m.jp2").unlink()
    replace(product / "MTD_MSIL2A.xml", (product / "MTD_MSIL2A.xml").read_bytes().replace(b"<BOA_ADD_OFFSET ", b"<X "))
    group = "conditions/mask/l2a_classification/r20m"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "scl" in xr.open_dataset(product, engine="safe", group=group)
        assert not xr.open_dataset(product, engine="safe", group=R10, drop_variables=["b02", "b03", "b04", "b08"])


def test_an_argument_that_is_none_of_three(tiny_folder):
    with pytest.raises(InvalidArgumentError, match="missing='maybe'"):
        xr.open_datatree(tiny_folder, engine="safe", missing="maybe")


# --- what stands in the XML decides -----------------------------------------------------------------------------------


def without_offsets(product, baseline):
    path = product / "MTD_MSIL2A.xml"
    text = re.sub(r"(<PROCESSING_BASELINE>)[^<]*", rf"\g<1>{baseline}", path.read_text())
    text = re.sub(r"<BOA_ADD_OFFSET_VALUES_LIST>.*?</BOA_ADD_OFFSET_VALUES_LIST>", "", text, flags=re.DOTALL)
    replace(path, text.encode())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("baseline", ["99.99", "99.33", "79.90", "", "02.14", "N0214", "00.01"])
def test_no_offset_where_none_is_stated(tmp_path, tiny_folder, layout, baseline):
    product = copy(tiny_folder, tmp_path)
    without_offsets(product, baseline)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SafeWarning)
        tree = xr.open_datatree(product, engine="safe", eopf_version=layout)
    assert tree[f"{R10}/b04"].encoding["add_offset"] == 0
    assert tree[f"{R10}/b04"].encoding["scale_factor"] == 1e-4


@pytest.mark.parametrize("baseline", ["04.00", "05.11", "N0500", "06.00"])
def test_counts_that_are_known_to_be_shifted(tmp_path, tiny_folder, baseline):
    product = copy(tiny_folder, tmp_path)
    without_offsets(product, baseline)
    with pytest.raises(MissingElementError, match="BOA_ADD_OFFSET"):
        xr.open_datatree(product, engine="safe")


def test_the_spelling_of_2017(tmp_path, tiny_folder, whole):
    product = copy(tiny_folder, tmp_path)
    for name, elements in {
        "MTD_MSIL2A.xml": ["Product_Info", "Product_Image_Characteristics", "BOA_QUANTIFICATION_VALUE"],
        "MTD_TL.xml": [],
    }.items():
        path = find(product, name)
        text = path.read_text()
        for element in elements:
            text = re.sub(rf"(</?){element}(?=[\s>])", rf"\1L2A_{element}", text)
        for element in ("IMAGE_FILE", "TILE_ID"):
            text = re.sub(rf"(</?){element}(?=[\s>])", rf"\1{element}_2A", text)
        replace(path, text.encode())
    for kind in ("CLD", "SNW"):
        path = find(product, f"MSK_{kind}PRB_20m.jp2")
        path.rename(path.with_name(f"L2A_T31UDQ_20171115T094259_{kind}_20m.jp2"))
    tree = quietly(product)
    assert_identical(tree.load(), whole.load())


@pytest.mark.parametrize("door", ["folder", "zip"])
def test_names_without_an_ending(tmp_path, tiny_folder, whole, door):
    product = tmp_path / tiny_folder.stem
    copy(tiny_folder, tmp_path).rename(product)
    assert_identical(quietly(product).load(), whole.load())


# --- foreign files ----------------------------------------------------------------------------------------------------

BAND = "*_B02_10m.jp2"


def beside(pattern, name):
    def spoil(product):
        path = find(product, pattern)
        shutil.copy(path, path.with_name(name.format(path.name, stem=path.stem)))

    return spoil


def hidden_twins(product):
    for path in list(product.rglob("*")):
        path.with_name(f"._{path.name}").write_bytes(bytes.fromhex("00051607"))


def second_granule(product):
    for name in ("GRANULE", "DATASTRIP"):
        (inside,) = (product / name).iterdir()
        shutil.copytree(inside, inside.with_name("ANOTHER"))


def checkpoints(product):
    folder = product / "GRANULE" / ".ipynb_checkpoints"
    folder.mkdir()
    shutil.copy(find(product, "MTD_TL.xml"), folder / "MTD_TL.xml")


FOREIGN = {
    "hidden twins": hidden_twins,
    "a clip": beside(BAND, "clip_{}"),
    "a copy": beside(BAND, "Copy of {}"),
    "a second copy": beside(BAND, "{stem} (1).jp2"),
    "a sidecar": beside(BAND, "{}.aux.xml"),
    "a second granule": second_granule,
    "checkpoints": checkpoints,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files(tmp_path, tiny_folder, whole, kind):
    product = copy(tiny_folder, tmp_path)
    FOREIGN[kind](product)
    assert_identical(quietly(product).load(), whole.load())


def test_a_clip_is_not_taken_for_the_band(tmp_path, tiny_folder):
    product = copy(tiny_folder, tmp_path)
    path = find(product, BAND)
    path.rename(path.with_name(f"clip_{path.name}"))
    tree, text = opened(product)
    assert "b02" not in tree[R10]
    assert path.name in text


# --- odd zips ---------------------------------------------------------------------------------------------------------


def packed(product, target, rename=lambda name: name, tops=None):
    with zipfile.ZipFile(target, "w") as file:
        for path in product.rglob("*"):
            if path.is_file():
                for top in tops or (product.name,):
                    info = zipfile.ZipInfo("x")
                    info.filename = rename(f"{top}/{path.relative_to(product).as_posix()}")
                    file.writestr(info, path.read_bytes())
    return target


RENAMED = {"backslashes": lambda name: name.replace("/", "\\"), "dots": lambda name: f"./{name}"}


@pytest.mark.parametrize("way", RENAMED)
def test_names_in_zips(tmp_path, tiny_folder, whole, way):
    path = packed(tiny_folder, tmp_path / "x.SAFE.zip", RENAMED[way])
    assert_identical(quietly(path).load(), whole.load())


@pytest.mark.parametrize("tail", [b"\n", b"\r\n", bytes(512)])
def test_bytes_behind_a_zip(tmp_path, tiny_zip, whole, tail):
    path = tmp_path / "x.SAFE.zip"
    path.write_bytes(tiny_zip.read_bytes() + tail)
    assert_identical(quietly(path).load(), whole.load())


def test_several_products_in_a_zip(tmp_path, tiny_folder, whole):
    path = packed(tiny_folder, tmp_path / "two.zip", tops=("A.SAFE", "B.SAFE"))
    for one in (f"{path}/A.SAFE", f"{path}/B.SAFE/", f"{path}/A.SAFE/manifest.safe", f"zip://B.SAFE::{path}"):
        assert_identical(quietly(one).load(), whole.load())
    a, b = (open_archive(f"{path}/{name}") for name in ("A.SAFE", "B.SAFE"))
    assert a != b
    assert a.identity("manifest.safe") != b.identity("manifest.safe")
    with pytest.raises(UnsupportedProductError, match=r"two\.zip/A\.SAFE"):
        open_archive(path)
    with pytest.raises(NotASafeError, match=r"A\.SAFE, B\.SAFE"):
        open_archive(f"{path}/C.SAFE")


def test_a_zip_around_a_zip(tmp_path, tiny_zip):
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as file:
        file.write(tiny_zip, "inner.SAFE.zip")
    with pytest.raises(NotASafeError, match=r"inner\.SAFE\.zip.*unpack"):
        open_archive(tmp_path / "outer.zip")


# --- words, JSON, series ----------------------------------------------------------------------------------------------


def test_other_forms_of_a_path(tiny_folder, tiny_zip):
    for text, advice in (
        (f"SENTINEL2_L2A:{tiny_folder}/MTD_MSIL2A.xml:10m:EPSG_32631", f"open '{tiny_folder}'"),
        (f"SENTINEL2_L2A:/vsizip/{tiny_zip}/MTD_MSIL2A.xml:10m:EPSG_32631", f"open '{tiny_zip}'"),
        (f"/vsizip/{tiny_zip}", f"open '{tiny_zip}'"),
        (f"zip://{tiny_zip}!/X.SAFE", f"zip://X.SAFE::{tiny_zip}"),
        (f'"{tiny_folder}"', "quotes or blanks"),
        (f"{tiny_folder} ", "quotes or blanks"),
    ):
        with pytest.raises(SafeError, match=re.escape(advice)):
            open_archive(text)


def test_a_link_that_leads_nowhere(tmp_path):
    (tmp_path / "x.SAFE").symlink_to(tmp_path / "gone.SAFE")
    with pytest.raises(MissingFileError, match=r"is a link to .*gone\.SAFE"):
        open_archive(tmp_path / "x.SAFE")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("number", ["NaN", "INF", "-inf"])
def test_no_numbers_that_json_lacks(tmp_path, tiny_folder, layout, number):
    product = copy(tiny_folder, tmp_path)
    for name, elements in {
        "MTD_MSIL2A.xml": ["SOLAR_IRRADIANCE", "U"],
        "MTD_TL.xml": ["CLOUDY_PIXEL_PERCENTAGE"],
    }.items():
        path = find(product, name)
        text = path.read_text()
        for element in elements:
            text = re.sub(rf"(<{element}(?: [^>]*)?>)[^<]*<", rf"\g<1>{number}<", text)
        replace(path, text.encode())
    tree = xr.open_datatree(product, engine="safe", eopf_version=layout)
    for node in tree.subtree:
        json.dumps(node.attrs, allow_nan=False)


def test_a_series_over_the_change_of_baselines(tmp_path, tiny_folder, old_folder):
    """Old first: values below zero and zero come back as they are."""
    names = {"b04": "b04"}
    new = xr.open_dataset(tiny_folder, engine="safe", group=R10)[["b04"]].isel(x=slice(0, 4), y=slice(0, 4)).load()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SafeWarning)
        old = xr.open_dataset(old_folder, engine="safe", group=R10)[["b04"]].isel(x=slice(0, 4), y=slice(0, 4)).load()
    assert old.b04.encoding["add_offset"] == 0
    old, new = (data.assign_coords(x=range(4), y=range(4)) for data in (old, new))
    old.b04[0, 0], new.b04[0, 0], new.b04[0, 1], old.b04[0, 1] = np.nan, -0.05, 0.0, 1.2
    series = xr.concat([common_encoding(data) for data in (old, new)], dim="time")
    series.to_zarr(tmp_path / "series.zarr", zarr_format=2)
    back = xr.open_zarr(tmp_path / "series.zarr")
    np.testing.assert_allclose(back.b04, series.b04, atol=6e-5)
    assert names.keys() == set(back.data_vars)
