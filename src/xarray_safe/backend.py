"""xarray's entry point `engine="safe"`: arguments in, decoded datasets or a DataTree out."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypedDict, Unpack

from xarray import Dataset, DataTree
from xarray.backends import BackendEntrypoint
from xarray.backends.common import AbstractDataStore
from xarray.backends.store import StoreBackendEntrypoint

import xarray_safe.accessor  # noqa: F401  # registers ``tree.safe``
from xarray_safe.archive import guess, open_archive
from xarray_safe.errors import InvalidArgumentError, UnknownGroupError
from xarray_safe.lazy import variable
from xarray_safe.model.build import BuildOptions
from xarray_safe.model.tree import with_ancestors
from xarray_safe.products import DEFAULT_LAYOUT, looks_known, open_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xarray import Variable

    from xarray_safe.archive import Archive
    from xarray_safe.model.tree import Node, Tree

Path = str | os.PathLike[str]


class DecoderKeywords(TypedDict, total=False):
    """Keywords of xarray's own decoding."""

    mask_and_scale: bool | Mapping[str, bool]
    decode_times: Any
    concat_characters: bool | Mapping[str, bool]
    decode_coords: Any
    drop_variables: str | Iterable[str] | None
    use_cftime: Any
    decode_timedelta: Any


class OpenKeywords(DecoderKeywords, total=False):
    """Keywords of ``engine="safe"``; see `SafeBackendEntrypoint.open_dataset`."""

    group: str | None
    eopf_version: str
    storage_options: dict[str, Any] | None
    overview: int
    chunk_layout: str
    missing: str


_DECODERS: Final = tuple(DecoderKeywords.__annotations__)
_OWN: Final = tuple(name for name in OpenKeywords.__annotations__ if name not in _DECODERS)


class SafeBackendEntrypoint(BackendEntrypoint):
    """Open Sentinel `.SAFE` archives as the DataTree that EOPF Zarr gives."""

    description = "Sentinel .SAFE archives (folder or zip) as the tree of EOPF Zarr"
    url = "https://xarray-safe.readthedocs.io"
    supports_groups = True
    open_dataset_parameters: ClassVar[tuple[str, ...]] = ("filename_or_obj", *_DECODERS, *_OWN)

    def guess_can_open(self, filename_or_obj: object) -> bool:
        """Return True if a path leads to a SAFE archive of a product type that is opened."""
        name = guess(filename_or_obj)
        return name is not None and looks_known(name)

    def open_dataset(  # type: ignore[override]
        self, filename_or_obj: Path, **keywords: Unpack[OpenKeywords]
    ) -> Dataset:
        """Open one group as a Dataset; without `group`, the root, which holds the product's metadata and no variable.

        Parameters
        ----------
        filename_or_obj
            Path of the `.SAFE` folder, its `manifest.safe`, its metadata file, or a zip of it.
        mask_and_scale, decode_times, concat_characters, decode_coords, drop_variables, use_cftime, decode_timedelta
            As for `xarray.open_dataset`.
        group : str, optional
            Path of the group, with or without a leading slash, e.g. ``measurements/reflectance``. The groups
            that there are are listed in ``encoding["groups"]`` of the root.
        eopf_version : str
            Layout of the tree: ``"2.8"`` (the default), ``"3.0"``, ``"2.7"``, ``"2.6"``, ``"2.5"``, or a patch version.
        storage_options : dict, optional
            For remote archives.
        overview : int
            Open images at ``1 / 2**overview`` of their resolution, 0 to 4: continuous ones as the wavelet's low-pass,
            in which a sample that no-data touches is no-data, classes and masks as every ``2**overview``-th pixel.
        chunk_layout : str
            What ``chunks={}`` uses: ``"tile"``, whole tiles of the images, or ``"eopf"``, the chunks of EOPF Zarr.
        missing : str
            What to do about files and metadata that are absent or cannot be read: ``"warn"`` (open the rest, with one
            `SafeWarning` that names what is absent and why), ``"raise"`` an error, or ``"ignore"``. What decides how
            values are scaled is never guessed: where it is not known, there is an error in any case.

        Raises
        ------
        SafeError
            One of its children (`xarray_safe.errors`), which says what is wrong with archive or arguments.
        """
        decoders, path, tree = _open(filename_or_obj, keywords)
        dataset = _decode(tree.nodes[path], tree.archive, decoders)
        if keywords.get("group") is None:
            dataset.encoding["groups"] = [name for name in tree.nodes if name != path]
        return dataset

    def open_groups_as_dict(  # type: ignore[override]
        self, filename_or_obj: Path, **keywords: Unpack[OpenKeywords]
    ) -> dict[str, Dataset]:
        """Open all groups (those below `group`) as Datasets by path; see `open_dataset` for the arguments."""
        decoders, path, tree = _open(filename_or_obj, keywords)
        absolute = keywords.get("group") is None
        return {
            _relative(name, path, absolute=absolute): _decode(node, tree.archive, decoders)
            for name, node in tree.nodes.items()
        }

    def open_datatree(  # type: ignore[override]
        self, filename_or_obj: Path, **keywords: Unpack[OpenKeywords]
    ) -> DataTree:
        """Open the product, or what is below `group`, as a DataTree; see `open_dataset` for the arguments."""
        datasets = self.open_groups_as_dict(filename_or_obj, **keywords)
        tree = DataTree.from_dict(datasets)
        for path, dataset in datasets.items():
            tree[path].set_close(dataset._close)
        return tree


