"""Ranges over HTTP(S), through the aiohttp session of fsspec's HTTP file system and with its options."""

from __future__ import annotations

import re
from functools import partial
from http.cookies import CookieError
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from xarray_safe.archive.remote.auth import Credentials
from xarray_safe.archive.remote.store import (
    TRANSIENT_STATUS,
    WHOLE,
    ObjectVersion,
    RangeResponse,
    TransientError,
    bad_option,
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
from xarray_safe.net.urls import describe_error, join_url, redact_url, web_parts
from xarray_safe.runtime import PerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

_REDIRECTS = 5
_SMALL = 1 << 20
"""Maximum bytes of a file that is read whole if a server does not support ranges."""
_SPAN = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_PAGE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?>(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*)<(?:!doctype\s+)?html\b", re.IGNORECASE | re.DOTALL
)
"""Beginning of a web page, possibly after comments."""
_HEAD = 4096
"""Bytes in which it is searched for."""


class HttpStore:
    """A web server.

    Parameters
    ----------
    url
        Of what is read.
    options
        As for fsspec's HTTP file system (``headers``, ``client_kwargs``, ``ssl``, …), and two of our own: ``token``,
        a bearer token, or a function that returns one (called with the one that was refused, or None); and
        ``trusted_hosts``, more hosts that may get the credentials (headers, cookies, parameters, logins, tokens):
        names, or their ends with a leading dot.
    home
        URL whose host the credentials are for; by default, that of `url`. "" for none, if the URL is not the user's
        word: then they go to `trusted_hosts` and the Copernicus Data Space only.

    Raises
    ------
    InvalidArgumentError
        The URL or an option is invalid.
    """

    def __init__(self, url: str, options: Mapping[str, Any], home: str | None = None) -> None:
        parts = web_parts(url)
        self.host = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._options, self._home = dict(options), url if home is None else home
        self._start()

    def _start(self) -> None:
        self._credentials = Credentials(self._home, self._options)
        self._moved: dict[str, str] = {}
        self._fs = PerProcess(partial(_file_system, self._credentials.others), connected=True)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle hosts and options, which may hold credentials: other processes need them, too."""
        return {"host": self.host, "_options": self._options, "_home": self._home}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the description."""
        self.__dict__.update(state)
        self._start()

    def join(self, root: str, name: str) -> str:
        """URL of a file below a folder's."""
        return join_url(root, name)

    def label(self, path: str) -> str:
        """URL without user and query."""
        return redact_url(path)

    async def list_files(self, path: str) -> None:
        """Return None: web servers do not list."""
        return

    async def get(self, path: str, start: int, stop: int | None) -> RangeResponse:
        """Request a range; see `Store.get`."""
        import aiohttp

        whole = start == 0 and stop is None
        headers = {"Accept-Encoding": "identity"}
        if not whole:
            headers["Range"] = f"bytes={start}" if start < 0 else f"bytes={start}-{'' if stop is None else stop - 1}"
        renewed: bool | None = False
        try:
            while True:
                asked = self._moved.get(path, path)
                token, turn = await self._credentials.token.get()
                response, url = await self._follow(path, asked, headers, token)
                try:
                    if response.status in (401, 403, 404, 410) and asked != path:
                        self._moved.pop(path, None)  # the target of the redirect may have expired
                        continue
                    if response.status == 401 and renewed is False and self._credentials.is_trusted(url):
                        renewed = await self._credentials.token.renew(turn)
                        if renewed is not None:
                            continue
                    self._raise_for(response, path, url)
                    return await self._answer(response, path, start, stop)
                finally:
                    response.release() if response.content.at_eof() else response.close()
        except (SafeError, TransientError):
            raise
        except (aiohttp.ClientError, OSError) as error:
            raise self._failure(error, path) from None

    def _failure(self, error: Exception, path: str) -> Exception:
        """Return the error that one of aiohttp or the network stands for."""
        import aiohttp

        label = self.label(path)
        if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
            return InvalidArgumentError(f"{label} is not a valid URL ({type(error).__name__})")
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ServerFingerprintMismatch):
            reason = getattr(getattr(error, "certificate_error", None), "verify_message", "") or type(error).__name__
            return RemoteFailedError(
                f"{label}: the server's certificate is not trusted ({reason}); if it should be, give the storage "
                "option ssl (an ssl.SSLContext that knows the issuer; False trusts any), or set SSL_CERT_FILE"
            )
        return TransientError(describe_error(error))

    async def _follow(
        self, path: str, asked: str, headers: Mapping[str, str], token: str | None
    ) -> tuple[aiohttp.ClientResponse, str]:
        """Send a request and follow redirects; only trusted hosts get the credentials.

        Returns
        -------
        response, url
            The latter is where the response comes from.
        """
        url = asked
        for _ in range(_REDIRECTS + 1):
            response = await self._send(path, url, headers, token)
            if response.status not in (301, 302, 303, 307, 308):
                if url != path:
                    self._moved[path] = url
                return response, url
            target = response.headers.get("Location", "")
            response.close()
            try:
                url = urljoin(url, target)
                web_parts(url)
            except ValueError:
                break
            if not target:
                break
        raise RemoteFailedError(f"{self.label(path)}: redirects lead nowhere")

    async def _send(self, path: str, url: str, headers: Mapping[str, str], token: str | None) -> aiohttp.ClientResponse:
        """Send one request.

        Raises
        ------
        InvalidArgumentError
            aiohttp rejects the options.
        """
        import aiohttp

        policy = remote_policy()
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=policy.connect, sock_read=policy.read)
        address, known = self._credentials.request_kwargs(url, token)
        known["headers"] |= headers
        try:
            fs, session = await self._session()
            response: aiohttp.ClientResponse = await session.get(
                fs.encode_url(address), allow_redirects=False, **known, **{"timeout": timeout, **fs.kwargs}
            )
            return response
        except (aiohttp.ClientError, OSError):
            raise  # some of them are ValueErrors, too
        except (TypeError, ValueError, CookieError) as error:
            raise bad_option(self.label(path), error) from None

    async def _session(self) -> Any:
        """Return this process's file system of fsspec, and its session."""
        fs = self._fs()
        return fs, await fs.set_session()

    def _raise_for(self, response: aiohttp.ClientResponse, path: str, url: str) -> None:
        """Raise the error that an HTTP status stands for."""
        status, label = response.status, self.label(path)
        if status in (401, 403, 407) and self._credentials.withholds_from(url):
            host = urlsplit(url).hostname
            raise AccessDeniedError(
                f"{label}: {host} refuses (status {status}): it got no credentials, because they are for another "
                f"host; if it may have them, open it again with {host!r} in the storage option trusted_hosts"
            )
        if status in (401, 403, 407):
            raise AccessDeniedError(
                f"{label}: the server refuses (status {status}): credentials are missing, wrong or have expired; give "
                "fresh ones in storage_options and open it again (object stores answer so for missing files, too)"
            )
        if status in (404, 410):
            raise MissingFileError(f"{label} is not there (status {status})")
        if status == 416:
            raise CorruptFileError(
                f"{label} is smaller than it should be; it was replaced or is cut short; open it again"
            )
        if status in TRANSIENT_STATUS:
            raise TransientError(f"status {status}", after=retry_after(response.headers), busy=status == 429)
        if status not in (200, 206):
            raise RemoteFailedError(f"{label}: the server answers with the unexpected status {status}")

    async def _answer(self, response: aiohttp.ClientResponse, path: str, start: int, stop: int | None) -> RangeResponse:
        """Read what was requested, and not more."""
        headers, label = response.headers, self.label(path)
        tag = headers.get("ETag") or headers.get("Last-Modified") or ""
        length = int(headers["Content-Length"]) if headers.get("Content-Length", "").isdecimal() else None
        if headers.get("Content-Encoding", "identity") != "identity":
            raise UnsupportedProductError(f"{label}: the server compresses responses, so ranges cannot be read")
        found = _SPAN.fullmatch(headers.get("Content-Range", ""))
        if found:
            first, end = int(found[1]), int(found[2]) + 1
            size = None if found[3] == "*" else int(found[3])
            _check_span(label, (first, end), size, start, stop)
            return RangeResponse(await _read(response, end - first, end - first), first, ObjectVersion(size, tag))
        if response.status == 206:
            raise RemoteFailedError(f"{label}: the server answers with a range, but does not say which")
        whole = start == 0 and stop is None
        if whole and (length or 0) > WHOLE:
            raise too_large(label, length)
        if not whole and (length is None or length > _SMALL):
            self._check_page(await response.content.read(_HEAD), path)
            raise UnsupportedProductError(
                f"{label}: the server does not support ranges of bytes, and the whole ({length or 'unknown'} bytes) is "
                "not downloaded unasked; download the product (xarray_safe.access) and open the copy"
            )
        data = await _read(response, length, WHOLE)
        if len(data) > WHOLE:
            raise too_large(label)
        self._check_page(data, path)
        begin = max(0, start + len(data)) if start < 0 else start
        return RangeResponse(data[begin:stop], begin, ObjectVersion(len(data), tag))

    def _check_page(self, data: bytes, path: str) -> None:
        """Raise an error if a response is a web page and none was requested."""
        if _PAGE.match(data[:_HEAD]) and not urlsplit(path).path.lower().endswith((".html", ".htm")):
            raise AccessDeniedError(
                f"{self.label(path)}: the server answers with a web page, perhaps one to log in, instead of the file; "
                "give (fresh) credentials in storage_options, or another URL"
            )


