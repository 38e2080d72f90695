"""GRIB: headers and values as eccodes gives them, lazily, in threads and after forks."""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from xarray_safe import runtime
from xarray_safe.formats.grib import fields as grib
from xarray_safe.formats.grib import header as grib_header
from xarray_safe.formats.grib.eccodes import import_eccodes
from xarray_safe.formats.grib.fields import Grib, index
from xarray_safe.formats.grib.header import Field

if TYPE_CHECKING:
    from pathlib import Path
from tests.formats.grib.support import (
    CAMS,
    ECMWF,
    PARAMETERS,
    Memory,
    fields,
    group,
    message,
    needs_shared,
    product,
    real_files,
)

eccodes = import_eccodes()


def by_eccodes(data: bytes) -> Field:
    return grib_header._field_by_eccodes(data, 0, "a message")


def known(field: Field) -> dict[str, Any]:
    """All that a header says, floats to the last bit."""
    said = {name: getattr(field, name) for name in Field.__slots__}
    said.update(latitude=field.latitude.tobytes(), longitude=field.longitude.tobytes())
    return {
        name: repr(sorted(value.items())) if isinstance(value, dict) else repr(value) for name, value in said.items()
    }


# --- what a header says ------------------------------------------------------------------------------------------


@needs_shared
def test_real_headers_are_what_eccodes_says() -> None:
    seen = 0
    for data in real_files():
        for field in fields(data).values():
            said = by_eccodes(data[field.start : field.stop])
            assert known(field) | {"start": "", "stop": ""} == known(said) | {"start": "", "stop": ""}
            seen += 1
    assert seen >= 17 * 3


@pytest.mark.parametrize("name", [ECMWF, CAMS])
def test_headers_of_all_variables_are_what_eccodes_says(name: str) -> None:
    data = product().members[name]
    found = fields(data)
    assert len(found) == len(PARAMETERS[name])
    for field in found.values():
        assert known(field) == known(by_eccodes(data[field.start : field.stop])) | {
            "start": repr(field.start),
            "stop": repr(field.stop),
        }


@st.composite
def headers(draw: st.DrawFn) -> dict[str, Any]:
    """Headers near those of Sentinel-2: any place, size, time and step; now and then something odd."""
    width, height = draw(st.integers(2, 12)), draw(st.integers(2, 12))
    dx, dy = draw(st.integers(20, 3000)), draw(st.integers(20, 3000))
    north, west = draw(st.integers(-90_000, 90_000)), draw(st.integers(-180_000, 200_000))
    south = north - (height - 1) * dy + draw(st.integers(-8, 8))
    east = west + (width - 1) * dx + draw(st.integers(-8, 8))
    assume(-90_000 <= south < north and east != west)
    if east > 180_000 and draw(st.booleans()):
        east -= 360_000
    table, code, level = draw(st.sampled_from([*PARAMETERS[ECMWF], *PARAMETERS[CAMS], (128, 167, 1), (210, 1, 1)]))
    return {
        "table2Version": table,
        "indicatorOfParameter": code,
        "indicatorOfTypeOfLevel": draw(st.sampled_from([level, 105])),
        "level": draw(st.sampled_from([0, 2, 850])),
        "dataDate": int(f"{draw(st.dates(date(1990, 1, 1), date(2060, 12, 31))):%Y%m%d}"),
        "dataTime": draw(st.integers(0, 23)) * 100 + draw(st.integers(0, 59)),
        "unitOfTimeRange": draw(st.sampled_from([0, 0, 0, 1, 2])),
        "timeRangeIndicator": draw(st.sampled_from([10, 10, 0])),
        "P1": draw(st.integers(0, 5)),
        "P2": draw(st.integers(0, 255)),
        "marsType": draw(st.sampled_from(["fc", "fc", "an"])),
        "perturbationNumber": draw(st.sampled_from([0, 7])),
        "numberOfForecastsInEnsemble": draw(st.sampled_from([0, 50])),
        "Ni": width,
        "Nj": height,
        "latitudeOfFirstGridPoint": north,
        "latitudeOfLastGridPoint": south,
        "longitudeOfFirstGridPoint": west,
        "longitudeOfLastGridPoint": east,
        "iDirectionIncrement": dx,
        "jDirectionIncrement": dy,
    }


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(headers())
def test_any_header_is_what_eccodes_says(keys: dict[str, Any]) -> None:
    data = message(**keys)
    (field,) = fields(data).values()
    assert known(field) == known(by_eccodes(data))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 14 * 24 * 60))
