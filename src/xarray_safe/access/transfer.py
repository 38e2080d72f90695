"""Download one product into a file, resuming where it stopped, with a limit on every wait."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Protocol

import requests

from xarray_safe.access import http
from xarray_safe.access.errors import (
    AccessError,
    DiskFullError,
    LoginFailedError,
    ProductOfflineError,
    ServerFailedError,
    UnknownProductError,
)
from xarray_safe.net.retry import Attempts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from requests import Response

    from xarray_safe.access.http import Limits

_PIECE = 1 << 18
_PROGRESS = 1 << 16
"""Bytes that count as progress of a connection."""

_FULL = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name)}

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


class SendRequest(Protocol):
    """Sends a GET with these headers; the response's body is not read yet."""

    def __call__(self, headers: Mapping[str, str]) -> Response:
        """Send it."""


@dataclass(frozen=True)
class _Known:
    """Size and version (for If-Range) of the file on the server."""

    total: int | None = None
    version: str | None = None


class _Restart(Exception):
    """The local bytes are not the beginning of the file on the server."""


class Transfer:
    """A download of one file.

    Parameters
    ----------
    ask
        Sends the request.
    part
        Local file; existing bytes are resumed from if the file on the server is unchanged.
    what
        The product, for messages.
    limits
        How long to wait.
    progress
        Called with the bytes that are there and those that are expected (None if the server does not say).
    """

    def __init__(
        self,
        ask: SendRequest,
        part: Path,
        what: str,
        limits: Limits,
        progress: Callable[[int, int | None], object] = lambda _have, _total: None,
    ) -> None:
        self._ask = ask
        self._part = part
        self._note = part.with_name(f"{part.name}.json")
        self._what = what
        self._limits = limits
        self._progress = progress
        self._known = self._read_note()

    def download(self) -> int:
        """Download all of it; return its size in bytes.

        Raises
        ------
        AccessError
            One of its children: the product is not available, the server fails, the disk is full.
        """
        attempts = Attempts(self._limits)
        best = have = self._size()
        while True:
            try:
                if self._attempt(have):
                    return self._size()
                problem: Exception = ServerFailedError("it ends too early")
            except _Restart:
                self.discard()
                problem = ServerFailedError("it changed, or cannot be resumed")
            except http.NETWORK_ERRORS as error:
                if isinstance(error, AccessError):
                    raise
                problem = error
            have = self._size()
            if have >= best + _PROGRESS:
                attempts.progressed()
            else:
                attempts.count()
            best = max(best, have)
            if attempts.exhausted:
                raise ServerFailedError(
                    f"{self._what}: the download broke off {attempts.failures} times in a row without progress "
                    f"({type(problem).__name__}), at byte {have} of {self._known.total or '?'}. "
                    "Try again later; it resumes from there."
                )
            time.sleep(attempts.pause)

    def discard(self) -> None:
        """Delete the local bytes."""
        self._part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self._known = _Known()

    def _attempt(self, have: int) -> bool:
        """Download the missing bytes over one connection; return True if the file is complete."""
        if have and self._known.total == have:
            return True
        if have and not (self._known.total and have < self._known.total):
            self.discard()  # of unknown origin
            have = 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if self._known.version:
                headers["If-Range"] = self._known.version
        response = self._ask(headers)
        try:
            start = self._start(response, have)
            return self._write(response, start)
        finally:
            response.close()

    def _start(self, response: Response, have: int) -> int:
        """Return the byte at which an answer starts; note size and version of the whole."""
        status = response.status_code
        if status == 416:
            raise _Restart
        if status not in (200, 206):
            raise _refusal(response, self._what)
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise ServerFailedError(f"{self._what}: {http.host_of(response.url)} compresses the download, unasked.")
        length = response.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
        if status == 200:
            self._remember(_Known(total, _version(response)))
            return 0
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not have or not found or found[1] is None or int(found[1]) != have:
            raise _Restart
        if found[3] not in ("*", str(self._known.total)) or _version(response) != self._known.version:
            raise _Restart
        return have

    def _write(self, response: Response, start: int) -> bool:
        """Write a body from a position on; return True if the file is complete."""
        total = self._known.total
        have = start
        with _disk(self._what), open(self._part, "r+b" if start else "wb") as file:
            file.seek(start)
            self._progress(have, total)
            pace = ThroughputGuard(self._limits.read)
            while True:
                piece = response.raw.read1(_PIECE, decode_content=False)
                if not piece:
                    break
                file.write(piece)
                have += len(piece)
                self._progress(have, total)
                pace.check(have)
                if total is not None and have > total:
                    raise _Restart
            file.flush()
            os.fsync(file.fileno())
        if total is None:  # chunked: a regular end is the only sign
            self._remember(_Known(have, self._known.version))
            return True
        return have == total

    def _size(self) -> int:
        try:
            return self._part.stat().st_size
        except OSError:
            return 0

    def _remember(self, known: _Known) -> None:
        self._known = known
        with _disk(self._what):
            self._note.write_text(json.dumps(asdict(known)), encoding="utf-8")

    def _read_note(self) -> _Known:
        try:
            values = json.loads(self._note.read_text(encoding="utf-8"))
            total, version = values["total"], values["version"]
        except (OSError, ValueError, KeyError, TypeError):
            return _Known()
        return _Known(total if isinstance(total, int) else None, version if isinstance(version, str) else None)


class ThroughputGuard:
    """Raises a time-out if a body arrives too slowly."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since = time.monotonic()
        self._from: int | None = None

    def check(self, have: int) -> None:
        """Raise a time-out if too few bytes came in the time allowed."""
        if self._from is None:
            self._from = have
        now = time.monotonic()
        if now - self._since < self._seconds:
            return
        if have - self._from < _PROGRESS:
            raise requests.Timeout("the server sends next to nothing")
        self._since, self._from = now, have


def _version(response: Response) -> str | None:
    """Return what If-Range takes: a strong ETag, else the time of change."""
    etag = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    return response.headers.get("Last-Modified")


def _refusal(response: Response, what: str) -> AccessError:
    """Return the error for a response that is not a download."""
    host, status, said = http.host_of(response.url), response.status_code, http.message_of(response)
    if status == 401:
        return LoginFailedError(f"{what}: {host} gives it to nobody without a login (status 401){said}")
    if status == 403:
        return AccessError(f"{what}: {host} does not give it to this account (status 403){said}")
    if status in (202, 410) or "offline" in said.lower():
        return ProductOfflineError(
            f"{what} is offline (status {status}){said}. Order it on https://browser.dataspace.copernicus.eu."
        )
    if status == 404:
        return UnknownProductError(
            f"{what}: {host} does not have it (status 404){said}. Look it up in the catalogue again."
        )
    return AccessError(f"{what}: {host} answers with status {status}{said}")


@contextlib.contextmanager
def _disk(what: str) -> Iterator[None]:
    """Turn errors of the file system into errors of their own, so that they are not taken for those of the network."""
    try:
        yield
    except OSError as error:
        if isinstance(error, requests.RequestException):
            raise
        if error.errno in _FULL:
            raise DiskFullError(f"{what}: the disk is full; make room and try again; it resumes from there.") from None
        raise AccessError(f"{what} cannot be written to {error.filename or 'the disk'} ({error.strerror}).") from None
