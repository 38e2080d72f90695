"""A product, the stand-in of the Data Space, and a client for it that knows nothing of the user's own settings."""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.servers.cdse import Cdse, Listed
from xarray_safe.sample import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEEDED = (
    "authlib",
    "blake3",
    "filelock",
    "obstore",
    "platformdirs",
    "pystac_client",
    "rustac",
    "s3fs",
    "tqdm",
    "typer",
)
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
if MISSING:
    collect_ignore_glob = ["test_*.py"]
else:
    from tests.access.support import PASSWORD, QUICK, USER, Connect, Sample, endpoints
    from xarray_safe.access import CDSE


def pytest_report_header() -> str | None:
    return f"tests/access left out: not installed are {', '.join(MISSING)}" if MISSING else None


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    path = write(tmp_path_factory.mktemp("sample") / "product.zip")
    with zipfile.ZipFile(path) as file:
        name = file.namelist()[0].partition("/")[0]
    data = path.read_bytes()
    return Sample(name, path, data, hashlib.md5(data).hexdigest())


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the user's own logins, and the login of other tests."""
    for name in ("USERNAME", "PASSWORD", "TOTP", "S3_ACCESS_KEY", "S3_SECRET_KEY"):
        monkeypatch.delenv(f"CDSE_{name}", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("CDSE_URL", "EOPF_STAC", "KEEP_TOKEN"):
        monkeypatch.delenv(f"XARRAY_SAFE_{name}", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state-home"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def cdse(sample: Sample) -> Iterator[Cdse]:
    with Cdse([Listed(sample.name, sample.path, checksums={"MD5": sample.md5})]) as server:
        yield server


@pytest.fixture
def connect(cdse: Cdse, tmp_path: Path) -> Connect:
    """Make clients of the stand-in; `via` is a proxy for downloads."""

    def make(via: str | None = None, **options: object) -> CDSE:
        cdse.redirect = None if via else cdse.redirect
        given = {"username": USER, "password": PASSWORD, "state_folder": tmp_path / "state", "limits": QUICK, **options}
        return CDSE(**{"endpoints": endpoints(cdse, via), **given})  # type: ignore[arg-type]

    return make
