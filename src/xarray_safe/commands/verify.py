"""``xarray-safe verify``: the files of products against their own manifests."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from xarray_safe.commands.common import DIFFERENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xarray_safe.access.manifest import Entry

Products = Annotated[list[str], typer.Argument(help="Folders or zips.", show_default=False)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only what is wrong.")]


def verify(products: Products, quiet: Quiet = False) -> None:
    """Check sizes and checksums (MD5, SHA3-256) of all files that a product's manifest names.

    Exit status 3 if a file is missing or damaged.
    """
    from xarray_safe.access.manifest import check, read
    from xarray_safe.archive import open_archive

    damaged = False
    for product in products:
        archive = open_archive(product)
        try:
            with _progress(sum(entry.size or 0 for entry in read(archive))) as seen:
                report = check(archive, seen)
        finally:
            archive.close()
        for problem in report.problems:
            typer.echo(f"{product}: {problem}")
        if report.problems:
            damaged = True
        elif not quiet:
            known = report.files - len(report.unchecked)
            typer.echo(f"{product}: {report.files} files, {report.bytes:,} bytes, {known} checksums: all right")
    if damaged:
        raise typer.Exit(DIFFERENT)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Entry], object]]:
    """Show bytes go by, on a terminal's standard error; else nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("verifying", total=total)
        yield lambda entry: bar.advance(task, entry.size or 0)
