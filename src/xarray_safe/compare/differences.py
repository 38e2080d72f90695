"""Every difference between two trees: groups, variables, coordinates, dims, dtypes, values, attributes, encodings."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.compare import known
from xarray_safe.compare.result import Difference
from xarray_safe.compare.values import differ

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xarray import Dataset, DataTree, Variable

    from xarray_safe.compare.values import Map

Progress = Callable[[str, int, int], object]
"""Called with the path of a variable, its number, and the number of variables."""

ENCODINGS: Final = ("dtype", "scale_factor", "add_offset", "_FillValue", "units", "calendar", "coordinates")
"""Encodings that say what the values mean; chunks and compressors are each format's own."""

_NONE: Final = "<missing>"


class Differences:
    """Compare two trees.

    Parameters
    ----------
    layout
        Layout of both.
    values
        Whether to read and compare values. Coordinates of one dimension are compared anyway.
    progress
        Called before each variable.
    """

    def __init__(self, layout: str, *, values: bool = True, progress: Progress = lambda *_: None) -> None:
        self.layout = layout
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
        reasons = _Reasons(known.cut_labels(where, left, right, self.layout))
        same_shape = left.dims == right.dims and left.shape == right.shape
        if not same_shape:
            sides = (f"{tuple(map(str, side.dims))} {side.shape}" for side in (left, right))
            self._add(where, "dims", *sides)
        self._equal(where, "dtype", left.dtype == right.dtype, left.dtype, right.dtype, reasons("dtype"))
        if same_shape and (self._values or left.ndim <= 1):
            self._compare_values(where, left, right, read, reasons("values"))
        for key in sorted({*left.attrs, *right.attrs}, key=str):
            self._leaves(f"{where}@{key}", "attribute", left.attrs, right.attrs, key, reasons("attribute", str(key)))
        for key in ENCODINGS:
            if key in left.encoding or key in right.encoding:
                u, v = left.encoding.get(key), right.encoding.get(key)
                self._equal(f"{where}#{key}", "encoding", _same_encoding(key, u, v), u, v, reasons("encoding"))

    def _compare_values(self, where: str, left: Variable, right: Variable, read: Map, why: str) -> None:
        if left.ndim > 1 or self._values:
            self.compared["values"] += math.prod(left.shape)
        try:
            found = differ(left, right, read)
        except Exception as error:  # a damaged image: a finding, and the others are compared all the same
            self._add(where, "unreadable", f"{type(error).__name__}: {error}", "")
            return
        if found:
            u, v = (short(side[found.first].values[()]) for side in (left, right))
            self.found.append(Difference(where, "values", u, v, why, found))

    def _group_attrs(self, path: str, left: Mapping[str, Any], right: Mapping[str, Any]) -> None:
        (left, own_left), (right, own_right) = known.without_converter(left), known.without_converter(right)
        for entries, is_left in ((own_left, True), (own_right, False)):
            for key, step in entries:
                if not (own_left and own_right):
                    sides = (short(step), _NONE) if is_left else (_NONE, short(step))
                    self.found.append(Difference(f"{path}@{key}", "attribute", *sides, known.ITSELF))
        for key in sorted({*left, *right}):
            self._leaves(f"{path}@{key}", "attribute", left, right, key)

    def _leaves(
        self, where: str, kind: str, left: Mapping[str, Any], right: Mapping[str, Any], key: str, why: str = ""
    ) -> None:
        """Compare an attribute leaf by leaf; paths tell keys from indexes, names in messages do not."""
        a, b = (dict(leaves(side[key])) if key in side else {} for side in (left, right))
        for path in sorted(a.keys() | b.keys(), key=str):
            u, v = a.get(path, _NONE), b.get(path, _NONE)
            ok = path in a and path in b and same(u, v)
            steps = tuple(str(step) for step in path)
            self._equal("/".join((where, *steps)), kind, ok, u, v, why or known.reason((key, *steps), u, v))

    def _indexes(self, path: str, left: Dataset, right: Dataset) -> None:
        for name in sorted(set(left.xindexes) ^ set(right.xindexes), key=str):
            self._one_side(f"{path.rstrip('/')}/{name}", "index", name in left.xindexes)

    def _one_side(self, path: str, kind: str, is_left: bool) -> None:
        self._add(path, kind, *(("there", _NONE) if is_left else (_NONE, "there")))

    def _equal(self, path: str, kind: str, ok: bool, left: object, right: object, why: str) -> None:
        self.compared[f"{kind}s"] += 1
        if not ok:
            self._add(path, kind, short(left), short(right), why)

    def _add(self, path: str, kind: str, left: str, right: str, why: str = "") -> None:
        self.found.append(Difference(path, kind, left, right, why))


class _Reasons:
    """Why differences of a variable are expected."""

    def __init__(self, cut: bool) -> None:
        self._cut = cut

    def __call__(self, kind: str, key: str = "") -> str:
        return known.CUT if self._cut and known.concerns_cut_labels(kind, key) else ""


def leaves(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Give the leaves of nested dicts and lists with their paths; empty ones are leaves."""
    if isinstance(value, dict) and value:
        for key in value:
            yield from leaves(value[key], (*path, str(key)))
    elif isinstance(value, list | tuple) and value:
        for i, item in enumerate(value):
            yield from leaves(item, (*path, i))
    else:
        yield path, value


def same(left: object, right: object) -> bool:
    """Tell whether two attributes are equal and of equal kind: 1 is not 1.0, NaN is NaN, numpy is Python."""
    a, b = plain(left), plain(right)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b):
        return True
    return type(a) is type(b) and a == b


def plain(value: object) -> object:
    """Give a value without numpy."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def short(value: object, most: int = 80) -> str:
    """Give a value as text of bounded length."""
    text = value if isinstance(value, str) else str(plain(value))
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _same_encoding(key: str, left: object, right: object) -> bool:
    """Tell whether two encodings mean the same: 1 is 1.0, and midnight need not be written."""
    if key == "dtype" and left is not None and right is not None:
        return np.dtype(left) == np.dtype(right)  # type: ignore[call-overload, no-any-return]
    a, b = plain(left), plain(right)
    if key == "units" and isinstance(a, str) and isinstance(b, str):
        return _units(a) == _units(b)
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b or (a != a and b != b)
    return same(a, b)


def _units(text: str) -> tuple[str, object]:
    """Unit and start of a time's units: ``days since 2024-11-15`` is ``days since 2024-11-15 00:00:00``."""
    unit, since, start = text.partition(" since ")
    try:
        return unit, datetime.fromisoformat(start) if since else ""
    except ValueError:
        return unit, start
