"""What goes wrong on the command line: one line that says how, and an exit status; never a traceback."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import xarray_safe
from tests.support import Run, own


def failed(done: tuple[int, str, str]) -> str:
    """Return the one line that a call failed with."""
    status, out, err = done
    lines = err.splitlines()
    assert (status, out) == (1, ""), err
    assert len(lines) == 1, err
    assert lines[0].startswith("xarray-safe: ")
    return lines[0]


def test_where_a_picture_cannot_be_written(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    assert "/x.png cannot be written: No such file" in failed(
        run("quicklook", tiny_folder, "-o", tmp_path / "nope" / "x.png")
    )
    assert f"{tmp_path} is a folder" in failed(run("quicklook", tiny_folder, "-o", tmp_path))


def test_where_a_report_cannot_be_written_nothing_is_compared(run: Run, tmp_path: Path) -> None:
    """The products are not there, and the report is what is told of: it was looked at first."""
    (tmp_path / "file").touch()
    assert "file" in failed(run("compare", "A", "B", "--html", tmp_path / "file" / "x.html"))
    assert f"{tmp_path} is a folder" in failed(run("compare", "A", "B", "--html", tmp_path))


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder in which nobody can write, on Linux")
def test_where_nobody_can_write(run: Run, tiny_folder: Path) -> None:
    assert "/proc/x.html cannot be written" in failed(run("compare", "A", "B", "--html", "/proc/x.html"))
    assert "/proc/x" in failed(run("demo", "/proc/x", "--scale", 0.01))


def test_a_demo_in_a_file(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notdir").touch()
    assert "notdir" in failed(run("demo", "notdir", "--scale", 0.01))


def test_zarrs_that_are_none(run: Run, tmp_path: Path) -> None:
    (tmp_path / "junk.zarr.zip").write_bytes(b"junk")
    (tmp_path / "e.zarr").mkdir()
    assert "junk.zarr.zip cannot be opened as a Zarr (BadZipFile" in failed(run("info", tmp_path / "junk.zarr.zip"))
    assert "e.zarr: there is no Zarr" in failed(run("info", tmp_path / "e.zarr"))


def test_a_server_that_is_not_there(run: Run) -> None:
    pytest.importorskip("aiohttp")
    assert "http://127.0.0.1:1/x.zarr cannot be opened" in failed(run("info", "http://127.0.0.1:1/x.zarr?sig=secret"))


def test_a_picture_of_a_damaged_zarr(
    run: Run, tiny_zarr: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = own(tiny_zarr, tmp_path / "damaged.zarr")
    for group in ("r10m", "r20m", "r60m"):
        (target / "measurements/reflectance" / group / "b04" / "0.0").write_bytes(b"\x02\x01junk" + bytes(40))
    assert "damaged.zarr: its bands cannot be read" in failed(run("quicklook", target))


@pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")
def test_a_pipe_that_nobody_reads(tiny_folder: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "xarray_safe.cli", "tree", str(tiny_folder), "--flat"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=120, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_version() -> None:
    """As a user calls it, in a process of its own."""
    command = [sys.executable, "-m", "xarray_safe.cli", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, f"xarray-safe {xarray_safe.__version__}\n")


def test_a_failure_ends_the_process_with_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "xarray_safe.cli", "info", str(tmp_path / "nowhere.SAFE")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "nowhere.SAFE" in failed((done.returncode, done.stdout, done.stderr))


def test_layout_of_two_safes(run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    same = own(tiny_folder, tmp_path / tiny_folder.name)
    arguments = ("compare", tiny_folder, same, "--no-costs", "--no-values", "--layout")
    status, out, _ = run(*arguments, "2.5")
    assert status == 0
    assert "Layout 2.5" in out
    status, out, err = run(*arguments, "2.4")
    assert (status, out) == (2, "")
    assert "2.4" in err


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
