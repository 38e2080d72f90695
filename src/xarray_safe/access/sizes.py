"""Size of a product in bytes, from listings and headers."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from xarray_safe.access import http as web
from xarray_safe.access.errors import AccessError, ServerFailedError, UnknownProductError
from xarray_safe.access.http import Limits
from xarray_safe.archive.remote.options import S3Options
from xarray_safe.errors import InvalidArgumentError, MissingFileError
from xarray_safe.net.urls import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from obstore.store import ClientConfig, RetryConfig, S3Store

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_MOST_OBJECTS = 5_000_000


def size(
    url: str | os.PathLike[str], storage_options: Mapping[str, Any] | None = None, limits: Limits | None = None
) -> int:
    """Sum of the bytes of a product: folder, zip or Zarr, of either format.

    Parameters
    ----------
    url
        A local path; ``s3://bucket/…`` (also ``s3://tenant:bucket/…``); or ``https://…`` of a file (asked for its
        length) or of a folder in an object store that can be listed over HTTPS.
    storage_options
        Of s3fs, for ``s3://``: `CDSE.storage_options`, or ``{"anon": True, "client_kwargs": {"endpoint_url": …}}``.
    limits
        How long to wait.

    Raises
    ------
    UnknownProductError
        There is nothing.
    AccessError
        The server cannot be reached, or cannot list.
    MissingFileError
        There is nothing at a local path.

    Examples
    --------
    >>> size("https://objects.eodc.eu/tenant:bucket/…/product.zarr")  # doctest: +SKIP
    812345678
    """
    text = os.fspath(url)
    limits = limits or Limits()
    scheme = _SCHEME.match(text)
    if scheme is None or scheme[1].lower() == "file":
        return _local(Path(text) if scheme is None else Path(unquote(urlsplit(text).path)))
    if scheme[1].lower() in ("http", "https"):
        return _https(text, limits)
    if scheme[1].lower() in ("s3", "s3a"):
        bucket, _, key = text[scheme.end() :].partition("/")
        return _listed(bucket, key, s3_store(bucket, storage_options or {}, limits), redact_url(text))
    raise InvalidArgumentError(
        f"{redact_url(text)}: the size of {scheme[1]}:// is not known; give a path, s3:// or https://."
    )


def _local(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    if not path.is_dir():
        raise MissingFileError(f"{path} does not exist")
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _https(url: str, limits: Limits) -> int:
    """Size of a file, or of a folder in a store that lists."""
    parts = urlsplit(url)
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
    last = parts.path.rstrip("/").rpartition("/")[2].lower()
    if last.endswith((".safe", ".zarr", ".sen3")) or url.endswith("/"):
        if not key:
            raise InvalidArgumentError(f"{redact_url(url)} names no product.")
        options = {"anon": True, "client_kwargs": {"endpoint_url": f"{parts.scheme}://{parts.netloc}"}}
        return _listed(bucket, key, s3_store(bucket, options, limits), redact_url(url))
    with web.PlainSession() as session:
        with web.send(session, "HEAD", url, limits=limits) as response:
            length = response.headers.get("Content-Length", "")
            if response.status_code == 404:
                raise UnknownProductError(f"{redact_url(url)}: there is nothing.")
            if response.status_code == 200 and length.isdecimal():
                return int(length)
        with web.send(session, "GET", url, limits=limits, headers={"Range": "bytes=0-0"}) as response:
            total = response.headers.get("Content-Range", "").rpartition("/")[2]
            if response.status_code == 206 and total.isdecimal():
                return int(total)
    raise AccessError(f"{web.host_of(url)} does not say how big it is (status {response.status_code}).")


def s3_store(bucket: str, options: Mapping[str, Any], limits: Limits, prefix: str | None = None) -> S3Store:
    """Return obstore's view of a bucket, or of what is below a key in it, from the options of s3fs.

    obstore takes a bucket name with a colon (``tenant:bucket``, Ceph's multitenancy), which botocore refuses.
    """
    from obstore.store import S3Store

    given = S3Options.read(options)
    config: dict[str, Any] = {"virtual_hosted_style_request": False, "region": given.region or "us-east-1"}
    if given.endpoint:
        config["endpoint"] = str(given.endpoint).rstrip("/")
    if given.key and given.secret:
        config |= {"access_key_id": given.key, "secret_access_key": given.secret}
        if given.token:
            config["session_token"] = given.token
        bucket = quote(bucket, safe="")  # obstore signs the path as it sends it, and a server expects %3A there
    elif given.anon:
        config["skip_signature"] = True
    return S3Store(
        bucket,
        prefix=prefix,
        **config,
        client_options=client_options(str(given.endpoint or ""), limits),
        retry_config=retry_config(limits),
    )


def client_options(url: str, limits: Limits) -> ClientConfig:
    """Return our limits as obstore takes them; plain http only if the URL says so."""
    return {
        "allow_http": url.startswith("http://"),
        "connect_timeout": f"{int(limits.connect * 1000)}ms",
        "timeout": f"{int(limits.answer * 1000)}ms",
    }


def retry_config(limits: Limits) -> RetryConfig:
    """Return our retry limits as obstore takes them."""
    return {"max_retries": max(limits.tries - 1, 0), "retry_timeout": timedelta(seconds=limits.patience)}


def _listed(bucket: str, key: str, store: S3Store, url: str) -> int:
    """Sum the objects below a key, or return the size of the key's own."""
    from obstore.exceptions import BaseError

    key = key.strip("/")
    if not bucket or not key:
        raise InvalidArgumentError(f"{url} names a bucket, not a product.")
    total = count = 0
    try:
        for page in store.list(prefix=key):
            total += sum(int(found["size"]) for found in page)
            count += len(page)
            if count > _MOST_OBJECTS:
                raise ServerFailedError(f"{url}: the list does not come to an end.")
        if count:
            return total
        return int(store.head(key)["size"])
    except FileNotFoundError:
        raise UnknownProductError(f"{redact_url(url)}: there is nothing.") from None
    except PermissionError:
        raise AccessError(f"{url}: the store does not let us list it; it needs other keys.") from None
    except (BaseError, OSError) as error:
        raise AccessError(
            f"{url} cannot be listed ({type(error).__name__}): it is not an object store, fails, or denies listing."
        ) from None
