"""File formats know no archive but the protocol for bytes, and nothing imports in a circle."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import xarray_safe

ROOT = Path(xarray_safe.__file__).parent
ALLOWED = ("archive.files", "archive.ranges", "model.arrays", "runtime", "errors", "formats")
"""What `formats` may import."""
BYTES = ("formats", "archive/files.py", "archive/ranges.py", "archive/base.py", "archive/names.py", "archive/local.py",
         "archive/folder.py", "archive/detect.py", "archive/zip", "archive/remote/fetch.py", "archive/remote/file.py",
         "archive/remote/folder.py")  # fmt: skip
"""Rooms, and files, among which no import may lead back, not even in a function or for type checking."""


def modules(*rooms: str) -> dict[str, Path]:
    """Files of rooms by the names of their modules, without the package's."""
    paths = [
        path for room in rooms for path in ([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py"))
    ]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return dict(zip(names, paths, strict=True))


def imports(path: Path) -> set[str]:
    """Names of all modules of the package that a file imports, or takes something from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            inner = {name for name in names if _is_module(name)}
            found |= inner | ({node.module or ""} if names - inner else set())
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name.removeprefix("xarray_safe.") for name in found if name.startswith("xarray_safe.")}


def _is_module(name: str) -> bool:
    path = ROOT.parent.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


@pytest.mark.parametrize("name", modules("formats"))
def test_formats_import_the_protocol_for_bytes_only(name):
    for other in imports(modules("formats")[name]):
        assert other.startswith(ALLOWED), f"{name} imports {other}"


def test_no_import_leads_back():
    files = modules(*BYTES)
    graph = {
        name: {other for other in imports(path) if other in files and other != name} for name, path in files.items()
    }
    assert sum(map(len, graph.values())) > 60
    while graph:
        leaves = {name for name, others in graph.items() if not others & graph.keys()}
        assert leaves, f"in a circle, or above one: {sorted(graph)}"
        graph = {name: others for name, others in graph.items() if name not in leaves}