class _Store(AbstractDataStore):
    """One group of the neutral tree as the store that xarray's own decoding takes."""

    def __init__(self, node: Node, archive: Archive) -> None:
        self._node = node
        self._archive = archive

    def get_variables(self) -> dict[str, Variable]:
        return {name: variable(entry) for name, entry in self._node.entries.items()}

    def get_attrs(self) -> dict[str, Any]:
        return self._node.attrs

    def get_encoding(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        self._archive.close()


def group_path(group: str | None) -> str:
    """Absolute path of a group: ``/`` for none, one slash in front, none behind."""
    if group is not None and not isinstance(group, str):
        raise InvalidArgumentError(f"group={group!r} is not a path such as 'measurements/reflectance'.")
    return "/" + (group or "").strip("/")


def _open(path: Path, keywords: OpenKeywords) -> tuple[dict[str, Any], str, Tree]:
    """Split the keywords, and open the neutral tree: keywords for decoding, path of the group, tree."""
    decoders = {name: value for name, value in keywords.items() if name in _DECODERS}
    unknown = keywords.keys() - decoders.keys() - set(_OWN)
    if unknown:
        raise TypeError(f'engine="safe" has no argument {", ".join(sorted(unknown))}')
    group = group_path(keywords.get("group"))
    dropped = keywords.get("drop_variables") or ()
    options = BuildOptions(
        keywords.get("overview", 0),
        keywords.get("chunk_layout", "tile"),
        keywords.get("missing", "warn"),
        frozenset((dropped,) if isinstance(dropped, str) else dropped),
    )
    archive = open_archive(path, keywords.get("storage_options"))
    tree = open_tree(archive, keywords.get("eopf_version", DEFAULT_LAYOUT), group, options)
    if group not in tree.nodes:
        raise _unknown(tree, group)
    return decoders, group, tree


def _unknown(tree: Tree, group: str) -> UnknownGroupError:
    """Error for an unknown group, with similar names or all."""
    known = with_ancestors({var.group for var in tree.product.variables}, "/")
    near = difflib.get_close_matches(group, known, n=3, cutoff=0.5)
    last = group.rpartition("/")[2]
    near += [name for name in known if name.rpartition("/")[2] == last and name not in near]
    hint = f"Did you mean {' or '.join(near[:4])}?" if near else f"There are: {', '.join(known)}."
    if group in known:
        hint = "The layout has it, but this product lacks its files."
    return UnknownGroupError(f"{tree.archive.url} has no group {group} in layout {tree.product.layout}. {hint}")


def _relative(path: str, parent: str, *, absolute: bool) -> str:
    """Path of a group as xarray's other backends have it: absolute, or relative to the group that was asked for."""
    if absolute or parent == "/":
        return path
    return path[len(parent) + 1 :] or "."


def _decode(node: Node, archive: Archive, decoders: Mapping[str, Any]) -> Dataset:
    dataset: Dataset = StoreBackendEntrypoint().open_dataset(_Store(node, archive), **decoders)
    dataset.encoding["source"] = archive.url
    return dataset
