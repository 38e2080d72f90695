"""Which hosts may receive the bearer token, and a requests session that holds to it, redirects included."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests.auth import AuthBase
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from xarray_safe.errors import InvalidArgumentError

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PORTS = {"http": 80, "https": 443}
_ODD = re.compile(r"[\\@\s\x00-\x20\x7f]")


@dataclass(frozen=True)
class Hosts:
    """An allow-list.

    Parameters
    ----------
    origins
        Such as ``https://*.dataspace.copernicus.eu``: scheme, host, and port where it is not the usual one. ``*.``
        stands for one or more labels. Other schemes and ports than those named are not allowed; plain http is
        accepted for loopback only.
    """

    origins: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse to list hosts to which a token would go in the open."""
        for origin in self.origins:
            scheme, host, _ = _origin(origin) or ("", "", 0)
            if scheme != "https" and not (scheme == "http" and host in _LOOPBACK):
                raise InvalidArgumentError(
                    f"{origin}: credentials go over https only (over http to this machine only)."
                )

    def allow(self, url: str) -> bool:
        """Tell whether the token may go to a URL; not if it can be read in two ways."""
        found = _origin(url)
        if found is None:
            return False
        return any(_matches(found, wanted) for origin in self.origins if (wanted := _origin(origin)))


def _matches(found: tuple[str, str, int], wanted: tuple[str, str, int]) -> bool:
    if (found[0], found[2]) != (wanted[0], wanted[2]):
        return False
    if wanted[1].startswith("*."):
        return found[1].endswith(wanted[1][1:]) and len(found[1]) > len(wanted[1]) - 1
    return found[1] == wanted[1]


def _origin(url: str) -> tuple[str, str, int] | None:
    r"""Scheme, host and port of a URL; None where the standard library and urllib3 do not agree on them.

    Either may decide where a request goes, and `https://evil\@good/` is evil to one and good to the other.
    """
    start = re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]
    if _ODD.search(start):
        return None
    try:
        one = urlsplit(url)
        two = parse_url(url)
        scheme, host, port = (
            one.scheme.lower(),
            (one.hostname or "").lower(),
            one.port or _PORTS.get(one.scheme.lower()),
        )
    except (ValueError, LocationParseError):
        return None
    other = (two.scheme, (two.host or "").strip("[]").lower(), two.port or _PORTS.get(two.scheme or ""))
    if not host or port is None or (scheme, host, port) != other:
        return None
    return scheme, host, port


class NoAuth(AuthBase):
    """Send no credentials; without it, requests would look into ``~/.netrc`` for some."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Leave the request as it is."""
        return request


class Bearer(AuthBase):
    """Send a token, to allowed hosts only."""

    def __init__(self, token: str, hosts: Hosts) -> None:
        self._token = token
        self._hosts = hosts

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        if self._hosts.allow(request.url or ""):
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class AllowListed:
    """What a `requests.Session` does with credentials on a redirect: keep them for allowed hosts, else drop them.

    To be mixed into a session. Once dropped, they do not come back further down the chain.
    """

    hosts: Hosts

    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
        """Drop the token if the next host is not on the list; never look into ``~/.netrc``."""
        if not self.hosts.allow(prepared_request.url or ""):
            prepared_request.headers.pop("Authorization", None)