def test_steps_are_right_to_two_nanoseconds(minutes: int) -> None:
    count, units = grib._step(minutes * 60)
    length = {**grib._NANOSECONDS, "nanoseconds": 1}[units]
    assert abs(count * length - minutes * 60 * 10**9) <= 2
    assert units != "nanoseconds" or count % 10**9


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, (0, "days")),
        (606 * 60, (606, "minutes")),
        (600 * 60, (10, "hours")),
        (1440 * 60, (1, "days")),
        (595 * 60, (35700000000001, "nanoseconds")),  # as in two products of the kit
        (2 * 60, (119999999998, "nanoseconds")),
    ],
)
def test_steps_are_rounded_as_pandas_does(seconds: int, written: tuple[int, str]) -> None:
    assert grib._step(seconds) == written


def test_edition_2_goes_through_eccodes() -> None:
    values = np.arange(81.0)
    keys = {
        "Ni": 9,
        "Nj": 9,
        "latitudeOfFirstGridPointInDegrees": 42.4,
        "latitudeOfLastGridPointInDegrees": 41.6,
        "longitudeOfFirstGridPointInDegrees": 11.2,
        "longitudeOfLastGridPointInDegrees": 12.0,
        "iDirectionIncrementInDegrees": 0.1,
        "jDirectionIncrementInDegrees": 0.1,
        "shortName": "msl",
        "dataDate": 20241115,
        "dataTime": 1200,
        "step": 6,
    }
    handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
    for key, value in keys.items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set_values(handle, values)
    data = eccodes.codes_get_message(handle)
    eccodes.codes_release(handle)
    archive = Memory({ECMWF: data})
    data_array = group(archive, "2.5", "ecmwf").msl
    np.testing.assert_array_equal(data_array, values.reshape(9, 9))
    np.testing.assert_allclose(data_array.latitude, np.linspace(42.4, 41.6, 9))
    assert data_array.valid_time == np.datetime64("2024-11-15T18:00")
    assert index(archive, ECMWF).attrs["GRIB_edition"] == 2


# --- laziness ----------------------------------------------------------------------------------------------------


def test_one_read_indexes_a_file_and_none_is_needed_again() -> None:
    archive = product()
    runtime.reset()
    for variable in ("msl", "r", "latitude", "step"):
        Grib((ECMWF,), variable, described=True).open(archive.context)
    assert archive.reads == [(0, len(archive.members[ECMWF]))]


def test_writing_into_coordinates_changes_no_later_opening() -> None:
    archive = product()
    source = Grib((ECMWF,), "latitude")
    values = source.open(archive.context).values
    before = values.copy()
    values[:] = 0
    np.testing.assert_array_equal(source.open(archive.context).values, before)


def test_a_value_reads_its_message_only() -> None:
    archive = product()
    array = Grib((ECMWF,), "msl").open(archive.context)
    field = index(archive, ECMWF).fields["msl"]
    archive.reads.clear()
    assert array[2, 3].dtype == np.float32
    assert archive.reads == [(field.start, field.stop - field.start)]


def test_values_of_large_messages_are_not_read_at_opening() -> None:
    size = {"Ni": 400, "Nj": 400, "iDirectionIncrement": 100, "jDirectionIncrement": 100}
    far = {"latitudeOfFirstGridPoint": 60_000, "latitudeOfLastGridPoint": 20_100, "longitudeOfFirstGridPoint": 0}
    keys = {**size, **far, "longitudeOfLastGridPoint": 39_900}
    values = {code: np.linspace(0, code, 160_000) for code in (137, 151, 206)}
    messages = [message(values[code], indicatorOfParameter=code, **keys) for code in values]
    archive = Memory({ECMWF: b"".join(messages)})
    assert list(index(archive, ECMWF).fields) == ["tcwv", "msl", "tco3"]
    assert len(messages[0]) > 300_000
    assert sum(length for _, length in archive.reads) < 4 * 65_536 + 1
    got = Grib((ECMWF,), "msl").open(archive.context)[-1, :]
    np.testing.assert_allclose(got, values[151][-400:], atol=151 / 60_000)


