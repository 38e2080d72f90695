"""What Intake hands over, checked and put right: one description of a source, opened with the same keywords.

Both the Intake 2 reader and the Intake 1 sources end here. Nothing in this file imports Intake.
"""

from __future__ import annotations

import ast
import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from xarray_safe.archive.remote.auth import Credentials
from xarray_safe.archive.remote.options import StoreOptions
from xarray_safe.errors import InvalidArgumentError, SafeWarning
from xarray_safe.location import Kind, ProductLocation
from xarray_safe.net.urls import is_web

if TYPE_CHECKING:
    from xarray import DataTree

STAC_ITEM: Final = "STAC item"
"""What an entry's metadata say as ``origin`` if its URL is an item's word, not the caller's."""

Chunks = int | str | dict[str, int] | None
"""As `xarray.open_datatree` takes them; the only text is ``"auto"``."""


@dataclass(frozen=True)
class CatalogSource:
    """Location of a product, and what a catalog says about it.

    Parameters
    ----------
    location
        Where it is; its options as the catalog gave them.
    name
        Name in the catalog; may be empty.
    environment
        Names of the environment variables that options come from, by option, e.g. ``{"key": "CDSE_S3_ACCESS_KEY"}``.
    size
        Bytes, if the catalog states them.
    of_item
        Whether the URL is from a STAC item: then it does not say who may receive credentials.
    """

    location: ProductLocation
    name: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    of_item: bool = False

    @property
    def label(self) -> str:
        """Name for messages; the last part of the URL if the catalog gives none."""
        return self.name or self.location.label.rstrip("/").rpartition("/")[2]


def parse_source(
    kind: Kind, url: object, storage_options: Mapping[str, Any] | None, metadata: Mapping[str, Any] | None
) -> CatalogSource:
    """Return the source that Intake's arguments and metadata describe; no request is made.

    Raises
    ------
    InvalidArgumentError
        If the URL is not a single path.
    """
    given = metadata or {}
    if not isinstance(url, str | os.PathLike) or not os.fspath(url):
        raise InvalidArgumentError(f"{given.get('name', kind)}: a source has one path or URL, not {url!r}.")
    size = given.get("size")
    return CatalogSource(
        location=ProductLocation(kind, os.fsdecode(os.fspath(url)), dict(storage_options or {})),
        name=str(given.get("name", "")),
        environment=dict(given.get("environment") or {}),
        size=size if isinstance(size, int) else None,
        of_item=given.get("origin") == STAC_ITEM,
    )


