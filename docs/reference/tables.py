"""Write the reference page of each product type and layout from its table; run it when a table changes.

    python docs/reference/tables.py

A test compares the pages with the tables.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from xarray_safe.products import TYPES

if TYPE_CHECKING:
    from xarray_safe.model.product import Product, Var


def pages() -> dict[str, str]:
    """Return all pages by file name."""
    found = {}
    for product_type in filter(lambda product_type: product_type.static, TYPES):
        for layout, table in product_type.layouts.items():
            product = table(None)
            found[f"{product.type.lower()}-{layout}.md"] = page(product, product_type.marker)
    return found


def page(product: Product, marker: str) -> str:
    """Return the page of one product type in one layout."""
    groups: dict[str, list[Var]] = defaultdict(list)
    for var in product.variables:
        groups[var.path.rpartition("/")[0]].append(var)
    lines = [
        f"# {product.type}, layout {product.layout}",
        "",
        f"What the tree of an archive with `{marker}` holds and where it comes from:",
        f"{len(product.variables)} variables and coordinates in {len(groups)} groups. Generated from the table;",
        "*may lack* marks what older or partial products may lack.",
    ]
    for group in sorted(groups):
        lines += ["", f"## `{group}`", "", "| variable | dimensions | what | from |", "|---|---|---|---|"]
        lines += [_row(var) for var in sorted(groups[group], key=lambda var: var.path)]
    return "\n".join(lines) + "\n"


def _row(var: Var) -> str:
    name = var.path.rpartition("/")[2]
    title, units = (var.attrs.get(key, "") for key in ("long_name", "units"))
    title = title if isinstance(title, str) else "(its long name depends on the product)"
    what = f"{title} [{units}]" if isinstance(units, str) and units else title
    lacking = ", *may lack*" if var.optional else ""
    cells = (f"`{name}`", ", ".join(var.dims) or "–", _cell(what) + lacking, _source(var))
    return f"| {' | '.join(cells)} |"


def _source(var: Var) -> str:
    """File of a source, or what the source is called where it has none of its own."""
    pattern = getattr(var.source, "pattern", None) or next(iter(getattr(var.source, "names", ())), None)
    return f"`{pattern}`" if pattern else f"`{type(var.source).__name__}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").strip()


if __name__ == "__main__":
    for name, text in pages().items():
        (Path(__file__).parent / name).write_text(text, encoding="utf-8")
