"""Archives: every door leads to the same names and bytes, whatever the packing, thread or process."""

from __future__ import annotations

import os
import pickle
import random
import re
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.archive.support import BAND, FILES, GRANULE, KINDS, NAME, write_zip
from tests.support import SHARED
from xarray_safe.archive import Archive, guess, open_archive
from xarray_safe.archive.zip.inflate import checkpoints
from xarray_safe.errors import (
    CorruptFileError,
    InvalidArgumentError,
    MissingFileError,
    NotASafeError,
    UnsupportedProductError,
)


@pytest.fixture
def folder(products: dict[str, Path], tmp_path: Path) -> Path:
    """A folder that a test may change."""
    new = tmp_path / f"{NAME}.SAFE"
    for name, data in FILES.items():
        (new / name).parent.mkdir(parents=True, exist_ok=True)
        (new / name).write_bytes(data)
    return new


def _same(archive: Archive) -> None:
    assert archive.names == tuple(sorted(FILES))
    for name, data in FILES.items():
        assert archive.read(name) == data
        assert archive.size(name) == len(data)
        assert archive.exists(name)


@pytest.mark.parametrize("kind", KINDS)
def test_holds_the_files_of_the_product(products: dict[str, Path], kind: str) -> None:
    with open_archive(products[kind]) as archive:
        _same(archive)
        assert archive.local
        assert archive.url == str(products[kind])
        assert archive.name == (f"bare-{NAME}" if kind == "bare" else NAME)
        assert not archive.exists("GRANULE")
        assert not archive.exists("nothing.xml")
        assert repr(archive).endswith(f"({str(products[kind])!r})")


def test_every_door_leads_to_the_same(
    products: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = products["folder"]
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    doors: list[str | Path] = [folder, str(folder), f"{folder}/", folder / "manifest.safe", f"{folder}/MTD_MSIL2A.xml"]
    doors += [folder.as_uri(), f"{folder.as_uri()}/", Path(folder.name), f"./{folder.name}", f"~/{folder.name}"]
    for door in doors:
        assert open_archive(door) == open_archive(folder)
        assert hash(open_archive(door)) == hash(open_archive(folder))
        assert open_archive(door).url == str(folder)
        assert guess(door) == NAME
    assert open_archive(products["stored"].as_uri()) == open_archive(products["stored"])
    assert open_archive(products["stored"]) != open_archive(folder)
    spaced = write_zip(tmp_path / "a b #1%20.zip")
    assert open_archive(spaced.as_uri()) == open_archive(spaced)


def test_takes_a_renamed_product(folder: Path, tmp_path: Path) -> None:
    other = folder.rename(tmp_path / "renamed")
    assert open_archive(other).name == "renamed"
    assert guess(other) == guess(other / "manifest.safe") == guess(other / "MTD_MSIL2A.xml") == "MTD_MSIL2A.xml"
    deep = write_zip(tmp_path / "deep.zip", top="some/where/new.safe/")
    assert open_archive(deep).name == "new"
    assert guess(deep) == "MTD_MSIL2A.xml"
    _same(open_archive(deep))


@settings(deadline=None)
@given(data=st.data())
def test_ranges_are_slices_however_packed(products: dict[str, Path], data: st.DataObject) -> None:
    archives = [open_archive(products[kind]) for kind in KINDS]
    names, place = st.sampled_from(sorted(FILES)), st.integers(0, 1_500_000)
    requests = data.draw(st.lists(st.tuples(names, place, st.none() | place), max_size=4))
    expected = [FILES[name][start:stop] for name, start, stop in requests]
    for archive in archives:
        assert archive.read_many(requests) == expected
        assert [archive.read(*request) for request in requests] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_threads_change_nothing(products: dict[str, Path], kind: str) -> None:
    archive = open_archive(products[kind])
    chance = random.Random(1)
    starts = [chance.randrange(len(FILES[BAND])) for _ in range(200)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda start: archive.read(BAND, start, start + 5000), starts))
    assert found == [FILES[BAND][start : start + 5000] for start in starts]


@pytest.mark.parametrize("kind", KINDS)
def test_pickles_as_a_description(products: dict[str, Path], kind: str) -> None:
    archive = open_archive(products[kind])
    archive.read(BAND, 10, 20)
    dump = pickle.dumps(archive)
    assert len(dump) < 500
    other = pickle.loads(dump)
    assert other == archive
    assert other.__dask_tokenize__() == archive.__dask_tokenize__()
    assert other.identity(BAND) == archive.identity(BAND)
    _same(other)


def test_pickles_of_a_zip_share_one_directory_in_a_process(products: dict[str, Path]) -> None:
    dump = pickle.dumps(open_archive(products["stored"]))
    first = pickle.loads(dump)
    assert pickle.loads(dump) is first


@pytest.mark.parametrize("kind", ["folder", "deflated"])
def test_is_the_same_in_another_process(products: dict[str, Path], kind: str) -> None:
    archive = open_archive(products[kind])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    program = (
        "import pickle, sys; archive = pickle.load(sys.stdin.buffer);"
        f"print((archive.__dask_tokenize__(), archive.identity({BAND!r}), archive.read({BAND!r}, 90_000, 90_040)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(archive), capture_output=True, check=True, env=environment
    )
    expected = (archive.__dask_tokenize__(), archive.identity(BAND), FILES[BAND][90_000:90_040])
    assert done.stdout.decode().strip() == repr(expected)


