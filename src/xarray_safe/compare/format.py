"""Sizes, times and costs in words, the same in a terminal and in the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xarray_safe.location import size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xarray_safe.compare.result import Comparison, Difference, Step


def seconds_text(seconds: float) -> str:
    """Seconds in words."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def title_of(found: Comparison) -> tuple[str, str]:
    """What to call both sides: their formats, told apart where they are the same."""
    left, right = found.left.kind, found.right.kind
    return (left, right) if left != right else (f"{left}, left", f"{right}, right")


def steps_of(found: Comparison) -> list[tuple[str, Step | None, Step | None]]:
    """Give the steps that were measured of either side: name, left, right."""
    left, right = ({step.name: step for step in side.steps} for side in (found.left, found.right))
    return [(name, left.get(name), right.get(name)) for name in {**left, **right}]


def cost_rows(found: Comparison) -> Iterator[tuple[str, str, str]]:
    """Give title, left, right of all that was measured."""
    for name, *sides in steps_of(found):
        for title, show in _SHOWN.items():
            if title != "HTTP requests" or any(step and step.requests for step in sides):
                left, right = ("–" if step is None else show(step) for step in sides)
                yield f"{name}: {title}", left, right


_SHOWN: Final[dict[str, Callable[[Step], str]]] = {
    "wall time": lambda step: seconds_text(step.wall),
    "CPU user": lambda step: seconds_text(step.user),
    "CPU system": lambda step: seconds_text(step.system),
    "peak memory": lambda step: size_text(step.memory),
    "HTTP requests": lambda step: str(step.requests),
    "bytes moved": lambda step: size_text(step.moved),
}


def notes(found: Comparison) -> list[tuple[str, str]]:
    """Give what could not be found out: side, note."""
    sides = zip(title_of(found), (found.left, found.right), strict=True)
    return [(name, note) for name, side in sides for note in side.notes]


def reasons(differences: tuple[Difference, ...]) -> Iterator[tuple[str, int, list[str]]]:
    """Group expected differences by their reason: reason, how many, the variables and attributes concerned."""
    for why in dict.fromkeys(difference.expected for difference in differences):
        those = [difference for difference in differences if difference.expected == why]
        yield why, len(those), list(dict.fromkeys(_concerned(difference.path) for difference in those))


def _concerned(path: str) -> str:
    """The variable, or the group with the top of its attribute, that a difference's path lies in."""
    place, _, attribute = path.partition("#")[0].partition("@")
    return place if place != "/" else f"/@{attribute.split('/')[0]}"
