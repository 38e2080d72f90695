"""JPEG 2000 images read by tiles: the same pixels as rasterio's, whatever the file, the key, the thread."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.formats.jp2.support import REAL, Folder, Pixels, in_two_parts, scene, tiny_tiles, truth, without_plt, write
from xarray_safe import runtime
from xarray_safe.errors import CorruptFileError, MissingFileError
from xarray_safe.formats.jp2 import Jp2Image, open_image, openjpeg
from xarray_safe.formats.jp2.tile_cache import tiles
from xarray_safe.model.arrays import Array

if TYPE_CHECKING:
    from pathlib import Path

ALL = (slice(None),) * 3
SIZES = [
    # components, height, width, tile, bits, levels: the kinds of images that Sentinel-2 has, smaller
    ((1, 300, 420), (128, 128), 15, 4),
    ((1, 200, 200), (80, 80), 15, 4),  # 640: no multiple of a code-block of the coarsest level
    ((1, 230, 100), (96, 96), 8, 4),
    ((3, 150, 90), (64, 64), 8, 4),
    ((8, 70, 130), (64, 64), 8, 5),
    ((1, 97, 131), (64, 32), 12, 2),
    ((2, 64, 64), (64, 64), 16, 0),
    ((1, 33, 50), (512, 512), 10, 3),  # one tile larger than the image
]


@pytest.fixture(scope="module")
def band(tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, Pixels]:
    folder = tmp_path_factory.mktemp("jp2")
    return Folder(str(folder)), write(folder / "band.jp2", scene((2, 300, 280), 15), 128, 15)


@pytest.mark.parametrize(("shape", "tile", "bits", "levels"), SIZES)
@pytest.mark.parametrize("tlm", ["YES", "NO"])
def test_pixels_are_those_written(
    tmp_path: Path, shape: tuple[int, int, int], tile: tuple[int, int], bits: int, levels: int, tlm: str
) -> None:
    pixels = write(tmp_path / "x.jp2", scene(shape, bits), tile, bits, levels, TLM=tlm)
    image = open_image(Folder(str(tmp_path)), "x.jp2")
    assert image.shape == shape
    assert image.dtype == pixels.dtype
    assert image.chunks == (shape[0], min(tile[0], shape[1]), min(tile[1], shape[2]))
    assert isinstance(image, Array)
    np.testing.assert_array_equal(image[ALL], pixels)


@pytest.mark.parametrize("progression", ["LRCP", "RLCP", "RPCL", "PCRL", "CPRL"])
def test_any_order_of_packets(tmp_path: Path, progression: str) -> None:
    pixels = write(tmp_path / "x.jp2", scene((3, 100, 90), 8), 64, 8, PROGRESSION=progression)
    np.testing.assert_array_equal(open_image(Folder(str(tmp_path)), "x.jp2")[ALL], pixels)


@pytest.mark.parametrize("plt", [True, False])
def test_tiles_in_several_parts(tmp_path: Path, plt: bool) -> None:
    pixels = write(tmp_path / "x.jp2", scene((3, 150, 200), 8), 64, 8)
    (tmp_path / "two.jp2").write_bytes(in_two_parts((tmp_path / "x.jp2").read_bytes(), plt=plt))
    np.testing.assert_array_equal(truth(tmp_path / "two.jp2"), pixels)
    np.testing.assert_array_equal(open_image(Folder(str(tmp_path)), "two.jp2")[ALL], pixels)


def test_tables_of_packets_are_not_needed(tmp_path: Path) -> None:
    pixels = write(tmp_path / "x.jp2", scene((1, 150, 200), 15), 64, 15)
    (tmp_path / "bare.jp2").write_bytes(without_plt((tmp_path / "x.jp2").read_bytes()))
    np.testing.assert_array_equal(open_image(Folder(str(tmp_path)), "bare.jp2")[ALL], pixels)


def test_last_tile_may_leave_its_length_open(tmp_path: Path) -> None:
    pixels = write(tmp_path / "x.jp2", scene((1, 64, 128), 15), 64, 15)
    data = bytearray((tmp_path / "x.jp2").read_bytes())
    last = data.rindex(b"\xff\x90\x00\x0a\x00\x01")
    data[last + 6 : last + 10] = bytes(4)
    (tmp_path / "x.jp2").write_bytes(data)
    np.testing.assert_array_equal(open_image(Folder(str(tmp_path)), "x.jp2")[ALL], pixels)


def test_tiles_of_eight_pixels_in_a_bare_codestream(tmp_path: Path) -> None:
    pixels = scene((3, 83, 45), 8)
    (tmp_path / "x.j2k").write_bytes(tiny_tiles(pixels, 8, levels=3))
    np.testing.assert_array_equal(truth(tmp_path / "x.j2k"), pixels)
    image = open_image(Folder(str(tmp_path)), "x.j2k")
    assert image.chunks == (3, 8, 8)
    np.testing.assert_array_equal(image[ALL], pixels)


def test_constant_tiles(tmp_path: Path) -> None:
    pixels = np.zeros((8, 300, 300), np.uint8)
    pixels[2] = 7
    pixels[3, 200, 77] = 1
    write(tmp_path / "x.jp2", pixels, 64, 8)
    image = open_image(Folder(str(tmp_path)), "x.jp2")
    np.testing.assert_array_equal(image[ALL], pixels)
    tile = image[:, :64, :64]
    tile[:] = 3  # a result belongs to who asked for it
    np.testing.assert_array_equal(image[:, :64, :64], pixels[:, :64, :64])


def axis_keys(size: int) -> st.SearchStrategy[int | slice]:
    """All that `Array` promises: ints, and slices of any step as `slice.indices` gives them."""

    def normal(item: slice) -> slice:
        start, stop, step = item.indices(size)
        return slice(start, None if stop < 0 else stop, step)

    return st.integers(0, size - 1) | st.slices(size).map(normal)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_key_as_numpy_would(band: tuple[Folder, Pixels], data: st.DataObject) -> None:
    folder, pixels = band
    key = tuple(data.draw(axis_keys(size)) for size in pixels.shape)
    result = open_image(folder, "band.jp2")[key]
    np.testing.assert_array_equal(result, pixels[key])
    assert result.dtype == pixels.dtype


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cache_bytes=st.sampled_from(["0", "40kB", "100MB"]),
    threads=st.sampled_from(["1", "3"]),
    windows=st.lists(st.tuples(*[st.integers(0, 260)] * 2, *[st.integers(1, 200)] * 2), min_size=1, max_size=8),
)
def test_results_do_not_depend_on_cache_threads_or_order(
    band: tuple[Folder, Pixels], cache_bytes: str, threads: str, windows: list[tuple[int, int, int, int]]
) -> None:
    folder, pixels = band
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XARRAY_SAFE_TILE_CACHE", cache_bytes)
        patch.setenv("XARRAY_SAFE_THREADS", threads)
        runtime.reset()
        image = open_image(folder, "band.jp2")
        for y, x, height, width in windows:
            key = (slice(None), slice(y, y + height), slice(x, x + width))
            np.testing.assert_array_equal(image[key], pixels[key])


def test_threads_share_an_image(band: tuple[Folder, Pixels]) -> None:
    folder, pixels = band
    image = open_image(folder, "band.jp2")
    rng = np.random.default_rng(5)
    keys = [(slice(None), slice(y, y + 90), slice(x, x + 90)) for y, x in rng.integers(0, 200, (60, 2))]
    with ThreadPoolExecutor(6) as pool:
        for key, result in zip(keys, pool.map(image.__getitem__, keys), strict=True):
            np.testing.assert_array_equal(result, pixels[key])


def test_pickle_is_small_and_reads_the_same(band: tuple[Folder, Pixels]) -> None:
    folder, pixels = band
    image = open_image(Folder(folder.root), "band.jp2")
    image[0, 5, 5]
    data = pickle.dumps(image)
    assert len(data) < 1000
    np.testing.assert_array_equal(pickle.loads(data)[ALL], pixels)


def _read_in_child(image: Jp2Image, key: Any, results: Any) -> None:
    results.put(image[key].tobytes())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_child_reads_the_same(band: tuple[Folder, Pixels], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XARRAY_SAFE_THREADS", "2")
    runtime.reset()
    folder, pixels = band
    image = open_image(folder, "band.jp2")
    image[ALL]  # starts the pool, which the child must not wait for
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    # The child inherits locks that another thread holds at the moment of the fork.
    with tiles()._lock, runtime.indexes()._lock:
        child = context.Process(target=_read_in_child, args=(image, ALL, results))
        child.start()
    assert results.get(timeout=60) == pixels.tobytes()
    child.join(60)
    assert child.exitcode == 0


def test_opening_reads_once_or_not_at_all(band: tuple[Folder, Pixels]) -> None:
    folder = Folder(band[0].root)
    image = open_image(folder, "band.jp2")
    assert len(folder.reads) == 1
    assert folder.reads[0] <= 4096
    runtime.reset()
    again = open_image(folder, "band.jp2", shape=image.shape, chunks=image.chunks, dtype=image.dtype)
    assert len(folder.reads) == 1
    assert again == image


def test_one_tile_is_one_read(tmp_path: Path) -> None:
    pixels = write(tmp_path / "x.jp2", scene((1, 300, 300), 15), 64, 15, TLM="YES")
    folder = Folder(str(tmp_path))
    image = open_image(folder, "x.jp2")
    np.testing.assert_array_equal(image[0, 70:80, 70:80], pixels[0, 70:80, 70:80])
    assert len(folder.reads) == 2


def test_walk_stops_at_the_tile_and_remembers(band: tuple[Folder, Pixels]) -> None:
    folder = Folder(band[0].root)
    image = open_image(folder, "band.jp2")
    image[0, 0, 0]
    first = sum(folder.reads)
    assert first < folder.size("band.jp2") / 3
    image[0, 299, 279]
    folder.reads.clear()
    image[0, 298, 0]
    assert len(folder.reads) == 1


@pytest.mark.parametrize("wrong", [{"shape": (1, 300, 281)}, {"chunks": (1, 64, 128)}, {"dtype": "uint8"}])
def test_unexpected_header(band: tuple[Folder, Pixels], wrong: dict[str, Any]) -> None:
    folder, _ = band
    with pytest.raises(CorruptFileError, match=r"band\.jp2.*expected"):
        open_image(folder, "band.jp2", **wrong)
    expected = {"shape": (2, 300, 280), "chunks": (2, 128, 128), "dtype": "uint16", **wrong}
    image = open_image(folder, "band.jp2", **expected)
    with pytest.raises(CorruptFileError, match=r"band\.jp2.*expected"):
        image[0, 0, 0]


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    write(tmp_path / "x.jp2", scene((1, 100, 100), 15), 64, 15)
    image = open_image(Folder(str(tmp_path)), "x.jp2")
    image[0, :10, :10]
    other = write(tmp_path / "x.jp2", scene((1, 100, 100), 15, seed=9), 64, 15)
    np.testing.assert_array_equal(image[ALL], other)


@pytest.mark.parametrize("library", ["off", ""])
def test_with_and_without_openjpeg(band: tuple[Folder, Pixels], library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XARRAY_SAFE_OPENJPEG", library)
    runtime.reset()
    folder, pixels = band
    assert (openjpeg.load_openjpeg() is None) == bool(library)
    image = open_image(folder, "band.jp2")
    for key in (ALL, (slice(1, 2), slice(100, 290, 7), slice(20, 130)), (0, 299, 279)):
        np.testing.assert_array_equal(image[key], pixels[key])


def test_small_windows_decode_only_themselves(band: tuple[Folder, Pixels], monkeypatch: pytest.MonkeyPatch) -> None:
    library = openjpeg.load_openjpeg()
    if library is None:
        pytest.skip("no OpenJPEG library here")
    areas = []
    original = openjpeg.OpenJpeg.decode

    def spy(self: openjpeg.OpenJpeg, codestream: bytes, dtype: Any, area: Any = None, reduction: int = 0) -> Pixels:
        areas.append(area)
        return original(self, codestream, dtype, area, reduction)

    monkeypatch.setattr(openjpeg.OpenJpeg, "decode", spy)
    folder, pixels = band
    image = open_image(folder, "band.jp2")
    np.testing.assert_array_equal(image[0, 130:140, 5:9], pixels[0, 130:140, 5:9])
    assert areas == [(5, 130, 9, 140)]
    image[:, 128:256, 0:128]
    assert areas[1:] == [None]


def test_windows_of_several_tiles_use_the_pool_unless_others_do(
    band: tuple[Folder, Pixels], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XARRAY_SAFE_THREADS", "2")
    runtime.reset()
    names = set()
    original = Folder.read

    def spy(self: Folder, name: str, start: int = 0, stop: int | None = None) -> bytes:
        names.add(threading.current_thread().name)
        return original(self, name, start, stop)

    folder, _ = band
    image = open_image(folder, "band.jp2")
    monkeypatch.setattr(Folder, "read", spy)
    image[ALL]
    assert names
    assert all(name.startswith("xarray-safe") for name in names)
    names.clear()
    runtime.run([lambda: image[ALL]])
    assert names == {threading.current_thread().name}


@pytest.mark.skipif(not REAL.is_dir(), reason="real images lie beside the repository")
@pytest.mark.parametrize("path", sorted(REAL.glob("*.jp2")), ids=lambda path: path.stem)
def test_a_tile_of_real_images(path: Path) -> None:
    image = open_image(Folder(str(path.parent)), path.name)
    rows, columns = (
        slice(start := size // tile // 2 * tile, min(start + tile, size))
        for size, tile in zip(image.shape[1:], image.chunks[1:], strict=True)
    )
    pixels = truth(path, window=((rows.start, rows.stop), (columns.start, columns.stop)))
    np.testing.assert_array_equal(image[:, rows, columns], pixels)
    parts = rows, columns
    inside = [slice(3, min(40, part.stop - part.start)) for part in parts]
    key = [slice(part.start + cut.start, part.start + cut.stop) for cut, part in zip(inside, parts, strict=True)]
    np.testing.assert_array_equal(image[(slice(None), *key)], pixels[(slice(None), *inside)])


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="real images lie beside the repository")
@pytest.mark.parametrize("path", sorted(REAL.glob("*.jp2")), ids=lambda path: path.stem)
def test_real_images(path: Path) -> None:
    image = open_image(Folder(str(path.parent)), path.name)
    rows = image.shape[1] if np.prod(image.shape) < 2e8 else 2048  # 8 components of 10980² are a gigabyte
    pixels = truth(path, rows=rows)
    np.testing.assert_array_equal(image[:, :rows, :], pixels)
    rng = np.random.default_rng(3)
    for y, x in zip(rng.integers(0, rows, 25), rng.integers(0, image.shape[2], 25), strict=True):
        key = (slice(None), slice(y, min(rows, y + rng.integers(1, 400))), slice(x, x + rng.integers(1, 400)))
        np.testing.assert_array_equal(image[key], pixels[key])


def test_missing_file_passes_through(tmp_path: Path) -> None:
    class Archive(Folder):
        def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
            raise MissingFileError(f"{name} is not in {self.url}")

        def identity(self, name: str) -> tuple[str, ...]:
            return self.root, name

    with pytest.raises(MissingFileError, match=r"x\.jp2"):
        open_image(Archive(str(tmp_path)), "x.jp2")
