"""A catalog from a search: STAC items of the Copernicus Data Space and the EOPF Sample Service become entries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from intake.readers.entry import Catalog, DataDescription, ReaderDescription
from intake.readers.user_parameters import SimpleUserParameter

from xarray_safe.archive.stac import read_assets
from xarray_safe.archive.stac_rules import as_mapping, pick_keywords, pick_storage_options
from xarray_safe.errors import InvalidArgumentError
from xarray_safe.intake.data import SAFE, EopfZarr
from xarray_safe.intake.opening import STAC_ITEM, parse_version
from xarray_safe.intake.reader import EopfTreeReader
from xarray_safe.net.urls import is_web
from xarray_safe.products.layouts import layout_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xarray_safe.archive.stac import Asset
    from xarray_safe.location import Kind

CDSE_ENDPOINT: Final = "https://eodata.dataspace.copernicus.eu"
_ENVIRONMENT: Final = {"key": "CDSE_S3_ACCESS_KEY", "secret": "CDSE_S3_SECRET_KEY"}
_ABOUT: Final = ("datetime", "platform", "eo:cloud_cover")
_NOT_KEYWORDS: Final = {"engine", "op_mode", "storage_options", "filename_or_obj"}
_SHARED: Final = {
    "chunks", "mask_and_scale", "decode_times", "decode_timedelta", "use_cftime", "concat_characters", "decode_coords",
    "drop_variables",
}  # fmt: skip
"""Keywords of an item for its Zarr that also apply to the SAFE, so that both open alike."""
_ENGINES: Final = (None, "zarr", "eopf-zarr")
_TYPES: Final = {"SAFE": SAFE, "Zarr": EopfZarr}


@dataclass
class _Source:
    """One source of a product, as an item describes it."""

    kind: Kind
    url: str
    storage_options: dict[str, Any] = field(default_factory=dict)
    keywords: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    layout: str | None = None


def catalog(items: object, *, eopf_version: str | None = None, endpoint: str = CDSE_ENDPOINT) -> Catalog:
    """Make a catalog of products out of STAC items: ``<product>_safe`` and ``<product>_zarr`` for each.

    Items of both services may be mixed; those of one product (by its name) end up side by side. No request is made.

    Parameters
    ----------
    items
        What pystac-client gives (an `ItemSearch`, `ItemCollection`, iterable of items), one item, or the JSON of these
        as dicts.
    eopf_version
        Layout of all entries. By default that of the Zarr, where the item tells it (by the converter's version), for
        both sources of the product, so that they are equal; else the SAFE opens in the default layout.
    endpoint
        S3 endpoint of the Copernicus Data Space; the catalog keeps it as its parameter ``endpoint``.

    Returns
    -------
    intake.readers.entry.Catalog
        Save it with ``to_yaml_file(path)``, read it with ``intake.open_catalog(path)``. Credentials are never in it:
        entries on S3 take them from ``CDSE_S3_ACCESS_KEY`` and ``CDSE_S3_SECRET_KEY`` when they are opened.

    Raises
    ------
    InvalidArgumentError
        If something is not a STAC item, an item has neither a SAFE nor a Zarr, or there are no items.
    """
    version = parse_version(eopf_version)
    products: dict[str, dict[Kind, list[_Source]]] = {}
    for item in _items(items):
        sources = list(_sources(item))
        if not sources:
            raise InvalidArgumentError(
                f"STAC item {item['id']}: no asset leads to a .SAFE folder (a manifest.safe, or files in a folder that "
                f"ends in .SAFE) or to a Zarr; there are: {', '.join(item['assets']) or 'none'}."
            )
        kinds = products.setdefault(_product(item), {})
        for source in sources:
            known = kinds.setdefault(source.kind, [])
            if all(source.url != other.url for other in known):
                known.append(source)
    if not products:
        raise InvalidArgumentError("There are no STAC items to make a catalog of: the search found nothing.")
    result = Catalog(metadata={"description": f"{len(products)} products, SAFE and Zarr side by side"})
    result.user_parameters["endpoint"] = SimpleUserParameter(
        dtype=str, default=endpoint, description="S3 endpoint of the Copernicus Data Space"
    )
    for product, kinds in products.items():
        zarrs = kinds.get("Zarr", [])
        layout = version or next((zarr.layout for zarr in zarrs if zarr.layout), None)
        for source in kinds.get("SAFE", []) if zarrs else []:
            source.keywords.update({key: value for key, value in zarrs[0].keywords.items() if key in _SHARED})
        for kind, sources in kinds.items():
            for number, source in enumerate(sources, 1):
                suffix = f"_{number}" if number > 1 else ""
                own = version or source.layout or layout  # each Zarr has its own; a SAFE opens as the first one
                _add(result, f"{product}_{kind.lower()}{suffix}", source, own)
    return result


def _add(result: Catalog, name: str, source: _Source, layout: str | None) -> None:
    """Add an entry and the data that it reads. The alias is made, which Intake forgets.

    Our own templates stay templates; nothing of an item may be one, see `_plain`.
    """
    keywords = {**source.keywords, **({"eopf_version": layout} if layout else {})}
    data = DataDescription(
        _TYPES[source.kind].qname(),
        kwargs={"url": source.url, "storage_options": source.storage_options},
        metadata={**source.metadata, "name": name, "origin": STAC_ITEM},
    )
    data._tok = f"{name}_data"
    entry = ReaderDescription(
        EopfTreeReader.qname(),
        kwargs={"args": [f"{{data({name}_data)}}"], **keywords},
        output_instance=EopfTreeReader.output_instance,
        metadata={"name": name},
    )
    entry._tok = name
    result.data[data.token] = data
    result.entries[name] = entry
    result.aliases[name] = name


def _items(items: object) -> Iterator[dict[str, Any]]:
    """Yield items as dicts, from all supported forms."""
    if isinstance(items, Mapping):
        if items.get("type") == "FeatureCollection":
            yield from _items(items.get("features", []))
        elif items.get("type") == "Feature" and isinstance(items.get("assets"), Mapping) and items.get("id"):
            yield dict(items)
        else:
            raise InvalidArgumentError(
                "This is neither a STAC item nor a collection of items (a GeoJSON Feature with assets): "
                f"{_short(items)}"
            )
    elif hasattr(items, "items_as_dicts"):
        for item in items.items_as_dicts():
            yield from _items(item)
    elif hasattr(items, "assets") and hasattr(items, "to_dict"):
        yield from _items(items.to_dict(include_self_link=False, transform_hrefs=False))
    elif isinstance(items, Iterable) and not isinstance(items, str | bytes):
        for item in items:
            yield from _items(item)
    else:
        raise InvalidArgumentError(f"These are not STAC items: {_short(items)}")


def _sources(item: Mapping[str, Any]) -> Iterator[_Source]:
    """Yield the sources of an item's assets: at most one SAFE and one Zarr."""
    properties = as_mapping(item.get("properties"))
    about = {key: properties[key] for key in _ABOUT if properties.get(key) is not None}
    about = {key: value for key, value in about.items() if _plain(value)}
    assets = [asset for asset in map(_without_templates, read_assets(item)) if asset.hrefs]
    safe = _safe(item, assets)
    if safe is not None:
        safe.metadata.update(about)
        yield safe
    zarr = _zarr(item, assets)
    if zarr is not None:
        zarr.metadata.update(about)
        yield zarr


def _safe(item: Mapping[str, Any], assets: Sequence[Asset]) -> _Source | None:
    """Find the folder of the assets; S3 before HTTPS, because only S3 can be read without a token of 600 s."""
    found: dict[str, tuple[str, Asset]] = {}
    for asset in assets:
        for href in asset.hrefs:
            inside = re.match(r"(.+?\.SAFE)/", href.url)
            if inside and "/Nodes(" not in href.url:
                found.setdefault(inside[1].partition("://")[0], (inside[1], asset))
    if not found:
        return None
    url, asset = found.get("s3") or next(iter(found.values()))
    source = _Source("SAFE", url)
    sizes = [asset.size for asset in assets if asset.hrefs[0].url.startswith(url + "/")]
    if sizes and None not in sizes:
        source.metadata["size"] = sum(size for size in sizes if size is not None)
    if url.startswith("s3://eodata/"):
        source.storage_options = {
            **{option: f"{{env({variable})}}" for option, variable in _ENVIRONMENT.items()},
            "client_kwargs": {"endpoint_url": "{endpoint}", "region_name": "default"},
            "config_kwargs": {"s3": {"addressing_style": "path"}},
        }
        source.metadata["environment"] = dict(_ENVIRONMENT)
    else:
        source.storage_options = _storage_options(item, asset)
    return source


def _zarr(item: Mapping[str, Any], assets: Sequence[Asset]) -> _Source | None:
    """Find the store's root: the asset ``product``, else any that is a root, else the root that contains assets."""
    roots = []
    for number, asset in enumerate(assets):
        found = re.match(r"(.+?\.zarr)(/.*)?$", asset.hrefs[0].url)
        engine = as_mapping(asset.fields.get("xarray:open_datatree_kwargs")).get("engine")
        if found and engine in _ENGINES:
            roots.append((asset.key != "product", bool((found[2] or "").strip("/")), asset.key, number, found[1]))
    if not roots:
        return None
    _, inside, _, number, url = min(roots)
    asset = assets[number]
    keywords = {} if inside else as_mapping(asset.fields.get("xarray:open_datatree_kwargs"))
    source = _Source("Zarr", url, _storage_options(item, asset, keywords.get("storage_options")), layout=_layout(item))
    wanted = {key: value for key, value in keywords.items() if key not in _NOT_KEYWORDS}
    source.keywords = pick_keywords(wanted, str(item["id"]))
    version = as_mapping(as_mapping(item.get("properties")).get("processing:software")).get("EOPF-CPM")
    if version and _plain(version):
        source.metadata["converter"] = str(version)
    if asset.size is not None and not inside:
        source.metadata["size"] = asset.size
    return source


def _storage_options(item: Mapping[str, Any], asset: Asset, more: object = None) -> dict[str, Any]:
    """Return the options of the xarray-assets extension, which Intake's own STAC reader ignores: the harmless ones."""
    common = as_mapping(as_mapping(item.get("properties")).get("xarray:storage_options"))
    own = as_mapping(asset.fields.get("xarray:storage_options"))
    return pick_storage_options({**common, **own, **as_mapping(more)}, str(item["id"]))


def _plain(value: object) -> bool:
    """Return True if a value of an item is no template of Intake's: a number, or a text without braces."""
    return isinstance(value, int | float) or (isinstance(value, str) and not set(value) & set("{}"))


def _without_templates(asset: Asset) -> Asset:
    """Return an asset without braces in its URLs, which Intake would read as templates, or twice if doubled.

    In the web they may as well be escaped; elsewhere they would mean another file, and the URL is passed over.
    """
    hrefs = (
        href._replace(url=href.url.replace("{", "%7B").replace("}", "%7D")) if is_web(href.url) else href
        for href in asset.hrefs
    )
    return replace(asset, hrefs=tuple(href for href in hrefs if _plain(href.url)))


def _layout(item: Mapping[str, Any]) -> str | None:
    """Layout of an item's Zarr; None if the item does not tell it."""
    try:
        return layout_in(item)
    except (InvalidArgumentError, AttributeError, TypeError):  # an item may have anything in any place
        return None


def _product(item: Mapping[str, Any]) -> str:
    """Name of the product: the item's id without ``.SAFE`` or ``.zarr``, and without what may mean a template."""
    return re.sub(r"[^\w.+-]", "_", re.sub(r"\.(SAFE|zarr)$", "", str(item["id"])))


def _short(thing: object) -> str:
    text = repr(thing)
    return text if len(text) <= 100 else text[:99] + "…"
