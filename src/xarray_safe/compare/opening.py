"""The sources of a comparison: which of the two formats a path has, in which layout, and how it is opened."""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import xarray as xr

from xarray_safe.archive import guess
from xarray_safe.compare.known import converter_version
from xarray_safe.errors import InvalidArgument, MissingFile
from xarray_safe.products import layout_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray import DataTree

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:://|::)")
_LAYOUT_OF_STAC: Final = {"1.0": "2.5", "1.1": "2.8"}
_ZARR: Final = (".zmetadata", ".zgroup", "zarr.json")


@dataclass(frozen=True)
class Place:
    """A source: format, path or URL, and options for fsspec."""

    kind: str
    url: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def remote(self) -> bool:
        """Whether it lies on another machine."""
        return _URL.match(self.url) is not None and not self.url.startswith("file://")

    def open(self, layout: str | None = None) -> DataTree:
        """Open it as a DataTree; a SAFE in this layout, a Zarr in that which it has.

        Raises
        ------
        SafeError
            What ``engine="safe"`` raises.
        """
        options: dict[str, Any] = {"storage_options": dict(self.options)} if self.options else {}
        if self.kind == "SAFE":
            if layout is not None:
                options["eopf_version"] = layout
            return xr.open_datatree(self.url, engine="safe", **options)
        if self.url.lower().endswith(".zip") and not self.remote:
            return _open_zip(self.url)
        return xr.open_datatree(self.url, engine="zarr", **options)

    def size(self) -> int | None:
        """Bytes, of all files; None where they cannot be known."""
        if not self.remote:
            return _local_size(self.url.removeprefix("file://"))
        try:
            from xarray_safe.access import size

            return size(self.url, dict(self.options))
        except Exception:  # a size is good to have, and no reason to fail
            return None


def place(source: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> Place:
    """Tell which format a source has.

    Parameters
    ----------
    source
        Path or URL of a SAFE (whatever ``engine="safe"`` opens) or of an EOPF Zarr (folder, URL, or a local zip of it).
    options
        For fsspec.

    Raises
    ------
    MissingFile
        There is nothing at this path.
    InvalidArgument
        It is neither.
    """
    url = os.fsdecode(os.fspath(source))
    if not _URL.match(url):
        url = os.path.abspath(os.path.expanduser(url))
        if not os.path.exists(url):
            raise MissingFile(f"{url} does not exist")
    kind = "Zarr" if _is_zarr(url) else "SAFE" if guess(url) is not None or _URL.match(url) else None
    if kind is None:
        raise InvalidArgument(f"{url} is neither a SAFE that is opened here (Sentinel-2 L1C, L2A) nor a Zarr")
    return Place(kind, url, dict(options or {}))


def layout_in(tree: DataTree) -> str:
    """Layout of an open tree, by the converter's own note in it, or by the version of STAC that it speaks.

    Raises
    ------
    InvalidArgument
        If it is none that ``engine="safe"`` offers.
    """
    version = converter_version({str(key): value for key, value in tree.attrs.items()})
    if version is not None:
        return layout_of(version)
    item = tree.attrs.get("stac_discovery")
    stac = str(item.get("stac_version", "")) if isinstance(item, dict) else ""
    layout = _LAYOUT_OF_STAC.get(stac.rpartition(".")[0])
    if layout is None:
        raise InvalidArgument(
            f"the layout of the Zarr is not known: stac_discovery/stac_version is {stac or 'missing'} at its root; "
            f"known are {', '.join(f'{stac}.x (layout {known})' for stac, known in _LAYOUT_OF_STAC.items())}"
        )
    return layout


def _is_zarr(url: str) -> bool:
    if re.search(r"\.zarr(\.zip)?/?$", url.lower()):
        return True
    if os.path.isdir(url):
        return any(os.path.exists(os.path.join(url, name)) for name in _ZARR)
    if url.lower().endswith(".zip") and zipfile.is_zipfile(url):
        with zipfile.ZipFile(url) as file:
            return any(name in _ZARR for name in file.namelist())
    return False


def _open_zip(path: str) -> DataTree:
    from zarr.storage import ZipStore

    store = ZipStore(path, mode="r")
    tree = xr.open_datatree(store, engine="zarr")  # type: ignore[arg-type]
    tree.set_close(store.close)
    return tree


def _local_size(path: str) -> int:
    if os.path.isfile(path) and not path.lower().endswith(".zip"):  # one of a SAFE's own files
        path = os.path.dirname(path)
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)
