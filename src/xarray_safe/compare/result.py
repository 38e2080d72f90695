"""What a comparison found: plain facts, which go into JSON, a terminal, a notebook and a report."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from xarray_safe.summary import TITLES, Summary

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import numpy as np
    from rich.console import RenderableType


@dataclass(frozen=True)
class Step:
    """What one step of opening and reading a source cost, in a process of its own.

    Parameters
    ----------
    name
        ``open``, ``first pixel`` or ``one band``.
    wall, user, system
        Seconds that passed, and seconds of CPU.
    memory
        Bytes that the process held more at its peak than before the step; None where the system does not tell.
    requests
        HTTP requests.
    received
        Bytes received from the network.
    read
        Bytes read from files; None where the system does not tell.
    """

    name: str
    wall: float
    user: float
    system: float
    memory: int | None
    requests: int
    received: int
    read: int | None

    @property
    def moved(self) -> int:
        """Bytes moved, from wherever."""
        return self.received + (self.read or 0)


@dataclass(frozen=True)
class Side:
    """One of the two sources.

    Parameters
    ----------
    kind
        ``SAFE``, ``Zarr`` or ``tree`` (an open one).
    url
        Its path or URL.
    size
        Bytes; None where not known.
    summary
        Ten facts of its product.
    steps
        What opening and reading it cost; empty if that was not measured.
    quicklook
        PNG of its true colour; None if it has none.
    notes
        What could not be found out about it, and why: its summary, its size, its costs, its picture.
    """

    kind: str
    url: str
    size: int | None
    summary: Summary
    steps: tuple[Step, ...] = ()
    quicklook: bytes | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Give all but the picture."""
        return {
            "kind": self.kind,
            "url": self.url,
            "size": self.size,
            "summary": self.summary.to_dict(),
            "steps": [asdict(step) for step in self.steps],
            "notes": [*self.notes],
        }


@dataclass(frozen=True)
class Values:
    """How the values of a variable differ.

    Parameters
    ----------
    count, total
        Values that differ, of how many.
    largest
        The largest absolute difference; None if there is none among numbers, e.g. of labels, or NaN against a number.
    first
        Index of the first value that differs.
    map
        Share of values that differ, of squares of an image; (rows, columns), float64 in 0..1.
    """

    count: int
    total: int
    largest: float | None
    first: tuple[int, ...]
    map: np.ndarray[Any, np.dtype[np.float64]] | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        """Say it in a line."""
        largest = "" if self.largest is None else f", at the most by {self.largest:g}"
        return f"{self.count} of {self.total} values differ{largest}, first at {list(self.first)}"


@dataclass(frozen=True)
class Difference:
    """One difference.

    Parameters
    ----------
    path
        ``/group``, ``/group/variable``, or with an attribute: ``/group/variable@units``,
        ``/@stac_discovery/properties/platform``; with an encoding: ``/group/variable#scale_factor``.
    kind
        ``group``, ``variable``, ``coordinate``, ``index``, ``dims``, ``dtype``, ``values``, ``attribute``,
        ``encoding`` or ``unreadable``.
    left, right
        What stands on either side, shortened; of values, the first that differs; of what is unreadable, why, and
        nothing of the side that can be read.
    expected
        Why it is expected, where it is; else empty.
    values
        For values, how many and by how much.
    """

    path: str
    kind: str
    left: str
    right: str
    expected: str = ""
    values: Values | None = None

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.kind} {self.path}: {self.what}"

    @property
    def what(self) -> str:
        """How the sides differ, without where."""
        if self.kind == "unreadable":
            sides = (("left", self.left), ("right", self.right))
            return "; ".join(f"the {side} one cannot be read: {why}" for side, why in sides if why)
        first = f"{self.left} ≠ {self.right}"
        return f"{self.values}: {first}" if self.values else first

    def to_dict(self) -> dict[str, Any]:
        """Give all but the map; a difference that is infinite is None, for JSON has none."""
        entry: dict[str, Any] = {"path": self.path, "kind": self.kind, "left": self.left, "right": self.right}
        if self.expected:
            entry["expected"] = self.expected
        if self.values:
            values = self.values
            largest = values.largest if values.largest is not None and math.isfinite(values.largest) else None
            entry |= {"count": values.count, "total": values.total, "largest": largest, "first": [*values.first]}
        return entry


@dataclass(frozen=True)
class Comparison:
    """Two products held against each other.

    Parameters
    ----------
    left, right
        The sources, in the order in which they were given.
    layout
        Layout of both trees, ``2.5`` or ``2.8``.
    differences
        What is not the same.
    expected
        What is not the same because ESA's converter errs or speaks of itself, as documented.
    compared
        How much was compared, by kind.
    """

    left: Side
    right: Side
    layout: str
    differences: tuple[Difference, ...]
    expected: tuple[Difference, ...]
    compared: dict[str, int]

    @property
    def identical(self) -> bool:
        """Whether nothing differs but what is expected."""
        return not self.differences

    @property
    def verdict(self) -> str:
        """One word or a few: ``identical``, or how much of what differs."""
        without = "" if "values" in self.compared else ", values were not compared"
        if self.identical:
            return f"identical{without}"
        counts = Counter(difference.kind for difference in self.differences)
        several = "s" if len(self.differences) > 1 else ""
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()))
        return f"{len(self.differences)} difference{several} ({kinds}){without}"

    def fields(self) -> list[tuple[str, object, object]]:
        """Give the ten facts as title, left, right."""
        left, right = self.left.summary.to_dict(), self.right.summary.to_dict()
        return [(title, left[key], right[key]) for key, title in TITLES.items()]

    def to_dict(self) -> dict[str, Any]:
        """Give everything but pictures; goes into JSON."""
        return {
            "identical": self.identical,
            "verdict": self.verdict,
            "layout": self.layout,
            "left": self.left.to_dict(),
            "right": self.right.to_dict(),
            "compared": dict(self.compared),
            "differences": [difference.to_dict() for difference in self.differences],
            "expected": [difference.to_dict() for difference in self.expected],
        }

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a report: one HTML file that needs nothing else, with charts and pictures."""
        from xarray_safe.compare.report import write

        return write(self, path)

    def __rich__(self) -> RenderableType:
        """Give tables for a terminal; needs rich."""
        from xarray_safe.compare.terminal import tables

        return tables(self)

    def __str__(self) -> str:
        """Give the verdict and a line for each difference."""
        return "\n".join([self.verdict, *map(str, self.differences)])

    def _repr_html_(self) -> str:
        from xarray_safe.compare.report import fragment

        return fragment(self)
