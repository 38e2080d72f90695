"""One login for all requests, threads and processes: Authlib's OAuth2 client, which logs in only once.

Every password grant is a session at the Copernicus Data Space, which bans accounts with more than a hundred of them.
So a token is fetched under a lock, stored in a file for other processes, and refreshed before it expires.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from xarray_safe.access import http
from xarray_safe.access.errors import (
    AccessError,
    LoginFailedError,
    QuotaReachedError,
    ServerFailedError,
    TwoFactorNeededError,
)
from xarray_safe.access.tokens import Token
from xarray_safe.errors import SafeWarning
from xarray_safe.net.retry import Attempts
from xarray_safe.net.trust import BearerAuth, HostAllowList, NoAuth, RedirectAuthMixin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from requests import Response

    from xarray_safe.access.credentials import LoginSource
    from xarray_safe.access.http import Limits
    from xarray_safe.access.tokens import TokenStore


class _Client(RedirectAuthMixin, OAuth2Session):
    """Authlib's client, with our rule for redirects."""

    def __init__(self, endpoint: str, client: str, hosts: HostAllowList, check: Callable[[Response], Response]) -> None:
        super().__init__(client_id=client, token_endpoint=endpoint, token_endpoint_auth_method="none")
        http.configure(self)
        self.hosts = hosts
        self.auth = NoAuth()
        for kind in ("access_token_response", "refresh_token_response"):
            self.register_compliance_hook(kind, check)


