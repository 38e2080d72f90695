"""The token of a login, and the file (mode 0600) in which processes share it."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from xarray_safe.access.errors import AccessError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAFETY = 60.0
"""Seconds before its end at which a token counts as expired (a fifth of its life, if that is less)."""


@dataclass(frozen=True)
class Token:
    """What the identity server gave for a login.

    Parameters
    ----------
    username
        Whose it is.
    access, refresh
        The bearer token, and what gets the next one.
    expires, refresh_expires
        When they end, in seconds since 1970 by our own clock.
    life
        Seconds for which the bearer token is good in all.
    """

    username: str
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires: float
    refresh_expires: float
    life: float

    def fresh(self, now: float) -> bool:
        """Return True if the bearer token can be used for a while yet."""
        return now < self.expires - min(_SAFETY, self.life / 5)

    def renewable(self, now: float) -> bool:
        """Return True if a new one can be had without a login."""
        return bool(self.refresh) and now < self.refresh_expires


class TokenStore:
    """Tokens of one identity server in the user's state folder, a file for each user.

    A file that others can read, or that belongs to somebody else, is not used. What cannot be read counts as absent.

    Parameters
    ----------
    folder
        Made (mode 0700) if it is not there.
    endpoint
        URL of the identity server's token endpoint.
    """

    def __init__(self, folder: Path, endpoint: str) -> None:
        self._folder = folder
        self._prefix = f"token-{_digest(endpoint)}-"

    def prepare(self) -> None:
        """Make the folder; raises OSError if that cannot be done."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=self._folder):
            pass

    def lock(self, timeout: float) -> FileLock:
        """Return the lock to hold while a new token is fetched; raises `AccessError` on use if others keep it."""
        return _Lock(self._folder / f"{self._prefix}lock", timeout=timeout, mode=0o600)

    def read(self, username: str | None) -> Token | None:
        """Return the token of a user; of whoever logged in last, if no user is named."""
        if username is not None:
            return _read(self._path(username))
        files = sorted(self._folder.glob(f"{self._prefix}*.json"), key=_changed, reverse=True)
        return next((token for file in files if (token := _read(file))), None)

    def write(self, token: Token) -> None:
        """Put a token into its file, in one step; never readable by others, not even for a moment."""
        values = {
            "username": token.username,
            "access": token.access,
            "refresh": token.refresh,
            "expires": token.expires,
            "refresh_expires": token.refresh_expires,
            "life": token.life,
        }
        handle, path = tempfile.mkstemp(dir=self._folder, prefix=".token-")  # mkstemp: mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(values, file)
            os.replace(path, self._path(token.username))
        except BaseException:
            Path(path).unlink(missing_ok=True)
            raise

    def forget(self, username: str | None) -> None:
        """Delete the token of a user; those of all, if no user is named."""
        for file in self._files(username):
            file.unlink(missing_ok=True)

    def _files(self, username: str | None) -> Iterator[Path]:
        if username is None:
            yield from self._folder.glob(f"{self._prefix}*.json")
        else:
            yield self._path(username)

    def _path(self, username: str) -> Path:
        return self._folder / f"{self._prefix}{_digest(username)}.json"


class _Lock(FileLock):
    def __enter__(self) -> _Lock:
        """Wait for the lock, for a limited time."""
        try:
            super().__enter__()
        except Timeout:
            raise AccessError(
                f"another process has been logging in for too long; if there is none, delete {self.lock_file}"
            ) from None
        return self


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _read(path: Path) -> Token | None:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    with os.fdopen(handle, encoding="utf-8") as file:
        found = os.fstat(handle)
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077):
            return None
        try:
            values = json.load(file)
            return Token(
                str(values["username"]),
                str(values["access"]),
                str(values["refresh"]),
                float(values["expires"]),
                float(values["refresh_expires"]),
                float(values["life"]),
            )
        except (ValueError, KeyError, TypeError, OSError):
            return None
