"""A reverse proxy that counts, slows and breaks what goes through it.

In a test: ``with Proxy(upstream) as proxy: proxy.faults.latency = 0.05; …; proxy.stats()``. By itself, from the folder
``tests``: ``python -m servers.proxy UPSTREAM [PORT]``; then ``GET /__stats``, ``POST /__set {"latency": 0.05}`` and
``POST /__reset``.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from tests.servers.background import Background, Handler

_HOP = {"connection", "transfer-encoding", "keep-alive", "proxy-connection", "te", "upgrade"}
_PIECE = 1 << 16


@dataclass
class Faults:
    """What goes wrong; change it at any time.

    Parameters
    ----------
    latency
        Seconds before every answer.
    bandwidth
        Bytes a second of one connection; 0 for no limit.
    p503, p_cut, p_reset
        Share of answers that are 503, end at half, or are reset there.
    cuts
        The next bodies end (the connection is closed) after so many bytes each; those that are shorter pass.
    statuses
        The next answers have these statuses and no body.
    retry_after
        Header of answers 429 and 503 made here.
    most
        Answer 429 above so many requests at a time; 0 for no limit.
    no_range
        Hide ``Range`` from the server, which then sends the whole.
    flip
        Offset in a resource of a byte that comes inverted; for resources whose path has `flip_in` in it.
    """

    latency: float = 0.0
    bandwidth: float = 0.0
    p503: float = 0.0
    p_cut: float = 0.0
    p_reset: float = 0.0
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    retry_after: str | None = "1"
    most: int = 0
    no_range: bool = False
    flip: int | None = None
    flip_in: str = ""


@dataclass(frozen=True)
class Entry:
    """A request: bytes are those of the answer's body that were sent on; times in seconds."""

    method: str
    path: str
    status: int
    bytes: int
    range: str | None
    start: float
    end: float


class Proxy(Background):
    """Forwards to `upstream` with all headers, ``Host`` too, so that S3 signatures hold."""

    def __init__(self, upstream: str, port: int = 0, seed: int = 0) -> None:
        super().__init__(_Handler, port)
        self.upstream = urlsplit(upstream)
        self.faults = Faults()
        self._log: list[Entry] = []
        self.peak = 0
        self._now = 0
        self._lock = threading.Lock()
        self._random = random.Random(seed)

    @property
    def log(self) -> list[Entry]:
        """Give all requests that have ended; waits for those on their way (a client may be faster than we are)."""
        end = time.monotonic() + 5
        while self._now and time.monotonic() < end:
            time.sleep(0.001)
        return self._log

    @property
    def bytes(self) -> int:
        """Bytes of bodies sent on."""
        return sum(entry.bytes for entry in self.log)

    def rounds(self) -> int:
        """Round trips: groups of requests that start within one latency of the group's first."""
        count, first = 0, float("-inf")
        for start in sorted(entry.start for entry in self.log):
            if start - first > self.faults.latency * 0.9:
                count, first = count + 1, start
        return count

    def stats(self) -> dict[str, object]:
        """Give the figures of all requests since the last `reset`."""
        return {
            "requests": len(self.log),
            "bytes": self.bytes,
            "peak": self.peak,
            "rounds": self.rounds(),
            "statuses": sorted({entry.status for entry in self.log}),
            "log": [vars(entry) for entry in self.log],
        }

    def reset(self) -> None:
        """Forget all requests."""
        self.log  # waits
        with self._lock:
            self._log.clear()
            self.peak = self._now

    def upstream_of(self, path: str) -> SplitResult:
        """Give the server for a path; always the same, unless a child knows better."""
        return self.upstream

    def enter(self) -> int:
        with self._lock:
            self._now += 1
            self.peak = max(self.peak, self._now)
            return self._now

    def leave(self, entry: Entry) -> None:
        with self._lock:
            self._now -= 1
            self._log.append(entry)

    def draw(self, share: float) -> bool:
        with self._lock:
            return share > 0 and self._random.random() < share

    def next_of(self, queue: list[int]) -> int | None:
        with self._lock:
            return queue.pop(0) if queue else None

    def cut_for(self, length: int) -> int | None:
        with self._lock:
            if self.faults.cuts and length > self.faults.cuts[0]:
                return self.faults.cuts.pop(0)
            return None


class _Broken(Exception):
    """The connection was broken off on purpose."""


