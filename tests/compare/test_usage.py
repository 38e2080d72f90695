"""Counting requests and bytes, in a process of its own, because counters stay for as long as a process lives."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 300_000
_STANDARD = "import urllib.request; data = urllib.request.urlopen(sys.argv[1]).read()"
_FSSPEC = "import fsspec; data = fsspec.filesystem('http').cat_file(sys.argv[1])"
_FILE = "data = open(sys.argv[2], 'rb').read()"
_RUN = """
import sys
from xarray_safe.compare.usage import UsageMeter
meter = UsageMeter()
{imports}
meter.start()
{get}
counts = meter.stop()
assert len(data) == 300000
print(counts.requests, counts.received, counts.read or 0, counts.memory or 0)
"""


def counted(get: str, *arguments: object) -> list[int]:
    imports = "\n".join(
        f"import {name}" for name in ("urllib.request", "fsspec.implementations.http")[: 1 + ("fsspec" in get)]
    )
    command = [sys.executable, "-c", _RUN.format(imports=imports, get=get), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return [int(word) for word in done.stdout.split()]


@pytest.mark.parametrize("get", [_STANDARD, _FSSPEC], ids=["standard library", "fsspec"])
def test_http(get: str, tmp_path: Path) -> None:
    if get is _FSSPEC:
        pytest.importorskip("aiohttp")
    (tmp_path / "data").write_bytes(bytes(SIZE))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        requests, received, _, _ = counted(get, f"http://127.0.0.1:{server.server_port}/data")
        server.shutdown()
    assert requests == 1
    assert SIZE <= received < SIZE + 1000


def test_files(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(SIZE))
    requests, received, read, _ = counted(_FILE, "", tmp_path / "data")
    assert (requests, received) == (0, 0)
    if sys.platform == "linux":
        assert 0.5 * SIZE <= read < 2 * SIZE  # as the kernel counts it, in pages


@pytest.mark.skipif(sys.platform != "linux", reason="known on Linux only")
def test_memory_is_the_peak_even_if_it_is_free_again() -> None:
    memory = counted(f"big = b'x' * 50_000_000; del big; data = bytes({SIZE})")[3]
    assert 45_000_000 < memory < 60_000_000
