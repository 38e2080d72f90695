"""``xarray-safe verify``: the files of products against their own manifests."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from xarray_safe.cli.common import DIFFERENT
from xarray_safe.errors import SafeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xarray_safe.archive.manifest import ManifestEntry

Products = Annotated[list[str], typer.Argument(help="Folders or zips.", show_default=False)]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only problems.")]


def verify(products: Products, quiet: Quiet = False) -> None:
    """Check sizes and checksums (MD5, SHA3-256) of all files that a product's manifest names.

    Exit status 3 if a file is missing or damaged; 1 if a product could not be checked, after the others.
    """
    outcomes = [_verify(product, quiet) for product in products]
    if status := next((status for status in (1, DIFFERENT) if status in outcomes), 0):
        raise typer.Exit(status)


def _verify(product: str, quiet: bool) -> int:
    """Check one product and print its problems; return the exit status for it alone."""
    from xarray_safe.archive import open_archive
    from xarray_safe.archive.verify import check, read
    from xarray_safe.net.urls import redact

    name = redact(product)
    try:
        archive = open_archive(product)
        try:
            with _progress(sum(entry.size or 0 for entry in read(archive))) as seen:
                report = check(archive, seen)
        finally:
            archive.close()
    except (SafeError, OSError) as error:
        typer.echo(f"xarray-safe: {error}", err=True)
        return 1
    for problem in report.problems:
        typer.echo(f"{name}: {problem}")
    if report.problems:
        return DIFFERENT
    if not quiet:
        known = report.files - len(report.unchecked)
        typer.echo(f"{name}: {report.files} files, {report.bytes:,} bytes, {known} checksums: all right")
    return 0


@contextmanager
def _progress(total: int) -> Iterator[Callable[[ManifestEntry], object]]:
    """Show the checked bytes, on a terminal's standard error; else nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("verifying", total=total)
        yield lambda entry: bar.advance(task, entry.size or 0)
