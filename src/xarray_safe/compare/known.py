"""What differs because ESA's converter errs or speaks of itself; each is documented in docs/explanation/tree.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray import Variable

CUT: Final = "the converter (2.8) cuts these labels to one character"
ITSELF: Final = "the converter's entry about itself"
OUTPUTS: Final = "names that the converter invents for its own output"
WHEN: Final = "cfgrib notes when the conversion ran"

_LABELS: Final = ("/conditions/geometry/band", "/conditions/geometry/detector")
_HISTORY: Final = "processing_history"
_CONVERTER: Final = "EOPF-CPM"


def cut_labels(path: str, left: Variable, right: Variable, layout: str) -> bool:
    """Tell whether one side has labels of geometry that are the first characters of the other's."""
    if layout != "2.8" or path not in _LABELS or left.shape != right.shape:
        return False
    texts = [[str(label) for label in side.values.ravel()] for side in (left, right)]
    longest = [max(map(len, labels), default=0) for labels in texts]
    short, whole = (texts[0], texts[1]) if longest[0] < longest[1] else (texts[1], texts[0])
    return min(longest) == 1 < max(longest) and short == [label[:1] for label in whole]


def concerns_cut_labels(kind: str, key: str) -> bool:
    """Tell whether a difference of such labels follows from the cut; other attributes must agree."""
    return kind in ("dtype", "values", "encoding") or (kind == "attribute" and key in ("dtype", "fill_value"))


def without_converter(attrs: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """Take the entries of the converter itself out of the processing history.

    Returns
    -------
    dict, list
        The other attributes, and the entries with their paths.
    """
    steps_of = attrs.get(_HISTORY)
    if not isinstance(steps_of, dict):
        return dict(attrs), []
    kept: dict[str, Any] = {}
    own: list[tuple[str, dict[str, Any]]] = []
    for level, steps in steps_of.items():
        if not isinstance(steps, list | tuple):
            kept[level] = steps
            continue
        kept[level] = [step for step in steps if not _is_converter(step)]
        own += [(f"{_HISTORY}/{level}/{i}", step) for i, step in enumerate(steps) if _is_converter(step)]
    return {**attrs, _HISTORY: kept}, own


def reason(path: tuple[str, ...], left: object, right: object) -> str:
    """Say why an attribute of a group is expected to differ; empty if it is not."""
    if path[:1] == (_HISTORY,) and "outputs" in path:
        return OUTPUTS
    if path == ("history",) and all("cfgrib" in str(side) for side in (left, right)):
        return WHEN
    return ""


def _is_converter(step: object) -> bool:
    return isinstance(step, dict) and step.get("processor") == _CONVERTER


def converter_version(attrs: Mapping[str, Any]) -> str | None:
    """Version of the converter that wrote a tree, where its processing history says so (layouts since 2.6)."""
    for _, step in without_converter(attrs)[1]:
        if step.get("version"):
            return str(step["version"])
    return None
