"""Copies of the product's Zarr twin, to be changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.support import own

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def twin(twins: dict[str, Path], tmp_path: Path) -> Path:
    """A twin of layout 2.8 to change."""
    return own(twins["2.8"], tmp_path / "twin.zarr")


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
