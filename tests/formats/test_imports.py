"""File formats know no archive but the protocol for bytes."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import xarray_safe

FORMATS = Path(xarray_safe.__file__).parent / "formats"
ALLOWED = ("archive.files", "archive.ranges", "model.arrays", "runtime", "errors", "formats")


def imports(path: Path) -> set[str]:
    """Names of what a file imports from the package, in functions and for type checking too, without the package's."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name.removeprefix("xarray_safe.") for name in found if name.startswith("xarray_safe.")}


@pytest.mark.parametrize("path", sorted(FORMATS.rglob("*.py")), ids=lambda path: path.relative_to(FORMATS).as_posix())
def test_formats_import_only_the_protocol_for_bytes(path):
    for name in imports(path):
        assert name.startswith(tuple(f"{room}." for room in ALLOWED)) or name in ALLOWED, name
