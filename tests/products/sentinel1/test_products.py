"""Sentinel-1 on generated products: the tree, its values against the XML, and what is wrong with files."""

from __future__ import annotations

import pickle
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

from tests.support import copy, edit, find, replace
from xarray_safe.errors import CorruptFileError, InvalidArgumentError, SafeError, SafeWarning
from xarray_safe.sample.sentinel1 import Spec, write
from xarray_safe.sample.sentinel1.product import image
from xarray_safe.sample.sentinel1.tiff import strips

if TYPE_CHECKING:
    from pathlib import Path

GRD = Spec()
SLC = Spec(product_type="SLC", swaths=2, lines=40)
VIGNETTES = Spec(product_type="SLC", mode="WV", polarisations=("VV",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sentinel1")


@pytest.fixture(scope="module")
def grd(folder: Path) -> Path:
    return write(folder, GRD)


@pytest.fixture(scope="module")
def slc(folder: Path) -> Path:
    return write(folder, SLC)


def opened(path: Path, **options: Any) -> xr.DataTree:
    """Open without any warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return xr.open_datatree(path, engine="safe", **options)


def sub_products(tree: xr.DataTree) -> list[str]:
    return sorted(tree.children)


def test_grd_is_a_sub_product_a_polarisation(grd: Path) -> None:
    tree = opened(grd)
    names = sub_products(tree)
    assert [name.rpartition("_")[2] for name in names] == ["VH", "VV"]
    assert list(tree.attrs["stac_discovery"]["assets"]) == names[::-1]  # in the order of the images' numbers
    for scene in GRD.scenes():
        node = tree[next(name for name in names if name.endswith(scene.polarisation))]
        np.testing.assert_array_equal(node["measurements/grd"], image(scene, 0))
        times = node["measurements/azimuth_time"].values
        assert times[0] == np.datetime64(scene.start)
        assert abs(times[-1] - np.datetime64(scene.stop)) < np.timedelta64(2, "us")
        assert node.attrs["stac_discovery"]["properties"]["sar:polarization"] == scene.polarisation
        assert set(node["quality/noise_azimuth"].children) == {"IW1", "IW2", "IW3"}
        assert float(node["quality/calibration/sigma_nought"][0, 1]) == pytest.approx(300.25)


def test_times_of_doppler_estimates_are_times(grd: Path) -> None:
    node = opened(grd)[f"{sub_products(opened(grd))[0]}/conditions/doppler_centroid"]
    assert node["fine_dce_azimuth_start_time"].dtype.kind == "M"
    assert node["data_dc_rms_error_above_threshold"].values.tolist() == [False, True, False, False]
    assert node["degree"].values.tolist() == [2, 1, 0]


def test_slc_is_a_sub_product_a_burst(slc: Path) -> None:
    tree = opened(slc)
    assert len(tree.children) == 2 * 2 * 2  # polarisations, swaths, bursts
    for scene in SLC.scenes():
        whole = image(scene, 0)
        for burst in range(2):
            name = f"_{scene.polarisation}_{scene.swath}_{249402 + burst}"
            node = tree[next(sub for sub in tree.children if sub.endswith(name))]
            np.testing.assert_array_equal(node["measurements/slc"], whole[40 * burst : 40 * burst + 40])
            times = node["measurements/azimuth_time"].values
            last = np.timedelta64(times[-1] - times[0], "us").astype(int)
            assert last == pytest.approx(39 * 2000, abs=2)  # not one interval too long, as the converter has it
            assert node["measurements/line"].values[0] == 40 * burst
            valid = node["conditions/burst_info/first_valid_sample"].values
            assert valid[0] == -1
            assert valid[1] == 2


def test_vignettes_are_sub_products(folder: Path) -> None:
    tree = opened(write(folder, VIGNETTES))
    assert [name[-7:] for name in sub_products(tree)] == ["WV1_001", "WV1_003", "WV2_002"]


def test_polarisation_is_a_dimension_in_3_0(folder: Path) -> None:
    product = write(folder, Spec(mode="EW", polarisations=("HH", "HV")))
    tree = opened(product, eopf_version="3.0")
    (name,) = tree.children
    found = tree[f"{name}/measurements/grd"]
    assert found.dims == ("polarization", "azimuth_time", "ground_range")
    for scene in Spec(mode="EW", polarisations=("HH", "HV")).scenes():
        np.testing.assert_array_equal(found.sel(polarization=scene.polarisation), image(scene, 0))
    assert tree[f"{name}/conditions/orbit/position"].dims == ("azimuth_time", "axis")
    assert tree[f"{name}/quality/noise_azimuth/noise_azimuth_lut"].dims == ("polarization", "azimuth_time", "swath")


def test_3_0_says_where_the_converter_swaps_polarisations(grd: Path) -> None:
    with pytest.warns(SafeWarning, match="'VV' holds VH, 'VH' holds VV"):
        xr.open_datatree(grd, engine="safe", eopf_version="3.0")


def test_layouts_of_other_missions_are_refused(grd: Path) -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"not offered for Sentinel-1 IW GRD; its layouts are '2\.8', '3\.0'"
    ):
        opened(grd, eopf_version="2.5")


@pytest.mark.parametrize("kind", ["stored", "deflated"])
def test_a_zip_is_the_same(folder: Path, grd: Path, kind: Any) -> None:
    assert opened(write(folder / kind, GRD, zip=kind)).identical(opened(grd))


def test_a_cog_is_read_tile_by_tile(folder: Path) -> None:
    product = write(folder, Spec(cog=True, polarisations=("VV",), mode="IW", samples=200))
    assert product.name.endswith("_COG.SAFE")
    tree = opened(product)
    (name,) = tree.children
    pixels = tree[f"{name}/measurements/grd"]
    np.testing.assert_array_equal(pixels, image(Spec(samples=200).scenes()[0], 0))
    assert opened(product, overview=1)[f"{name}/measurements/grd"].shape == (60, 100)


def test_overviews_have_coordinates_of_their_size(grd: Path) -> None:
    whole, half = opened(grd), opened(grd, overview=1)
    path = f"{sub_products(whole)[0]}/measurements"
    assert half[f"{path}/grd"].shape == (60, 75)
    ranges = whole[f"{path}/ground_range"].values
    np.testing.assert_allclose(half[f"{path}/ground_range"], (ranges[::2] + ranges[1::2]) / 2)


def test_one_group_reads_no_other_image(slc: Path, folder: Path) -> None:
    name = sub_products(opened(slc))[0]
    broken = copy(slc, folder / "others-broken")
    swath = name.split("_")[-2].lower()
    for path in broken.rglob("annotation/s1a-*.xml"):
        if f"-{swath}-" not in path.name or "-vh-" not in path.name:
            replace(path, b"<product>")
    group = f"{name}/measurements"
    found = xr.open_dataset(broken, engine="safe", group=group)
    assert found.identical(xr.open_dataset(slc, engine="safe", group=group))


def test_arrays_pickle(grd: Path) -> None:
    pixels = opened(grd)[f"{sub_products(opened(grd))[0]}/measurements/grd"]
    assert pickle.loads(pickle.dumps(pixels)).identical(pixels)


def test_a_renamed_folder_is_named_by_its_manifest(grd: Path, folder: Path) -> None:
    renamed = (folder / "vv").mkdir() or copy(grd, folder / "vv").rename(folder / "vv" / "mine.SAFE")
    names = sub_products(opened(renamed))
    assert [name.replace("_0000_0685AF", "_5A3E_0685AF") for name in names] == sub_products(opened(grd))


def damaged(product: Path, folder: Path, pattern: str, data: bytes | None) -> xr.DataTree:
    """Open a copy in which one file is gone, or has another content; expect one warning."""
    target = copy(product, folder)
    path = find(target, pattern)
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    with pytest.warns(SafeWarning) as caught:
        tree = xr.open_datatree(target, engine="safe")
    assert len(caught) == 1
    tree.attrs["warning"] = str(caught[0].message)
    return tree


@pytest.mark.parametrize("data", [None, b"<calibration>", b"<calibration/>"])
def test_without_calibration(grd: Path, tmp_path: Path, data: bytes | None) -> None:
    tree = damaged(grd, tmp_path, "calibration-*-vv-*.xml", data)
    vh, vv = (tree[name] for name in sub_products(tree))
    assert "calibration" in vh["quality"].children
    assert "calibration" not in vv["quality"].children
    assert "measurements" in vv.children
    assert "sigma_nought" in tree.attrs["warning"]
    assert "calibration-s1a-iw-grd-vv" in tree.attrs["warning"]


def test_without_noise(grd: Path, tmp_path: Path) -> None:
    tree = damaged(grd, tmp_path, "noise-*-vh-*.xml", None)
    vh = tree[sub_products(tree)[0]]
    assert set(vh["quality"].children) == {"calibration"}
    assert "noise_range_lut" in tree.attrs["warning"]


def test_an_annotation_cut_short(grd: Path, tmp_path: Path) -> None:
    whole = find(grd, "annotation/s1a-*-vv-*.xml").read_bytes()
    tree = damaged(grd, tmp_path, "annotation/s1a-*-vv-*.xml", whole[: len(whole) // 2])
    assert [name[-2:] for name in sub_products(tree)] == ["VH"]
    assert "s1a-iw-grd-vv" in tree.attrs["warning"]


def test_no_annotation_at_all(grd: Path, tmp_path: Path) -> None:
    target = copy(grd, tmp_path)
    for path in target.glob("annotation/*.xml"):
        path.unlink()
    with pytest.raises(CorruptFileError, match=r"annotation/s1a-iw-grd-vh.* is missing"):
        opened(target)


def test_a_missing_image(grd: Path, tmp_path: Path) -> None:
    tree = damaged(grd, tmp_path, "*-vv-*.tiff", None)
    vv = tree[sub_products(tree)[1]]
    assert set(vv.children) == {"conditions", "quality"}
    assert "measurements" in tree[sub_products(tree)[0]].children


@pytest.mark.parametrize("pixels", [np.ones((120, 149), np.uint16), np.ones((120, 150), np.complex64)])
def test_an_image_of_another_size_or_kind(grd: Path, tmp_path: Path, pixels: np.ndarray[Any, Any]) -> None:
    tree = damaged(grd, tmp_path, "*-vv-*.tiff", strips(pixels))
    vh, vv = (tree[name] for name in sub_products(tree))
    assert vh["measurements/grd"].values.any()
    assert vv["measurements/grd"].shape == (120, 150)
    with pytest.raises(CorruptFileError, match=r"\.tiff"):
        vv["measurements/grd"].values


def test_noise_without_vectors(grd: Path, tmp_path: Path) -> None:
    tree = damaged(grd, tmp_path, "noise-*-vv-*.xml", b"<noise><noiseRangeVectorList count='0'/></noise>")
    assert set(tree[sub_products(tree)[1]]["quality"].children) == {"calibration"}


def test_interference_without_reports(grd: Path, tmp_path: Path) -> None:
    target = copy(grd, tmp_path)
    replace(find(target, "rfi-*-vv-*.xml"), b"<rfi><rfiMitigationApplied>None</rfiMitigationApplied></rfi>")
    tree = opened(target)
    found = tree[sub_products(tree)[1]].attrs["other_metadata"]["rfi"]["radio_frequency_interference"]
    assert found["rfi_detection_from_noise_report"] == {}


def test_numbers_that_are_none(grd: Path, tmp_path: Path) -> None:
    target = copy(grd, tmp_path)
    edit(find(target, "calibration-*-vv-*.xml"), "3.000000e+02", "many")
    with pytest.raises(SafeError, match="sigmaNought holds what is invalid"):
        opened(target, missing="raise")


@pytest.mark.parametrize("lines", ["-5", "10000000000", "", "NaN"])
def test_sizes_that_cannot_be(grd: Path, tmp_path: Path, lines: str) -> None:
    target = copy(grd, tmp_path)
    for polarisation in ("vv", "vh"):
        path = find(target, f"annotation/s1a-*-{polarisation}-*.xml")
        edit(path, "<numberOfLines>120<", f"<numberOfLines>{lines}<")
    with pytest.raises(SafeError, match="numberOfLines"):
        opened(target, missing="raise")


def test_a_product_of_old_processors_opens(grd: Path, tmp_path: Path) -> None:
    """IPF 2.36: no roll in the antenna pattern, one list of noise vectors, timeliness that the converter refuses."""
    target = copy(grd, tmp_path)
    for path in target.rglob("annotation/s1a-*.xml"):
        replace(path, path.read_bytes().replace(b"<roll>29.5</roll>", b""))
    for path in target.rglob("noise-*.xml"):
        data = path.read_bytes().replace(b"noiseRangeVector", b"noiseVector").replace(b"noiseRangeLut", b"noiseLut")
        start, stop = data.index(b"<noiseAzimuthVectorList"), data.index(b"</noise>")
        replace(path, data[:start] + data[stop:])
    edit(target / "manifest.safe", ">NRT-3h<", ">Off-line<")
    tree = opened(target)
    vh = tree[sub_products(tree)[0]]
    assert "roll" not in vh["conditions/antenna_pattern"]
    assert set(vh["quality"].children) == {"calibration", "noise_range"}
    assert vh.attrs["stac_discovery"]["properties"]["product:timeliness"] == "Null"
