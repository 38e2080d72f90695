"""``xarray-safe info``: ten facts of a product."""

from __future__ import annotations

import json

import typer

from xarray_safe.cli.common import Json, Layout, Options, Product, open_product


def info(product: Product, layout: Layout = None, options: Options = None, as_json: Json = False) -> None:
    """Print ten facts of a product: id, platform, level, type, instrument, mode, EPSG, times, cloud cover."""
    from xarray_safe.summary import summary

    with open_product(product, layout, options) as tree:
        facts = summary(tree)
    typer.echo(json.dumps(facts.to_dict(), indent=2, allow_nan=False) if as_json else str(facts))
