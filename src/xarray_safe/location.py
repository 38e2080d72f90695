"""Where a product is: SAFE or Zarr, path or URL, with which options; and how it is opened."""

from __future__ import annotations

import os
import re
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qsl

from xarray_safe.archive import guess, open_archive
from xarray_safe.archive.manifest import manifest_in, read_manifest
from xarray_safe.errors import (
    AccessDeniedError,
    CorruptFileError,
    InvalidArgumentError,
    MissingFileError,
    RemoteFailedError,
    SafeError,
)
from xarray_safe.net.urls import describe_error, is_remote, is_url, redact_url, showable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from xarray import DataTree

Kind = Literal["SAFE", "Zarr"]

_TENANT: Final = re.compile(r"s3a?://[^/]*:")
"""A bucket of Ceph's multitenancy, ``tenant:bucket``, which botocore, and so s3fs, refuses."""
_ZARR: Final = (".zmetadata", ".zgroup", "zarr.json")


@dataclass(frozen=True)
class ProductLocation:
    """Location of a product.

    Parameters
    ----------
    kind
        Format: ``"SAFE"`` or ``"Zarr"``.
    url
        Path or URL.
    storage_options
        Options for fsspec.
    """

    kind: Kind
    url: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        """Name the format and the place, without secrets."""
        return f"ProductLocation(kind={self.kind!r}, url={self.label!r})"

    @property
    def remote(self) -> bool:
        """Whether it is on another machine."""
        return is_remote(self.url)

    @property
    def label(self) -> str:
        """Path or URL for messages: without user, password and query, which may be a signature."""
        return redact_url(self.url) if self.remote else self.url

    @property
    def zipped(self) -> bool:
        """Whether it is a zip, by its name."""
        return self.label.lower().endswith(".zip")

    def open(self, layout: str | None = None, **keywords: Any) -> DataTree:
        """Open as a DataTree.

        Parameters
        ----------
        layout
            Layout in which a SAFE is opened. A Zarr is opened as written.
        **keywords
            Further keywords of `xarray.open_datatree`.

        Raises
        ------
        SafeError
            What ``engine="safe"`` raises, or the Zarr does not exist or cannot be opened.
        ImportError
            An extra is not installed.
        """
        import xarray as xr  # here, because quicklook does without it

        if self.kind == "Zarr":
            return self._open_zarr(keywords)
        if layout is not None:
            keywords["eopf_version"] = layout
        if self.storage_options:
            keywords["storage_options"] = dict(self.storage_options)
        return xr.open_datatree(self.url, engine="safe", **keywords)

    def size(self) -> int:
        """Size of all files in bytes; that of a remote SAFE that is not a zip is the sum in its manifest.

        Raises
        ------
        SafeError
            The size cannot be determined.
        ImportError
            It needs the extra ``[access]``, which is not installed.
        """
        if not self.remote:
            return _local_size(self.url.removeprefix("file://"))
        if self.kind == "SAFE" and not self.zipped:
            return self._size_by_manifest()
        with _extra_access():
            from xarray_safe.access import size

            return size(self.url, dict(self.storage_options))

    def _size_by_manifest(self) -> int:
        archive = open_archive(self.url, dict(self.storage_options))
        try:
            listed = read_manifest(archive.read(manifest_in(archive.names)), self.label)
        finally:
            archive.close()
        sizes = [entry.size for entry in listed.values() if entry.size is not None]
        if len(sizes) < len(listed):
            raise MissingFileError(f"the manifest of {self.label} does not give the sizes of all files")
        return sum(sizes)

    def _open_zarr(self, keywords: dict[str, Any]) -> DataTree:
        """Open a Zarr; whatever zarr and fsspec raise becomes an error that names it."""
        import xarray as xr

        if find_spec("zarr") is None:
            raise ImportError('opening a Zarr needs zarr: pip install "xarray-safe[zarr]"', name="zarr")
        if self.zipped and self.remote and "::" not in self.url:
            raise InvalidArgumentError(
                f"{self.label}: a zipped Zarr is opened from a local path only; download it, or give the URL of the "
                "Zarr unpacked"
            )
        try:
            if self.zipped and not self.remote:
                return _open_zip(self.url, keywords)
            if _TENANT.match(self.url):
                with _extra_access():
                    from xarray_safe.access.sample_service import zarr_store

                    store: Any = zarr_store(self.url, self.storage_options)
                return xr.open_datatree(store, engine="zarr", **keywords)
            url, options = self._for_fsspec()
            return xr.open_datatree(url, engine="zarr", **options, **keywords)
        except (SafeError, ImportError):
            raise
        except Exception as error:
            if keywords and isinstance(error, KeyError | TypeError | ValueError) and not isinstance(error, OSError):
                raise  # a keyword may be at fault, and xarray says which
            raise self._failed(error) from showable(error)

    def _for_fsspec(self) -> tuple[str, dict[str, Any]]:
        """URL and options of a Zarr; HTTP's query goes with each request, not into the name of the folder."""
        url, options = self.url, dict(self.storage_options)
        if url.startswith(("http://", "https://")):
            url, _, query = url.partition("?")
            options |= {"params": dict(parse_qsl(query, keep_blank_values=True))} if query else {}
        return url, {"storage_options": options} if options else {}

    def _failed(self, error: Exception) -> SafeError:
        why = describe_error(error, limit=None)
        if isinstance(error, FileNotFoundError):
            return MissingFileError(f"{self.label}: there is no Zarr ({why})")
        if getattr(error, "status", None) in (401, 403) or isinstance(error, PermissionError):
            return AccessDeniedError(f"{self.label}: access to the Zarr is denied ({why})")
        kind = RemoteFailedError if self.remote else CorruptFileError
        return kind(f"{self.label} cannot be opened as a Zarr ({why})")


