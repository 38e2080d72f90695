"""Random access to deflated bytes gives slices of them, with memory that is bounded, in threads and after fork."""

from __future__ import annotations

import os
import random
import signal
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xarray_safe.archive.zip import inflate
from xarray_safe.archive.zip.inflate import Checkpoints, DeflateStream, inflate_all
from xarray_safe.errors import CorruptFileError

_chance = random.Random(3)
MIXED = (
    b"".join(bytes([_chance.randrange(50)]) * _chance.randrange(1, 9) for _ in range(40_000))
    + _chance.randbytes(150_000)
    + bytes(300_000)
)


def deflate(data: bytes, level: int = 6) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {level: deflate(MIXED, level) for level in (0, 1, 9)}


class Counted:
    """Compressed bytes that count what is fetched of them."""

    def __init__(self, packed: bytes) -> None:
        self.packed = packed
        self.fetched = 0
        self.lock = Lock()

    def stream(self) -> DeflateStream:
        return DeflateStream(self.fetch, len(self.packed), "x.zip: B02.jp2")

    def fetch(self, start: int, stop: int) -> bytes:
        with self.lock:
            self.fetched += stop - start
        return self.packed[start:stop]


PLACE = st.integers(0, len(MIXED))


@settings(deadline=None)
@given(
    ranges=st.lists(st.tuples(PLACE, PLACE), min_size=1, max_size=8),
    level=st.sampled_from(sorted(PACKED)),
    spacing=st.sampled_from([1, 5000, 100_000, 1 << 20]),
    limit=st.integers(0, 9),
)
def test_ranges_are_slices(ranges: list[tuple[int, int]], level: int, spacing: int, limit: int) -> None:
    checkpoints = Checkpoints(limit, spacing)
    stream = Counted(PACKED[level]).stream()
    for number, (start, stop) in enumerate(ranges):
        assert checkpoints.read((number % 3,), stream, start, stop) == MIXED[start:stop]
        assert len(checkpoints) <= limit


def test_the_second_time_little_is_inflated() -> None:
    checkpoints = Checkpoints(spacing=20_000)
    packed = deflate(_chance.randbytes(3_000_000))
    for wanted in (2_900_000, 100_000, 1_500_000):
        counted = Counted(packed)
        checkpoints.read((), counted.stream(), wanted, wanted + 10)
        assert (counted.fetched > 2_500_000) == (wanted == 2_900_000)
        if wanted < 2_900_000:
            assert counted.fetched < 100_000


def test_the_beginning_of_a_member_costs_little_and_leaves_nothing() -> None:
    checkpoints = Checkpoints()
    counted = Counted(deflate(_chance.randbytes(2_000_000)))
    checkpoints.read((), counted.stream(), 0, 4000)
    assert counted.fetched <= 5000
    assert not checkpoints._members


def test_members_share_the_room() -> None:
    checkpoints = Checkpoints(limit=64, spacing=10_000)
    data = _chance.randbytes(1_000_000)
    counted = Counted(deflate(data))
    for member in range(12):
        checkpoints.read(("archive", member), counted.stream(), 990_000, 990_001)
        assert len(checkpoints) <= 64
    counted.fetched = 0
    for member in range(12):
        found = checkpoints.read(("archive", member), counted.stream(), 700_000, 700_100)
        assert found == data[700_000:700_100]
    assert counted.fetched < 12 * 700_000 / 2
    checkpoints.drop(("archive", 3))
    assert len(checkpoints) > 0
    checkpoints.drop(("archive",))
    assert len(checkpoints) == 0


def test_threads_make_one_first_pass_together() -> None:
    checkpoints = Checkpoints(spacing=50_000)
    data = _chance.randbytes(2_000_000)
    counted = Counted(deflate(data))

    def slow(start: int, stop: int) -> bytes:
        time.sleep(0.002)  # lets the other threads go on
        return counted.fetch(start, stop)

    stream = DeflateStream(slow, len(counted.packed), "x")
    starts = [1_900_000 + 7 * number for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda start: checkpoints.read((), stream, start, start + 99), starts))
    assert found == [data[start : start + 99] for start in starts]
    assert counted.fetched < 2 * len(data)


def test_a_member_that_swells_beyond_its_size_takes_no_memory() -> None:
    bomb = deflate(bytes(30_000_000))
    tracemalloc.start()
    with pytest.raises(CorruptFileError, match="does not inflate to the 1000 bytes"):
        inflate_all(bomb, 1000, "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_stream_without_its_end() -> None:
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    endless = packer.compress(MIXED) + packer.flush(zlib.Z_SYNC_FLUSH)
    with pytest.raises(CorruptFileError, match="does not inflate"):
        inflate_all(endless, len(MIXED), "x")


def test_broken_streams_are_errors_that_name_the_member() -> None:
    good = PACKED[9]
    for packed, message in [
        (good[:1000], "x.zip: B02.jp2 ends at its byte .*download it again"),
        (b"", "ends at its byte 0"),
        (good[:1000] + b"\xff" * 200 + good[1200:], "is damaged near its byte"),
    ]:
        with pytest.raises(CorruptFileError, match=message):
            Checkpoints(spacing=10).read((), Counted(packed).stream(), len(MIXED) - 5, len(MIXED))
        with pytest.raises(CorruptFileError, match=r"is damaged|does not inflate"):
            inflate_all(packed, len(MIXED), "x.zip: B02.jp2")
    for size in (len(MIXED) - 1, len(MIXED) + 1):
        with pytest.raises(CorruptFileError, match="does not inflate to the"):
            inflate_all(good, size, "x")
    assert inflate_all(good, len(MIXED), "x") == MIXED
    assert inflate_all(deflate(b""), 0, "x") == b""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_fork_while_another_thread_reads() -> None:
    stream = Counted(PACKED[1]).stream()
    inflate.checkpoints().read(("fork",), stream, 0, len(MIXED))
    with inflate.checkpoints()._lock:  # as a reading thread would hold it
        child = os.fork()
        if not child:
            signal.alarm(20)
            os._exit(0 if inflate.checkpoints().read(("fork",), stream, 9, 99) == MIXED[9:99] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    inflate.checkpoints().drop(("fork",))
