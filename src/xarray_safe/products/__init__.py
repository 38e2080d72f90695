"""One table per product type and layout: what EOPF Zarr holds and where a SAFE archive has it.

Tables do no input or output and import no heavy library; they can be listed without any archive. A new product
type is one file and one line of `TYPES`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from xarray_safe.errors import InvalidArgument, UnsupportedProduct
from xarray_safe.products import s2_products

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from xarray_safe.mapping import Product

LAYOUTS: Final = ("2.5", "2.8")
DEFAULT_LAYOUT: Final = "2.8"

TYPES: Final[dict[str, Callable[[str], Product]]] = {
    "MTD_MSIL1C.xml": lambda layout: s2_products.product("L1C", layout),
    "MTD_MSIL2A.xml": lambda layout: s2_products.product("L2A", layout),
}
"""Tables by the file at the top of an archive that tells its type."""

_NAMES: Final = re.compile(r"S2[A-D]_MSIL(1C|2A)_|MTD_MSIL(1C|2A)\.xml")


@cache
def table(marker: str, layout: str) -> Product:
    """Tables of a product type in a layout, made once per process."""
    return TYPES[marker](layout)


def identify(names: Iterable[str], layout: str, url: str) -> Product:
    """Tables of an archive's product type.

    Parameters
    ----------
    names
        Names of the archive's files.
    layout
        One of `LAYOUTS`.
    url
        The archive's, for messages.

    Raises
    ------
    UnsupportedProduct
        If it is a type that is not opened (yet).
    """
    top = [name for name in names if "/" not in name]
    markers = [marker for marker in TYPES if marker in top]
    if len(markers) == 1:
        return table(markers[0], layout)
    known = ", ".join(sorted(TYPES))
    if markers:
        listed = ", ".join(markers)
        raise UnsupportedProduct(
            f"{url} has the metadata of several product types at its top: {listed}. Give each its own folder."
        )
    raise UnsupportedProduct(
        f"{url} is of a product type that xarray-safe does not open: none of {known} is at its top "
        f"(there: {', '.join(top[:8]) or 'no file'}). Sentinel-2 L1C and L2A in the "
        "compact format (since December 2016) are."
    )


def looks_known(name: str) -> bool:
    """Tell by a product's name, or that of its metadata file, whether its type is opened."""
    return _NAMES.match(name) is not None


def layout_of(version: str) -> str:
    """Layout of an EOPF version such as ``"2.8"``, ``"2.8.1"`` or ``"2.5.6"``.

    Raises
    ------
    InvalidArgument
        For versions that are unknown or known to differ; the message says why and names the known ones.
    """
    found = re.fullmatch(r"(\d+\.\d+)(\.\d+)?", str(version))
    known = "known are '2.5' and '2.8' (the default), with or without a patch version; '2.7' opens as 2.8"
    if found is None:
        raise InvalidArgument(f"eopf_version={version!r} is no version; {known}.")
    layout = {"2.7": "2.8"}.get(found[1], found[1])
    if layout == "2.6":
        raise InvalidArgument(
            f"eopf_version={version!r}: layout 2.6 has the groups of 2.8 but spells many attributes and flags "
            "otherwise, and stores scaled images as float64 by default; few products were written in it (early 2026). "
            f"It is not offered: {known}."
        )
    if layout not in LAYOUTS:
        raise InvalidArgument(f"eopf_version={version!r} is unknown; {known}.")
    return layout
