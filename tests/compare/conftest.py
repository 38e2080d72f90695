"""A product and its Zarr twin, and copies of the twin to change."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def twins(l2a_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Zarr twins of the Level-2A product by layout."""
    found = {}
    for layout in ("2.8", "2.5"):
        found[layout] = tmp_path_factory.mktemp("twins") / f"{l2a_folder.stem}-{layout}.zarr"
        with xr.open_datatree(l2a_folder, engine="safe", eopf_version=layout) as tree:
            tree.to_zarr(found[layout], zarr_format=2, consolidated=True)
    return found


@pytest.fixture
def twin(twins: dict[str, Path], tmp_path: Path) -> Path:
    """A twin of layout 2.8 to change."""
    return shutil.copytree(twins["2.8"], tmp_path / "twin.zarr")


Edit = "Callable[[str, dict[str, Any]], None]"


@pytest.fixture
def edit_attrs(twin: Path) -> Callable[..., None]:
    """Change attributes of the twin's group or variable."""

    def edit(path: str, change: Callable[[dict[str, Any]], None]) -> None:
        name = f"{path.strip('/')}/.zattrs".lstrip("/")
        whole = json.loads((twin / ".zmetadata").read_text())
        change(whole["metadata"][name])
        (twin / ".zmetadata").write_text(json.dumps(whole))
        (twin / name).write_text(json.dumps(whole["metadata"][name]))

    return edit


@pytest.fixture
def edit_values(twin: Path) -> Callable[..., None]:
    """Change raw values of the twin's variable."""

    def edit(path: str, where: tuple[int | slice, ...], value: object) -> None:
        import zarr

        array = zarr.open_array(twin / path.strip("/"), mode="r+", zarr_format=2)
        array[where] = np.asarray(value, array.dtype)

    return edit
