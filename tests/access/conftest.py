"""A product, the stand-in of the Data Space, and a client for it that knows nothing of the user's own settings."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # tests/servers

from servers.cdse import Cdse, Listed

from xarray_safe.access import CDSE, Endpoints, Limits
from xarray_safe.sample import write

USER, PASSWORD = "me@example.org", "pass word & ü"
QUICK = Limits(connect=2, read=5, answer=10, tries=3, pause=0.01, patience=1)


@dataclass(frozen=True)
class Sample:
    """A product as a zip: its name (with .SAFE), file, bytes and MD5."""

    name: str
    path: Path
    data: bytes
    md5: str


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


def endpoints(server: Cdse, via: str | None = None) -> Endpoints:
    """Give a stand-in's endpoints: tokens may go to it, and to localhost; downloads may go through a proxy."""
    local = f"http://localhost:{server.port}"
    found = dataclasses.replace(Endpoints.at(server.url), hosts=(server.url, local))
    if via:
        found = dataclasses.replace(found, download=f"{via}/odata/v1", hosts=(*found.hosts, via))
    return found


Connect = Callable[..., CDSE]


@pytest.fixture
def connect(cdse: Cdse, tmp_path: Path) -> Connect:
    """Make clients of the stand-in; `via` is a proxy for downloads."""

    def make(via: str | None = None, **options: object) -> CDSE:
        cdse.redirect = None if via else cdse.redirect
        given = {"username": USER, "password": PASSWORD, "state_folder": tmp_path / "state", "limits": QUICK, **options}
        return CDSE(**{"endpoints": endpoints(cdse, via), **given})  # type: ignore[arg-type]

    return make
