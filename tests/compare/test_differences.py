"""Comparisons: what is the same says so, and every change of the other source is named, it alone."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from tests.support import copy, find
from xarray_safe.compare import MeasuringFailedError, compare
from xarray_safe.compare.costs import measure
from xarray_safe.compare.report import page
from xarray_safe.errors import InvalidArgumentError, MissingFileError
from xarray_safe.location import ProductLocation
from xarray_safe.summary import Summary

if TYPE_CHECKING:
    from collections.abc import Callable

from tests.support import SHARED

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the conformance kit lies beside the repository")
B04 = "/measurements/reflectance/r10m/b04"


@pytest.mark.parametrize("layout", ["2.8", "2.5"])
def test_a_twin_is_identical_in_its_own_layout(l2a_folder: Path, twins: dict[str, Path], layout: str) -> None:
    found = compare(l2a_folder, twins[layout], costs=False)
    assert (found.verdict, found.layout, found.expected) == ("identical", layout, ())
    assert found.compared["values"] > 1_000_000
    assert found.left.quicklook == found.right.quicklook
    assert [left for _, left, _ in found.fields()] == [right for _, _, right in found.fields()]
    assert (found.left.kind, found.right.kind) == ("SAFE", "Zarr")
    assert found.right.size == sum(file.stat().st_size for file in twins[layout].rglob("*") if file.is_file())


def test_order_does_not_matter(l2a_folder: Path, twins: dict[str, Path]) -> None:
    found = compare(twins["2.5"], l2a_folder, values=False, costs=False)
    assert (found.identical, found.layout, found.left.kind) == (True, "2.5", "Zarr")
    assert "values were not compared" in found.verdict


def test_one_pixel_and_one_attribute(
    l2a_folder: Path, twin: Path, edit_values: Callable[..., None], edit_attrs: Callable[..., None]
) -> None:
    edit_values(B04, (123, 45), 4242)
    edit_attrs("/conditions/geometry/sun_angles", lambda attrs: attrs.update(long_name="solar angels"))
    found = compare(l2a_folder, twin, costs=False)
    attribute, pixel = sorted(found.differences, key=lambda difference: difference.kind)
    assert (attribute.kind, attribute.path) == ("attribute", "/conditions/geometry/sun_angles@long_name")
    assert attribute.right == "solar angels"
    assert (pixel.kind, pixel.path) == ("values", B04)
    assert pixel.values is not None
    assert (pixel.values.count, pixel.values.first) == (1, (123, 45))
    with xr.open_datatree(l2a_folder, engine="safe") as tree:
        assert pixel.values.largest == pytest.approx(abs(4242e-4 - 0.1 - float(tree[B04][123, 45])))
    assert pixel.values.map is not None
    assert np.argwhere(pixel.values.map).tolist() == [[123 // 6, 45 // 6]]  # 252 pixels in squares of 6
    assert not found.expected
    assert found.verdict == "2 differences (attribute 1, values 1)"


CHANGES: dict[str, tuple[str, Callable[[dict[str, Any]], object], str]] = {
    "metadata": (
        "/",
        lambda attrs: attrs["stac_discovery"]["properties"].update(platform="sentinel-2z"),
        "attribute /@stac_discovery/properties/platform",
    ),
    "a kind": (
        "/",
        lambda attrs: attrs["stac_discovery"]["properties"].update({"sat:relative_orbit": 122.0}),
        "attribute /@stac_discovery/properties/sat:relative_orbit",
    ),
    "missing": (B04, lambda attrs: attrs.pop("long_name"), f"attribute {B04}@long_name"),
    "list": (
        "/",
        lambda attrs: attrs["stac_discovery"]["bbox"].append(0.0),
        "attribute /@stac_discovery/bbox/4",
    ),
    "encoding": (
        "/quality/atmosphere/r10m/aot",
        lambda attrs: attrs.update(scale_factor=0.002),
        "encoding /quality/atmosphere/r10m/aot#scale_factor",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_named_by_its_path(
    l2a_folder: Path, twin: Path, edit_attrs: Callable[..., None], change: str
) -> None:
    path, apply, named = CHANGES[change]
    edit_attrs(path, apply)
    found = compare(l2a_folder, twin, values=False, costs=False)
    assert [f"{difference.kind} {difference.path}" for difference in found.differences] == [named]


def test_open_trees_without_a_group_a_variable_and_a_coordinate(l2a_folder: Path) -> None:
    tree = xr.open_datatree(l2a_folder, engine="safe")
    parts = {path: node.to_dataset(inherit=False) for path, node in tree.subtree_with_keys}
    less = {path: part for path, part in parts.items() if not path.startswith("quality/probability")}
    group = "measurements/reflectance/r60m"
    less[group] = less[group].drop_vars(["b01", "x"])
    found = compare(tree, xr.DataTree.from_dict(less), values=False)
    assert {f"{difference.kind} {difference.path}" for difference in found.differences} == {
        "group /quality/probability",
        "group /quality/probability/r20m",
        f"variable /{group}/b01",
        f"variable /{group}/x",
        f"index /{group}/x",
    }
    assert {difference.right for difference in found.differences} == {"<missing>"}
    assert (found.left.kind, found.left.steps, found.left.size) == ("tree", (), None)


def test_shapes_and_types(l2a_folder: Path) -> None:
    tree = xr.open_datatree(l2a_folder, engine="safe", group="conditions")
    root = xr.open_dataset(l2a_folder, engine="safe")
    other = tree.copy(deep=True)
    geometry = other["geometry"].to_dataset()
    other["geometry"] = geometry.assign(sun_angles=geometry.sun_angles.astype("f4"))
    other["meteorology/cams"] = other["meteorology/cams"].to_dataset().isel(latitude=slice(5))
    for part in (tree, other):
        part.attrs = root.attrs
    kinds = {(difference.kind, difference.path) for difference in compare(tree, other).differences}
    assert ("dtype", "/geometry/sun_angles") in kinds
    assert ("dims", "/meteorology/cams/aod550") in kinds
    assert ("dims", "/meteorology/cams/latitude") in kinds
    assert ("values", "/meteorology/cams/aod550") not in kinds


def test_a_damaged_image_is_a_finding(l2a_folder: Path, twins: dict[str, Path], tmp_path: Path) -> None:
    damaged = copy(l2a_folder, tmp_path)
    image = find(damaged, "*_B04_10m.jp2")
    data = image.read_bytes()
    image.unlink()
    image.write_bytes(data[: len(data) // 2])
    found = compare(damaged, twins["2.8"], costs=False)
    (unreadable,) = [difference for difference in found.differences if difference.kind == "unreadable"]
    assert unreadable.path == B04
    assert "B04_10m.jp2" in unreadable.left


def test_costs(l2a_folder: Path, twins: dict[str, Path]) -> None:
    found = compare(l2a_folder, twins["2.8"], values=False)
    for side in (found.left, found.right):
        assert [step.name for step in side.steps] == ["open", "first pixel", "one band"]
        assert all(step.wall > 0 and step.user >= 0 and step.requests == 0 for step in side.steps)
    if Path("/proc/self/io").exists():
        band = find(l2a_folder, "*_B04_10m.jp2").stat().st_size
        step = found.left.steps[2]
        assert step.read is not None
        assert 0.5 * band < step.read < 2 * band + 65536
        assert all(step.memory is not None for step in found.left.steps)


def test_measuring_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(MeasuringFailedError, match=r"gone\.SAFE"):
        measure(ProductLocation("SAFE", str(tmp_path / "gone.SAFE")), "2.8")


def test_json(l2a_folder: Path, twin: Path, edit_attrs: Callable[..., None]) -> None:
    edit_attrs(B04, lambda attrs: attrs.pop("long_name"))
    found = json.loads(json.dumps(compare(l2a_folder, twin, values=False, costs=False).to_dict()))
    assert found["identical"] is False
    assert [entry["path"] for entry in found["differences"]] == [f"{B04}@long_name"]
    assert found["left"]["summary"]["platform"] == "sentinel-2a"


def test_a_pixel_that_was_no_data(l2a_folder: Path, twin: Path, edit_values: Callable[..., None]) -> None:
    """There is no largest difference; both values are named."""
    with xr.open_datatree(l2a_folder, engine="safe", mask_and_scale=False) as tree:
        y, x = (int(place[0]) for place in np.nonzero(tree[B04].values == 0))
    edit_values(B04, (y, x), 4242)
    found = compare(l2a_folder, twin, costs=False)
    (pixel,) = found.differences
    assert pixel.values is not None
    assert (pixel.values.largest, pixel.left, pixel.right[:6]) == (None, "nan", "0.3242")
    assert f"first at [{y}, {x}]: nan ≠ 0.3242" in pixel.what
    assert "nan ≠ 0.3242" in found._repr_html_()
    assert "nan ≠ 0.3242" in page(found)
    out = io.StringIO()
    Console(file=out, width=300).print(found)
    assert "nan ≠ 0.3242" in out.getvalue()


def test_layout_of_two_safes(l2a_folder: Path, twins: dict[str, Path]) -> None:
    found = compare(l2a_folder, l2a_folder, layout="2.5", values=False, costs=False)
    assert (found.identical, found.layout, found.expected) == (True, "2.5", ())
    assert compare(l2a_folder, l2a_folder, values=False, costs=False).layout == "2.8"
    assert compare(l2a_folder, twins["2.5"], layout="2.5.6", values=False, costs=False).identical
    with pytest.raises(InvalidArgumentError, match=r"2\.5\.zarr is in layout 2\.5, .* not in 2\.8"):
        compare(l2a_folder, twins["2.5"], layout="2.8", values=False, costs=False)


def test_what_is_no_source(l2a_folder: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="int is neither a path"):
        compare(l2a_folder, 7)  # type: ignore[arg-type]


def test_progress(l2a_folder: Path, twins: dict[str, Path]) -> None:
    seen: list[tuple[str, int, int]] = []
    compare(l2a_folder, twins["2.8"], values=False, costs=False, progress=lambda *step: seen.append(step))
    assert [number for _, number, _ in seen] == list(range(1, len(seen) + 1))
    assert {total for _, _, total in seen} == {len(seen)}
    assert B04 in {path for path, _, _ in seen}


def test_bad_sources(l2a_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nothing"):
        compare(l2a_folder, tmp_path / "nothing.zarr")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InvalidArgumentError, match="neither a SAFE"):
        compare(l2a_folder, tmp_path / "folder")
    xr.Dataset({"a": 1}).to_zarr(tmp_path / "other.zarr", zarr_format=2, consolidated=True)
    with pytest.raises(InvalidArgumentError, match="layout of the Zarr is not known"):
        compare(l2a_folder, tmp_path / "other.zarr")


def test_a_tree_without_a_summary(l2a_folder: Path) -> None:
    found = compare(xr.open_datatree(l2a_folder, engine="safe"), xr.DataTree(), values=False)
    assert not found.identical
    assert (found.right.summary, found.left.notes) == (Summary(), ())
    (note,) = found.right.notes
    assert note.startswith("no summary: ")
    assert note in page(found)


GOLDENS = sorted((SHARED / "conformance").glob("*.zarr.zip"))


@needs_shared
@pytest.mark.parametrize("golden", GOLDENS, ids=lambda path: path.name.replace(".zarr.zip", "")[:15] + path.name[-16:])
def test_the_converters_own_zarr(golden: Path) -> None:
    safe = golden.with_name(golden.name.split(".eopf-")[0] + ".SAFE.zip")
    found = compare(safe, golden, costs=False)
    assert found.identical, str(found)
    assert found.left.summary == found.right.summary
    assert found.left.quicklook == found.right.quicklook
    why = {difference.expected for difference in found.expected}
    if found.layout == "2.8":
        cut = {difference.path for difference in found.expected if "one character" in difference.expected}
        assert {path.partition("@")[0].partition("#")[0] for path in cut} == {
            "/conditions/geometry/band",
            "/conditions/geometry/detector",
        }
        assert len(why) == 3
    else:
        assert why == {"cfgrib notes when the conversion ran"}


def test_there_are_eight_goldens() -> None:
    assert len(GOLDENS) in (8, 0)


def test_other_labels_than_the_cut_ones_are_differences(l2a_folder: Path) -> None:
    """Only first characters are forgiven."""
    tree = xr.open_datatree(l2a_folder, engine="safe")
    for labels, identical in ((["b"] * 13, True), (["c"] * 13, False), ([f"c{n:02d}" for n in range(13)], False)):
        other = xr.open_datatree(l2a_folder, engine="safe")
        geometry = other["conditions/geometry"].to_dataset()
        attrs, encoding = geometry.band.attrs, geometry.band.encoding
        band = xr.Variable("band", np.array(labels), attrs, encoding)
        other["conditions/geometry"] = geometry.assign_coords(band=band)
        found = compare(tree, other, values=False)
        assert found.identical is identical, labels
