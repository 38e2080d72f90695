"""Every difference between two trees: groups, variables, coordinates, dims, dtypes, values, attributes, encodings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.compare.expected import (
    ITSELF,
    MISSING,
    NO_DATA,
    OUTPUTS,
    ExpectedDifferences,
    TruncatedLabels,
    UnmaskedNoData,
)
from xarray_safe.compare.result import Difference
from xarray_safe.compare.values import UnreadableError, differ

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xarray import Dataset, DataTree, Variable

    from xarray_safe.compare.values import Map

    ConverterError = TruncatedLabels | UnmaskedNoData

Progress = Callable[[str, int, int], object]
"""Called with the path of a variable, its number, and the number of variables."""

Why = Callable[[tuple[str, ...], object, object], str]
"""Reason why two values at a path in an attribute are expected to differ; empty if they are not."""

ENCODINGS: Final = ("dtype", "scale_factor", "add_offset", "_FillValue", "units", "calendar", "coordinates")
"""Encodings that say what the values mean; chunks and compressors are each format's own."""


class TreeComparer:
    """Compare two trees.

    Parameters
    ----------
    known
        Differences that are expected.
    values
        Whether to read and compare values. Coordinates of one dimension are always compared.
    progress
        Called before each variable.
    """

    def __init__(
        self, expected: ExpectedDifferences, *, values: bool = True, progress: Progress = lambda *_: None
    ) -> None:
        self._expected = expected
        self.found: list[Difference] = []
        self.compared: Counter[str] = Counter()
        self._values = values
        self._progress = progress

    def compare(self, left: DataTree, right: DataTree) -> None:
        """Compare all groups and what is in them."""
        a, b = ({node.path: node for node in tree.subtree} for tree in (left, right))
        pairs = []
        for path in sorted(a.keys() | b.keys()):
            self.compared["groups"] += 1
            if path in a and path in b:
                pairs.append((path, a[path].to_dataset(inherit=False), b[path].to_dataset(inherit=False)))
            else:
                self._one_side(path, "group", path in a)
        total, done = sum(len(v.variables.keys() | w.variables.keys()) for _, v, w in pairs), 0
        with ExitStack() as stack:
            read: Map = stack.enter_context(ThreadPoolExecutor(2)).map
            for path, u, v in pairs:
                self._group_attrs(path, u.attrs, v.attrs)
                self._indexes(path, u, v)
                for name in sorted(u.variables.keys() | v.variables.keys(), key=str):
                    where, done = f"{path.rstrip('/')}/{name}", done + 1
                    self._progress(where, done, total)
                    self._member(where, name, u, v, read)

    def _member(self, where: str, name: Any, left: Dataset, right: Dataset, read: Map) -> None:
        """Compare one variable of two groups, either of which may lack it."""
        self.compared["variables"] += 1
        if name not in left.variables or name not in right.variables:
            self._one_side(where, "variable", name in left.variables)
            return
        if (name in left.coords) != (name in right.coords):
            self._one_side(where, "coordinate", name in left.coords)
        self._variable(where, left.variables[name], right.variables[name], read)

    def _variable(self, where: str, left: Variable, right: Variable, read: Map) -> None:
        error = self._expected.truncated_labels(where, left, right) or self._expected.unmasked(left, right)
        same_shape = left.dims == right.dims and left.shape == right.shape
        if not same_shape:
            sides = (f"{tuple(map(str, side.dims))} {side.shape}" for side in (left, right))
            self._add(where, "dims", *sides)
        dtypes = (left.dtype, right.dtype)
        self._equal(where, "dtype", left.dtype == right.dtype, *dtypes, _reason(error, "dtype", "", *dtypes))
        if same_shape and (self._values or left.ndim <= 1):
            self._compare_values(where, left, right, read, error)

        def why(path: tuple[str, ...], u: object, v: object) -> str:
            return _reason(error, "attribute", path[0], u, v) if len(path) == 1 else ""

        for key in sorted({*left.attrs, *right.attrs}, key=str):
            self._leaves(f"{where}@{key}", left.attrs, right.attrs, key, why)
        for key in ENCODINGS:
            if key in left.encoding or key in right.encoding:
                u, v = left.encoding.get(key), right.encoding.get(key)
                reason = _reason(error, "encoding", key, u, v)
                self._equal(f"{where}#{key}", "encoding", _same_encoding(key, u, v), u, v, reason)

    def _compare_values(
        self, where: str, left: Variable, right: Variable, read: Map, error: ConverterError | None
    ) -> None:
        if left.ndim > 1 or self._values:
            self.compared["values"] += math.prod(left.shape)
        try:
            found, why = differ(left, right, read), ""
            if found and isinstance(error, TruncatedLabels):
                why = error.reason("values", "", None, None)
            elif found and isinstance(error, UnmaskedNoData):
                u, v = error.masked(left, right)
                others = differ(u, v, read)
                found, why = (others, "") if others else (found, NO_DATA)
        except UnreadableError as unreadable:  # a damaged image: a finding; the others are compared all the same
            self._add(where, "unreadable", *unreadable.sides)
            return
        if found:
            if left.dims[-2:] != ("y", "x"):
                found = replace(found, map=None)  # a map shows where on the ground
            ours, theirs = (truncate(side[found.first].values[()]) for side in (left, right))
            self.found.append(Difference(where, "values", ours, theirs, why, found))

    def _group_attrs(self, group: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> None:
        outputs = self._expected.converter_outputs(group, left, right)
        left, right, own = self._expected.converter_steps(group, left, right)
        for where, u, v in own:
            self._add(f"{group}@{where}", "attribute", truncate(u), truncate(v), ITSELF)

        def why(path: tuple[str, ...], u: object, v: object) -> str:
            if outputs and path[: len(outputs)] == outputs:
                return OUTPUTS
            return self._expected.cfgrib_note(group, path[0], u, v) if len(path) == 1 else ""

        for key in sorted({*left, *right}, key=str):
            self._leaves(f"{group}@{key}", left, right, key, why)

    def _leaves(self, where: str, left: Mapping[str, Any], right: Mapping[str, Any], key: str, why: Why) -> None:
        """Compare an attribute leaf by leaf; paths tell keys from indexes, names in messages do not."""
        a, b = (dict(iter_leaves(side[key])) if key in side else {} for side in (left, right))
        for path in sorted(a.keys() | b.keys(), key=str):
            u, v = a.get(path, MISSING), b.get(path, MISSING)
            ok = path in a and path in b and attrs_equal(u, v)
            steps = tuple(str(step) for step in path)
            reason = "" if ok else why((str(key), *steps), u, v)
            self._equal("/".join((where, *steps)), "attribute", ok, u, v, reason)

    def _indexes(self, path: str, left: Dataset, right: Dataset) -> None:
        for name in sorted(set(left.xindexes) ^ set(right.xindexes), key=str):
            self._one_side(f"{path.rstrip('/')}/{name}", "index", name in left.xindexes)

    def _one_side(self, path: str, kind: str, is_left: bool) -> None:
        self._add(path, kind, *(("there", MISSING) if is_left else (MISSING, "there")))

    def _equal(self, path: str, kind: str, ok: bool, left: object, right: object, why: str) -> None:
        self.compared[f"{kind}s"] += 1
        if not ok:
            self._add(path, kind, truncate(left), truncate(right), why)

    def _add(self, path: str, kind: str, left: str, right: str, why: str = "") -> None:
        self.found.append(Difference(path, kind, left, right, why or self._expected.form(path, kind, left, right)))


def _reason(error: ConverterError | None, kind: str, key: str = "", left: object = None, right: object = None) -> str:
    """Why a difference is expected, where the converter cut labels or did not mask no data."""
    return "" if error is None else error.reason(kind, key, left, right)


def iter_leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Yield the leaves of nested dicts and lists with their paths; empty ones are leaves."""
    if isinstance(value, dict) and value:
        for key in value:
            yield from iter_leaves(value[key], (*path, str(key)))
    elif isinstance(value, list | tuple) and value:
        for i, item in enumerate(value):
            yield from iter_leaves(item, (*path, i))
    else:
        yield path, value


def attrs_equal(left: object, right: object) -> bool:
    """Return True if two attributes are equal in value and type: 1 is not 1.0, NaN is NaN, numpy counts as Python."""
    a, b = to_python(left), to_python(right)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(attrs_equal, a, b))
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return type(a) is type(b) and a == b


def to_python(value: object) -> object:
    """Return a value as plain Python, without numpy."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def truncate(value: object, length: int = 80) -> str:
    """Return a value as text of at most `length` characters."""
    text = value if isinstance(value, str) else str(to_python(value))
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _same_encoding(key: str, left: object, right: object) -> bool:
    """Return True if two encodings mean the same: 1 is 1.0, and midnight may be omitted."""
    if key == "dtype" and left is not None and right is not None:
        return np.dtype(left) == np.dtype(right)  # type: ignore[call-overload, no-any-return]
    a, b = to_python(left), to_python(right)
    if key == "units" and isinstance(a, str) and isinstance(b, str):
        return _units(a) == _units(b)
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b or (a != a and b != b)
    return attrs_equal(a, b)


def _units(text: str) -> tuple[str, object]:
    """Unit and start of a time's units: ``days since 2024-11-15`` is ``days since 2024-11-15 00:00:00``."""
    unit, since, start = text.partition(" since ")
    try:
        return unit, datetime.fromisoformat(start) if since else ""
    except ValueError:
        return unit, start
