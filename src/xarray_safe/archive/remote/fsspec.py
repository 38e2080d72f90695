"""Ranges from any file system of fsspec, and from objects that return ranges themselves."""

from __future__ import annotations

import asyncio
import operator
from functools import partial
from typing import TYPE_CHECKING, Any

from xarray_safe.archive.detect import check_count, is_product
from xarray_safe.archive.remote.store import (
    WHOLE,
    ObjectVersion,
    RangeReader,
    RangeResponse,
    TransientError,
    bad_option,
    is_transient,
    too_large,
)
from xarray_safe.errors import (
    AccessDeniedError,
    InvalidArgumentError,
    MissingFileError,
    RemoteFailedError,
    SafeError,
    UnsupportedProductError,
)
from xarray_safe.net.urls import describe_error, is_web, join_url, redact_url, showable
from xarray_safe.runtime import PerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping


class FsspecStore:
    """A file system of fsspec.

    Sizes and versions are asked for beside each range, since such file systems do not return them with the bytes.

    Parameters
    ----------
    url
        As fsspec takes it; may be chained (``simplecache::ftp://…``).
    options
        Its options.
    fs
        The file system itself, if there is one; it is pickled instead of URL and options.
    """

    def __init__(self, url: str, options: Mapping[str, Any], fs: Any = None) -> None:
        self._url, self._options, self._given = url, dict(options), fs
        self._fs = PerProcess(partial(_file_system, self._url, self._options), connected=True)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the description."""
        return {"_url": self._url, "_options": self._options, "_given": self._given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the description."""
        self.__dict__.update(state)
        self._fs = PerProcess(partial(_file_system, self._url, self._options), connected=True)

    def file_system(self) -> Any:
        """Return this process's file system."""
        if self._given is not None:
            return self._given
        return self._fs()

    def path(self) -> str:
        """Return the path in the file system that the URL means.

        Raises
        ------
        InvalidArgumentError
            fsspec does not know the protocol, lacks a package for it, or rejects the options.
        SafeError
            Its file system connects to the place at once, and that failed.
        """
        import fsspec

        label = redact_url(self._url)
        try:
            return str(fsspec.core.url_to_fs(self._url, **self._options)[1])
        except TypeError as error:
            raise bad_option(label, error) from None
        except (ImportError, ValueError, KeyError) as error:
            raise InvalidArgumentError(f"{label} cannot be opened: {describe_error(error)}") from None
        except Exception as error:
            failure = _failure(error, label)
            if isinstance(failure, TransientError):
                raise RemoteFailedError(
                    f"{label} cannot be reached ({failure.what}); check the network, or try later"
                ) from None
            raise failure from None

    @property
    def host(self) -> str:
        """Protocol and start of the URL."""
        return self._url.partition("://")[0] + self._url.partition("://")[2].partition("/")[0]

    def join(self, root: str, name: str) -> str:
        """Path of a file below a folder; a chain may end in a URL, whose query (a signature) is preserved."""
        return join_url(root, name) if is_web(root) else f"{root.rstrip('/')}/{name}"

    def label(self, path: str) -> str:
        """Protocol and path; a URL without user and query."""
        protocol = self._url.partition("://")[0].rpartition("::")[2]
        return redact_url(path) if "://" in path else f"{protocol}://{path.lstrip('/')}"

    async def list_files(self, path: str) -> dict[str, ObjectVersion] | None:
        """Return the files of a product with sizes and versions; of another folder, only what is directly in it."""
        start = len(path.rstrip("/"))
        top: list[dict[str, Any]] = await self._call("ls", path, detail=True)
        names = {about["name"][start:].strip("/") + "/" * (about.get("type") == "directory"): about for about in top}
        if is_product(names):
            found: dict[str, dict[str, Any]] = await self._call("find", path, detail=True)
            names = {name[start:].lstrip("/"): about for name, about in found.items() if len(name) > start}
            check_count(len(names), self.label(path))
        return {name: _version(about) for name, about in names.items()}

    async def get(self, path: str, start: int, stop: int | None) -> RangeResponse:
        """Request a range; see `Store.get`."""
        if start < 0:
            version = _version(await self._call("info", path))
            if version.size is None:
                raise UnsupportedProductError(
                    f"{self.label(path)}: its size is not known; download it and open the copy"
                )
            start = max(0, start + version.size)
            data = await self._call("cat_file", path, start=start, end=version.size)
        else:
            end = WHOLE + 1 if stop is None else stop
            data, about = await asyncio.gather(
                self._call("cat_file", path, start=start, end=end), self._call("info", path)
            )
            version = _version(about)
            if stop is None and max(version.size or 0, len(data)) > WHOLE:
                raise too_large(self.label(path), version.size)
            if len(data) > end - start:
                raise RemoteFailedError(f"{self.label(path)}: {len(data)} bytes were returned, {end - start} requested")
        if len(data) < (version.size or 0) - start and stop is None:
            raise TransientError(f"the response ends after {len(data)} bytes")
        return RangeResponse(bytes(data), start, version)

    async def _call(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            fs = await asyncio.to_thread(self.file_system)  # some connect
            if _is_async(fs):
                return await getattr(fs, f"_{method}")(path, **arguments)
            return await asyncio.to_thread(getattr(fs, method), path, **arguments)
        except SafeError:
            raise
        except Exception as error:
            raise _failure(error, self.label(path)) from None


def _file_system(url: str, options: Mapping[str, Any]) -> Any:
    import fsspec

    return fsspec.core.url_to_fs(url, **options)[0]


def _is_async(fs: Any) -> bool:
    """Return True if coroutines of a file system, and of what it wraps, can be called on fsspec's event loop."""
    if not getattr(fs, "async_impl", False) or getattr(fs, "asynchronous", False):
        return False
    inner = getattr(fs, "fs", None)
    return inner is None or _is_async(inner)


def _failure(error: Exception, label: str) -> Exception:
    """Return the error that one of an unknown file system stands for."""
    if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
        return MissingFileError(f"{label} is not there")
    if isinstance(error, PermissionError):
        return AccessDeniedError(
            f"{label}: access is refused ({describe_error(error)}); give credentials in storage_options"
        )
    if isinstance(error, TypeError) and "keyword argument" in str(error):
        return bad_option(label, error)
    return (
        TransientError(describe_error(error))
        if is_transient(error)
        else RemoteFailedError(f"{label} could not be read ({describe_error(error)})")
    )


def _version(about: Mapping[str, Any]) -> ObjectVersion:
    """Return the version of a file from a file system's description of it."""
    keys = ("ETag", "etag", "md5Hash", "mtime", "last_modified", "created")
    tag = next((about[key] for key in keys if about.get(key)), "")
    if hasattr(tag, "timestamp"):  # some file systems spell times in two ways, in lists and for one file
        tag = tag.timestamp()
    size = about.get("size")
    return ObjectVersion(None if size is None else int(size), str(tag))


class RangesStore:
    """An object that returns ranges itself; its only path is "".

    Parameters
    ----------
    ranges
        The object.
    """

    def __init__(self, ranges: RangeReader) -> None:
        self._ranges = ranges
        self.host = f"object {ranges.url}"

    def join(self, root: str, name: str) -> str:
        """Return the name: nothing is below a file."""
        return name

    def label(self, path: str) -> str:
        """Name of the object."""
        name = str(self._ranges.url)
        return redact_url(name) if "://" in name else name

    async def list_files(self, path: str) -> None:
        """Return None: it is one file."""
        return

    async def get(self, path: str, start: int, stop: int | None) -> RangeResponse:
        """Request a range; see `Store.get`."""
        try:
            size = operator.index(self._ranges.size)
        except TypeError:
            raise InvalidArgumentError(
                f"{self.label(path)}: its size is {self._ranges.size!r}, not a number of bytes"
            ) from None
        start = max(0, size + start) if start < 0 else start
        data = await asyncio.to_thread(self._read, start, max(start, size if stop is None else min(stop, size)))
        return RangeResponse(data, start, ObjectVersion(size, str(getattr(self._ranges, "version", ""))))

    def _read(self, start: int, stop: int) -> bytes:
        label = self.label("")
        try:
            found: object = self._ranges.read(start, stop)
        except SafeError:
            raise
        except Exception as error:
            if is_transient(error):
                raise TransientError(describe_error(error)) from None
            raise RemoteFailedError(f"{label} could not be read ({describe_error(error)})") from showable(error)
        try:
            data = bytes(memoryview(found))  # type: ignore[arg-type]
        except TypeError:
            raise RemoteFailedError(
                f"{label}: read({start}, {stop}) returns {type(found).__name__}, not bytes"
            ) from None
        if len(data) != stop - start:
            raise RemoteFailedError(f"{label}: read({start}, {stop}) returns {len(data)} bytes, not {stop - start}")
        return data
