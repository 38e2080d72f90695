"""Which store a URL means: HTTP, S3, or whatever fsspec knows. Makes the store, which asks nothing yet."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from xarray_safe.archive.remote.fsspec import FsspecStore
from xarray_safe.archive.remote.http import HttpStore
from xarray_safe.archive.remote.s3 import S3Store
from xarray_safe.archive.remote.store import RemoteLocation
from xarray_safe.errors import InvalidArgumentError
from xarray_safe.net.urls import redact_url, scheme_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def connect(url: str, options: Mapping[str, Any], home: str | None = None) -> RemoteLocation:
    """Return the store and the path that a URL means. Sends no request, although some file systems of fsspec connect.

    Parameters
    ----------
    url
        URL, or a chain of them as fsspec has it.
    options
        Storage options of this store alone; see `StoreOptions.of_store`.
    home
        URL whose host the options' credentials are for, if that is another one; "" if the user named none.

    Raises
    ------
    InvalidArgumentError
        The URL is invalid, its scheme is unknown, or a library that it needs is not installed.
    """
    _need("fsspec", "remote", url)
    scheme = scheme_of(url)
    if scheme in ("http", "https"):
        _need("aiohttp", "remote", url)
        return RemoteLocation(HttpStore(url, options, home), url)
    if scheme in ("s3", "s3a"):
        _need("s3fs", "s3", url)
        return RemoteLocation(S3Store(options), url.partition("://")[2].strip("/"))
    store = FsspecStore(url, options)
    return RemoteLocation(store, store.path())


def _need(module: str, extra: str, url: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise InvalidArgumentError(
            f'{redact_url(url)} is remote; to read it, install {module}: pip install "xarray-safe[{extra}]"'
        )
