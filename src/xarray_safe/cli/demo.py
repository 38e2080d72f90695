"""``xarray-safe demo``: everything at once, offline, on a generated product."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xarray_safe.cli.common import DIFFERENT, print_rich
from xarray_safe.cli.compare import progress_bar

if TYPE_CHECKING:
    from xarray_safe.sample import Spec

Folder = Annotated[Path, typer.Argument(help="Where product, Zarr and report are written.")]
Scale = Annotated[float, typer.Option(help="Size as a share of a real product's.", min=0.003, max=1)]
Open = Annotated[bool, typer.Option("--open", help="Show the report in the browser.")]


def demo(folder: Folder = Path("xarray-safe-demo"), scale: Scale = 1 / 30, show: Open = False) -> None:
    """Generate a product, write its Zarr, compare both, write a report; needs no network.

    The Zarr is written from the tree that engine="safe" gives, so "identical" here proves the round trip; the tests
    compare the tree with Zarr of ESA's converter.
    """
    import xarray.backends

    xarray.backends.list_engines()  # plugins of xarray may load PROJ, which must be loaded before that of ecCodes
    from xarray_safe.compare import compare
    from xarray_safe.sample import Spec, scaled_size

    spec = Spec(size=scaled_size(scale), nodata=0.05)
    safe, zarr = product(folder, spec)
    typer.echo(f"SAFE:   {safe}\nZarr:   {zarr}")
    with progress_bar() as progress:
        found = compare(safe, zarr, progress=progress)
    report = found.to_html(folder / "report.html")
    print_rich(found)
    typer.echo(f"Report: {report}")
    if show:
        webbrowser.open(report.resolve().as_uri())
    if not found.identical:
        raise typer.Exit(DIFFERENT)


def product(folder: Path, spec: Spec) -> tuple[Path, Path]:
    """Write a sample product and its Zarr, in place of those that exist.

    Returns
    -------
    Path, Path
        The ``.SAFE`` folder and the ``.zarr``.
    """
    import shutil

    from xarray_safe import sample

    safe = folder / f"{spec.product_name}.SAFE"
    if safe.exists():
        shutil.rmtree(safe)
    sample.write(safe, spec)
    return safe, sample.write_zarr(safe)
