"""Downloads: whole, verified and once, whatever the network, the server or the disk do."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import blake3
import pytest
import xarray as xr

from tests.access.support import PASSWORD, QUICK, USER, Connect, Sample
from tests.servers.cdse import Cdse, Listed
from tests.servers.proxy import Proxy
from tests.servers.recorder import Recorder
from xarray_safe.access import (
    CDSE,
    AccessError,
    DiskFullError,
    Endpoints,
    LoginFailedError,
    ProductOfflineError,
    QuotaReachedError,
    ServerFailedError,
    UnknownProductError,
)
from xarray_safe.errors import CorruptFileError, SafeWarning


def left(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_download_opens(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    path = connect().download(sample.name.removesuffix(".SAFE"), folder)
    assert path == folder / f"{sample.name}.zip"
    assert path.read_bytes() == sample.data
    assert left(folder) == [path.name]
    assert len(xr.open_datatree(path, engine="safe").groups) > 10


def test_what_is_there_is_not_fetched_again(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    client = connect()
    first = client.download(sample.name, folder)
    seen = len(cdse.seen)
    assert client.download(f"{sample.name}.zip", folder) == first
    assert len(cdse.seen) == seen


def test_a_broken_file_of_that_name_is_replaced(connect: Connect, sample: Sample, folder: Path) -> None:
    folder.mkdir()
    for data in (sample.data[:100_000], b"<html>"):
        (folder / f"{sample.name}.zip").write_bytes(data)
        assert connect().download(sample.name, folder).read_bytes() == sample.data


@pytest.mark.parametrize("form", ["without ending", "unpacked", "unpacked without ending"])
def test_a_product_of_another_program_is_used(
    cdse: Cdse, connect: Connect, sample: Sample, folder: Path, form: str
) -> None:
    folder.mkdir()
    stem = sample.name.removesuffix(".SAFE")
    if form == "without ending":
        there = folder / f"{stem}.zip"
        there.write_bytes(sample.data)
    else:
        with zipfile.ZipFile(sample.path) as file:
            file.extractall(folder)
        there = (folder / sample.name).rename(folder / (sample.name if form == "unpacked" else stem))
    assert connect().download(sample.name, folder) == there
    assert cdse.downloads == 0
    assert connect().download(sample.name, folder, overwrite=True) == folder / f"{sample.name}.zip"
    assert cdse.downloads == 1


def test_names_without_an_ending(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    stem = sample.name.removesuffix(".SAFE")
    cdse.products[0].name = stem
    for name in (stem, sample.name):
        assert connect().find(name).name == stem
    assert connect().download(stem, folder).read_bytes() == sample.data


def test_cut_off_ten_times(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    size = len(sample.data)
    with Proxy(f"http://localhost:{cdse.port}") as proxy:
        proxy.faults.cuts = [size // 13 + 7001 * number for number in range(10)]
        client = connect(via=proxy.url)
        path = client.download(sample.name, folder)
        assert proxy.faults.cuts == []
        moved = proxy.bytes
        ranges = [entry.range for entry in proxy.log]
    assert path.read_bytes() == sample.data
    assert left(folder) == [path.name]
    assert len(ranges) == 11
    assert moved <= 1.1 * size


def test_connections_that_are_reset(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    with Proxy(f"http://localhost:{cdse.port}", seed=3) as proxy:
        proxy.faults.p_reset = 0.7
        proxy.faults.p503 = 0.2
        path = connect(via=proxy.url, limits=dataclasses.replace(QUICK, tries=8)).download(sample.name, folder)
        assert len(proxy.log) > 2
    assert path.read_bytes() == sample.data


@pytest.mark.parametrize("why", ["no ranges", "no etags"])
def test_servers_that_can_do_less(cdse: Cdse, connect: Connect, sample: Sample, folder: Path, why: str) -> None:
    with Proxy(f"http://localhost:{cdse.port}") as proxy:
        cdse.ranges, cdse.etags = why != "no ranges", why != "no etags"
        proxy.faults.cuts = [1_000_000, 1_500_000]
        path = connect(via=proxy.url).download(sample.name, folder)
        moved = proxy.bytes
    assert path.read_bytes() == sample.data
    assert moved <= len(sample.data) + (2_500_000 if why == "no ranges" else 0.1 * len(sample.data))


def test_a_download_that_never_gets_on_ends_and_is_gone_on_with(
    cdse: Cdse, connect: Connect, sample: Sample, folder: Path
) -> None:
    with Proxy(f"http://localhost:{cdse.port}") as proxy:
        proxy.faults.cuts = [1_000_000, 0, 0, 0]
        with pytest.raises(ServerFailedError, match=r"broke off 3 times .* at byte 1000000 of"):
            connect(via=proxy.url).download(sample.name, folder)
        assert f"{sample.name}.zip" not in left(folder)
        proxy.faults.cuts = []
        path = connect(via=proxy.url).download(sample.name, folder)
        assert proxy.bytes == len(sample.data)
    assert path.read_bytes() == sample.data
    assert left(folder) == [path.name]


def test_a_server_that_falls_silent(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    with Proxy(f"http://localhost:{cdse.port}") as proxy:
        proxy.faults.latency = 1.0
        with pytest.raises(ServerFailedError, match="does not answer in time"):
            connect(via=proxy.url, limits=dataclasses.replace(QUICK, read=0.2, tries=2)).download(sample.name, folder)


def test_a_server_that_trickles(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    with Proxy(f"http://localhost:{cdse.port}") as proxy:
        proxy.faults.bandwidth = 50_000
        limits = dataclasses.replace(QUICK, read=0.2, tries=2)
        with pytest.raises(ServerFailedError, match="broke off 2 times in a row"):
            connect(via=proxy.url, limits=limits).download(sample.name, folder)


def test_a_product_that_was_replaced_half_way(
    cdse: Cdse, connect: Connect, sample: Sample, folder: Path, tmp_path: Path
) -> None:
    new = tmp_path / "new.zip"
    with zipfile.ZipFile(sample.path) as old, zipfile.ZipFile(new, "w") as file:
        for member in old.infolist():
            file.writestr(member, old.read(member))
        file.comment = b"again"
    with Proxy(f"http://localhost:{cdse.port}") as proxy:
        cdse.products[0].checksums = {}
        proxy.faults.cuts = [1_000_000, 0, 0, 0]
        with pytest.raises(ServerFailedError):
            connect(via=proxy.url).download(sample.name, folder)
        cdse.products[0].file = new
        path = connect(via=proxy.url).download(sample.name, folder)
    assert path.read_bytes() == new.read_bytes()


def offset_of(sample: Sample, end: str) -> tuple[str, int]:
    """Give a file in the product, and the offset in the zip of a byte within it."""
    with zipfile.ZipFile(sample.path) as file:
        member = next(member for member in file.infolist() if member.filename.endswith(end))
    return member.filename.partition("/")[2], member.header_offset + 30 + len(member.filename) + 500


@pytest.mark.parametrize("catalogue", ["MD5", "BLAKE3", "none"])
def test_a_flipped_byte_is_found_and_named(
    cdse: Cdse, connect: Connect, sample: Sample, folder: Path, catalogue: str
) -> None:
    sums = {"MD5": sample.md5, "BLAKE3": blake3.blake3(sample.data).hexdigest()}
    cdse.products[0].checksums = {name: value for name, value in sums.items() if name == catalogue}
    name, offset = offset_of(sample, "_B04_10m.jp2")
    with Proxy(f"http://localhost:{cdse.port}") as proxy:
        proxy.faults.flip, proxy.faults.flip_in = offset, "$value"
        with pytest.raises(CorruptFileError) as caught:
            connect(via=proxy.url).download(sample.name, folder)
        assert name in str(caught.value)
        assert catalogue in str(caught.value) or catalogue == "none"
        assert not [file for file in left(folder) if not file.endswith(".lock")]
        proxy.faults.flip = None
        assert connect(via=proxy.url).download(sample.name, folder).read_bytes() == sample.data


def test_a_byte_flipped_after_going_on(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    name, offset = offset_of(sample, "_B04_10m.jp2")
    with Proxy(f"http://localhost:{cdse.port}") as proxy:
        proxy.faults.cuts = [offset - 100_000]
        proxy.faults.flip, proxy.faults.flip_in = offset, "$value"
        with pytest.raises(CorruptFileError, match=name):
            connect(via=proxy.url).download(sample.name, folder)
    assert not [file for file in left(folder) if not file.endswith(".lock")]


def test_a_manifest_that_disagrees(cdse: Cdse, connect: Connect, sample: Sample, folder: Path, tmp_path: Path) -> None:
    """What the archive itself says of its files is checked, but deletes nothing that passes the zip's checksums."""
    wrong = tmp_path / "wrong.zip"
    with zipfile.ZipFile(sample.path) as old, zipfile.ZipFile(wrong, "w") as file:
        for member in old.infolist():
            data = old.read(member)
            file.writestr(member, data[:-1] + b"?" if member.filename.endswith("INSPIRE.xml") else data)
    cdse.products[0].file, cdse.products[0].checksums = wrong, {}
    with pytest.warns(SafeWarning, match=r"1 of \d+ files .* INSPIRE.xml has .* it is kept"):
        path = connect().download(sample.name, folder)
    assert path.read_bytes() == wrong.read_bytes()


