"""Images keep the contract of `Array`, with the pixels that rasterio reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contracts.arrays import ArrayContract
from tests.formats.jp2.support import Folder, Pixels, scene, write
from xarray_safe.formats.jp2 import open_image

if TYPE_CHECKING:
    from xarray_safe.formats.jp2 import Jp2Image


IMAGES = [((1, 260, 190), 64, 15), ((3, 90, 70), 64, 8), ((2, 40, 30), 64, 1)]
"""Shape, length of tiles, bits."""


class TestJp2(ArrayContract):
    @pytest.fixture(
        scope="class", params=[((1, 260, 190), 64, 15), ((3, 90, 70), 64, 8), ((2, 40, 30), 64, 1)], ids=str
    )
    def written(
        self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> tuple[Folder, Pixels]:
        shape, tile, bits = request.param
        folder = tmp_path_factory.mktemp("images")
        return Folder(str(folder)), write(folder / "x.jp2", scene(shape, bits), tile, bits)

    @pytest.fixture
    def array(self, written: tuple[Folder, Pixels]) -> Jp2Image:
        return open_image(written[0], "x.jp2")

    @pytest.fixture
    def values(self, written: tuple[Folder, Pixels]) -> Pixels:
        return written[1]
