"""Decoded tiles, cached while a part of them has not been read yet: which to decode whole, and when to drop them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xarray_safe.runtime import LRUCache, PerProcess, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Pixels = np.ndarray[Any, np.dtype[Any]]

MAX_NOTES = 4096
NOTHING = 1e-9


@dataclass
class _Tile:
    pixels: Pixels
    unread: float


@dataclass
class _Decoding:
    """A tile that a thread is decoding: others wait for its pixels."""

    pixels: Future[Pixels]
    unread: float


class TileCache:
    """Decoded tiles, cached only while a part of them has not been read yet.

    Tiles that are asked for whole are not cached: whoever reads along the tiles needs each once. A window
    inside a tile is decoded alone, until the windows of that tile have cost nearly as much as all of it would;
    then it is decoded whole and cached until as many pixels as it has were read from it.

    Parameters
    ----------
    limit
        Maximum bytes of pixels to cache; 0 caches none.
    """

    LARGE = 0.25
    """Share of a tile from which on all of it is decoded: most of its other pixels will be read soon."""
    COST = 0.6
    """What decoding a window costs is about its share to this power (measured on tiles of 1024 pixels)."""
    ENOUGH = 0.6
    """Cost of a tile's windows, in units of decoding all of it, beyond which all of it is decoded."""

    def __init__(self, limit: int) -> None:
        self._cached: LRUCache[_Tile] = LRUCache(limit)
        self._lock = threading.Lock()
        self._spent: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._running: dict[Hashable, _Decoding] = {}

    @property
    def nbytes(self) -> int:
        """Bytes of pixels that are cached now."""
        return self._cached.nbytes

    def window(
        self, key: Hashable, share: float, nbytes: int, whole: Callable[[], Pixels], part: Callable[[], Pixels]
    ) -> tuple[Pixels, bool]:
        """Return a tile, or a window of it, whichever is cheaper.

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
            Read-only if they are a whole tile's: others may share them.
        """
        with self._lock:
            tile = self._cached.get(key)
            if tile is not None:
                tile.unread -= share
                if tile.unread <= NOTHING:
                    self._cached.drop(key)
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
                self._cached.put(key, _Tile(pixels, mine.unread), pixels.nbytes)
        mine.pixels.set_result(pixels)
        return pixels

    def _left_unread(self, key: Hashable, share: float, nbytes: int) -> float | None:
        """Return the share of a tile that is left unread if all of it is decoded; None to decode the window only."""
        if share == 1:
            return 0.0
        if nbytes > self._cached.limit:
            return None
        cost, read = self._spent.pop(key, (0.0, 0.0))
        cost, read = cost + share**self.COST, read + share
        if share >= self.LARGE or cost > self.ENOUGH:
            return 1 - read
        self._spent[key] = cost, read
        while len(self._spent) > MAX_NOTES:
            self._spent.popitem(last=False)
        return None


tiles: PerProcess[TileCache] = PerProcess(lambda: TileCache(settings().tile_cache))
"""The decoded tiles of this process."""
