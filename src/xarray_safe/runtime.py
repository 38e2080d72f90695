"""The state of a process: settings, caches, threads and locks. All of it is made at its first use and can be forgotten.

A module that needs a cache declares it as `PerProcess`, which is the only kind of state there is: `reset` forgets all
of it, and so does a forked child, which has neither the threads nor the holders of the locks that it inherits. Nothing
here changes what is read, only how often.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast
from weakref import ref

from xarray_safe.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

T = TypeVar("T")

INDEX_BYTES = 32_000_000
_READERS = 8
_NOT_MADE = object()


class PerProcess(Generic[T]):
    """A value that each process makes for itself, at its first use; any thread may call.

    Parameters
    ----------
    make
        Makes the value. While it runs, other threads that need the value wait.
    inherited
        Whether a forked child continues with its parent's value: one that holds no lock, thread or handle.
    connected
        Whether the value holds connections: a forked child, which must not use them, does not free them either, because
        that would close them for its parent.
    """

    _all: ClassVar[list[ref[PerProcess[Any]]]] = []
    _of_parents: ClassVar[list[object]] = []

    def __init__(self, make: Callable[[], T], *, inherited: bool = False, connected: bool = False) -> None:
        self._make = make
        self._inherited, self._connected = inherited, connected
        self._value: T | object = _NOT_MADE
        self._lock = threading.RLock()
        self._all.append(ref(self, self._all.remove))

    def __call__(self) -> T:
        """Return the value; make it if there is none."""
        value = self._value
        if value is _NOT_MADE:
            with self._lock:
                if self._value is _NOT_MADE:
                    self._value = self._make()
                value = self._value
        return cast("T", value)

    def forget(self) -> None:
        """Drop the value; the next call makes another."""
        self._value = _NOT_MADE
        self._lock = threading.RLock()

    def forget_in_child(self) -> None:
        """Drop what a forked child must not use: a lock that a thread of its parent may hold, and most values."""
        if not self._inherited:
            if self._connected:
                self._of_parents.append(self._value)
            self._value = _NOT_MADE
        self._lock = threading.RLock()

    @classmethod
    def instances(cls) -> tuple[PerProcess[Any], ...]:
        """Return all state of this process."""
        return tuple(state for known in tuple(cls._all) if (state := known()) is not None)


def reset() -> None:
    """Forget all settings, caches and threads; the next use reads the environment again."""
    for state in PerProcess.instances():
        state.forget()


_fork_locks: list[threading.RLock] = []


def lock_across_forks() -> threading.RLock:
    """Return a new lock that is held while a process forks, so that no child starts amid what the lock guards."""
    lock = threading.RLock()
    _fork_locks.append(lock)
    return lock


def _before_fork() -> None:
    for lock in _fork_locks:
        lock.acquire()


def _after_fork() -> None:
    for lock in reversed(_fork_locks):
        lock.release()


def _in_child() -> None:
    _after_fork()
    for state in PerProcess.instances():
        state.forget_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


class LRUCache(Generic[T]):
    """Values by key, the least recently used dropped if their bytes exceed a limit; any thread may call."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.nbytes = 0
        self._lock = threading.Lock()
        self._items: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of cached values."""
        return len(self._items)

    def get(self, key: Hashable) -> T | None:
        """Return the value of a key, or None."""
        with self._lock:
            item = self._items.get(key)
            if item is None:
                return None
            self._items.move_to_end(key)
            return item[0]

    def put(self, key: Hashable, value: T, nbytes: int) -> None:
        """Cache a value of `nbytes` bytes, unless it is larger than the limit."""
        with self._lock:
            self._drop(key)
            if nbytes > self.limit:
                return
            self._items[key] = (value, nbytes)
            self.nbytes += nbytes
            while self.nbytes > self.limit:
                self._drop(next(iter(self._items)))

    def drop(self, key: Hashable) -> None:
        """Forget a key, if it is there."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: Hashable) -> None:
        item = self._items.pop(key, None)
        if item is not None:
            self.nbytes -= item[1]


settings: PerProcess[Settings] = PerProcess(lambda: Settings.from_environ(os.environ))
"""The settings of this process."""

indexes: PerProcess[LRUCache[Any]] = PerProcess(lambda: LRUCache(INDEX_BYTES))
"""Tile indexes and GRIB headers, by file identity."""

_index_locks: PerProcess[tuple[threading.Lock, ...]] = PerProcess(lambda: tuple(threading.Lock() for _ in range(64)))


def opening(key: Hashable) -> threading.Lock:
    """Return the lock under which the index of a key is made, so that one thread makes it; some keys share one."""
    locks = _index_locks()
    return locks[hash(key) % len(locks)]


readers: PerProcess[ThreadPoolExecutor] = PerProcess(
    lambda: ThreadPoolExecutor(_READERS, thread_name_prefix="xarray-safe-read")
)
"""Threads that wait for bytes; the connections of each server are limited separately."""


class Crew:
    """Threads that decode, for one caller at a time."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="xarray-safe") if threads > 1 else None
        self._lock = threading.Lock()
        self._callers = 0

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run independent tasks; see `run`."""
        with self._lock:
            alone = self._callers == 0
            self._callers += 1
        try:
            if self._pool and alone and len(tasks) > 1 and multiprocessing.parent_process() is None:
                _run_in(self._pool, tasks)
            else:
                for task in tasks:
                    task()
        finally:
            with self._lock:
                self._callers -= 1


def _run_in(pool: ThreadPoolExecutor, tasks: Sequence[Callable[[], None]]) -> None:
    futures = [pool.submit(task) for task in tasks]
    try:
        for future in futures:
            future.result()
    finally:
        for future in futures:
            future.cancel()
        wait(futures)


_crew: PerProcess[Crew] = PerProcess(lambda: Crew(settings().threads))


def run(tasks: Sequence[Callable[[], None]]) -> None:
    """Run independent tasks, in parallel unless this process does so already.

    The first caller spreads its tasks over the threads. Whoever calls meanwhile, be it a thread of dask's, of any other
    pool, of a server, or one of these threads itself, runs its own: the processors are busy, and more threads than
    processors only cost. Worker processes, of which there are others, do not spread theirs at all.

    Raises
    ------
    Exception
        The first failing task's own error, after all running tasks have ended.
    """
    _crew().run(tasks)
