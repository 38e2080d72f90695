"""Sizes, times and costs as text, the same in a terminal and in the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xarray_safe.location import size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xarray_safe.compare.result import Difference, Findings, Measurement


def seconds_text(seconds: float) -> str:
    """Seconds as text."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def side_titles(found: Findings) -> tuple[str, str]:
    """Titles of both sides: their formats, distinguished by side if these are the same."""
    left, right = found.left.kind, found.right.kind
    return (left, right) if left != right else (f"{left}, left", f"{right}, right")


def paired_steps(found: Findings) -> list[tuple[str, Measurement | None, Measurement | None]]:
    """Return the measured steps of both sides: name, left, right."""
    left, right = ({step.name: step for step in side.steps} for side in (found.left, found.right))
    return [(name, left.get(name), right.get(name)) for name in {**left, **right}]


def cost_rows(found: Findings) -> Iterator[tuple[str, str, str]]:
    """Yield title, left, right of everything that was measured."""
    for name, *sides in paired_steps(found):
        for title, show in _SHOWN.items():
            if title != "HTTP requests" or any(step and step.requests for step in sides):
                left, right = ("–" if step is None else show(step) for step in sides)
                yield f"{name}: {title}", left, right


_SHOWN: Final[dict[str, Callable[[Measurement], str]]] = {
    "wall time": lambda step: seconds_text(step.wall),
    "CPU user": lambda step: seconds_text(step.user),
    "CPU system": lambda step: seconds_text(step.system),
    "peak memory": lambda step: size_text(step.memory),
    "HTTP requests": lambda step: str(step.requests),
    "bytes moved": lambda step: size_text(step.moved),
}


def notes(found: Findings) -> list[tuple[str, str]]:
    """Return what could not be determined: side, note."""
    sides = zip(side_titles(found), (found.left, found.right), strict=True)
    return [(name, note) for name, side in sides for note in side.notes]


def reasons(differences: tuple[Difference, ...]) -> Iterator[tuple[str, int, list[str]]]:
    """Group expected differences by their reason: reason, how many, the variables and attributes concerned."""
    for why in dict.fromkeys(difference.expected for difference in differences):
        those = [difference for difference in differences if difference.expected == why]
        yield why, len(those), list(dict.fromkeys(_concerned(difference.path) for difference in those))


def _concerned(path: str) -> str:
    """The variable, or the group with the top of its attribute, of a difference's path."""
    place, _, attribute = path.partition("#")[0].partition("@")
    return place if place != "/" else f"/@{attribute.split('/')[0]}"
