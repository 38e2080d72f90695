"""A comparison as tables for a terminal (needs rich)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from xarray_safe.compare.format import cost_rows, notes, reasons, side_titles
from xarray_safe.location import size_text
from xarray_safe.summary import text

if TYPE_CHECKING:
    from rich.console import RenderableType

    from xarray_safe.compare.result import Difference, Findings

_MOST = 40
"""Differences that are shown; all are in the report and in JSON."""


def tables(found: Findings) -> Group:
    """Return verdict, facts, costs and differences."""
    colour = "green" if found.identical else "red"
    parts: list[RenderableType] = [Text(found.verdict, f"bold {colour}"), _facts(found)]
    if noted := notes(found):
        parts.append(_notes(noted))
    if found.left.steps or found.right.steps:
        parts.append(_costs(found))
    if found.differences:
        parts.append(_differences(found.differences))
    if found.expected:
        parts.append(_expected(found.expected))
    return Group(*parts)


def _facts(found: Findings) -> Table:
    table = _table(f"Layout {found.layout}", "", *side_titles(found))
    table.add_row("Source", Text(found.left.url, overflow="fold"), Text(found.right.url, overflow="fold"))
    for title, left, right in found.fields():
        table.add_row(title, text(left), Text(text(right), "" if left == right else "red"))
    table.add_row("Size", size_text(found.left.size), size_text(found.right.size))
    return table


def _costs(found: Findings) -> Table:
    table = _table("What it costs", "", *side_titles(found))
    for column in table.columns[1:]:
        column.justify = "right"
    for title, left, right in cost_rows(found):
        table.add_row(title, left, right)
    return table


def _notes(noted: list[tuple[str, str]]) -> Table:
    table = _table("Not known", "Side", "Why")
    for side, note in noted:
        table.add_row(side, Text(note))
    return table


def _differences(differences: tuple[Difference, ...]) -> Table:
    table = _table(f"Differences ({len(differences)})", "Where", "What", "Difference")
    for difference in differences[:_MOST]:
        table.add_row(Text(difference.path), difference.kind, Text(difference.what))
    if len(differences) > _MOST:
        table.add_row(f"… and {len(differences) - _MOST} more", "", "")
    return table


def _expected(differences: tuple[Difference, ...]) -> Table:
    title = f"Expected ({len(differences)}): errors of ESA's converter and its notes about itself"
    table = _table(title, "Why", "Count", "Where")
    for why, count, places in reasons(differences):
        table.add_row(why, str(count), Text("\n".join(places)))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
