"""`stac_discovery`: what the manifest says of a product, and an annotation of one image."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.model.lookups import F, X, finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray_safe.products.sentinel1.quality import Kind

EXTENSIONS: Final = (
    "eopf/v1.2.0",
    "product/v1.0.0",
    "eo/v2.0.0",
    "sat/v1.1.0",
    "view/v1.1.0",
    "scientific/v1.0.0",
    "processing/v1.2.0",
    "sar/v1.3.0",
)
TIMELINESS: Final = {"NRT-3h": "PT3H", "NRT-1h": "PT1H", "NRT-10m": "PT10M", "Fast-24h": "PT24H"}
"""Durations by category; ``Null`` for the rest (Off-line, Reprocessing), as the converter has it."""


def manifest(section: str, path: str, **options: Any) -> X:
    """Look-up below one metadata object of the manifest; absent elements leave their key out."""
    options.setdefault("optional", True)
    return X("manifest", f"metadataSection/metadataObject[@ID='{section}']/metadataWrap/xmlData/{path}", **options)


def utc(text: str) -> str:
    """Time in UTC with a Z behind."""
    text = text.strip().removeprefix("UTC=")
    datetime.fromisoformat(text)
    return text if text.endswith("Z") else f"{text}Z"


def middle(start: str, stop: str) -> str:
    """Time between two."""
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (start, stop))
    time = first + (last - first) / 2
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")


def points(text: str) -> list[list[float]]:
    """Longitudes and latitudes of a GML list of latitudes and longitudes, closed."""
    numbers = [finite(number) for number in text.replace(",", " ").split()]
    ring = [[longitude, latitude] for latitude, longitude in zip(numbers[::2], numbers[1::2], strict=True)]
    if len(ring) < 3:
        raise ValueError("a footprint has three points at least")
    return ring if ring[0] == ring[-1] else [*ring, ring[0]]


def polygon(text: str) -> dict[str, Any]:
    """GeoJSON polygon of a footprint."""
    return {"type": "Polygon", "coordinates": [points(text)]}


def box(text: str) -> list[float]:
    """Bounding box of a footprint in the converter's order: east, south, west, north."""
    longitudes, latitudes = zip(*points(text), strict=True)
    return [max(longitudes), min(latitudes), min(longitudes), max(latitudes)]


def as_list(value: Any) -> list[Any]:
    """List of one or several values."""
    return value if isinstance(value, list) else [value]


FOOTPRINT: Final = ("measurementFrameSet", "frameSet/frame/footPrint/coordinates")
PERIOD: Final = ("acquisitionPeriod", "acquisitionPeriod/{}Time")
PRODUCT: Final = ("generalProductInformation", "standAloneProductInformation/{}")
ORBIT: Final = ("measurementOrbitReference", "orbitReference/{}")
INSTRUMENT: Final = ("platform", "platform/instrument/extension/instrumentMode/{}")


def _of(place: tuple[str, str], *names: str, **options: Any) -> X:
    return manifest(place[0], place[1].format(*names), **options)


def time_of(end: str) -> X:
    """Look-up of the product's start or stop."""
    return _of(PERIOD, end, convert=utc)


def properties(kind: Kind) -> dict[str, Any]:
    """STAC properties that container and sub-products of GRD and SLC share."""
    category = _of(PRODUCT, "productTimelinessCategory")
    return {
        "datetime": F(middle, time_of("start"), time_of("stop")),
        "start_datetime": time_of("start"),
        "end_datetime": time_of("stop"),
        "created": manifest("processing", "processing/@stop", convert=utc),
        "platform": F(
            lambda family, number: f"{family}{number}".lower(),
            manifest("platform", "platform/familyName"),
            manifest("platform", "platform/number"),
        ),
        "instruments": ["sar"],
        "constellation": "sentinel-1",
        "product:type": type_of(kind),
        "product:timeliness_category": category,
        "product:timeliness": F(lambda text: TIMELINESS.get(text, "Null"), category),
        "processing:software": F(
            lambda name, version: {name: version},
            facility("software/@name"),
            facility("software/@version"),
        ),
        "processing:lineage": "systematic",
        "provider": [
            {"name": facility("name"), "roles": ["processor"]},
            {"name": facility("organisation"), "roles": ["producer"]},
        ],
        "eopf:datatake_id": _of(PRODUCT, "missionDataTakeID"),
        "sat:platform_international_designator": manifest("platform", "platform/nssdcIdentifier"),
        "sat:absolute_orbit": _of(ORBIT, "orbitNumber[@type='start']", convert=int),
        "sat:relative_orbit": _of(ORBIT, "relativeOrbitNumber[@type='start']", convert=int),
        "sat:orbit_state": _of(ORBIT, "extension/orbitProperties/pass", convert=str.lower),
        "sat:anx_datetime": _of(ORBIT, "extension/orbitProperties/ascendingNodeTime"),
        "sar:instrument_mode": _of(INSTRUMENT, "mode"),
        "sar:frequency_band": "C",
        "sar:beam_ids": _of(INSTRUMENT, "swath", every=True),
    }


def facility(path: str) -> X:
    """Look-up of what the manifest says of the facility: ``name``, ``organisation``, or a path below it."""
    return manifest("processing", f"processing/facility/{path if '/' in path else '@' + path}")


def type_of(kind: Kind) -> str:
    """EOPF product type, e.g. ``S01SIWGRD``."""
    return f"S01S{kind[0]}{kind[1]}"


def container(kind: Kind, hrefs: Mapping[str, str]) -> dict[str, Any]:
    """`stac_discovery` of the container."""
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [f"https://stac-extensions.github.io/{name}/schema.json" for name in EXTENSIONS],
        "id": _of(PRODUCT, "productClassDescription"),
        "geometry": _of(FOOTPRINT, convert=polygon),
        "bbox": _of(FOOTPRINT, convert=box),
        "properties": properties(kind)
        | {"sar:polarizations": F(as_list, _of(PRODUCT, "transmitterReceiverPolarisation", every=True))},
        "links": [{"rel": "self", "href": "./.zattrs.json", "type": "application/json"}],
        "assets": {name: {"href": href} for name, href in hrefs.items()},
    }


def identity(attrs: Mapping[str, Any], json_of: Mapping[str, str]) -> str:
    """EOPF name: type, start, duration (s), unit, relative orbit, timeliness, checksum over all other attributes.

    Parameters
    ----------
    attrs
        `stac_discovery` without `id`.
    json_of
        Other attributes as JSON, so that what many sub-products share is written once.
    """
    properties = attrs["properties"]
    start, stop = (datetime.fromisoformat(properties[f"{end}_datetime"]) for end in ("start", "end"))
    seconds = min(int((stop - start).total_seconds()), 9999)
    parts = dict(json_of) | {"stac_discovery": json.dumps(attrs, sort_keys=True)}
    text = "{" + ", ".join(f'"{key}": {parts[key]}' for key in sorted(parts)) + "}"
    checksum = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:3].upper()
    unit, orbit = properties["platform"][-1].upper(), properties["sat:relative_orbit"]
    tag = "T" if str(properties.get("product:timeliness_category")).startswith("NRT") else "_"
    return f"{properties['product:type']}_{start:%Y%m%dT%H%M%S}_{seconds:04d}_{unit}{orbit:03d}_{tag}{checksum}"
