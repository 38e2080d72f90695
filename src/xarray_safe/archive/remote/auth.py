"""Credentials for web servers: which servers may receive them, and a bearer token that is renewed when it expires."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from xarray_safe.archive.remote.options import as_dict
from xarray_safe.errors import AccessDeniedError, InvalidArgumentError
from xarray_safe.net.trust import COPERNICUS, LOOPBACK, HostAllowList, bearer_header, plain_origin
from xarray_safe.net.urls import redact_url, web_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_COPERNICUS = HostAllowList((COPERNICUS,))


class Credentials:
    """Credentials, and the servers that may receive them.

    That is the server that the user gave them for, those that the user names, and those that share a login with it.
    All but the first must be reached over https (or on this machine), and their URLs read in one way only; see
    `net.trust`.

    Parameters
    ----------
    home
        URL that the user gave them for; "" if there is none, because a STAC item names the servers: then they go to
        those that the user names, and to those of the Copernicus Data Space.
    options
        Storage options, as for `HttpStore`.

    Raises
    ------
    InvalidArgumentError
        An option is invalid, or the URL is.
    """

    def __init__(self, home: str, options: Mapping[str, Any]) -> None:
        self._home = web_parts(home) if home else None
        rest = dict(options)
        self._trusted = _trusted(
            rest.pop("trusted_hosts", None), http=self._home is None or self._home.scheme == "http"
        )
        self.token = RenewableToken(rest.pop("token", None), redact_url(home) or "STAC item")
        client = as_dict("client_kwargs", rest.pop("client_kwargs", None))
        # None of these may stay the session's own: it would take them along to wherever a redirect leads.
        self._headers = _both("headers", client, rest)
        logins = (rest.pop("auth", None), client.pop("auth", None))
        more = {
            "cookies": _both("cookies", client, rest),
            "auth": logins[0] or logins[1],
            "params": rest.pop("params", None),
        }
        self._more = {name: value for name, value in more.items() if value}
        self.others: dict[str, Any] = {**rest, "client_kwargs": client}
        """The options that are not credentials."""

    def is_trusted(self, url: str) -> bool:
        """Return True if the server of a URL may receive the credentials."""
        there, home = urlsplit(url), self._home
        if home is None:
            return _COPERNICUS.allows(url) or self._trusted.allows(url)
        if (there.scheme, there.netloc) == (home.scheme, home.netloc):
            return True  # the user's own words, however they are read
        user, at, _ = home.netloc.rpartition("@")
        spelled = url.replace(user + at, "", 1) if there.netloc.startswith(user + at) else url
        first = plain_origin(home._replace(netloc=home.netloc.removeprefix(user + at)).geturl())
        if first is not None and plain_origin(spelled) == first:
            return True
        shared = (
            _COPERNICUS.allows(spelled) and first is not None and _COPERNICUS.allows(f"{first.scheme}://{first.host}")
        )
        return shared or self._trusted.allows(spelled)

    def withholds_from(self, url: str) -> bool:
        """Return True if there are credentials that the server of a URL does not receive."""
        given = self._headers or self._more or self.token.given or self._login
        return bool(given) and not self.is_trusted(url)

    @property
    def _login(self) -> str:
        """User and password in the URL that they were given for."""
        return self._home.netloc.rpartition("@")[0] if self._home else ""

    def request_kwargs(self, url: str, token: str | None) -> tuple[str, dict[str, Any]]:
        """Return the URL and the arguments of aiohttp for a request for it; there are always ``headers``."""
        if not self.is_trusted(url):
            return url, {"headers": {}}
        parts, user = urlsplit(url), self._login
        if user and "@" not in parts.netloc:
            url = parts._replace(netloc=f"{user}@{parts.netloc}").geturl()
        bearer = bearer_header(token) if token else {}
        return url, {"headers": {**self._headers, **bearer}, **self._more}


class RenewableToken:
    """A bearer token, fixed or from a function; of several requests that were refused at once, one calls the function.

    Parameters
    ----------
    given
        The token, the function (called with the token that was refused, or None to begin with), or None.
    label
        Whose it is, for messages.

    Raises
    ------
    InvalidArgumentError
        It is something else.
    """

    def __init__(self, given: object, label: str) -> None:
        self.given = given is not None
        if not (given is None or isinstance(given, str) or callable(given)):
            raise InvalidArgumentError(
                f"the storage option 'token' must be a str or a function that returns one, not a {type(given).__name__}"
            )
        self._ask = given if callable(given) else None
        self._now = given if isinstance(given, str) else None
        self._label = label
        self._turn = 0
        self._lock: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    async def get(self) -> tuple[str | None, int]:
        """Return the token, and the number by which `renew` identifies it."""
        if self._turn == 0:
            await self.renew(0)
        return self._now, self._turn

    async def renew(self, turn: int) -> bool | None:
        """Call the function for another token, unless another request has done so.

        Parameters
        ----------
        turn
            Number of the token that was refused.

        Returns
        -------
        bool or None
            Whether the function was called; None if there is none.

        Raises
        ------
        AccessDeniedError
            The function fails, or does not return a token.
        """
        if self._ask is None:
            return None
        async with self._own_lock():
            if turn != self._turn:
                return False
            self._now = await asyncio.to_thread(_ask, self._ask, self._now, self._label)
            self._turn += 1
            return True

    def _own_lock(self) -> asyncio.Lock:
        """Return the lock of this event loop: a forked process has another, and must not wait for its parent's."""
        loop = asyncio.get_running_loop()
        if self._lock is None or self._lock[0] is not loop:
            self._lock = (loop, asyncio.Lock())
        return self._lock[1]


def _ask(function: Callable[[str | None], object], refused: str | None, label: str) -> str:
    try:
        found = function(refused)
    except Exception as error:
        raise AccessDeniedError(
            f"{label}: the function given as storage option 'token' fails ({type(error).__name__})"
        ) from error
    if not isinstance(found, str) or not found:
        raise AccessDeniedError(
            f"{label}: the function given as storage option 'token' does not return a token but {type(found).__name__}"
        )
    return found


def _both(name: str, client: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Remove an option from both places where it may be; that of the request has precedence."""
    return as_dict(name, client.pop(name, None)) | as_dict(name, request.pop(name, None))


def _trusted(given: object, *, http: bool) -> HostAllowList:
    """Return the servers that the option ``trusted_hosts`` names, on any port; plain http only if `http`."""
    names = [given] if isinstance(given, str) else given or []
    if not isinstance(names, list | tuple | set) or not all(isinstance(name, str) for name in names):
        raise InvalidArgumentError("the storage option 'trusted_hosts' must be names of hosts")
    allowed = HostAllowList(())
    for name in names:
        host = f"[{name}]" if ":" in name else f"*{name}" if name.startswith(".") else name
        found = plain_origin(f"https://{host.removeprefix('*.')}")
        if found is None or found.host != host.removeprefix("*.").strip("[]").lower():
            raise InvalidArgumentError(f"the storage option 'trusted_hosts' has {name!r}, which does not name a host")
        allowed = HostAllowList((*allowed.origins, f"https://{host}:*"))
        if http and name.lower() in LOOPBACK:
            allowed = HostAllowList((*allowed.origins, f"http://{host}:*"))
    return allowed
