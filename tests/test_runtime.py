"""The shared state: what is kept, what is forgotten, and what settings may say."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xarray_safe import runtime
from xarray_safe.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TILE = np.arange(100, dtype=np.uint16).reshape(1, 10, 10)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    runtime.reset()
    yield
    runtime.reset()


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

    def ask(self, tiles: runtime.Tiles, share: float, key: str = "t") -> bool:
        pixels, whole = tiles.window(key, share, TILE.nbytes, self.whole, self.part)
        np.testing.assert_array_equal(pixels, TILE if whole else TILE[:, :1, :1])
        return whole


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1000", 1000),
        ("256MB", 256_000_000),
        ("256 mb", 256_000_000),
        ("1.5GiB", 3 << 29),
        ("64k", 64_000),
        (" 2 MiB ", 2 << 20),
        ("", runtime.TILE_BYTES),
    ],
)
def test_bytes_of_tiles(text: str, expected: int) -> None:
    assert runtime.Settings.of({"XARRAY_SAFE_TILE_CACHE": text}).tile_bytes == expected


@pytest.mark.parametrize(
    "environ",
    [
        {"XARRAY_SAFE_TILE_CACHE": "much"},
        {"XARRAY_SAFE_TILE_CACHE": "-1"},
        {"XARRAY_SAFE_TILE_CACHE": "1TB2"},
        {"XARRAY_SAFE_THREADS": "0"},
        {"XARRAY_SAFE_THREADS": "two"},
        {"XARRAY_SAFE_THREADS": "-3"},
    ],
)
def test_settings_that_say_nothing(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidArgumentError, match=next(iter(environ))):
        runtime.Settings.of(environ)


def test_defaults() -> None:
    settings = runtime.Settings.of({})
    assert settings.tile_bytes == runtime.TILE_BYTES
    assert 1 <= settings.threads <= runtime.MAX_THREADS
    assert settings.openjpeg == ""


def test_settings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XARRAY_SAFE_THREADS", "3")
    assert runtime.settings().threads == 3
    monkeypatch.setenv("XARRAY_SAFE_THREADS", "5")
    assert runtime.settings().threads == 3
    runtime.reset()
    assert runtime.settings().threads == 5


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 60), st.booleans()), max_size=40))
def test_bounded_keeps_within_its_bytes(steps: list[tuple[str, int, bool]]) -> None:
    kept: runtime.Bounded[int] = runtime.Bounded(100)
    model: dict[str, int] = {}
    for key, nbytes, get in steps:
        if get:
            assert kept.get(key) == model.get(key)
            if key in model:
                model[key] = model.pop(key)
        else:
            kept.put(key, nbytes, nbytes)
            model.pop(key, None)
            model[key] = nbytes
            while sum(model.values()) > 100:
                del model[next(iter(model))]
        assert kept.nbytes == sum(model.values()) <= 100
        assert len(kept) == len(model)


def test_bounded_does_not_keep_what_is_too_large() -> None:
    kept: runtime.Bounded[str] = runtime.Bounded(10)
    kept.put("a", "small", 5)
    kept.put("b", "large", 11)
    assert kept.get("b") is None
    assert kept.get("a") == "small"
    kept.drop("a")
    kept.drop("absent")
    assert kept.nbytes == len(kept) == 0


def test_tiles_read_whole_are_not_kept() -> None:
    tiles, decoder = runtime.Tiles(10_000), Decoder()
    assert decoder.ask(tiles, 1.0)
    assert decoder.ask(tiles, 1.0)
    assert decoder.wholes == 2
    assert tiles.nbytes == 0


def test_a_tile_is_kept_until_all_of_it_was_read() -> None:
    tiles, decoder = runtime.Tiles(10_000), Decoder()
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
    tiles, decoder = runtime.Tiles(10_000), Decoder()
    answers = [decoder.ask(tiles, 0.01) for _ in range(60)]
    assert decoder.wholes == 1
    assert 5 < decoder.parts < 30
    assert answers == sorted(answers)
    assert tiles.nbytes == TILE.nbytes


@pytest.mark.parametrize("limit", [0, TILE.nbytes - 1])
def test_without_room_nothing_is_kept(limit: int) -> None:
    tiles, decoder = runtime.Tiles(limit), Decoder()
    assert not any(decoder.ask(tiles, 0.7) for _ in range(5))
    assert decoder.parts == 5
    assert decoder.ask(tiles, 1.0)
    assert tiles.nbytes == 0


def test_kept_tiles_cannot_be_written_to() -> None:
    tiles, decoder = runtime.Tiles(10_000), Decoder()
    pixels, _ = tiles.window("t", 0.6, TILE.nbytes, decoder.whole, decoder.part)
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0, 0] = 1


def test_threads_that_want_the_same_tile_decode_it_once() -> None:
    tiles, started, go = runtime.Tiles(10_000), threading.Event(), threading.Event()
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


def test_a_failed_tile_is_tried_anew() -> None:
    tiles, decoder = runtime.Tiles(10_000), Decoder()

    def fail() -> Any:
        raise OSError("no such tile")

    with pytest.raises(OSError, match="no such tile"):
        tiles.window("t", 0.6, TILE.nbytes, fail, fail)
    assert decoder.ask(tiles, 0.6)


def test_tasks_run_side_by_side_but_not_in_a_thread_of_a_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XARRAY_SAFE_THREADS", "2")
    runtime.reset()
    together = threading.Barrier(2, timeout=30)
    runtime.run([together.wait, together.wait])  # ends only if both run at once
    names: list[str] = []

    def note() -> None:
        names.append(threading.current_thread().name)

    for name in ("ThreadPoolExecutor-0_0", "Dask-Default-Threads-1-2"):  # one of a pool, which others fill
        names.clear()
        thread = threading.Thread(target=runtime.run, args=([note, note],), name=name)
        thread.start()
        thread.join()
        assert names == [name] * 2


@pytest.mark.parametrize("threads", ["1", "4"])
def test_the_first_failing_task_speaks(monkeypatch: pytest.MonkeyPatch, threads: str) -> None:
    monkeypatch.setenv("XARRAY_SAFE_THREADS", threads)
    runtime.reset()
    running: list[int] = []

    def task(number: int) -> Callable[[], None]:
        def work() -> None:
            running.append(number)
            try:
                if number == 3:
                    raise OSError("task 3")
            finally:
                running.remove(number)

        return work

    with pytest.raises(OSError, match="task 3"):
        runtime.run([task(number) for number in range(20)])
    assert running == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_starts_afresh() -> None:
    decoder = Decoder()
    tiles = runtime.tiles()
    decoder.ask(tiles, 0.6)
    assert tiles.nbytes
    with runtime._state_lock, tiles._lock:
        child = os.fork()
        if child == 0:
            fresh = runtime.tiles() is not tiles and runtime.tiles().nbytes == 0 and decoder.ask(runtime.tiles(), 0.6)
            os._exit(0 if fresh else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert runtime.tiles() is tiles
