"""The layout of trees, stores, STAC items and published metadata, by every kind of evidence."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import xarray as xr

from tests.support import SHARED
from xarray_safe.errors import InvalidArgumentError
from xarray_safe.products import LAYOUTS
from xarray_safe.products.layouts import has_multiscales, layout_in

if TYPE_CHECKING:
    from pathlib import Path

zarr = pytest.importorskip("zarr")
KIT = SHARED / "conformance"
STORES = sorted([*KIT.glob("*.zarr.zip"), *KIT.glob("layouts/**/*.zarr.zip")])
PUBLISHED = sorted((SHARED / "published").glob("*.json"))


def unsigned(tree: xr.DataTree) -> xr.DataTree:
    """A tree as if no converter had signed it."""
    copy = tree.copy()
    attrs = {key: value for key, value in tree.attrs.items() if key != "processing_history"}
    item = dict(attrs["stac_discovery"])
    item["properties"] = {key: value for key, value in item["properties"].items() if key != "processing:software"}
    copy.attrs = attrs | {"stac_discovery": item}
    return copy


@pytest.mark.parametrize("layout", LAYOUTS)
def test_trees_out_of_a_safe(layout: str, product: Path) -> None:
    tree = xr.open_datatree(product, engine="safe", eopf_version=layout)
    assert layout_in(tree) == layout
    assert layout_in(unsigned(tree)) == layout
    assert not has_multiscales(tree)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_arrays_alone_tell_it(layout: str, l2a_folder: Path) -> None:
    tree = xr.open_datatree(l2a_folder, engine="safe", eopf_version=layout, mask_and_scale=False)
    tree.attrs = {}
    assert layout_in(tree) == layout


@pytest.mark.parametrize("path", STORES, ids=lambda path: path.name[-40:])
def test_stores_of_converters(path: Path) -> None:
    found = re.search(r"(eopf|geozarr)-(\d\.\d)", path.name)
    assert found is not None
    with zarr.storage.ZipStore(path, mode="r") as store:
        tree = xr.open_datatree(store, engine="zarr")
        sources = (tree, zarr.open_group(store, mode="r"), dict(tree.attrs), unsigned(tree))
        assert {layout_in(source) for source in sources} == {found[2]}
        assert has_multiscales(tree) == (found[1] == "geozarr")


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.name[:40])
def test_published_metadata(path: Path) -> None:
    assert layout_in(json.loads(path.read_text())) == "2.5"


def item(href: str = "https://data.example/NAME.zarr", **properties: object) -> dict[str, object]:
    """A STAC item of the Sample Service, whose own STAC is 1.1 whatever the layout."""
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": "NAME",
        "properties": properties,
        "assets": {"product": {"href": href}},
    }


@pytest.mark.parametrize(
    ("found", "layout"),
    [
        (item("https://data.example/products/cpm_v270/S02MSIL2A/2026/11/01/NAME.zarr"), "2.7"),
        (item("https://data.example/products/cpm_v300/S02MSIL2A/2026/11/01/NAME.zarr"), "3.0"),
        (item("https://data.example/tutorial_data/cpm_v262/NAME.zarr/measurements"), "2.6"),
        (item(**{"processing:software": {"EOPF-CPM": "2.5.6"}}), "2.5"),
        (item("https://data.example/cpm_v253/NAME.zarr", **{"processing:software": {"EOPF-CPM": "2.8.1"}}), "2.8"),
    ],
)
def test_stac_items(found: dict[str, object], layout: str) -> None:
    assert layout_in(found) == layout


@pytest.mark.parametrize("found", [item(), item("s3://eodata/NAME.SAFE/manifest.safe"), 5, xr.Dataset()])
def test_what_tells_nothing_is_an_error(found: object) -> None:
    with pytest.raises(InvalidArgumentError, match="layout"):
        layout_in(found)


@pytest.mark.skipif(not SHARED.is_dir(), reason="stores of the other missions lie beside the repository")
@pytest.mark.parametrize(
    "path",
    sorted([*KIT.glob("sentinel1/*OCN*.zarr.zip"), *KIT.glob("sentinel3/*.zarr.zip")]),
    ids=lambda path: path.name[:40],
)
def test_stores_of_other_missions(path: Path) -> None:
    assert layout_in(path) == re.search(r"eopf-(\d\.\d)", path.name)[1]  # type: ignore[index]


def test_a_path_that_is_not_a_zarr(tmp_path: Path) -> None:
    (tmp_path / "x.zarr.zip").write_bytes(b"no zip")
    for path in (tmp_path / "x.zarr.zip", tmp_path, tmp_path / "nothing.zarr"):
        with pytest.raises(InvalidArgumentError, match="cannot be opened as a Zarr"):
            layout_in(path)