def _file_system(options: Mapping[str, Any]) -> Any:
    import aiohttp
    import fsspec

    # Ranges need no cookies from the server, and other processes would not have them.
    client = {"cookie_jar": aiohttp.DummyCookieJar(), **options["client_kwargs"]}
    return fsspec.filesystem("http", **{**options, "skip_instance_cache": True, "client_kwargs": client})


def _check_span(label: str, span: tuple[int, int], size: int | None, start: int, stop: int | None) -> None:
    """Compare the range that a server returns with the requested one.

    Raises
    ------
    RemoteFailedError
        It is another range.
    UnsupportedProductError
        It is a part of the requested range, or far larger.
    """
    first, end = span
    other = first != start if start >= 0 else end != (size or end) or end - first > -start
    if other or end <= first or (stop is not None and end > stop):
        raise RemoteFailedError(f"{label}: the server returns other bytes than requested")
    if stop is None and end - first > WHOLE:
        raise too_large(label, size)
    if stop is not None and size is not None and end < min(stop, size):
        raise UnsupportedProductError(
            f"{label}: the server returns {end - first} bytes of {min(stop, size) - start} requested; with "
            "such a limit it cannot be read in place; download the product (xarray_safe.access) and open the copy"
        )


async def _read(response: aiohttp.ClientResponse, length: int | None, most: int) -> bytes:
    """Read a body; the length that the server states is checked."""
    pieces, size = [], 0
    async for piece in response.content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > most:
            break
    if length is not None and size != length:
        raise TransientError(f"the response ends after {size} of {length} bytes")
    return b"".join(pieces)
