"""A catalog from a search: items of both services, in all forms in which they come."""

from __future__ import annotations

import copy

import intake
import pystac
import pytest

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.intake import SAFE, EopfZarr, catalog

NAME = "S2C_MSIL2A_20250415T102041_N0511_R065_T32UNC_20250415T160234"
FOLDER = f"s3://eodata/Sentinel-2/MSI/L2A/2025/04/15/{NAME}.SAFE"
STORE = f"https://objects.eodc.eu/tenant:202504-s02msil2a/15/products/cpm_v256/{NAME}.zarr"
NODES = f"https://download.dataspace.copernicus.eu/odata/v1/Products(0)/Nodes({NAME}.SAFE)"


def item(assets, name=NAME, **properties):
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "sentinel-2-l2a", "links": [],
        "geometry": {"type": "Point", "coordinates": [9.0, 53.0]}, "bbox": [9.0, 53.0, 9.0, 53.0],
        "properties": {"datetime": "2025-04-15T10:20:41Z", "eo:cloud_cover": 3.5, **properties},
        "assets": assets,
    }  # fmt: skip


def of_cdse():
    return item(
        {
            "thumbnail": {"href": "https://datahub/odata/v1/Assets(1)/$value"},
            "Product": {"href": "https://download/odata/v1/Products(0)/$value", "file:size": 999},
            "B02_10m": {
                "href": f"{FOLDER}/GRANULE/L2A/IMG_DATA/R10m/B02.jp2",
                "file:size": 1_000_000,
                "alternate": {"https": {"href": f"{NODES}/Nodes(GRANULE)/$value"}},
            },
            "safe_manifest": {"href": f"{FOLDER}/manifest.safe", "file:size": 234_567},
        }
    )


def of_eopf(**more):
    keywords = {"engine": "eopf-zarr", "op_mode": "native", "chunks": {}, "consolidated": True, **more}
    return item(
        {
            "b02": {"href": f"{STORE}/measurements/reflectance/r10m/b02"},
            "product_metadata": {"href": f"{STORE}/.zmetadata"},
            "product": {
                "href": STORE,
                "type": "application/vnd+zarr",
                "xarray:open_datatree_kwargs": keywords,
                "xarray:storage_options": {"anon": True},
            },
        }
    )


@pytest.fixture(autouse=True)
def _keys(monkeypatch):
    monkeypatch.setenv("CDSE_S3_ACCESS_KEY", "k")
    monkeypatch.setenv("CDSE_S3_SECRET_KEY", "hidden")


def test_both_sources_side_by_side_and_equal():
    cat = catalog([of_cdse(), of_eopf()])
    assert list(cat) == [f"{NAME}_safe", f"{NAME}_zarr"]
    safe, zarr = (cat[name] for name in cat)
    assert type(safe.data) is SAFE
    assert type(zarr.data) is EopfZarr
    assert (safe.source.location.url, zarr.source.location.url) == (FOLDER, STORE)
    assert safe.kwargs["eopf_version"] == zarr.kwargs["eopf_version"] == "2.5"
    assert safe.kwargs["chunks"] == zarr.kwargs["chunks"] == {}
    assert safe.source.size == 1_234_567
    assert safe.source.location.storage_options == {
        "key": "k", "secret": "hidden",
        "client_kwargs": {"endpoint_url": "https://eodata.dataspace.copernicus.eu", "region_name": "default"},
        "config_kwargs": {"s3": {"addressing_style": "path"}},
    }  # fmt: skip
    assert zarr.metadata["eo:cloud_cover"] == 3.5


def test_what_the_item_says_of_opening_is_kept():
    zarr = catalog(of_eopf(decode_timedelta=False, storage_options={"timeout": 9}))[f"{NAME}_zarr"]
    assert zarr.source.location.storage_options == {"anon": True, "timeout": 9}
    assert {"consolidated": True, "decode_timedelta": False}.items() <= zarr.kwargs.items()
    assert not {"engine", "op_mode", "storage_options"} & set(zarr.kwargs)


def test_saved_and_read_again_twice(tmp_path):
    cat = catalog([of_cdse(), of_eopf()])
    for name in ("first.yaml", "second.yaml"):
        path = tmp_path / name
        cat.to_yaml_file(str(path))
        text = path.read_text()
        assert "hidden" not in text
        assert "{env(CDSE_S3_SECRET_KEY)}" in text
        cat = intake.open_catalog(str(path))
        assert list(cat) == [f"{NAME}_safe", f"{NAME}_zarr"]
        assert cat[f"{NAME}_safe"].source.location.storage_options["secret"] == "hidden"
        other = cat(endpoint="http://127.0.0.1:1")[f"{NAME}_safe"]
        assert other.source.location.storage_options["client_kwargs"]["endpoint_url"] == "http://127.0.0.1:1"
        assert cat[f"{NAME}_zarr"].kwargs["eopf_version"] == "2.5"


class Search:
    """What of pystac-client's `ItemSearch` is used."""

    def __init__(self, items):
        self._items = items

    def items_as_dicts(self):
        yield from self._items


