"""The catalogs that are shipped: found by name, complete, resolvable, the same in both forms of Intake."""

from __future__ import annotations

import re

import intake
import pytest
import yaml

from xarray_safe import catalogs
from xarray_safe.errors import MissingFileError
from xarray_safe.intake import EopfTreeReader, EopfZarrSource, SafeSource
from xarray_safe.products import layout_of

NAMES = ("public", "sentinel2", "sample")
KEYS = {"version", "metadata", "user_parameters", "data", "entries", "aliases"}

pytestmark = pytest.mark.filterwarnings("ignore:Shell command not executed:UserWarning")


def load(name):
    with open(getattr(catalogs, name), encoding="utf-8") as file:
        return yaml.safe_load(file)


def place(entry):
    """What an entry resolves to."""
    options = entry.source.location.storage_options
    return (
        entry.source.location.kind,
        entry.source.location.url,
        {key: value for key, value in options.items() if value},
    )


def test_all_catalogs_are_named():
    assert set(catalogs.__all__) == {*NAMES, *(f"{name}_v1" for name in NAMES)}


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_resolves_and_both_forms_agree(name):
    new = intake.open_catalog(getattr(catalogs, name))
    old = intake.open_catalog(getattr(catalogs, f"{name}_v1"))
    assert list(new) == list(old) != []
    for entry in new:
        assert type(new[entry]) is EopfTreeReader
        assert type(old[entry]) in (SafeSource, EopfZarrSource)
        assert place(new[entry]) == place(old[entry])
        assert "{" not in new[entry].source.location.url
        assert new[entry].source.name == old[entry].source.name == entry
        layouts = new[entry].kwargs["eopf_version"], old[entry]._keywords["eopf_version"]
        assert layouts[0] == layouts[1] == layout_of(layouts[0])
        groups = new[entry].kwargs.get("group"), old[entry]._keywords["group"]
        assert groups[0] == groups[1]


@pytest.mark.parametrize("name", NAMES)
def test_both_sources_have_the_layout_that_makes_them_equal(name):
    cat = intake.open_catalog(getattr(catalogs, name))
    assert {cat[entry].source.location.kind for entry in cat} == {"SAFE", "Zarr"}
    assert len({cat[entry].kwargs["eopf_version"] for entry in cat}) == 1


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_there_and_every_entry_has_its_alias(name):
    raw = load(name)
    assert set(raw) == KEYS
    assert raw["aliases"] == {entry: entry for entry in raw["entries"]}
    assert all({"datatype", "kwargs", "metadata", "user_parameters"} == set(data) for data in raw["data"].values())
    used = set(re.findall(r"\{(\w+)\}", str(raw["data"]) + str(raw["entries"])))
    assert used == set(raw["user_parameters"])
    for entry, description in raw["entries"].items():
        assert description["metadata"]["name"] == entry
        assert set(description) == {"reader", "kwargs", "output_instance", "metadata", "user_parameters"}
        assert not set(description["kwargs"]) & set(raw["user_parameters"])


@pytest.mark.parametrize("name", [*NAMES, *(f"{name}_v1" for name in NAMES)])
def test_no_credential_but_by_environment(name):
    raw = load(name)
    sources = raw.get("data") or raw["sources"]
    for source in sources.values():
        options = source.get("kwargs", source.get("args")).get("storage_options") or {}
        for key in ("key", "secret", "token"):
            assert re.fullmatch(r"\{env\(\w+\)\}|\{\{ env\(\w+\) \}\}|", options.get(key, ""))
        variables = set(re.findall(r"env\((\w+)\)", str(options)))
        assert variables == set(source.get("metadata", {}).get("environment", {}).values())


@pytest.mark.parametrize("form", ["", "_v1"])
def test_parameters(form, monkeypatch):
    monkeypatch.setenv("CDSE_S3_ACCESS_KEY", "k")
    monkeypatch.setenv("CDSE_S3_SECRET_KEY", "s")
    cat = intake.open_catalog(getattr(catalogs, f"sentinel2{form}"))
    other = cat(
        product="P", resolution="20", endpoint="http://e", safe_place="s3://b/a", downloads="/d", zarr_place="https://z"
    )
    group = (lambda entry: entry.kwargs["group"]) if not form else (lambda entry: entry._keywords["group"])
    assert group(cat.bands_zarr) == "measurements/reflectance/r10m"
    assert group(other.bands_safe_s3) == "measurements/reflectance/r20m"
    assert other.safe_s3.source.location.url == "s3://b/a/P.SAFE"
    assert other.safe_s3.source.location.storage_options == {
        "key": "k", "secret": "s", "client_kwargs": {"endpoint_url": "http://e", "region_name": "default"},
        "config_kwargs": {"s3": {"addressing_style": "path"}},
    }  # fmt: skip
    assert (other.safe_zip.source.location.url, other.zarr.source.location.url) == ("/d/P.SAFE.zip", "https://z/P.zarr")
    with pytest.raises(ValueError, match="15"):
        cat(resolution=15).bands_zarr


@pytest.mark.parametrize("form", ["", "_v1"])
def test_a_downloaded_product_opens_and_a_missing_one_is_said(bucket, form):
    name = next(bucket.glob("*.SAFE")).stem
    cat = intake.open_catalog(getattr(catalogs, f"sentinel2{form}"))
    there = cat(downloads=str(bucket), product=name)
    bands = there.bands_safe_local.read()
    whole = there.safe_local.read()["measurements/reflectance/r10m"]
    assert bands.to_dataset().identical(whole.to_dataset())
    assert there.safe_zip.read().identical(there.safe_local.read())
    with pytest.raises(MissingFileError, match="S2C_MSIL2A_20250415"):
        cat(downloads=str(bucket)).safe_local.read()
