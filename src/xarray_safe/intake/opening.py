"""Open one source, SAFE or Zarr, with the same keywords; what Intake hands over is checked and put right here first.

Both the Intake 2 reader and the Intake 1 sources end here. Nothing in this file imports Intake.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from xarray_safe.errors import InvalidArgumentError

if TYPE_CHECKING:
    from xarray import DataTree

Kind = Literal["SAFE", "Zarr"]
Chunks = int | Literal["auto"] | dict[str, int] | None

_ENGINES: Final[dict[Kind, str]] = {"SAFE": "safe", "Zarr": "zarr"}


@dataclass(frozen=True)
class Place:
    """Where a product lies and what is known of it without a request.

    Parameters
    ----------
    kind
        ``"SAFE"`` or ``"Zarr"``.
    url
        Path or URL.
    name
        How a catalog calls it; the last part of the URL where it has no name.
    storage_options
        For fsspec, as the catalog gave them.
    environment
        Names of the environment variables that options come from, by option, e.g. ``{"key": "CDSE_S3_ACCESS_KEY"}``.
    size
        Bytes, where the catalog knows them.
    """

    kind: Kind
    url: str
    name: str = ""
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None

    @property
    def label(self) -> str:
        """Name for messages."""
        return self.name or self.url.rstrip("/").rpartition("/")[2]

    @property
    def remote(self) -> bool:
        """Whether the URL leads away from this machine."""
        return re.match(r"[A-Za-z][A-Za-z0-9+.-]+(?:://|::)", self.url) is not None and not self.url.startswith("file:")


def place_of(
    kind: Kind, url: object, storage_options: Mapping[str, Any] | None, metadata: Mapping[str, Any] | None
) -> Place:
    """Put together what Intake knows of a source.

    Raises
    ------
    InvalidArgumentError
        If the URL is no single path.
    """
    known = metadata or {}
    if not isinstance(url, str | os.PathLike) or not os.fspath(url):
        raise InvalidArgumentError(f"{known.get('name', kind)}: a source has one path or URL, not {url!r}.")
    size = known.get("size")
    return Place(
        kind=kind,
        url=os.fsdecode(os.fspath(url)),
        name=str(known.get("name", "")),
        storage_options=dict(storage_options or {}),
        environment=dict(known.get("environment") or {}),
        size=size if isinstance(size, int) else None,
    )


def open_tree(
    place: Place,
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
    place
        The source.
    chunks
        As for `xarray.open_datatree`: None for lazy numpy arrays, ``{}`` for dask arrays in the source's own chunks, a
        number, ``"auto"``, or a mapping; as text too, for so catalogs hand it over.
    group
        Open only what lies below this group, e.g. ``measurements/reflectance/r10m``.
    eopf_version
        Layout of the tree. A SAFE is opened in it; a Zarr must be in it already.
    storage_options
        For fsspec, over those of the catalog; None takes an option out.
    **options
        Further keywords of `xarray.open_datatree`.

    Raises
    ------
    InvalidArgumentError
        If an environment variable that the catalog names is not set, an argument makes no sense, or a Zarr has
        another layout than `eopf_version`. Before any request, but for the last.
    SafeError
        What `engine="safe"` raises.
    """
    import xarray as xr

    place = replace(place, storage_options=merged(place.storage_options, storage_options))
    check(place)
    keywords = dict(options)
    if place.storage_options:
        keywords["storage_options"] = dict(place.storage_options)
    layout = layout_text(eopf_version)
    where = (group or "").strip("/") or None
    if place.kind == "SAFE" and layout is not None:
        keywords["eopf_version"] = layout
    tree = xr.open_datatree(place.url, engine=_ENGINES[place.kind], chunks=chunks_of(chunks), group=where, **keywords)
    if place.kind == "Zarr" and layout is not None:
        try:
            _check_layout(place, layout, tree if where is None else _root(place))
        except BaseException:
            tree.close()
            raise
    return tree


def merged(base: Mapping[str, Any], over: Mapping[str, Any] | None) -> dict[str, Any]:
    """Options of a catalog with those of a caller over them; None takes one out."""
    given = over or {}
    return {key: value for key, value in {**base, **given}.items() if value is not None or key not in given}


