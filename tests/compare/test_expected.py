"""What is expected of the converter: the shape that it writes, of its side only, and no other change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

from xarray_safe.compare import compare
from xarray_safe.compare.expected import ITSELF, OUTPUTS, WHEN, ExpectedDifferences

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Change = "Callable[[dict[str, Any]], object]"
LEVEL = "Level-2A Product"
NAME = ["S2A_MSIL2A_20241115T094259_N0511_R122_T32TQM_20241115T123642.SAFE"]
OWN = {
    "facility": "CS-SopraSteria",
    "inputs": NAME,
    "outputs": ["S02MSIL2A_20241115T094259_0000_A122_T91E.zarr"],
    "processor": "EOPF-CPM",
    "time": "2026-11-22T10:58:32.214070Z",
    "version": "2.8.1",
}


def convert(attrs: dict[str, Any]) -> None:
    """Change the history as the converter does."""
    steps = attrs["processing_history"][LEVEL]
    steps[-1]["outputs"] = NAME
    steps.append(dict(OWN))


def test_the_converters_own_history_is_expected(l2a_folder: Path, twin: Path, edit_attrs: Callable[..., None]) -> None:
    edit_attrs("/", convert)
    for pair in ((l2a_folder, twin), (twin, l2a_folder)):
        found = compare(*pair, values=False, costs=False)
        assert found.identical, str(found)
        assert [difference.expected for difference in found.expected] == [ITSELF, OUTPUTS, OUTPUTS]
    other = compare(twin, twin, values=False, costs=False)
    assert (other.differences, other.expected) == ((), ())


CHANGES: dict[str, tuple[Change, str]] = {
    "outputs": (lambda history: history[LEVEL][0].update(outputs="TAMPERED"), f"{LEVEL}/0/outputs"),
    "another name": (lambda history: history[LEVEL][0].update(outputs=["S2B.SAFE"]), f"{LEVEL}/0/outputs/0"),
    "two names": (lambda history: history[LEVEL][0].update(outputs=[*NAME, *NAME]), f"{LEVEL}/0/outputs/1"),
    "another level": (
        lambda history: history["Level-1C Product"][0].update(outputs="TAMPERED"),
        "Level-1C Product/0/outputs",
    ),
    "another level in its way": (
        lambda history: history["Level-1C Product"][0].update(outputs=NAME),
        "Level-1C Product/0/outputs/0",
    ),
    "another entry": (
        lambda history: history["Level-1B Product"].append(dict(OWN)),
        "Level-1B Product/1/processor",
    ),
    "more in the entry": (lambda history: history[LEVEL][1].update(surprise=1), f"{LEVEL}/1/surprise"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_other_changes_of_the_history_are_differences(
    l2a_folder: Path, twin: Path, edit_attrs: Callable[..., None], change: str
) -> None:
    apply, path = CHANGES[change]
    edit_attrs("/", convert)
    edit_attrs("/", lambda attrs: apply(attrs["processing_history"]))
    found = compare(l2a_folder, twin, values=False, costs=False)
    assert f"/@processing_history/{path}" in {difference.path for difference in found.differences}


def test_outputs_without_the_converters_entry_are_a_difference(
    l2a_folder: Path, twin: Path, edit_attrs: Callable[..., None]
) -> None:
    edit_attrs("/", lambda attrs: attrs["processing_history"][LEVEL][0].update(outputs=NAME))
    found = compare(l2a_folder, twin, values=False, costs=False)
    assert {difference.kind for difference in found.differences} == {"attribute"}
    assert not found.expected


def cut(tree: xr.DataTree, name: str, attrs: dict[str, Any], encoding: dict[str, Any]) -> None:
    """Cut labels of geometry as the converter does."""
    geometry = tree["conditions/geometry"].to_dataset()
    old = geometry[name].variable
    labels = xr.Variable(name, old.values.astype("<U1"), {**old.attrs, **attrs}, {**old.encoding, **encoding})
    tree["conditions/geometry"] = geometry.assign_coords({name: labels})


CUTS: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "band": ("band", {"dtype": "<U1"}, {"dtype": "<U1"}, ""),
    "detector": ("detector", {"dtype": "<U1", "fill_value": 0}, {"dtype": np.dtype("<U1"), "_FillValue": ""}, ""),
    "another type": ("band", {"dtype": "<U7"}, {}, "attribute /conditions/geometry/band@dtype"),
    "no text": ("band", {"dtype": "<i8"}, {}, "attribute /conditions/geometry/band@dtype"),
    "a fill value": ("band", {"fill_value": 0}, {}, "attribute /conditions/geometry/band@fill_value"),
    "another fill value": ("detector", {"fill_value": 1}, {}, "attribute /conditions/geometry/detector@fill_value"),
    "title": ("band", {"long_name": "ribbon"}, {}, "attribute /conditions/geometry/band@long_name"),
    "encoding": ("band", {}, {"_FillValue": "x"}, "encoding /conditions/geometry/band#_FillValue"),
    "encoded type": ("band", {}, {"dtype": "<U2"}, "encoding /conditions/geometry/band#dtype"),
}


@pytest.mark.parametrize("case", CUTS)
def test_what_follows_from_cut_labels_alone_is_expected(l2a_folder: Path, case: str) -> None:
    name, attrs, encoding, named = CUTS[case]
    trees = [xr.open_datatree(l2a_folder, engine="safe") for _ in range(2)]
    cut(trees[1], name, attrs, encoding)
    for pair in (trees, trees[::-1]):
        found = compare(*pair, values=False)
        assert [f"{it.kind} {it.path}" for it in found.differences] == ([named] if named else [])
        assert {it.path.split("@")[0].split("#")[0] for it in found.expected} == {f"/conditions/geometry/{name}"}


def test_of_a_safe_nothing_is_expected() -> None:
    """A SAFE is never what the converter wrote; of two, neither is."""
    labels = [xr.Variable("band", [text]) for text in ("b01", "b")]
    ours: dict[str, Any] = {"processing_history": {LEVEL: [{"outputs": "S02MSIL2A_etc"}]}}
    theirs: dict[str, Any] = {"processing_history": {LEVEL: [{"outputs": "S02MSIL2A_etc"}]}}
    convert(theirs)
    notes = ("GRIB to CDM+CF as cfgrib does it", _note("AUX_CAMSFO"))
    cams = "/conditions/meteorology/cams"
    for converted, expected in (((False, True), True), ((True, False), False), ((False, False), False)):
        known = ExpectedDifferences("2.8", converted)
        assert bool(known.truncated_labels("/conditions/geometry/band", *labels)) is expected
        assert bool(known.converter_outputs("/", ours, theirs)) is expected
        assert bool(known.converter_steps("/", ours, theirs)[2]) is expected
        assert bool(ExpectedDifferences("2.5", converted).cfgrib_note(cams, "history", *notes)) is expected


def _note(file: str, when: str = "2025-10-08T14:44") -> str:
    return (
        f"{when} GRIB to CDM+CF via cfgrib-0.9.10.4/ecCodes-2.34.1 with "
        f'{{"source": "../S2A.SAFE/GRANULE/AUX_DATA/{file}", '
        '"filter_by_keys": {}, "encode_cf": ["parameter", "time", "geography", "vertical"]}'
    )


@pytest.mark.parametrize(
    ("path", "layout", "note", "expected"),
    [
        ("/conditions/meteorology/cams", "2.5", _note("AUX_CAMSFO"), True),
        ("/conditions/meteorology/ecmwf", "2.5", _note("AUX_ECMWFT"), True),
        ("/conditions/meteorology/ecmwf", "2.5", _note("AUX_CAMSFO"), False),
        ("/conditions/meteorology/cams", "2.8", _note("AUX_CAMSFO"), False),
        ("/", "2.5", _note("AUX_CAMSFO"), False),
        ("/conditions/meteorology/cams", "2.5", _note("AUX_CAMSFO", when="once"), False),
        ("/conditions/meteorology/cams", "2.5", "cfgrib was tampered with", False),
    ],
)
def test_notes_of_cfgrib(path: str, layout: str, note: str, expected: bool) -> None:
    ours = "GRIB to CDM+CF as cfgrib does it"
    assert ExpectedDifferences(layout).cfgrib_note(path, "history", ours, note) == (WHEN if expected else "")
    assert ExpectedDifferences(layout).cfgrib_note(path, "title", ours, note) == ""
