"""What a comparison found: plain facts, which go into JSON, a terminal, a notebook and a report."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from xarray_safe.summary import TITLES, Summary

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Measurement:
    """What one step of opening and reading a source cost, in a process of its own.

    Parameters
    ----------
    name
        ``open``, ``first pixel`` or ``one band``.
    wall, user, system
        Seconds that passed, and seconds of CPU.
    memory
        Bytes of memory at the peak above those before the step; None if the system does not tell.
    requests
        HTTP requests.
    received
        Bytes received from the network.
    read
        Bytes read from files; None if the system does not tell.
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
        """Bytes moved, from network and files."""
        return self.received + (self.read or 0)


@dataclass(frozen=True)
class ComparedSource:
    """One of the two sources.

    Parameters
    ----------
    kind
        ``SAFE``, ``Zarr`` or ``tree`` (an open one).
    url
        Its path or URL.
    size
        Bytes; None if not known.
    summary
        Ten facts of its product.
    steps
        What opening and reading it cost; empty if that was not measured.
    quicklook
        PNG of its true colour; None if it has none.
    notes
        What could not be determined about it, and why: its summary, its size, its costs, its picture.
    """

    kind: str
    url: str
    size: int | None
    summary: Summary
    steps: tuple[Measurement, ...] = ()
    quicklook: bytes | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return all fields but the picture; for JSON."""
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
        The largest absolute difference; None if no two numbers differ, e.g. for labels, or NaN and a number.
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
        """Describe it in one line."""
        largest = "" if self.largest is None else f", by at most {self.largest:g}"
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
        """Describe it in one line."""
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
        """Return all fields but the map; an infinite difference is None, because JSON has no infinity."""
        entry: dict[str, Any] = {"path": self.path, "kind": self.kind, "left": self.left, "right": self.right}
        if self.expected:
            entry["expected"] = self.expected
        if self.values:
            values = self.values
            largest = values.largest if values.largest is not None and math.isfinite(values.largest) else None
            entry |= {"count": values.count, "total": values.total, "largest": largest, "first": [*values.first]}
        return entry


@dataclass(frozen=True)
class Findings:
    """What the comparison of two products found.

    Parameters
    ----------
    left, right
        The sources, in the order in which they were given.
    layout
        Layout of both trees, e.g. ``2.8``.
    differences
        What differs.
    expected
        Documented differences that come from errors of ESA's converter or its notes about itself.
    compared
        How much was compared, by kind.
    """

    left: ComparedSource
    right: ComparedSource
    layout: str
    differences: tuple[Difference, ...]
    expected: tuple[Difference, ...]
    compared: dict[str, int]

    @property
    def identical(self) -> bool:
        """Whether nothing differs except what is expected."""
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
        """Return the ten facts as title, left, right."""
        left, right = self.left.summary.to_dict(), self.right.summary.to_dict()
        return [(title, left[key], right[key]) for key, title in TITLES.items()]

    def to_dict(self) -> dict[str, Any]:
        """Return everything but pictures; for JSON."""
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

    def __str__(self) -> str:
        """Return the verdict and a line for each difference."""
        return "\n".join([self.verdict, *map(str, self.differences)])
