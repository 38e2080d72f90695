"""The reader: keywords as catalogs hand them over, errors before requests, representations, metadata without pixels."""

from __future__ import annotations

import subprocess
import sys

import intake
import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake.readers import datatypes

from tests.servers.recorder import Recorder
from xarray_safe import catalogs
from xarray_safe.errors import InvalidArgumentError, MissingFileError, UnknownGroupError
from xarray_safe.intake import SAFE, EopfTreeReader, EopfZarr
from xarray_safe.intake.opening import find_layout, parse_chunks, parse_version
from xarray_safe.location import size_text


def test_the_core_does_not_import_intake():
    code = "import sys, xarray_safe, xarray_safe.backend, xarray_safe.catalogs, xarray_safe.sample\n"
    code += "assert not [name for name in sys.modules if name.split('.')[0] == 'intake'], 'intake is imported'"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_importing_the_plugin_first_says_nothing_and_loads_no_heavy_library():
    code = (
        "import xarray_safe.intake, sys; import intake\n"
        "heavy = {'rasterio', 'eccodes', 'imagecodecs', 'zarr', 'xarray'}\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_intake_finds_plugin_and_drivers_by_entry_points():
    code = (
        "import intake; from intake.readers import datatypes\n"
        "assert 'SAFE' in [c.__name__ for c in datatypes.recommend('s3://b/X.SAFE', head=False)]\n"
        "assert {'safe', 'eopf_zarr'} <= set(intake.registry)\n"
        "print(intake.open_safe('x.SAFE').source.location.kind, intake.open_eopf_zarr('x.zarr').source.location.kind)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, timeout=120, capture_output=True, text=True)
    assert done.stdout == "SAFE Zarr\n"


def test_types_are_recognised(bucket, cat):
    folder, store = cat.safe_folder.data, cat.zarr_local.data
    assert SAFE in datatypes.recommend(folder.url)
    assert SAFE in datatypes.recommend(f"{folder.url}.zip")
    assert SAFE in datatypes.recommend("https://somewhere/S2A_MSIL2A_X.SAFE/manifest.safe", head=False)
    assert EopfZarr in datatypes.recommend("https://somewhere/S2A_MSIL2A_X.zarr", head=False)
    assert EopfZarr not in datatypes.recommend("https://somewhere/else.zarr", head=False)
    assert type(folder.to_reader()) is type(store.to_reader(outtype="DataTree")) is EopfTreeReader
    assert folder.to_reader().read().groups == store.to_reader(reader="EopfTreeReader").read().groups


def test_general_types_of_intake_work_too(cat):
    tree = EopfTreeReader(datatypes.Zarr(cat.zarr_local.data.url)).read()
    assert tree.identical(EopfTreeReader(datatypes.FileData(cat.safe_folder.data.url)).read())
    part = datatypes.Zarr(cat.zarr_local.data.url, root="measurements/reflectance")
    assert EopfTreeReader(part).read().groups[1] == "/r10m"
    with pytest.raises(InvalidArgumentError, match="neither a SAFE nor a Zarr"):
        EopfTreeReader(datatypes.FileData("x.nc")).read()


def test_discover_and_describe_read_no_pixels(cat, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a pixel was read")

    monkeypatch.setattr("xarray_safe.lazy.LazyArray.__getitem__", refuse)
    monkeypatch.setattr("xarray.backends.zarr.ZarrArrayWrapper.__getitem__", refuse)
    first, second = (cat[name].describe() for name in ("safe_folder", "zarr_local"))
    assert first == second
    band = first["variables"]["/measurements/reflectance/r10m/b02"]
    assert band["shape"] == [366, 366]
    assert band["dtype"] == "float64"
    assert first["layout"] == "2.8"
    assert "/conditions/geometry" in first["groups"]
    assert cat.safe_folder.discover()["measurements/reflectance/r10m/b02"].shape == (366, 366)


def test_other_keywords_reach_xarray(cat):
    for name in ("safe_folder", "zarr_local"):
        band = cat[name].read(mask_and_scale=False, group="measurements/reflectance/r10m")["b02"]
        assert band.dtype == "uint16"


def test_what_is_not_there_is_said(cat):
    with pytest.raises(UnknownGroupError, match="r10m"):
        cat.safe_folder.read(group="measurements/reflectance/r11m")
    with pytest.raises(MissingFileError, match=r"nowhere\.SAFE"):
        EopfTreeReader(SAFE("nowhere.SAFE")).read()
    with pytest.raises(FileNotFoundError):
        EopfTreeReader(EopfZarr("nowhere.zarr")).read()
    with pytest.raises(InvalidArgumentError, match="one path or URL"):
        EopfTreeReader(SAFE(["a.SAFE", "b.SAFE"])).read()


@pytest.mark.parametrize("group", [None, "measurements/reflectance/r10m"])
def test_a_zarr_in_another_layout_is_an_error(cat, group):
    with pytest.raises(InvalidArgumentError, match=r"zarr_local .* in layout 2\.8"):
        cat.zarr_local.read(eopf_version="2.5", group=group)
    assert cat.zarr_local.read(eopf_version="2.8.1", group=group).groups


def test_a_zarr_that_does_not_tell_its_layout_is_opened_only_without_version(tmp_path):
    import xarray as xr

    xr.Dataset({"a": ("x", [1])}).to_zarr(tmp_path / "plain.zarr", zarr_format=2, consolidated=True)
    reader = EopfTreeReader(EopfZarr(str(tmp_path / "plain.zarr")))
    assert find_layout(reader.read()) is None
    with pytest.raises(InvalidArgumentError, match="do not say which EOPF layout"):
        reader.read(eopf_version="2.8")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (None, None), ("None", None), ("", None), ("auto", "auto"), ("10", 10), (10, 10), (-1, -1),
        ("{}", {}), ({}, {}), ("{'x': 512, 'y': '512'}", {"x": 512, "y": 512}), ({"x": "10"}, {"x": 10}),
    ],
)  # fmt: skip
def test_chunks_in_all_forms(given, wanted):
    assert parse_chunks(given) == wanted


@given(st.dictionaries(st.sampled_from("xyab"), st.integers(-1, 10**6)) | st.none() | st.integers() | st.just("auto"))
def test_chunks_survive_being_text(chunks):
    assert parse_chunks(str(chunks)) == parse_chunks(chunks) == chunks


@pytest.mark.parametrize("bad", ["ten", 1.5, True, "[1]", {"x": "wide"}, "x: 3", object()])
def test_chunks_that_make_no_sense(bad):
    with pytest.raises(InvalidArgumentError, match="chunks="):
        parse_chunks(bad)


@pytest.mark.parametrize(
    ("given", "wanted"), [(None, None), (2.5, "2.5"), ("2.8.1", "2.8.1"), (" 2.5 ", "2.5"), ("None", None)]
)
def test_versions_in_all_forms(given, wanted):
    assert parse_version(given) == wanted


def test_keywords_that_arrive_as_text_work(cat):
    tree = cat.safe_folder.read(chunks="{'x': 366}", eopf_version=2.5)
    assert find_layout(tree) == "2.5"
    assert tree["measurements/reflectance/r10m/b02"].chunks is not None


@pytest.mark.parametrize("name", ["safe_s3", "bands_safe_s3"])
@pytest.mark.parametrize("catalog", [catalogs.sentinel2, catalogs.sentinel2_v1])
@pytest.mark.filterwarnings("ignore:Shell command not executed:UserWarning")
def test_an_unset_variable_is_an_error_before_any_request(name, catalog, monkeypatch):
    with Recorder() as server:
        entry = intake.open_catalog(catalog)(endpoint=server.url)[name]
        assert "CDSE_S3_ACCESS_KEY (not set)" in repr(entry)
        with pytest.raises(InvalidArgumentError, match="CDSE_S3_ACCESS_KEY is not set"):
            entry.read()
        monkeypatch.setenv("CDSE_S3_ACCESS_KEY", "somebody")
        entry = intake.open_catalog(catalog)(endpoint=server.url)[name]
        with pytest.raises(InvalidArgumentError, match="CDSE_S3_SECRET_KEY is not set"):
            entry.to_dask()
    assert server.received == []


def test_an_empty_option_without_a_known_variable_is_an_error():
    data = SAFE("s3://b/X.SAFE", storage_options={"client_kwargs": {"endpoint_url": None}})
    with pytest.raises(InvalidArgumentError, match=r"storage_options\['client_kwargs'\]\['endpoint_url'\] is empty"):
        EopfTreeReader(data).read()


@pytest.mark.parametrize("url", ["s3://None/X.SAFE", "s3:///X.SAFE", "https://host/None/X.SAFE"])
def test_a_hole_in_a_url_is_an_error(url):
    with pytest.raises(InvalidArgumentError, match="empty part"):
        EopfTreeReader(SAFE(url)).read()


def test_a_caller_may_replace_and_take_out_options(cat):
    data = SAFE(cat.safe_folder.data.url, {"key": None}, metadata={"environment": {"key": "X"}})
    with pytest.raises(InvalidArgumentError, match="variable X"):
        EopfTreeReader(data).read()
    assert EopfTreeReader(data).read(storage_options={"key": None}).groups


def test_representations_tell_what_one_wants_to_know(cat):
    for show in (repr(cat.safe_zip), cat.safe_zip._repr_html_()):
        for word in ("safe_zip", ".SAFE.zip", " MB", "2.8", ".to_dask()", "xr.open_datatree("):
            assert word in show
    assert "not known without a request" in repr(cat.zarr_s3)
    assert "1.2 MB" in repr(SAFE("s3://b/X.SAFE", metadata={"size": 1_234_567}))
    assert "&lt;b&gt;" in SAFE("<b>.SAFE")._repr_html_()


@given(st.integers(0, 10**13))
def test_sizes_read_well(size):
    number, unit = size_text(size).split()
    assert float(number) * {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}[unit] == pytest.approx(size, rel=0.06, abs=1)


def test_no_credential_in_representations_and_saved_catalogs(tmp_path, monkeypatch):
    monkeypatch.setenv("CDSE_S3_ACCESS_KEY", "the-key")
    monkeypatch.setenv("CDSE_S3_SECRET_KEY", "the-secret")
    cat = intake.open_catalog(catalogs.sentinel2)
    reader = cat.safe_s3
    assert reader.data.storage_options["secret"] == "the-secret"
    reader.to_cat("again").to_yaml_file(str(tmp_path / "again.yaml"))
    saved = (tmp_path / "again.yaml").read_text()
    assert "{env(CDSE_S3_SECRET_KEY)}" in saved
    shown = (repr(reader), reader._repr_html_(), repr(reader.data), reader.data._repr_html_(), str(reader.to_entry()))
    for text in (saved, *shown):
        assert "the-secret" not in text
        assert "the-key" not in text
    again = intake.open_catalog(str(tmp_path / "again.yaml"))["again"]
    assert again.data.storage_options["secret"] == "the-secret"
