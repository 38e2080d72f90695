"""Ranges from any file system that fsspec knows, and from objects that give ranges themselves."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any

from xarray_safe.archive.remote_store import Answer, Ranges, TryAgain, Version, passes, words
from xarray_safe.errors import AccessDenied, InvalidArgument, MissingFile, RemoteFailed, SafeError, UnsupportedProduct

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class FsspecStore:
    """A file system of fsspec.

    Sizes and versions are asked for beside each range, since such file systems do not tell them with the bytes.

    Parameters
    ----------
    url
        By which fsspec finds it; may be chained (``simplecache::ftp://…``).
    options
        Its options.
    fs
        The file system itself, where there is one; it is pickled in place of URL and options.
    """

    def __init__(self, url: str, options: Mapping[str, Any], fs: Any = None) -> None:
        self._url, self._options, self._given = url, dict(options), fs
        self._fs: tuple[int, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the description."""
        return {"_url": self._url, "_options": self._options, "_given": self._given}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start afresh."""
        self.__dict__.update(state)
        self._fs = None

    def file_system(self) -> Any:
        """Give this process's file system."""
        if self._given is not None:
            return self._given
        if self._fs is None or self._fs[0] != os.getpid():
            import fsspec

            self._fs = (os.getpid(), fsspec.core.url_to_fs(self._url, **self._options)[0])
        return self._fs[1]

    def path(self) -> str:
        """Give the path that the URL means in the file system.

        Raises
        ------
        InvalidArgument
            fsspec does not know the protocol, lacks what it needs for it, or does not understand the options.
        """
        import fsspec

        try:
            return str(fsspec.core.url_to_fs(self._url, **self._options)[1])
        except (ImportError, ValueError, TypeError, KeyError) as error:
            raise InvalidArgument(f"{self.label(self._url)} cannot be opened: {words(error)}") from None

    @property
    def host(self) -> str:
        """Protocol and start of the URL."""
        return self._url.partition("://")[0] + self._url.partition("://")[2].partition("/")[0]

    def join(self, root: str, name: str) -> str:
        """Path of a file below a folder."""
        return f"{root.rstrip('/')}/{name}"

    def label(self, path: str) -> str:
        """Protocol and path."""
        protocol = self._url.partition("://")[0].rpartition("::")[2]
        return path if "://" in path else f"{protocol}://{path.lstrip('/')}"

    async def find(self, path: str) -> dict[str, Version] | None:
        """Names, sizes and versions of all files below a folder."""
        found: dict[str, dict[str, Any]] = await self._call("find", path, detail=True)
        start = len(path.rstrip("/"))
        return {name[start:].lstrip("/"): _version(about) for name, about in found.items() if len(name) > start}

    async def get(self, path: str, start: int, stop: int | None) -> Answer:
        """Ask for a range; see `Store.get`."""
        if start < 0:
            version = _version(await self._call("info", path))
            if version.size is None:
                raise UnsupportedProduct(f"{self.label(path)}: its size cannot be told; download it and open the copy")
            start = max(0, start + version.size)
            data = await self._call("cat_file", path, start=start, end=version.size)
        else:
            asked = {} if start == 0 and stop is None else {"start": start, "end": stop}
            data, about = await asyncio.gather(self._call("cat_file", path, **asked), self._call("info", path))
            version = _version(about)
        if len(data) < (version.size or 0) - start and stop is None:
            raise TryAgain(f"the answer breaks off after {len(data)} bytes")
        return Answer(bytes(data), start, version)

    async def _call(self, method: str, path: str, **arguments: Any) -> Any:
        fs = self.file_system()
        try:
            if getattr(fs, "async_impl", False) and not getattr(fs, "asynchronous", False):
                return await getattr(fs, f"_{method}")(path, **arguments)
            return await asyncio.to_thread(getattr(fs, method), path, **arguments)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise MissingFile(f"{self.label(path)} is not there") from None
        except PermissionError as error:
            raise AccessDenied(
                f"{self.label(path)}: access is refused ({words(error)}); give credentials in storage_options"
            ) from None
        except SafeError:
            raise
        except Exception as error:
            if passes(error):
                raise TryAgain(words(error)) from None
            raise RemoteFailed(f"{self.label(path)} could not be read ({words(error)})") from None


def _version(about: Mapping[str, Any]) -> Version:
    """Give the version that a file system's description of a file tells."""
    keys = ("ETag", "etag", "md5Hash", "mtime", "last_modified", "created")
    tag = next((about[key] for key in keys if about.get(key)), "")
    size = about.get("size")
    return Version(None if size is None else int(size), str(tag))


class RangesStore:
    """An object that gives ranges itself; its only path is "".

    Parameters
    ----------
    ranges
        The object.
    """

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges
        self.host = f"object {ranges.url}"

    def join(self, root: str, name: str) -> str:
        """Nothing lies below a file."""
        return name

    def label(self, path: str) -> str:
        """Name of the object."""
        return str(self._ranges.url)

    async def find(self, path: str) -> None:
        """Nothing: it is one file."""
        return

    async def get(self, path: str, start: int, stop: int | None) -> Answer:
        """Ask for a range; see `Store.get`."""
        size = int(self._ranges.size)
        start = max(0, size + start) if start < 0 else start
        read: Callable[[int, int], bytes] = self._ranges.read
        try:
            data = await asyncio.to_thread(read, start, size if stop is None else min(stop, size))
        except SafeError:
            raise
        except Exception as error:
            if passes(error):
                raise TryAgain(words(error)) from None
            raise RemoteFailed(f"{self.label(path)} could not be read ({words(error)})") from error
        return Answer(bytes(data), start, Version(size, str(getattr(self._ranges, "version", ""))))
