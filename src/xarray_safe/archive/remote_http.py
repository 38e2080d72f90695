"""Ranges over HTTP(S), through the aiohttp session of fsspec's HTTP file system and with its options."""

from __future__ import annotations

import asyncio
import os
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from xarray_safe.archive.remote_limits import limits
from xarray_safe.archive.remote_store import PASSING, Answer, TryAgain, Version, words
from xarray_safe.errors import AccessDenied, CorruptFile, InvalidArgument, MissingFile, RemoteFailed, UnsupportedProduct

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

TRUSTED = (".dataspace.copernicus.eu",)
"""Ends of names of hosts that share logins: among these, a redirect does not lose the credentials."""
_REDIRECTS = 5
_SMALL = 1 << 20
"""What is taken whole where a server does not give ranges."""
_SPAN = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_NODES = re.compile(r"/Products\([^()]+\)/Nodes\([^()]+\)")


class HttpStore:
    """A web server.

    Parameters
    ----------
    options
        As for fsspec's HTTP file system (``headers``, ``client_kwargs``, ``ssl``, …), and two of our own: ``token``,
        a bearer token, or a function that gives one (called with the one that was refused, or None); and
        ``trusted_hosts``, which may get the credentials after a redirect: names, or their ends with a dot in front.
    """

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        parts = urlsplit(url)
        self.host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._options = dict(options)
        self._start()

    def _start(self) -> None:
        options = dict(self._options)
        self._token: Any = options.pop("token", None)
        trusted = options.pop("trusted_hosts", ())
        self._trusted = (*TRUSTED, *([trusted] if isinstance(trusted, str) else trusted))
        client = dict(options.pop("client_kwargs", None) or {})
        # Not the session's own: those would go along to wherever a redirect leads.
        self._headers = {**(client.pop("headers", None) or {}), **(options.pop("headers", None) or {})}
        self._auth = options.pop("auth", None) or client.pop("auth", None)
        self._fs_options = {**options, "client_kwargs": client}
        self._bearer = self._token if isinstance(self._token, str) else None
        self._moved: dict[str, str] = {}
        self._fs: tuple[int, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Pickle host and options, which may hold credentials: others need them, too."""
        return {"host": self.host, "_options": self._options}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start afresh."""
        self.__dict__.update(state)
        self._start()

    def join(self, root: str, name: str) -> str:
        """URL of a file below a folder's; the query (a signature) stays, and OData has a spelling of its own."""
        parts = urlsplit(root)
        if _NODES.search(parts.path):
            folder = re.sub(r"/(?:Nodes|\$value)?$", "", parts.path.rstrip("/"))
            path = folder + "".join(f"/Nodes({quote(part)})" for part in name.split("/")) + "/$value"
        else:
            path = f"{parts.path.rstrip('/')}/{quote(name)}"
        return urlunsplit(parts._replace(path=path))

    def label(self, path: str) -> str:
        """URL without user and query."""
        parts = urlsplit(path)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))

    async def find(self, path: str) -> None:
        """Nothing: web servers do not list."""
        return

    async def get(self, path: str, start: int, stop: int | None) -> Answer:
        """Ask for a range; see `Store.get`."""
        import aiohttp

        whole = start == 0 and stop is None
        headers = {"Accept-Encoding": "identity"}
        if not whole:
            headers["Range"] = f"bytes={start}" if start < 0 else f"bytes={start}-{'' if stop is None else stop - 1}"
        refused: str | None = None
        while True:
            asked = self._moved.get(path, path)
            try:
                response = await self._follow(path, asked, headers)
                try:
                    if response.status in (401, 403, 404, 410) and asked != path:
                        del self._moved[path]  # where it led may have been good for some time only
                        continue
                    if response.status == 401 and callable(self._token) and refused is None:
                        refused = self._bearer or ""
                        self._bearer = await asyncio.to_thread(self._token, refused)
                        continue
                    self._raise_for(response, path)
                    return await self._answer(response, path, start, stop)
                finally:
                    response.release() if response.content.at_eof() else response.close()
            except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
                raise InvalidArgument(f"{self.label(path)} is no URL to ask ({type(error).__name__})") from None
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if isinstance(error, (AccessDenied, CorruptFile, InvalidArgument, MissingFile, RemoteFailed)):
                    raise
                raise TryAgain(words(error)) from None

    async def _session(self) -> Any:
        if self._fs is None or self._fs[0] != os.getpid():
            import fsspec

            self._fs = (os.getpid(), fsspec.filesystem("http", skip_instance_cache=True, **self._fs_options))
        fs = self._fs[1]
        return fs, await fs.set_session()

    async def _follow(self, path: str, asked: str, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Send a request and go where redirects lead; credentials come along to trusted hosts only."""
        import aiohttp

        fs, session = await self._session()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=limits().timeout)
        if self._bearer is None and callable(self._token):
            self._bearer = await asyncio.to_thread(self._token, None)
        url = asked
        for _ in range(_REDIRECTS + 1):
            own = self._own_headers(path, url)
            response: aiohttp.ClientResponse = await session.get(
                fs.encode_url(url),
                headers={**own, **headers},
                auth=self._auth if self._may_know(path, url) else None,
                allow_redirects=False,
                **{"timeout": timeout, **fs.kwargs},
            )
            if response.status not in (301, 302, 303, 307, 308):
                if url != path:
                    self._moved[path] = url
                return response
            target = response.headers.get("Location", "")
            response.close()
            url = urljoin(url, target)
            if not target or urlsplit(url).scheme not in ("http", "https"):
                break
        raise RemoteFailed(f"{self.label(path)}: redirects lead nowhere")

    def _own_headers(self, path: str, url: str) -> dict[str, str]:
        if not self._may_know(path, url):
            return {}
        return {**self._headers, **({"Authorization": f"Bearer {self._bearer}"} if self._bearer else {})}

    def _may_know(self, path: str, url: str) -> bool:
        """Whether the server of a URL may get the credentials."""
        first, now = urlsplit(path), urlsplit(url)
        if (first.scheme, first.netloc) == (now.scheme, now.netloc):
            return True
        return now.scheme == first.scheme and self._is_trusted(first.hostname) and self._is_trusted(now.hostname)

    def _is_trusted(self, host: str | None) -> bool:
        return any(host == end or (end.startswith(".") and (host or "").endswith(end)) for end in self._trusted)

    def _raise_for(self, response: aiohttp.ClientResponse, path: str) -> None:
        """Turn a status that is none of success into what it means."""
        status, label = response.status, self.label(path)
        if status in (401, 403, 407):
            raise AccessDenied(
                f"{label}: the server refuses (status {status}): credentials are missing, wrong or have expired; give "
                "fresh ones in storage_options and open it again"
            )
        if status in (404, 410):
            raise MissingFile(f"{label} is not there (status {status})")
        if status == 416:
            raise CorruptFile(f"{label} is smaller than it should be; it was replaced or is cut short; open it again")
        if status in PASSING:
            raise TryAgain(f"status {status}", after=retry_after(response.headers), busy=status == 429)
        if status not in (200, 206):
            raise RemoteFailed(f"{label}: the server answers with status {status}, which makes no sense here")

    async def _answer(self, response: aiohttp.ClientResponse, path: str, start: int, stop: int | None) -> Answer:
        """Read what was asked for, and not more."""
        headers, label = response.headers, self.label(path)
        tag = headers.get("ETag") or headers.get("Last-Modified") or ""
        length = int(headers["Content-Length"]) if headers.get("Content-Length", "").isdecimal() else None
        found = _SPAN.fullmatch(headers.get("Content-Range", ""))
        if headers.get("Content-Encoding", "identity") != "identity":
            raise UnsupportedProduct(f"{label}: the server packs what it sends; that leaves no ranges to read")
        if found:
            first, last = int(found[1]), int(found[2])
            size = None if found[3] == "*" else int(found[3])
            if (start >= 0 and first != start) or (start < 0 and last + 1 != (size or last + 1)):
                raise RemoteFailed(f"{label}: the server answers with other bytes than it was asked for")
            data = await _read(response, last + 1 - first, last + 1 - first)
            return Answer(data, first, Version(size, tag))
        if response.status == 206:
            raise RemoteFailed(f"{label}: the server answers with a range, but does not say which")
        if start == 0 and stop is None:
            data = await _read(response, length, None)
            return Answer(data, 0, Version(len(data), tag))
        if length is None or length > _SMALL:
            raise UnsupportedProduct(
                f"{label}: the server does not give ranges of bytes, and the whole ({length or 'unknown'} bytes) is "
                "not moved in silence; download the product (xarray_safe.access) and open the copy"
            )
        data = await _read(response, length, None)
        begin = max(0, start + len(data)) if start < 0 else start
        return Answer(data[begin:stop], begin, Version(len(data), tag))


async def _read(response: aiohttp.ClientResponse, length: int | None, most: int | None) -> bytes:
    """Read a body of known length; the server's word on it is not trusted."""
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if most is not None and size > most:
            break
    if length is not None and size != length:
        raise TryAgain(f"the answer breaks off after {size} of {length} bytes")
    return b"".join(pieces)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait; None if it does not say."""
    text = headers.get("Retry-After", headers.get("retry-after", ""))
    if text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
