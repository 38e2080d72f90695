"""How a source looks in a terminal and in a notebook: name, URL, size, layout, what it needs, how to open it."""

from __future__ import annotations

import os
from html import escape
from typing import TYPE_CHECKING

from xarray_safe.location import size_text
from xarray_safe.products.layouts import DEFAULT_LAYOUT

if TYPE_CHECKING:
    from xarray_safe.intake.opening import CatalogSource


def text(source: CatalogSource, layout: str | None) -> str:
    """Several lines for a terminal; no request is made, and no credential is in it."""
    rows = _rows(source, layout)
    width = max(len(name) for name, _ in rows)
    return "\n".join(
        [f"<{source.location.kind} {source.label}>", *(f"  {title:<{width}}  {value}" for title, value in rows)]
    )


def html(source: CatalogSource, layout: str | None) -> str:
    """Write a small table for a notebook."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{escape(title)}</th><td style='text-align:left'>"
        f"{f'<code>{escape(value)}</code>' if title in ('source', 'xarray') else escape(value)}</td></tr>"
        for title, value in _rows(source, layout)
    )
    return f"<div><strong>{escape(source.label)}</strong> ({escape(source.location.kind)})<table>{cells}</table></div>"


def _rows(source: CatalogSource, layout: str | None) -> list[tuple[str, str]]:
    rows = [
        ("source", source.location.label),
        ("size", size_text(_size(source), "not known without a request")),
        ("layout", layout or (f"{DEFAULT_LAYOUT} (default)" if source.location.kind == "SAFE" else "as stored")),
    ]
    if source.environment:
        state = (f"{name} ({'set' if os.environ.get(name) else 'not set'})" for name in source.environment.values())
        rows.append(("needs", ", ".join(state)))
    rows.append(("open", ".read() for a DataTree, .to_dask() for one in dask chunks"))
    rows.append(("xarray", _call(source, layout)))
    return rows


def _call(source: CatalogSource, layout: str | None) -> str:
    """The same without Intake."""
    arguments = [repr(source.location.label), f'engine="{source.location.kind.lower()}"']
    if source.location.kind == "SAFE" and layout:
        arguments.append(f"eopf_version={layout!r}")
    if source.location.storage_options:
        arguments.append("storage_options=…")
    return f"xr.open_datatree({', '.join(arguments)})"


def _size(source: CatalogSource) -> int | None:
    """Bytes as the catalog states them, or as found on this machine."""
    location = source.location
    if source.size is not None or location.remote:
        return source.size
    return location.size() if os.path.exists(location.url.removeprefix("file://")) else None
