"""What differs because ESA's converter errs or speaks of itself; each is documented in docs/explanation/tree.md.

Only what the converter writes is expected, exactly as it writes it, and only of a side that it may have written: a
Zarr, or an open tree, of which nobody knows. Of two SAFEs nothing is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from xarray_safe.products.layouts import HISTORY, converter_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xarray import Variable

    T = TypeVar("T")
    Path = tuple[str, ...]

CUT: Final = "the converter (2.8) cuts these labels to one character"
ITSELF: Final = "the converter's entry about itself"
OUTPUTS: Final = "names that the converter invents for its own output"
WHEN: Final = "cfgrib notes when the conversion ran"

MISSING: Final = "<missing>"
"""What stands in place of something that one side lacks."""

_BAND: Final = "/conditions/geometry/band"
_DETECTOR: Final = "/conditions/geometry/detector"
_OUR_OUTPUTS: Final = re.compile(r"S\d\d[A-Z]{3}\w+_etc")
_OUR_NOTE: Final = "GRIB to CDM+CF as cfgrib does it"
_NOTES: Final = {
    f"/conditions/meteorology/{group}": re.compile(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)? GRIB to CDM\+CF via cfgrib-\S+/ecCodes-\S+ "
        rf'with \{{"source": "[^"]*/{file}", "filter_by_keys": \{{\}}, "encode_cf": \[[^]]*\]\}}'
    )
    for group, file in (("cams", "AUX_CAMSFO"), ("ecmwf", "AUX_ECMWFT"))
}


@dataclass(frozen=True)
class Cut:
    """Labels that the converter cut to one character: of which variable, on which side, how long they are on the other.

    Its `reason` covers what follows from the cut, no other change of these variables.
    """

    path: str
    on_left: bool
    whole: int

    def reason(self, kind: str, key: str, left: object, right: object) -> str:
        """Say why a difference of this kind (of this attribute or encoding) is expected; empty if it is not."""
        ours, theirs = (right, left) if self.on_left else (left, right)
        types = (str(ours), str(theirs))
        if kind == "values":
            follows = True
        elif kind == "dtype":  # a cut label that is taken for a fill value makes xarray give objects
            follows = types in ((f"<U{self.whole}", "<U1"), (f"<U{self.whole}", "object"))
        elif key == "dtype":
            follows = types == (f"<U{self.whole}", "<U1")
        elif self.path == _DETECTOR and (kind, key) == ("attribute", "fill_value"):
            follows = types[0] == MISSING and type(theirs) is int and theirs == 0
        elif self.path == _DETECTOR and (kind, key) == ("encoding", "_FillValue"):
            follows = ours is None and isinstance(theirs, str) and not theirs
        else:
            follows = False
        return CUT if follows else ""


@dataclass(frozen=True)
class Known:
    """What is expected of two trees.

    Parameters
    ----------
    layout
        Layout of both.
    converted
        Whether the left one, and the right one, may be what the converter wrote.
    """

    layout: str
    converted: tuple[bool, bool] = (True, True)

    def cut_labels(self, path: str, left: Variable, right: Variable) -> Cut | None:
        """Tell whether a side has labels of geometry that are the first characters of the other's."""
        if self.layout != "2.8" or path not in (_BAND, _DETECTOR) or left.shape != right.shape:
            return None
        try:
            texts = [[str(label) for label in side.values.ravel()] for side in (left, right)]
        except Exception:  # they cannot be read: that is a difference of its own
            return None
        for on_left, ours, theirs in self._ways(*texts):
            whole = max(map(len, ours), default=0)
            if whole > 1 and theirs == [label[:1] for label in ours]:
                return Cut(path, on_left, whole)
        return None

    def itself(
        self, path: str, left: Mapping[str, Any], right: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any], list[tuple[str, object, object]]]:
        """Take the converter's own entry out of the processing history of the root.

        Returns
        -------
        dict, dict
            The other attributes of both.
        list
            The entries, if they differ: path, left, right.
        """
        own = [converter_step(attrs) if path == "/" and may else None for attrs, may in self._sides(left, right)]
        entries: dict[str, list[object]] = {}
        rest = []
        for side, (attrs, step) in enumerate(zip((left, right), own, strict=True)):
            rest.append(dict(attrs))
            if step is not None:
                history = attrs[HISTORY]
                rest[side][HISTORY] = {**history, step.level: history[step.level][: step.number]}
                where = f"{HISTORY}/{step.level}/{step.number}"
                entries.setdefault(where, [MISSING, MISSING])[side] = step.entry
        return rest[0], rest[1], [(where, *both) for where, both in entries.items() if both[0] != both[1]]  # type: ignore[misc]

    def outputs(self, path: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> Path:
        """Path of the outputs that the converter gives the step before its own: what it then takes as its inputs."""
        if path != "/":
            return ()
        for _, ours, theirs in self._ways(left, right):
            step = converter_step(theirs)
            if step is None or step.number == 0:
                continue
            before = theirs[HISTORY][step.level][step.number - 1]
            found = before.get("outputs") if isinstance(before, dict) else None
            where = (HISTORY, step.level, str(step.number - 1), "outputs")
            if _is_safe(found) and found == step.entry.get("inputs") and _OUR_OUTPUTS.fullmatch(_at(ours, where)):
                return where
        return ()

    def note(self, path: str, key: str, left: object, right: object) -> str:
        """Say why a note of cfgrib's is expected to differ; empty if it is not."""
        shape = _NOTES.get(path)
        if self.layout != "2.5" or shape is None or key != "history":
            return ""
        for _, ours, theirs in self._ways(left, right):
            if shape.fullmatch(str(theirs)) and (ours == _OUR_NOTE or shape.fullmatch(str(ours))):
                return WHEN
        return ""

    def _sides(self, left: T, right: T) -> Iterator[tuple[T, bool]]:
        yield from zip((left, right), self.converted, strict=True)

    def _ways(self, left: T, right: T) -> Iterator[tuple[bool, T, T]]:
        """Give ours and theirs, each way that is possible, and whether theirs is the left."""
        if self.converted[1]:
            yield False, left, right
        if self.converted[0]:
            yield True, right, left


def _is_safe(names: object) -> bool:
    """Whether this is the list of one product's name that the converter writes."""
    return isinstance(names, list) and len(names) == 1 and str(names[0]).endswith((".SAFE", ".SAFE.zip"))


def _at(attrs: Mapping[str, Any], path: Path) -> str:
    """The text at a path of nested attributes; empty if there is none."""
    value: object = attrs
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list | tuple) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return ""
    return value if isinstance(value, str) else ""
