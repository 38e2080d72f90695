"""What commands share: arguments, and opening what they name."""

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


def valid_options(text: str | None) -> str | None:
    """See that storage options can be read, before the command runs."""
    options_of(text)
    return text


def _valid_layout(text: str | None) -> str | None:
    if text is not None:
        from xarray_safe.products import layout_of  # here, so that --help is quick

        try:
            layout_of(text)
        except InvalidArgumentError as error:
            raise typer.BadParameter(str(error)) from error
    return text


Product = Annotated[str, typer.Argument(help="Path or URL of a SAFE (folder or zip) or a Zarr.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Layout = Annotated[
    str | None, typer.Option("--layout", "-l", help="Layout of a SAFE's tree: 2.8 or 2.5.", callback=_valid_layout)
]
Options = Annotated[
    str | None,
    typer.Option(
        "--options", help="storage_options of a remote product, as JSON: '{\"anon\": true}'.", callback=valid_options
    ),
]


def open_product(product: str, layout: str | None = None, options: str | None = None) -> DataTree:
    """Open a SAFE or a Zarr."""
    from xarray_safe.location import locate

    return locate(product, options_of(options)).open(layout)


def options_of(text: str | None) -> dict[str, Any]:
    """Read storage options.

    Raises
    ------
    typer.BadParameter
        They are no JSON object.
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


def writable(file: Path) -> None:
    """See that a file can be written at a path, before the work that leads to it.

    Raises
    ------
    InvalidArgumentError
        It is a folder, or its folder is not there or cannot be written to.
    """
    if file.is_dir():
        raise InvalidArgumentError(f"{file} is a folder; give the name of a file in it.")
    try:
        with tempfile.TemporaryFile(dir=file.parent):
            pass
    except OSError as error:
        raise InvalidArgumentError(f"{file} cannot be written: {error.strerror}.") from error


def print_rich(*parts: Any) -> None:
    """Print for people: with colours in a terminal; into a pipe as plain text, not cut to a width nor padded to one."""
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
