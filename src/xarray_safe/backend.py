"""The door: xarray's entry point `engine="safe"`; arguments in, decoded datasets or a DataTree out."""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any, ClassVar

from xarray import Dataset, DataTree, Variable
from xarray.backends import BackendEntrypoint
from xarray.backends.common import AbstractDataStore
from xarray.backends.store import StoreBackendEntrypoint

from xarray_safe.archive import Archive, guess, open_archive
from xarray_safe.build import Group, Options, build, with_parents
from xarray_safe.errors import InvalidArgument, UnknownGroup
from xarray_safe.products import DEFAULT_LAYOUT, identify, layout_of, looks_known

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xarray_safe.mapping import Product

Path = str | os.PathLike[str]


class SafeBackendEntrypoint(BackendEntrypoint):
    """Open Sentinel `.SAFE` archives as the DataTree that EOPF Zarr gives."""

    description = "Sentinel .SAFE archives (folder or zip) as the tree of EOPF Zarr"
    url = "https://xarray-safe.readthedocs.io"
    supports_groups = True
    open_dataset_parameters: ClassVar[tuple[str, ...]] = (
        "filename_or_obj",
        "mask_and_scale",
        "decode_times",
        "concat_characters",
        "decode_coords",
        "drop_variables",
        "use_cftime",
        "decode_timedelta",
        "group",
        "eopf_version",
        "storage_options",
        "overview",
        "chunk_layout",
    )

    def guess_can_open(self, filename_or_obj: object) -> bool:
        """Tell whether a path leads to a SAFE archive of a product type that is opened."""
        name = guess(filename_or_obj)
        return name is not None and looks_known(name)

    def open_dataset(  # type: ignore[override]
        self,
        filename_or_obj: Path,
        *,
        mask_and_scale: bool | Mapping[str, bool] = True,
        decode_times: Any = True,
        concat_characters: bool | Mapping[str, bool] = True,
        decode_coords: Any = True,
        drop_variables: str | Iterable[str] | None = None,
        use_cftime: Any = None,
        decode_timedelta: Any = None,
        group: str | None = None,
        eopf_version: str = DEFAULT_LAYOUT,
        storage_options: dict[str, Any] | None = None,
        overview: int = 0,
        chunk_layout: str = "tile",
    ) -> Dataset:
        """Open one group as a Dataset; without `group`, the root, which holds the product's metadata and no variable.

        Parameters
        ----------
        filename_or_obj
            Path of the `.SAFE` folder, its `manifest.safe`, its `MTD_MSIL2A.xml`, or a zip of it.
        mask_and_scale, decode_times, concat_characters, decode_coords, drop_variables, use_cftime, decode_timedelta
            As for `xarray.open_dataset`.
        group
            Path of the group, with or without a leading slash, e.g. ``measurements/reflectance/r10m``.
        eopf_version
            Layout of the tree: ``"2.8"``, ``"2.5"``, or a patch version of them.
        storage_options
            For remote archives.
        overview
            Open images at ``1 / 2**overview`` of their resolution, 0 to 4: continuous ones as the wavelet's low-pass,
            in which a sample that no-data touches is no-data, classes and masks as every ``2**overview``-th pixel.
        chunk_layout
            What ``chunks={}`` uses: ``"tile"``, whole tiles of the images, or ``"eopf"``, the chunks of EOPF Zarr.

        Raises
        ------
        SafeError
            One of its children (`xarray_safe.errors`), which says what is wrong with archive or arguments.
        """
        path = group_path(group)
        groups, archive = _open(filename_or_obj, eopf_version, storage_options, path, Options(overview, chunk_layout))
        dataset = _decode(
            groups[path],
            archive,
            mask_and_scale=mask_and_scale,
            decode_times=decode_times,
            concat_characters=concat_characters,
            decode_coords=decode_coords,
            drop_variables=drop_variables,
            use_cftime=use_cftime,
            decode_timedelta=decode_timedelta,
        )
        if group is not None:
            return dataset
        dataset.encoding["groups"] = [name for name in groups if name != path]
        return Root(dataset.data_vars, coords=dataset.coords, attrs=dataset.attrs)._with(dataset)

    def open_groups_as_dict(  # type: ignore[override]
        self,
        filename_or_obj: Path,
        *,
        mask_and_scale: bool | Mapping[str, bool] = True,
        decode_times: Any = True,
        concat_characters: bool | Mapping[str, bool] = True,
        decode_coords: Any = True,
        drop_variables: str | Iterable[str] | None = None,
        use_cftime: Any = None,
        decode_timedelta: Any = None,
        group: str | None = None,
        eopf_version: str = DEFAULT_LAYOUT,
        storage_options: dict[str, Any] | None = None,
        overview: int = 0,
        chunk_layout: str = "tile",
    ) -> dict[str, Dataset]:
        """Open all groups (those below `group`) as Datasets by path; see `open_dataset` for the arguments."""
        path = group_path(group)
        groups, archive = _open(filename_or_obj, eopf_version, storage_options, path, Options(overview, chunk_layout))
        return {
            _relative(name, path, absolute=group is None): _decode(
                raw,
                archive,
                mask_and_scale=mask_and_scale,
                decode_times=decode_times,
                concat_characters=concat_characters,
                decode_coords=decode_coords,
                drop_variables=drop_variables,
                use_cftime=use_cftime,
                decode_timedelta=decode_timedelta,
            )
            for name, raw in groups.items()
        }

    def open_datatree(  # type: ignore[override]
        self,
        filename_or_obj: Path,
        *,
        mask_and_scale: bool | Mapping[str, bool] = True,
        decode_times: Any = True,
        concat_characters: bool | Mapping[str, bool] = True,
        decode_coords: Any = True,
        drop_variables: str | Iterable[str] | None = None,
        use_cftime: Any = None,
        decode_timedelta: Any = None,
        group: str | None = None,
        eopf_version: str = DEFAULT_LAYOUT,
        storage_options: dict[str, Any] | None = None,
        overview: int = 0,
        chunk_layout: str = "tile",
    ) -> DataTree:
        """Open the product as a DataTree; see `open_dataset` for the arguments. `group` gives what lies below it."""
        datasets = self.open_groups_as_dict(
            filename_or_obj,
            mask_and_scale=mask_and_scale,
            decode_times=decode_times,
            concat_characters=concat_characters,
            decode_coords=decode_coords,
            drop_variables=drop_variables,
            use_cftime=use_cftime,
            decode_timedelta=decode_timedelta,
            group=group,
            eopf_version=eopf_version,
            storage_options=storage_options,
            overview=overview,
            chunk_layout=chunk_layout,
        )
        tree = DataTree.from_dict(datasets)
        for path, dataset in datasets.items():
            tree[path].set_close(dataset._close)
        return tree


