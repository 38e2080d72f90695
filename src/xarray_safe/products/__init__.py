"""What EOPF Zarr holds and where a SAFE archive has it: tables by product type and layout.

Tables import no heavy library; those of static types can be listed without any archive. A new mission is a folder
here and its name in `TYPES`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xarray_safe.errors import UnsupportedProductError
from xarray_safe.model.build import build
from xarray_safe.model.product import Facts
from xarray_safe.products import sentinel1, sentinel2, sentinel3
from xarray_safe.products.layouts import DEFAULT_LAYOUT, LAYOUTS, layout_of

if TYPE_CHECKING:
    from xarray_safe.archive import Archive
    from xarray_safe.model.build import BuildOptions
    from xarray_safe.model.product import ProductType
    from xarray_safe.model.tree import Tree

__all__ = ["DEFAULT_LAYOUT", "LAYOUTS", "TYPES", "identify", "layout_of", "looks_known", "open_tree", "type_named"]

TYPES: Final[tuple[ProductType, ...]] = (*sentinel2.TYPES, *sentinel1.TYPES, *sentinel3.TYPES)


def open_tree(
    archive: Archive, eopf_version: str = DEFAULT_LAYOUT, below: str = "/", options: BuildOptions | None = None
) -> Tree:
    """Open an archive as the neutral tree.

    Parameters
    ----------
    archive
        The product's files.
    eopf_version
        Layout, or a version of ESA's converter that writes it.
    below
        Absolute path of a group; only what is at or below it is opened.
    options
        Resolution and chunks.

    Raises
    ------
    SafeError
        One of its children, which says what is wrong with archive or arguments.
    """
    layout = layout_of(eopf_version)
    facts = Facts(archive, below)
    return build(identify(facts).product(facts, layout), facts, options)


def identify(facts: Facts) -> ProductType:
    """Type of an archive's product.

    Raises
    ------
    UnsupportedProductError
        If it is a type that is not opened (yet).
    """
    found = [product_type for product_type in TYPES if product_type.matches(facts)]
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(product_type.marker for product_type in found)
        raise UnsupportedProductError(
            f"{facts.files.url} has the metadata of several product types at its top: {listed}. "
            "Give each its own folder."
        )
    markers = ", ".join(sorted({product_type.marker for product_type in TYPES}))
    titles = ", ".join(product_type.title for product_type in TYPES)
    raise UnsupportedProductError(
        f"{facts.files.url} is of a product type that xarray-safe does not open: none of {markers} is at its top "
        f"(there: {', '.join(facts.top[:8]) or 'no file'}). Opened are {titles}."
    )


def type_named(name: str) -> ProductType | None:
    """Type by a product's name, or by that of its metadata file; None if that is not of a type that is opened."""
    return next((product_type for product_type in TYPES if product_type.names.match(name)), None)


def looks_known(name: str) -> bool:
    """Return True if a product's name, or that of its metadata file, is of a type that is opened."""
    return type_named(name) is not None
