"""``xarray-safe quicklook``: a picture of a product."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xarray_safe.commands.common import Options, Product, options_of
from xarray_safe.errors import MissingElement

if TYPE_CHECKING:
    from xarray import DataTree

    from xarray_safe.compare.opening import Place

Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write; '-' for standard output.")]
Size = Annotated[int, typer.Option("--size", "-s", min=16, help="Pixels of the longer side at the most.")]

_SMALLEST = 4
"""The images hold 1/2, 1/4, 1/8 and 1/16 of their resolution."""


def quicklook(product: Product, output: Output = None, size: Size = 700, options: Options = None) -> None:
    """Write a product's true colour as PNG; of a SAFE from the low resolutions that its images hold."""
    from xarray_safe.compare.opening import place
    from xarray_safe.compare.pictures import true_colour

    source = place(product, options_of(options))
    tree = _small(source, size) if source.kind == "SAFE" else source.open()
    with tree:
        picture = true_colour(tree, size)
    if picture is None:
        raise MissingElement(f"{product} has no bands b04, b03, b02 of one resolution to draw")
    if output == Path("-"):
        sys.stdout.buffer.write(picture)
        return
    name = Path(source.url.rstrip("/")).name
    target = output or Path(f"{name.split('.')[0]}.png")
    target.write_bytes(picture)
    typer.echo(target)


def _small(source: Place, size: int) -> DataTree:
    """Open a SAFE at the lowest resolution that has about enough pixels; opening reads headers only."""
    import xarray as xr

    options: dict[str, Any] = {"storage_options": dict(source.options)} if source.options else {}
    with source.open() as full:
        side = max((node.sizes.get("x", 0) for node in full.subtree), default=0)
    overview = next((n for n in range(_SMALLEST, 0, -1) if side >> n >= 0.75 * size), 0)
    return xr.open_datatree(source.url, engine="safe", overview=overview, **options)