class Root(Dataset):  # type: ignore[no-untyped-call]
    """The root as `open_dataset` gives it without `group`: it has no variables, and says where they are."""

    __slots__ = ()

    def _with(self, other: Dataset) -> Root:
        """Take over encoding and closing."""
        self.encoding = other.encoding
        self.set_close(other._close)
        return self

    def __getitem__(self, key: Any) -> Any:
        """Get a variable; the error for a missing one names the groups."""
        try:
            return super().__getitem__(key)
        except KeyError as error:
            groups = self.encoding.get("groups", [])
            if not isinstance(key, str) or not groups:
                raise
            near = next((name for name in groups if name.endswith("/r10m")), groups[-1])
            raise UnknownGroup(
                f"{key!r} is not at the root, which holds the product's metadata and no variables; open a group, as in "
                f"xr.open_dataset(…, engine='safe', group={near!r}), or all with xr.open_datatree. "
                f"There are: {', '.join(groups)}."
            ) from error


class _Store(AbstractDataStore):
    """One raw group as the store that xarray's own decoding takes."""

    def __init__(self, group: Group, archive: Archive) -> None:
        self._group = group
        self._archive = archive

    def get_variables(self) -> dict[str, Variable]:
        return self._group.variables

    def get_attrs(self) -> dict[str, Any]:
        return self._group.attrs

    def get_encoding(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        self._archive.close()


def group_path(group: str | None) -> str:
    """Absolute path of a group: ``/`` for none, one slash in front, none behind."""
    if group is not None and not isinstance(group, str):
        raise InvalidArgument(f"group={group!r} is no path of a group such as 'measurements/reflectance/r10m'.")
    return "/" + (group or "").strip("/")


def _open(
    path: Path, eopf_version: str, storage_options: dict[str, Any] | None, group: str, options: Options
) -> tuple[dict[str, Group], Archive]:
    layout = layout_of(eopf_version)
    archive = open_archive(path, storage_options)
    product = identify(archive.names, layout, archive.url)
    groups = build(product, archive, group, options)
    if group not in groups:
        raise _unknown(product, archive, group)
    return groups, archive


def _unknown(product: Product, archive: Archive, group: str) -> UnknownGroup:
    """Error for a group that is not there, with near ones or all."""
    known = with_parents({var.path.rpartition("/")[0] for var in product.variables}, "/")
    near = difflib.get_close_matches(group, known, n=3, cutoff=0.5)
    last = group.rpartition("/")[2]
    near += [name for name in known if name.rpartition("/")[2] == last and name not in near]
    hint = f"Did you mean {' or '.join(near[:4])}?" if near else f"There are: {', '.join(known)}."
    if group in known:
        hint = "The layout has it, but this product lacks its files."
    return UnknownGroup(f"{archive.url} has no group {group} in layout {product.layout}. {hint}")


def _relative(path: str, parent: str, *, absolute: bool) -> str:
    """Path of a group as xarray's other backends give it: absolute, or relative to the group that was asked for."""
    if absolute or parent == "/":
        return path
    return path[len(parent) + 1 :] or "."


def _decode(group: Group, archive: Archive, **decoders: Any) -> Dataset:
    dataset: Dataset = StoreBackendEntrypoint().open_dataset(_Store(group, archive), **decoders)
    dataset.encoding["source"] = archive.url
    return dataset
