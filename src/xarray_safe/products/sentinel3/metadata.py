"""Metadata of the root: expressions of the tables as look-ups, and what no table can state: history, assets, id."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.model.arrays import LookUp
from xarray_safe.model.lookups import ABSENT, Either, F, X, finite
from xarray_safe.products.sentinel3.sources import DimensionSize, FirstValue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from lxml import etree

    from xarray_safe.model.arrays import Context
    from xarray_safe.model.product import Var

EXPRESSION: Final = re.compile(r"(?P<steps>[\w ]*)<(?P<place>.*)>")
TIMELINESS: Final = {"NR": "PT3H", "ST": "PT36H", "NT": "P1M"}
"""Durations by category; ``Null`` for the rest, as ESA's converter has it."""
LISTS: Final = frozenset({"stac_extensions", "instruments", "providers", "roles", "links"}) | {
    "bands",
    "eo:bands",
    "proj:shape",
    "classification:classes",
}


def _section(part: str, path: str, *, every: bool = False) -> X:
    place = f"metadataSection/metadataObject[@ID='{part}']/metadataWrap/xmlData/{path}"
    return X("manifest", place, optional=True, every=every)


_START, _STOP = (_section("acquisitionPeriod", f"acquisitionPeriod/{end}Time") for end in ("start", "stop"))
_PLATFORM: Final = tuple(_section("platform", f"platform/{name}") for name in ("familyName", "number"))


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _middle(start: str, stop: str) -> str:
    first, last = _instant(start), _instant(stop)
    moment = first + (last - first) / 2
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _ring(text: Any) -> list[list[float]]:
    numbers = [finite(number) for number in str(text).replace(",", " ").split()]
    return [[longitude, latitude] for latitude, longitude in zip(numbers[::2], numbers[1::2], strict=True)]


def _box(text: Any) -> list[float]:
    """Bounding box in the converter's order: east, south, west, north."""
    longitudes, latitudes = zip(*_ring(text), strict=True)
    return [max(longitudes), min(latitudes), min(longitudes), max(latitudes)]


def _number(text: Any) -> int | float:
    return int(text) if str(text).strip().lstrip("+-").isdigit() else finite(str(text))


def _microseconds(text: Any) -> int:
    return int((_instant(str(text)) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000 + 0.5)


CONVERSIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "int": lambda value: int(finite(str(value))),
    "float": lambda value: finite(str(value)),
    "number": _number,
    "micrometres": lambda value: finite(str(value)) * 0.001,
    "polygon": lambda text: {"type": "Polygon", "coordinates": [_ring(text)]},
    "box": _box,
    "iso": lambda text: datetime.strptime(text, "%Y%m%dT%H%M%S").strftime("%Y-%m-%dT%H:%M:%SZ"),
    "duration": lambda category: TIMELINESS.get(category, "Null"),
    "microseconds": _microseconds,
}
"""What an expression may name before its place."""


@dataclass(frozen=True, slots=True)
class Converted(LookUp):
    """A look-up's value after conversions; what does not convert is absent, as in ESA's converter."""

    inner: LookUp
    steps: tuple[str, ...]

    def resolve(self, context: Context) -> object:
        """Return the converted value."""
        value = context.value(self.inner)
        if value is ABSENT or value is None:
            return ABSENT
        for step in reversed(self.steps):
            try:
                value = CONVERSIONS[step](value)
            except (ValueError, TypeError, ArithmeticError):
                return ABSENT
        return value


@dataclass(frozen=True, slots=True)
class Or(LookUp):
    """A look-up's value, or what ESA's converter has in its place: the text ``null``, or an empty list."""

    inner: LookUp
    empty: bool = False

    def resolve(self, context: Context) -> object:
        """Return the value."""
        value = context.value(self.inner)
        if value is ABSENT or value is None:
            return [] if self.empty else "null"
        return value


CONVERTER: Final = {
    "EOPF_CPM": "3.0.0",
    "COMMON_PFSD": "3.0.0",
    "EOPF_MAPPING": "1.0.0",
    "EOPF_MODEL": "1.0.0",
    "SPECIFIC_PFSD": "",
}
"""What layout 3.0 names beside the software of the product itself; the last by instrument."""
SPECIFIC: Final = {"S03SLS": "1.3.2", "S03SYN": "1.0.0"}


@dataclass(frozen=True, slots=True)
class Software(LookUp):
    """Version of the software at a place, by its name."""

    path: str

    def resolve(self, context: Context) -> dict[str, str]:
        """Return name and version."""
        root = context.documents.root("manifest")
        found = root.find(self.path)
        return {"": ""} if found is None else {str(found.get("name")): str(found.get("version"))}


