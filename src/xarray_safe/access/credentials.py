"""Where credentials come from: arguments, environment, ``~/.netrc``, or a prompt. None of them shows in a repr."""

from __future__ import annotations

import getpass
import netrc
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xarray_safe.access.errors import LoginFailedError
from xarray_safe.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Secret:
    """A text that shows in no repr, log or traceback."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        """Hide the text."""
        return "***"

    def __format__(self, spec: str) -> str:
        """Hide the text."""
        return "***"


@dataclass(frozen=True)
class Credentials:
    """A login: user name, password and what gives the code of the second factor, if any."""

    username: str
    password: Secret
    totp: Secret | Callable[[], str] | None = field(default=None, repr=False)

    def code(self) -> str | None:
        """Return the code of the second factor for now."""
        if isinstance(self.totp, Secret):
            return self.totp.value
        return self.totp() if self.totp is not None else None


@dataclass(frozen=True)
class LoginSource:
    """What the caller gave of a login; the rest is looked for when a login is due.

    Parameters
    ----------
    username, password, totp
        As given, if at all.
    hosts
        Names under which ``~/.netrc`` may have the login.
    prompt
        Whether to ask in a terminal.
    """

    username: str | None
    password: Secret | None
    totp: Secret | Callable[[], str] | None = field(repr=False)
    hosts: tuple[str, ...]
    prompt: bool

    def known_username(self) -> str | None:
        """Return the user name if it is known without asking."""
        return self.username or os.environ.get("CDSE_USERNAME") or None

    def find(self) -> Credentials:
        """Return a complete login.

        Raises
        ------
        LoginFailedError
            There is none, and no terminal to ask in.
        """
        username = self.known_username()
        password = self.password or _secret(os.environ.get("CDSE_PASSWORD"))
        totp = self.totp or _secret(os.environ.get("CDSE_TOTP"))
        if password is None:
            username, password = self._from_netrc(username)
        if username and password:
            return Credentials(username, password, totp)
        if self.prompt and sys.stdin is not None and sys.stdin.isatty():
            return _ask(username, totp)
        raise LoginFailedError(
            "No login for the Copernicus Data Space: set CDSE_USERNAME and CDSE_PASSWORD, put 'machine "
            f"{self.hosts[0]} login … password …' into ~/.netrc, give username= and password=, or run "
            "'xarray-safe login' in a terminal."
        )

    def _from_netrc(self, username: str | None) -> tuple[str | None, Secret | None]:
        try:
            file = netrc.netrc(os.environ.get("NETRC") or None)
        except FileNotFoundError:
            return username, None
        except (netrc.NetrcParseError, OSError) as error:
            reason = error.msg if isinstance(error, netrc.NetrcParseError) else error.strerror
            if "'" in str(reason):  # the parser quotes the token that it stumbled over, which may be a password
                reason = "a line in it is broken"
            raise LoginFailedError(f"~/.netrc cannot be used: {reason}") from None
        for host in self.hosts:
            entry = file.hosts.get(host)
            if entry and entry[2] and username in (None, entry[0]):
                return entry[0], Secret(entry[2])
        return username, None


@dataclass(frozen=True)
class S3Keys:
    """An access key of the object store."""

    key: Secret
    secret: Secret


def find_s3_keys(key: Secret | None, secret: Secret | None) -> S3Keys:
    """Return the S3 keys of `eodata`: as given, or from the environment.

    Raises
    ------
    InvalidArgumentError
        Only one of the two was given.
    LoginFailedError
        There are none.
    """
    if bool(key) != bool(secret):
        raise InvalidArgumentError("S3 keys come in pairs: give s3_key and s3_secret, or neither.")
    if key and secret:
        return S3Keys(key, secret)
    for first, second in (
        ("CDSE_S3_ACCESS_KEY", "CDSE_S3_SECRET_KEY"),
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    ):
        found, hidden = os.environ.get(first), os.environ.get(second)
        if found and hidden:
            return S3Keys(Secret(found), Secret(hidden))
    raise LoginFailedError(
        "No S3 keys for eodata: make a pair on https://eodata-s3keysmanager.dataspace.copernicus.eu and set "
        "CDSE_S3_ACCESS_KEY and CDSE_S3_SECRET_KEY (or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), or give "
        "s3_key= and s3_secret=."
    )


def secret_totp(totp: str | Callable[[], str] | None) -> Secret | Callable[[], str] | None:
    """Hide a code that was given as text."""
    return Secret(totp) if isinstance(totp, str) else totp


def _secret(text: str | None) -> Secret | None:
    return Secret(text) if text else None


def _ask(username: str | None, totp: Secret | Callable[[], str] | None) -> Credentials:
    """Ask in the terminal; the password is not echoed."""
    try:
        if not username:
            print("Copernicus Data Space user name (e-mail): ", end="", file=sys.stderr, flush=True)
            username = sys.stdin.readline().strip()
        password = Secret(getpass.getpass(f"Password of {username}: "))
        totp = totp or _secret(getpass.getpass("Code of the second factor (empty if you have none): ").strip())
    except EOFError:
        raise LoginFailedError("No login was typed in.") from None
    if not username or not password.value:
        raise LoginFailedError("No login was typed in.")
    return Credentials(username, password, totp)


class StorageOptions(dict[str, object]):
    """Keyword arguments of `s3fs.S3FileSystem`: a dict whose repr hides the keys."""

    def __repr__(self) -> str:
        """Name what is in it, without the keys."""
        shown = {name: "***" if name in ("key", "secret", "token") else value for name, value in self.items()}
        return f"StorageOptions({shown!r})"

    __str__ = __repr__


def s3_options(endpoint: str, region: str, keys: S3Keys) -> StorageOptions:
    """Return the options for a store with path-style addresses and signatures in headers.

    Parameters
    ----------
    endpoint
        URL of the store.
    region
        As the signature needs it.
    keys
        The access key.
    """
    return StorageOptions(
        key=keys.key.value,
        secret=keys.secret.value,
        client_kwargs={"endpoint_url": endpoint, "region_name": region},
        config_kwargs={"s3": {"addressing_style": "path"}, "signature_version": "s3v4"},
    )