def test_opening_does_not_import_eccodes(tmp_path: Path) -> None:
    path = tmp_path / "AUX_ECMWFT"
    path.write_bytes(product().members[ECMWF])
    code = f"""
        import sys
        from pathlib import Path
        from types import SimpleNamespace
        from xarray_safe.formats.grib.fields import index
        data = Path({str(path)!r}).read_bytes()
        facts = {{"url": "", "size": lambda n: len(data), "identity": lambda n: (n,)}}
        files = SimpleNamespace(read=lambda n, a, b: data[a:b], **facts)
        print(len(index(files, "f").fields), "eccodes" in sys.modules, "gribapi" in sys.modules)
    """
    assert python(code).split() == ["6", "False", "False"]


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=True, capture_output=True, text=True
    ).stdout


# --- values ------------------------------------------------------------------------------------------------------


def test_missing_values_are_nan() -> None:
    values = np.arange(81.0).reshape(9, 9)
    holes = values.copy()
    holes[2, 3] = holes[8, 8] = 9999
    data = message(holes, bitmapPresent=1, missingValue=9999)
    array = Grib(("f",), "msl").open(Memory({"f": data}).context)
    expected = values.astype("f4")
    expected[2, 3] = expected[8, 8] = np.nan
    np.testing.assert_array_equal(array[:, :], expected)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_windows_are_windows_of_the_whole(data: st.DataObject) -> None:
    array = Grib((ECMWF,), "r").open(product().context)
    whole = array[:, :]
    key = tuple(data.draw(st.one_of(st.integers(0, 8), st.slices(9))) for _ in range(2))
    np.testing.assert_array_equal(array[key], whole[key])


def test_arrays_pickle_and_stay_the_same_in_dask() -> None:
    from dask.base import tokenize

    archive = product()
    array = Grib((CAMS,), "z", described=True).open(archive.context)
    copy = pickle.loads(pickle.dumps(array))
    np.testing.assert_array_equal(copy[:, :], array[:, :])
    assert tokenize(copy) == tokenize(array) != tokenize(Grib((CAMS,), "aod550").open(archive.context))


def test_many_threads_read_at_once() -> None:
    archive = product()
    names = [(ECMWF, name) for name in index(archive, ECMWF).fields] + [
        (CAMS, name) for name in index(archive, CAMS).fields
    ]
    arrays = [Grib((file,), name).open(archive.context) for file, name in names]
    alone = [array[:, :] for array in arrays]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: arrays[i % len(arrays)][:, :], range(20 * len(arrays))))
    for i, values in enumerate(together):
        np.testing.assert_array_equal(values, alone[i % len(arrays)])


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_children_read_while_threads_of_the_parent_do() -> None:
    array = Grib((ECMWF,), "msl").open(product().context)
    expected = array[:, :]
    stop = False

    def busy() -> None:
        while not stop:
            array[0, 0]

    with ThreadPoolExecutor(2) as pool:
        work = [pool.submit(busy) for _ in range(2)]
        context = multiprocessing.get_context("fork")
        results = context.SimpleQueue()
        children = [context.Process(target=lambda: results.put(array[:, :].tobytes())) for _ in range(8)]
        for child in children:
            child.start()
        got = [results.get() for _ in children]
        for child in children:
            child.join(60)
        stop = True
        for task in work:
            task.result(60)
    assert got == [expected.tobytes()] * len(children)


def test_pyproj_lives_with_eccodes() -> None:
    """Each brings a PROJ of its own; in the wrong order the process would be aborted."""
    if importlib.util.find_spec("pyproj") is None and not os.environ.get("XARRAY_SAFE_TEST_CRS"):
        pytest.skip("needs the extra 'crs', which does not go with cfgrib of 'test'")
    code = """
        from xarray_safe.formats.grib.eccodes import import_eccodes
        print(import_eccodes().codes_get_api_version())
        import pyproj
        print(pyproj.Transformer.from_crs(4326, 32632).transform(45, 9))
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "500000" in run.stdout
