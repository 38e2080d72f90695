"""What the tests of `access` share: a login, the sample product, the stand-in's endpoints."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xarray_safe.access import CDSE, Endpoints, Limits

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.cdse import Cdse

USER, PASSWORD = "me@example.org", "pass word & ü"
QUICK = Limits(connect=2, read=5, answer=10, tries=3, pause=0.01, patience=1)


@dataclass(frozen=True)
class Sample:
    """A product as a zip: its name (with .SAFE), file, bytes and MD5."""

    name: str
    path: Path
    data: bytes
    md5: str


def endpoints(server: Cdse, via: str | None = None) -> Endpoints:
    """Give a stand-in's endpoints: tokens may go to it, and to localhost; downloads may go through a proxy."""
    local = f"http://localhost:{server.port}"
    found = dataclasses.replace(Endpoints.at(server.url), hosts=(server.url, local))
    if via:
        found = dataclasses.replace(found, download=f"{via}/odata/v1", hosts=(*found.hosts, via))
    return found


Connect = Callable[..., CDSE]
