"""Shared by commands: arguments, and opening a product."""

from __future__ import annotations

import json
import tempfile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xarray_safe.errors import InvalidArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from xarray import DataTree

DIFFERENT = 3
"""Exit status of a command that did its work and found that products differ or are damaged."""


def check_options(text: str | None) -> str | None:
    """Check that storage options can be parsed, before the command runs."""
    parse_options(text)
    return text


def _check_layout(text: str | None) -> str | None:
    if text is not None:
        from xarray_safe.products.layouts import AUTO, layout_of  # here, so that --help is fast

        if text == AUTO:
            return None
        try:
            layout_of(text)
        except InvalidArgumentError as error:
            raise typer.BadParameter(str(error)) from error
    return text


Product = Annotated[str, typer.Argument(help="Path or URL of a SAFE (folder or zip) or a Zarr.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Layout = Annotated[
    str | None, typer.Option("--layout", "-l", help="Layout of a SAFE's tree, e.g. 2.8.", callback=_check_layout)
]
Options = Annotated[
    str | None,
    typer.Option(
        "--options", help="storage_options of a remote product, as JSON: '{\"anon\": true}'.", callback=check_options
    ),
]


def open_product(product: str, layout: str | None = None, options: str | None = None) -> DataTree:
    """Open a SAFE or a Zarr."""
    from xarray_safe.location import locate

    return locate(product, parse_options(options)).open(layout)


def parse_options(text: str | None) -> dict[str, Any]:
    """Parse storage options.

    Raises
    ------
    typer.BadParameter
        They are not a JSON object.
    """
    if text is None:
        return {}
    try:
        options = json.loads(text)
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise typer.BadParameter("give a JSON object such as '{\"anon\": true}'.")
    return options


def check_writable(file: Path) -> None:
    """Check that a file can be written at a path, before the work for it.

    Raises
    ------
    InvalidArgumentError
        It is a folder, or its folder does not exist or is not writable.
    """
    if file.is_dir():
        raise InvalidArgumentError(f"{file} is a folder; give the name of a file in it.")
    try:
        with tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        raise InvalidArgumentError(f"{file} cannot be written: {error.strerror}.") from error


def print_rich(*parts: Any) -> None:
    """Print for people: with colours in a terminal; into a pipe as plain text, neither cut nor padded."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        console.print(*parts)
        return
    wide = Console(width=200, no_color=True)
    with wide.capture() as captured:
        wide.print(*parts)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())