def open_tree(
    source: CatalogSource,
    *,
    chunks: object = None,
    group: str | None = None,
    eopf_version: object = None,
    storage_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> DataTree:
    """Open a source as a DataTree; SAFE and Zarr take the same keywords and give the same tree.

    Parameters
    ----------
    source
        The source.
    chunks
        As for `xarray.open_datatree`: None for lazy numpy arrays, ``{}`` for dask arrays in the source's own chunks, a
        number, ``"auto"``, or a mapping; also as text, because catalogs pass text.
    group
        Open only what is below this group, e.g. ``measurements/reflectance``.
    eopf_version
        Layout of the tree. A SAFE is opened in it; a Zarr must have it already.
    storage_options
        Options for fsspec that override those of the catalog; None removes an option.
    **options
        Further keywords of `xarray.open_datatree`.

    Raises
    ------
    InvalidArgumentError
        If an environment variable that the catalog names is not set, an argument is invalid, or a Zarr has
        another layout than `eopf_version`. Before any request, except for the last.
    SafeError
        What ``engine="safe"`` raises, or a Zarr that does not exist or cannot be opened.
    """
    if source.of_item:
        storage_options = withhold(source.location, storage_options)
    merged = merge_options(source.location.storage_options, storage_options)
    source = replace(source, location=replace(source.location, storage_options=merged))
    check(source)
    version = parse_version(eopf_version)
    below = (group or "").strip("/") or None
    tree = source.location.open(version, chunks=parse_chunks(chunks), group=below, **options)
    if source.location.kind == "Zarr" and version is not None:
        try:
            _check_layout(source, version, tree if below is None else _root(source))
        except BaseException:
            tree.close()
            raise
    return tree


def withhold(location: ProductLocation, given: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return a caller's options without credentials, with a warning, if a STAC item sends them to a host of its own.

    Parameters
    ----------
    location
        Where an item says that its product is.
    given
        Options of the caller: with ``trusted_hosts``, servers besides those of the Copernicus Data Space that may
        receive the credentials.
    """
    if not given or not is_web(location.url):
        return given
    credentials = Credentials("", flat := StoreOptions.split(given).of_store(location.url))
    if not credentials.withholds_from(location.url):
        return {name: value for name, value in flat.items() if name != "trusted_hosts" or location.kind == "SAFE"}
    host = urlsplit(location.url).hostname
    warnings.warn(
        f"{location.label}: {host} gets no credentials, because only a STAC item names it; if it may have them, give "
        f"{host!r} in the storage option trusted_hosts",
        SafeWarning,
        stacklevel=3,
    )
    return {name: value for name, value in credentials.others.items() if value != {}}


def merge_options(base: Mapping[str, Any], over: Mapping[str, Any] | None) -> dict[str, Any]:
    """Options of a catalog, overridden by those of a caller; None removes one."""
    given = over or {}
    return {key: value for key, value in {**base, **given}.items() if value is not None or key not in given}


def check(source: CatalogSource) -> None:
    """Check that everything that comes from the environment is set.

    Raises
    ------
    InvalidArgumentError
        Naming the variable if the catalog names it, else the option. Intake 2 gives None for an unset variable
        (and the text ``None`` inside a longer text), Intake 1 gives nothing.
    """
    url, label = source.location.url, source.location.label
    for path, value in _leaves(source.location.storage_options):
        if value in (None, ""):
            option = "".join(f"[{key!r}]" for key in path)
            variable = source.environment.get(path[-1])
            why = (
                f"the environment variable {variable} is not set. Set it before Python starts, or give the option "
                f"yourself: .read(storage_options={{{path[0]!r}: …}})"
                if variable
                else "an environment variable of the catalog is not set, or the option should be left out"
            )
            raise InvalidArgumentError(f"{source.label} ({label}): storage_options{option} is empty: {why}.")
    hollow = source.location.remote and any(part in ("None", "") for part in _url_parts(url))
    if hollow or not url.strip("/"):
        raise InvalidArgumentError(
            f"{source.label}: the URL {label} has an empty part: a parameter or an environment variable of the "
            f"catalog is not set."
        )


def parse_chunks(chunks: object) -> Chunks:
    """Chunks as xarray takes them, from what a catalog gives, text included.

    Raises
    ------
    InvalidArgumentError
        If it is not a number, ``"auto"``, a mapping of dimensions to numbers, or None.
    """
    value = chunks
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in ("", "none", "null"):
            return None
        if text == "auto":
            return "auto"
        with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            value = ast.literal_eval(text)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, Mapping):
        with contextlib.suppress(TypeError, ValueError):
            return {str(dimension): int(length) for dimension, length in value.items()}
    raise InvalidArgumentError(
        f"chunks={chunks!r} is not a number of pixels, 'auto', a mapping such as {{'x': 1024}}, or None."
    )


def parse_version(eopf_version: object) -> str | None:
    """Version as ``engine="safe"`` takes it; YAML makes a number of a version without quotes.

    Raises
    ------
    InvalidArgumentError
        If it is unknown.
    """
    from xarray_safe.products.layouts import AUTO, layout_of

    text = "" if eopf_version is None else str(eopf_version).strip()
    if text.lower() in ("", "none", "null", AUTO):
        return None
    layout_of(text)
    return text


def find_layout(tree: DataTree) -> str | None:
    """Layout that a tree's root attributes show; None if they do not say, or it is not offered."""
    from xarray_safe.products.layouts import layout_in

    try:
        return layout_in(tree)
    except InvalidArgumentError:
        return None


def describe(tree: DataTree) -> dict[str, Any]:
    """Describe what a tree holds, from its metadata alone.

    Returns
    -------
    dict
        ``layout``, ``groups`` (paths), ``variables`` (by path: dims, shape, dtype as text, shape of the chunks),
        ``nbytes`` (of all variables, decoded) and ``attrs`` (of the root). No pixel is read.
    """
    variables: dict[str, dict[str, Any]] = {}
    size = 0
    for node in tree.subtree:
        for name, variable in node.to_dataset(inherit=False).variables.items():
            size += variable.nbytes
            chunks = variable.encoding.get("preferred_chunks") or {}
            variables[f"{node.path.rstrip('/')}/{name}"] = {
                "dims": list(map(str, variable.dims)),
                "shape": list(variable.shape),
                "dtype": str(variable.dtype),
                "chunks": [chunks.get(dimension, length) for dimension, length in variable.sizes.items()],
            }
    return {
        "layout": find_layout(tree),
        "groups": [node.path for node in tree.subtree],
        "variables": variables,
        "nbytes": size,
        "attrs": dict(tree.attrs),
    }


def restore_templates(options: Mapping[str, Any], environment: Mapping[str, str], form: str) -> dict[str, Any]:
    """Options with the values that came from the environment replaced by templates, so that no secret is saved.

    Parameters
    ----------
    options, environment
        As in `CatalogSource`.
    form
        The template: ``"{env(%s)}"`` in Intake 2, ``"{{ env(%s) }}"`` in Intake 1.
    """
    return {
        key: form % environment[key]
        if key in environment
        else restore_templates(value, environment, form)
        if isinstance(value, Mapping)
        else value
        for key, value in options.items()
    }


def _root(source: CatalogSource) -> DataTree:
    """Open the root of a Zarr alone, for its attributes."""
    import xarray as xr

    location = source.location
    keywords: dict[str, Any] = {"storage_options": dict(location.storage_options)} if location.storage_options else {}
    with xr.open_dataset(location.url, engine="zarr", chunks=None, **keywords) as root:
        return xr.DataTree(xr.Dataset(attrs=root.attrs))


def _check_layout(source: CatalogSource, wanted: str, root: DataTree) -> None:
    from xarray_safe.products import layout_of

    layout = find_layout(root)
    label = f"{source.label} ({source.location.label})"
    if layout is None:
        raise InvalidArgumentError(
            f"{label}: its root attributes do not say which EOPF layout it has, so that "
            f"eopf_version={wanted!r} cannot be checked; leave it out to open the Zarr as it is."
        )
    if layout != layout_of(wanted):
        raise InvalidArgumentError(
            f"{label} is a Zarr in layout {layout}, and a Zarr is opened as it is: give "
            f"eopf_version={layout!r} to both sources, or leave it out here."
        )


def _leaves(options: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in options.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value


def _url_parts(url: str) -> list[str]:
    """Host or bucket and folders of a URL."""
    parts = urlsplit(url.rpartition("::")[2])
    return [parts.netloc, *parts.path.strip("/").split("/")]
