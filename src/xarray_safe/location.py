"""The sources of a comparison: which of the two formats a path has, in which layout, and how it is opened."""

from __future__ import annotations

import os
import re
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from xarray_safe.archive import guess, open_archive
from xarray_safe.archive.manifest import MANIFEST, read_manifest
from xarray_safe.compare.expected import converter_version
from xarray_safe.errors import (
    AccessDeniedError,
    CorruptFileError,
    InvalidArgumentError,
    MissingFileError,
    RemoteFailedError,
    SafeError,
)
from xarray_safe.net.urls import describe_error, redact_url
from xarray_safe.products import layout_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xarray import DataTree

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:://|::)")
_TENANT: Final = re.compile(r"s3a?://[^/]*:")
"""A bucket of Ceph's multitenancy, ``tenant:bucket``, which botocore, and so s3fs, refuses."""
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

    @property
    def shown(self) -> str:
        """Path or URL for people: without user, password and query, which may be a signature."""
        return redact_url(self.url) if self.remote else self.url

    @property
    def zipped(self) -> bool:
        """Whether it is a zip, by its name."""
        return self.shown.lower().endswith(".zip")

    def open(self, layout: str | None = None) -> DataTree:
        """Open it as a DataTree; a SAFE in this layout, a Zarr in that which it has.

        Raises
        ------
        SafeError
            What ``engine="safe"`` raises, or the Zarr is not there, or cannot be opened.
        ImportError
            An extra is not installed.
        """
        import xarray as xr  # here, because quicklook does without it

        if self.kind != "SAFE":
            return self._open_zarr()
        options: dict[str, Any] = {} if layout is None else {"eopf_version": layout}
        if self.options:
            options["storage_options"] = dict(self.options)
        return xr.open_datatree(self.url, engine="safe", **options)

    def size(self) -> int:
        """Bytes, of all files; of a remote SAFE that is no zip, those that its manifest gives.

        Raises
        ------
        SafeError
            They cannot be known.
        ImportError
            Knowing them needs the extra ``[access]``, which is not installed.
        """
        if not self.remote:
            return _local_size(self.url.removeprefix("file://"))
        if self.kind == "SAFE" and not self.zipped:
            return self._size_by_manifest()
        with _extra_access():
            from xarray_safe.access import size

            return size(self.url, dict(self.options))

    def _size_by_manifest(self) -> int:
        archive = open_archive(self.url, dict(self.options))
        try:
            listed = read_manifest(archive.read(MANIFEST), self.shown)
        finally:
            archive.close()
        sizes = [entry.size for entry in listed.values() if entry.size is not None]
        if len(sizes) < len(listed):
            raise MissingFileError(f"the manifest of {self.shown} does not give the sizes of all files")
        return sum(sizes)

    def _open_zarr(self) -> DataTree:
        """Open a Zarr; whatever zarr and fsspec raise becomes an error that names it."""
        import xarray as xr

        if find_spec("zarr") is None:
            raise ImportError('opening a Zarr needs zarr: pip install "xarray-safe[zarr]"', name="zarr")
        if self.zipped and self.remote and "::" not in self.url:
            raise InvalidArgumentError(
                f"{self.shown}: a zipped Zarr is opened from a local path only; download it, or give the URL of the "
                "Zarr unpacked"
            )
        try:
            if self.zipped and not self.remote:
                return _open_zip(self.url)
            if _TENANT.match(self.url):
                with _extra_access():
                    from xarray_safe.access.sample_service import zarr_store

                    store: Any = zarr_store(self.url, self.options)
                return xr.open_datatree(store, engine="zarr")
            url, options = self._for_fsspec()
            return xr.open_datatree(url, engine="zarr", **options)
        except (SafeError, ImportError):
            raise
        except Exception as error:
            raise self._failed(error) from error

    def _for_fsspec(self) -> tuple[str, dict[str, Any]]:
        """URL and options of a Zarr; HTTP's query goes with each request, not into the name of the folder."""
        url, options = self.url, dict(self.options)
        if url.startswith(("http://", "https://")):
            url, _, query = url.partition("?")
            options |= {"params": dict(parse_qsl(query, keep_blank_values=True))} if query else {}
        return url, {"storage_options": options} if options else {}

    def _failed(self, error: Exception) -> SafeError:
        if isinstance(error, FileNotFoundError):
            return MissingFileError(f"{self.shown}: there is no Zarr ({describe_error(error, limit=None)})")
        if getattr(error, "status", None) in (401, 403) or isinstance(error, PermissionError):
            return AccessDeniedError(f"{self.shown}: the Zarr may not be read ({describe_error(error, limit=None)})")
        kind = RemoteFailedError if self.remote else CorruptFileError
        return kind(f"{self.shown} cannot be opened as a Zarr ({describe_error(error, limit=None)})")


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
    MissingFileError
        There is nothing at this path.
    InvalidArgumentError
        It is neither.
    """
    url = os.fsdecode(os.fspath(source))
    if not _URL.match(url):
        url = os.path.abspath(os.path.expanduser(url))
        if not os.path.exists(url):
            raise MissingFileError(f"{url} does not exist")
    kind = "Zarr" if _is_zarr(url) else "SAFE" if guess(url) is not None or _URL.match(url) else None
    if kind is None:
        raise InvalidArgumentError(f"{url} is neither a SAFE that is opened here (Sentinel-2 L1C, L2A) nor a Zarr")
    return Place(kind, url, dict(options or {}))


@contextmanager
def _extra_access() -> Iterator[None]:
    """Say which extra a missing package belongs to."""
    try:
        yield
    except ImportError as error:
        text = f'{error.name or "a package"} is not installed, which this needs: pip install "xarray-safe[access]"'
        raise ImportError(text, name=error.name) from error


def layout_in(tree: DataTree) -> str:
    """Layout of an open tree, by the converter's own note in it, or by the version of STAC that it speaks.

    Raises
    ------
    InvalidArgumentError
        If it is none that ``engine="safe"`` offers.
    """
    version = converter_version({str(key): value for key, value in tree.attrs.items()})
    if version is not None:
        return layout_of(version)
    item = tree.attrs.get("stac_discovery")
    stac = str(item.get("stac_version", "")) if isinstance(item, dict) else ""
    layout = _LAYOUT_OF_STAC.get(stac.rpartition(".")[0])
    if layout is None:
        raise InvalidArgumentError(
            f"the layout of the Zarr is not known: stac_discovery/stac_version is {stac or 'missing'} at its root; "
            f"known are {', '.join(f'{stac}.x (layout {known})' for stac, known in _LAYOUT_OF_STAC.items())}"
        )
    return layout


def _is_zarr(url: str) -> bool:
    path = url.rpartition("::")[2].partition("?")[0] if _URL.match(url) else url
    if re.search(r"\.zarr(\.zip)?/?$", path.lower()):
        return True
    if os.path.isdir(url):
        return any(os.path.exists(os.path.join(url, name)) for name in _ZARR)
    if url.lower().endswith(".zip") and zipfile.is_zipfile(url):
        with zipfile.ZipFile(url) as file:
            return any(name in _ZARR for name in file.namelist())
    return False


def _open_zip(path: str) -> DataTree:
    import xarray as xr
    from zarr.storage import ZipStore

    store = ZipStore(path, mode="r")
    try:
        tree = xr.open_datatree(store, engine="zarr")  # type: ignore[arg-type]
    except BaseException:
        if store._is_open:
            store.close()
        raise
    tree.set_close(store.close)
    return tree


def _local_size(path: str) -> int:
    if os.path.isfile(path) and not path.lower().endswith(".zip"):  # one of a SAFE's own files
        path = os.path.dirname(path)
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)