def look_up(expression: str, product_type: str) -> Any:
    """Return what an expression of a table stands for: a constant or a look-up."""
    if expression == "type":
        return product_type
    if expression == "middle":
        return F(_middle, _START, _STOP)
    if expression == "platform":
        return F(lambda family, number: f"{family}{number}".lower(), *_PLATFORM)
    found = EXPRESSION.fullmatch(expression)
    if found is None:
        return json.loads(expression)
    steps = found["steps"].split()
    places = [_place(place, every="every" in steps) for place in found["place"].split(" or ")]
    if steps == ["software"] and isinstance(places[0], X):
        return Software(places[0].path)
    inner = places[0] if len(places) == 1 else Either(*places)
    value = Converted(inner, tuple(step for step in steps if step in CONVERSIONS))
    return Or(value, "or_empty" in steps) if {"or_null", "or_empty"} & set(steps) else value


def _place(text: str, *, every: bool) -> LookUp:
    part, colon, path = text.partition(": ")
    if colon:
        return _section(part, path, every=every)
    file, _, variable = text.partition(":")
    size = re.fullmatch(r"dim_(\d)", variable)
    return DimensionSize(file, _only_variable(file), int(size[1])) if size else FirstValue(file, variable)


def _only_variable(file: str) -> str:
    """Name of the variable whose shape an expression means: that of the file."""
    stem = file.removesuffix(".nc")
    return re.sub(r"Syn_(Oa\d\d)_reflectance", r"SDR_\1", stem)


def nested(table: Mapping[str, str], product_type: str) -> dict[str, Any]:
    """Return paths and expressions as nested dictionaries and lists."""
    root: dict[str, Any] = {}
    for path, expression in table.items():
        *parents, last = path.split("/")
        node: Any = root
        for name, following in zip(parents, [*parents[1:], last], strict=True):
            empty: Any = [] if name in LISTS else {}
            assert following is not None
            if isinstance(node, list):
                if int(name) == len(node):
                    node.append({})
                node = node[int(name)]
            else:
                node = node.setdefault(name.replace("|", "/"), empty)
        value = look_up(expression, product_type)
        if isinstance(node, list):
            node.append(value)
        else:
            node[last.replace("|", "/")] = value
    return root


UNKNOWN: Final = "Unknown"
NO_TIME: Final = "1970-01-01T00:00:00.000000Z"
TIME: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
PRODUCT_LEVEL: Final = re.compile(r".*S3[A-D]_[A-Z0-9]{2}_(\d)")
SCHEMA_LEVEL: Final = re.compile(r".*[Ll]evel-(\d)")
AUXILIARY: Final = "AX"
"""In the names of auxiliary data."""


@dataclass(frozen=True, slots=True)
class History(LookUp):
    """Look-up of all processing steps in the manifest, by the level that they made.

    Parameters
    ----------
    unknown_times
        Whether a step without a valid time has 1970 as its time, as in layout 2.8.
    """

    unknown_times: bool = True

    def resolve(self, context: Context) -> dict[str, list[dict[str, Any]]]:
        """Walk through the steps."""
        root = context.documents.root("manifest")
        steps: dict[str, list[dict[str, Any]]] = {}
        first = root.find(".//metadataObject[@ID='processing']/metadataWrap/xmlData/processing")
        if first is not None:
            found = SCHEMA_LEVEL.match(root.get("version") or "")
            self._walk(first, steps, f"Level-{found[1]} Product" if found else UNKNOWN)
        return {level: sorted(made, key=lambda step: str(step.get("time", ""))) for level, made in steps.items()}

    def _walk(self, element: etree._Element, steps: dict[str, list[dict[str, Any]]], level: str = "") -> None:
        if str(element.tag).endswith("processing"):
            step = self.step(element)
            steps.setdefault(level or _made(element, step), []).append(step)
        for child in element:
            if AUXILIARY not in (child.get("name") or AUXILIARY):
                self._walk(child, steps)

    def step(self, element: etree._Element) -> dict[str, Any]:
        """Return one step."""
        parent = element.getparent()
        facility, software = element.find("facility"), element.find("facility/software")
        names = [] if facility is None else [facility.get("organisation"), facility.get("name")]
        stated = [str(name) for name in names if name is not None]
        step: dict[str, Any] = {
            "processor": UNKNOWN if software is None else software.get("name", UNKNOWN),
            "version": UNKNOWN if software is None else software.get("version", UNKNOWN),
            "facility": "-".join(stated) if stated else UNKNOWN,
            "inputs": [],
            "outputs": [str(parent.get("name"))] if parent is not None and parent.get("name") else [],
        }
        time = _time(element.get("stop"))
        if time or self.unknown_times:
            step["time"] = time or NO_TIME
        for child in element:
            if child.get("role") is not None:
                name = child.get("name", "")
                step.setdefault("adfs" if AUXILIARY in name else "inputs", []).append(name)
        return step


