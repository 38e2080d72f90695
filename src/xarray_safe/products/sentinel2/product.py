"""Sentinel-2 L1C and L2A: the tables of each layout put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from xarray_safe.model.lookups import X
from xarray_safe.model.product import Product
from xarray_safe.products.sentinel2 import bands, layout25, layout26, layout27, layout28, layout30, meteorology

if TYPE_CHECKING:
    from types import ModuleType

    from xarray_safe.model.arrays import Context
    from xarray_safe.model.product import Var
    from xarray_safe.products.sentinel2.bands import Level


def layout_25(level: Level) -> Product:
    """Tables of a level in layout 2.5."""
    return _product(
        level,
        layout="2.5",
        variables=(*layout25.variables(level), *meteorology.variables_25()),
        attrs=layout25.attributes(level) | meteorology.attributes_25(),
    )


def layout_26(level: Level) -> Product:
    """Tables of a level in layout 2.6."""
    return _described(level, "2.6", layout26)


def layout_27(level: Level) -> Product:
    """Tables of a level in layout 2.7."""
    return _described(level, "2.7", layout27)


def layout_28(level: Level) -> Product:
    """Tables of a level in layout 2.8."""
    return _described(level, "2.8", layout28)


def layout_30(level: Level) -> Product:
    """Tables of a level in layout 3.0."""
    return _described(level, "3.0", layout30, data_attribute=layout30.DATA_ATTRIBUTE)


LAYOUTS: Final = {"2.5": layout_25, "2.6": layout_26, "2.7": layout_27, "2.8": layout_28, "3.0": layout_30}
"""Tables by layout; 2.7 and 3.0 are differences over 2.8, 2.6 over 2.7."""


def _described(level: Level, layout: str, tables: ModuleType, **more: Any) -> Product:
    """Tables of a layout whose variables describe themselves, from the module that states them."""
    return _product(
        level,
        layout=layout,
        variables=tables.variables(level),
        attrs=tables.attributes(level),
        finalize=tables.finish,
        **more,
    )


def _product(level: Level, **tables: Any) -> Product:
    """Tables of a layout with what all layouts share: the archive's files."""
    return Product(
        type=f"S02MSI{level}",
        documents=bands.documents(level),
        roots=bands.ROOTS,
        elided=bands.ELIDED,
        declared_files=(X("product", "General_Info/Product_Info//IMAGE_FILE", optional=True, every=True),),
        identifiers=tuple(X("product", path, optional=True, every=True) for path in bands.IDENTIFIERS),
        respell=bands.respell,
        optional_folders=(meteorology.FOLDER,),
        chunks=chunks,
        explain_absence=explain_absence,
        **tables,
    )


def chunks(var: Var) -> tuple[int, ...]:
    """Shape of an image's chunks in EOPF Zarr, by the last part of its group's path; empty for other variables."""
    length = bands.CHUNKS.get(var.group.rpartition("/")[2])
    return (length,) * len(var.dims) if length else ()


def explain_absence(context: Context) -> str:
    """Return why files of a product may be absent."""
    if context.files.find(f"{bands.GRANULE}/QI_DATA/*.gml"):
        version = ".".join(f"{part:02d}" for part in bands.baseline(context))
        return f"Baseline {version} has vector (GML) masks; images come from 04.00 on, and other files later too."
    return "The archive lacks these files; download it again if you need them."
