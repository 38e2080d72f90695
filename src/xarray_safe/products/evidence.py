"""What tells the layout of a product, from whatever holds it: xarray, Zarr, STAC, or their JSON."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zipfile import BadZipFile

from xarray_safe.errors import InvalidArgumentError

_SCALING: Final = ("scale_factor", "add_offset", "_FillValue")


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A group or an array.

    Parameters
    ----------
    path
        Absolute path.
    attrs
        Raw attributes; of a decoded array, scaling included.
    kind
        Kind of the stored data type, as in `numpy.dtype.kind`; empty for groups.
    """

    path: str
    attrs: Mapping[str, Any]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a product.

    Parameters
    ----------
    attrs
        Attributes of the root.
    item
        STAC item: that of the root (`stac_discovery`), or that of a catalogue.
    urls
        Where the product is.
    nodes
        Groups and arrays; none where only a root or a STAC item is at hand.
    """

    attrs: Mapping[str, Any] = field(default_factory=dict)
    item: Mapping[str, Any] = field(default_factory=dict)
    urls: tuple[str, ...] = ()
    nodes: Callable[[], Iterator[NodeFacts]] = lambda: iter(())

    @property
    def stac_version(self) -> str:
        """First two numbers of the version of STAC of the root's item; empty for that of a catalogue."""
        return ".".join(str(self.item.get("stac_version", "")).split(".")[:2]) if self.attrs else ""

    @property
    def bands(self) -> list[Any]:
        """Bands that the root's item lists."""
        properties = self.item.get("properties")
        found = properties.get("bands") if isinstance(properties, Mapping) and self.attrs else None
        return list(found) if isinstance(found, list | tuple) else []


def evidence_of(source: object) -> Evidence:
    """Evidence in a source; see `layouts.layout_in` for what that may be.

    Raises
    ------
    InvalidArgumentError
        If it is nothing of these.
    """
    if isinstance(source, Evidence):
        return source
    if hasattr(source, "subtree"):
        return _rooted(source, lambda: (node for group in source.subtree for node in _dataset(group.path, group)))
    if hasattr(source, "data_vars"):
        return _rooted(source, lambda: _dataset("/", source))
    if hasattr(source, "assets") and hasattr(source, "to_dict"):
        return evidence_of(source.to_dict())
    if isinstance(source, Mapping):
        return _of_json({str(key): value for key, value in source.items()})
    if isinstance(source, str | os.PathLike) or hasattr(source, "list_prefix"):
        return _stored(source)
    if hasattr(source, "members") and hasattr(source, "attrs"):
        return _rooted(source, lambda: _zarr(source))
    raise InvalidArgumentError(
        f"a {type(source).__name__} is neither a tree, a Zarr nor a STAC item, of which the layout could be told"
    )


def _stored(source: Any) -> Evidence:
    """Evidence in a Zarr store, or at a path: a folder or a zip."""
    import zarr
    from zarr.storage import ZipStore

    zipped = isinstance(source, str | os.PathLike) and str(source).lower().endswith(".zip")
    try:
        store = ZipStore(source, mode="r") if zipped else source
        return evidence_of(zarr.open_group(store, mode="r"))
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise InvalidArgumentError(f"{source} cannot be opened as a Zarr, to tell its layout: {error}") from error


def _rooted(source: Any, nodes: Callable[[], Iterator[NodeFacts]]) -> Evidence:
    """Evidence in something with attributes of a root and groups and arrays below."""
    attrs = {str(key): value for key, value in dict(source.attrs).items()}
    encoding = getattr(source, "encoding", None) or {}
    place = encoding.get("source") or getattr(source, "store_path", "")
    return Evidence(attrs, _item(attrs), (str(place),), nodes)


def _item(attrs: Mapping[str, Any]) -> Mapping[str, Any]:
    item = attrs.get("stac_discovery")
    return item if isinstance(item, Mapping) else {}


def _dataset(path: str, group: Any) -> Iterator[NodeFacts]:
    """A group of xarray and its variables; the attributes of decoded ones include their scaling."""
    yield NodeFacts(path, group.attrs)
    dataset = group.to_dataset(inherit=False) if hasattr(group, "subtree") else group
    for name, variable in dataset.variables.items():
        scaling = {key: variable.encoding[key] for key in _SCALING if key in variable.encoding}
        kind = getattr(variable.encoding.get("dtype", variable.dtype), "kind", variable.dtype.kind)
        yield NodeFacts(f"{path.rstrip('/')}/{name}", {**variable.attrs, **scaling}, kind)


def _zarr(root: Any) -> Iterator[NodeFacts]:
    """A Zarr group and all below it."""
    yield NodeFacts("/", dict(root.attrs))
    for path, member in root.members(max_depth=None):
        dtype = getattr(member, "dtype", None)
        yield NodeFacts(f"/{path}", dict(member.attrs), getattr(dtype, "kind", ""))


def _of_json(found: dict[str, Any]) -> Evidence:
    """Evidence in a STAC item, in a group with its members, or in the attributes of a root."""
    if found.get("type") == "Feature" and isinstance(found.get("assets"), Mapping) and "stac_discovery" not in found:
        return Evidence(item=found, urls=tuple(_hrefs(found["assets"])))
    if isinstance(found.get("attributes"), Mapping) and isinstance(found.get("members"), Mapping):
        attrs = found["attributes"]
        return Evidence(attrs, _item(attrs), (), lambda: _members("/", found))
    return Evidence(found, _item(found))


def _hrefs(assets: Mapping[str, Any]) -> Iterator[str]:
    for asset in assets.values():
        if isinstance(asset, Mapping):
            yield str(asset.get("href", ""))


def _members(path: str, node: Mapping[str, Any]) -> Iterator[NodeFacts]:
    """A node of a Zarr hierarchy in JSON and all below it."""
    dtype = str(node.get("dtype", node.get("data_type", ""))).lstrip("<>|=")
    yield NodeFacts(path, node.get("attributes") or {}, dtype[:1])
    for name, member in (node.get("members") or {}).items():
        yield from _members(f"{path.rstrip('/')}/{name}", member)
