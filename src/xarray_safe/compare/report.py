"""A comparison as HTML: a report in one file that requests nothing from any server, and a short form for notebooks."""

from __future__ import annotations

import base64
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.compare.charts import charts
from xarray_safe.compare.format import cost_rows, notes, paired_steps, reasons, side_titles
from xarray_safe.location import size_text
from xarray_safe.quicklook import png
from xarray_safe.summary import text

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from xarray_safe.compare.result import Difference, Findings

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Content policy of the report: a browser loads nothing from any server."""

_IN_NOTEBOOK: Final = 20
"""Differences that a notebook shows."""

_IN_REPORT: Final = 40
"""Differences that the report shows at once; the others are folded."""

_MAPS: Final = 12
"""Maps that are drawn, of the images that differ most."""

_SHADES: Final = (np.array([239, 246, 255, 255]), np.array([220, 38, 38, 255]))
"""Colours of a map: nothing differs, everything does."""


def write(found: Findings, path: str | os.PathLike[str]) -> Path:
    """Write the report, completely or not at all."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.write_text(page(found), encoding="utf-8")
    part.replace(target)
    return target


def page(found: Findings) -> str:
    """Return the report as HTML."""
    title = f"{found.left.summary.id or 'Product'}: {found.verdict}"
    folder = files(__package__)
    return Template(folder.joinpath("report.html").read_text(encoding="utf-8")).substitute(
        policy=_POLICY,
        title=escape(title),
        style=folder.joinpath("report.css").read_text(encoding="utf-8"),
        body="".join(_sections(found)),
    )


def fragment(found: Findings) -> str:
    """Return a short form for a notebook: verdict, facts, costs, first differences."""
    colour = "#15803d" if found.identical else "#b91c1c"
    costs = _table(("", *side_titles(found)), cost_rows(found)) if paired_steps(found) else ""
    shown = found.differences[:_IN_NOTEBOOK]
    more = len(found.differences) - len(shown)
    return (
        f"<div><p style='color:{colour};font-weight:bold;font-size:1.3em;margin:0'>{escape(found.verdict)}</p>"
        f"<p>{escape(_scope(found))}</p>{_facts(found, short=True)}{_notes(found)}{_details('What it costs', costs)}"
        f"{_details(f'Differences ({len(found.differences)})', _list(shown), is_open=True)}"
        f"{f'<p>… and {more} more</p>' if more else ''}"
        f"{_details(f'Expected ({len(found.expected)})', _expected(found))}</div>"
    )


def _sections(found: Findings) -> Iterator[str]:
    names = side_titles(found)
    state = "good" if found.identical else "bad"
    legend = "".join(f'<b class="side{i}"></b>{escape(name)}' for i, name in enumerate(names))
    yield f"<header><h1>{escape(found.left.summary.id or 'Product')}</h1>"
    yield f'<p class="verdict {state}">{escape(found.verdict)}</p><p class="soft">{escape(_scope(found))}</p></header>'
    yield _notes(found)
    if drawn := charts(found):
        title = "What it costs" if paired_steps(found) else "How big it is"
        yield f'<h2>{title}<span class="soft legend">{legend}</span></h2><div class="grid">{"".join(drawn)}</div>'
        if paired_steps(found):
            yield '<p class="soft">Each source in a process of its own, after the comparison: local files are in the '
            yield "system's cache. A pixel of one band, then the whole of another.</p>"
    yield from _pictures(found, names)
    yield f"<h2>The product, from either source</h2>{_facts(found)}"
    if found.differences:
        yield f"<h2>Differences ({len(found.differences)})</h2>"
        yield _list(found.differences[:_IN_REPORT])
        rest = found.differences[_IN_REPORT:]
        yield _details(f"{len(rest)} more", _list(rest))
        yield from _maps(found)
    if found.expected:
        yield f"<h2>Expected ({len(found.expected)}): errors of ESA's converter and its notes about itself</h2>"
        yield _expected(found)


