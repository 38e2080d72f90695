"""Attributes of containers and sub-products in layout 3.0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.model.arrays import LookUp
from xarray_safe.model.lookups import ABSENT, resolve
from xarray_safe.products.sentinel1 import metadata, stac
from xarray_safe.products.sentinel1.footprint import BurstFootprint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xarray_safe.model.arrays import Context
    from xarray_safe.products.sentinel1.names import Image
    from xarray_safe.products.sentinel1.quality import Kind

SOFTWARE: Final = {"EOPF_CPM": "3.0.0", "COMMON_PFSD": "3.0.0", "EOPF_MAPPING": "1.0.0", "EOPF_MODEL": "1.0.0"}
"""Versions that the converter states for all; that of the definition differs."""

KEPT: Final = ("eopf_category", "title", "image_number", "rfi")

ADDED: Final = ("mission", "processing:datetime", "processing:facility")
"""Properties that layout 3.0 has more than 2.8."""

REMOVED: Final = (
    "general_annotation/attitude_list",
    "general_annotation/product_information/pass",
    "general_annotation/product_information/radar_frequency",
    "general_annotation/product_information/timeliness_category",
    "general_annotation/orbit_list",
    "image_annotation/image_information/azimuth_pixel_spacing",
    "image_annotation/image_information/range_pixel_spacing",
)
"""What is a variable, or a STAC property, and so no longer in `other_metadata`."""


@dataclass(frozen=True, slots=True)
class Container(LookUp):
    """Attributes of the container."""

    kind: Kind
    assets: tuple[tuple[str, str], ...]

    def resolve(self, context: Context) -> dict[str, Any]:
        """Read the manifest."""
        discovery = discovery_of(context, self.kind) | {"assets": assets_of(self.assets)}
        if self.kind in (("SM", "GRD"), ("WV", "SLC")):
            for key in ADDED:
                discovery["properties"].pop(key, None)  # the mappings of these two lack them
        software = dict(discovery["properties"].get("processing:software", {}))
        version = {"SPECIFIC_PFSD": "1.4.3" if self.kind == ("EW", "GRD") else "4.1.0"}
        discovery["properties"]["processing:software"] = software | SOFTWARE | version
        other = {"eopf_category": "eocontainer", "title": stac.type_of(self.kind)}
        return {"stac_discovery": discovery, "other_metadata": other}


def discovery_of(context: Context, kind: Kind) -> dict[str, Any]:
    """`stac_discovery` as container and sub-products share it."""
    discovery: dict[str, Any] = resolve(stac.container(kind, {}), context)
    properties = {
        **discovery["properties"],
        "mission": "copernicus",
        "processing:version": "1.0.0",
        "processing:datetime": discovery["properties"].get("datetime", ABSENT),
        "processing:facility": context.value(stac.facility("name")),
    }
    discovery["properties"] = {key: value for key, value in properties.items() if value is not ABSENT}
    return discovery


@dataclass(frozen=True, slots=True)
class OtherMetadata(LookUp):
    """`other_metadata` of an image, bursts not yet taken apart."""

    image: Image
    kind: Kind

    def resolve(self, context: Context) -> dict[str, Any]:
        """Read the annotation."""
        attrs = context.value(metadata.OtherMetadata(self.image, self.kind))
        kept: dict[str, Any] = {key: attrs[key] for key in KEPT if key in attrs}
        for section in metadata.SECTIONS:
            name = "burst_timing" if section == "swath_timing" else section
            kept[name] = _renamed(attrs.get(section, {}))
        for path in REMOVED:
            *parents, last = path.split("/")
            branch: Any = kept
            for parent in parents:
                branch = branch.get(parent, {})
            branch.pop(last, None)
        for downlink in kept["general_annotation"].get("downlink_information_list") or []:
            downlink.get("downlink_values", {}).pop("data_take_id", None)
        cleaned: dict[str, Any] = _without_empty(kept)
        return cleaned


def _renamed(value: Any) -> Any:
    """Copy in which ``t_0`` is ``t0``."""
    if isinstance(value, dict):
        return {"t0" if key == "t_0" else key: _renamed(item) for key, item in value.items()}
    return [_renamed(item) for item in value] if isinstance(value, list) else value


def _without_empty(value: Any) -> Any:
    """Copy without empty dicts and lists."""
    if isinstance(value, dict):
        items = ((key, _without_empty(item)) for key, item in value.items())
        return {key: item for key, item in items if not (isinstance(item, dict | list) and not item)}
    if isinstance(value, list):
        return [item for item in map(_without_empty, value) if not (isinstance(item, dict | list) and not item)]
    return value


@dataclass(frozen=True, slots=True)
class SubProduct(LookUp):
    """Attributes of a sub-product: those of its last image, for all polarisations, as the converter has them."""

    image: Image
    kind: Kind
    labels: tuple[str, ...]
    number: int | None = None
    burst: str | int | None = None
    assets: tuple[tuple[str, str], ...] = ()

    def resolve(self, context: Context) -> dict[str, Any]:
        """Put the parts together."""
        root = context.documents.file(self.image.annotation)
        discovery = discovery_of(context, self.kind) | metadata.fill(metadata.PERFORMED, root)
        discovery["assets"] = assets_of(self.assets)
        properties = discovery["properties"] | metadata.fill(metadata.OWN, root)
        properties["eopf:instrument_mode"] = properties.get("sar:instrument_mode")
        if self.kind.mode not in ("WV", "SM"):
            properties.pop("sar:polarization", None)
        other = dict(context.value(OtherMetadata(self.image, self.kind)))
        if self.number is not None and self.burst is not None:
            properties["sar:relative_burst"] = int(self.burst)
            discovery["geometry"] = context.value(BurstFootprint(self.image.annotation, self.number, weighted=True))
            timing = dict(other["burst_timing"])
            own = dict(timing.pop("burst_list")[self.number])
            own.pop("byte_offset", None)
            other["burst_timing"] = timing | own
        discovery["properties"] = properties
        return {
            "stac_discovery": discovery,
            "other_metadata": dict.fromkeys(self.labels, other),
            "processing_history": {"Unknown": [_last_step(context)]},
        }


def _last_step(context: Context) -> dict[str, Any]:
    """The last processing step, which is all that the converter finds."""
    processor, version, organisation, name = (
        context.value(stac.facility(path)) for path in ("software/@name", "software/@version", "organisation", "name")
    )
    facility = "-".join(str(part) for part in (organisation, name) if part is not ABSENT)
    return {
        "processor": "Unknown" if processor is ABSENT else processor,
        "version": "Unknown" if version is ABSENT else version,
        "facility": facility or "Unknown",
        "time": "1970-01-01T00:00:00.000000Z",
        "inputs": [],
        "outputs": [],
    }


def assets_of(paths: Iterable[tuple[str, str]]) -> dict[str, dict[str, str]]:
    """Assets of a STAC item: variables by their short names."""
    return {name: {"href": path, "title": name} for name, path in paths}
