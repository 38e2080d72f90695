"""What README and documentation say can be done: extras, links, names and code that are there."""

from __future__ import annotations

import ast
import re
import textwrap
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support import ROOT as TOP

if TYPE_CHECKING:
    from pathlib import Path

PAGES = [TOP / "README.md", *sorted((TOP / "docs").rglob("*.md"))]
EXTRAS = set(tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"])


def readme() -> str:
    return (TOP / "README.md").read_text(encoding="utf-8")


def code(text: str) -> list[str]:
    """Give the blocks of Python in a page."""
    return [
        textwrap.dedent(block) for block in re.findall(r"^ *```python\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TOP).as_posix())
def test_extras_are_there(page: Path) -> None:
    for named in re.findall(r"pip install .*?\[([a-z0-9,]+)\]", page.read_text(encoding="utf-8")):
        assert set(named.split(",")) <= EXTRAS


def test_readme_installs_from_the_clone() -> None:
    """The project is on no package index."""
    lines = re.findall(r"pip install ([^`#;\n]*)", readme())
    assert len(lines) >= 5
    assert not [line for line in lines if not re.match(r"(-q )?(-e )?'\.\[", line)]


def test_links_of_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", readme())
    assert len(links) > 5
    assert not [link for link in links if not (TOP / link).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TOP).as_posix())
def test_code_is_python(page: Path) -> None:
    for block in code(page.read_text(encoding="utf-8")):
        ast.parse(block.replace("…", "..."))


def test_the_catalog_of_the_readme() -> None:
    intake = pytest.importorskip("intake")
    import xarray_safe

    (block,) = (block for block in code(readme()) if "intake" in block)
    named = re.search(r"xarray_safe\.catalogs\.(\w+)", block)
    told = re.search(r"list\(catalog\)  # (.*)", block)
    assert named
    assert told
    catalog = intake.open_catalog(getattr(xarray_safe.catalogs, named[1]))
    assert list(catalog) == ast.literal_eval(told[1])
    for entry in re.findall(r"catalog\.(\w+)\.read\(\)", block):
        assert callable(getattr(catalog, entry).read)


def test_readme_has_the_options_that_the_client_gives() -> None:
    pytest.importorskip("authlib")
    from xarray_safe.access import CDSE

    (block,) = (block for block in code(readme()) if "eodata" in block)
    names: dict[str, object] = {}
    for line in block.splitlines():
        if re.match(r"(eodata|keys) = ", line):
            exec(line, names)
    told = names["keys"]
    assert isinstance(told, dict)
    given = dict(CDSE(s3_key="…", s3_secret="…").storage_options())
    config = given.pop("config_kwargs")
    assert isinstance(config, dict)
    assert told.pop("config_kwargs").items() <= config.items()
    assert told == given
