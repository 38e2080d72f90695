"""Every form of a local archive keeps the contract of `Files`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.archive.support import FILES, KINDS
from tests.contracts.files import FilesContract
from xarray_safe.archive import open_archive

if TYPE_CHECKING:
    from pathlib import Path

    from xarray_safe.archive import Archive


class TestLocal(FilesContract):
    @pytest.fixture(params=KINDS)
    def files(self, request: pytest.FixtureRequest, products: dict[str, Path]) -> Archive:
        return open_archive(products[request.param])

    @pytest.fixture
    def content(self) -> dict[str, bytes]:
        return FILES
