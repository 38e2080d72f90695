"""Ten facts of a product, the same from the tree of a SAFE and of a Zarr, in either layout."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from xarray_safe.errors import MissingElementError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray import Dataset, DataTree

TITLES = {
    "id": "Product id",
    "platform": "Platform",
    "level": "Level",
    "type": "Type",
    "instrument": "Instrument",
    "mode": "Mode",
    "epsg": "EPSG",
    "created": "Created",
    "sensing": "Sensing time",
    "cloud_cover": "Cloud cover (%)",
}
"""Titles of the fields."""


@dataclass(frozen=True)
class Summary:
    """Ten facts of a product; None where the product does not state one.

    Parameters
    ----------
    id
        ``id`` of ``stac_discovery``. Layout 2.5 has the SAFE's name there (given here without ``.SAFE``), layout 2.8
        the EOPF name; neither layout has the other's.
    platform
        Satellite, in lower case, as STAC names it.
    level
        Level of processing.
    type
        EOPF product type.
    instrument
        Instrument, in lower case.
    mode
        E.g. ``INS-NOBS``.
    epsg
        Code of the projection.
    created, sensing
        When it was processed, and when sensing started; UTC, e.g. ``2024-11-15T10:01:59.024Z``.
    cloud_cover
        ``eo:cloud_cover`` in percent, from SAFE and Zarr alike. The product's ``CLOUDY_PIXEL_OVER_LAND_PERCENTAGE`` is
        another quantity.
    """

    id: str | None = None
    platform: str | None = None
    level: str | None = None
    type: str | None = None
    instrument: str | None = None
    mode: str | None = None
    epsg: int | None = None
    created: str | None = None
    sensing: str | None = None
    cloud_cover: float | None = None

    def to_dict(self) -> dict[str, str | int | float | None]:
        """Return the fields by name; for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        """Return a line for each field."""
        width = max(map(len, TITLES.values()))
        return "\n".join(f"{TITLES[key]:<{width}}  {text(value)}" for key, value in self.to_dict().items())

    def _repr_html_(self) -> str:
        """Return a small table for notebooks."""
        rows = "".join(
            f"<tr><th style='text-align:left'>{TITLES[key]}</th>"
            f"<td style='text-align:left'>{escape(text(value))}</td></tr>"
            for key, value in self.to_dict().items()
        )
        return f"<table>{rows}</table>"


def summary(tree: DataTree | Dataset) -> Summary:
    """Read ten facts of a product from the root of its tree.

    Parameters
    ----------
    tree
        A product opened with ``engine="safe"`` or ``engine="zarr"``, in any layout; its root as a Dataset will
        do.

    Raises
    ------
    MissingElementError
        The root has no ``stac_discovery``.

    Examples
    --------
    >>> summary(xr.open_datatree(path, engine="safe")).cloud_cover  # doctest: +SKIP
    25.95717
    """
    item = tree.attrs.get("stac_discovery")
    if not isinstance(item, dict) or not isinstance(item.get("properties"), dict):
        raise MissingElementError(
            "the tree has no stac_discovery with properties at its root: it is not an EOPF product, or not its root"
        )
    facts = item["properties"]
    name = item.get("id")
    return Summary(
        id=None if name is None else str(name).removesuffix(".SAFE"),
        platform=_str(facts, "platform"),
        level=_str(facts, "processing:level"),
        type=_str(facts, "product:type"),
        instrument=_instrument(facts),
        mode=_str(facts, "eopf:instrument_mode"),
        epsg=parse_epsg(facts),
        created=_time(facts.get("created")),
        sensing=_time(facts.get("start_datetime") or facts.get("datetime")),
        cloud_cover=_float(facts.get("eo:cloud_cover")),
    )


def text(value: object) -> str:
    """Value of a field as text."""
    return "–" if value is None else str(value)


def parse_epsg(facts: Mapping[str, object]) -> int | None:
    """EPSG code of STAC properties: ``proj:code`` (STAC 1.1) or ``proj:epsg``."""
    code = facts.get("proj:code", facts.get("proj:epsg"))
    digits = str(code).upper().removeprefix("EPSG:")
    return int(digits) if digits.isdecimal() else None


def _str(facts: Mapping[str, object], key: str) -> str | None:
    value = facts.get(key)
    return None if value is None else str(value)


def _instrument(facts: Mapping[str, object]) -> str | None:
    several = facts.get("instruments")
    if isinstance(several, list | tuple) and several:
        return ", ".join(map(str, several))
    return _str(facts, "instrument")


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _time(value: object) -> str | None:
    """Return a time as ISO 8601 in UTC, without a fraction of zeros; other text stays as it is."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    form = moment.replace(tzinfo=None).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return f"{form}Z"
