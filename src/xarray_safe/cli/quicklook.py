"""``xarray-safe quicklook``: a picture of a product."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xarray_safe.cli.common import Options, Product, check_writable, parse_options
from xarray_safe.errors import CorruptFileError, MissingElementError, SafeError

if TYPE_CHECKING:
    from xarray_safe.location import ProductLocation

Output = Annotated[Path | None, typer.Option("--output", "-o", help="File to write; '-' for standard output.")]
Size = Annotated[int, typer.Option("--size", "-s", min=16, help="Maximum pixels of the longer side.")]


def quicklook(product: Product, output: Output = None, size: Size = 700, options: Options = None) -> None:
    """Write a product's true colour as PNG; of a SAFE from the low resolutions that its images hold."""
    from xarray_safe.location import locate

    source = locate(product, parse_options(options))
    target = output or Path(f"{Path(source.label.rstrip('/')).name.split('.')[0]}.png")
    if target != Path("-"):
        check_writable(target)
    picture = _of_safe(source, size) if source.kind == "SAFE" else _of_zarr(source, size)
    if target == Path("-"):
        sys.stdout.buffer.write(picture)
        return
    target.write_bytes(picture)
    typer.echo(target)


def _of_safe(source: ProductLocation, size: int) -> bytes:
    from xarray_safe.archive import open_archive
    from xarray_safe.quicklook import true_colour_of_safe

    archive = open_archive(source.url, dict(source.storage_options))
    try:
        return true_colour_of_safe(archive, size)
    finally:
        archive.close()


def _of_zarr(source: ProductLocation, size: int) -> bytes:
    from xarray_safe.net.urls import describe_error
    from xarray_safe.quicklook import true_colour

    with source.open() as tree:
        try:
            picture = true_colour(tree, size)
        except SafeError:
            raise
        except Exception as error:  # codecs raise anything on a damaged chunk
            said = describe_error(error, limit=None)
            raise CorruptFileError(f"{source.label}: its bands cannot be read ({said})") from error
    if picture is None:
        raise MissingElementError(f"{source.label} has no red, green and blue of one resolution to draw")
    return picture
