"""How a source looks in a terminal and in a notebook: name, place, size, layout, what it needs, how to open it."""

from __future__ import annotations

import os
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xarray_safe.intake.opening import Place


def text(place: Place, layout: str | None) -> str:
    """Several lines for a terminal; no request is made, and no credential is in it."""
    rows = _rows(place, layout)
    width = max(len(title) for title, _ in rows)
    return "\n".join([f"<{place.kind} {place.label}>", *(f"  {title:<{width}}  {value}" for title, value in rows)])


def html(place: Place, layout: str | None) -> str:
    """Write a small table for a notebook."""
    cells = "".join(
        f"<tr><th style='text-align:left'>{escape(title)}</th><td style='text-align:left'>"
        f"{f'<code>{escape(value)}</code>' if title in ('source', 'xarray') else escape(value)}</td></tr>"
        for title, value in _rows(place, layout)
    )
    return f"<div><strong>{escape(place.label)}</strong> ({escape(place.kind)})<table>{cells}</table></div>"


def _rows(place: Place, layout: str | None) -> list[tuple[str, str]]:
    rows = [
        ("source", place.url),
        ("size", size_text(_size(place))),
        ("layout", layout or ("2.8 (default)" if place.kind == "SAFE" else "as stored")),
    ]
    if place.environment:
        state = (f"{name} ({'set' if os.environ.get(name) else 'not set'})" for name in place.environment.values())
        rows.append(("needs", ", ".join(state)))
    rows.append(("open", ".read() for a DataTree, .to_dask() for one in dask chunks"))
    rows.append(("xarray", _call(place, layout)))
    return rows


def _call(place: Place, layout: str | None) -> str:
    """The same without Intake."""
    arguments = [repr(place.url), f'engine="{place.kind.lower()}"']
    if place.kind == "SAFE" and layout:
        arguments.append(f"eopf_version={layout!r}")
    if place.storage_options:
        arguments.append("storage_options=…")
    return f"xr.open_datatree({', '.join(arguments)})"


def size_text(size: int | None) -> str:
    """Bytes in words."""
    if size is None:
        return "not known without a request"
    number = float(size)
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.2f} GB"


def _size(place: Place) -> int | None:
    """Bytes as the catalog has them, or as they lie on this machine."""
    if place.size is not None or place.remote:
        return place.size
    path = place.url.removeprefix("file://")
    if os.path.isdir(path):
        return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)
    return os.path.getsize(path) if os.path.exists(path) else None
