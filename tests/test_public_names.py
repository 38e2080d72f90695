"""What `xarray_safe` exports: all of it importable, documented, and not imported before it is used."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from types import ModuleType

import pytest

import xarray_safe
from tests.support import ROOT

NEED = {"access": "authlib", "intake": "intake"}


def get(name: str) -> object:
    home = xarray_safe._NAMES.get(name, (name, ""))[0]
    if home in NEED:
        pytest.importorskip(NEED[home])
    return getattr(xarray_safe, name)


@pytest.mark.parametrize("name", xarray_safe.__all__)
def test_public_names_are_importable(name: str) -> None:
    found = get(name)
    assert found is not None
    assert name in dir(xarray_safe)
    if name != "__version__":
        assert found.__doc__


@pytest.mark.parametrize("name", [name for name in xarray_safe.__all__ if name != "__version__"])
def test_public_names_are_documented(name: str) -> None:
    page = (ROOT / "docs/reference/api.md").read_text(encoding="utf-8")
    section = page[page.index("## Public names") :].partition("\n## ")[0] + page.partition("## Public names")[2]
    assert re.search(rf"`{name}`", section), f"{name} is missing in docs/reference/api.md"


def test_functions_of_modules_of_their_name_work_both_ways() -> None:
    assert isinstance(xarray_safe.compare, ModuleType)
    assert xarray_safe.compare_products is xarray_safe.compare.compare
    assert xarray_safe.summarize is xarray_safe.summary.summary
    assert xarray_safe.write_sample is xarray_safe.sample.write
    assert xarray_safe.CDSE is importlib.import_module("xarray_safe.access").CDSE


def test_unknown_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        xarray_safe.nothing


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_package_loads_nothing_else() -> None:
    assert (
        run("import sys, xarray_safe; print([m for m in ('xarray', 'numpy', 'requests', 'lxml') if m in sys.modules])")
        == "[]"
    )


def test_the_accessor_is_there_when_the_engine_is(tiny_folder) -> None:
    code = f"import xarray; print(xarray.open_datatree({str(tiny_folder)!r}, engine='safe').safe.summary().type)"
    assert run(code) == "S02MSIL2A"
