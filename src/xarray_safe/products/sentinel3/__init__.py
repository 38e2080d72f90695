"""Sentinel-3: OLCI, SLSTR and their synergy, as archives of netCDF files with one manifest."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from xarray_safe.model.product import ProductType
from xarray_safe.products.sentinel3 import product

if TYPE_CHECKING:
    from xarray_safe.model.product import Facts

KINDS: Final = (
    ("OL_1_EFR", "S03OLCEFR", "OLCI level 1, full resolution", "S03OLCEFR", "sentinel-3-olci-1-efr-ntc"),
    ("OL_1_ERR", "S03OLCERR", "OLCI level 1, reduced resolution", "S03OLCEFR", "sentinel-3-olci-1-err-ntc"),
    ("OL_2_LFR", "S03OLCLFR", "OLCI level 2 land, full resolution", "S03OLCLFR", "sentinel-3-olci-2-lfr-ntc"),
    ("OL_2_LRR", "S03OLCLRR", "OLCI level 2 land, reduced resolution", "S03OLCLFR", "sentinel-3-olci-2-lrr-ntc"),
    ("SL_1_RBT", "S03SLSRBT", "SLSTR level 1", "S03SLSRBT", "sentinel-3-sl-1-rbt-ntc"),
    ("SL_2_LST", "S03SLSLST", "SLSTR land surface temperature", "S03SLSLST", "sentinel-3-sl-2-lst-ntc"),
    ("SL_2_FRP", "S03SLSFRP", "SLSTR fire radiative power", "S03SLSFRP", "sentinel-3-sl-2-frp-ntc"),
    ("SY_2_SYN", "S03SYNSDR", "synergy surface reflectance", "S03SYNSDR", "sentinel-3-syn-2-syn-ntc"),
    ("SY_2_AOD", "S03SYNAOD", "synergy aerosol optical depth", "S03SYNAOD", "sentinel-3-syn-2-aod-ntc"),
    ("SY_2_VGP", "S03SYNVGT", "synergy VEGETATION-like", "S03SYNVGT", "sentinel-3-syn-2-vgp-ntc"),
    ("SY_2_VG1", "S03SYNV01", "synergy VEGETATION-like, 1 day", "S03SYNV01", "sentinel-3-syn-2-vg1-ntc"),
    ("SY_2_V10", "S03SYNV10", "synergy VEGETATION-like, 10 days", "S03SYNV10", "sentinel-3-syn-2-v10-ntc"),
    ("SY_2_VGK", "S03SYNVGK", "synergy VEGETATION-like, 1 km", "S03SYNVGK", "sentinel-3-syn-2-vgk-ntc"),
)
"""Types as product names have them, as EOPF has them, what people call them, their tables, their collection."""

NAME_PATH: Final = ".//generalProductInformation/productType"


def _matches(kind: str, facts: Facts) -> bool:
    """Return True if the manifest says that the product is of a type."""
    if product.MANIFEST not in facts.top:
        return False
    stated = facts.documents.file(product.MANIFEST).findtext(NAME_PATH) or ""
    return stated.startswith(kind)


def _type(kind: str, name: str, title: str, tables: str, collection: str) -> ProductType:
    reprocessed = re.compile(rf"(S3[A-Z]_{kind}____\d{{8}}T\d{{6}}_\d{{8}}T\d{{6}})_\d{{8}}T\d{{6}}_(\d{{4}}_\w{{7}})")
    colours = tuple(f"/measurements/oa{band}_radiance" for band in ("08", "06", "04")) if kind[:4] == "OL_1" else ()
    return ProductType(
        name=name,
        title=f"Sentinel-3 {title}",
        marker=f"{product.MANIFEST} of {kind}",
        matches=partial(_matches, kind),
        names=re.compile(rf"S3[A-Z]_{kind}_"),
        layouts={
            "2.8": partial(product.layout_28, product_type=name, tables=tables),
            "3.0": partial(product.layout_30, product_type=name, tables=tables),
        },
        collection=collection,
        true_colour=colours,
        projected=False,
        reprocessed=reprocessed,
    )


TYPES: Final = tuple(_type(*kind) for kind in KINDS)