def test_a_size_that_disagrees(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    cdse.products[0].size = len(sample.data) + 1
    assert connect().download(sample.name, folder).exists()  # a checksum says more
    shutil.rmtree(folder)
    cdse.products[0].checksums = {}
    with pytest.warns(SafeWarning, match=r"the catalogue says \d+\. .*it is kept"):
        assert connect().download(sample.name, folder).read_bytes() == sample.data
    shutil.rmtree(folder)
    cdse.products[0].size = 0  # the catalogue does not know
    assert connect().download(sample.name, folder).exists()


def test_a_product_without_a_manifest(cdse: Cdse, connect: Connect, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("X.SAFE/MTD_MSIL2A.xml", "<x/>")
    cdse.products.append(Listed("X_MSIL2A.SAFE", other, id="2222-2222"))
    with pytest.warns(SafeWarning, match=r"manifest.safe"):
        assert connect().download("X_MSIL2A", folder).exists()


def test_eight_threads_fetch_it_once(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    client = connect(limits=dataclasses.replace(QUICK, patience=30))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        paths = set(pool.map(lambda _: client.download(sample.name, folder), range(8)))
    assert paths == {folder / f"{sample.name}.zip"}
    assert cdse.downloads == 1
    assert left(folder) == [f"{sample.name}.zip"]


_DOWNLOAD = """
import sys
from xarray_safe.access import CDSE, Endpoints
print(CDSE(endpoints=Endpoints.at(sys.argv[1]), state_folder=sys.argv[2]).download(sys.argv[3], sys.argv[4]))
"""


def test_two_processes_fetch_it_once(cdse: Cdse, sample: Sample, folder: Path, tmp_path: Path) -> None:
    cdse.redirect = None
    env = {**os.environ, "CDSE_USERNAME": USER, "CDSE_PASSWORD": PASSWORD}
    command = [sys.executable, "-c", _DOWNLOAD, cdse.url, str(tmp_path / "state"), sample.name, str(folder)]
    running = [
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    ends = [process.communicate(timeout=60) for process in running]
    assert {out.strip() for out, _ in ends} == {str(folder / f"{sample.name}.zip")}
    assert [err for _, err in ends] == ["", ""]  # quiet, for it is no terminal
    assert (cdse.downloads, cdse.logins) == (1, 1)


def test_a_download_that_another_process_never_ends(connect: Connect, sample: Sample, folder: Path) -> None:
    from filelock import FileLock

    folder.mkdir()
    with FileLock(folder / f".{sample.name}.zip.5d369f6c.part.lock"), pytest.raises(AccessError, match="no progress"):
        connect(limits=dataclasses.replace(QUICK, patience=0.3)).download(sample.name, folder)


def test_quota(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    cdse.busy, cdse.retry_after = 2, "0"
    assert connect().download(sample.name, folder).exists()
    shutil.rmtree(folder)
    cdse.busy, cdse.retry_after = 2, "3600"
    with pytest.raises(QuotaReachedError, match=r"429.*Max session number exceeded.*4 connections") as caught:
        connect().download(sample.name, folder)
    assert isinstance(caught.value, OSError)


def test_unknown_and_offline_products(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    client = connect()
    with pytest.raises(UnknownProductError, match=r"no product S2A_MSIL2A_20200101T000000_x\.SAFE"):
        client.download("S2A_MSIL2A_20200101T000000_x", folder)
    info = client.find(sample.name)
    cdse.products[0].online = False
    with pytest.raises(ProductOfflineError, match="Order it"):
        client.download(sample.name, folder)
    with pytest.raises(ProductOfflineError, match="Order it"):
        client.download(info, folder)  # went offline since
    cdse.products.clear()
    with pytest.raises(UnknownProductError, match="does not have it"):
        client.download(info, folder)
    assert cdse.logins == 1


@pytest.mark.parametrize(("status", "kind"), [(401, LoginFailedError), (403, AccessError), (418, AccessError)])
def test_other_refusals(connect: Connect, sample: Sample, folder: Path, status: int, kind: type[Exception]) -> None:
    with Recorder(b'{"detail": {"message": "No!"}}', status) as server, pytest.raises(kind, match=str(status)):
        connect(via=server.url).download(sample.name, folder)


def test_a_download_that_comes_compressed(connect: Connect, sample: Sample, folder: Path) -> None:
    with (
        Recorder(b"x", headers={"Content_Encoding": "gzip"}) as server,
        pytest.raises(ServerFailedError, match="compresses"),
    ):
        connect(via=server.url).download(sample.name, folder)


def test_no_room(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    cdse.products[0].size = 10**18
    with pytest.raises(DiskFullError, match="GB are free"):
        connect().download(sample.name, folder)
    assert cdse.downloads == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_disk_that_gets_full(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    folder.mkdir()
    (folder / f".{sample.name}.zip.5d369f6c.part").symlink_to("/dev/full")
    with pytest.raises(DiskFullError, match="the disk is full"):
        connect().download(sample.name, folder)
    assert f"{sample.name}.zip" not in left(folder)


def test_a_folder_that_cannot_be_made(connect: Connect, sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AccessError, match="cannot be made"):
        connect().download(sample.name, tmp_path / "file" / "data")


def test_the_bar(connect: Connect, sample: Sample, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    connect().download(sample.name, folder)
    assert capfd.readouterr() == ("", "")
    connect().download(sample.name, folder / "again", progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert sample.name[:40] in err
    assert "100%" in err


def test_no_more_than_four_connections(cdse: Cdse, connect: Connect, sample: Sample, folder: Path) -> None:
    with Proxy(f"http://localhost:{cdse.port}") as proxy:
        proxy.faults.latency = 0.1
        client = connect(via=proxy.url)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: client.download(sample.name, folder / str(number), verify=False), range(8)))
        assert proxy.peak <= 4
        assert len(proxy.log) == 8


def test_a_catalogue_entry_of_stac_is_enough(connect: Connect, sample: Sample, folder: Path) -> None:
    client = connect()
    info = dataclasses.replace(client.find(sample.name), id=None)
    assert client.download(info, folder).exists()


def test_defaults_are_the_real_ones(tmp_path: Path) -> None:
    client = CDSE()
    assert client.endpoints == Endpoints()
    assert repr(client) == "CDSE('https://catalogue.dataspace.copernicus.eu')"
    assert not (tmp_path / "state-home").exists()
