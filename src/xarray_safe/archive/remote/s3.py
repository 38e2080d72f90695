"""Ranges from object stores that speak S3.

s3fs reads its options and makes the client of botocore, which signs and sends; retries are ours, so requests go to the
client itself and not through the retries of s3fs.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from xarray_safe.archive.detect import check_count, is_product
from xarray_safe.archive.remote.options import S3Options
from xarray_safe.archive.remote.store import (
    TRANSIENT_STATUS,
    WHOLE,
    ObjectVersion,
    RangeResponse,
    TransientError,
    bad_option,
    is_transient,
    too_large,
)
from xarray_safe.errors import (
    AccessDeniedError,
    CorruptFileError,
    InvalidArgumentError,
    MissingFileError,
    RemoteFailedError,
    SafeError,
    UnsupportedProductError,
)
from xarray_safe.net.retry import remote_policy, retry_after
from xarray_safe.net.urls import describe_error
from xarray_safe.runtime import PerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRANSIENT_CODES = frozenset({"SlowDown", "InternalError", "RequestTimeout", "ServiceUnavailable", "Throttling", "503"})
_DENIED = frozenset({"AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"})


_METHODS = {"GetObject": "get_object", "ListObjectsV2": "list_objects_v2"}

Operation = Callable[..., Awaitable[dict[str, Any]]]


class S3Store:
    """An object store.

    Parameters
    ----------
    options
        As for `s3fs.S3FileSystem`: ``key``, ``secret``, ``anon``, ``client_kwargs``, ``endpoint_url``, ….
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = dict(options)
        self._fs = PerProcess(functools.partial(_file_system, self._options), connected=True)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the options, which may hold keys: other processes need them, too."""
        return {"_options": self._options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the description."""
        self.__dict__.update(state)
        self._fs = PerProcess(functools.partial(_file_system, self._options), connected=True)

    @property
    def host(self) -> str:
        """The endpoint."""
        return f"s3 {S3Options.read(self._options).endpoint or 'default'}"

    def join(self, root: str, name: str) -> str:
        """Path of a file below a folder."""
        return f"{root.rstrip('/')}/{name}"

    def label(self, path: str) -> str:
        """URL of a path; these hold no secrets."""
        return f"s3://{path}"

    async def list_files(self, path: str) -> dict[str, ObjectVersion]:
        """Return names, sizes and ETags of the files of a product: one request for each 1000 files.

        A folder without ``.SAFE`` takes one more, which shows whether it is a product; if not, only the first 1000
        entries in it are returned. Names of folders end with a slash.
        """
        list_objects, bucket, key = await self._operation("ListObjectsV2", path)
        if not bucket:
            raise InvalidArgumentError(f"{self.label(path)} has no bucket; give s3://bucket/…/X.SAFE")
        prefix = f"{key.rstrip('/')}/" if key else ""
        try:
            if key.lower().rstrip("/").endswith((".safe", ".sen3")):
                return await self._below(list_objects, bucket, prefix)
            top = _names(await list_objects(Bucket=bucket, Prefix=prefix, Delimiter="/"), prefix)
            return await self._below(list_objects, bucket, prefix) if is_product(top) else top
        except SafeError:
            raise
        except Exception as error:
            raise self._failure(error, path) from None

    async def _below(self, list_objects: Operation, bucket: str, prefix: str) -> dict[str, ObjectVersion]:
        """List all files, page by page."""
        found: dict[str, ObjectVersion] = {}
        more: dict[str, str] = {}
        while True:
            page = await list_objects(Bucket=bucket, Prefix=prefix, **more)
            found |= _names(page, prefix)
            check_count(len(found), self.label(f"{bucket}/{prefix}"))
            if not page.get("IsTruncated"):
                return found
            more = {"ContinuationToken": page["NextContinuationToken"]}

    async def get(self, path: str, start: int, stop: int | None) -> RangeResponse:
        """Request a range; see `Store.get`."""
        get_object, bucket, key = await self._operation("GetObject", path)
        if not bucket or not key:
            raise MissingFileError(f"{self.label(path)} is not a file")
        asked = f"bytes={start}" if start < 0 else f"bytes={start}-{'' if stop is None else stop - 1}"
        try:
            limit = {} if start == 0 and stop is None else {"Range": asked}
            response = await get_object(Bucket=bucket, Key=key, **limit)
            return await self._answer(response, path, start, stop)
        except (SafeError, TransientError):
            raise
        except Exception as error:
            if start < 0 and _status(error) == 416:  # some stores answer so if the file has fewer bytes
                return await self.get(path, 0, None)
            raise self._failure(error, path) from None

    async def _answer(self, response: dict[str, Any], path: str, start: int, stop: int | None) -> RangeResponse:
        """Read what was asked for, and not more."""
        body, length, span = response["Body"], int(response["ContentLength"]), str(response.get("ContentRange") or "")
        tag = _tag(response) or str(response.get("LastModified") or "")
        try:
            if span:
                place, _, total = span.removeprefix("bytes ").partition("/")
                first, size = int(place.partition("-")[0]), int(total) if total.isdecimal() else None
            elif start == 0 and stop is None:
                first, size = 0, length
                if length > WHOLE:
                    raise too_large(self.label(path), length)
            else:
                raise UnsupportedProductError(
                    f"{self.label(path)}: the store does not give ranges of bytes, and the whole ({length} bytes) "
                    "is not downloaded unasked; download the product (xarray_safe.access) and open the copy"
                )
            if start >= 0 and first != start:
                raise RemoteFailedError(f"{self.label(path)}: the store answers with other bytes than it was asked for")
            data = await body.read()
        finally:
            body.close()
        if len(data) != length:
            raise TransientError(f"the response ends after {len(data)} of {length} bytes")
        return RangeResponse(data, first, ObjectVersion(size, tag))

    def _failure(self, error: Exception, path: str) -> Exception:
        """Return the error that one of s3fs, botocore or aiohttp stands for."""
        label, cause = self.label(path), _response(error)
        about, status = cause.get("ResponseMetadata", {}), _status(error)
        code = str(cause.get("Error", {}).get("Code", ""))
        denied = status in (401, 403) or code in _DENIED or isinstance(error, PermissionError)
        if denied or "Credentials" in describe_error(error):
            reason = code or status or type(error).__name__
            return AccessDeniedError(
                f"{label}: the store refuses ({reason}): credentials are missing, wrong or have expired; give fresh "
                "ones in storage_options (anon=True for public data) and open it again. Some stores answer so, too, if "
                "a file does not exist"
            )
        if status == 404 or isinstance(error, FileNotFoundError):
            return MissingFileError(f"{label} is not there ({code or 'status 404'})")
        if status == 416:
            return CorruptFileError(
                f"{label} is smaller than it should be; it was replaced or is cut short; open it again"
            )
        if status in TRANSIENT_STATUS or code in _TRANSIENT_CODES:
            after = retry_after(about.get("HTTPHeaders") or {})
            said = " ".join(dict.fromkeys(str(word) for word in (status, code) if word))
            return TransientError(f"status {said}", after=after, busy=status == 429)
        if status is None and _of_network(error):
            return TransientError(describe_error(error))
        return RemoteFailedError(
            f"{label} could not be read ({describe_error(error)}); check endpoint_url and the storage options"
        )

    def _refused(self, error: Exception, path: str) -> Exception:
        """Return the error that one on creating a session stands for: usually, options that are not compatible."""
        if _of_network(error):
            return TransientError(describe_error(error))
        if "endpoint" in str(error).lower():
            return InvalidArgumentError(
                f"{self.label(path)}: {describe_error(error)}; endpoint_url is a URL, with https:// in front"
            )
        return bad_option(self.label(path), error)

    async def _operation(self, name: str, path: str) -> tuple[Operation, str, str]:
        """Return an operation of this process's client, and the bucket and the key that a path means.

        The operation has the arguments that the options add to each request, such as ``RequestPayer``.

        Parameters
        ----------
        name
            As the S3 API spells it.
        path
            What it is for.
        """
        try:
            fs = self._fs()
            await fs.set_session()
            bucket, key, _ = fs.split_path(path)
            client = await fs.get_s3(bucket)
        except SafeError:
            raise
        except Exception as error:
            raise self._refused(error, path) from None
        if ":" in bucket:
            _allow_tenants(client)
        known = client.meta.service_model.operation_model(name).input_shape.members
        added = {name: value for name, value in {**fs.s3_additional_kwargs, **fs.req_kw}.items() if name in known}
        return functools.partial(getattr(client, _METHODS[name]), **added), bucket, key


