"""The notebooks of the documentation run from the first cell to the last, with the services of the tutorial at hand."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING

import nbclient
import nbformat
import pytest

from tests.support import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
MISSING = [name for name in ("authlib", "obstore", "pystac_client", "s3fs") if importlib.util.find_spec(name) is None]


def executed(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> NotebookNode:
    """Run a notebook in a folder; an error in a cell is raised."""
    for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))
    path = next(path for path in NOTEBOOKS if path.stem == name)
    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def shown(notebook: NotebookNode, start: str) -> str:
    """Give what the one cell with this in its code shows, as text and HTML."""
    (cell,) = (cell for cell in notebook.cells if cell.cell_type == "code" and start in cell.source)
    data = [output.get("data", {}) for output in cell.outputs]
    return "\n".join(text for found in data for kind, text in found.items() if kind.startswith("text/"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["browse", "ndvi-series"])
def test_it_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook = executed(name, tmp_path, monkeypatch)
    assert [output for cell in notebook.cells for output in cell.get("outputs", ())]


@pytest.mark.slow
@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
def test_the_tutorial_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.servers.services import PRODUCT, services

    with services(tmp_path / "services") as there:
        for variable, value in there.environment.items():
            monkeypatch.setenv(variable, value)
        (tmp_path / "home").mkdir()
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
        notebook = executed("tutorial", tmp_path / "home", monkeypatch)
        assert (there.cdse.logins, there.cdse.downloads, there.cdse.refused) == (1, 1, 0)
        ranges = [entry for entry in there.store.log if entry.path.startswith("/eodata/") and entry.range]
        assert any(entry.path.endswith("B04_10m.jp2") for entry in ranges)

    assert PRODUCT in shown(notebook, "cdse.find(")
    assert f"{PRODUCT}.SAFE.zip" in shown(notebook, "cdse.download(")
    assert f"{there.archive.stat().st_size / 1e9:.3f} GB" in shown(notebook, "size(safe)")
    assert f"{PRODUCT}.zarr" in shown(notebook, "service.open(")
    assert shown(notebook, "summary(tree) == summary(zarr)") == "True"
    assert "identical" in shown(notebook, "compare(")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_outputs_are_kept(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert not [cell for cell in cells if cell.get("outputs") or cell.get("execution_count")]


def test_there_are_notebooks() -> None:
    assert {path.stem for path in NOTEBOOKS} == {"tutorial", "ndvi-series", "browse"}
