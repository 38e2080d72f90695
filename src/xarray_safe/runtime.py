"""The one shared state of a process: decoded tiles, image indexes, and the threads that decode.

All of it is bounded in bytes, guarded by locks, and forgotten in a forked child. Nothing here changes what is
read, only how often. Settings come from the environment, read once:

- ``XARRAY_SAFE_TILE_CACHE``: bytes of decoded tiles to keep, such as ``256MB``; ``0`` keeps none (default 128MB);
- ``XARRAY_SAFE_THREADS``: threads that decode the tiles of one window (default: the processors of this process);
- ``XARRAY_SAFE_OPENJPEG``: path of the OpenJPEG library to use, or ``off`` for none (default: search).
"""

from __future__ import annotations

import multiprocessing
import os
import re
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from xarray_safe.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

T = TypeVar("T")
Pixels = np.ndarray[Any, np.dtype[Any]]

TILE_BYTES = 128_000_000
INDEX_BYTES = 32_000_000
MAX_THREADS = 16
MAX_NOTES = 4096
NOTHING = 1e-9
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


@dataclass(frozen=True)
class Settings:
    """What the environment says.

    Parameters
    ----------
    tile_bytes
        Bytes of decoded tiles to keep; 0 keeps none.
    threads
        Threads that decode the tiles of one window; 1 decodes in the calling thread.
    openjpeg
        Path of the OpenJPEG library, ``"off"`` for none, empty to search.
    """

    tile_bytes: int = TILE_BYTES
    threads: int = 1
    openjpeg: str = ""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings from environment variables.

        Raises
        ------
        InvalidArgumentError
            A variable does not say a number.
        """
        size = environ.get("XARRAY_SAFE_TILE_CACHE", "").strip()
        threads = environ.get("XARRAY_SAFE_THREADS", "").strip()
        if threads and not (threads.isdecimal() and int(threads) >= 1):
            raise InvalidArgumentError(f"XARRAY_SAFE_THREADS is {threads!r}; give a number of threads from 1 on")
        return cls(
            tile_bytes=_bytes(size) if size else TILE_BYTES,
            threads=int(threads) if threads else min(_processors(), MAX_THREADS),
            openjpeg=environ.get("XARRAY_SAFE_OPENJPEG", "").strip(),
        )


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?)?b?", text.lower())
    if match is None:
        raise InvalidArgumentError(
            f"XARRAY_SAFE_TILE_CACHE is {text!r}; give bytes such as 256MB, or 0 to keep no tiles"
        )
    return int(float(match[1]) * UNITS[match[2] or ""])


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


class Bounded(Generic[T]):
    """Values by key, the least recently used dropped where their bytes exceed a limit; any thread may call."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.nbytes = 0
        self._lock = threading.Lock()
        self._items: OrderedDict[Hashable, tuple[T, int]] = OrderedDict()

    def __len__(self) -> int:
        """Count the values kept."""
        return len(self._items)

    def get(self, key: Hashable) -> T | None:
        """Give the value of a key, or None."""
        with self._lock:
            item = self._items.get(key)
            if item is None:
                return None
            self._items.move_to_end(key)
            return item[0]

    def put(self, key: Hashable, value: T, nbytes: int) -> None:
        """Keep a value of so many bytes; one larger than the limit is not kept."""
        with self._lock:
            self._drop(key)
            if nbytes > self.limit:
                return
            self._items[key] = (value, nbytes)
            self.nbytes += nbytes
            while self.nbytes > self.limit:
                self._drop(next(iter(self._items)))

    def drop(self, key: Hashable) -> None:
        """Forget a key, where it is there."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: Hashable) -> None:
        item = self._items.pop(key, None)
        if item is not None:
            self.nbytes -= item[1]


@dataclass
class _Tile:
    pixels: Pixels
    unread: float


@dataclass
class _Decoding:
    """A tile that a thread is decoding: others wait for its pixels."""

    pixels: Future[Pixels]
    unread: float


class Tiles:
    """Decoded tiles, kept only while a part of them has not been read yet.

    Whole tiles that are asked for whole are not kept: whoever reads along the tiles needs each once. A window
    inside a tile is decoded alone, until the windows of that tile have cost nearly as much as all of it would;
    then it is decoded whole and kept until as many pixels as it has were read from it.

    Parameters
    ----------
    limit
        Bytes of pixels to keep; 0 keeps none.
    """

    LARGE = 0.25
    """Share of a tile from which on all of it is decoded: most of its other pixels will be read soon."""
    COST = 0.6
    """What decoding a window costs is about its share to this power (measured on tiles of 1024 pixels)."""
    ENOUGH = 0.6
    """Cost of a tile's windows, in units of decoding all of it, beyond which all of it is decoded."""

    def __init__(self, limit: int) -> None:
        self._kept: Bounded[_Tile] = Bounded(limit)
        self._lock = threading.Lock()
        self._spent: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._running: dict[Hashable, _Decoding] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of pixels kept now."""
        return self._kept.nbytes

    def window(
        self, key: Hashable, share: float, nbytes: int, whole: Callable[[], Pixels], part: Callable[[], Pixels]
    ) -> tuple[Pixels, bool]:
        """Give a tile, or a window of it, whichever is cheaper.

        Parameters
        ----------
        key
            Names the tile.
        share
            The window's share of the tile's pixels, above 0, at most 1.
        nbytes
            Bytes of the tile.
        whole, part
            Decode all of the tile, or the window only.

        Returns
        -------
        pixels, is_whole
            Read-only where they are a whole tile's: others may share them.
        """
        with self._lock:
            tile = self._kept.get(key)
            if tile is not None:
                tile.unread -= share
                if tile.unread <= NOTHING:
                    self._kept.drop(key)
                return tile.pixels, True
            running = self._running.get(key)
            if running is not None:
                running.unread -= share
            else:
                unread = self._left_unread(key, share, nbytes)
                if unread is not None:
                    mine = self._running[key] = _Decoding(Future(), unread)
        if running is not None:
            return running.pixels.result(), True
        if unread is not None:
            return self._decode(key, whole, mine), True
        return part(), False

    def _decode(self, key: Hashable, whole: Callable[[], Pixels], mine: _Decoding) -> Pixels:
        try:
            pixels = whole()
            pixels.flags.writeable = False
        except BaseException as error:
            with self._lock:
                del self._running[key]
            mine.pixels.set_exception(error)
            raise
        with self._lock:
            del self._running[key]
            if mine.unread > NOTHING:
                self._kept.put(key, _Tile(pixels, mine.unread), pixels.nbytes)
        mine.pixels.set_result(pixels)
        return pixels

    def _left_unread(self, key: Hashable, share: float, nbytes: int) -> float | None:
        """Decide whether to decode all of a tile: its share that is left unread then, None for the window only."""
        if share == 1:
            return 0.0
        if nbytes > self._kept.limit:
            return None
        cost, read = self._spent.pop(key, (0.0, 0.0))
        cost, read = cost + share**self.COST, read + share
        if share >= self.LARGE or cost > self.ENOUGH:
            return 1 - read
        self._spent[key] = cost, read
        while len(self._spent) > MAX_NOTES:
            self._spent.popitem(last=False)
        return None


@dataclass
class _State:
    settings: Settings
    tiles: Tiles
    indexes: Bounded[Any]
    lock: threading.Lock
    opening: tuple[threading.Lock, ...]
    pool: ThreadPoolExecutor | None = None


def _fresh() -> _State:
    settings = Settings.of(os.environ)
    opening = tuple(threading.Lock() for _ in range(64))
    return _State(settings, Tiles(settings.tile_bytes), Bounded(INDEX_BYTES), threading.Lock(), opening)


_state: _State | None = None
_state_lock = threading.Lock()


def _now() -> _State:
    global _state
    state = _state
    if state is None:
        with _state_lock:
            if _state is None:
                _state = _fresh()
            state = _state
    return state


def reset() -> None:
    """Forget all tiles, indexes, threads and settings; the next use reads the environment again."""
    global _state, _state_lock
    _state, _state_lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    # A child has neither the threads nor the holders of the locks that it inherits.
    os.register_at_fork(after_in_child=reset)


def settings() -> Settings:
    """Give the settings of this process."""
    return _now().settings


def tiles() -> Tiles:
    """Give the decoded tiles of this process."""
    return _now().tiles


def indexes() -> Bounded[Any]:
    """Give the image indexes of this process, by file identity."""
    return _now().indexes


def opening(key: Hashable) -> threading.Lock:
    """Give the lock under which the index of a key is made, so that one thread makes it; some keys share one."""
    locks = _now().opening
    return locks[hash(key) % len(locks)]


def run(tasks: Sequence[Callable[[], None]]) -> None:
    """Run independent tasks, side by side where nobody above does so already.

    Only the main thread of a main process spreads its tasks over the pool: a thread of dask's, of the pool
    itself or of a server has sisters that keep the processors busy.

    Raises
    ------
    Exception
        The first failing task's own error, after all running tasks have ended.
    """
    if len(tasks) < 2 or settings().threads < 2 or not _alone():
        for task in tasks:
            task()
        return
    futures = [_pool().submit(task) for task in tasks]
    try:
        for future in futures:
            future.result()
    finally:
        for future in futures:
            future.cancel()
        wait(futures)


def _alone() -> bool:
    """Tell whether this thread may spread work: not one of a pool, nor in a worker process, which others fill."""
    pooled = ("ThreadPoolExecutor", "Dask", "dask", "xarray-safe")
    return multiprocessing.parent_process() is None and not threading.current_thread().name.startswith(pooled)


def _pool() -> ThreadPoolExecutor:
    state = _now()
    with state.lock:
        if state.pool is None:
            state.pool = ThreadPoolExecutor(state.settings.threads, thread_name_prefix="xarray-safe")
        return state.pool