def locate(source: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None) -> ProductLocation:
    """Return the location of a product; its format is told by its name, or by the files that are there.

    Parameters
    ----------
    source
        Path or URL of a SAFE (whatever ``engine="safe"`` opens) or of an EOPF Zarr (folder, URL, or a local zip of it).
    storage_options
        Options for fsspec.

    Raises
    ------
    MissingFileError
        The path does not exist.
    InvalidArgumentError
        It is neither a SAFE nor a Zarr.
    """
    url = os.fsdecode(os.fspath(source))
    if not is_url(url):
        url = os.path.abspath(os.path.expanduser(url))
        if not os.path.exists(url):
            raise MissingFileError(f"{url} does not exist")
    options = dict(storage_options or {})
    if _is_zarr(url):
        return ProductLocation("Zarr", url, options)
    if guess(url) is None and not is_url(url):
        from xarray_safe.products import TYPES

        opened = ", ".join(product_type.title for product_type in TYPES)
        raise InvalidArgumentError(f"{url} is neither a SAFE that can be opened here ({opened}) nor a Zarr")
    return ProductLocation("SAFE", url, options)


def size_text(size: int | None, unknown: str = "–") -> str:
    """Size in bytes as text with a decimal unit; `unknown` for None."""
    if size is None:
        return unknown
    number = float(size)
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.2f} GB"


@contextmanager
def _extra_access() -> Iterator[None]:
    """Add to an error the extra that a missing package belongs to."""
    try:
        yield
    except ImportError as error:
        text = f'{error.name or "a package"} is not installed, which this needs: pip install "xarray-safe[access]"'
        raise ImportError(text, name=error.name) from error


def _is_zarr(url: str) -> bool:
    path = url.rpartition("::")[2].partition("?")[0] if is_url(url) else url
    if re.search(r"\.zarr(\.zip)?/?$", path.lower()):
        return True
    if os.path.isdir(url):
        return any(os.path.exists(os.path.join(url, name)) for name in _ZARR)
    if url.lower().endswith(".zip") and zipfile.is_zipfile(url):
        with zipfile.ZipFile(url) as file:
            return any(name in _ZARR for name in file.namelist())
    return False


def _open_zip(path: str, keywords: Mapping[str, Any]) -> DataTree:
    import xarray as xr
    from zarr.storage import ZipStore

    store = ZipStore(path, mode="r")
    try:
        tree = xr.open_datatree(store, engine="zarr", **keywords)  # type: ignore[arg-type]
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
