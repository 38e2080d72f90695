"""Layouts as differences over another: each entry of a list is about something, and nothing else changes."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from xarray_safe.products.sentinel2 import layout27, layout28, layout30
from xarray_safe.products.sentinel2.differences import REMOVED, Renamed, edited
from xarray_safe.products.sentinel2.layout26 import tables as layout26
from xarray_safe.products.sentinel2.product import LAYOUTS

if TYPE_CHECKING:
    from pathlib import Path

LEVELS = ("L1C", "L2A")
tables = st.recursive(
    st.integers(),
    lambda inner: st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3),
    max_leaves=9,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=2), tables), st.integers())
def test_edits_change_one_key_and_never_the_table(table: dict[str, object], value: int) -> None:
    before = repr(table)
    assert edited(table, {"new": value}) == {**table, "new": value}
    for key in table:
        rest = {name: entry for name, entry in table.items() if name != key}
        assert edited(table, {key: REMOVED}) == rest
        assert edited(table, {key: Renamed("new")}) == {**rest, "new": table[key]}
    assert edited(table, {"new": REMOVED, "other": Renamed("third")}) == table
    assert repr(table) == before


@pytest.mark.parametrize("changes", [layout26.CHANGES, layout30.CHANGES, layout30.SLIPS, *layout27.CHANGES.values()])
def test_each_change_is_about_some_variable(changes: tuple[object, ...]) -> None:
    paths = [var.path for level in LEVELS for var in layout28.variables(level)]  # type: ignore[arg-type]
    for change in changes:
        assert any(fnmatchcase(path, change.paths) for path in paths), change  # type: ignore[attr-defined]


@pytest.mark.parametrize("layout", ["2.6", "2.7", "3.0"])
@pytest.mark.parametrize("level", LEVELS)
def test_paths_and_dimensions_are_those_of_28(level: str, layout: str) -> None:
    ours, base = (LAYOUTS[name](level) for name in (layout, "2.8"))  # type: ignore[arg-type]
    assert [(var.path, var.dims, var.optional) for var in ours.variables] == [
        (var.path, var.dims, var.optional) for var in base.variables
    ]
    assert [ours.is_coordinate(var) for var in ours.variables] == [base.is_coordinate(var) for var in base.variables]


@pytest.mark.parametrize("layout", ["2.6", "2.7", "3.0"])
def test_stored_numbers_are_those_of_28(layout: str, l2a_folder: Path) -> None:
    ours, base = (
        xr.open_datatree(l2a_folder, engine="safe", eopf_version=name, mask_and_scale=False) for name in (layout, "2.8")
    )
    for path in ("measurements/reflectance/r60m/b03", "quality/probability/r20m/cld", "conditions/geometry/sun_angles"):
        assert ours[path].dtype == base[path].dtype
        np.testing.assert_array_equal(ours[path].values, base[path].values)


def test_no_data_is_nan_in_30(l2a_folder: Path) -> None:
    path = "measurements/reflectance/r10m/b02"
    raw, decoded = (
        xr.open_datatree(l2a_folder, engine="safe", eopf_version="3.0", mask_and_scale=masked)[path]
        for masked in (False, True)
    )
    assert (raw.values == 0).any()
    np.testing.assert_array_equal(np.isnan(decoded.values), raw.values == 0)
    assert (decoded.encoding["_FillValue"], decoded.attrs["fill_value"]) == (0, 0)


def test_labels_by_layout(l1c_folder: Path) -> None:
    labels = {
        layout: xr.open_datatree(l1c_folder, engine="safe", eopf_version=layout)["conditions/geometry/band"].values[8]
        for layout in ("2.6", "2.7", "2.8", "3.0")
    }
    assert labels == {"2.6": "b08", "2.7": "b8a", "2.8": "b8a", "3.0": b"b8a"}


def test_names_by_layout(l2a_folder: Path) -> None:
    names = [
        xr.open_datatree(l2a_folder, engine="safe", eopf_version=layout).attrs["stac_discovery"]["id"]
        for layout in ("2.6", "2.7", "2.8", "3.0")
    ]
    assert len(set(names)) == 4
    assert [name.split("_")[2] for name in names] == ["0000", "0000", "0000", "00000"]  # duration in s
    assert [len(name) for name in names] == [40, 40, 40, 42]