@dataclass(frozen=True, slots=True)
class LastStep(LookUp):
    """Look-up of the last processing step alone, without its inputs and its time, as layout 3.0 has the history."""

    def resolve(self, context: Context) -> dict[str, list[dict[str, Any]]]:
        """Return the step, of a level that is not known."""
        root = context.documents.root("manifest")
        first = root.find(".//metadataObject[@ID='processing']/metadataWrap/xmlData/processing")
        if first is None:
            return {UNKNOWN: []}
        step = {**History().step(first), "inputs": [], "time": NO_TIME}
        step.pop("adfs", None)
        return {UNKNOWN: [step]}


def _made(element: etree._Element, step: Mapping[str, Any]) -> str:
    """Level that a step made."""
    if element.get("outputLevel") is not None:
        return f"Level-{element.get('outputLevel')} Product"
    found = PRODUCT_LEVEL.match(step["outputs"][0]) if step["outputs"] else None
    return f"Level-{found[1]} Product" if found else UNKNOWN


def _time(text: str | None) -> str:
    """Time with a Z behind; "" if there is none, or not in the form that the converter knows."""
    time = text if not text or text.endswith("Z") else f"{text}Z"
    try:
        datetime.strptime(time or "", TIME)
    except ValueError:
        return ""
    return time or ""


def finish(
    attrs: dict[str, Any], variables: Iterable[Var], shorts: Mapping[str, str], layout: str, last: str
) -> dict[str, Any]:
    """Add what follows from the variables that a product has, and from all attributes: assets and the EOPF name.

    The name ends in a checksum over all attributes at the time when ESA's converter computes it: in layout 2.8 before
    the asset of the last variable of its mapping is there, in 3.0 before there are any, and its own software.

    Parameters
    ----------
    attrs
        Attributes of the root.
    variables
        That the product has.
    shorts
        Short names by path.
    layout
        Of the tree.
    last
        Path of the last variable of the mapping.
    """
    stac = attrs.get("stac_discovery")
    if not isinstance(stac, dict):
        return attrs
    stac = {key: value for key, value in stac.items() if key != "id"}
    named = {shorts[var.path]: var.path for var in variables if var.path in shorts}
    assets = {short: {"href": path, "title": short} for short, path in named.items()}
    if layout != "2.8":
        assets = {**stac.get("assets", {}), **assets}
    if layout == "2.8":
        summed = {**stac, "assets": {key: value for key, value in assets.items() if value["href"] != last}}
    else:
        properties = dict(stac.get("properties", {}))
        software = properties.get("processing:software")
        if isinstance(software, dict):
            properties["processing:software"] = {key: value for key, value in software.items() if key not in CONVERTER}
        summed = {**stac, "properties": properties}
    try:
        name = _identity({**attrs, "stac_discovery": summed}, (4, 3) if layout == "2.8" else (5, 4))
    except (KeyError, ValueError, TypeError):
        return {**attrs, "stac_discovery": {**stac, "assets": assets}}
    return {**attrs, "stac_discovery": {**stac, "assets": assets, "id": name}}


def _identity(attrs: Mapping[str, Any], digits: tuple[int, int]) -> str:
    """EOPF name: type, start, duration (s), unit and relative orbit, timeliness, checksum over all other attributes."""
    properties = attrs["stac_discovery"]["properties"]
    start, stop = (_instant(properties[f"{end}_datetime"]) for end in ("start", "end"))
    seconds = int((stop - start).total_seconds())
    stated = {key: value for key, value in attrs.items() if key != "processing_history"}
    checksum = hashlib.md5(json.dumps(stated, sort_keys=True).encode(), usedforsecurity=False).hexdigest()[:3].upper()
    unit, orbit = properties["platform"][-1].upper(), properties["sat:relative_orbit"]
    tag = {"NR": "T", "NT": "S"}.get(str(properties.get("product:timeliness_category")), "_")
    duration = f"{seconds:0{digits[0]}d}"
    return f"{properties['product:type']}_{start:%Y%m%dT%H%M%S}_{duration}_{unit}{orbit:0{digits[1]}d}_{tag}{checksum}"
