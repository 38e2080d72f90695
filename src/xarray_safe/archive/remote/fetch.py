"""Many ranges at once: neighbours joined, connections counted, failures tried again, every wait limited."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from xarray_safe.archive.remote.store import Answer, Store, TryAgain, Version
from xarray_safe.errors import CorruptFileError, InvalidArgumentError, RemoteFailedError
from xarray_safe.net.retry import Attempts, RetryPolicy, remote_policy
from xarray_safe.runtime import PerProcess, settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

T = TypeVar("T")

_GAP = 1 << 16
"""Bytes between two ranges that are moved rather than paid for with a request of their own."""
_PIECE = 8 << 20
"""Maximum bytes of one request."""


class Span(NamedTuple):
    """A range of the bytes of a file; see `Store.get` for what start and stop may be."""

    path: str
    start: int
    stop: int | None


@dataclass
class Versions:
    """The versions of files as they were first seen; any thread may use it."""

    seen: dict[str, Version] = field(default_factory=dict)

    def check(self, path: str, label: str, now: Version) -> None:
        """Compare with what was seen before.

        Raises
        ------
        CorruptFileError
            The file was replaced.
        """
        before = self.seen.setdefault(path, now)
        if before == now:
            return
        if None not in (before.size, now.size) and before.size != now.size:
            raise CorruptFileError(
                f"{label} has {now.size} bytes, but had {before.size} (or should, as the product's own list or the "
                "catalogue says): it was replaced or is damaged; open the product again, or fetch it again"
            )
        if before.tag and now.tag and before.tag != now.tag:
            raise CorruptFileError(f"{label} was replaced after it had been opened; open it again")
        self.seen[path] = Version(before.size if now.size is None else now.size, before.tag or now.tag)

    def expect(self, path: str, version: Version) -> None:
        """Take over what a list, or another process, says of a file; what was seen here already stays.

        So if both have seen another version, the next answer is of one of them only, and an error.
        """
        before = self.seen.get(path, Version(None, ""))
        self.seen[path] = Version(before.size if version.size is None else version.size, before.tag or version.tag)


class Fetcher:
    """Fetches ranges from a store; made where it is used, does not pickle.

    Parameters
    ----------
    store
        The place.
    versions
        Where versions are kept and compared.
    """

    def __init__(self, store: Store, versions: Versions) -> None:
        self.store = store
        self.versions = versions

    def one(self, path: str, start: int = 0, stop: int | None = None) -> Answer:
        """Fetch one range; see `Store.get`. Blocks."""
        policy = remote_policy()
        return run(self._one(Span(path, start, stop), policy), policy.deadline)

    def find(self, path: str) -> Mapping[str, Version] | None:
        """Versions of the files below a folder; see `Store.find`. Blocks."""
        policy = remote_policy()
        return run(self._persist(path, lambda: self.store.find(path), policy), policy.deadline)

    def many(self, spans: Sequence[Span], gap: int | None = None) -> list[bytes]:
        """Fetch ranges with start and stop inside their files, joined where little lies between them. Blocks.

        Returns
        -------
        list
            Bytes in the order asked for.

        Raises
        ------
        SafeError
            One of them failed for good; the others are given up.
        """
        policy = remote_policy()
        joined = join([span for span in spans if span.stop != span.start], _GAP if gap is None else gap)
        pieces = [piece for block in joined for piece in cut(block, _PIECE)]
        waves = -(-len(pieces) // settings().connections)
        answers = run(self._all(pieces, policy), policy.deadline * max(1, waves)) if pieces else []
        got = {(piece.path, piece.start): answer.data for piece, answer in zip(pieces, answers, strict=True)}
        blocks = [(block, b"".join(got[piece.path, piece.start] for piece in cut(block, _PIECE))) for block in joined]
        return [_take(span, blocks) for span in spans]

    async def _all(self, spans: Sequence[Span], policy: RetryPolicy) -> list[Answer]:
        tasks = [asyncio.ensure_future(self._one(span, policy)) for span in spans]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _one(self, span: Span, policy: RetryPolicy) -> Answer:
        answer = await self._persist(span.path, lambda: self.store.get(*span), policy)
        label = self.store.label(span.path)
        self.versions.check(span.path, label, answer.version)
        if span.stop is not None and len(answer.data) != span.stop - span.start:
            raise CorruptFileError(
                f"{label} ends at byte {span.start + len(answer.data)}, before byte {span.stop}; it is cut short, or "
                "was replaced; fetch the product again"
            )
        return answer

    async def _persist(self, path: str, attempt: Callable[[], Awaitable[T]], policy: RetryPolicy) -> T:
        """Try until there is an answer, or no hope."""
        label = self.store.label(path)
        attempts = Attempts(policy)
        while True:
            try:
                async with _connection(self.store.host):
                    return await asyncio.wait_for(attempt(), policy.answer)
            except TimeoutError:
                problem = TryAgain(f"no complete answer within {policy.answer:.0f} s")
            except TryAgain as error:
                problem = error
            attempts.count(busy=problem.busy, after=problem.after)
            if attempts.exhausted:
                raise RemoteFailedError(
                    f"{label} could not be read, tried {attempts.failures} times: {problem.what}. "
                    "Check the network, or try later."
                )
            if attempts.too_long:
                waited, pause = attempts.waited - attempts.pause, attempts.pause
                raise RemoteFailedError(
                    f"{label}: the server has too much to do ({problem.what}); waited {waited:.0f} s, another "
                    f"{pause:.0f} s were asked for. Try later, or with fewer connections (XARRAY_SAFE_CONNECTIONS)."
                )
            await asyncio.sleep(attempts.pause)


def join(spans: Sequence[Span], gap: int) -> list[Span]:
    """Join ranges of the same file between which at most `gap` bytes lie."""
    whole = {span.path for span in spans if span.stop is None}
    joined = [Span(path, 0, None) for path in sorted(whole)]
    for span in sorted((span for span in spans if span.path not in whole), key=lambda span: span[:2]):
        last = joined[-1] if joined else None
        stop = span.stop or 0
        if last and last.stop is not None and last.path == span.path and span.start - last.stop <= gap:
            joined[-1] = last._replace(stop=max(last.stop, stop))
        else:
            joined.append(span)
    return joined


def cut(span: Span, piece: int) -> list[Span]:
    """Cut a long range into equal pieces, which can be fetched side by side."""
    if span.stop is None:
        return [span]
    count = -(-(span.stop - span.start) // piece)
    step = -(-(span.stop - span.start) // max(1, count))
    return [Span(span.path, at, min(at + step, span.stop)) for at in range(span.start, span.stop, max(1, step))]


def _take(span: Span, blocks: Sequence[tuple[Span, bytes]]) -> bytes:
    if span.start == span.stop:
        return b""
    for block, data in blocks:
        if block.path == span.path and block.start <= span.start < block.start + len(data):
            return data[span.start - block.start : None if span.stop is None else span.stop - block.start]
    raise AssertionError(f"{span} was not fetched")


_semaphores: PerProcess[dict[tuple[int, str], asyncio.Semaphore]] = PerProcess(dict)


def _connection(host: str) -> asyncio.Semaphore:
    """Return what limits the connections to a host in this process."""
    key = (id(asyncio.get_running_loop()), host)
    return _semaphores().setdefault(key, asyncio.Semaphore(settings().connections))


def run(coroutine: Coroutine[object, object, T], seconds: float) -> T:
    """Run a coroutine on fsspec's event loop, a thread of its own, and wait for it, but not for ever."""
    import fsspec.asyn

    loop = fsspec.asyn.get_loop()
    if fsspec.asyn.iothread[0] is threading.current_thread():
        coroutine.close()
        raise InvalidArgumentError("archives cannot be read from within fsspec's own event loop; use another thread")
    future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    try:
        return future.result(seconds)
    except concurrent.futures.TimeoutError:
        if future.done():
            raise
        raise RemoteFailedError(f"reading did not end within {seconds:.0f} s; check the network") from None
    finally:
        future.cancel()