@pytest.mark.parametrize("kind", KINDS)
def test_reads_on_after_close(products: dict[str, Path], kind: str) -> None:
    archive = open_archive(products[kind])
    assert archive.read(BAND, 1_300_000, 1_300_100) == FILES[BAND][1_300_000:1_300_100]
    assert (len(checkpoints()) > 0) == (kind in ("deflated", "bare", "streamed"))
    archive.close()
    assert len(checkpoints()) == 0
    assert archive.read(BAND, 1_300_000, 1_300_100) == FILES[BAND][1_300_000:1_300_100]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_holds_no_handle(products: dict[str, Path], kind: str) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    archive = open_archive(products[kind])
    _same(archive)
    with pytest.raises(MissingFileError):
        archive.read("nothing.xml")
    assert sorted(os.listdir("/proc/self/fd")) == before


PART = st.text("ab*.", max_size=4)
PLAIN = st.text("ab.", min_size=1, max_size=4).filter(lambda part: part not in (".", ".."))


@settings(deadline=None)
@given(
    names=st.lists(st.lists(PLAIN, min_size=1, max_size=3).map("/".join), max_size=12, unique=True),
    pattern=st.lists(PART, min_size=1, max_size=3).map("/".join),
)
def test_find_agrees_with_a_regular_expression(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], pattern: str
) -> None:
    names = [name for name in names if not any(other.startswith(f"{name}/") for other in names)] + ["manifest.safe"]
    path = tmp_path_factory.getbasetemp() / "find.zip"
    with zipfile.ZipFile(path, "w") as out:
        for name in names:
            out.writestr(name, b"")
    rule = re.compile("/".join("[^/]*".join(map(re.escape, part.split("*"))) for part in pattern.split("/")))
    assert open_archive(path).find(pattern) == sorted(
        name
        for name in names
        if rule.fullmatch(name) and not re.search(r"(^|/)\.", name)  # hidden files are none of it
    )


