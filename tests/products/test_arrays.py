"""Every kind of array that products have keeps the contract of `Array`."""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING

import pytest

from tests.contracts.arrays import ArrayContract
from xarray_safe.archive import open_archive
from xarray_safe.errors import SafeWarning
from xarray_safe.model.build import BuildOptions
from xarray_safe.products import LAYOUTS, open_tree

if TYPE_CHECKING:
    from pathlib import Path

    from xarray_safe.model.arrays import Array
    from xarray_safe.model.tree import Tree

PATHS = {  # product, layout, path
    "band": ("l2a_folder", "2.8", "/measurements/reflectance/r20m/b05"),
    "band without offset": ("old_folder", "2.8", "/measurements/reflectance/r60m/b09"),
    "mask of a detector": ("l1c_folder", "2.8", "/conditions/mask/detector_footprint/r60m/b01"),
    "classes": ("l2a_folder", "2.8", "/conditions/mask/l2a_classification/r60m/scl"),
    "packed bits": ("l1c_folder", "2.8", "/conditions/mask/l1c_classification/r60m/b00"),
    "true colour": ("l2a_folder", "2.5", "/quality/l2a_quicklook/r20m/tci"),
    "quality": ("l2a_folder", "2.8", "/quality/mask/r60m/b01"),
    "probability": ("l2a_folder", "2.8", "/quality/probability/r20m/cld"),
    "angles": ("l2a_folder", "2.8", "/conditions/geometry/viewing_incidence_angles"),
    "angles of the sun": ("l2a_folder", "2.8", "/conditions/geometry/sun_angles"),
    "meteorology": ("l2a_folder", "2.8", "/conditions/meteorology/cams/aod550"),
    "coordinate": ("l2a_folder", "2.8", "/measurements/reflectance/r60m/x"),
    "labels": ("l2a_folder", "2.8", "/conditions/geometry/band"),
}


def opened(product: Path, layout: str, reduction: int) -> Tree:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SafeWarning)  # what old products lack
        return open_tree(open_archive(product), layout, options=BuildOptions(reduction))


class TestProducts(ArrayContract):
    windows = 10

    @pytest.fixture(params=[0, 2], ids=["full", "reduced"])
    def reduction(self, request: pytest.FixtureRequest) -> int:
        return int(request.param)

    @pytest.fixture(params=PATHS)
    def array(self, request: pytest.FixtureRequest, reduction: int) -> Array:
        product, layout, path = PATHS[request.param]
        entry = opened(request.getfixturevalue(product), layout, reduction).entry(path)
        assert entry is not None, path
        return entry.array


def test_every_kind_of_array_is_among_them(request: pytest.FixtureRequest) -> None:
    names = ("l2a_folder", "l1c_folder", "old_folder")
    every, tested = set(), set()
    for name, layout, reduction in itertools.product(names, LAYOUTS, (0, 2)):
        tree = opened(request.getfixturevalue(name), layout, reduction)
        for group, node in tree.nodes.items():
            for variable, entry in node.entries.items():
                kind = type(entry.array).__name__
                every.add(kind)
                if (name, layout, f"{group}/{variable}") in PATHS.values():
                    tested.add(kind)
    assert tested == every