class _Handler(Handler):
    @property
    def proxy(self) -> Proxy:
        found = self.owner
        assert isinstance(found, Proxy)
        return found

    def _any(self) -> None:
        if self.path.startswith("/__"):
            self._control()
            return
        proxy, body, start = self.proxy, self.body(), time.perf_counter()
        self._status, self._sent = 0, 0
        now = proxy.enter()
        try:
            if proxy.faults.latency:
                time.sleep(proxy.faults.latency)
            made = self._made(now)
            if made:
                self._refuse(made)
            else:
                self._forward(body)
        except (_Broken, OSError, http.client.HTTPException):
            self.close_connection = True
        finally:
            proxy.leave(
                Entry(
                    self.command,
                    self.path,
                    self._status,
                    self._sent,
                    self.headers.get("Range"),
                    start,
                    time.perf_counter(),
                )
            )

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _any

    def _made(self, now: int) -> int | None:
        """Give the status of an answer that is made here."""
        faults = self.proxy.faults
        if faults.most and now > faults.most:
            return 429
        if self.proxy.draw(faults.p503):
            return 503
        return self.proxy.next_of(faults.statuses)

    def _refuse(self, status: int) -> None:
        self._status = status
        after = self.proxy.faults.retry_after
        headers = {"Retry_After": after} if after is not None and status in (429, 503) else {}
        self.answer(status, b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>x</Message></Error>', **headers)

    def _forward(self, body: bytes) -> None:
        faults, up = self.proxy.faults, self.proxy.upstream_of(self.path)
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in _HOP and not (faults.no_range and name.lower() in ("range", "if-range"))
        }
        connection = http.client.HTTPConnection(up.hostname or "", up.port, timeout=60)
        try:
            connection.putrequest(
                self.command, up.path.rstrip("/") + self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            self._relay(connection.getresponse())
        finally:
            connection.close()

    def _relay(self, response: http.client.HTTPResponse) -> None:
        ranged = response.getheader("Content-Range")
        self._status = 206 if response.status == 200 and ranged else response.status
        self.send_response_only(self._status)
        for name, value in response.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        bodiless = self.command == "HEAD" or response.status in (204, 304)
        length = response.getheader("Content-Length")
        chunked = length is None and not bodiless
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if not bodiless:
            found = re.match(r"bytes (\d+)-", ranged or "")
            self._pour(response, int(length or 0), int(found[1]) if found else 0, chunked=chunked)

    def _pour(self, response: http.client.HTTPResponse, length: int, position: int, *, chunked: bool) -> None:
        faults = self.proxy.faults
        good = self._status < 300
        stop = self.proxy.cut_for(length) if good else None
        reset = good and self.proxy.draw(faults.p_reset)
        if good and (reset or self.proxy.draw(faults.p_cut)):
            stop = length // 2
        size = min(_PIECE, max(1024, int(faults.bandwidth / 20))) if faults.bandwidth else _PIECE
        while piece := response.read1(size):
            if stop is not None:
                piece = piece[: stop - self._sent]
            if faults.flip is not None and good and faults.flip_in in self.path:
                piece = _flipped(piece, faults.flip - position)
            position += len(piece)
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            self._sent += len(piece)
            if stop is not None and self._sent >= stop:
                self._break(reset=reset)
            if faults.bandwidth:
                time.sleep(len(piece) / faults.bandwidth)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _break(self, *, reset: bool) -> None:
        self.wfile.flush()
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_WR)
        raise _Broken

    def _control(self) -> None:
        proxy = self.proxy
        if self.path == "/__stats":
            self.answer(200, json.dumps(proxy.stats()).encode(), Content_Type="application/json")
        elif self.path == "/__set":
            for name, value in json.loads(self.body()).items():
                setattr(proxy.faults, name, value)
            self.answer(200, json.dumps(vars(proxy.faults)).encode(), Content_Type="application/json")
        elif self.path == "/__reset":
            proxy.reset()
            self.answer(200)
        else:
            self.answer(404)


def _flipped(piece: bytes, offset: int) -> bytes:
    if not 0 <= offset < len(piece):
        return piece
    return piece[:offset] + bytes([piece[offset] ^ 0xFF]) + piece[offset + 1 :]


if __name__ == "__main__":
    with Proxy(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0) as running:
        print(running.url, flush=True)
        threading.Event().wait()
