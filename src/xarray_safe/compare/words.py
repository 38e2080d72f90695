"""Sizes, times and costs in words, the same in a terminal and in the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray_safe.compare.result import Comparison, Difference


def bytes_text(size: int | None) -> str:
    """Bytes in words."""
    if size is None:
        return "–"
    number = float(size)
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.2f} GB"


def seconds_text(seconds: float) -> str:
    """Seconds in words."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def title_of(found: Comparison) -> tuple[str, str]:
    """What to call both sides: their formats, told apart where they are the same."""
    left, right = found.left.kind, found.right.kind
    return (left, right) if left != right else (f"{left}, left", f"{right}, right")


def cost_rows(found: Comparison) -> Iterator[tuple[str, str, str]]:
    """Give title, left, right of all that was measured."""
    for left, right in zip(found.left.steps, found.right.steps, strict=True):
        for name, show in (("wall", seconds_text), ("user", seconds_text), ("system", seconds_text)):
            title = "wall time" if name == "wall" else f"CPU {name}"
            yield f"{left.name}: {title}", show(getattr(left, name)), show(getattr(right, name))
        yield f"{left.name}: peak memory", bytes_text(left.memory), bytes_text(right.memory)
        if left.requests or right.requests:
            yield f"{left.name}: HTTP requests", str(left.requests), str(right.requests)
        yield f"{left.name}: bytes moved", bytes_text(left.moved), bytes_text(right.moved)


def reasons(differences: tuple[Difference, ...]) -> Iterator[tuple[str, int, list[str]]]:
    """Group expected differences by their reason: reason, how many, the variables and attributes concerned."""
    for why in dict.fromkeys(difference.expected for difference in differences):
        those = [difference for difference in differences if difference.expected == why]
        yield why, len(those), list(dict.fromkeys(_concerned(difference.path) for difference in those))


def _concerned(path: str) -> str:
    """The variable, or the group with the top of its attribute, that a difference's path lies in."""
    place, _, attribute = path.partition("#")[0].partition("@")
    return place if place != "/" else f"/@{attribute.split('/')[0]}"
