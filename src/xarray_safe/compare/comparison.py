"""A comparison and the forms in which it is shown: a report, tables in a terminal, a piece of HTML in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xarray_safe.compare import report
from xarray_safe.compare.result import Findings

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from rich.console import RenderableType


@dataclass(frozen=True)
class Comparison(Findings):
    """Two products compared with each other; see `Findings` for what it holds."""

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a report: one HTML file that needs nothing else, with charts and pictures."""
        return report.write(self, path)

    def __rich__(self) -> RenderableType:
        """Return tables for a terminal; needs rich."""
        from xarray_safe.compare.terminal import tables  # here, because rich is an extra

        return tables(self)

    def _repr_html_(self) -> str:
        return report.fragment(self)
