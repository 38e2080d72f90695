"""HTTP with limits: every request ends within a known time, with an answer or with one clear error."""

from __future__ import annotations

import re
import time
from json import loads
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

import requests
import urllib3

from xarray_safe.access.errors import AccessError, QuotaReachedError, ServerFailedError
from xarray_safe.net.retry import Attempts, RetryPolicy, retry_after
from xarray_safe.net.trust import HostAllowList, NoAuth, RedirectAuthMixin

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
"""Failures below HTTP, after which a request is tried again."""

_LONG = re.compile(r"\S{60,}")
"""What is left out of quoted messages of servers: they might contain our own token."""

_MAX_ANSWER = 64 << 20
"""Maximum bytes of an answer that is read into memory."""


Limits = RetryPolicy
"""How long to wait and how often to try: `RetryPolicy` under its public name."""

T = TypeVar("T")


class Options(TypedDict, total=False):
    """What a request may carry along, as in requests."""

    auth: Callable[[requests.PreparedRequest], requests.PreparedRequest]
    headers: Mapping[str, str] | None
    params: Mapping[str, str] | None
    data: Mapping[str, str] | None
    json: object
    allow_redirects: bool


class PlainSession(RedirectAuthMixin, requests.Session):
    """A session that never sends credentials."""

    def __init__(self) -> None:
        super().__init__()
        configure(self)
        self.hosts = HostAllowList(())
        self.auth = NoAuth()


def configure(session: requests.Session) -> None:
    """Configure what all sessions have in common."""
    session.max_redirects = 5
    session.headers["User-Agent"] = "xarray-safe"
    session.headers["Accept-Encoding"] = "identity"  # answers are limited in size, and a bomb is small on the wire


def send(
    session: requests.Session, method: str, url: str, *, limits: RetryPolicy, **options: Unpack[Options]
) -> requests.Response:
    """Send a request until there is a final answer; its body is not read yet.

    Retries after broken connections, 5xx and 429, after pauses that grow, or are as long as the server asks for.

    Raises
    ------
    QuotaReachedError
        The server answered 429 for longer than `limits.patience`.
    ServerFailedError
        No answer, or 5xx, after all tries.
    """
    return _persist(session, method, url, limits, lambda response: response, options)


def get(
    session: requests.Session, url: str, *, limits: RetryPolicy, method: str = "GET", **options: Unpack[Options]
) -> tuple[requests.Response, bytes]:
    """Send a request, see `send`, and read its answer into memory, in limited time and size."""

    def read(response: requests.Response) -> tuple[requests.Response, bytes]:
        with response:
            return response, read_all(response, limits)

    return _persist(session, method, url, limits, read, options)


def _persist(
    session: requests.Session,
    method: str,
    url: str,
    limits: RetryPolicy,
    use: Callable[[requests.Response], T],
    options: Options,
) -> T:
    """Try until an answer could be used."""
    attempts = Attempts(limits)
    timeout = (limits.connect, limits.read)
    while True:
        try:
            response = session.request(
                method,
                url,
                stream=True,
                timeout=timeout,
                **{"auth": NoAuth(), **options},  # type: ignore[arg-type]
            )
            if response.status_code != 429 and response.status_code < 500:
                return use(response)
        except AccessError:
            raise
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.TooManyRedirects) as error:
            raise ServerFailedError(
                f"{host_of(url)} redirects to an invalid URL, or too often ({type(error).__name__})."
            ) from None
        except NETWORK_ERRORS as error:
            attempts.count()
            if attempts.exhausted:
                raise unreachable(url, error, attempts.failures) from None
        else:
            attempts.count(busy=response.status_code == 429, after=retry_after(response.headers))
            message = message_of(response)
            response.close()
            if attempts.exhausted or attempts.too_long:
                raise _refused(url, response.status_code, message, attempts)
        time.sleep(attempts.pause)


def _refused(url: str, status: int, message: str, attempts: Attempts) -> AccessError:
    """Return the error for a server that answers 429 or 5xx again and again, or asks to wait too long."""
    waited = f"waited {attempts.waited - attempts.pause:.0f} s, another {attempts.pause:.0f} s were asked for."
    if status == 429:
        return QuotaReachedError(
            f"{host_of(url)}: too many requests (429){message}. The Copernicus Data Space allows 4 connections at a "
            f"time and 12 TB a month; {waited}"
        )
    if attempts.exhausted:
        return ServerFailedError(
            f"{host_of(url)} failed {attempts.failures} times (status {status}){message}. Try later."
        )
    return ServerFailedError(f"{host_of(url)} is not available (status {status}){message}; {waited} Try later.")


def read_all(response: requests.Response, limits: RetryPolicy) -> bytes:
    """Read a body into memory, in limited time and size."""
    end = time.monotonic() + limits.answer
    pieces: list[bytes] = []
    size = 0
    while piece := response.raw.read1(1 << 16, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > _MAX_ANSWER or time.monotonic() > end:
            raise ServerFailedError(f"{host_of(response.url)}: the answer does not end ({size} bytes so far).")
    return b"".join(pieces)


def get_json(response: requests.Response, body: bytes, what: str) -> object:
    """Return the JSON of a successful answer.

    Raises
    ------
    AccessError
        It is an error, or not JSON.
    """
    if response.status_code != 200:
        raise AccessError(f"{host_of(response.url)} answers {what} with status {response.status_code}{_message(body)}.")
    try:
        return loads(body)
    except ValueError:
        raise ServerFailedError(f"{host_of(response.url)} answers {what} with something that is not JSON.") from None


def unreachable(url: str, error: Exception, failures: int) -> ServerFailedError:
    """Return the error for a host that cannot be reached, without the original's text, which may quote headers."""
    kind = "does not answer in time" if isinstance(error, requests.Timeout) else "cannot be reached or breaks off"
    times = f", tried {failures} times" if failures > 1 else ""
    return ServerFailedError(f"{host_of(url)} {kind} ({type(error).__name__}{times}). Check the network, or try later.")


def host_of(url: str) -> str:
    """Return scheme and host of a URL for messages: no path, no query, no user."""
    scheme, _, rest = url.partition("://")
    start = rest.replace("?", "/").replace("#", "/").partition("/")[0]
    return f"{scheme}://{start.rpartition('@')[2]}"


def message_of(response: requests.Response) -> str:
    """Return a server's own message about an error, short; "" if there is none."""
    try:
        return _message(response.raw.read1(4096))
    except NETWORK_ERRORS:
        return ""


def _message(body: bytes) -> str:
    try:
        found = loads(body[:65536])
    except ValueError:
        return ""
    for key in ("detail", "error_description", "message"):
        if isinstance(found, dict) and key in found:
            found = found[key]
    text = found if isinstance(found, str) else ""
    text = _LONG.sub("…", "".join(c if c.isprintable() else " " for c in text[:400]))
    return f": {text[:200]}" if text else ""
