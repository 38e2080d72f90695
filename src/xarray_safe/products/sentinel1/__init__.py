"""Sentinel-1: GRD, SLC and OCN of all modes, in containers of sub-products."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from xarray_safe.model.product import ProductType
from xarray_safe.products.sentinel1 import layout30, names, ocn, product

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xarray_safe.model.product import Facts, Product

BEAMS: Final = {"IW": "IW", "EW": "EW", "SM": "S[1-6]", "WV": "WV"}
"""What product names have for a mode."""
EXAMPLES: Final = {
    "GRD": "S1A_{mode}_GRDH_1SDV_20210809T173953_20210809T174018_039156_049F13_6FF8",
    "SLC": "S1A_{mode}_SLC__1SDV_20210615T050456_20210615T050523_038346_048680_CE6D",
    "OCN": "S1A_{mode}_OCN__2SDV_20220412T054445_20220412T054513_042736_051989_2A4B",
}
"""Names of products, for messages."""


def _type(mode: str, product_type: str, layouts: Mapping[str, Callable[[Facts], Product]]) -> ProductType:
    return ProductType(
        name=f"S01S{mode}{product_type}",
        title=f"Sentinel-1 {mode} {product_type}",
        marker="manifest.safe of Sentinel-1",
        matches=lambda facts: names.kind(facts) == (mode, product_type),
        names=re.compile(rf"S1[A-Z]_{BEAMS[mode]}_{product_type}"),
        layouts=layouts,
        collection=f"sentinel-1-l{2 if product_type == 'OCN' else 1}-{product_type.lower()}",
        picture=None if product_type == "OCN" else product.picture,
        projected=False,
        example=EXAMPLES[product_type].format(mode=BEAMS[mode].replace("[1-6]", "3")),
    )


LEVEL_1: Final = {"2.8": product.layout_28, "3.0": layout30.layout_30}
LEVEL_2: Final = {"2.8": ocn.layout_28}

TYPES: Final = (
    *(_type(mode, "GRD", LEVEL_1) for mode in ("IW", "EW", "SM")),
    *(_type(mode, "SLC", LEVEL_1) for mode in ("IW", "EW", "SM", "WV")),
    *(_type(mode, "OCN", LEVEL_2) for mode in ("IW", "EW", "SM", "WV")),
)
