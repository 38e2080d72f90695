"""Sentinel-2 MSI: L1C and L2A in the compact format (since December 2016)."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from xarray_safe.model.product import ConverterDefects, GeoZarrForm, ProductType
from xarray_safe.products.sentinel2 import product

if TYPE_CHECKING:
    from collections.abc import Callable

    from xarray_safe.model.product import Facts, Product
    from xarray_safe.products.sentinel2.bands import Level


_BAND: Final = "/conditions/geometry/band"
_DETECTOR: Final = "/conditions/geometry/detector"
_DEFECTS: Final = {
    "2.5": ConverterDefects(
        cfgrib_notes={"/conditions/meteorology/cams": "AUX_CAMSFO", "/conditions/meteorology/ecmwf": "AUX_ECMWFT"}
    ),
    "2.8": ConverterDefects(truncated_labels=(_BAND, _DETECTOR), filled_labels=(_DETECTOR,)),
}

_AVERAGED: Final = {"L1C": r"r20m/b0[2348]|r60m/(?:b0[2-8]|b8a|b1[12])", "L2A": r"r[26]0m/b08"}
"""Bands that the GeoZarr form has averaged from a finer resolution."""


def _geozarr(level: Level) -> GeoZarrForm:
    """Return what the Sample Service's form of 3.0 adds and omits."""
    coarse = "r(?:120|360|720)m"
    band = rf"{coarse}/(?:b\d[\da]|x|y)|{_AVERAGED[level]}"
    return GeoZarrForm(
        added={  # levels, bands averaged into them, coordinate systems
            "group": re.compile(rf"^/measurements/reflectance/{coarse}$"),
            "variable": re.compile(rf"/spatial_ref$|^/measurements/reflectance/(?:{band})$"),
            "coordinate": re.compile(r"/spatial_ref$"),
            "attribute": re.compile(
                r"@(spatial:|proj:|zarr_conventions|multiscales|grid_mapping|stac_discovery/assets/reflectance/)"
            ),
        },
        dropped=re.compile(
            r"^/conditions/(geometry|meteorology)/.*@dtype$"
            r"|^/quality/probability/.*@(dtype|fill_value|valid_min|valid_max)$"
        ),
    )


def _type(level: Level) -> ProductType:
    marker = f"MTD_MSI{level}.xml"
    return ProductType(
        name=f"S02MSI{level}",
        title=f"Sentinel-2 {level} (compact format, since December 2016)",
        marker=marker,
        matches=lambda facts: marker in facts.top,
        names=re.compile(rf"S2[A-D]_MSI{level}_|MTD_MSI{level}\.xml"),
        layouts={layout: _static(table, level) for layout, table in product.LAYOUTS.items()},
        collection=f"sentinel-2-{level.lower()}",
        true_colour=_true_colour("r10m"),
        true_colour_coarse=(_true_colour("r20m"), _true_colour("r60m")),
        static=True,
        example=f"S2A_MSI{level}_20250503T103701_N0511_R008_T32UNE_20250503T173316",
        reprocessed=re.compile(r"(S2[A-Z]_MSIL\w\w_\d{8}T\d{6})_N\d{4}_R\d{3}_(T\d{2}[A-Z]{3})_"),
        defects=_DEFECTS,
        geozarr=_geozarr(level),
    )


def _true_colour(group: str) -> tuple[str, ...]:
    """Paths of red, green and blue in a group of one resolution."""
    return tuple(f"/measurements/reflectance/{group}/{band}" for band in ("b04", "b03", "b02"))


def _static(table: Callable[[Level], Product], level: Level) -> Callable[[Facts | None], Product]:
    """Return a table that ignores the archive's facts and is made once per process."""

    @cache
    def made() -> Product:
        return table(level)

    def static(facts: Facts | None = None) -> Product:
        return made()

    return static


TYPES: Final = (_type("L1C"), _type("L2A"))