def _file_system(options: Mapping[str, Any]) -> Any:
    import fsspec

    own = dict(options)
    timeouts = {"connect_timeout": remote_policy().connect, "read_timeout": remote_policy().read}
    config = {**timeouts, "retries": {"total_max_attempts": 1}, **(own.pop("config_kwargs", None) or {})}
    return fsspec.filesystem("s3", skip_instance_cache=True, config_kwargs=config, **own)


def _allow_tenants(client: Any) -> None:
    """Let a client take ``tenant:bucket``, as Ceph names buckets: botocore checks names by an event handler."""
    from botocore.handlers import validate_bucket_name

    client.meta.events.unregister("before-parameter-build.s3", validate_bucket_name)


def _names(page: Mapping[str, Any], prefix: str) -> dict[str, ObjectVersion]:
    """Return what a page of a list has below a prefix; names of folders end with a slash."""
    files = {about["Key"]: ObjectVersion(about.get("Size"), _tag(about)) for about in page.get("Contents") or ()}
    folders = {about["Prefix"]: ObjectVersion(None, "") for about in page.get("CommonPrefixes") or ()}
    marks = {name for name in files if name.endswith("/")}  # what some clients leave for empty folders
    return {name[len(prefix) :]: version for name, version in (files | folders).items() if name not in marks}


def _tag(about: Mapping[str, Any]) -> str:
    """Return an ETag without quotes, which some stores omit in lists."""
    return str(about.get("ETag") or "").removeprefix("W/").strip('"')


def _response(error: BaseException) -> dict[str, Any]:
    """Return the store's response to which an error belongs."""
    found = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    return found if isinstance(found, dict) else {}


def _status(error: BaseException) -> int | None:
    found: int | None = _response(error).get("ResponseMetadata", {}).get("HTTPStatusCode")
    return found


def _of_network(error: BaseException) -> bool:
    """Return True if an error without a response is one of the network, after which another attempt may succeed."""
    text = str(error).upper().replace(" ", "_")
    if "CERTIFICATE_VERIFY_FAILED" in text or "WRONG_VERSION_NUMBER" in text:
        return False
    return is_transient(error) or "ConnectionError" in {kind.__name__ for kind in type(error).__mro__}
