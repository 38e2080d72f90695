"""The law of the house: imports go down only, from room to room, and no two files import each other in a circle.

All imports count, also those inside functions and for type checking. See `docs/explanation/design.md`.
"""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import xarray_safe

SOURCES = Path(xarray_safe.__file__).parent

ROOMS = (
    "errors", "settings", "runtime", "net", "archive", "model", "formats", "crs", "products", "access", "sample",
    "summary", "tile_indexes", "lazy", "accessor", "backend", "encoding", "zarr", "quicklook", "location", "compare",
    "catalogs", "cubes", "intake", "cli", "__init__",
)  # fmt: skip
"""All rooms (the modules and folders at the top of the package) from the ground up, those to come included. A file
imports from its own room and from those before it."""

NOT_YET: set[tuple[str, str]] = set()
"""Imports that break the law and are about to go: importer, imported."""


def module_names(sources: Path) -> dict[str, Path]:
    """Return all files by the names of their modules, without the package's."""
    found = {".".join(path.relative_to(sources).with_suffix("").parts): path for path in sources.rglob("*.py")}
    return {name if name == "__init__" else name.removesuffix(".__init__"): path for name, path in found.items()}


def imported(name: str, path: Path, files: dict[str, Path]) -> set[str]:
    """Return the modules of the package that a file imports or takes something from.

    The package's own `__init__` is not among them: Python runs it before any other module, whoever imports it.
    """
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names if alias.name.startswith("xarray_safe.")}
            found |= {name.removeprefix("xarray_safe.") for name in names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            parts = [*above, *(node.module or "").split(".")] if node.module else above
            base = ".".join(parts).removeprefix("xarray_safe").removeprefix(".")
            inner = {f"{base}.{alias.name}".removeprefix(".") for alias in node.names}
            ours = bool(node.level) or (node.module or "").partition(".")[0] == "xarray_safe"
            found |= {one if one in files else base for one in inner} if ours else set()
    return (found & files.keys()) - {name, "__init__"}


def graph_of(sources: Path) -> dict[str, set[str]]:
    files = module_names(sources)
    return {name: imported(name, path, files) for name, path in files.items()}


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of one circle, the first one again at the end; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def room_of(name: str) -> str:
    return name.partition(".")[0]


def climbs(graph: dict[str, set[str]]) -> list[tuple[str, str]]:
    """Return the imports that lead up: importer, imported."""
    level = {room: number for number, room in enumerate(ROOMS)}
    return sorted(
        (name, other)
        for name, others in graph.items()
        for other in others
        if level[room_of(other)] > level[room_of(name)]
    )


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    """What each file imports, without the imports that are about to go."""
    found = graph_of(SOURCES)
    return {name: {other for other in others if (name, other) not in NOT_YET} for name, others in found.items()}


def test_every_file_is_in_a_room(graph):
    assert len(graph) > 150
    assert len(set(ROOMS)) == len(ROOMS)
    assert {room_of(name) for name in graph} <= set(ROOMS)


def test_imports_go_down_only(graph):
    assert sum(map(len, graph.values())) > 450
    assert climbs(graph) == []


def test_no_two_files_import_each_other(graph):
    assert circle_in(graph) == []


@pytest.mark.parametrize(
    "line",
    ["from xarray_safe.archive.b import x", "from xarray_safe.archive import b", "import xarray_safe.archive.b",
     "from .b import x", "from . import b", "from ..archive import b", "from ..archive.b import x"],
)  # fmt: skip
@pytest.mark.parametrize("frame", ["{}", "def f():\n    {}", "if TYPE_CHECKING:\n    {}"])
def test_the_law_sees_every_import(tmp_path, line, frame):
    room = tmp_path / "archive"
    room.mkdir()
    (tmp_path / "__init__.py").touch()
    (room / "__init__.py").touch()
    (room / "a.py").write_text(frame.format(line))
    (room / "b.py").write_text("from xarray_safe import __version__\nimport intake\nfrom archive import a\n")
    assert "archive.b" in graph_of(tmp_path)["archive.a"]
    assert not graph_of(tmp_path)["archive.b"]
    assert not circle_in(graph_of(tmp_path))
    (room / "b.py").write_text("from xarray_safe.archive import a\nfrom xarray_safe.cli import main")
    (tmp_path / "cli.py").touch()
    assert set(circle_in(graph_of(tmp_path))) == {"archive.a", "archive.b"}
    assert climbs(graph_of(tmp_path)) == [("archive.b", "cli")]
