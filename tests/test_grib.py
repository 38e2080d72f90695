"""GRIB: headers, values and attributes as eccodes and cfgrib give them; the meteorology of both layouts; bad files."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import pickle
import re
import subprocess
import sys
import textwrap
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import eccodes
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from xarray_safe import cache
from xarray_safe.errors import AbsentFile, CorruptFile
from xarray_safe.products import s2_meteorology
from xarray_safe.sources import grib, grib_header
from xarray_safe.sources.grib import Grib, index
from xarray_safe.sources.grib_header import Field

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = Path(__file__).resolve().parents[2] / "shared"
KIT = SHARED / "conformance"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the real files and the conformance kit are not here")

FOLDER = "GRANULE/L2A_T32TQM_A040188_20241115T100633/AUX_DATA"
ECMWF, CAMS = f"{FOLDER}/AUX_ECMWFT", f"{FOLDER}/AUX_CAMSFO"
PARAMETERS = {
    ECMWF: [(128, 137, 1), (128, 151, 1), (128, 206, 1), (128, 165, 1), (128, 166, 1), (128, 157, 100)],
    CAMS: [(128, 129, 1), *((210, code, 100 if code == 209 else 1) for code in range(207, 217))],
}
KEYS = {
    "table2Version": 128,
    "indicatorOfParameter": 151,
    "indicatorOfTypeOfLevel": 1,
    "level": 0,
    "dataDate": 20241115,
    "dataTime": 0,
    "unitOfTimeRange": 0,
    "timeRangeIndicator": 10,
    "P1": 2,
    "P2": 94,
    "Ni": 9,
    "Nj": 9,
    "latitudeOfFirstGridPoint": 42427,
    "latitudeOfLastGridPoint": 41404,
    "longitudeOfFirstGridPoint": 11431,
    "longitudeOfLastGridPoint": 12706,
    "iDirectionIncrement": 159,
    "jDirectionIncrement": 128,
    "bitsPerValue": 16,
}


def message(values: Any = None, sample: str = "regular_ll_sfc_grib1", **keys: Any) -> bytes:
    """Encode one message of the kind in Sentinel-2 products."""
    handle = eccodes.codes_grib_new_from_samples(sample)
    try:
        for key, value in {**KEYS, **keys}.items():
            eccodes.codes_set(handle, key, value)
        size = eccodes.codes_get(handle, "Ni") * eccodes.codes_get(handle, "Nj")
        eccodes.codes_set_values(handle, np.linspace(1, 2, size) if values is None else np.ravel(values).astype(float))
        encoded: bytes = eccodes.codes_get_message(handle)
    finally:
        eccodes.codes_release(handle)
    return encoded


def parameter(table: int, code: int, kind: int, **keys: Any) -> bytes:
    values = np.linspace(code, code + 1, 81) ** 2
    names = {"table2Version": table, "indicatorOfParameter": code, "indicatorOfTypeOfLevel": kind}
    return message(values, **{**names, **keys})


def product(**keys: Any) -> Memory:
    return Memory({name: b"".join(parameter(*p, **keys) for p in PARAMETERS[name]) for name in PARAMETERS})


class Memory:
    """An archive of files in memory that counts its reads; also what `Source.open` gets of it."""

    url = "S2B_MSIL2A.SAFE"
    local = True

    def __init__(self, members: dict[str, bytes]) -> None:
        self.members = members
        self.reads: list[tuple[int, int]] = []
        self.files = self.archive = self

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        data = self.members[name][start:stop]
        self.reads.append((start, len(data)))
        return data

    def size(self, name: str) -> int:
        return len(self.members[name])

    def identity(self, name: str) -> tuple[str, ...]:
        return (name, str(hash(self.members[name])))

    def find(self, pattern: str) -> list[str]:
        regex = re.compile(re.escape(pattern).replace(r"\*", "[^/]*"))
        return sorted(name for name in self.members if regex.fullmatch(name))

    @property
    def context(self) -> Any:
        def find(pattern: str) -> str:
            names = self.find(pattern)
            if not names:
                raise AbsentFile(pattern)
            return names[0]

        return SimpleNamespace(files=self, find=find)


def fields(data: bytes) -> dict[str, Field]:
    return dict(index(Memory({"f": data}), "f").fields)


def by_eccodes(data: bytes) -> Field:
    return grib_header._field_by_eccodes(data, 0, "a message")


def known(field: Field) -> dict[str, Any]:
    """All that a header says, floats to the last bit."""
    said = {name: getattr(field, name) for name in Field.__slots__}
    said.update(latitude=field.latitude.tobytes(), longitude=field.longitude.tobytes())
    return {
        name: repr(sorted(value.items())) if isinstance(value, dict) else repr(value) for name, value in said.items()
    }


def group(archive: Memory, layout: str, name: str, level: Any = "L2A") -> xr.Dataset:
    """Give one group as the tables of a layout describe it, decoded by CF rules."""
    table = s2_meteorology.variables_28(level) if layout == "2.8" else s2_meteorology.variables_25()
    path = f"{s2_meteorology.GROUP}/{name}"
    variables = {}
    for var in table:
        if var.path.rpartition("/")[0] != path:
            continue
        try:
            array = var.source.open(archive.context)
        except AbsentFile:
            continue
        attrs = {key: look_up(value, archive) for key, value in var.attrs.items()}
        values = array[(slice(None),) * len(array.shape)]
        assert (values.dtype, values.shape) == (array.dtype, array.shape)
        variables[var.path.rpartition("/")[2]] = xr.Variable(var.dims, values, {**getattr(array, "attrs", {}), **attrs})
    attributes = s2_meteorology.attributes_25()[path] if layout == "2.5" else {}
    return xr.decode_cf(xr.Dataset(variables, attrs=look_up(attributes, archive)))


def look_up(value: Any, archive: Memory) -> Any:
    return value.resolve(archive) if isinstance(value, s2_meteorology.FromGrib) else value


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


def real_files() -> Iterator[bytes]:
    yield from (path.read_bytes() for path in sorted((SHARED / "real").glob("AUX_*")))
    for path in sorted(KIT.glob("*.SAFE.zip")):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist() if "/AUX_DATA/AUX_" in name)


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
    cache.reset()
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
        from xarray_safe.sources.grib import index
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


# --- the tree ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["2.5", "2.8"])
@pytest.mark.parametrize("path", sorted(KIT.glob("*.SAFE.zip")) or [None], ids=lambda p: p.name[:19] if p else "none")
@needs_shared
def test_groups_are_those_that_the_converter_writes(path: Path, layout: str) -> None:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "/AUX_DATA/AUX_" in name]
        files = Memory({name.partition("/")[2]: archive.read(name) for name in names})
    (golden,) = KIT.glob(f"{path.name.removesuffix('.SAFE.zip')}.eopf-{layout}*.zarr.zip")
    for name in ("ecmwf", "cams"):
        ours = group(files, layout, name, level=path.name[7:10])
        theirs = open_golden(golden, f"{s2_meteorology.GROUP}/{name}")
        assert_same(ours, theirs)


def open_golden(path: Path, group: str) -> xr.Dataset:
    import zarr

    with zarr.storage.ZipStore(path, mode="r") as store:
        return xr.open_dataset(store, engine="zarr", group=group, consolidated=False).load()


def assert_same(ours: xr.Dataset, theirs: xr.Dataset) -> None:
    """Hold everything but the time of conversion in `history` against each other, values to the last bit."""
    assert sorted(ours.variables) == sorted(theirs.variables)
    assert set(ours.coords) == set(theirs.coords)
    assert ("history" in ours.attrs) == ("history" in theirs.attrs)
    assert plain({**ours.attrs, "history": ""}) == plain({**theirs.attrs, "history": ""})
    for name, mine in ours.variables.items():
        other = theirs.variables[name]
        assert (mine.dims, mine.dtype, mine.shape) == (other.dims, other.dtype, other.shape), name
        assert mine.values.tobytes() == other.values.tobytes(), name
        assert plain(mine.attrs) == plain(other.attrs), name
        for key in ("_FillValue", "units", "calendar", "coordinates"):
            assert plain(mine.encoding.get(key)) == plain(other.encoding.get(key)), (name, key)


def plain(value: Any) -> str:
    """Give any attribute as text in which NaN equals NaN and numpy's numbers equal Python's."""
    return json.dumps(value, sort_keys=True, default=lambda v: v.item())


@needs_shared
def test_tables_of_layout_28_name_all_variables_of_the_real_files() -> None:
    for name, path in (("ecmwf", "AUX_ECMWFT"), ("cams", "AUX_CAMSFO")):
        found = fields((SHARED / "real" / path).read_bytes())
        assert set(found) == {quantity.name for quantity in s2_meteorology.QUANTITIES[name]}


def test_standard_names_are_in_l1c_alone() -> None:
    archive = product()
    l1c, l2a = (group(archive, "2.8", "ecmwf", level) for level in ("L1C", "L2A"))
    assert l1c.msl.attrs["standard_name"] == l1c.msl.attrs["_eopf_attrs"]["standard_name"]
    assert not any("standard_name" in variable.attrs for variable in l2a.data_vars.values())
    assert l1c.msl.attrs["units"] == l2a.msl.attrs["units"] == "hPa"
    assert l2a.latitude.dtype == np.float32


def test_order_of_messages_changes_the_order_of_coordinates_only() -> None:
    archive = product()
    turned = [parameter(*p) for p in reversed(PARAMETERS[ECMWF])]
    other = Memory({ECMWF: b"".join(turned)})
    a, b = group(archive, "2.5", "ecmwf"), group(other, "2.5", "ecmwf")
    xr.testing.assert_equal(a, b)
    order = ["number", "time", "step", "surface", "latitude", "longitude", "valid_time", "isobaricInhPa"]
    assert a.msl.attrs["_eopf_attrs"]["coordinates"] == order
    order = ["number", "time", "step", "isobaricInhPa", "latitude", "longitude", "valid_time", "surface"]
    assert b.msl.attrs["_eopf_attrs"]["coordinates"] == order


def test_old_files_have_fewer_variables() -> None:
    data = b"".join(parameter(*p) for p in PARAMETERS[ECMWF][:3])
    archive = Memory({ECMWF: data})
    assert set(group(archive, "2.5", "ecmwf").data_vars) == {"tcwv", "msl", "tco3"}
    assert "isobaricInhPa" not in group(archive, "2.5", "ecmwf").coords
    assert set(group(archive, "2.8", "ecmwf").data_vars) == {"tcwv", "msl", "tco3"}
    assert not group(archive, "2.8", "cams").variables
    with pytest.raises(AbsentFile, match=r"AUX_ECMWFT: has no message of 'r', only of tcwv, msl, tco3"):
        Grib((ECMWF,), "r").open(archive.context)
    with pytest.raises(AbsentFile, match="AUX_CAMSFO"):
        Grib(s2_meteorology.FILES["cams"], "z").open(archive.context)


def test_aerosols_of_the_reanalysis_count_where_there_is_no_forecast() -> None:
    archive = product()
    archive.members[f"{FOLDER}/AUX_CAMSRE"] = archive.members.pop(CAMS)
    assert len(group(archive, "2.5", "cams").data_vars) == 11


def test_index_files_beside_the_data_do_not_count() -> None:
    archive = product()
    archive.members.update({f"{ECMWF}.5b7b6.idx": b"pickle", f"{CAMS}.5b7b6.idx": b"pickle"})
    assert len(group(archive, "2.8", "ecmwf").data_vars) == 6
    assert len(group(archive, "2.8", "cams").data_vars) == 11


def test_longitudes_across_the_antimeridian_are_sorted_as_cfgrib_does() -> None:
    keys = {"longitudeOfFirstGridPoint": 179_000, "longitudeOfLastGridPoint": -179_728}
    longitude = Grib(("f",), "longitude").open(Memory({"f": message(**keys)}).context).values
    assert longitude[0] == -179.728
    assert (np.diff(longitude) > 0).all()


# --- cfgrib as the oracle ----------------------------------------------------------------------------------------

ORACLE = """
    import json, os, sys
    import cfgrib
    for path in sys.argv[1:]:
        dataset = cfgrib.open_file(path, indexpath="")
        variables = {
            name: [v.dimensions, str(v.data.dtype), v.attributes, v.data[(slice(None),) * len(v.dimensions)].tolist()]
            for name, v in dataset.variables.items()
        }
        print(json.dumps([dataset.attributes, variables], default=lambda v: v.item()))
    sys.stdout.flush()
    os._exit(0)  # cfgrib frees twice at exit on some Pythons
