"""A comparison as HTML: a report in one file that asks nothing of any server, and a piece of it for notebooks."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.compare.charts import charts
from xarray_safe.compare.format import cost_rows, notes, reasons, steps_of, title_of
from xarray_safe.location import size_text
from xarray_safe.quicklook import png
from xarray_safe.summary import text

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from xarray_safe.compare.result import Comparison, Difference

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""What a browser may load for the report: nothing from anywhere."""

_IN_NOTEBOOK: Final = 20
"""Differences that a notebook shows."""

_IN_REPORT: Final = 40
"""Differences that the report shows at once; the others are folded."""

_MAPS: Final = 12
"""Maps that are drawn, of the images that differ most."""

_SHADES: Final = (np.array([239, 246, 255, 255]), np.array([220, 38, 38, 255]))
"""Colours of a map: nothing differs, everything does."""

_STYLE: Final = """
:root { color-scheme: light dark; --text: #1e293b; --soft: #64748b; --back: #f8fafc; --card: #fff; --line: #e2e8f0;
  --side0: #2563eb; --side1: #ea8a1f; --good: #15803d; --bad: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --text: #e2e8f0; --soft: #94a3b8; --back: #0f172a; --card: #1e293b;
  --line: #334155; --side0: #60a5fa; --side1: #fbbf24; --good: #4ade80; --bad: #f87171; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 28px 20px 60px; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 21px; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 16px; margin: 34px 0 10px; }
.verdict { font-size: 30px; font-weight: 700; margin: 6px 0 2px; } .good { color: var(--good); } .bad { color:
  var(--bad); }
.soft { color: var(--soft); } .legend b { display: inline-block; width: 11px; height: 11px; border-radius: 3px;
  margin: 0 5px 0 14px; }
.grid { display: grid; gap: 14px; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); }
.pair { display: grid; gap: 14px; grid-template-columns: 1fr 1fr; max-width: 780px; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 12px
  14px; }
figcaption { font-weight: 600; margin-bottom: 6px; overflow-wrap: anywhere; } svg { width: 100%; display: block; }
figure img { width: 100%; display: block; image-rendering: pixelated; border-radius: 6px; }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft); } svg .label { text-anchor: end; } svg .value {
  fill: var(--text); }
.side0 { fill: var(--side0); background: var(--side0); } .side1 { fill: var(--side1); background: var(--side1); }
  .part1 { opacity: .5; }
table { border-collapse: collapse; width: 100%; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; font-size: 14px; }
th, td { text-align: left; padding: 6px 12px; border-bottom: 1px solid var(--line); vertical-align: top;
  overflow-wrap: anywhere; }
th { font-weight: 600; } .facts th { white-space: nowrap; } td.same { color: var(--good); width: 2em; } td.other {
  color: var(--bad); width: 2em; }
.maps { margin-top: 14px; } .maps img { max-height: 260px; object-fit: contain; }
summary { cursor: pointer; padding: 8px 2px; } .note { color: var(--bad); }
code { font: 13px ui-monospace, monospace; }
"""


def write(found: Comparison, path: str | os.PathLike[str]) -> Path:
    """Write the report, whole or not at all."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.write_text(page(found), encoding="utf-8")
    part.replace(target)
    return target


def page(found: Comparison) -> str:
    """Give the report."""
    title = f"{found.left.summary.id or 'Product'}: {found.verdict}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{''.join(_sections(found))}</body></html>\n"
    )


def fragment(found: Comparison) -> str:
    """Give a small piece for a notebook: verdict, facts, costs, first differences."""
    colour = "#15803d" if found.identical else "#b91c1c"
    costs = _table(("", *title_of(found)), cost_rows(found)) if steps_of(found) else ""
    shown = found.differences[:_IN_NOTEBOOK]
    more = len(found.differences) - len(shown)
    return (
        f"<div><p style='color:{colour};font-weight:bold;font-size:1.3em;margin:0'>{escape(found.verdict)}</p>"
        f"<p>{escape(_scope(found))}</p>{_facts(found, short=True)}{_notes(found)}{_details('What it costs', costs)}"
        f"{_details(f'Differences ({len(found.differences)})', _list(shown), is_open=True)}"
        f"{f'<p>… and {more} more</p>' if more else ''}"
        f"{_details(f'Expected ({len(found.expected)})', _expected(found))}</div>"
    )


def _sections(found: Comparison) -> Iterator[str]:
    names = title_of(found)
    state = "good" if found.identical else "bad"
    legend = "".join(f'<b class="side{i}"></b>{escape(name)}' for i, name in enumerate(names))
    yield f"<header><h1>{escape(found.left.summary.id or 'Product')}</h1>"
    yield f'<p class="verdict {state}">{escape(found.verdict)}</p><p class="soft">{escape(_scope(found))}</p></header>'
    yield _notes(found)
    if drawn := charts(found):
        title = "What it costs" if steps_of(found) else "How big it is"
        yield f'<h2>{title}<span class="soft legend">{legend}</span></h2><div class="grid">{"".join(drawn)}</div>'
        if steps_of(found):
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
        yield f"<h2>Expected ({len(found.expected)}): ESA's converter errs or speaks of itself</h2>{_expected(found)}"


def _scope(found: Comparison) -> str:
    """Say how much was compared."""
    counted = ", ".join(f"{count:,} {kind}" for kind, count in found.compared.items())
    expected = f"; {len(found.expected)} expected differences are listed apart" if found.expected else ""
    return f"Layout {found.layout}; compared: {counted}{expected}."


def _pictures(found: Comparison, names: tuple[str, str]) -> Iterator[str]:
    pictures = [(name, side.quicklook) for name, side in zip(names, (found.left, found.right), strict=True)]
    if any(picture for _, picture in pictures):
        figures = (_image(name, picture, "quicklook") for name, picture in pictures if picture)
        yield f'<h2>True colour</h2><div class="pair">{"".join(figures)}</div>'


def _maps(found: Comparison) -> Iterator[str]:
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


def _notes(found: Comparison) -> str:
    """Say what could not be found out."""
    return "".join(f'<p class="note">{escape(f"{side}: {note}")}</p>' for side, note in notes(found))


def _image(caption: str, picture: bytes, kind: str) -> str:
    data = base64.b64encode(picture).decode()
    label = escape(caption)
    return (
        f'<figure class="{kind}"><figcaption>{label}</figcaption>'
        f'<img alt="{label}" src="data:image/png;base64,{data}"></figure>'
    )


def _facts(found: Comparison, short: bool = False) -> str:
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
    heads = "".join(f"<th>{escape(name)}</th>" for name in ("", *title_of(found), ""))
    return f'<table class="facts"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


def _list(differences: tuple[Difference, ...]) -> str:
    rows = (
        (f"<code>{escape(difference.path)}</code>", difference.kind, escape(difference.what))
        for difference in differences
    )
    return _table(("Where", "What", "Difference"), rows) if differences else ""


def _expected(found: Comparison) -> str:
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
