"""Counters of this process: its peak of memory, the bytes that it read, its HTTP requests and what came back.

Memory and files are known on Linux only. HTTP is counted in aiohttp (fsspec's HTTP and S3) and in the standard library
(requests, urllib3); clients with a network stack of their own (obstore, libcurl) are not counted.
"""

from __future__ import annotations

import http.client
import importlib.util
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROC = Path("/proc/self")


@dataclass(frozen=True)
class Usage:
    """Resources used between start and stop; None if the system does not tell."""

    memory: int | None
    requests: int
    received: int
    read: int | None


class UsageMeter:
    """Counts from `start` to `stop`, for as long as the process lives; one per process."""

    def __init__(self) -> None:
        self.requests = 0
        self.received = 0
        self._count_standard_library()
        if importlib.util.find_spec("aiohttp"):
            self._count_aiohttp()

    def start(self) -> None:
        """Start counting from zero."""
        with suppress(OSError):
            (_PROC / "clear_refs").write_text("5")  # resets the peak
        self._before = (_status("VmRSS"), self.requests, self.received, _read())

    def stop(self) -> Usage:
        """Return the usage since `start`."""
        memory, requests, received, read = self._before
        peak, now = _status("VmHWM"), _read()
        return Usage(
            memory=None if peak is None or memory is None else max(0, peak - memory),
            requests=self.requests - requests,
            received=self.received - received,
            read=None if now is None or read is None else now - read,
        )

    def _count_standard_library(self) -> None:
        putrequest, readinto = http.client.HTTPConnection.putrequest, socket.SocketIO.readinto
        meter = self

        def counted_request(connection: Any, *args: Any, **kwargs: Any) -> None:
            meter.requests += 1
            putrequest(connection, *args, **kwargs)

        def counted_read(source: Any, buffer: Any) -> int | None:
            count = readinto(source, buffer)
            meter.received += count or 0
            return count

        http.client.HTTPConnection.putrequest = counted_request  # type: ignore[method-assign,assignment]
        socket.SocketIO.readinto = counted_read  # type: ignore[method-assign,assignment]

    def _count_aiohttp(self) -> None:
        import aiohttp

        request, feed = aiohttp.ClientSession._request, aiohttp.StreamReader.feed_data
        meter = self

        async def counted_request(session: Any, *args: Any, **kwargs: Any) -> Any:
            meter.requests += 1
            return await request(session, *args, **kwargs)

        def counted_feed(reader: Any, data: bytes, *args: Any, **kwargs: Any) -> Any:
            meter.received += len(data)
            return feed(reader, data, *args, **kwargs)

        aiohttp.ClientSession._request = counted_request  # type: ignore[method-assign, assignment]
        aiohttp.StreamReader.feed_data = counted_feed  # type: ignore[method-assign, assignment]


def _status(key: str) -> int | None:
    """Memory in bytes, as Linux has it."""
    try:
        lines = (_PROC / "status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:")), None)


def _read() -> int | None:
    """Bytes that this process read from files, from the page cache or not."""
    try:
        lines = (_PROC / "io").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("rchar:")), None)
