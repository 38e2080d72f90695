"""Tables of the archive's product type as the variables and attributes of a layout."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.errors import CorruptFileError
from xarray_safe.model.arrays import LookUp
from xarray_safe.model.lookups import ABSENT, F
from xarray_safe.model.product import Product, Var
from xarray_safe.products.sentinel3 import metadata
from xarray_safe.products.sentinel3.sources import FileAttribute, Length, Stored, TimeIndex
from xarray_safe.products.sentinel3.table import FromFile, Row, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xarray_safe.model.arrays import Context, Source
    from xarray_safe.model.product import Facts

MANIFEST: Final = "xfdumanifest.xml"
DOCUMENTS: Final = {"manifest": MANIFEST}
ROOTS: Final = {"manifest": "XFDU"}
COPY: Final = "_eopf_attrs"
IN_COPY: Final = frozenset({"fill_value", "flag_descriptions", "model", "parameter", "short_name"})
"""Attributes of data that layout 2.8 has in the copy of the description only."""
IN_COPY_OF_TURNED: Final = frozenset({"valid_min", "valid_max"})
"""Likewise, of data whose dimensions are stored in another order."""
DATA: Final = "_data"
REDUCED: Final = frozenset({"S03OLCERR", "S03OLCLRR"})
"""Types of reduced resolution, whose images layout 2.8 calls those of full resolution."""
WITHOUT_HISTORY: Final = frozenset({"S03SYNVGT"})
"""Types whose mappings leave the processing history out."""
ALL: Final = 1 << 31
"""Length of a chunk that is as long as the dimension."""
TIME: Final = "<M8[ns]"


@dataclass(frozen=True, slots=True)
class Mark(LookUp):
    """The mark of data variables, by which they differ from coordinates; it is not among a variable's attributes."""

    def resolve(self, context: Context) -> object:
        """Leave the attribute out."""
        return ABSENT


def layout_28(facts: Facts, product_type: str, tables: str) -> Product:
    """Return a product in layout 2.8; `tables` is the name of its tables."""
    return _product(facts, product_type, tables, "2.8")


def layout_30(facts: Facts, product_type: str, tables: str) -> Product:
    """Return a product in layout 3.0."""
    return _product(facts, product_type, tables, "3.0")


def _product(facts: Facts, product_type: str, tables: str, layout: str) -> Product:
    found = table(tables)
    there = frozenset(facts.top)
    if not any(row.file in there for row in found.rows):
        raise CorruptFileError(
            f"{facts.files.url} holds none of the netCDF files of its product type. Download the product again."
        )
    variables = _variables(tables, layout)
    return Product(
        type=product_type,
        layout=layout,
        variables=variables,
        attrs={"/": _attributes(product_type, tables, layout), **_group_coordinates(tables, layout)},
        documents=DOCUMENTS,
        roots=ROOTS,
        chunks=partial(_chunks, _chunk_shapes(tables)),
        data_attribute=DATA,
        explain_absence=_explain,
        finalize=partial(_finish, tables, layout),
    )


def _explain(_: Context) -> str:
    return (
        "The archive lacks these files, or variables in them: products of older collections have none; else download "
        "it again if you need them."
    )


def _finish(tables: str, layout: str, attrs: dict[str, Any], variables: Iterable[Var]) -> dict[str, Any]:
    shorts, last = _shorts(tables)
    return metadata.finish(attrs, variables, shorts, layout, last)


@cache
def _shorts(tables: str) -> tuple[dict[str, str], str]:
    """Short names by path, and the path of the last variable."""
    data = [row for row in table(tables).rows if not row.is_coordinate]
    return {row.target: row.short for row in data if row.short}, data[-1].target


@cache
def _chunk_shapes(tables: str) -> dict[str, Mapping[str, int]]:
    """Lengths of chunks by path and dimension."""
    found = table(tables)
    return {row.target: found.chunks.get(row.chunk, {}) for row in found.rows}


def _chunks(shapes: Mapping[str, Mapping[str, int]], var: Var) -> tuple[int, ...]:
    """Shape of a variable's chunks; whole dimensions where the table names none."""
    lengths = shapes.get(var.path) or {}
    return tuple(lengths.get(dim, ALL) for dim in var.dims) if lengths else ()


@cache
def _attributes(product_type: str, tables: str, layout: str) -> dict[str, Any]:
    """Attributes of the root: look-ups in the manifest and in the netCDF files."""
    attrs = metadata.nested(table(tables).metadata[layout], product_type)
    properties = attrs["stac_discovery"]["properties"]
    if layout == "3.0":
        if product_type in REDUCED:
            properties["proj:shape"][0]["name"] = "RR"
        specific = metadata.SPECIFIC.get(product_type[:6])
        if specific and "processing:software" in properties:
            own = {**metadata.CONVERTER, "SPECIFIC_PFSD": specific}
            properties["processing:software"] = F(lambda stated: {**stated, **own}, properties["processing:software"])
    history = metadata.History() if layout == "2.8" else metadata.LastStep()
    attrs["processing_history"] = {metadata.UNKNOWN: []} if product_type in WITHOUT_HISTORY else history
    return attrs


