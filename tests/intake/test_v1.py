"""The drivers of Intake 1."""

from __future__ import annotations

import importlib.util

import intake
import pytest
import yaml

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.intake import SafeSource

pytestmark = pytest.mark.filterwarnings("ignore:Shell command not executed:UserWarning")


@pytest.fixture
def safe(bucket):
    return str(next(bucket.glob("*.SAFE")))


def test_open_functions(bucket, safe):
    store = str(next(bucket.glob("*.zarr")))
    with intake.open_safe(safe, eopf_version="2.8") as source, intake.open_eopf_zarr(store) as other:
        assert source.read().identical(other.read())
        assert source.to_dask()["measurements/reflectance/r10m/b02"].chunks is not None
        tree = intake.open_safe(safe, chunks="183", group="measurements/reflectance/r20m").to_dask()
        assert tree["b05"].chunks == ((183,), (183,))


def test_discover_says_what_is_there_without_a_tree(safe):
    source = SafeSource(safe)
    found = source.discover()
    assert found["npartitions"] == 1
    assert found["metadata"]["layout"] == "2.8"
    assert found["metadata"]["variables"]["/measurements/reflectance/r10m/b02"]["shape"] == [366, 366]
    assert source._tree is None


def test_close_closes_and_opens_again(safe):
    source = SafeSource(safe)
    first = source.read()
    assert source.read() is first
    source.close()
    assert source.read() is not first


def test_representations(safe):
    source = SafeSource(safe, eopf_version=2.5, metadata={"environment": {"key": "VAR"}})
    for text in (repr(source), source._repr_html_()):
        assert "2.5" in text
        assert "VAR (not set)" in text
    assert not callable(source._ipython_display_)


def test_a_saved_source_keeps_templates_for_secrets(safe, monkeypatch):
    monkeypatch.setenv("VAR", "hidden")
    source = SafeSource(safe, storage_options={"secret": "hidden"}, metadata={"environment": {"secret": "VAR"}})
    saved = source.yaml()
    assert "hidden" not in saved + repr(source) + source._repr_html_()
    assert "{{ env(VAR) }}" in saved
    (entry,) = yaml.safe_load(saved)["sources"].values()
    assert entry["args"]["urlpath"] == safe


def test_errors(safe):
    with pytest.raises(InvalidArgumentError, match="chunks="):
        SafeSource(safe, chunks="wide").read()
    with pytest.raises(InvalidArgumentError, match="eopf_version"):
        SafeSource(safe, eopf_version="1.0").read()


@pytest.mark.skipif(importlib.util.find_spec("intake_xarray") is None, reason="intake-xarray is not installed")
def test_drivers_of_intake_xarray_keep_working_beside(bucket):
    store = str(next(bucket.glob("*.zarr")))
    band = intake.open_zarr(store, group="measurements/reflectance/r10m").to_dask()["b02"]
    assert band.shape == (366, 366)
