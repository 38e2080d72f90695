"""Which layout a tree has, by what its root attributes say."""

from __future__ import annotations

import pytest

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.products.layouts import converter_step, converter_version, layout_in


def history(version, processor="EOPF-CPM", level="Level-2A"):
    """Processing history of a root, of which the last step is the converter's."""
    step = {
        "processor": processor,
        "version": version,
        "inputs": ["A.SAFE"],
        "outputs": "B",
        "time": "",
        "facility": "",
    }
    return {"processing_history": {level: [{"processor": "L2A_PB"}, step]}}


def stac(version):
    return {"stac_discovery": {"stac_version": version}}


@pytest.mark.parametrize(
    ("attrs", "layout"),
    [
        (stac("1.0.0"), "2.5"),
        (stac("1.1.0"), "2.8"),
        ({**history("2.8.1"), **stac("1.0.0")}, "2.8"),
        ({**history("2.7.0"), **stac("1.1.0")}, "2.7"),
        ({**history("9.9", processor="other"), **stac("1.1.0")}, "2.8"),
    ],
)
def test_layout_by_converter_then_by_stac(attrs, layout):
    assert layout_in(attrs) == layout


@pytest.mark.parametrize(
    ("attrs", "why"),
    [
        ({}, "stac_version is missing"),
        ({"stac_discovery": "text"}, "stac_version is missing"),
        (stac("2.0.0"), "stac_version is 2.0.0"),
        (history("9.9"), r"converter 9\.9"),
    ],
)
def test_layouts_that_are_not_known_are_refused(attrs, why):
    with pytest.raises(InvalidArgumentError, match=why):
        layout_in(attrs)


def test_converter_step_is_the_last_of_the_last_level():
    attrs = history("2.8.1")
    attrs["processing_history"]["Level-1C"] = [{"processor": "L1C_PB"}]
    step = converter_step(attrs)
    assert step is not None
    assert (step.level, step.number, step.entry["version"]) == ("Level-2A", 1, "2.8.1")
    assert converter_version(attrs) == "2.8.1"


@pytest.mark.parametrize("value", [None, "text", {}, {"Level-2A": []}, {"Level-2A": ["text"]}, {"Level-2A": [{}]}])
def test_other_histories_have_no_converter_step(value):
    assert converter_version({"processing_history": value}) is None
