"""Charts of a comparison as SVG, embedded in a report; no script, no library."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from xarray_safe.compare.format import paired_steps, seconds_text, side_titles
from xarray_safe.location import size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xarray_safe.compare.result import Findings, Measurement

_WIDTH: Final = 360
_LEFT: Final = 84
_RIGHT: Final = 76
_BAR: Final = 13
_GAP: Final = 14


@dataclass(frozen=True)
class BarChart:
    """One chart: bars in pairs, left source above right source.

    Parameters
    ----------
    title
        What is measured.
    rows
        Label of a pair, and the parts of both bars, e.g. CPU of user and system; None if not known.
    show
        How a number is written.
    """

    title: str
    rows: tuple[tuple[str, tuple[float, ...] | None, tuple[float, ...] | None], ...]
    show: Callable[[float], str]

    def svg(self, names: tuple[str, str]) -> str:
        """Draw it."""
        largest = max((sum(bar) for _, *pair in self.rows for bar in pair if bar), default=0) or 1
        scale = (_WIDTH - _LEFT - _RIGHT) / largest
        body, y = [], 4
        for label, *pair in self.rows:
            body.append(f'<text class="label" x="{_LEFT - 8}" y="{y + _BAR + 4}">{escape(label)}</text>')
            for side, (name, bar) in enumerate(zip(names, pair, strict=True)):
                body += self._bar(y + side * (_BAR + 2), side, name, bar, scale)
            y += 2 * (_BAR + 2) + _GAP
        height = y - _GAP + 4
        return (
            f'<figure><figcaption>{escape(self.title)}</figcaption><svg class="chart" role="img" '
            f'aria-label="{escape(self.title)}" viewBox="0 0 {_WIDTH} {height}">{"".join(body)}</svg></figure>'
        )

    def _bar(self, y: int, side: int, name: str, bar: tuple[float, ...] | None, scale: float) -> Iterator[str]:
        x = float(_LEFT)
        text = "not known" if bar is None else self.show(sum(bar))
        for part, value in enumerate(bar or ()):
            width = max(1.0 if part == 0 else 0.0, value * scale)
            yield (
                f'<rect class="bar side{side} part{part}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_BAR}" '
                f'rx="2"><title>{escape(f"{name}: {text}")}</title></rect>'
            )
            x += width
        yield f'<text class="value" x="{x + 6:.1f}" y="{y + _BAR - 2.5}">{escape(text)}</text>'


def charts(found: Findings) -> list[str]:
    """Draw costs and sizes of the sources, if they were measured."""
    names = side_titles(found)
    return [bars.svg(names) for bars in (*_cost_charts(found), *_size_charts(found))]


def _cost_charts(found: Findings) -> Iterator[BarChart]:
    if not paired_steps(found):
        return
    yield _cost_chart(found, "Wall time", lambda step: (step.wall,), seconds_text)
    yield _cost_chart(found, "CPU time: user, and paler: system", lambda step: (step.user, step.system), seconds_text)
    yield _cost_chart(found, "Peak memory", lambda step: None if step.memory is None else (step.memory,), _bytes)
    yield _cost_chart(found, "Bytes moved", lambda step: (step.moved,), _bytes)
    if any(step.requests for side in (found.left, found.right) for step in side.steps):
        yield _cost_chart(found, "HTTP requests", lambda step: (step.requests,), lambda count: f"{count:.0f}")


def _size_charts(found: Findings) -> Iterator[BarChart]:
    sizes = [None if side.size is None else (float(side.size),) for side in (found.left, found.right)]
    if any(sizes):
        yield BarChart("Size of the product", (("all files", sizes[0], sizes[1]),), _bytes)


def _cost_chart(
    found: Findings, title: str, of: Callable[[Measurement], tuple[float, ...] | None], show: Callable[[float], str]
) -> BarChart:
    def bar(step: Measurement | None) -> tuple[float, ...] | None:
        return None if step is None else of(step)

    return BarChart(title, tuple((name, bar(left), bar(right)) for name, left, right in paired_steps(found)), show)


def _bytes(size: float) -> str:
    return size_text(round(size))
