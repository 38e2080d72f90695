"""The commands of ``xarray-safe`` on products: info, tree, compare, verify, quicklook, demo.

Each file has one command and imports what it needs when it runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from xarray_safe import __version__
from xarray_safe.cli import access
from xarray_safe.cli.compare import compare
from xarray_safe.cli.demo import demo
from xarray_safe.cli.info import info
from xarray_safe.cli.quicklook import quicklook
from xarray_safe.cli.tree import tree
from xarray_safe.cli.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

PIPE_CLOSED = 141
"""Exit status when the output is closed, as in ``… | head``; that of a shell for the signal."""


class Commands(TyperGroup):
    """The commands; when their output is closed they end as other programs do."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command until all of its output is written."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(PIPE_CLOSED) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Open Sentinel .SAFE archives as the tree of EOPF Zarr; inspect, compare, verify, find and download them.",
    epilog="Exit status: 0 success; 1 error; 2 invalid arguments; 3 products differ or are damaged.",
)
"""The whole command line; `cli` runs it."""


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"xarray-safe {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before a command; the help is above."""


COMMANDS: dict[Callable[..., None], str] = {
    info: "xarray-safe info PRODUCT.SAFE.zip",
    tree: "xarray-safe tree PRODUCT.SAFE -g measurements | less",
    compare: "xarray-safe compare PRODUCT.SAFE PRODUCT.zarr --html report.html",
    verify: "xarray-safe verify downloads/*.SAFE.zip",
    quicklook: "xarray-safe quicklook PRODUCT.SAFE.zip -o picture.png",
    demo: "xarray-safe demo --open",
}
for command, example in COMMANDS.items():
    app.command(epilog=f"Example: {example}")(command)
app.registered_commands += access.app.registered_commands
