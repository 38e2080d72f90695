r"""Which servers may receive credentials: one rule for logins, tokens and storage options, redirects included.

A URL is trusted only if every library reads the same server in it: `https://evil\@good/` is evil to one and good to
another, and either may decide where a request goes. So a URL must spell scheme, host and port in the plainest way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from xarray_safe.errors import InvalidArgumentError

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

COPERNICUS = "https://*.dataspace.copernicus.eu"
"""The servers of the Copernicus Data Space, which share logins."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PORTS = {"http": 80, "https": 443}
_HOST = r"([a-z0-9._-]+|\[[0-9a-f:.]+\])"
_PLAIN = re.compile(rf"(https?)://{_HOST}(?::(\d{{1,5}}))?(?=[/?#]|\Z)", re.IGNORECASE)
_LISTED = re.compile(rf"(https?)://((?:\*\.)?){_HOST}(?::(\d{{1,5}}|\*))?(?=[/?#]|\Z)", re.IGNORECASE)


class Origin(NamedTuple):
    """What tells web servers apart."""

    scheme: str
    host: str
    port: int


def plain_origin(url: str) -> Origin | None:
    """Return scheme, host and port of a URL; None if it is not spelled in the plainest way.

    There is no user in it, no escape, no space and no character outside of ASCII before the path.
    """
    found = _PLAIN.match(url)
    if found is None:
        return None
    scheme = found[1].lower()
    port = int(found[3]) if found[3] else _PORTS[scheme]
    return Origin(scheme, found[2].strip("[]").lower(), port) if 0 < port < 1 << 16 else None


class _Listed(NamedTuple):
    scheme: str
    below: bool
    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> _Listed:
        found = _LISTED.match(text)
        scheme = found[1].lower() if found else ""
        host = found[3].strip("[]").lower() if found else ""
        if found is None or (scheme == "http" and (found[2] or host not in LOOPBACK)):
            raise InvalidArgumentError(f"{text}: credentials go over https only (over http to this machine only).")
        port = None if found[4] == "*" else int(found[4] or _PORTS[scheme])
        return cls(scheme, bool(found[2]), host, port)

    def allows(self, origin: Origin) -> bool:
        if origin.scheme != self.scheme or self.port not in (None, origin.port):
            return False
        return origin.host.endswith(f".{self.host}") if self.below else origin.host == self.host


@dataclass(frozen=True)
class HostAllowList:
    """Servers that may receive credentials.

    Parameters
    ----------
    origins
        Such as ``https://*.dataspace.copernicus.eu``: scheme, host, and port if it is not the usual one (``*`` for
        any). ``*.`` stands for one or more labels. Other schemes and ports than those named are not allowed; plain
        http is accepted for loopback only. A path is ignored.

    Raises
    ------
    InvalidArgumentError
        An origin is not one, or credentials would go to it unencrypted.
    """

    origins: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse servers to which credentials would go unencrypted."""
        for origin in self.origins:
            _Listed.parse(origin)

    def allows(self, url: str) -> bool:
        """Return True if credentials may go to a URL; not if it can be read in two ways."""
        found = plain_origin(url)
        return found is not None and any(_Listed.parse(origin).allows(found) for origin in self.origins)


def bearer_header(token: str) -> dict[str, str]:
    """Return the header that carries a bearer token."""
    return {"Authorization": f"Bearer {token}"}


class NoAuth:
    """Send no credentials; without it, requests would look for some in ``~/.netrc``."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Leave the request as it is."""
        return request


class BearerAuth:
    """Send a token with a request of requests, to allowed servers only."""

    def __init__(self, token: str, hosts: HostAllowList) -> None:
        self._token = token
        self._hosts = hosts

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header."""
        if self._hosts.allows(request.url or ""):
            request.headers.update(bearer_header(self._token))
        return request


class RedirectAuthMixin:
    """What a `requests.Session` does with credentials on a redirect: keep them for allowed servers, else drop them.

    To be mixed into a session. Once dropped, they do not come back further down the chain.
    """

    hosts: HostAllowList

    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
        """Drop the token if the next server is not on the list; never look into ``~/.netrc``."""
        if not self.hosts.allows(prepared_request.url or ""):
            prepared_request.headers.pop("Authorization", None)
