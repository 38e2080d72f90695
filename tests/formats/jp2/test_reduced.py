"""Reduced resolution: equal to GDAL's overviews, read from few bytes, and clean at no-data and in classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.formats.jp2.support import REAL, Folder, Pixels, in_two_parts, scene, truth, without_plt, write
from xarray_safe import runtime
from xarray_safe.errors import InvalidArgumentError, UnsupportedProductError
from xarray_safe.formats.jp2 import open_image

if TYPE_CHECKING:
    from pathlib import Path

ALL = (slice(None),) * 3
Mask = np.ndarray[Any, np.dtype[np.bool_]]


def low_pass(pixels: Pixels, tile: int, bits: int, reduction: int) -> Pixels:
    """Compute the low-pass that the standard prescribes (5/3, annex F; colours as in annex G), tile by tile."""
    components, height, width = pixels.shape
    result = np.empty((components, -(-height >> reduction), -(-width >> reduction)), np.int64)
    for y in range(0, height, tile):
        for x in range(0, width, tile):
            planes = pixels[:, y : y + tile, x : x + tile].astype(np.int64) - (1 << bits - 1)
            if components == 3:
                red, green, blue = planes
                planes = np.stack([(red + 2 * green + blue) >> 2, blue - green, red - green])
            top, left = y, x
            for _ in range(reduction):
                planes = np.stack([_low(_low(plane, top).T, left).T for plane in planes])
                top, left = -(-top // 2), -(-left // 2)
            if components == 3:
                luma, blue, red = planes
                green = luma - ((blue + red) >> 2)
                planes = np.stack([red + green, green, blue + green])
            result[:, top : top + planes.shape[1], left : left + planes.shape[2]] = planes
    return np.clip(result + (1 << bits - 1), 0, (1 << bits) - 1).astype(pixels.dtype)


def _low(rows: Pixels, start: int) -> Pixels:
    """Halve the rows whose first has the number `start`."""
    if len(rows) == 1:
        return rows if start % 2 == 0 else rows[:0]
    extended = np.pad(rows, [(4, 4), (0, 0)], mode="reflect")
    numbers = np.arange(start - 4, start + len(rows) + 4)
    even = extended[numbers % 2 == 0]
    odd = extended[numbers % 2 == 1]
    if numbers[0] % 2:
        odd = odd[1:]  # so that odd[i] follows even[i]
    count = min(len(even) - 1, len(odd))
    high = odd[:count] - ((even[:count] + even[1 : count + 1]) >> 1)
    low = even[1:count] + ((high[:-1] + high[1:] + 2) >> 2)
    where = numbers[numbers % 2 == 0][1:count]
    return low[(where >= start) & (where < start + len(rows))]


@pytest.fixture(params=["", "off"], ids=["openjpeg", "imagecodecs"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    choice: str = request.param
    monkeypatch.setenv("XARRAY_SAFE_OPENJPEG", choice)
    runtime.reset()
    return choice


@pytest.mark.parametrize(
    ("shape", "tile", "bits", "order"),
    [
        ((1, 400, 300), 128, 15, "LRCP"),
        ((1, 333, 250), 80, 15, "LRCP"),
        ((1, 200, 130), 96, 16, "RLCP"),
        ((3, 150, 200), 64, 8, "RPCL"),
        ((1, 97, 61), 36, 12, "LRCP"),  # tiles that start at odd rows of coarse levels
    ],
)
def test_the_wavelets_low_pass(
    tmp_path: Path, library: str, shape: tuple[int, int, int], tile: int, bits: int, order: str
) -> None:
    pixels = write(tmp_path / "x.jp2", scene(shape, bits), tile, bits, 4, PROGRESSION=order)
    for overview in range(1, 5):
        expected = low_pass(pixels, tile, bits, overview)
        image = open_image(Folder(str(tmp_path)), "x.jp2", reduction=overview)
        assert image.shape == expected.shape == (shape[0], -(-shape[1] >> overview), -(-shape[2] >> overview))
        np.testing.assert_array_equal(image[ALL], expected)


def test_equal_to_overviews_of_gdal(tmp_path: Path) -> None:
    path = tmp_path / "x.jp2"
    pixels = write(path, scene((1, 530, 600), 15), 80, 15, 4)
    for overview in (1, 2, 3):
        expected = truth(path, overview)
        image = open_image(Folder(str(tmp_path)), "x.jp2", reduction=overview)
        np.testing.assert_array_equal(image[ALL], expected)
        np.testing.assert_array_equal(low_pass(pixels, 80, 15, overview), expected)


@pytest.mark.parametrize("form", ["PCRL", "without PLT", "two parts", "two parts without PLT"])
def test_files_whose_coarse_packets_do_not_come_first(tmp_path: Path, library: str, form: str) -> None:
    path = tmp_path / "x.jp2"
    pixels = write(path, scene((3, 150, 200), 8), 64, 8, 4, PROGRESSION="PCRL" if form == "PCRL" else "LRCP")
    data = path.read_bytes()
    if form == "without PLT":
        path.write_bytes(without_plt(data))
    elif form.startswith("two parts"):
        path.write_bytes(in_two_parts(data, plt=form == "two parts"))
    image = open_image(Folder(str(tmp_path)), "x.jp2", reduction=2)
    if library == "off" and form != "two parts":
        with pytest.raises(UnsupportedProductError, match="OpenJPEG"):
            image[ALL]
    else:
        expected = low_pass(pixels, 64, 8, 2)
        np.testing.assert_array_equal(image[ALL], expected)
        np.testing.assert_array_equal(image[1, 7:20, 3:40:3], expected[1, 7:20, 3:40:3])


def test_reads_only_the_first_bytes_of_tiles(tmp_path: Path) -> None:
    write(tmp_path / "x.jp2", scene((1, 512, 512), 15), 256, 15, TLM="YES")
    folder = Folder(str(tmp_path))
    size = folder.size("x.jp2")
    for overview, share in ((4, 0.05), (3, 0.07), (2, 0.15)):
        runtime.reset()
        folder.reads.clear()
        open_image(folder, "x.jp2", reduction=overview)[ALL]
        assert sum(folder.reads) < share * size


def test_chunks_are_whole_tiles(tmp_path: Path) -> None:
    write(tmp_path / "x.jp2", scene((1, 330, 2300), 15), 80, 15)
    for overview in (1, 2, 3, 4):
        image = open_image(Folder(str(tmp_path)), "x.jp2", reduction=overview)
        components, height, width = image.chunks
        assert components == 1
        assert height == image.shape[1]
        assert width == image.shape[2] or width * 2**overview % 80 == 0
        assert width <= 1024


def test_classes_are_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    pixels = write(tmp_path / "x.jp2", rng.integers(0, 9, (3, 130, 170)).astype(np.uint8), 64, 8)
    for overview in (1, 2, 3, 5):
        image = open_image(Folder(str(tmp_path)), "x.jp2", reduction=overview, continuous=False)
        expected = pixels[:, :: 2**overview, :: 2**overview]
        assert image.shape == expected.shape
        np.testing.assert_array_equal(image[ALL], expected)
        np.testing.assert_array_equal(image[1:, 3:, ::-2], expected[1:, 3:, ::-2])


def test_more_reduction_than_the_image_has(tmp_path: Path) -> None:
    write(tmp_path / "x.jp2", scene((1, 64, 64), 15), 64, 15, levels=2)
    image = open_image(Folder(str(tmp_path)), "x.jp2", reduction=3)
    with pytest.raises(InvalidArgumentError, match="overview=2"):
        image[ALL]
    with pytest.raises(InvalidArgumentError, match="overview is -1"):
        open_image(Folder(str(tmp_path)), "x.jp2", reduction=-1)


@pytest.fixture(scope="module")
def swath(tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, Pixels]:
    folder = tmp_path_factory.mktemp("swath")
    pixels = scene((1, 300, 400), 15)
    pixels[:, np.add.outer(np.arange(300) // 4, -np.arange(400)) > -150] = 0
    return Folder(str(folder)), write(folder / "x.jp2", pixels, 128, 15)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_window_is_that_of_the_whole(swath: tuple[Folder, Pixels], data: st.DataObject) -> None:
    folder, _ = swath
    image = open_image(folder, "x.jp2", reduction=data.draw(st.integers(1, 4)))
    whole = image[ALL]
    window = tuple(data.draw(st.slices(size).map(lambda item: item)) for size in image.shape)
    normal = tuple(slice(r.start, None if r.stop < 0 else r.stop, r.step) for r in _ranges(window, image.shape))
    np.testing.assert_array_equal(image[normal], whole[normal])


def _ranges(window: tuple[slice, ...], shape: tuple[int, ...]) -> list[range]:
    return [range(*item.indices(size)) for item, size in zip(window, shape, strict=True)]


SCENE = scene((1, 384, 384), 15)


def mixed(no_data: Mask, tile: int, reduction: int) -> Mask:
    """Mark the samples of the low-pass whose filters cover no-data; the 5/3 wavelet, tile by tile."""
    height, width = no_data.shape
    result = np.zeros((-(-height >> reduction), -(-width >> reduction)), bool)
    for y in range(0, height, tile):
        for x in range(0, width, tile):
            part = no_data[y : y + tile, x : x + tile]
            for _ in range(reduction):
                part = _halve(_halve(part).T).T
            result[y >> reduction : (y >> reduction) + len(part), x >> reduction : (x >> reduction) + part.shape[1]] = (
                part
            )
    return result


def _halve(mask: Mask) -> Mask:
    """Low-pass of five taps with mirrored borders, for tiles that start at even rows."""
    last = len(mask) - 1
    rows = np.arange(0, len(mask), 2)
    taken = [last - np.abs(last - np.abs(rows + shift)) for shift in range(-2, 3)]
    return np.logical_or.reduce([mask[np.clip(index, 0, last)] for index in taken])


def far(mask: Mask, distance: int) -> Mask:
    """Mark what is farther than so many rows or columns from a marked element."""
    height, width = mask.shape
    padded = np.pad(mask, distance)
    steps = range(2 * distance + 1)
    return ~np.logical_or.reduce([padded[y : y + height, x : x + width] for y in steps for x in steps])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    slope=st.floats(-0.45, 0.45),
    start=st.integers(170, 220),
    left=st.booleans(),
    down=st.booleans(),
    tile=st.sampled_from([96, 128, 256]),
)
def test_no_data_touches_no_sample_that_is_left(
    tmp_path: Path, slope: float, start: int, left: bool, down: bool, tile: int
) -> None:
    pixels = SCENE.copy()
    y, x = np.mgrid[:384, :384]
    if down:
        y, x = x, y
    pixels[0, (x < start + slope * (y - 192)) == left] = 0
    write(tmp_path / "x.jp2", pixels, tile, 15)
    runtime.reset()
    for overview in (1, 2, 3, 4):
        image = open_image(Folder(str(tmp_path)), "x.jp2", reduction=overview)[0, :, :]
        expected = low_pass(pixels, tile, 15, overview)[0]
        touched = mixed(pixels[0] == 0, tile, overview)
        assert not image[touched].any()
        np.testing.assert_array_equal(image[image > 0], expected[image > 0])
        lost = (image == 0) & (expected > 0)
        # Farther than one or two samples only where the border runs along the borders of tiles or of the image.
        assert not (lost & far(touched, 4))[4:-4, 4:-4].any()


def test_overshoot_is_not_taken_for_no_data(tmp_path: Path) -> None:
    pixels = np.full((1, 256, 256), 40, np.uint16)
    pixels[:, 100:140, 60:200] = 30000  # a cloud over a dark lake
    write(tmp_path / "x.jp2", pixels, 128, 15)
    for overview in (1, 2, 3):
        expected = low_pass(pixels, 128, 15, overview)
        assert (expected == 0).any()
        np.testing.assert_array_equal(open_image(Folder(str(tmp_path)), "x.jp2", reduction=overview)[ALL], expected)


@pytest.mark.skipif(not REAL.is_dir(), reason="real images lie beside the repository")
@pytest.mark.parametrize(
    ("name", "tile"), [("T31TDH_20180101T105441_B01", 192), ("T36NXF_20221127T075159_AOT_20m", 640)]
)
def test_real_continuous_images(name: str, tile: int) -> None:
    path = REAL / f"{name}.jp2"
    full = truth(path)[0]
    for overview in (1, 2, 3, 4):
        image = open_image(Folder(str(REAL)), path.name, reduction=overview)[0, :, :]
        expected = truth(path, overview)[0]
        touched = mixed(full == 0, tile, overview)
        np.testing.assert_array_equal(image[image > 0], expected[image > 0])
        assert not image[touched].any()
        lost = (image == 0) & (expected > 0) & ~touched
        assert (lost & far(touched, 2))[4:-4, 4:-4].sum() < 12
        assert (lost & far(touched, 1)).sum() < 100


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="real images lie beside the repository")
@pytest.mark.parametrize("path", sorted(REAL.glob("MSK_*0[15]*.jp2")), ids=lambda path: path.stem)
def test_real_masks(path: Path) -> None:
    for overview in (2, 4):
        image = open_image(Folder(str(REAL)), path.name, reduction=overview, continuous=False)
        step = 1 << overview
        expected = truth(path, rows=1600)[:, ::step, ::step]
        np.testing.assert_array_equal(image[:, : 1600 // step, :], expected)
