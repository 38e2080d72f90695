"""The reference pages are those of the tables."""

from __future__ import annotations

import importlib.util

import pytest

from tests.support import ROOT

FOLDER = ROOT / "docs/reference"


def pages() -> dict[str, str]:
    spec = importlib.util.spec_from_file_location("tables", FOLDER / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.pages())


@pytest.mark.parametrize(("name", "text"), pages().items())
def test_pages_are_up_to_date(name: str, text: str) -> None:
    written = FOLDER / name
    assert written.is_file(), "run python docs/reference/tables.py"
    assert written.read_text(encoding="utf-8") == text, "run python docs/reference/tables.py"
