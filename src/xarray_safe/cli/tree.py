"""``xarray-safe tree``: groups and variables of a product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from xarray_safe.cli.common import Layout, Options, Product, open_product
from xarray_safe.errors import UnknownGroupError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from xarray import DataArray, DataTree

Group = Annotated[str | None, typer.Option("--group", "-g", help="Show only this group and the groups below it.")]
Flat = Annotated[bool, typer.Option("--flat", "-f", help="One variable a line with its path, for grep.")]
Coordinates = Annotated[bool, typer.Option("--coords", "-c", help="Also list coordinates.")]


def tree(
    product: Product,
    group: Group = None,
    flat: Flat = False,
    coords: Coordinates = False,
    layout: Layout = None,
    options: Options = None,
) -> None:
    """List the groups and variables of a product, with dimensions and data types."""
    from xarray import DataTree

    from xarray_safe.net.urls import redact

    with open_product(product, layout, options) as opened:
        path = f"/{(group or '').strip('/')}"
        if path not in opened.groups:
            raise UnknownGroupError(f"{redact(product)} has no group {path}; there are: {', '.join(opened.groups)}")
        top = opened[path]
        assert isinstance(top, DataTree)
        for line in _flat(top, coords) if flat else _nested(top, coords):
            typer.echo(line)


def _flat(top: DataTree, coords: bool) -> Iterator[str]:
    for node in top.subtree:
        for name in _names(node, coords):
            yield f"{node.path.rstrip('/')}/{name}  {_what(node.dataset[name])}"


def _nested(node: DataTree, coords: bool, depth: int = 0) -> Iterator[str]:
    """Yield a group, its variables and then its groups, each a step further in."""
    yield f"{'  ' * depth}{node.name or '/'}"
    names = _names(node, coords)
    width = max((len(str(name)) for name in names), default=0)
    for name in names:
        yield f"{'  ' * (depth + 1)}{name!s:<{width}}  {_what(node.dataset[name])}"
    for child in node.children.values():
        yield from _nested(child, coords, depth + 1)


def _names(node: DataTree, coords: bool) -> list[Hashable]:
    dataset = node.to_dataset(inherit=False)
    return [*(sorted(dataset.coords, key=str) if coords else ()), *sorted(dataset.data_vars, key=str)]


def _what(variable: DataArray) -> str:
    sizes = ", ".join(f"{dim}: {size}" for dim, size in variable.sizes.items())
    title = variable.attrs.get("long_name") or variable.attrs.get("standard_name") or ""
    return f"({sizes}) {variable.dtype}{f'  {title}' if title else ''}"