def check(place: Place) -> None:
    """See that all that comes from the environment is there.

    Raises
    ------
    InvalidArgumentError
        Naming the variable where the catalog names it, else the option. Intake 2 gives None for an unset variable
        (and the text ``None`` inside a longer text), Intake 1 gives nothing.
    """
    for path, value in _leaves(place.storage_options):
        if value in (None, ""):
            option = "".join(f"[{key!r}]" for key in path)
            variable = place.environment.get(path[-1])
            why = (
                f"the environment variable {variable} is not set. Set it before Python starts, or give the option "
                f"yourself: .read(storage_options={{{path[0]!r}: …}})"
                if variable
                else "an environment variable of the catalog is not set, or the option should be left out"
            )
            raise InvalidArgumentError(f"{place.label} ({place.url}): storage_options{option} is empty: {why}.")
    hollow = place.remote and any(part in ("None", "") for part in _names(place.url))
    if hollow or not place.url.strip("/"):
        raise InvalidArgumentError(
            f"{place.label}: the URL {place.url} has an empty part: a parameter or an environment variable of the "
            f"catalog is not set."
        )


def chunks_of(chunks: object) -> Chunks:
    """Chunks as xarray takes them, out of what a catalog gives, text among it.

    Raises
    ------
    InvalidArgumentError
        If it is no number, ``"auto"``, mapping of dimensions to numbers, or None.
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
        f"chunks={chunks!r} is no number of pixels, 'auto', mapping such as {{'x': 1024}}, or None."
    )


def layout_text(eopf_version: object) -> str | None:
    """Version as `engine="safe"` takes it; YAML makes a number of a version without quotes.

    Raises
    ------
    InvalidArgumentError
        If it is unknown.
    """
    from xarray_safe.products import layout_of

    text = "" if eopf_version is None else str(eopf_version).strip()
    if text.lower() in ("", "none", "null"):
        return None
    layout_of(text)
    return text


def layout_of_tree(tree: DataTree) -> str | None:
    """Layout that a tree's root attributes show; None if they do not tell, or it is not offered."""
    from xarray_safe.products.layouts import layout_in

    try:
        return layout_in({str(key): value for key, value in tree.attrs.items()})
    except InvalidArgumentError:
        return None


def describe(tree: DataTree) -> dict[str, Any]:
    """Say what a tree holds, from its metadata alone.

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
        "layout": layout_of_tree(tree),
        "groups": [node.path for node in tree.subtree],
        "variables": variables,
        "nbytes": size,
        "attrs": dict(tree.attrs),
    }


def with_templates(options: Mapping[str, Any], environment: Mapping[str, str], form: str) -> dict[str, Any]:
    """Options with the values that came from the environment put back as templates, so that no secret is saved.

    Parameters
    ----------
    options, environment
        As in `Place`.
    form
        The template: ``"{env(%s)}"`` in Intake 2, ``"{{ env(%s) }}"`` in Intake 1.
    """
    return {
        key: form % environment[key]
        if key in environment
        else with_templates(value, environment, form)
        if isinstance(value, Mapping)
        else value
        for key, value in options.items()
    }


def _root(place: Place) -> DataTree:
    """Open a Zarr's root alone, for its attributes."""
    import xarray as xr

    keywords: dict[str, Any] = {"storage_options": dict(place.storage_options)} if place.storage_options else {}
    with xr.open_dataset(place.url, engine="zarr", chunks=None, **keywords) as root:
        return xr.DataTree(xr.Dataset(attrs=root.attrs))


def _check_layout(place: Place, wanted: str, root: DataTree) -> None:
    from xarray_safe.products import layout_of

    layout = layout_of_tree(root)
    if layout is None:
        raise InvalidArgumentError(
            f"{place.label} ({place.url}): its root attributes do not say which EOPF layout it has, so that "
            f"eopf_version={wanted!r} cannot be checked; leave it out to open the Zarr as it is."
        )
    if layout != layout_of(wanted):
        raise InvalidArgumentError(
            f"{place.label} ({place.url}) is a Zarr in layout {layout}, and a Zarr is opened as it is: give "
            f"eopf_version={layout!r} to both sources, or leave it out here."
        )


def _leaves(options: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in options.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value


def _names(url: str) -> list[str]:
    """Host or bucket and folders of a URL."""
    parts = urlsplit(url.rpartition("::")[2])
    return [parts.netloc, *parts.path.strip("/").split("/")]
