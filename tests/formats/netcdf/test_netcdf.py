"""netCDF files by ranges, held against the values that were written, and against netCDF4's own reading."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xarray_safe import runtime
from xarray_safe.archive.folder import FolderArchive
from xarray_safe.errors import CorruptFileError, UnsupportedProductError
from xarray_safe.formats.netcdf import open_netcdf

netCDF4 = pytest.importorskip("netCDF4")

ROWS, COLUMNS = 53, 37


def write(path: Path, form: str = "NETCDF4") -> None:
    """A file with what the products have: chunks, contiguous values, scalars, many variables and attributes."""
    rng = np.random.default_rng(1)
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.title, file.number = "a file", np.int16(7)
        file.createDimension("rows", ROWS)
        file.createDimension("columns", COLUMNS)
        file.createDimension("fires", None)
        options = {"zlib": True, "shuffle": True, "complevel": 4, "chunksizes": (20, 16)} if form == "NETCDF4" else {}
        image = file.createVariable("image", "i2", ("rows", "columns"), fill_value=-5, **options)
        image.set_auto_maskandscale(False)
        image.setncatts({"scale_factor": 0.002, "add_offset": 290.0, "units": "K", "flags": np.arange(4, dtype="i2")})
        image.setncatts({f"more_{k}": float(k) for k in range(12)})  # too many for the header itself
        image[:] = rng.integers(-3000, 3000, (ROWS, COLUMNS))
        plain = file.createVariable("plain", ">f4" if form == "NETCDF4" else "f4", ("rows", "columns"))
        plain[:] = rng.normal(size=(ROWS, COLUMNS))
        file.createVariable("scalar", "f8", ())[...] = 2.5
        file.createVariable("fire", "f4", ("fires",))
        untouched = file.createVariable("untouched", "u1" if form == "NETCDF4" else "i1", ("rows",), fill_value=9)
        untouched.set_auto_maskandscale(False)
        for k in range(30):
            file.createVariable(f"v{k}", "i4", ("rows",))[:] = np.arange(ROWS) * k
        if form == "NETCDF4":
            file.createVariable("text", str, ("columns",))[:] = np.array([f"t{k}" for k in range(COLUMNS)], object)
            checked = file.createVariable("checked", "u4", ("rows", "columns"), zlib=True, fletcher32=True)
            checked[:] = rng.integers(0, 1 << 31, (ROWS, COLUMNS))


@pytest.fixture(params=["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> FolderArchive:
    write(tmp_path / "a.nc", request.param)
    return FolderArchive(str(tmp_path))


@pytest.fixture
def hdf5(tmp_path: Path) -> FolderArchive:
    write(tmp_path / "a.nc")
    return FolderArchive(str(tmp_path))


def everything(shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(0, size, 1) for size in shape)


def test_it_is_what_netcdf4_reads(archive: FolderArchive) -> None:
    ours = open_netcdf(archive, "a.nc")
    with netCDF4.Dataset(f"{archive.url}/a.nc") as theirs:
        theirs.set_auto_maskandscale(False)
        assert set(ours.names) == set(theirs.variables)
        assert ours.attrs["title"] == "a file"
        assert ours.attrs["number"] == 7
        assert {name: ours.size(name) for name in theirs.dimensions} == {
            n: len(d) for n, d in theirs.dimensions.items()
        }
        for name, variable in theirs.variables.items():
            found = ours.variable(name)
            assert found.dims == variable.dimensions
            assert set(found.attrs) == set(variable.ncattrs())
            for key in variable.ncattrs():
                np.testing.assert_array_equal(found.attrs[key], variable.getncattr(key))
            array = ours.open(name)
            values = array[everything(array.shape)]
            np.testing.assert_array_equal(values, variable[...])
            assert values.dtype == array.dtype


def test_windows_are_parts_of_the_whole(archive: FolderArchive) -> None:
    rng = np.random.default_rng(2)
    file = open_netcdf(archive, "a.nc")
    for name in ("image", "plain"):
        array = file.open(name)
        whole = array[everything(array.shape)]
        for _ in range(20):
            start, stop = np.sort(rng.integers(0, [ROWS, COLUMNS], (2, 2)), axis=0)
            step = rng.integers(1, 9, 2)
            key = tuple(slice(int(a), int(b), int(s)) for a, b, s in zip(start, stop, step, strict=True))
            np.testing.assert_array_equal(array[key], whole[key])
        for key in ((3, slice(0, 5, 1)), (slice(50, 2, -7), slice(30, None, -1)), (52, 36)):
            np.testing.assert_array_equal(array[key], whole[key])


def test_it_pickles_and_any_thread_reads(hdf5: FolderArchive) -> None:
    array = pickle.loads(pickle.dumps(open_netcdf(hdf5, "a.nc").open("image")))
    whole = array[everything(array.shape)]
    runtime.reset()
    with ThreadPoolExecutor(8) as pool:
        for values in pool.map(lambda _: array[everything(array.shape)], range(16)):
            np.testing.assert_array_equal(values, whole)


def test_opening_reads_no_values(hdf5: FolderArchive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the index of chunks: only the values that are asked for are read."""
    array = open_netcdf(hdf5, "a.nc").open("image")
    read: list[tuple[int, int | None]] = []
    monkeypatch.setattr(hdf5, "_read", lambda requests, own=hdf5._read: (read.extend(requests), own(requests))[1])
    array[slice(0, 2, 1), slice(0, 2, 1)]
    chunks = [request for request in read if request[1] > 0]
    assert len(chunks) == 1
    assert chunks[0][2] - chunks[0][1] < 20 * 16 * 2


