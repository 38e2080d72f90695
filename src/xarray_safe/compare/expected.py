"""Differences that come from errors of ESA's converter or its notes about itself; see docs/explanation/tree.md.

Only what the converter writes is expected, exactly as it writes it, and only of a side that it may have written: a
Zarr, or an open tree of unknown origin. Between two SAFEs no difference is expected.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from xarray_safe.products import TYPES
from xarray_safe.products.layouts import HISTORY, converter_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xarray import Variable

    from xarray_safe.model.product import ConverterDefects

    T = TypeVar("T")
    Path = tuple[str, ...]

CUT: Final = "the converter (2.8) cuts these labels to one character"
ITSELF: Final = "the converter's entry about itself"
OUTPUTS: Final = "names that the converter invents for its own output"
WHEN: Final = "cfgrib notes when the conversion ran"

NO_DATA: Final = "the converter (3.0) leaves out _FillValue, so that no data is a number"
GEOZARR: Final = "the GeoZarr form has it besides"
LEFT_OUT: Final = "the GeoZarr form leaves it out"

MISSING: Final = "<missing>"
"""Shown in place of what one side lacks."""

_OUTPUTS_OF_SAFE: Final = re.compile(r"S\d\d[A-Z]{3}\w+_etc")
_NOTE_OF_SAFE: Final = "GRIB to CDM+CF as cfgrib does it"
_NOTE: Final = (
    r"\d{{4}}-\d\d-\d\dT\d\d:\d\d(:\d\d)? GRIB to CDM\+CF via cfgrib-\S+/ecCodes-\S+ "
    r'with \{{"source": "[^"]*/{}", "filter_by_keys": \{{\}}, "encode_cf": \[[^]]*\]\}}'
)
"""Pattern of cfgrib's note on a file."""


@dataclass(frozen=True)
class TruncatedLabels:
    """Labels that the converter truncated to one character: path of the variable, side, length on the other side.

    `filled` labels also have a fill value. The `reason` covers what follows from the truncation, no other changes.
    """

    path: str
    on_left: bool
    whole: int
    filled: bool = False

    def reason(self, kind: str, key: str, left: object, right: object) -> str:
        """Return why a difference of this kind (of this attribute or encoding) is expected; empty if it is not."""
        ours, theirs = (right, left) if self.on_left else (left, right)
        types = (str(ours), str(theirs))
        if kind == "values":
            follows = True
        elif kind == "dtype":  # a cut label that is taken for a fill value makes xarray give objects
            follows = types in ((f"<U{self.whole}", "<U1"), (f"<U{self.whole}", "object"))
        elif key == "dtype":
            follows = types == (f"<U{self.whole}", "<U1")
        elif self.filled and (kind, key) == ("attribute", "fill_value"):
            follows = types[0] == MISSING and type(theirs) is int and theirs == 0
        elif self.filled and (kind, key) == ("encoding", "_FillValue"):
            follows = ours is None and isinstance(theirs, str) and not theirs
        else:
            follows = False
        return CUT if follows else ""


@dataclass(frozen=True)
class UnmaskedNoData:
    """No data that the converter did not mask: the side, and the number that it has for it, encoded and decoded."""

    on_left: bool
    fill: float
    number: float

    def reason(self, kind: str, key: str, left: object, right: object) -> str:
        """Return why a difference of this kind (of this attribute or encoding) is expected; empty if it is not."""
        ours, theirs = (right, left) if self.on_left else (left, right)
        if kind == "dtype":  # without a mask, whole numbers need not become floats
            return NO_DATA if getattr(ours, "kind", "") == "f" else ""
        unmasked = theirs is None or theirs != theirs
        return NO_DATA if (kind, key) == ("encoding", "_FillValue") and ours == self.fill and unmasked else ""

    def masked(self, left: Variable, right: Variable) -> tuple[Masked | Variable, Masked | Variable]:
        """Both sides, with no data of the converter's as NaN."""
        if self.on_left:
            return Masked(left, self.number), right
        return left, Masked(right, self.number)


@dataclass(frozen=True)
class Masked:
    """A variable, of which one number is NaN when it is read."""

    variable: Variable
    number: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""
        return self.variable.shape

    @property
    def values(self) -> np.ndarray[Any, Any]:
        """Values with NaN."""
        values = np.asarray(self.variable.values)
        return np.where(values == self.number, np.nan, values)

    def __getitem__(self, key: Any) -> Masked:
        """Part of it."""
        return Masked(self.variable[key], self.number)


