"""Environment variables: what they may say, and that the documentation says the same."""

from __future__ import annotations

import os
import re
from dataclasses import fields

import pytest

from tests.support import ROOT
from xarray_safe.errors import InvalidArgumentError
from xarray_safe.settings import MAX_THREADS, Settings, rows


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1000", 1000),
        ("256MB", 256_000_000),
        ("256 mb", 256_000_000),
        ("1.5GiB", 3 << 29),
        ("64k", 64_000),
        (" 2 MiB ", 2 << 20),
        ("", 128_000_000),
    ],
)
def test_bytes_of_tiles(text: str, expected: int) -> None:
    assert Settings.from_environ({"XARRAY_SAFE_TILE_CACHE": text}).tile_cache == expected


@pytest.mark.parametrize(
    "environ",
    [
        {"XARRAY_SAFE_TILE_CACHE": "much"},
        {"XARRAY_SAFE_TILE_CACHE": "-1"},
        {"XARRAY_SAFE_TILE_CACHE": "1TB2"},
        {"XARRAY_SAFE_THREADS": "0"},
        {"XARRAY_SAFE_THREADS": "two"},
        {"XARRAY_SAFE_THREADS": "-3"},
    ],
)
def test_settings_that_say_nothing(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidArgumentError, match=next(iter(environ))):
        Settings.from_environ(environ)


@pytest.mark.parametrize("name", ["XARRAY_SAFE_CONNECTIONS", "XARRAY_SAFE_TRIES", "XARRAY_SAFE_TIMEOUT"])
@pytest.mark.parametrize("text", ["none", "0", "-1", "nan", "1e7"])
def test_limits_of_remote_reading_that_are_invalid(name: str, text: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{name} is '{text}'; give a number"):
        Settings.from_environ({name: text})


def test_every_variable() -> None:
    environ = {
        "XARRAY_SAFE_TILE_CACHE": "1MB",
        "XARRAY_SAFE_THREADS": "7",
        "XARRAY_SAFE_OPENJPEG": "off",
        "XARRAY_SAFE_CONNECTIONS": "2",
        "XARRAY_SAFE_TRIES": "3",
        "XARRAY_SAFE_TIMEOUT": "0.5",
        "XARRAY_SAFE_INDEX_CACHE": "No",
        "XARRAY_SAFE_INDEXES": os.pathsep.join(["a", "", "b"]),
        "XARRAY_SAFE_CDSE_URL": "http://127.0.0.1:1",
        "XARRAY_SAFE_EOPF_STAC": "http://127.0.0.1:2",
        "XARRAY_SAFE_KEEP_TOKEN": "0",
    }
    expected = Settings(
        1_000_000, 7, "off", 2, 3, 0.5, "off", ("a", "b"), "http://127.0.0.1:1", "http://127.0.0.1:2", False
    )
    assert Settings.from_environ(environ) == expected
    assert list(environ) == [setting.metadata["variable"] for setting in fields(Settings)]
    assert Settings.from_environ(dict.fromkeys(environ, " ")) == Settings()


def test_the_sources_read_no_other_variable() -> None:
    sources = [path for path in (ROOT / "src").rglob("*.py") if path.name != "settings.py"]
    for path in sources:
        assert not re.search(r"environ[^\n]*XARRAY_SAFE_(?!COMPLETE)", path.read_text(encoding="utf-8")), path


def test_the_page_of_the_documentation_has_them_all() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    written = [line for line in page.splitlines() if line.startswith("| `XARRAY_SAFE_")]
    assert written == [f"| `{name}` | {meaning} | {default} |" for name, meaning, default in rows()]


def test_defaults() -> None:
    settings = Settings.from_environ({})
    assert settings.tile_cache == 128_000_000
    assert 1 <= settings.threads <= MAX_THREADS
    assert settings.openjpeg == ""