"""


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"P1": 2, "P2": 88},
        {"P1": 0, "P2": 0, "marsType": "an", "dataTime": 1200},
        {"unitOfTimeRange": 1, "P1": 0, "P2": 12},
        {"longitudeOfFirstGridPoint": -7801, "longitudeOfLastGridPoint": -6523},
    ],
    ids=["minutes", "whole hours", "analysis", "hours", "west"],
)
def test_cfgrib_gives_the_same(tmp_path: Path, keys: dict[str, Any]) -> None:
    archive = product(**keys)
    paths = []
    for name, data in archive.members.items():
        paths.append(tmp_path / name.rpartition("/")[2])
        paths[-1].write_bytes(data)
    command = [sys.executable, "-c", textwrap.dedent(ORACLE), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"cfgrib (of the extra 'test') does not run: {done.stderr}"
    for name, line in zip(archive.members, done.stdout.splitlines(), strict=True):
        attributes, variables = json.loads(line)
        found = index(archive, name)
        assert {**found.attrs, "history": ""} == {**attributes, "history": ""}
        assert {*found.fields, *found.coordinates} == set(variables)
        for variable, (dims, dtype, attrs, values) in variables.items():
            compare_with_cfgrib(archive, name, variable, dims, dtype, attrs, values)


def compare_with_cfgrib(
    archive: Memory, name: str, variable: str, dims: list[str], dtype: str, attrs: dict[str, Any], values: Any
) -> None:
    array = Grib((name,), variable, described=True).open(archive.context)
    described = dict(array.attrs)
    described.pop("_FillValue", None)
    field = index(archive, name).first
    if variable in ("time", "step", "valid_time"):
        # These go through pandas before they are written; held here as cfgrib has them.
        seconds = {"time": field.time, "step": field.step / 3600, "valid_time": field.time + field.step}
        assert values == seconds[variable]
        for changed in ("units", "calendar", "dtype"):
            described.pop(changed, None)
            attrs.pop(changed, None)
    else:
        assert (list(array.shape), str(array.dtype)) == (list(np.shape(values)), dtype)
        assert array[(slice(None),) * len(dims)].tolist() == values
    attrs.pop("GRIB_uvRelativeToGrid", None)  # only since the cfgrib that the converter has
    attrs.pop("GRIB_stepUnits", None)  # always hours since then; it was the message's own unit if need be
    described.pop("GRIB_stepUnits", None)
    assert described == attrs


# --- bad input ---------------------------------------------------------------------------------------------------


def broken(data: bytes) -> str:
    with pytest.raises(CorruptFile) as caught:
        index(Memory({"AUX_ECMWFT": data}), "AUX_ECMWFT")
    text = str(caught.value)
    assert "S2B_MSIL2A.SAFE: AUX_ECMWFT: message" in text
    return text


def changed(at: int, value: int, data: bytes | None = None) -> bytes:
    data = message() if data is None else data
    return data[:at] + bytes([value]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "message 1 at byte 0: no GRIB message starts there"),
        (b"<html>Service unavailable</html>", "no GRIB message starts there"),
        (b"GRIB", "no GRIB message starts there"),
        (message()[:-1], "is cut short"),
        (message() + message(indicatorOfParameter=137)[:100], "message 2 at byte .* is cut short"),
        (message() + b"\0" * 30, "message 2 at byte .* no GRIB message"),
        (message()[:-4] + b"7778", "does not end with '7777'"),
        (changed(7, 3), "GRIB edition 3"),
        (changed(4, 0, changed(5, 0, changed(6, 9))), "is 9 bytes long"),
        (changed(15, 0), "its sections end|no description of its grid|does not fit"),
        (changed(8 + 52 + 5, 50), "grid is of type 50"),
        (changed(8 + 13, 13), "there is no moment 2024-13-15"),
        (changed(8 + 52 + 7, 200), "are too few for 1800 values"),
        (changed(8 + 2, 60), "does not fit|sections end"),
        (message() + message(), "message 2 at byte .* second message of 'msl'"),
        (message() + message(indicatorOfParameter=137, P2=95), "another forecast than 'msl'"),
        (message() + message(indicatorOfParameter=137, latitudeOfFirstGridPoint=42428), "another grid than 'msl'"),
    ],
)
def test_broken_files_say_what_is_wrong(data: bytes, said: str) -> None:
    assert re.search(said, broken(data))


def test_levels_of_a_kind_must_be_one() -> None:
    upper = parameter(128, 157, 100, level=850) + parameter(128, 130, 100, level=500)
    assert "at another level" in broken(upper)


def test_a_file_that_changes_after_opening_is_noticed() -> None:
    archive = product()
    array = Grib((ECMWF,), "msl").open(archive.context)
    archive.members[ECMWF] = archive.members[ECMWF][10:]
    with pytest.raises(CorruptFile, match=r"message of 'msl' at byte .*the file has changed"):
        array[:, :]


def test_values_that_do_not_decode_are_an_error() -> None:
    archive = product()
    data = archive.members[ECMWF]
    field = index(archive, ECMWF).fields["msl"]
    array = Grib((ECMWF,), "msl").open(archive.context)
    bits = field.start + 8 + 52 + 32 + 10
    archive.members[ECMWF] = data[:bits] + b"\x40" + data[bits + 1 :]
    with pytest.raises(CorruptFile, match="message of 'msl'"):
        array[:, :]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 539), st.integers(0, 255)), min_size=1, max_size=3), st.integers(0, 60))
def test_rubbish_gives_an_array_or_an_error(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(PAIR)
    for at, value in changes:
        data[at % len(data)] = value
    archive = Memory({"f": bytes(data[: len(data) - max(0, cut - 50)])})
    with contextlib.suppress(CorruptFile):  # no other error, no crash
        found = index(archive, "f")
        for name in found.coordinates:
            assert found.coordinate(name).values.dtype.kind in "if"
        for name, field in found.fields.items():
            if np.prod(field.shape) < 10**6:
                array = grib.GribArray(archive, "f", field, found.variable_attrs(name))
                assert array[:, :].shape == field.shape


PAIR = message() + message(indicatorOfParameter=137)
