"""HTTP with limits: every request ends within a known time, by an answer or by one clear error."""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from json import loads
from typing import TYPE_CHECKING

import requests
import urllib3

from xarray_safe.access.errors import AccessError, QuotaReachedError, ServerFailedError
from xarray_safe.net.trust import AllowListed, Hosts, NoAuth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from requests.auth import AuthBase

NETWORK_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
"""What breaks below HTTP; worth another try."""

_LONG = re.compile(r"\S{60,}")
"""What is left out when a server's words are quoted: it might give us our own token back."""

_MOST = 64 << 20
"""Bytes at the most of an answer that is read into memory."""


@dataclass(frozen=True)
class Limits:
    """How long to wait and how often to try.

    Parameters
    ----------
    connect
        Seconds until a connection must stand.
    read
        Seconds of silence after which a connection counts as dead, and in which a download must make progress.
    answer
        Seconds until an answer of the catalogue must be complete.
    tries
        How often to try what fails without any progress (at least once).
    pause
        Seconds before the second try; doubled for each further one, 30 at the most.
    patience
        Seconds to wait in all while the server says "too many requests" (429), and for another process that
        downloads the same product but makes no progress.
    """

    connect: float = 10.0
    read: float = 60.0
    answer: float = 120.0
    tries: int = 5
    pause: float = 0.5
    patience: float = 120.0

    def backoff(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row; a little by chance, so that clients do not march in step."""
        return min(self.pause * 2.0 ** (failures - 1), 30.0) * random.uniform(0.75, 1.25)


class PlainSession(AllowListed, requests.Session):
    """A session that never sends credentials."""

    def __init__(self) -> None:
        super().__init__()
        prepare(self)
        self.hosts = Hosts(())
        self.auth = NoAuth()


def prepare(session: requests.Session) -> None:
    """Set what all sessions have in common."""
    session.max_redirects = 5
    session.headers["User-Agent"] = "xarray-safe"
    session.headers["Accept-Encoding"] = "identity"  # answers are limited in size, and a bomb is small on the wire


def send(
    session: requests.Session,
    method: str,
    url: str,
    *,
    limits: Limits,
    auth: AuthBase | None = None,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
    json: object = None,
    redirect: bool = True,
) -> requests.Response:
    """Send a request until there is an answer that is final; its body is not read yet.

    Tries again after broken connections, 5xx and 429 (waiting as long as the server asks, within limits).

    Raises
    ------
    QuotaReachedError
        The server said 429 for longer than `limits.patience`.
    ServerFailedError
        No answer, or 5xx, after all tries.
    """
    failures, waited = 0, 0.0
    while True:
        try:
            response = session.request(
                method,
                url,
                auth=auth or NoAuth(),
                headers=headers,
                params=params,
                data=data,
                json=json,
                stream=True,
                allow_redirects=redirect,
                timeout=(limits.connect, limits.read),
            )
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.TooManyRedirects) as error:
            raise ServerFailedError(
                f"{host_of(url)} sends us to a place that is none ({type(error).__name__})."
            ) from None
        except NETWORK_ERRORS as error:
            failures += 1
            if failures >= limits.tries:
                raise unreachable(url, error, failures) from None
            time.sleep(limits.backoff(failures))
            continue
        if response.status_code == 429:
            pause = retry_after(response) or limits.backoff(failures + 1)
            message = message_of(response)
            response.close()
            if waited + pause > limits.patience:
                raise QuotaReachedError(
                    f"{host_of(url)}: too many requests (429){message}. The Copernicus Data Space allows 4 connections "
                    f"at a time and 12 TB a month; waited {waited:.0f} s, another {pause:.0f} s were asked for."
                )
            waited += pause
            time.sleep(pause)
            continue
        if response.status_code >= 500:
            failures += 1
            message = message_of(response)
            response.close()
            if failures >= limits.tries:
                raise ServerFailedError(
                    f"{host_of(url)} failed {failures} times (status {response.status_code}){message}. Try later."
                )
            time.sleep(retry_pause(response, limits, failures))
            continue
        return response


def get(
    session: requests.Session,
    url: str,
    *,
    limits: Limits,
    method: str = "GET",
    auth: AuthBase | None = None,
    params: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
    json: object = None,
    redirect: bool = True,
) -> tuple[requests.Response, bytes]:
    """Send a request and read its answer into memory, in limited time and size."""
    failures = 0
    while True:
        response = send(
            session,
            method,
            url,
            limits=limits,
            auth=auth,
            headers=headers,
            params=params,
            data=data,
            json=json,
            redirect=redirect,
        )
        try:
            return response, read_all(response, limits)
        except NETWORK_ERRORS as error:
            if isinstance(error, AccessError):
                raise
            failures += 1
            if failures >= limits.tries:
                raise unreachable(url, error, failures) from None
            time.sleep(limits.backoff(failures))
        finally:
            response.close()


def read_all(response: requests.Response, limits: Limits) -> bytes:
    """Read a body into memory, in limited time and size."""
    end = time.monotonic() + limits.answer
    pieces: list[bytes] = []
    size = 0
    while piece := response.raw.read1(1 << 16, decode_content=True):
        pieces.append(piece)
        size += len(piece)
        if size > _MOST or time.monotonic() > end:
            raise ServerFailedError(f"{host_of(response.url)}: the answer does not end ({size} bytes so far).")
    return b"".join(pieces)


def get_json(response: requests.Response, body: bytes, what: str) -> object:
    """Give the JSON of an answer that must be a good one.

    Raises
    ------
    AccessError
        It is an error, or no JSON.
    """
    if response.status_code != 200:
        raise AccessError(
            f"{host_of(response.url)} does not answer for {what}: status {response.status_code}{_message(body)}."
        )
    try:
        return loads(body)
    except ValueError:
        raise ServerFailedError(f"{host_of(response.url)} answers for {what} with something that is no JSON.") from None


def unreachable(url: str, error: Exception, failures: int) -> ServerFailedError:
    """Give the error for a host that cannot be reached; the original's text is left out, for it may quote headers."""
    kind = "does not answer in time" if isinstance(error, requests.Timeout) else "cannot be reached or breaks off"
    times = f", tried {failures} times" if failures > 1 else ""
    return ServerFailedError(f"{host_of(url)} {kind} ({type(error).__name__}{times}). Check the network, or try later.")


def host_of(url: str) -> str:
    """Give scheme and host of a URL for messages: no path, no query, no user."""
    scheme, _, rest = url.partition("://")
    start = rest.replace("?", "/").replace("#", "/").partition("/")[0]
    return f"{scheme}://{start.rpartition('@')[2]}"


def message_of(response: requests.Response) -> str:
    """Give what a server says about an error, short, for messages; "" if nothing of use."""
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


def retry_after(response: requests.Response) -> float | None:
    """Seconds that the server asks us to wait; None if it does not say."""
    text = response.headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def retry_pause(response: requests.Response, limits: Limits, failures: int) -> float:
    """Seconds to wait after a 5xx: as the server says, if that is not much."""
    return min(retry_after(response) or limits.backoff(failures), limits.backoff(failures) + 30.0)
