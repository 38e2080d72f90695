"""``xarray-safe compare``: two sources of one product."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xarray_safe.cli.common import DIFFERENT, Json, Layout, check_options, check_writable, parse_options, print_rich

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

First = Annotated[str, typer.Argument(metavar="A", help="SAFE or Zarr: path or URL.", show_default=False)]
Second = Annotated[str, typer.Argument(metavar="B", help="The other source.", show_default=False)]
Html = Annotated[Path | None, typer.Option("--html", help="Write a report to this file.")]
NoValues = Annotated[bool, typer.Option("--no-values", help="Compare structure and attributes only; reads no pixels.")]
NoCosts = Annotated[bool, typer.Option("--no-costs", help="Do not measure time, memory and bytes.")]
OptionsA = Annotated[
    str | None, typer.Option("--options-a", help="storage_options of A, as JSON.", callback=check_options)
]
OptionsB = Annotated[
    str | None, typer.Option("--options-b", help="storage_options of B, as JSON.", callback=check_options)
]


def compare(
    a: First,
    b: Second,
    html: Html = None,
    as_json: Json = False,
    no_values: NoValues = False,
    no_costs: NoCosts = False,
    layout: Layout = None,
    options_a: OptionsA = None,
    options_b: OptionsB = None,
) -> None:
    """Compare a product's SAFE with its Zarr: every value and attribute, and what opening each costs.

    The SAFE is opened in the layout of the Zarr; two SAFEs in that of --layout. Exit status 3 if anything differs other
    than the known errors of ESA's converter.
    """
    from xarray_safe.compare import compare as run

    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        check_writable(html)
    with progress_bar() as progress:
        found = run(
            a,
            b,
            safe_options=parse_options(options_a),
            zarr_options=parse_options(options_b),
            layout=layout,
            values=not no_values,
            costs=not no_costs,
            progress=progress,
        )
    if html is not None:
        found.to_html(html)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, allow_nan=False))
    else:
        print_rich(found)
    if html is not None:
        typer.echo(f"Report: {html}", err=as_json)
    if not found.identical:
        raise typer.Exit(DIFFERENT)


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], object]]:
    """Show the variables as they are compared, on a terminal's standard error; else nothing."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("comparing", total=None)
        yield lambda path, number, total: bar.update(task, description=path[-40:], completed=number, total=total)
