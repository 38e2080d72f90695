"""Credentials for web servers: which hosts may get them, and a bearer token that is renewed when it has expired."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from xarray_safe.archive.remote.options import as_dict
from xarray_safe.errors import AccessDeniedError, InvalidArgumentError
from xarray_safe.net.urls import bare, origin, web_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TRUSTED = (".dataspace.copernicus.eu",)
"""Ends of names of hosts that share logins: what is given for one of these, the others may get."""


class Login:
    """Credentials, and the hosts that may get them.

    Parameters
    ----------
    home
        URL that the user gave them for.
    options
        Storage options, as for `HttpStore`.

    Raises
    ------
    InvalidArgumentError
        An option is not what it should be, or the URL is none.
    """

    def __init__(self, home: str, options: Mapping[str, Any]) -> None:
        self._home = web_parts(home)
        rest = dict(options)
        self._trusted = _names(rest.pop("trusted_hosts", None))
        self.bearer = Bearer(rest.pop("token", None), bare(home))
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
        """The options that are no credentials."""

    def knows(self, url: str) -> bool:
        """Whether the server of a URL may get the credentials."""
        there, home = urlsplit(url), self._home
        if origin(there) == origin(home):
            return True
        if there.scheme != "https" and home.scheme == "https":
            return False
        both = (there.hostname, home.hostname)
        return _is_among(there.hostname, self._trusted) or all(_is_among(host, TRUSTED) for host in both)

    def keeps_from(self, url: str) -> bool:
        """Whether there are credentials that the server of a URL does not get."""
        given = self._headers or self._more or self.bearer.given or "@" in self._home.netloc
        return bool(given) and not self.knows(url)

    def sent_to(self, url: str, token: str | None) -> tuple[str, dict[str, Any]]:
        """Give the URL and what goes along with a request for it, as arguments of aiohttp's; ``headers`` always."""
        if not self.knows(url):
            return url, {"headers": {}}
        parts, user = urlsplit(url), self._home.netloc.rpartition("@")[0]
        if user and "@" not in parts.netloc:
            url = parts._replace(netloc=f"{user}@{parts.netloc}").geturl()
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        return url, {"headers": {**self._headers, **bearer}, **self._more}


class Bearer:
    """A bearer token, fixed or given by a function; of requests that were refused together, one asks the function.

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
                f"the storage option 'token' must be a str, or a function that gives one, not a {type(given).__name__}"
            )
        self._ask = given if callable(given) else None
        self._now = given if isinstance(given, str) else None
        self._label = label
        self._turn = 0
        self._lock: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    async def get(self) -> tuple[str | None, int]:
        """Give the token, and by what number `renew` knows it."""
        if self._turn == 0:
            await self.renew(0)
        return self._now, self._turn

    async def renew(self, turn: int) -> bool | None:
        """Ask the function for another token, unless that has been done since.

        Parameters
        ----------
        turn
            Number of the token that was refused.

        Returns
        -------
        bool or None
            Whether the function was asked; None if there is none.

        Raises
        ------
        AccessDeniedError
            The function fails, or gives none.
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
        """Give the lock of this event loop: a forked process has another, and must not wait for its parent's."""
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
            f"{label}: the function given as storage option 'token' gives no token but {type(found).__name__}"
        )
    return found


def _both(name: str, client: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """Take an option out of both places where it may stand; the request's counts more."""
    return as_dict(name, client.pop(name, None)) | as_dict(name, request.pop(name, None))


def _names(given: object) -> tuple[str, ...]:
    names = (
        (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list | tuple | set) else given or ()
    )
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise InvalidArgumentError("the storage option 'trusted_hosts' must be names of hosts")
    return tuple(name.lower() for name in names)


def _is_among(host: str | None, names: Iterable[str]) -> bool:
    """Whether a host has one of these names, or is below one that begins with a dot."""
    return any(host == name or (name.startswith(".") and (host or "").endswith(name)) for name in names)
