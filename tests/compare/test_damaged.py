"""Damaged sources: what is unreadable is a difference, told of its side; costs and pictures that fail are notes."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from tests.support import copy, find, replace
from xarray_safe.compare import compare
from xarray_safe.compare.report import page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

B04 = "/measurements/reflectance/r10m/b04"


@pytest.fixture
def damaged_zarr(twin: Path) -> Path:
    """A twin with a chunk of b04 that is no data."""
    chunk = next(path for path in (twin / B04.strip("/")).iterdir() if not path.name.startswith("."))
    chunk.write_bytes(b"\x02\x01junk" + bytes(40))
    return twin


@pytest.fixture
def damaged_safe(l2a_folder: Path, tmp_path: Path) -> Path:
    """A SAFE with an image of b04 that is cut short."""
    product = copy(l2a_folder, tmp_path)
    image = find(product, "*_B04_10m.jp2")
    replace(image, image.read_bytes()[: image.stat().st_size // 2])
    return product


@pytest.mark.parametrize(("damaged", "side"), [("damaged_safe", "left"), ("damaged_zarr", "right")])
def test_each_side_is_named_with_costs(
    request: pytest.FixtureRequest, l2a_folder: Path, twins: dict[str, Path], damaged: str, side: str
) -> None:
    from rich.console import Console

    bad = request.getfixturevalue(damaged)
    good = twins["2.8"] if damaged == "damaged_safe" else l2a_folder
    found = compare(*((bad, good) if side == "left" else (good, bad)))
    assert found.verdict == "1 difference (unreadable 1)"
    (difference,) = found.differences
    other = "right" if side == "left" else "left"
    assert difference.path == B04
    assert getattr(difference, side)
    assert getattr(difference, other) == ""
    assert f"the {side} one cannot be read" in str(difference)

    one, two = getattr(found, side), getattr(found, other)
    assert [note.partition(":")[0] for note in one.notes] == ["no picture", "costs not known"]
    assert [step.name for step in one.steps] == ["open", "first pixel"]
    assert (two.notes, len(two.steps)) == ((), 3)
    assert two.quicklook
    assert json.loads(json.dumps(found.to_dict()))[side]["notes"] == list(one.notes)

    out = io.StringIO()
    Console(file=out, width=300).print(found)
    for text in (out.getvalue(), page(found), found._repr_html_()):
        assert "costs not known" in text
        assert f"the {side} one cannot be read" in text
        assert "one band" in text
    assert "not known</text>" in page(found)  # the bar that is not there


def test_labels_that_cannot_be_read_are_a_difference(l2a_folder: Path, twin: Path) -> None:
    """They are looked at before the values are, for the converter may have cut them."""
    import xarray as xr

    with xr.open_datatree(l2a_folder, engine="safe") as tree, xr.open_datatree(twin, engine="zarr") as other:
        geometry = other["conditions/geometry"].to_dataset()
        labels = geometry.band.variable.copy()

        class Broken:
            shape, dtype, ndim = labels.shape, labels.dtype, 1

            def __array__(self, *_: object, **__: object) -> object:
                raise RuntimeError("error during decompression")

            def __array_function__(self, *_: object) -> object:
                raise RuntimeError("error during decompression")

            def __array_ufunc__(self, *_: object, **__: object) -> object:
                raise RuntimeError("error during decompression")

            def __getitem__(self, key: object) -> object:
                raise RuntimeError("error during decompression")

        other["conditions/geometry"] = geometry.drop_vars("band").assign_coords(band_=("band", labels.values))
        broken = xr.Variable("band", Broken(), labels.attrs)
        node = other["conditions/geometry"].to_dataset().drop_vars("band_")
        other["conditions/geometry"] = node.assign_coords(xr.Coordinates({"band": broken}, indexes={}))
        found = compare(tree, other, values=False)
    assert "unreadable /conditions/geometry/band" in {f"{it.kind} {it.path}" for it in found.differences}


def test_metadata_without_properties(l2a_folder: Path, twin: Path, edit_attrs: Callable[..., None]) -> None:
    edit_attrs("/", lambda attrs: attrs["stac_discovery"].pop("properties"))
    found = compare(l2a_folder, twin, values=False, costs=False)
    assert found.differences
    assert all(difference.path.startswith("/@stac_discovery/properties") for difference in found.differences)
    assert found.left.summary.id is not None
    assert [note.partition(":")[0] for note in found.right.notes] == ["no summary"]
    json.dumps(found.to_dict(), allow_nan=False)
    assert "no summary" in page(found)


@pytest.mark.parametrize("layout", [None, "2.8"])
def test_a_layout_is_read_from_the_groups(
    l2a_folder: Path, twin: Path, edit_attrs: Callable[..., None], layout: str | None
) -> None:
    """Without metadata at the root; what says nothing anywhere is refused (`test_bad_sources`)."""
    edit_attrs("/", lambda attrs: attrs.clear())
    found = compare(l2a_folder, twin, layout=layout, values=False, costs=False)
    assert found.layout == "2.8"
    assert found.differences
    assert all(difference.path.startswith("/@") for difference in found.differences)


def test_what_is_infinite_goes_into_json(
    l2a_folder: Path, twin: Path, edit_attrs: Callable[..., None], edit_values: Callable[..., None]
) -> None:
    edit_values("/conditions/geometry/sun_angles", (0, 3, 3), float("inf"))
    edit_attrs("/", lambda attrs: attrs["stac_discovery"]["properties"].update({"eo:cloud_cover": float("nan")}))
    found = compare(l2a_folder, twin, costs=False)
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    (values,) = (difference for difference in told["differences"] if difference["kind"] == "values")
    assert (values["count"], values["largest"]) == (1, None)
    assert "inf" in values["right"]
    assert told["right"]["summary"]["cloud_cover"] is None
