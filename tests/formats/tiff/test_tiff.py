"""TIFF by ranges: the same pixels as another reader's, few requests, no harm from damaged or hostile files."""

from __future__ import annotations

import pickle
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xarray_safe.errors import CorruptFileError, SafeError, UnsupportedProductError
from xarray_safe.formats.tiff import open_tiff
from xarray_safe.sample.sentinel1.tiff import cog, strips

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xarray_safe.archive.files import Request

NAME = "image.tiff"
ALL = (slice(None), slice(None))
RNG = np.random.default_rng(1)
REAL = RNG.integers(0, 60_000, (70, 90)).astype(np.uint16)
COMPLEX = (RNG.integers(-3000, 3000, (70, 90)) + 1j * RNG.integers(-3000, 3000, (70, 90))).astype(np.complex64)


@dataclass
class Memory:
    """One file in memory, as an archive; counts requests."""

    data: bytes
    local: bool = True
    requests: list[Request] = field(default_factory=list)
    calls: int = 0
    url: str = "memory"
    origin: str = ""

    def find(self, pattern: str) -> list[str]:
        return [NAME]

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        return self.read_many([(name, start, stop)])[0]

    def read_many(self, requests: Sequence[Request]) -> list[bytes]:
        self.calls += 1
        self.requests += requests
        return [self.data[start:stop] for _, start, stop in requests]

    def size(self, name: str) -> int:
        return len(self.data)

    def identity(self, name: str) -> tuple[str, ...]:
        return (str(id(self)), name)


def read(data: bytes, key: Any = ALL, **options: Any) -> np.ndarray[Any, Any]:
    return open_tiff(Memory(data), NAME, **options)[key]


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("pixels", [REAL, COMPLEX], ids=["uint16", "complex"])
def test_strips_are_read_as_written(pixels: np.ndarray[Any, Any], local: bool) -> None:
    image = open_tiff(Memory(strips(pixels), local), NAME)
    assert image.shape == pixels.shape
    assert image.dtype == pixels.dtype
    np.testing.assert_array_equal(image[ALL], pixels)


def test_tiles_are_read_as_written() -> None:
    np.testing.assert_array_equal(read(cog(REAL, tile=32)), REAL)


def test_another_reader_agrees(tmp_path: Any) -> None:
    rasterio = pytest.importorskip("rasterio")
    for number, data in enumerate((strips(REAL), cog(REAL, tile=32))):
        path = tmp_path / f"{number}.tiff"
        path.write_bytes(data)
        with rasterio.open(path) as image:
            np.testing.assert_array_equal(image.read(1), REAL)


@pytest.mark.parametrize(
    "options", [{}, {"compress": "deflate", "predictor": 2}, {"compress": "lzw"}, {"BIGTIFF": "YES"}]
)
@pytest.mark.parametrize("tiled", [True, False])
def test_what_another_writer_writes_is_read(tmp_path: Any, options: dict[str, Any], tiled: bool) -> None:
    rasterio = pytest.importorskip("rasterio")
    path = tmp_path / NAME
    shape = {"blockxsize": 32, "blockysize": 16} if tiled else {}
    profile = {"driver": "GTiff", "width": 90, "height": 70, "count": 1, "dtype": "uint16", "tiled": tiled}
    with rasterio.open(path, "w", **profile, **shape, **options) as image:
        image.write(REAL, 1)
    np.testing.assert_array_equal(read(path.read_bytes()), REAL)


windows = st.tuples(
    *(
        st.one_of(
            st.integers(0, size - 1),
            st.builds(
                lambda a, b, step, size=size: (
                    slice(*slice(min(a, b), max(a, b), step).indices(size))
                    if step > 0
                    else slice(max(a, b), min(a, b) - 1 if min(a, b) else None, step)
                ),
                st.integers(0, size - 1),
                st.integers(0, size - 1),
                st.sampled_from([1, 2, 7, -1, -3]),
            ),
        )
        for size in REAL.shape
    )
)


@settings(max_examples=60, deadline=None)
@given(windows, st.booleans())
def test_a_window_is_that_part_of_the_whole(key: Any, local: bool) -> None:
    for pixels, data in ((REAL, STRIPS), (REAL, TILES), (COMPLEX, PAIRS)):
        np.testing.assert_array_equal(open_tiff(Memory(data, local), NAME)[key], pixels[key])


STRIPS, TILES, PAIRS = strips(REAL), cog(REAL, tile=32), strips(COMPLEX)


