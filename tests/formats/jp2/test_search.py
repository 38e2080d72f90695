"""Finding tiles without a table: always the right ones, in few reads, whatever their lengths."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.formats.jp2.support import Shape, even, header
from xarray_safe import runtime
from xarray_safe.errors import CorruptFileError
from xarray_safe.formats.jp2.header import ImageFile
from xarray_safe.formats.jp2.index.search import TileSearch, UnsortedTilePartsError
from xarray_safe.formats.jp2.index.tile_index import TileIndex

LENGTHS = st.one_of(
    st.lists(st.integers(14, 3_000_000), min_size=121, max_size=121),
    st.lists(st.sampled_from([14, 90, 1_000_000]), min_size=121, max_size=121),
    st.builds(even, st.integers(0, 100), st.sampled_from([0.0, 0.1, 0.5])),
)


def places(far):
    return TileSearch(header(10980, 1024), far.size())


def true_place(far, tile):
    return int(far.starts[tile]), far.lengths[tile]


@settings(max_examples=40, deadline=None)
@given(LENGTHS, st.lists(st.integers(0, 120), min_size=1, max_size=4))
def test_any_tile_is_found(lengths, tiles):
    far = Shape(lengths)
    found = places(far)
    for tile in tiles:
        before = far.rounds
        assert found.locate(ImageFile(far, "b"), tile) == true_place(far, tile)
        assert far.rounds - before <= 20


@settings(max_examples=25, deadline=None)
@given(LENGTHS, st.integers(0, 120))
def test_all_tiles_are_found(lengths, last):
    far = Shape(lengths)
    found = places(far)
    blocks = found.walk(ImageFile(far, "b"), last, 5000, lambda tile, place, data: 3000)
    assert all(found.parts[tile] == true_place(far, tile) for tile in range(last + 1))
    starts = {start for start, _ in blocks}
    assert starts >= {int(far.starts[tile]) for tile in range(last + 1)}
    for start, data in blocks:
        assert data == far.read("b", start, start + len(data))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 50), st.integers(0, 120))
def test_another_band_tells_where_to_look(seed, tile):
    first, second = Shape(even(seed, 0.3)), Shape([length * 9 // 10 for length in even(seed, 0.3)])
    known = places(first)
    known.walk(ImageFile(first, "a"), 120, 5000, lambda *_: 3000)
    wise = TileSearch(header(10980, 1024), second.size(), known.fractions())
    assert wise.locate(ImageFile(second, "b"), tile) == true_place(second, tile)
    assert second.rounds <= 3


def test_an_index_goes_back_to_walking_where_tiles_are_not_in_order():
    """The walk knows what is wrong, or that nothing is: tiles may come in parts, or in another order."""

    class Swapped(Shape):
        def _read(self, start, stop):
            data = bytearray(super()._read(start, stop))
            for tile, other in ((1, 2), (2, 1)):
                at = int(self.starts[tile]) + 4 - start
                if 0 <= at < len(data) - 1:
                    data[at : at + 2] = other.to_bytes(2, "big")
            if stop >= self.size():
                data[-2:] = b"\xff\xd9"
            return bytes(data)

    runtime.reset()
    far = Swapped([500] * 121)
    file = ImageFile(far, "b")
    with pytest.raises(UnsortedTilePartsError):
        places(far).locate(file, 1)
    index = TileIndex(file, header(10980, 1024))
    assert index.parts(file, 1)[0].start == far.starts[2]
    assert index.parts(file, 2)[0].start == far.starts[1]
    assert index.parts(file, 120)[0].start == far.starts[120]


def test_a_marker_that_lies_is_an_error():
    far = Shape([5000] * 121)
    far.lengths[3] = 14  # leads into the middle of the tile
    file = ImageFile(far, "b")
    with pytest.raises(CorruptFileError, match="no tile-part at byte"):
        TileIndex(file, header(10980, 1024)).parts(file, 4)
