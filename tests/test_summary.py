"""Ten facts of a product: the same from both sources and in both layouts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import xarray as xr

from xarray_safe.errors import MissingElementError
from xarray_safe.summary import TITLES, summary

if TYPE_CHECKING:
    from pathlib import Path


def test_all_fields_of_both_levels_and_layouts(product: Path, layout: str) -> None:
    facts = summary(xr.open_datatree(product, engine="safe", eopf_version=layout)).to_dict()
    level = "L2A" if "MSIL2A" in product.name else "L1C"
    platform, created = product.name[:3].lower().replace("s", "sentinel-"), product.stem[-15:]
    assert facts["platform"] == platform
    assert (facts["level"], facts["type"], facts["instrument"]) == (level, f"S02MSI{level}", "msi")
    assert facts["mode"] == "INS-NOBS"
    assert facts["epsg"] == 32632
    assert str(facts["created"]).replace("-", "").replace(":", "") == f"{created}Z"
    assert str(facts["sensing"]).replace("-", "").replace(":", "").startswith(product.name[11:26])
    assert facts["id"] == product.stem if layout == "2.5" else str(facts["id"]).startswith(f"S02MSI{level}_")


def test_layouts_agree_but_for_the_id(l2a_folder: Path) -> None:
    a, b = (summary(xr.open_datatree(l2a_folder, engine="safe", eopf_version=v)).to_dict() for v in ("2.8", "2.5"))
    assert {key for key in a if a[key] != b[key]} == {"id"}
    assert summary(xr.open_dataset(l2a_folder, engine="safe")).to_dict() == a


def test_cloud_cover_is_that_of_stac(l2a_folder: Path) -> None:
    tree = xr.open_datatree(l2a_folder, engine="safe")
    assert summary(tree).cloud_cover == tree.attrs["stac_discovery"]["properties"]["eo:cloud_cover"]


def test_how_it_looks(l2a_folder: Path) -> None:
    found = summary(xr.open_datatree(l2a_folder, engine="safe"))
    for title in TITLES.values():
        assert title in str(found)
        assert title in found._repr_html_()
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


def test_what_is_not_stated_is_none() -> None:
    facts = summary(xr.Dataset(attrs={"stac_discovery": {"properties": {"created": "yesterday", "proj:code": "x"}}}))
    assert facts.created == "yesterday"
    assert [key for key, value in facts.to_dict().items() if value is not None] == ["created"]
    assert "–" in str(facts)


@pytest.mark.parametrize("attrs", [{}, {"stac_discovery": "text"}, {"stac_discovery": {"id": "a"}}])
def test_no_product(attrs: dict[str, object]) -> None:
    with pytest.raises(MissingElementError, match="stac_discovery"):
        summary(xr.Dataset(attrs=attrs))