@cache
def _variables(tables: str, layout: str) -> tuple[Var, ...]:
    """All variables, each with its coordinates in its group."""
    rows = table(tables).rows
    namespaces: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.is_coordinate:
            namespaces.setdefault(row.of, {}).setdefault(row.name, row)
    data: list[tuple[Row, list[Row]]] = []
    found: dict[str, Row] = {}
    for row in rows:
        if row.is_coordinate:
            continue
        group = row.target.rpartition("/")[0]
        own = [c for c in namespaces.get(row.namespace, {}).values() if set(c.dims) <= set(row.dims)]
        for coordinate in own:
            found.setdefault(f"{group}/{coordinate.name}", coordinate)
        data.append((row, own))
    taken = {row.target for row, _ in data}
    variables = [
        Var(row.target, _source(row), row.dims, _data_attributes(row, own, layout), optional=True) for row, own in data
    ]
    variables += [
        Var(path, _source(row), row.dims, _coordinate_attributes(row, layout), optional=True)
        for path, row in found.items()
        if path not in taken
    ]
    return tuple(variables)


@cache
def _group_coordinates(tables: str, layout: str) -> dict[str, dict[str, str]]:
    """Attribute of groups by which readers take for coordinates what no variable names as such."""
    named: dict[str, set[str]] = {}
    there: dict[str, set[str]] = {}
    for var in _variables(tables, layout):
        if DATA in var.attrs:
            named.setdefault(var.group, set()).update(str(var.attrs.get("coordinates", "")).split())
        elif var.dims != (var.name,):
            there.setdefault(var.group, set()).add(var.name)
    missing = {group: names - named.get(group, set()) for group, names in there.items()}
    return {group: {"coordinates": " ".join(sorted(names))} for group, names in missing.items() if names}


def _source(row: Row) -> Source:
    if row.length:
        return Length(row.file, row.variable, str(row.attrs["2.8"].get("dtype", "<i8")))
    dtype = str(row.attrs["2.8"].get("dtype", ""))
    if dtype == TIME and row.dims == (row.name,):
        return TimeIndex(row.file, row.variable)
    return Stored(row.file, row.variable, len(row.dims), dtype, row.axes, row.squeeze)


def _stated(row: Row, layout: str) -> dict[str, Any]:
    """Attributes of a row; those of the file as look-ups."""
    return {
        key: FileAttribute(row.file, row.variable, value.name) if isinstance(value, FromFile) else value
        for key, value in row.attrs[layout].items()
        if not (_is_time(row) and (key == "units" or (key == "dtype" and layout == "3.0")))
    }


def _coordinates(row: Row, own: Iterable[Row], layout: str) -> str:
    """Names of the coordinates that are no dimensions, as CF states them."""
    stated = row.attrs[layout].get("coordinates")
    if layout == "3.0" and stated is not None:
        return str(stated)
    return " ".join(sorted(c.name for c in own if c.dims != (c.name,)))


def _data_attributes(row: Row, own: list[Row], layout: str) -> dict[str, Any]:
    attrs = _stated(row, layout)
    coordinates = _coordinates(row, own, layout)
    if layout == "2.8":
        stated = {key: value for key, value in attrs.items() if key != "coordinates"}
        copy: dict[str, Any] = {**stated, "dimensions": list(row.dims)}
        if row.short:
            copy["short_name"] = row.short
        if row.decoded:
            copy["eopf_target_dtype"] = row.decoded
        if own:
            copy["coordinates"] = [coordinate.name for coordinate in own]
        hidden = IN_COPY | IN_COPY_OF_TURNED if row.axes else IN_COPY
        attrs = {**{key: value for key, value in stated.items() if key not in hidden}, COPY: copy}
    else:
        attrs = {**attrs, **({"short_name": row.short} if row.short else {})}
    if coordinates:
        attrs["coordinates"] = coordinates
    return {**attrs, **_time(row), **_mask(row, layout), DATA: Mark()}


def _coordinate_attributes(row: Row, layout: str) -> dict[str, Any]:
    attrs = _stated(row, layout)
    if layout == "2.8":
        attrs["dimensions"] = list(row.dims)
        if row.decoded:
            attrs["eopf_target_dtype"] = row.decoded
    mask = _mask(row, layout) if layout == "2.8" else _no_number(row)
    return {**attrs, **_time(row), **mask}


def _is_time(row: Row) -> bool:
    return row.attrs["2.8"].get("dtype") == TIME


def _time(row: Row) -> dict[str, str]:
    """Units of times, which are numbers of nanoseconds; an index states its own."""
    if not _is_time(row) or row.dims == (row.name,):
        return {}
    return {"units": "nanoseconds since 1970-01-01", "calendar": "proleptic_gregorian"}


def _is_floating(row: Row) -> bool:
    return not _is_time(row) and np.dtype(str(row.attrs["2.8"].get("dtype", "i4"))).kind == "f"


def _no_number(row: Row) -> dict[str, Any]:
    """What Zarr states for floats where nothing else is masked."""
    return {"_FillValue": math.nan} if _is_floating(row) else {}


def _mask(row: Row, layout: str) -> dict[str, Any]:
    """What is masked: in layout 3.0 only where values decode to floats."""
    attrs = row.attrs[layout]
    decodes = layout == "2.8" or _is_floating(row) or "scale_factor" in attrs or "add_offset" in attrs
    if "fill_value" in attrs and decodes:
        fill = attrs["fill_value"]
        return {"_FillValue": math.nan if fill == "NaN" else fill}
    return _no_number(row)
