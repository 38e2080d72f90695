"""Many ranges at once: neighbours joined, connections bounded, failures retried, every wait limited."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from xarray_safe.archive.ranges import Blocks, ByteRange, coalesce, read_through, split
from xarray_safe.archive.remote.store import ObjectVersion, RangeResponse, Store, TransientError
from xarray_safe.errors import CorruptFileError, InvalidArgumentError, RemoteFailedError, SafeError
from xarray_safe.net.retry import Attempts, RetryPolicy, remote_policy
from xarray_safe.runtime import PerProcess, settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    from xarray_safe.archive.files import Request

T = TypeVar("T")

_GAP = 1 << 16
"""Bytes between two ranges that are moved rather than paid for with a request of their own."""
_PIECE = 8 << 20
"""Maximum bytes of one request."""


class OtherSizeError(CorruptFileError):
    """A file has another size than the product's manifest claims: ask for it again, by its own."""

    def __init__(self, path: str, size: int, claimed: int) -> None:
        super().__init__(f"{path} has {size} bytes, {claimed} by the manifest")
        self.path, self.size, self.claimed = path, size, claimed


@dataclass
class VersionTracker:
    """The versions of files when they were first read; any thread may use it."""

    seen: dict[str, ObjectVersion] = field(default_factory=dict)
    claims: dict[str, int] = field(default_factory=dict)
    """Sizes of files that a manifest claims: the server's word outweighs them."""

    def check(self, path: str, label: str, now: ObjectVersion) -> None:
        """Compare a version with the first one.

        Raises
        ------
        CorruptFileError
            The file was replaced.
        OtherSizeError
            It is not as large as a manifest claims; the claim is dropped.
        """
        claim = self.claims.pop(path, None)
        if None not in (claim, now.size) and claim != now.size and path not in self.seen:
            self.seen[path] = now
            raise OtherSizeError(path, now.size or 0, claim or 0)
        before = self.seen.setdefault(path, now)
        if before == now:
            return
        if None not in (before.size, now.size) and before.size != now.size:
            raise CorruptFileError(
                f"{label} has {now.size} bytes, but had {before.size} (or should have, by the product's own list or "
                "the catalogue): it was replaced or is damaged; open the product again, or download it again"
            )
        if before.tag and now.tag and before.tag != now.tag:
            raise CorruptFileError(f"{label} was replaced after it had been opened; open it again")
        self.seen[path] = ObjectVersion(before.size if now.size is None else now.size, before.tag or now.tag)

    def expect(self, path: str, version: ObjectVersion) -> None:
        """Add what a list, or another process, knows of a file; what was seen here stays.

        So if both have seen different versions, the next answer is an error.
        """
        before = self.seen.get(path, ObjectVersion(None, ""))
        self.seen[path] = ObjectVersion(
            before.size if version.size is None else version.size, before.tag or version.tag
        )


class Fetcher:
    """Fetches ranges from a store; created where it is used, does not pickle.

    Parameters
    ----------
    store
        Where the files are.
    versions
        Of the files, to compare.
    """

    def __init__(self, store: Store, versions: VersionTracker) -> None:
        self.store = store
        self.versions = versions

    def one(self, path: str, start: int = 0, stop: int | None = None) -> RangeResponse:
        """Fetch one range and wait for it; see `Store.get`."""
        policy = remote_policy()
        return run(self._one(ByteRange(path, start, stop), policy), policy.deadline)

    def list_files(self, path: str) -> Mapping[str, ObjectVersion] | None:
        """Return the versions of the files below a folder; see `Store.list_files`."""
        policy = remote_policy()
        return run(self._persist(path, lambda: self.store.list_files(path), policy), policy.deadline)

    def one_and_find(
        self, path: str, folder: str
    ) -> tuple[RangeResponse | SafeError, Mapping[str, ObjectVersion] | SafeError | None]:
        """Fetch a file whole and list a folder at the same time; what failed is returned as its error."""
        policy = remote_policy()

        async def both() -> tuple[object, object]:
            listing = self._persist(folder, lambda: self.store.list_files(folder), policy)
            return await asyncio.gather(self._one(ByteRange(path, 0, None), policy), listing, return_exceptions=True)

        answer, found = run(both(), policy.deadline)
        for result in (answer, found):
            if isinstance(result, BaseException) and not isinstance(result, SafeError):
                raise result
        return answer, found  # type: ignore[return-value]

    def many(self, requests: Sequence[Request], gap: int | None = None) -> list[bytes]:
        """Fetch ranges with start and stop within their files, joined if little is between them, and wait for them.

        Returns
        -------
        list
            Bytes in the order of the requests.

        Raises
        ------
        SafeError
            One of them failed permanently; the others are cancelled.
        """
        policy = remote_policy()
        wanted = [request for request in requests if request[1] != request[2]]
        joined = coalesce(wanted, _GAP if gap is None else gap)
        pieces = [piece for block in joined for piece in split(block, _PIECE)]
        waves = -(-len(pieces) // settings().connections)
        answers = run(self._all(pieces, policy), policy.deadline * max(1, waves)) if pieces else []
        got = {piece: answer.data for piece, answer in zip(pieces, answers, strict=True)}
        whole = (b"".join(got[piece] for piece in split(block, _PIECE)) for block in joined)
        return read_through(Blocks(zip(joined, whole, strict=True)), requests, lambda empty: [b""] * len(empty))

    async def _all(self, ranges: Sequence[ByteRange], policy: RetryPolicy) -> list[RangeResponse]:
        tasks = [asyncio.ensure_future(self._one(wanted, policy)) for wanted in ranges]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _one(self, wanted: ByteRange, policy: RetryPolicy) -> RangeResponse:
        answer = await self._persist(wanted.name, lambda: self.store.get(*wanted), policy)
        label = self.store.label(wanted.name)
        self.versions.check(wanted.name, label, answer.version)
        if wanted.stop is not None and len(answer.data) != wanted.stop - wanted.start:
            raise CorruptFileError(
                f"{label} ends at byte {wanted.start + len(answer.data)}, before byte {wanted.stop}; it is cut short "
                "or was replaced; download the product again"
            )
        return answer

    async def _persist(self, path: str, attempt: Callable[[], Awaitable[T]], policy: RetryPolicy) -> T:
        """Retry until there is an answer or a limit is reached."""
        label = self.store.label(path)
        attempts = Attempts(policy)
        while True:
            try:
                async with _connection(self.store.host):
                    return await asyncio.wait_for(attempt(), policy.answer)
            except TimeoutError:
                problem = TransientError(f"no complete answer within {policy.answer:.0f} s")
            except TransientError as error:
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


_semaphores: PerProcess[dict[tuple[int, str], asyncio.Semaphore]] = PerProcess(dict)


def _connection(host: str) -> asyncio.Semaphore:
    """Return the semaphore that bounds the connections to a host in this process."""
    key = (id(asyncio.get_running_loop()), host)
    return _semaphores().setdefault(key, asyncio.Semaphore(settings().connections))


def run(coroutine: Coroutine[object, object, T], seconds: float) -> T:
    """Run a coroutine on fsspec's event loop, a thread of its own, and wait for it, but not forever."""
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
