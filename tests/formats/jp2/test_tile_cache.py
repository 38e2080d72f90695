"""Decoded tiles: which are cached, for how long, and that threads share the decoding."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from xarray_safe import runtime
from xarray_safe.formats.jp2 import tile_cache
from xarray_safe.formats.jp2.tile_cache import TileCache

TILE = np.arange(100, dtype=np.uint16).reshape(1, 10, 10)


class Decoder:
    """Counts how often the tile is decoded, and how often windows of it."""

    def __init__(self) -> None:
        self.wholes = self.parts = 0

    def whole(self) -> Any:
        self.wholes += 1
        return TILE.copy()

    def part(self) -> Any:
        self.parts += 1
        return TILE[:, :1, :1].copy()

    def ask(self, tiles: TileCache, share: float, key: str = "t") -> bool:
        pixels, whole = tiles.window(key, share, TILE.nbytes, self.whole, self.part)
        np.testing.assert_array_equal(pixels, TILE if whole else TILE[:, :1, :1])
        return whole


def test_tiles_read_whole_are_not_cached() -> None:
    tiles, decoder = TileCache(10_000), Decoder()
    assert decoder.ask(tiles, 1.0)
    assert decoder.ask(tiles, 1.0)
    assert decoder.wholes == 2
    assert tiles.nbytes == 0


def test_a_tile_is_cached_until_all_of_it_was_read() -> None:
    tiles, decoder = TileCache(10_000), Decoder()
    for share in (0.6, 0.2, 0.1, 0.1):
        assert decoder.ask(tiles, share)
    assert (decoder.wholes, decoder.parts) == (1, 0)
    assert tiles.nbytes == 0
    assert [decoder.ask(tiles, share, "other") for share in (0.1, 0.6, 0.2)] == [False, True, True]
    assert tiles.nbytes == TILE.nbytes
    assert decoder.ask(tiles, 0.1, "other")
    assert (decoder.wholes, decoder.parts) == (2, 1)
    assert tiles.nbytes == 0


def test_small_windows_come_alone_until_the_whole_is_cheaper() -> None:
    tiles, decoder = TileCache(10_000), Decoder()
    answers = [decoder.ask(tiles, 0.01) for _ in range(60)]
    assert decoder.wholes == 1
    assert 5 < decoder.parts < 30
    assert answers == sorted(answers)
    assert tiles.nbytes == TILE.nbytes


@pytest.mark.parametrize("limit", [0, TILE.nbytes - 1])
def test_without_room_nothing_is_cached(limit: int) -> None:
    tiles, decoder = TileCache(limit), Decoder()
    assert not any(decoder.ask(tiles, 0.7) for _ in range(5))
    assert decoder.parts == 5
    assert decoder.ask(tiles, 1.0)
    assert tiles.nbytes == 0


def test_cached_tiles_cannot_be_written_to() -> None:
    tiles, decoder = TileCache(10_000), Decoder()
    pixels, _ = tiles.window("t", 0.6, TILE.nbytes, decoder.whole, decoder.part)
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0, 0] = 1


def test_threads_that_want_the_same_tile_decode_it_once() -> None:
    tiles, started, go = TileCache(10_000), threading.Event(), threading.Event()
    decoder = Decoder()

    def slow() -> Any:
        started.set()
        assert go.wait(30)
        return decoder.whole()

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(tiles.window, "t", 0.6, TILE.nbytes, slow, decoder.part)
        assert started.wait(30)
        others = [pool.submit(tiles.window, "t", 0.1, TILE.nbytes, slow, decoder.part) for _ in range(3)]
        while tiles._running["t"].unread > 0.1 + 1e-6:
            time.sleep(0.001)
        go.set()
        for future in (first, *others):
            np.testing.assert_array_equal(future.result(30)[0], TILE)
    assert decoder.wholes == 1
    assert tiles.nbytes == TILE.nbytes
    assert decoder.ask(tiles, 0.1)
    assert tiles.nbytes == 0


def test_a_failed_tile_is_tried_again() -> None:
    tiles, decoder = TileCache(10_000), Decoder()

    def fail() -> Any:
        raise OSError("no such tile")

    with pytest.raises(OSError, match="no such tile"):
        tiles.window("t", 0.6, TILE.nbytes, fail, fail)
    assert decoder.ask(tiles, 0.6)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_starts_afresh() -> None:
    decoder = Decoder()
    tiles = tile_cache.tiles()
    decoder.ask(tiles, 0.6)
    assert tiles.nbytes
    with tile_cache.tiles._lock, tiles._lock, runtime.settings._lock:
        child = os.fork()
        if child == 0:
            fresh = (
                tile_cache.tiles() is not tiles
                and tile_cache.tiles().nbytes == 0
                and decoder.ask(tile_cache.tiles(), 0.6)
            )
            os._exit(0 if fresh else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert tile_cache.tiles() is tiles
