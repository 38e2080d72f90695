"""Sentinel-2 L1C and L2A: the tables of both layouts put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xarray_safe.mapping import Product, Var
from xarray_safe.metadata import Documents, X
from xarray_safe.products import (
    s2,
    s2_layout25,
    s2_layout25_metadata,
    s2_layout28,
    s2_layout28_metadata,
    s2_meteorology,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xarray_safe.products.s2 import Level


def product(level: Level, layout: str) -> Product:
    """Tables of a level in a layout, ``"2.5"`` or ``"2.8"``."""
    attrs: dict[str, Any]
    if layout == "2.5":
        variables = (*s2_layout25.variables(level), *s2_meteorology.variables_25())
        attrs = s2_layout25_metadata.attributes(level) | s2_meteorology.attributes_25()
    else:
        variables = (*s2_layout28.variables(level), *s2_meteorology.variables_28(level))
        attrs = s2_layout28_metadata.attributes(level)
    return Product(
        type=f"S02MSI{level}",
        layout=layout,
        documents=s2.documents(level),
        roots=s2.ROOTS,
        cut=s2.CUT,
        variables=variables,
        attrs=attrs,
        named=(X("product", "General_Info/Product_Info//IMAGE_FILE", optional=True, every=True),),
        chunks=s2.CHUNKS,
        may_lack=(s2_meteorology.FOLDER,),
        why=why_absent,
        finish=s2_layout28_metadata.finish if layout == "2.8" else as_is,
    )


def as_is(attrs: dict[str, Any], variables: Iterable[Var]) -> dict[str, Any]:
    """Leave the attributes of the root alone."""
    return attrs


def why_absent(documents: Documents) -> str:
    """Say why files of a product may be absent."""
    if s2.baseline(documents) < s2.FIRST_OFFSET:
        version = ".".join(f"{part:02d}" for part in s2.baseline(documents))
        return f"Baseline {version} has vector (GML) masks; images come from 04.00 on, and other files later too."
    return "The archive lacks these files; fetch it again if you need them."
