"""The commands, as a user calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.access.support import PASSWORD, USER, Sample, collection, item
from tests.servers.programs import rustac
from xarray_safe import runtime

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.cdse import Cdse
    from tests.support import Run


@pytest.fixture(autouse=True)
def settings(cdse: Cdse, monkeypatch: pytest.MonkeyPatch) -> None:
    cdse.redirect = None
    monkeypatch.setenv("XARRAY_SAFE_CDSE_URL", cdse.url)
    monkeypatch.setenv("XARRAY_SAFE_EOPF_STAC", f"{cdse.url}/nothing")
    monkeypatch.setenv("CDSE_USERNAME", USER)
    monkeypatch.setenv("CDSE_PASSWORD", PASSWORD)
    monkeypatch.setenv("COLUMNS", "200")


def test_login_and_logout(run: Run, cdse: Cdse, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("login") == (0, f"Logged in as {USER}.\n", "")
    monkeypatch.delenv("CDSE_PASSWORD")
    assert run("login")[0] == 0
    assert cdse.logins == 1
    assert run("login", "--out") == (0, "Logged out.\n", "")
    status, out, err = run("login")
    assert (status, out) == (1, "")
    assert err.startswith("xarray-safe: No login")
    assert err.count("\n") == 1


def test_a_wrong_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDSE_PASSWORD", "not this one")
    status, _, err = run("login")
    assert status == 1
    assert "refuses the login" in err
    assert "not this one" not in err


def test_find(run: Run, sample: Sample, cdse: Cdse) -> None:
    status, out, err = run("find", sample.name)
    assert (status, err) == (0, "")
    assert f"url       s3://eodata/Sentinel-2/MSI/L2A/2024/11/15/{sample.name}\n" in out
    assert f"{len(sample.data):,} bytes" in out
    found = json.loads(run("find", sample.name, "--json")[1])
    assert (found["size"], found["checksums"]) == (len(sample.data), {"MD5": sample.md5})
    assert run("find", "S2A_nothing_of_the_kind")[::2] == (
        1,
        "xarray-safe: The catalogue has no product S2A_nothing_of_the_kind.SAFE. Check the name.\n",
    )
    assert run("find")[0] == run("find", sample.name, "--collection", "x")[0] == 2
    assert cdse.logins == 0


def test_search(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from xarray_safe.access import Endpoints

    items = [item(f"S2A_MSIL2A_{n}", clouds=n, time="2024-11-15T09:42:59Z", west=9) for n in (10, 90)]
    with rustac(tmp_path, [collection("sentinel-2-l2a")], items) as server:
        at = Endpoints.at
        monkeypatch.setattr(Endpoints, "at", staticmethod(lambda base: replace(at(base), stac=server.url)))
        search = ["find", "-c", "sentinel-2-l2a", "--bbox", "9,47,10,48", "--time", "2024-11", "--clouds"]
        assert run(*search, "20") == (0, "S2A_MSIL2A_10.SAFE   10.0 %\n", "")
        assert [found["cloud_cover"] for found in json.loads(run(*search, "95", "--json")[1])] == [10.0, 90.0]
        assert run("find", "-c", "sentinel-2-l2a", "--bbox", "here")[0] == 2


def test_download(run: Run, sample: Sample, tmp_path: Path) -> None:
    path = tmp_path / "data" / f"{sample.name}.zip"
    assert run("download", sample.name, "-o", path.parent) == (0, f"{path}\n", "")
    assert path.read_bytes() == sample.data
    assert run("download", sample.name, "-o", path.parent) == (0, f"{path}\n", "")
    assert run("download", "S2A_nothing", "-o", path.parent)[0] == 1
    assert run("download")[0] == 2


def test_size(run: Run, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("size", sample.path) == (0, f"{len(sample.data):>14,} SAFE  {sample.path}\n", "")
    twin = {**item(sample.name[:-5], clouds=1, time="2024-11-15T09:42:59Z", west=9)}
    with rustac(tmp_path, [collection("sentinel-2-l2a")], [twin]) as server:
        monkeypatch.setenv("XARRAY_SAFE_EOPF_STAC", server.url)
        assert run("size", sample.name)[0] == 1  # the twin's item names no Zarr
    with rustac(tmp_path, [collection("sentinel-2-l2a")], []) as server:
        monkeypatch.setenv("XARRAY_SAFE_EOPF_STAC", server.url)
        runtime.reset()
        status, out, _ = run("size", sample.name, "--json")
        assert status == 0
        assert [(entry["format"], entry["bytes"]) for entry in json.loads(out)] == [
            ("SAFE", len(sample.data)),
            ("Zarr", None),
        ]
        assert "not found Zarr" in run("size", sample.name)[1]


_CALL = "import sys; from xarray_safe import cli; cli.main()"


def test_help_names_the_commands_and_imports_nothing_heavy(cdse: Cdse) -> None:
    code = f"try:\n  {_CALL}\nfinally:\n  print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, text=True, timeout=60)
    for command in ("login", "find", "download", "size"):
        assert command in done.stdout
    for module in ("'requests'", "'authlib'", "'pystac_client'", "'obstore'", "'xarray'"):
        assert module not in done.stdout


@pytest.mark.parametrize(("missing", "extra"), [("typer", "cli"), ("authlib", "access"), ("pystac_client", "access")])
def test_a_missing_extra_is_named(missing: str, extra: str, sample: Sample) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; {_CALL}"
    done = subprocess.run([sys.executable, "-c", code, "find", "x"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f'pip install "xarray-safe[{extra}]"' in done.stderr


def test_a_pipe_that_is_closed(cdse: Cdse, sample: Sample) -> None:
    command = [sys.executable, "-c", _CALL, "find", sample.name]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.wait(30)
