"""A page in headless Chromium: what is drawn, what is asked for over the network."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from dataclasses import dataclass
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers.programs import program, wanted

if TYPE_CHECKING:
    from pathlib import Path

_LOOK = """<!doctype html><iframe id="f" src="page.html" style="width:1200px;height:3000px"></iframe>
<pre id="out"></pre>
<script>
document.getElementById("f").onload = event => {
  const view = event.target.contentWindow, page = view.document;
  const all = (what, of) => [...page.querySelectorAll(what)].map(of);
  const box = it => { const b = it.getBoundingClientRect(); return [b.width, b.height]; };
  document.getElementById("out").textContent = JSON.stringify({
    title: page.title,
    verdict: page.querySelector(".verdict").textContent,
    charts: all("svg.chart", box), bars: all("svg.chart rect.bar", box),
    images: all("img", it => [it.naturalWidth, it.naturalHeight, it.closest("figure").className, ...box(it)]),
    wide: page.documentElement.scrollWidth,
    tall: page.body.getBoundingClientRect().height,
    resources: view.performance.getEntriesByType("resource").map(it => it.name).filter(it => !it.startsWith("data:")),
    done: true,
  });
};
</script>"""


in_chromium = pytest.mark.skipif(not wanted("CHROMIUM"), reason="pages are drawn if XARRAY_SAFE_TEST_CHROMIUM=1")


@dataclass(frozen=True)
class Seen:
    """What the browser saw, and the paths that it asked the server for."""

    facts: dict[str, Any]
    asked: list[str]


def look(page: Path, folder: Path) -> Seen:
    """Open a page in Chromium and measure what is on it; names that are not of this machine are not resolved."""
    chromium = program("chromium")
    (folder / "look.html").write_text(_LOOK, encoding="utf-8")
    (folder / "page.html").write_bytes(page.read_bytes())
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            f"--user-data-dir={folder / 'profile'}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            "--virtual-time-budget=10000",
            "--dump-dom",
            f"http://127.0.0.1:{server.server_port}/look.html",
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        server.shutdown()
    found = re.search(r'<pre id="out">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    return Seen(json.loads(unescape(found[1])), asked)
