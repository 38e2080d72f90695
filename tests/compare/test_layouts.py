"""Comparing with Zarr of layout 3.0, plain and as GeoZarr: what is expected, and that nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

from tests.support import SHARED
from xarray_safe.compare import compare
from xarray_safe.compare.expected import GEOZARR, ITSELF, LEFT_OUT, NO_DATA, OUTPUTS, ExpectedDifferences

if TYPE_CHECKING:
    from pathlib import Path

KIT = SHARED / "conformance"
LAYOUTS = KIT / "layouts"
needs_kit = pytest.mark.skipif(not LAYOUTS.is_dir(), reason="the conformance kit is not beside the checkout")


@needs_kit
@pytest.mark.parametrize("store", sorted(LAYOUTS.glob("*/*.zarr.zip")), ids=lambda path: path.name[:10])
def test_geozarr_beside_a_safe(store: Path) -> None:
    safe = KIT / f"{store.name.partition('.')[0]}.SAFE.zip"
    for pair in ((safe, store), (store, safe)):
        found = compare(*pair, values=False, costs=False)
        assert found.layout == "3.0"
        assert found.identical, str(found)
        assert {difference.expected for difference in found.expected} == {GEOZARR, LEFT_OUT, ITSELF, OUTPUTS}
    named = {difference.path for difference in found.expected}
    assert {"/measurements/reflectance/r120m", "/measurements/reflectance/r10m/spatial_ref"} <= named


@needs_kit
def test_no_data_of_a_plain_zarr_is_expected() -> None:
    (store,) = LAYOUTS.glob("S2B_MSIL2A_20241115*.eopf-3.0.0.zarr.zip")
    found = compare(KIT / f"{store.name.partition('.')[0]}.SAFE.zip", store, costs=False)
    assert found.identical, str(found)
    reasons = {difference.kind: difference.expected for difference in found.expected if difference.expected == NO_DATA}
    assert reasons.keys() == {"values", "encoding"}


def variable(values: list[float], fill: float | None) -> xr.Variable:
    encoding = {"dtype": np.dtype("<u2"), "scale_factor": 0.0001, "add_offset": -0.1}
    encoding |= {} if fill is None else {"_FillValue": fill}
    return xr.Variable("x", np.array(values), {"fill_value": 0}, encoding)


@pytest.mark.parametrize("turned", [False, True])
def test_only_unmasked_no_data_is_excused(turned: bool) -> None:
    ours, theirs = variable([np.nan, 0.2], 0), variable([-0.1, 0.2], None)
    pair = (theirs, ours) if turned else (ours, theirs)
    found = ExpectedDifferences("3.0").unmasked(*pair)
    assert found is not None
    assert (found.on_left, found.fill) == (turned, 0)
    left, right = found.masked(*pair)
    np.testing.assert_array_equal(left.values, right.values)
    assert ExpectedDifferences("2.8").unmasked(*pair) is None
    assert ExpectedDifferences("3.0", converted=(False, False)).unmasked(*pair) is None
    assert ExpectedDifferences("3.0").unmasked(ours, ours) is None


@pytest.mark.parametrize(
    ("multiscale", "path", "kind", "left", "right", "reason"),
    [
        ((False, True), "/measurements/reflectance/r120m", "group", "<missing>", "there", GEOZARR),
        ((True, False), "/measurements/reflectance/r120m", "group", "there", "<missing>", GEOZARR),
        ((False, True), "/measurements/reflectance/r120m", "group", "there", "<missing>", ""),
        ((False, False), "/measurements/reflectance/r120m", "group", "<missing>", "there", ""),
        ((True, True), "/measurements/reflectance/r120m", "group", "<missing>", "there", ""),
        ((False, True), "/quality/other", "group", "<missing>", "there", ""),
        ((False, True), "/quality/mask/r10m@proj:code", "attribute", "<missing>", "EPSG:32632", GEOZARR),
        ((False, True), "/@stac_discovery/properties/proj:code", "attribute", "<missing>", "EPSG:32632", ""),
        ((False, True), "/conditions/geometry/sun_angles@dtype", "attribute", "<f8", "<missing>", LEFT_OUT),
        ((False, True), "/conditions/geometry/sun_angles@units", "attribute", "degrees", "<missing>", ""),
        ((False, True), "/measurements/reflectance/r10m/b02@units", "attribute", "a", "b", ""),
        ((False, True), "/measurements/reflectance/r10m", "group", "<missing>", "there", ""),
        ((False, True), "/measurements/reflectance/r10m/b04", "variable", "<missing>", "there", ""),
        ((False, True), "/measurements/reflectance/r20m/b08", "variable", "<missing>", "there", GEOZARR),
        ((False, True), "/measurements/reflectance/r20m/b05", "variable", "<missing>", "there", ""),
        ((False, True), "/conditions/mask/l1c_classification/r60m/b00@dtype", "attribute", "|u1", "<missing>", ""),
    ],
)
def test_what_one_form_has(
    multiscale: tuple[bool, bool], path: str, kind: str, left: str, right: str, reason: str
) -> None:
    assert ExpectedDifferences("3.0", multiscale=multiscale, type="S02MSIL2A").form(path, kind, left, right) == reason


@pytest.mark.parametrize("layout", ["auto", None])
def test_auto_is_the_layout_of_the_twin(l2a_folder: Path, twins: dict[str, Path], layout: str | None) -> None:
    found = compare(l2a_folder, twins["2.5"], layout=layout, values=False, costs=False)
    assert (found.layout, found.identical) == ("2.5", True)