@pytest.mark.parametrize(
    "form",
    [
        lambda items: items,
        tuple,
        iter,
        lambda items: {"type": "FeatureCollection", "features": items},
        lambda items: [pystac.Item.from_dict(one) for one in items],
        lambda items: pystac.ItemCollection([pystac.Item.from_dict(one) for one in items]),
        Search,
    ],
    ids=["list", "tuple", "iterator", "json", "items", "collection", "search"],
)
def test_items_in_all_forms(form):
    plain = catalog([of_cdse(), of_eopf()])
    cat = catalog(form([of_cdse(), of_eopf()]))
    assert cat.to_dict() == plain.to_dict()


def test_one_item_alone():
    assert list(catalog(pystac.Item.from_dict(of_cdse()))) == [f"{NAME}_safe"]
    assert "eopf_version" not in catalog(of_cdse())[f"{NAME}_safe"].kwargs
    assert catalog(of_cdse(), eopf_version="2.5")[f"{NAME}_safe"].kwargs["eopf_version"] == "2.5"


def test_ids_with_suffix_are_one_product_and_places_come_once():
    other = {**of_cdse(), "id": f"{NAME}.SAFE"}
    moved = copy.deepcopy(of_eopf())
    moved["assets"] = {"product": {**moved["assets"]["product"], "href": STORE.replace("objects", "elsewhere")}}
    cat = catalog([of_cdse(), other, of_eopf(), moved])
    assert list(cat) == [f"{NAME}_safe", f"{NAME}_zarr", f"{NAME}_zarr_2"]


@pytest.mark.parametrize(
    ("properties", "href", "layout"),
    [
        ({"processing:software": {"EOPF-CPM": "2.8.1"}}, STORE, "2.8"),
        ({}, STORE.replace("cpm_v256", "cpm_v270"), "2.7"),
        ({}, STORE.replace("cpm_v256", "cpm_v262"), "2.6"),
        ({}, STORE.replace("/cpm_v256", ""), None),
    ],
)
def test_layout_by_the_converter(properties, href, layout):
    cat = catalog([of_cdse(), item({"product": {"href": href}}, **properties)])
    assert {cat[name].kwargs.get("eopf_version") for name in cat} == {layout}


def test_without_a_product_asset_the_root_of_the_others_is_taken():
    cat = catalog(item({"b02": {"href": f"{STORE}/measurements/b02"}}))
    assert cat[f"{NAME}_zarr"].source.location.url == STORE


def test_safe_elsewhere_keeps_its_own_options():
    href = f"https://host/notebook-data/{NAME}.SAFE/manifest.safe"
    cat = catalog(item({"manifest": {"href": href, "xarray:storage_options": {"timeout": 9}}}))
    assert cat[f"{NAME}_safe"].source.location.storage_options == {"timeout": 9}
    assert cat[f"{NAME}_safe"].source.location.url == href.removesuffix("/manifest.safe")


@pytest.mark.parametrize("bad", [None, 3, "text", {"type": "Catalog"}, [None], {"type": "Feature", "id": "x"}])
def test_what_is_no_item(bad):
    with pytest.raises(InvalidArgumentError, match="STAC item"):
        catalog(bad)


def test_nothing_found_and_nothing_in_it():
    with pytest.raises(InvalidArgumentError, match="found nothing"):
        catalog([])
    with pytest.raises(InvalidArgumentError, match=f"{NAME}.*there are: thumbnail"):
        catalog(item({"thumbnail": {"href": "https://x/y.jpg"}}))
    with pytest.raises(InvalidArgumentError, match="there are: cube"):
        catalog(item({"cube": {"href": STORE, "xarray:open_datatree_kwargs": {"engine": "h5netcdf"}}}))


def test_a_local_product_opens_from_its_item(bucket):
    folder, store = (next(bucket.glob(f"*.{suffix}")) for suffix in ("SAFE", "zarr"))
    items = [item({"safe_manifest": {"href": f"{folder}/manifest.safe"}}), item({"product": {"href": str(store)}})]
    cat = catalog(items, eopf_version="2.8")
    assert cat[f"{NAME}_safe"].read().identical(cat[f"{NAME}_zarr"].read())


def test_the_same_product_in_both_layouts():
    """The Sample Service publishes it twice, under one id: each Zarr in its own layout, the SAFE in the first's."""
    zarrs = [
        item(
            {"product": {"href": STORE.replace("cpm_v256", version), "xarray:open_datatree_kwargs": {"engine": "zarr"}}}
        )
        for version in ("cpm_v270", "cpm_v300")
    ]
    found = catalog([of_cdse(), *zarrs])
    assert [found[f"{NAME}_{kind}"].kwargs["eopf_version"] for kind in ("safe", "zarr", "zarr_2")] == [
        "2.7",
        "2.7",
        "3.0",
    ]


def test_auto_is_the_layout_of_the_zarr():
    for version in ("auto", None, ""):
        found = catalog([of_cdse(), of_eopf()], eopf_version=version)
        assert {found[name].kwargs["eopf_version"] for name in found} == {"2.5"}
