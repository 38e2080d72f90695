"""Intake's defects that the plugin works around; docs/explanation/intake-defects.md has the list, by these names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import intake
import pytest
import yaml
from intake.readers import datatypes, readers

from tests.support import ROOT
from xarray_safe import catalogs
from xarray_safe.errors import InvalidArgumentError
from xarray_safe.intake import EopfTreeReader, EopfZarr, catalog

DOCUMENT = ROOT / "docs" / "explanation" / "intake-defects.md"


def test_no_to_dask(cat):
    assert not hasattr(readers.BaseReader, "to_dask")
    assert cat.zarr_local.to_dask()["measurements/reflectance/r10m/b02"].chunks is not None


def test_catalogs_need_every_key(tmp_path):
    with open(catalogs.sample, encoding="utf-8") as file:
        raw = yaml.safe_load(file)
    assert list(intake.open_catalog(catalogs.sample))
    for key in ("aliases", "entries", "data", "user_parameters", "metadata"):
        (tmp_path / "less.yaml").write_text(yaml.safe_dump({name: value for name, value in raw.items() if name != key}))
        with pytest.raises(KeyError):
            intake.open_catalog(str(tmp_path / "less.yaml"))
    (tmp_path / "none.yaml").write_text(yaml.safe_dump({**raw, "aliases": {}}))
    assert list(intake.open_catalog(str(tmp_path / "none.yaml"))) == []


def test_named_entries_are_not_listed():
    plain = intake.entry.Catalog()
    plain["mine"] = EopfTreeReader(EopfZarr("x.zarr"))
    assert list(plain) == []
    item = {
        "type": "Feature",
        "id": "mine",
        "properties": {},
        "assets": {"product": {"href": "https://example.org/x.zarr"}},
    }
    assert list(catalog(item)) == ["mine_zarr"]


def test_parameters_only_at_catalog_level_and_under_other_names():
    keywords = {"chunks", "group", "eopf_version", "storage_options", "url", "args"}
    for name in ("public", "sentinel2", "sample"):
        with open(getattr(catalogs, name), encoding="utf-8") as file:
            raw = yaml.safe_load(file)
        assert not keywords & set(raw["user_parameters"])
        assert not any(part["user_parameters"] for kind in ("data", "entries") for part in raw[kind].values())


def test_unset_variables_are_none():
    reader = intake.open_catalog(catalogs.sentinel2).safe_s3
    assert reader.data.storage_options["key"] is None
    with pytest.raises(InvalidArgumentError, match="CDSE_S3_ACCESS_KEY is not set"):
        reader.read()


def test_values_arrive_as_text(cat):
    reader = cat.safe_folder(chunks="{}", eopf_version=2.8)
    assert reader.read()["measurements/reflectance/r10m/b02"].chunks is not None


def test_a_reader_for_zarr_is_picked_at_random(cat):
    url = cat.zarr_local.data.url
    assert len(datatypes.Zarr(url).possible_readers["importable"]) > 1
    assert type(EopfZarr(url).to_reader()) is EopfTreeReader
    raw = Path(catalogs.sample).read_text()
    assert raw.count("reader: xarray_safe.intake:EopfTreeReader") == len(list(cat))


def test_methods_of_the_tree_start_a_broken_pipeline(cat):
    broken = readers.XArrayDatasetReader(cat.zarr_local.data).isel(x=0)
    with pytest.raises(TypeError):
        broken.read()
    with pytest.raises(AttributeError, match=r"\.read\(\)\.isel"):
        _ = cat.zarr_local.isel
    assert not hasattr(cat.zarr_local, "groups")
    assert cat.zarr_local["measurements/reflectance/r10m"].read()["b02"].shape == (366, 366)


def test_v1_needs_jinja2():
    code = (
        "import sys; sys.modules['jinja2'] = None\nimport intake, xarray_safe\n"
        "cat = intake.open_catalog(xarray_safe.catalogs.{})\ncat.{}"
    )
    for name, fine in (("sample_v1", False), ("sample", True)):
        command = [sys.executable, "-W", "ignore", "-c", code.format(name, "safe_folder")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert (done.returncode == 0) is fine
        assert ("jinja2" in done.stderr) is not fine


def test_stac_reader_drops_how_to_open():
    keywords = {"engine": "zarr", "consolidated": True}
    asset = {"href": "https://example.org/x.zarr", "type": "application/vnd+zarr", "roles": ["data"]}
    asset |= {"xarray:open_datatree_kwargs": keywords, "xarray:storage_options": {"anon": True}}
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": "mine", "properties": {"datetime": "2025-01-01T00:00:00Z"},
        "geometry": None, "links": [], "assets": {"product": asset},
    }  # fmt: skip
    theirs = intake.readers.catalogs.StacCatalogReader(datatypes.Literal(item), cls="Item").read()
    assert theirs.data
    assert not any("anon" in str({**data.kwargs}) for data in theirs.data.values())
    ours = catalog(item)["mine_zarr"]
    assert ours.source.location.storage_options == {"anon": True}
    assert ours.kwargs["consolidated"] is True


def test_no_html(cat):
    assert not hasattr(readers.BaseReader, "_repr_html_")
    assert "<table>" in cat.safe_folder._repr_html_()


def test_credentials_show_and_are_saved(monkeypatch):
    monkeypatch.setenv("CDSE_S3_ACCESS_KEY", "k")
    monkeypatch.setenv("CDSE_S3_SECRET_KEY", "hidden")
    ours = intake.open_catalog(catalogs.sentinel2).safe_s3.data
    theirs = datatypes.Zarr(ours.url, ours.storage_options)
    assert "hidden" in repr(theirs) + str(theirs.to_entry().to_dict())
    assert "hidden" not in repr(ours) + str(ours.to_entry().to_dict())


def test_new_keywords_drop_metadata(cat):
    plain = readers.XArrayDatasetReader(datatypes.Zarr("x"), metadata={"name": "mine"})
    assert plain(chunks={}).metadata == {}
    assert cat.zarr_local(chunks={}).metadata["name"] == "zarr_local"


def test_entry_points_are_imported_halfway():
    code = "import xarray_safe.intake as plugin; import intake; print(plugin.EopfTreeReader.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert (done.stdout, done.stderr) == ("EopfTreeReader\n", "")


def test_the_document_names_every_test_and_no_other():
    named = re.findall(r"`(test_\w+)`", DOCUMENT.read_text(encoding="utf-8"))
    here = re.findall(r"^def (test_\w+)", Path(__file__).read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(named) == sorted(name for name in here if name != "test_the_document_names_every_test_and_no_other")
