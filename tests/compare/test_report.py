"""The report: right in a browser, one file, nothing from elsewhere."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest

from tests.compare.support import in_chromium, look
from xarray_safe.compare import compare
from xarray_safe.compare.report import page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from xarray_safe.compare import Comparison

B04 = "/measurements/reflectance/r10m/b04"


@pytest.fixture(scope="module")
def same(l2a_folder: Path, twins: dict[str, Path]) -> Comparison:
    return compare(l2a_folder, twins["2.8"])


@pytest.fixture
def other(
    l2a_folder: Path, twin: Path, edit_values: Callable[..., None], edit_attrs: Callable[..., None]
) -> Comparison:
    edit_values(B04, (slice(100, 130), slice(40, 90)), 4242)
    edit_attrs("/", lambda attrs: attrs["stac_discovery"]["properties"].update(platform="<script>alert(1)</script>"))
    return compare(l2a_folder, twin, costs=False)


@in_chromium
def test_in_a_browser(same: Comparison, tmp_path: Path) -> None:
    seen = look(same.to_html(tmp_path / "report.html"), tmp_path)
    facts = seen.facts
    assert facts["verdict"] == "identical"
    assert len(facts["charts"]) == 5
    assert all(width > 200 and height > 20 for width, height in facts["charts"])
    assert len(facts["bars"]) >= 2 * (3 + 3 + 3 + 3 + 1)
    assert all(height > 5 for _, height in facts["bars"])
    assert sum(width > 3 for width, _ in facts["bars"]) >= 8
    assert [image[2] for image in facts["images"]] == ["quicklook", "quicklook"]
    assert all(image[0] > 50 and image[3] > 100 for image in facts["images"])
    assert facts["wide"] <= 1200
    assert facts["resources"] == []
    assert {path for path in seen.asked if "favicon" not in path} == {"/look.html", "/page.html"}


@in_chromium
def test_differences_in_a_browser(other: Comparison, tmp_path: Path) -> None:
    facts = look(other.to_html(tmp_path / "report.html"), tmp_path).facts
    assert facts["verdict"] == "2 differences (attribute 1, values 1)"
    assert [image[2] for image in facts["images"]] == ["quicklook", "quicklook", "map"]
    assert facts["images"][2][:2] == [42, 42]


@pytest.fixture(scope="module")
def very_other(l2a_folder: Path, l1c_folder: Path) -> Comparison:
    return compare(l2a_folder, l1c_folder, costs=False)


def test_a_report_of_two_products_begins_with_its_tables(very_other: Comparison) -> None:
    """Most of their rows are folded."""
    mapped = [difference for difference in very_other.differences if difference.values is not None]
    assert len(very_other.differences) > 100
    assert len([difference for difference in mapped if difference.values.map is not None]) > 12  # type: ignore[union-attr]
    text = page(very_other)
    assert 0 < text.index("<td>") < text.index("<details>") < text.index('class="map"')


@in_chromium
def test_a_report_of_two_products_stays_short(very_other: Comparison, tmp_path: Path) -> None:
    """Maps are few, of images, and not as long as the screen."""
    facts = look(very_other.to_html(tmp_path / "report.html"), tmp_path).facts
    maps = [image for image in facts["images"] if image[2] == "map"]
    assert len(maps) == 12
    assert all(height <= 260 for *_, height in maps)
    assert facts["tall"] < 40 * 200


def test_maps_are_of_images_only(l2a_folder: Path, twin: Path, edit_values: Callable[..., None]) -> None:
    edit_values("/conditions/geometry/sun_angles", (0, slice(2), 3), 1.5)
    edit_values("/conditions/geometry/mean_viewing_incidence_angles", (0, 0), 1.5)
    found = compare(l2a_folder, twin, costs=False)
    maps = {it.path.rpartition("/")[2]: it.values.map is not None for it in found.differences if it.values}
    assert maps == {"sun_angles": True, "mean_viewing_incidence_angles": False}


def test_without_costs_there_is_no_such_heading(same: Comparison, other: Comparison) -> None:
    assert "What it costs" in page(same)
    assert "What it costs" not in page(other)
    assert "Size of the product" in page(other)


def test_nothing_from_elsewhere(same: Comparison, other: Comparison) -> None:
    for found in (same, other):
        text = page(found)
        assert "default-src 'none'" in text
        places = re.findall(r"""(?:src|href|url|@import)\s*[=(]\s*["']?([^"')\s>]+)""", text)
        assert places
        assert all(place.startswith("data:image/png;base64,") for place in places)
        assert "<script" not in text


def test_what_products_say_is_text(other: Comparison) -> None:
    assert "&lt;script&gt;alert(1)" in page(other)
    assert "<script" not in other._repr_html_()


def test_notebook_and_terminal(same: Comparison, other: Comparison) -> None:
    from rich.console import Console

    for found, words in ((same, ["identical", "one band"]), (other, [B04, "1500 of 63504 values differ"])):
        out = io.StringIO()
        Console(file=out, width=220).print(found)
        for word in words:
            assert word in out.getvalue()
            assert word in found._repr_html_()


def test_a_report_is_written_whole_or_not_at_all(
    same: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "new" / "report.html"
    same.to_html(target)
    before = target.read_bytes()

    def fail(_: object) -> str:
        raise RuntimeError("in the middle")

    monkeypatch.setattr("xarray_safe.compare.report.page", fail)
    with pytest.raises(RuntimeError):
        same.to_html(target)
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == ["report.html"]
