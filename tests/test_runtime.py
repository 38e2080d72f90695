"""The state of a process: made once, forgotten on reset and in a forked child; tasks in parallel."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xarray_safe import runtime

if TYPE_CHECKING:
    from collections.abc import Callable


def test_settings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XARRAY_SAFE_THREADS", "3")
    assert runtime.settings().threads == 3
    monkeypatch.setenv("XARRAY_SAFE_THREADS", "5")
    assert runtime.settings().threads == 3
    runtime.reset()
    assert runtime.settings().threads == 5


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 60), st.booleans()), max_size=40))
def test_a_cache_keeps_within_its_bytes(steps: list[tuple[str, int, bool]]) -> None:
    kept: runtime.LRUCache[int] = runtime.LRUCache(100)
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


def test_a_cache_does_not_keep_what_is_too_large() -> None:
    kept: runtime.LRUCache[str] = runtime.LRUCache(10)
    kept.put("a", "small", 5)
    kept.put("b", "large", 11)
    assert kept.get("b") is None
    assert kept.get("a") == "small"
    kept.drop("a")
    kept.drop("absent")
    assert kept.nbytes == len(kept) == 0


def test_values_are_made_once_and_again_after_a_reset() -> None:
    made: list[int] = []

    def make() -> int:
        made.append(len(made))
        time.sleep(0.01)
        return made[-1]

    value = runtime.PerProcess(make)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: value(), range(8))) == [0] * 8
    runtime.reset()
    assert (value(), value(), made) == (1, 1, [0, 1])
    value.forget()
    assert value() == 2


def test_none_is_a_value() -> None:
    made: list[None] = []
    value: runtime.PerProcess[None] = runtime.PerProcess(lambda: made.append(None))
    assert (value(), value(), len(made)) == (None, None, 1)


def test_a_value_that_cannot_be_made_is_tried_again() -> None:
    answers = iter([OSError("not yet"), "made"])

    def make() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    value = runtime.PerProcess(make)
    with pytest.raises(OSError, match="not yet"):
        value()
    assert value() == "made"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_inherits_only_what_it_may() -> None:
    own, inherited = runtime.PerProcess(list[int]), runtime.PerProcess(list[int], inherited=True)
    guard = runtime.lock_across_forks()
    own().append(1)
    inherited().append(1)
    with own._lock, inherited._lock, runtime._crew._lock:  # as other threads would hold them
        child = os.fork()
        if child == 0:
            right = own() == [] and inherited() == [1] and guard.acquire(blocking=False)
            runtime.run([lambda: None, lambda: None])
            os._exit(0 if right else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert own() == [1]
    assert guard.acquire(blocking=False)
    guard.release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_free_connections() -> None:
    class Connection:
        def __del__(self) -> None:
            closed.append(os.getpid())

    closed: list[int] = []
    value = runtime.PerProcess(Connection, connected=True)
    mine = id(value())
    child = os.fork()
    if child == 0:
        os._exit(0 if id(value()) != mine and not closed else 1)
    assert os.waitpid(child, 0)[1] == 0
    value.forget()
    assert closed == [os.getpid()]


def test_state_of_an_object_goes_with_it() -> None:
    value = runtime.PerProcess(dict[str, int])
    assert value in runtime.PerProcess.instances()
    name = id(value)
    del value
    assert name not in map(id, runtime.PerProcess.instances())


def test_tasks_run_in_parallel_unless_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XARRAY_SAFE_THREADS", "2")
    runtime.reset()
    together = threading.Barrier(2, timeout=30)
    runtime.run([together.wait, together.wait])  # ends only if both run at once
    started, go = threading.Event(), threading.Event()
    names: list[str] = []

    def note() -> None:
        names.append(threading.current_thread().name)

    def busy() -> None:
        started.set()
        assert go.wait(30)

    first = threading.Thread(target=runtime.run, args=([busy],))
    first.start()
    assert started.wait(30)
    runtime.run([note, note])
    assert names == [threading.current_thread().name] * 2
    go.set()
    first.join()
    runtime.run([together.wait, together.wait])


def test_tasks_that_run_tasks_do_so_in_their_own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XARRAY_SAFE_THREADS", "2")
    runtime.reset()
    pairs: list[tuple[str, str]] = []

    def outer() -> None:
        name = threading.current_thread().name
        runtime.run([lambda: pairs.append((name, threading.current_thread().name))] * 3)

    runtime.run([outer, outer])  # would never end if the pool waited for itself
    assert len(pairs) == 6
    assert all(one == other for one, other in pairs)


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