@dataclass(frozen=True)
class ExpectedDifferences:
    """Differences that are expected between two trees.

    Parameters
    ----------
    layout
        Layout of both.
    converted
        Whether the left one, and the right one, may have been written by the converter.
    multiscale
        Whether the left one, and the right one, is in GeoZarr form.
    type
        EOPF product type of both; empty if unknown: any.
    """

    layout: str
    converted: tuple[bool, bool] = (True, True)
    multiscale: tuple[bool, bool] = (False, False)
    type: str = ""

    def unmasked(self, left: Variable, right: Variable) -> UnmaskedNoData | None:
        """Return the no data of one side if it is masked in the other, and a number in the converter's Zarr of 3.0."""
        if self.layout != "3.0":
            return None
        for on_left, ours, theirs in self._directions(left, right):
            fill = theirs.attrs.get("fill_value")
            if isinstance(fill, bool) or not isinstance(fill, int | float) or ours.encoding.get("_FillValue") != fill:
                continue
            present = theirs.encoding.get("_FillValue")
            if present is None or present != present:
                return UnmaskedNoData(on_left, fill, _decoded(fill, theirs))
        return None

    def form(self, path: str, kind: str, left: object, right: object) -> str:
        """Return why what only one side has is expected, if just one of them is in GeoZarr form; empty if it is not."""
        if self.multiscale[0] == self.multiscale[1]:
            return ""
        ours, theirs = (right, left) if self.multiscale[0] else (left, right)
        forms = [known.geozarr for known in TYPES if known.geozarr and self.type in ("", known.name)]
        if ours == MISSING:
            return GEOZARR if any(form.adds(path, kind) for form in forms) else ""
        return LEFT_OUT if theirs == MISSING and any(form.drops(path, kind) for form in forms) else ""

    @property
    def _defects(self) -> list[ConverterDefects]:
        """Defects of ESA's converter in this layout, of all product types."""
        return [kind.defects[self.layout] for kind in TYPES if self.layout in kind.defects]

    def truncated_labels(self, path: str, left: Variable, right: Variable) -> TruncatedLabels | None:
        """Return the truncation if the labels of one side are the first characters of the other's; else None."""
        defects = [known for known in self._defects if path in known.truncated_labels]
        if not defects or left.shape != right.shape:
            return None
        try:
            texts = [[str(label) for label in side.values.ravel()] for side in (left, right)]
        except Exception:  # unreadable labels are a difference of their own
            return None
        for on_left, ours, theirs in self._directions(*texts):
            whole = max(map(len, ours), default=0)
            if whole > 1 and theirs == [label[:1] for label in ours]:
                return TruncatedLabels(path, on_left, whole, any(path in known.filled_labels for known in defects))
        return None

    def converter_steps(
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

    def converter_outputs(self, path: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> Path:
        """Path of the outputs that the converter gives the step before its own: what it then takes as its inputs."""
        if path != "/":
            return ()
        for _, ours, theirs in self._directions(left, right):
            step = converter_step(theirs)
            if step is None or step.number == 0:
                continue
            before = theirs[HISTORY][step.level][step.number - 1]
            found = before.get("outputs") if isinstance(before, dict) else None
            where = (HISTORY, step.level, str(step.number - 1), "outputs")
            if _is_safe(found) and found == step.entry.get("inputs") and _OUTPUTS_OF_SAFE.fullmatch(_at(ours, where)):
                return where
        return ()

    def cfgrib_note(self, path: str, key: str, left: object, right: object) -> str:
        """Return why a note of cfgrib is expected to differ; empty if it is not."""
        file = next((known.cfgrib_notes[path] for known in self._defects if path in known.cfgrib_notes), None)
        if file is None or key != "history":
            return ""
        shape = re.compile(_NOTE.format(re.escape(file)))
        for _, ours, theirs in self._directions(left, right):
            if shape.fullmatch(str(theirs)) and (ours == _NOTE_OF_SAFE or shape.fullmatch(str(ours))):
                return WHEN
        return ""

    def _sides(self, left: T, right: T) -> Iterator[tuple[T, bool]]:
        yield from zip((left, right), self.converted, strict=True)

    def _directions(self, left: T, right: T) -> Iterator[tuple[bool, T, T]]:
        """Yield ours and theirs in every possible direction, and whether theirs is the left one."""
        if self.converted[1]:
            yield False, left, right
        if self.converted[0]:
            yield True, right, left


def _decoded(fill: float, variable: Variable) -> float:
    """What a stored number is after decoding, in the steps and types in which xarray decodes."""
    value = np.array([fill]).astype(variable.encoding.get("dtype", variable.dtype)).astype(variable.dtype)
    for key, step in (("scale_factor", np.multiply), ("add_offset", np.add)):
        if key in variable.encoding:
            value = step(value, np.asarray(variable.encoding[key]).astype(value.dtype)).astype(value.dtype)
    return float(value[0])


def _is_safe(names: object) -> bool:
    """Return True for a list of a single SAFE's name, as the converter writes it."""
    return isinstance(names, list) and len(names) == 1 and str(names[0]).endswith((".SAFE", ".SAFE.zip"))


def _at(attrs: Mapping[str, Any], path: Path) -> str:
    """Text at a path of nested attributes; empty if there is no text."""
    value: object = attrs
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list | tuple) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return ""
    return value if isinstance(value, str) else ""