def read_all(archive: FolderArchive) -> None:
    file = open_netcdf(archive, "a.nc")
    for name in file.names:
        array = file.open(name)
        array[everything(array.shape)]


@pytest.mark.parametrize("keep", [0, 3, 100, 2000, -1, -4000])
def test_cut_short(archive: FolderArchive, keep: int) -> None:
    path = Path(archive.url) / "a.nc"
    data = path.read_bytes()
    path.write_bytes(data[:keep])
    again = FolderArchive(archive.url)
    with pytest.raises(CorruptFileError, match=r"a\.nc"):
        read_all(again)


def test_damaged_bytes_raise_only_our_errors(hdf5: FolderArchive) -> None:
    path = Path(hdf5.url) / "a.nc"
    data = path.read_bytes()
    rng = np.random.default_rng(3)
    for _ in range(60):
        broken = bytearray(data)
        for at in rng.integers(0, len(data), 40):
            broken[at] = rng.integers(0, 256)
        path.write_bytes(broken)
        runtime.reset()
        try:
            file = open_netcdf(FolderArchive(hdf5.url), "a.nc")
            for name in file.names:
                array = file.open(name)
                if np.prod(array.shape, dtype=object) < 10_000_000:
                    array[everything(array.shape)]
        except (CorruptFileError, UnsupportedProductError):
            continue


def test_unknown_filter(hdf5: FolderArchive) -> None:
    array = open_netcdf(hdf5, "a.nc").open("image")
    storage = replace(array.variable.storage, filters=(32015,))  # type: ignore[type-var]
    strange = replace(array, variable=replace(array.variable, storage=storage))
    with pytest.raises(UnsupportedProductError, match="filter 32015 \\(Zstandard\\) in image"):
        strange[0, 0]


def test_a_chunk_that_does_not_inflate(hdf5: FolderArchive) -> None:
    array = open_netcdf(hdf5, "a.nc").open("image")
    index = array._index(array.variable.storage)
    offset = int(index[0, 0, 0])
    path = Path(hdf5.url) / "a.nc"
    data = bytearray(path.read_bytes())
    data[offset : offset + 8] = b"\xff" * 8
    path.write_bytes(data)
    again = open_netcdf(FolderArchive(hdf5.url), "a.nc").open("image")
    with pytest.raises(CorruptFileError, match="chunk \\(0, 0\\) of image is damaged"):
        again[0, 0]


def test_no_netcdf(tmp_path: Path) -> None:
    (tmp_path / "a.nc").write_bytes(b"nothing" * 100)
    with pytest.raises(CorruptFileError, match="is not netCDF"):
        open_netcdf(FolderArchive(str(tmp_path)), "a.nc")