def test_a_burst_is_one_range() -> None:
    files = Memory(PAIRS, local=False)
    burst = open_tiff(files, NAME, rows=(20, 40))
    files.requests.clear()
    np.testing.assert_array_equal(burst[ALL], COMPLEX[20:40])
    data = [request for request in files.requests if (request[2] or 0) - request[1] >= 90 * 4]
    assert [(stop or 0) - start for _, start, stop in data] == [20 * 90 * 4]


def test_a_window_of_a_remote_image_takes_three_requests_and_the_next_one() -> None:
    files = Memory(strips(np.zeros((5000, 4), np.uint16)), local=False)
    image = open_tiff(files, NAME)
    files.requests.clear()
    image[10:300, :]
    assert len(files.requests) == 3  # offsets, byte counts, pixels
    files.requests.clear()
    image[400:500, :]
    assert len(files.requests) == 1


def test_pickles_without_a_handle_and_threads_share_it() -> None:
    image = pickle.loads(pickle.dumps(open_tiff(Memory(STRIPS), NAME)))
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda k: image[10 * k : 10 * k + 10, :], range(7)))
    np.testing.assert_array_equal(np.concatenate(parts), REAL)


def test_overviews_of_a_cog_are_read_where_they_are() -> None:
    image = open_tiff(Memory(TILES), NAME, reduction=1)
    assert image.shape == (35, 45)
    assert image.reduction == 0
    expected = REAL.reshape(35, 2, 45, 2).mean((1, 3)).astype(np.uint16)
    np.testing.assert_array_equal(image[ALL], expected)


def test_strips_are_multilooked() -> None:
    image = open_tiff(Memory(STRIPS), NAME, reduction=1)
    power = (REAL.astype(float) ** 2).reshape(35, 2, 45, 2).mean((1, 3))
    np.testing.assert_allclose(image[ALL], np.sqrt(power), atol=0.6)
    np.testing.assert_array_equal(image[3:20, 4:9], image[ALL][3:20, 4:9])


def test_complex_samples_are_not_averaged() -> None:
    np.testing.assert_array_equal(read(PAIRS, reduction=2), COMPLEX[2:70:4, 2:90:4][:17, :22])


def test_another_size_than_the_metadata_say() -> None:
    with pytest.raises(CorruptFileError, match="has 70 rows and 90 columns; the metadata say 71 and 90"):
        read(STRIPS, shape=(71, 90))
    with pytest.raises(CorruptFileError, match="rows 60 to 80"):
        read(STRIPS, rows=(60, 80))


@pytest.mark.parametrize("size", [0, 3, 7, 30, 200, 500, len(STRIPS) - 1])
def test_cut_short(size: int) -> None:
    with pytest.raises(CorruptFileError, match=NAME):
        read(STRIPS[:size])


def patched(data: bytes, tag: int, value: int) -> bytes:
    """Change the value of a tag of the first image."""
    copy = bytearray(data)
    (count,) = struct.unpack_from("<H", copy, 8)
    for entry in range(10, 10 + 12 * count, 12):
        if struct.unpack_from("<H", copy, entry)[0] == tag:
            struct.pack_into("<I", copy, entry + 8, value)
            return bytes(copy)
    raise AssertionError(f"no tag {tag}")


@pytest.mark.parametrize(
    ("tag", "value"), [(256, 1 << 30), (257, 0), (257, 1 << 30), (273, 1 << 31), (279, 1 << 31), (279, 9)]
)
def test_sizes_and_positions_that_cannot_be(tag: int, value: int) -> None:
    with pytest.raises(CorruptFileError, match=NAME):
        read(patched(STRIPS, tag, value))


def test_kinds_that_are_not_read() -> None:
    with pytest.raises(UnsupportedProductError, match="several samples"):
        read(patched(STRIPS, 277, 3))
    with pytest.raises(UnsupportedProductError, match="compression 7"):
        read(patched(STRIPS, 259, 7))


def test_an_endless_list_of_images() -> None:
    copy = bytearray(TILES)
    (count,) = struct.unpack_from("<H", copy, 8)
    struct.pack_into("<I", copy, 10 + 12 * count, 8)
    with pytest.raises(CorruptFileError, match="endless"):
        read(bytes(copy))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 255), st.booleans())
def test_any_other_byte_in_a_header_does_no_harm(position: int, value: int, tiled: bool) -> None:
    copy = bytearray(TILES if tiled else STRIPS)
    copy[position] = value
    try:
        image = open_tiff(Memory(bytes(copy)), NAME)
        if image.shape[0] * image.shape[1] < 10**6:
            assert image[ALL].shape == image.shape
    except SafeError:
        pass
