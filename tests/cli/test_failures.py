"""What goes wrong on the command line: one line that says how, and an exit status; never a traceback."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr

import xarray_safe
from tests.support import own


def call(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as a user does."""
    command = [sys.executable, "-m", "xarray_safe.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=cwd)


def failed(done: subprocess.CompletedProcess[str]) -> str:
    """Give the one line that a call failed with."""
    lines = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("xarray-safe: ")
    return lines[0]


def test_where_a_picture_cannot_be_written(tiny_folder: Path, tmp_path: Path) -> None:
    assert "/x.png cannot be written: No such file" in failed(
        call("quicklook", tiny_folder, "-o", tmp_path / "nope" / "x.png")
    )
    assert f"{tmp_path} is a folder" in failed(call("quicklook", tiny_folder, "-o", tmp_path))


def test_where_a_report_cannot_be_written_nothing_is_compared(tmp_path: Path) -> None:
    """The products are not there, and the report is what is told of: it was looked at first."""
    (tmp_path / "file").touch()
    assert "file" in failed(call("compare", "A", "B", "--html", tmp_path / "file" / "x.html"))
    assert f"{tmp_path} is a folder" in failed(call("compare", "A", "B", "--html", tmp_path))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder in which nobody can write, on Linux")
def test_where_nobody_can_write(tiny_folder: Path) -> None:
    assert "/proc/x.html cannot be written" in failed(call("compare", "A", "B", "--html", "/proc/x.html"))
    assert "/proc/x" in failed(call("demo", "/proc/x", "--scale", 0.01))


def test_a_demo_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "notdir").touch()
    assert "notdir" in failed(call("demo", "notdir", "--scale", 0.01, cwd=tmp_path))


def test_zarrs_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "junk.zarr.zip").write_bytes(b"junk")
    (tmp_path / "e.zarr").mkdir()
    assert "junk.zarr.zip cannot be opened as a Zarr (BadZipFile" in failed(call("info", tmp_path / "junk.zarr.zip"))
    assert "e.zarr: there is no Zarr" in failed(call("info", tmp_path / "e.zarr"))


def test_a_server_that_is_not_there() -> None:
    pytest.importorskip("aiohttp")
    assert "http://127.0.0.1:1/x.zarr cannot be opened" in failed(call("info", "http://127.0.0.1:1/x.zarr?sig=secret"))


def test_a_picture_of_a_damaged_zarr(tiny_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "damaged.zarr"
    with xr.open_datatree(tiny_folder, engine="safe") as tree:
        tree.to_zarr(target, zarr_format=2, consolidated=True)
    for group in ("r10m", "r20m", "r60m"):
        (target / "measurements/reflectance" / group / "b04" / "0.0").write_bytes(b"\x02\x01junk" + bytes(40))
    assert "damaged.zarr: its bands cannot be read" in failed(call("quicklook", target, cwd=tmp_path))


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_pipe_that_nobody_reads(tiny_folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "xarray_safe.cli", "tree", str(tiny_folder), "--flat"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=120, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_version() -> None:
    done = call("--version")
    assert (done.returncode, done.stdout) == (0, f"xarray-safe {xarray_safe.__version__}\n")


def test_layout_of_two_safes(tiny_folder: Path, tmp_path: Path) -> None:
    same = own(tiny_folder, tmp_path / tiny_folder.name)
    arguments = ("compare", tiny_folder, same, "--no-costs", "--no-values", "--layout")
    done = call(*arguments, "2.5")
    assert done.returncode == 0
    assert "Layout 2.5" in done.stdout
    done = call(*arguments, "2.4")
    assert (done.returncode, done.stdout) == (2, "")
    assert "2.4" in done.stderr


def test_the_size_of_a_file_needs_no_client_of_the_data_space(tiny_folder: Path) -> None:
    if not all(map(importlib.util.find_spec, ("requests", "obstore"))):
        pytest.skip("the extra [access] is not installed")
    code = (
        "import sys; sys.modules['blake3'] = sys.modules['authlib'] = None\n"
        "sys.argv = ['', 'size', sys.argv[1]]\n"
        "from xarray_safe import cli; cli.main()"
    )
    command = [sys.executable, "-c", code, str(tiny_folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    total = sum(path.stat().st_size for path in tiny_folder.rglob("*") if path.is_file())
    assert (done.returncode, done.stdout.split()[0]) == (0, f"{total:,}"), done.stderr
