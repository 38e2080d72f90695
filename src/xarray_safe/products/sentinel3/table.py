"""Tables of variables and metadata, written as text that people can read, one file a product type in ``tables/``.

A variable is a paragraph: where it is in the tree, the file and variable that it is stored in, its dimensions::

    /measurements/oa{b}_radiance < Oa{b}_radiance.nc:Oa{b}_radiance (rows columns)  in image; short oa{b}_radiance
        for b = 01 02 03
        long_name="TOA radiance for OLCI acquisition band {b}"  fill_value=65535  scale_factor=*
        in 3.0: units="deg"

``for`` repeats the paragraph for all combinations of values, and for several lists of them, which semicolons part.
``{b}`` is the value, ``{c.lower}`` the same in lower case, ``{b.index}`` its number from 0. Of the grids of
two views (``an`` … ``fo``), ``{g.view}`` is ``anadir``, ``{g.side}`` ``nadir`` and ``{g.stripe}`` ``a``. An attribute
``key=*`` has the value of the netCDF file. After the dimensions may stand: ``in`` and a name of coordinates, ``short``
name, ``chunk`` and the name of a chunk shape, ``target`` type after decoding, ``length`` (the numbers from 0 up to a
dimension's length), ``axes`` (order of the stored dimensions), ``squeeze`` (stored dimensions that are left out),
``optional``. ``coords:image:latitude`` is a coordinate of all variables ``in image`` that have its dimensions.

Metadata are lines ``@path = value``: JSON, or ``<document part: path>`` in the manifest, or ``<FILE.nc:VAR>`` for the
first value of a variable, each after the names of the conversions that it goes through (see `metadata`); ``every``
where all that match count, if they are several. A layout in which a path is absent has ``-`` for its value.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

HEAD: Final = re.compile(
    r"(?P<target>\S+) < (?P<file>[^:\s]+):(?P<variable>\S+) \((?P<dims>[^)]*)\)(?:  (?P<options>.*))?"
)
KEY: Final = re.compile(r"\s*([\w:]+)=")
FROM_FILE: Final = "*"
ABSENT: Final = "-"
_SIDES: Final = {"n": "nadir", "o": "oblique"}
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class FromFile:
    """An attribute whose value the netCDF file states, under a name."""

    name: str


@dataclass(frozen=True, slots=True)
class Row:
    """A variable, or a coordinate of several variables.

    Parameters
    ----------
    target
        Absolute path in the tree; of a coordinate ``coords:``, its namespace if it has one, and its name.
    file, variable
        Where it is stored.
    dims
        Names of its dimensions in the tree.
    attrs
        Attributes by layout; `FromFile` where the file states the value.
    namespace
        Of the coordinates that it has.
    short
        Short name; empty for most coordinates.
    chunk
        Name of its chunk shape.
    decoded
        Data type after decoding, as layout 2.8 states it.
    length
        Whether it is the numbers from 0 up to the length of a dimension.
    axes, squeeze
        Order of the stored dimensions; stored dimensions of length 1 that are left out.
    optional
        Whether a complete product may lack it.
    """

    target: str
    file: str
    variable: str
    dims: tuple[str, ...]
    attrs: Mapping[str, Mapping[str, Any]]
    namespace: str = ""
    short: str = ""
    chunk: str = ""
    decoded: str = ""
    length: bool = False
    axes: tuple[int, ...] = ()
    squeeze: tuple[int, ...] = ()
    optional: bool = False

    @property
    def is_coordinate(self) -> bool:
        """Whether it is a coordinate of other variables."""
        return self.target.startswith("coords:")

    @property
    def name(self) -> str:
        """Name within a group."""
        return re.split("[:/]", self.target)[-1]

    @property
    def of(self) -> str:
        """Namespace that a coordinate belongs to."""
        return self.target[len("coords:") :].rpartition(":")[0]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows and metadata of one product type.

    Parameters
    ----------
    rows
        Variables and coordinates, in the order that lists of coordinates have.
    metadata
        Expressions by layout and path.
    chunks
        Lengths of chunks by name of the shape and dimension.
    """

    rows: tuple[Row, ...]
    metadata: Mapping[str, Mapping[str, str]]
    chunks: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a loop, and the words that follow from it."""

    text: str
    number: int = 0

    def __format__(self, spec: str) -> str:
        """Return the value itself."""
        return self.text

    @property
    def lower(self) -> str:
        """In lower case."""
        return self.text.lower()

    @property
    def index(self) -> int:
        """Number of a band, from 0."""
        return int(self.text) - 1

    @property
    def stripe(self) -> str:
        """Stripe of a grid."""
        return self.text[0]

    @property
    def side(self) -> str:
        """View of a grid."""
        return _SIDES[self.text[-1].lower()]

    @property
    def view(self) -> str:
        """Stripe and view of a grid as one word."""
        return self.stripe + self.side


LAYOUTS: Final = ("2.8", "3.0")


@dataclass(slots=True)
class _Parser:
    rows: list[Row] = field(default_factory=list)
    metadata: dict[str, dict[str, str]] = field(default_factory=lambda: {layout: {} for layout in LAYOUTS})
    chunks: dict[str, dict[str, int]] = field(default_factory=dict)

    def parse(self, text: str) -> None:
        """Parse a file."""
        for paragraph in re.split(r"\n(?=[/@c])", "\n" + text):
            lines = [line for line in paragraph.splitlines() if line.strip() and not line.startswith("#")]
            if not lines:
                continue
            if lines[0].startswith("@"):
                for line in lines:
                    self._metadata(line)
            elif lines[0].startswith("chunks "):
                name, _, sizes = lines[0][len("chunks ") :].partition(": ")
                self.chunks[name] = {key: int(size) for key, size in (item.split("=") for item in sizes.split())}
            else:
                self._rows(lines)

    def _rows(self, lines: list[str]) -> None:
        loop = next((line.strip()[4:] for line in lines if line.startswith("    for ")), "")
        template = "\n".join(line for line in lines if not line.startswith("    for "))
        for values in _combinations(loop):
            self.rows.append(_row(template.format(**values).split("\n")))

    def _metadata(self, line: str) -> None:
        line, _, loop = line.partition("    for ")
        for values in _combinations(loop):
            path, _, value = line.format(**values)[1:].partition(" = ")
            value, _, other = value.partition("   in 3.0: ")
            for layout, stated in (("2.8", value), ("3.0", other or value)):
                if stated != ABSENT:
                    self.metadata[layout][path] = stated


def _combinations(loop: str) -> Iterator[dict[str, Value]]:
    """Values of a loop; once nothing where there is no loop."""
    if not loop:
        yield {}
        return
    for part in loop.split(";"):
        lists = [item.split("=") for item in part.split(",")]
        names = [name.strip() for name, _ in lists]
        for values in itertools.product(*(texts.split() for _, texts in lists)):
            yield {name: Value(text) for name, text in zip(names, values, strict=True)}


def _row(lines: list[str]) -> Row:
    found = HEAD.fullmatch(lines[0])
    if found is None:
        raise ValueError(f"{lines[0]!r} is no head of a variable")
    options: dict[str, str] = {}
    for option in filter(None, (found["options"] or "").split("; ")):
        key, _, value = option.partition(" ")
        options[key] = value
    own: dict[str, dict[str, Any]] = {layout: {} for layout in LAYOUTS}
    for line in lines[1:]:
        text = line.strip()
        layouts: tuple[str, ...] = LAYOUTS
        if text.startswith("in "):
            layout, _, text = text[3:].partition(": ")
            layouts = (layout,)
        for key, value in _attributes(text):
            for layout in layouts:
                own[layout][key] = value
    return Row(
        found["target"],
        found["file"],
        found["variable"],
        tuple(found["dims"].split()),
        own,
        options.get("in", ""),
        options.get("short", ""),
        options.get("chunk", ""),
        options.get("target", ""),
        "length" in options,
        _numbers(options.get("axes", "")),
        _numbers(options.get("squeeze", "")),
        "optional" in options,
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(",") if number)


def _attributes(text: str) -> Iterator[tuple[str, Any]]:
    """Keys and values of a line."""
    at = 0
    while at < len(text):
        found = KEY.match(text, at)
        if found is None:
            raise ValueError(f"{text[at:]!r} is no attribute")
        at = found.end()
        if text.startswith(FROM_FILE, at):
            name = re.compile(r"\w*").match(text, at + 1)
            assert name is not None
            yield found[1], FromFile(name[0] or found[1])
            at = name.end()
        else:
            value, at = _DECODER.raw_decode(text, at)
            yield found[1], value


@cache
def table(name: str) -> Table:
    """Return the table of a product type, e.g. ``S03SLSLST``."""
    parser = _Parser()
    folder = files("xarray_safe.products.sentinel3") / "tables"
    for part in ("common", name):
        parser.parse((folder / f"{part}.txt").read_text(encoding="utf-8"))
    return Table(tuple(parser.rows), parser.metadata, parser.chunks)
