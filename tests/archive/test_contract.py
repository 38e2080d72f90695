"""Every form of a local archive, and one with ranges in memory, keeps the contract of `Files`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.archive.support import FILES, KINDS
from tests.contracts.files import FilesContract
from xarray_safe.archive import open_archive
from xarray_safe.archive.ranges import Blocks, Buffered, ByteRange

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


class TestBuffered(FilesContract):
    """Of each second file all bytes are in memory, of the others some."""

    @pytest.fixture
    def files(self, products: dict[str, Path]) -> Buffered:
        blocks = Blocks()
        for number, (name, data) in enumerate(sorted(FILES.items())):
            third = len(data) // 3
            start, stop = (third, 2 * third) if number % 2 else (0, None)
            blocks.add(ByteRange(name, start, stop), data[start:stop])
        return Buffered(open_archive(products[KINDS[0]]), blocks)

    @pytest.fixture
    def content(self) -> dict[str, bytes]:
        return FILES
