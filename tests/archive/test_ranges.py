"""Ranges: joined, split, and served from memory; never other bytes than those of the file."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xarray_safe.archive.base import Archive
from xarray_safe.archive.ranges import Blocks, Buffered, ByteRange, Window, coalesce, read_through, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xarray_safe.archive.files import Request

CONTENT = {"a": bytes(range(250)) * 4, "b": b"short"}


class Remote(Archive):
    """Two files of a remote archive; notes each batch of requests."""

    local = False

    def __init__(self) -> None:
        super().__init__("memory://x")
        self.batches: list[list[Request]] = []

    def _list(self) -> Sequence[str]:
        return list(CONTENT)

    def _read(self, requests: Sequence[Request]) -> list[bytes]:
        self.batches.append(list(requests))
        return [CONTENT[name][start:stop] for name, start, stop in requests]

    def size(self, name: str) -> int:
        return len(CONTENT[name])

    def identity(self, name: str) -> tuple[str, ...]:
        return (self.url, name)


def ranges(stop: int = 1000) -> st.SearchStrategy[list[ByteRange]]:
    one = st.builds(
        lambda start, length: ByteRange("a", start, start + length), st.integers(0, stop), st.integers(0, 300)
    )
    return st.lists(one, max_size=12)


@given(ranges(), st.integers(0, 200), st.integers(1, 500))
def test_coalesced_ranges_hold_every_range_and_no_more_than_the_gaps(wanted, gap, longest):
    joined = coalesce(wanted, gap, longest)
    for name, start, stop in wanted:
        assert any(name == other and first <= start and stop <= last for other, first, last in joined)
    for _, start, stop in joined:
        inside = sorted(one for one in wanted if start <= one.start and one.stop <= stop)
        assert (inside[0].start, max(one.stop for one in inside)) == (start, stop)
        assert stop - start <= longest or (start, stop) in {one[1:] for one in inside}
        end = start
        for one in inside:
            assert one.start - end <= gap
            end = max(end, one.stop)


def test_coalesce():
    assert coalesce([("a", 20, 30), ("a", 0, 10), ("b", 0, 5)], 10) == [("a", 0, 30), ("b", 0, 5)]
    assert coalesce([("a", 20, 30), ("a", 0, 10)], 9) == [("a", 0, 10), ("a", 20, 30)]
    assert coalesce([("a", 0, 10), ("a", 10, 20), ("a", 20, 30)], 0, 20) == [("a", 0, 20), ("a", 20, 30)]
    assert coalesce([("a", 3, 10), ("b", 1, 2), ("a", 5, None)]) == [("a", 0, None), ("b", 1, 2)]
    assert coalesce([]) == []


@given(st.integers(0, 1000), st.integers(1, 1000), st.integers(1, 300))
def test_split_makes_equal_pieces_without_holes(start, length, longest):
    pieces = split(ByteRange("a", start, start + length), longest)
    assert (pieces[0].start, pieces[-1].stop) == (start, start + length)
    assert all(one.stop == two.start for one, two in itertools.pairwise(pieces))
    assert all(0 < piece.stop - piece.start <= longest for piece in pieces)
    assert len(pieces) == -(-length // longest) or len({piece.stop - piece.start for piece in pieces}) == 2


def test_an_open_ended_range_is_not_split():
    assert split(ByteRange("a", 5, None), 10) == [("a", 5, None)]


@given(ranges(), ranges())
def test_blocks_return_the_bytes_of_the_file_or_nothing(held, wanted):
    blocks = Blocks((one, CONTENT["a"][one.start : one.stop]) for one in held)
    for one in wanted:
        data = blocks.get(one)
        assert data in (None, CONTENT["a"][one.start : one.stop])
        inside = any(two.start <= one.start and one.stop <= min(two.stop, 1000) for two in held)
        assert not inside or data is not None
    assert blocks.get(("b", 0, 1)) is None


def test_a_whole_file_in_memory_serves_every_range_of_it():
    blocks = Blocks({ByteRange("b", 0, None): CONTENT["b"]})
    assert blocks.get(("b", 0, None)) == b"short"
    assert blocks.get(("b", 2, None)) == b"ort"
    assert blocks.get(("b", 1, 99)) == b"hort", "fewer bytes at the end"
    assert blocks.get(("b", -1, 3)) is None, "what is invalid is for the archive to say"
    assert blocks.get(("a", 0, 1)) is None


def test_what_is_not_in_memory_is_read_in_one_batch_and_the_order_stays():
    files = Remote()
    buffered = Buffered(files, Blocks({ByteRange("a", 100, 200): CONTENT["a"][100:200]}))
    wanted = [("a", 300, 310), ("a", 120, 130), ("b", 0, None), ("a", 120, 130), ("a", 990, 2000)]
    assert buffered.read_many(wanted) == [CONTENT[name][start:stop] for name, start, stop in wanted]
    assert files.batches == [[("a", 300, 310), ("b", 0, None), ("a", 990, 1000)]]
    assert buffered.read("a", 150, 160) == CONTENT["a"][150:160]
    assert len(files.batches) == 1
    assert (buffered.url, buffered.local, buffered.size("b")) == (files.url, False, 5)
    assert buffered.find("*") == ["a", "b"]
    assert buffered.identity("a") == files.identity("a")


def test_prefetched_ranges_last_as_long_as_the_context():
    files = Remote()
    with files.prefetch([("b", 0, None), ("a", 0, 100), ("b", 0, None)]):
        assert files.batches == [[("b", 0, None), ("a", 0, 100)]]
        assert (files.read("b"), files.read("b", 1, 3), files.read("a", 10, 20)) == (
            b"short",
            b"ho",
            bytes(range(10, 20)),
        )
        assert len(files.batches) == 1
    assert files.read("b") == b"short"
    assert len(files.batches) == 2


def test_read_through_asks_nothing_if_all_is_there():
    def never(requests):
        pytest.fail(f"asked for {requests}")

    assert read_through(Blocks({ByteRange("a", 0, None): b"xyz"}), [("a", 1, 2)], never) == [b"y"]


@given(st.lists(st.integers(0, 90), min_size=1, max_size=20), st.integers(1, 64), st.integers(1, 64))
def test_a_window_returns_the_bytes_of_the_file(steps, least, most):
    data, window, at = CONTENT["a"], Window(least, most), 0
    for step in steps:
        assert window.read(at, at + 7, lambda start, stop: data[start:stop]) == data[at : at + 7]
        at += step


def test_a_window_grows_while_reads_follow_each_other():
    class File:
        reads: ClassVar[list[tuple[int, int]]] = []

        def read(self, start, stop):
            self.reads.append((start, stop))
            return bytes(stop - start)

    window, file = Window(10, 100), File()
    for at in (1000, 1005, 1012, 1060, 1200, 5000):
        window.read(at, at + 5, file.read)
    assert file.reads == [(1000, 1010), (1012, 1052), (1060, 1160), (1200, 1300), (5000, 5010)]