def test_find_sees_brackets_and_case_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "find.zip"
    with zipfile.ZipFile(path, "w") as out:
        for name in ("manifest.safe", "a[1].xml", "a1.xml", "A1.xml"):
            out.writestr(name, b"")
    archive = open_archive(path)
    assert archive.find("a[1]*") == ["a[1].xml"]
    assert archive.find("a?.xml") == []
    assert archive.find("A*") == ["A1.xml"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_is_an_error_that_names_it(products: dict[str, Path], kind: str) -> None:
    archive = open_archive(products[kind])
    for name in ("GRANULE/nothing.xml", "GRANULE", f"../{NAME}.SAFE/manifest.safe", "..\\manifest.safe", "a\0b", ""):
        for ask in (archive.read, archive.size):
            with pytest.raises(MissingFileError, match=r"missing from|is not the name"):
                ask(name)
    with pytest.raises(
        MissingFileError, match=f"^GRANULE/nothing.xml is missing from {re.escape(archive.url)}; .* download it again"
    ):
        archive.read("GRANULE/nothing.xml")
    for start, stop in ((-5, None), (0, -1)):
        with pytest.raises(InvalidArgumentError, match="negative"):
            archive.read(BAND, start, stop)


def test_a_file_that_changed_is_an_error_not_a_mixture(folder: Path) -> None:
    archive = open_archive(folder)
    archive.read(BAND, 0, 10)
    os.utime(folder / BAND, ns=(1, 1))
    with pytest.raises(
        CorruptFileError, match=r"B02_10m\.jp2 was replaced or changed after it had been opened; open it again"
    ):
        archive.read(BAND, 20, 30)
    assert archive.read("INSPIRE.xml") == FILES["INSPIRE.xml"]
    assert open_archive(folder).read(BAND, 20, 30) == FILES[BAND][20:30]
    assert open_archive(folder).identity(BAND) != archive.identity(BAND)
    (folder / BAND).unlink()
    with pytest.raises(MissingFileError, match="was deleted or moved"):
        archive.read(BAND, 20, 30)


def test_a_zip_that_changed_is_an_error_even_after_pickling(tmp_path: Path) -> None:
    path = write_zip(tmp_path / f"{NAME}.zip")
    archive = open_archive(path)
    dump = pickle.dumps(archive)
    write_zip(path, method=zipfile.ZIP_DEFLATED)
    for old in (archive, pickle.loads(dump)):
        with pytest.raises(CorruptFileError, match="was replaced or changed"):
            old.read(BAND)
    assert open_archive(path).__dask_tokenize__() != archive.__dask_tokenize__()
    path.unlink()
    with pytest.raises(MissingFileError, match="was deleted or moved"):
        archive.read(BAND)


def test_the_token_of_a_folder_follows_its_manifest(folder: Path) -> None:
    token = open_archive(folder).__dask_tokenize__()
    assert open_archive(folder).__dask_tokenize__() == token
    os.utime(folder / "manifest.safe", ns=(1, 1))
    assert open_archive(folder).__dask_tokenize__() != token
    (folder / "manifest.safe").unlink()
    token = open_archive(folder).__dask_tokenize__()
    assert token == open_archive(folder).__dask_tokenize__()


def test_doors_that_lead_nowhere(products: dict[str, Path], tmp_path: Path) -> None:
    folder = products["folder"]
    (tmp_path / "a.nc").write_bytes(b"CDF\1")
    (tmp_path / "inner.SAFE").mkdir()
    for path, error, message in [
        (tmp_path / "X.SAFE", MissingFileError, "X.SAFE does not exist"),
        (tmp_path / "X.SAFE" / "manifest.safe", MissingFileError, "manifest.safe does not exist"),
        (folder / "manifest.safe" / "x", MissingFileError, "does not exist"),
        ("bad\0path.zip", MissingFileError, "does not exist"),
        ("", InvalidArgumentError, "empty"),
        (tmp_path, NotASafeError, "neither manifest.safe nor product metadata .* open one of those in it: inner.SAFE"),
        (tmp_path / "inner.SAFE", NotASafeError, "neither manifest.safe"),
        (tmp_path / "a.nc", NotASafeError, "a.nc is not a SAFE, neither a folder nor a zip: it begins with b'CDF"),
        (folder / "GRANULE", NotASafeError, f"open {re.escape(folder.as_posix())}$"),
        (folder / BAND, NotASafeError, "is a file of a product"),
        (folder / GRANULE / "MTD_TL.xml", NotASafeError, f"open {re.escape(folder.as_posix())}$"),
        (folder / "INSPIRE.xml", NotASafeError, "is a file of a product"),
        ("file://host/X.SAFE", UnsupportedProductError, "another machine"),
    ]:
        with pytest.raises(error, match=message):
            open_archive(path)


def test_a_drive_is_no_url() -> None:
    with pytest.raises(MissingFileError, match="does not exist"):
        open_archive("C:\\data\\X.SAFE")


def test_a_link_that_leads_round_in_a_circle_is_an_error(folder: Path) -> None:
    try:
        (folder / "GRANULE" / "loop").symlink_to(folder, target_is_directory=True)
    except OSError:  # Windows without the right to make links
        pytest.skip("cannot make links here")
    with pytest.raises(CorruptFileError, match="circle"):
        open_archive(folder).find("*")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_does_not_block(folder: Path) -> None:
    (folder / BAND).unlink()
    os.mkfifo(folder / BAND)
    archive = open_archive(folder)
    assert not archive.exists(BAND)
    with pytest.raises(MissingFileError):
        archive.read(BAND)
    archive.read("INSPIRE.xml")
    (folder / "INSPIRE.xml").unlink()
    os.mkfifo(folder / "INSPIRE.xml")
    with pytest.raises(CorruptFileError, match="was replaced"):
        archive.read("INSPIRE.xml")


def test_guess_goes_by_the_name_where_it_tells(tmp_path: Path) -> None:
    for path in (f"{NAME}.SAFE", f"{NAME}.SAFE/", f"{NAME}.SAFE.zip", f"{NAME}.zip", f"{NAME}.SAFE/manifest.safe"):
        assert guess(path) == guess(tmp_path / path) == guess(f"s3://bucket/{path}") == NAME
    assert guess("S1A_IW_GRDH_1SDV_20240101T000000_20240101T000025_051912_064584_1234.SAFE").startswith("S1A_IW_GRDH")
    assert guess("https://host/download/MTD_MSIL1C.xml") == "MTD_MSIL1C.xml"


def test_guess_claims_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "cut.zip").write_bytes(b"PK\3\4 and no more")
    (tmp_path / f"{NAME}.zarr").mkdir()
    with zipfile.ZipFile(tmp_path / f"{NAME}.eopf.zarr.zip", "w") as out:
        out.writestr("zarr.json", b"{}")
    with zipfile.ZipFile(tmp_path / f"{NAME}.zip", "w") as out:
        out.writestr("readme.txt", b"")
    for last in ("cut.zip", f"{NAME}.zarr", f"{NAME}.eopf.zarr.zip", f"{NAME}.zip", "nothing.nc", ""):
        assert guess(tmp_path / last) is None
    for thing in (None, 5, {}, b"x.SAFE", object(), "s3://b/x.zarr", f"https://h/{NAME}.zarr.zip", "a\0.zip"):
        assert guess(thing) is None


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real products beside the repository")
def test_real_zips_give_what_zipfile_gives() -> None:
    paths = sorted([*SHARED.glob("real/safe/*.zip"), *SHARED.glob("conformance/*.SAFE.zip")])
    assert len(paths) >= 2
    for path in paths:
        archive = open_archive(path)
        with zipfile.ZipFile(path) as oracle:
            top = f"{archive.name}.SAFE/"
            files = {info.filename.removeprefix(top) for info in oracle.infolist() if not info.is_dir()}
            assert set(archive.names) == files
            assert all(archive.read(name) == oracle.read(top + name) for name in files)
        assert guess(path) == archive.name