class LoginSession:
    """Requests with a bearer token that is always fresh and goes to allowed hosts only.

    Any number of threads may use one. It cannot be pickled, because credentials must not travel: create one in each
    process; they share the token through its file.

    Parameters
    ----------
    endpoint
        URL of the identity server's token endpoint.
    client
        Name by which that server knows us.
    source
        Where the login comes from.
    store
        Where processes share the token; None: it is of this session only.
    hosts
        Which may receive the token.
    limits
        How long to wait.
    """

    def __init__(
        self,
        endpoint: str,
        client: str,
        source: LoginSource,
        store: TokenStore | None,
        hosts: HostAllowList,
        limits: Limits,
    ) -> None:
        HostAllowList((endpoint,))  # raises if the password would be sent unencrypted
        self._endpoint = endpoint
        self._source = source
        self._store = store
        self._hosts = hosts
        self._limits = limits
        self._client = _Client(endpoint, client, hosts, self._check)
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._refused: LoginFailedError | None = None

    def __repr__(self) -> str:
        """Name the server; no more."""
        return f"LoginSession({http.host_of(self._endpoint)!r})"

    def __reduce__(self) -> NoReturn:
        """Refuse: a login must not be written to disk or sent to others."""
        raise TypeError("a login does not pickle; make one in each process, they share the token through its file")

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Response:
        """Send a request and return the response, whose body is not read yet; see `http.send`.

        Raises
        ------
        LoginFailedError
            There is no login, it is refused, or the server does not accept a token that it has just given.
        """
        token = self.token()
        for last in (False, True):
            auth = BearerAuth(token, self._hosts)
            response = http.send(
                self._client, method, url, limits=self._limits, auth=auth, headers=headers, params=params
            )
            if response.status_code != 401 or not self._hosts.allows(response.url):
                return response
            response.close()
            if not last:
                token = self.token(rejected=token)
        raise LoginFailedError(
            f"{http.host_of(url)} does not accept the token that it was given a moment ago (status 401). "
            "Does the account have access to these data?"
        )

    def token(self, rejected: str | None = None) -> str:
        """Return a bearer token that does not expire soon.

        Parameters
        ----------
        rejected
            A token that a server did not accept, though it should not have expired.
        """
        token = self._token
        if token and token.fresh(time.time()) and token.access != rejected:
            return token.access
        with self._alone():
            if self._refused is not None:  # asking again with the same password only gets the account locked
                raise type(self._refused)(*self._refused.args)
            self._token = self._current(rejected)
            return self._token.access

    def login(self) -> str:
        """Log in, or refresh, if there is no fresh token; return the user's name."""
        self.token()
        return self._token.username if self._token else ""

    def close(self, *, logout: bool) -> None:
        """End the connections; with `logout`, also the session at the server, and forget the token everywhere."""
        if logout:
            with self._alone():
                token = self._token or (self._store.read(self._source.known_username()) if self._store else None)
                self._token = None
                if token:
                    self._end(token)
                    if self._store:
                        self._store.forget(token.username)
        self._client.close()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock of this process, then that of all; both waits are limited."""
        patience = self._limits.patience + 2 * self._limits.answer
        if not self._lock.acquire(timeout=patience):
            raise AccessError("another thread has been logging in for too long")
        try:
            if self._store is None or not self._usable(self._store):
                yield
                return
            with self._store.lock(patience):
                yield
        finally:
            self._lock.release()

    def _usable(self, store: TokenStore) -> bool:
        try:
            store.prepare()
        except OSError as error:
            self._not_stored(error)
            return False
        return True

    def _not_stored(self, error: OSError) -> None:
        self._store = None
        warnings.warn(
            f"The token cannot be stored for other processes ({error.strerror}); each of them will log in.",
            SafeWarning,
            stacklevel=6,
        )

    def _current(self, rejected: str | None) -> Token:
        """Return another thread's or process's token, a refreshed one, or that of a new login, in this order."""
        username = self._source.known_username() or (self._token.username if self._token else None)
        stored = self._store.read(username) if self._store else None
        known = [token for token in (self._token, stored) if token]
        for token in known:
            if token.fresh(time.time()) and token.access != rejected:
                return token
        new = None
        for token in sorted(known, key=lambda token: token.expires, reverse=True)[:1]:
            if token.renewable(time.time()):
                new = self._refresh(token)
        new = new or self._log_in()
        if self._store:
            try:
                self._store.write(new)
            except OSError as error:
                self._not_stored(error)
        return new

    def _log_in(self) -> Token:
        credentials = self._source.find()
        code = credentials.code()
        form = {"username": credentials.username, "password": credentials.password.value}
        if code:
            form["totp"] = code
        try:
            return self._fetch("password", form, credentials.username)
        except OAuthError as error:
            kind, said = str(error.error), str(error.description or "").lower()
        if kind != "invalid_grant":
            kind = re.sub(r"[^a-z_]", "", kind)[:40]
            raise ServerFailedError(f"{http.host_of(self._endpoint)} does not take our way to log in ({kind}).")
        self._refused = self._refusal(credentials.username, said, with_code=bool(code))
        raise self._refused

    def _refusal(self, username: str, said: str, *, with_code: bool) -> LoginFailedError:
        """Return the error for a refused login; servers may not mention a missing second factor."""
        if "not fully set up" in said or "required action" in said:
            return LoginFailedError(
                "The account is not ready: log in once on https://dataspace.copernicus.eu and do what is asked there."
            )
        if any(word in said for word in ("otp", "2fa", "two-factor", "second factor")):
            return TwoFactorNeededError(
                f"The account {username!r} has two-factor authentication: "
                + ("the code was wrong or has expired" if with_code else "give the code as totp= or CDSE_TOTP")
                + ", which must be of this very minute."
            )
        hint = "the code of the second factor was wrong or has expired"
        if not with_code:
            hint = "the account has two-factor authentication and needs its code, too (totp= or CDSE_TOTP)"
        return LoginFailedError(
            f"{http.host_of(self._endpoint)} refuses the login of {username!r}: user name or password is "
            f"wrong, or {hint}."
        )

    def _refresh(self, token: Token) -> Token | None:
        """Return a refreshed token; None if a new login is needed."""
        try:
            return self._fetch("refresh_token", {"refresh_token": token.refresh}, token.username)
        except OAuthError:
            return None

    def _fetch(self, grant: str, form: dict[str, str], username: str) -> Token:
        """Request a token; retries only if no login can have happened."""
        attempts = Attempts(self._limits)
        while True:
            asked = time.time()
            try:
                got = self._ask(grant, form)
            except requests.ConnectionError as error:
                attempts.count()
                if attempts.exhausted:
                    raise http.unreachable(self._endpoint, error, attempts.failures) from None
                time.sleep(attempts.pause)
            except requests.HTTPError as error:
                raise ServerFailedError(
                    f"{http.host_of(self._endpoint)} gives no token: status {_status(error)}."
                ) from None
            except requests.RequestException as error:
                raise http.unreachable(self._endpoint, error, attempts.failures + 1) from None
            except ValueError:
                raise ServerFailedError(
                    f"{http.host_of(self._endpoint)} gives no token, and nothing that we know."
                ) from None
            else:
                return _token(got, username, asked)

    def _ask(self, grant: str, form: dict[str, str]) -> Mapping[str, Any]:
        options: dict[str, Any] = {
            "timeout": (self._limits.connect, self._limits.read),
            "allow_redirects": False,
            "stream": True,
        }
        if grant == "password":
            got: Mapping[str, Any] = self._client.fetch_token(self._endpoint, grant_type=grant, **form, **options)
        else:
            got = self._client.refresh_token(self._endpoint, **form, **options)
        return got

    def _check(self, response: Response) -> Response:
        """Validate a token response before Authlib parses it: bound its size and time, reject error statuses."""
        host = http.host_of(self._endpoint)
        if response.status_code == 429:
            raise QuotaReachedError(f"{host}: too many logins or refreshes (429). Wait some minutes, or up to an hour.")
        if response.status_code >= 500:
            raise requests.ConnectionError(f"status {response.status_code}")
        if response.is_redirect:  # the form with the password in it must not follow
            raise ServerFailedError(f"{host} redirects a login to another place; credentials are not sent there.")
        response._content = http.read_all(response, self._limits)
        return response

    def _end(self, token: Token) -> None:
        """End the session at the server; failures are ignored, because it ends by itself within the hour."""
        url = self._endpoint.rpartition("/")[0] + "/logout"
        form = {"client_id": str(self._client.client_id), "refresh_token": token.refresh}
        with contextlib.suppress(AccessError):
            http.get(self._client, url, limits=self._limits, method="POST", data=form, allow_redirects=False)


def _status(error: requests.HTTPError) -> int | None:
    return None if error.response is None else error.response.status_code


def _token(got: Mapping[str, Any], username: str, asked: float) -> Token:
    try:
        life = float(got["expires_in"])
        return Token(
            username,
            str(got["access_token"]),
            str(got.get("refresh_token") or ""),
            asked + life,
            asked + float(got.get("refresh_expires_in") or 0.0),
            life,
        )
    except (KeyError, TypeError, ValueError):
        raise ServerFailedError("The identity server gives a token without what belongs to one.") from None