def _scope(found: Findings) -> str:
    """Describe how much was compared."""
    counted = ", ".join(f"{count:,} {kind}" for kind, count in found.compared.items())
    expected = f"; {len(found.expected)} expected differences are listed apart" if found.expected else ""
    return f"Layout {found.layout}; compared: {counted}{expected}."


def _pictures(found: Findings, names: tuple[str, str]) -> Iterator[str]:
    pictures = [(name, side.quicklook) for name, side in zip(names, (found.left, found.right), strict=True)]
    if any(picture for _, picture in pictures):
        figures = (_image(name, picture, "quicklook") for name, picture in pictures if picture)
        yield f'<h2>True colour</h2><div class="pair">{"".join(figures)}</div>'


def _maps(found: Findings) -> Iterator[str]:
    """Draw where images differ, of those that differ most."""
    drawn = [
        (difference.path, it) for difference in found.differences if (it := difference.values) and it.map is not None
    ]
    most = sorted(drawn, key=lambda pair: -pair[1].count / pair[1].total)[:_MAPS]
    if len(most) < len(drawn):
        yield f'<p class="soft">Maps of the {len(most)} that differ most, of {len(drawn)}:</p>'
    if most:
        maps = (_image(f"Where {path} differs", _map(values.map), "map") for path, values in most)
        yield f'<div class="grid maps">{"".join(maps)}</div>'


def _map(shares: np.ndarray[Any, Any] | None) -> bytes:
    """Draw one: squares in which nothing differs, something, everything."""
    assert shares is not None
    share = shares[..., None] ** 0.5  # one pixel of a square must be seen
    coloured = np.where(share > 0, 0.35 * (share > 0) + 0.65 * share, 0.0)
    return png(np.round(_SHADES[0] + coloured * (_SHADES[1] - _SHADES[0])).astype(np.uint8))


def _notes(found: Findings) -> str:
    """Write what could not be determined."""
    return "".join(f'<p class="note">{escape(f"{side}: {note}")}</p>' for side, note in notes(found))


def _image(caption: str, picture: bytes, kind: str) -> str:
    data = base64.b64encode(picture).decode()
    label = escape(caption)
    return (
        f'<figure class="{kind}"><figcaption>{label}</figcaption>'
        f'<img alt="{label}" src="data:image/png;base64,{data}"></figure>'
    )


def _facts(found: Findings, short: bool = False) -> str:
    """Write the ten facts and the sources; short, these without their folders."""
    left, right = found.left, found.right
    urls = [side.url.rstrip("/").rpartition("/")[2] if short else side.url for side in (left, right)]
    sources = "".join(f"<td><code>{escape(url)}</code></td>" for url in urls)
    rows = [
        f"<tr><th>Source</th>{sources}<td></td></tr>",
        f"<tr><th>Size</th><td>{size_text(left.size)}</td><td>{size_text(right.size)}</td><td></td></tr>",
    ]
    for title, u, v in found.fields():
        mark = '<td class="same">✓</td>' if u == v else '<td class="other">≠</td>'
        rows.append(f"<tr><th>{title}</th><td>{escape(text(u))}</td><td>{escape(text(v))}</td>{mark}</tr>")
    heads = "".join(f"<th>{escape(name)}</th>" for name in ("", *side_titles(found), ""))
    return f'<table class="facts"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _list(differences: tuple[Difference, ...]) -> str:
    rows = (
        (f"<code>{escape(difference.path)}</code>", difference.kind, escape(difference.what))
        for difference in differences
    )
    return _table(("Where", "What", "Difference"), rows) if differences else ""


def _expected(found: Findings) -> str:
    rows = (
        (escape(why), str(count), "<br>".join(f"<code>{escape(place)}</code>" for place in places))
        for why, count, places in reasons(found.expected)
    )
    return _table(("Why", "Count", "Where"), rows) if found.expected else ""


def _table(heads: tuple[str, ...], rows: Any) -> str:
    """Write a table; the cells of rows are HTML."""
    head = "".join(f"<th>{escape(head)}</th>" for head in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _details(title: str, content: str, is_open: bool = False) -> str:
    if not content:
        return ""
    return f"<details{' open' if is_open else ''}><summary>{escape(title)}</summary>{content}</details>"
