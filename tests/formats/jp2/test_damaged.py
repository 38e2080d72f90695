"""Damaged JPEG 2000 images: an error that names file and tile, never a crash, a hang, or invented pixels."""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.formats.jp2.support import Folder, Pixels, first_sot, packets, scene, segment, tile_parts, write
from xarray_safe import runtime
from xarray_safe.errors import CorruptFileError, SafeError, UnsupportedProductError
from xarray_safe.formats.jp2 import open_image

if TYPE_CHECKING:
    from pathlib import Path

ALL = (slice(None),) * 3
PIXELS = scene((1, 150, 200), 15)
TILES = 12  # of 64 pixels, 4 in a row


@pytest.fixture(autouse=True, params=["", "off"], ids=["openjpeg", "imagecodecs"])
def _decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XARRAY_SAFE_OPENJPEG", request.param)
    runtime.reset()


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("good")
    files = {}
    for tlm in ("YES", "NO"):
        write(folder / "x.jp2", PIXELS, 64, 15, TLM=tlm)
        files[tlm] = (folder / "x.jp2").read_bytes()
    return files


def read(folder: Path, data: bytes, overview: int = 0) -> Pixels:
    (folder / "bad.jp2").write_bytes(data)
    runtime.reset()
    return open_image(Folder(str(folder)), "bad.jp2", reduction=overview)[ALL]


def patched(data: bytes, position: int, form: str, *values: int) -> bytes:
    copy = bytearray(data)
    struct.pack_into(form, copy, position, *values)
    return bytes(copy)


@pytest.mark.parametrize("overview", [0, 1])
@pytest.mark.parametrize("tlm", ["YES", "NO"])
@pytest.mark.parametrize("tile", [0, 5, 11])
def test_tile_cut_short(tmp_path: Path, good: dict[str, bytes], tlm: str, tile: int, overview: int) -> None:
    data = good[tlm]
    start, length = tile_parts(data)[tile]
    for cut in (start + 5, start + 14, start + 40, start + length - 1):
        if overview and cut > start + 40 and tlm == "NO" and tile == 11:
            continue
        with pytest.raises(CorruptFileError, match=r"bad\.jp2 of .*tile \d+|cannot hold"):
            read(tmp_path, data[:cut], overview)


def test_other_tiles_of_a_file_cut_short_are_right(tmp_path: Path, good: dict[str, bytes]) -> None:
    start, _ = tile_parts(good["NO"])[8]
    (tmp_path / "bad.jp2").write_bytes(good["NO"][: start + 100])
    image = open_image(Folder(str(tmp_path)), "bad.jp2")
    np.testing.assert_array_equal(image[:, :128, :], PIXELS[:, :128])
    with pytest.raises(CorruptFileError, match="tile 8"):
        image[0, 128, 0]


@pytest.mark.parametrize("overview", [0, 2])
@pytest.mark.parametrize("tlm", ["YES", "NO"])
@pytest.mark.parametrize("change", [-700, -1, 1, 12, 10**6, 2**31])
def test_wrong_length_of_a_tile(tmp_path: Path, good: dict[str, bytes], tlm: str, change: int, overview: int) -> None:
    start, length = tile_parts(good[tlm])[5]
    with pytest.raises(CorruptFileError, match=r"bad\.jp2.*tile"):
        read(tmp_path, patched(good[tlm], start + 6, ">I", length + change), overview)


@pytest.mark.parametrize("change", [-20, -1, 1, 5000, 2**30])
def test_table_of_tiles_disagrees_with_the_tiles(tmp_path: Path, good: dict[str, bytes], change: int) -> None:
    data = good["YES"]
    table = segment(data, 0xFF55)
    style = data[table + 5]
    width = 4 if style & 0x40 else 2
    entry = table + 6 + 5 * (width + (style >> 4 & 3)) + (style >> 4 & 3)
    form = ">I" if width == 4 else ">H"
    length = struct.unpack_from(form, data, entry)[0]
    with pytest.raises(CorruptFileError, match=r"bad\.jp2.*tile"):
        read(tmp_path, patched(data, entry, form, (length + change) % 2 ** (8 * width)))


@pytest.mark.parametrize("tile", [4, 6, 12, 65535])
def test_wrong_number_of_a_tile(tmp_path: Path, good: dict[str, bytes], tile: int) -> None:
    for data in good.values():
        start, _ = tile_parts(data)[5]
        with pytest.raises(CorruptFileError, match=r"bad\.jp2.*tile"):
            read(tmp_path, patched(data, start + 4, ">H", tile))


@pytest.mark.parametrize("length", [0, 1, 3, 4, 200, 65535])
@pytest.mark.parametrize("marker", [0xFF51, 0xFF52, 0xFF5C])
def test_segment_of_a_wrong_length(tmp_path: Path, good: dict[str, bytes], marker: int, length: int) -> None:
    data = patched(good["NO"], segment(good["NO"], marker) + 2, ">H", length)
    with pytest.raises(SafeError, match=r"bad\.jp2"):
        read(tmp_path, data)


@pytest.mark.parametrize("length", [0, 2, 5, 9, 60000])
def test_table_of_packets_of_a_wrong_length(tmp_path: Path, good: dict[str, bytes], length: int) -> None:
    start, _ = tile_parts(good["NO"])[5]
    assert good["NO"][start + 12 : start + 14] == b"\xff\x58"
    for overview in (0, 1):
        with pytest.raises(CorruptFileError, match=r"bad\.jp2.*tile 5"):
            read(tmp_path, patched(good["NO"], start + 14, ">H", length), overview)


def test_table_of_packets_that_does_not_add_up(tmp_path: Path, good: dict[str, bytes]) -> None:
    start, _ = tile_parts(good["NO"])[5]
    data = patched(good["NO"], start + 17, "B", good["NO"][start + 17] ^ 1)
    for overview in (0, 1):
        with pytest.raises(CorruptFileError, match=r"tile 5.*packet"):
            read(tmp_path, data, overview)


@pytest.mark.parametrize(
    ("offset", "form", "values"),
    [
        (6, ">II", (2**31 - 1, 2**31 - 1)),  # size of the image
        (6, ">II", (2**32 - 1, 2**32 - 1)),
        (6, ">II", (0, 0)),
        (6, ">II8xII", (2**31 - 1, 2**31 - 1, 2**31 - 1, 2**31 - 1)),  # and of the tile
        (6, ">II8xII", (2**20, 2**20, 2**13, 2**13)),
        (22, ">II", (0, 0)),  # tiles of nothing
        (22, ">II", (1, 1)),
        (22, ">II", (65, 64)),
        (38, ">H", (0,)),  # components
        (38, ">H", (16384,)),
    ],
)
def test_sizes_that_make_no_sense(
    tmp_path: Path, good: dict[str, bytes], offset: int, form: str, values: tuple[int, ...]
) -> None:
    data = good["NO"]
    siz = segment(data, 0xFF51)
    copy = bytearray(data)
    if "8x" in form:
        struct.pack_into(">II", copy, siz + offset, *values[:2])
        struct.pack_into(">II", copy, siz + offset + 16, *values[2:])
    else:
        struct.pack_into(form, copy, siz + offset, *values)
    with pytest.raises(CorruptFileError, match=r"bad\.jp2"):
        read(tmp_path, bytes(copy))
    start = data.index(b"\xff\x4f\xff\x51")
    with pytest.raises(CorruptFileError, match=r"bad\.jp2"):
        read(tmp_path, bytes(copy[start:]))  # without the box that tells the size again


@pytest.mark.parametrize(
    ("marker", "offset", "value", "text"),
    [
        (0xFF51, 40, 0x8E, "signed"),
        (0xFF51, 40, 30, r"\[31\] bits"),
        (0xFF51, 41, 2, "subsampled"),
        (0xFF51, 17, 5, "origin"),
    ],
)
def test_kinds_that_are_not_read(
    tmp_path: Path, good: dict[str, bytes], marker: int, offset: int, value: int, text: str
) -> None:
    with pytest.raises(UnsupportedProductError, match=rf"bad\.jp2.*{text}"):
        read(tmp_path, patched(good["NO"], segment(good["NO"], marker) + offset, "B", value))


def test_packed_packet_headers(tmp_path: Path, good: dict[str, bytes]) -> None:
    data = good["NO"]
    start = first_sot(data)
    with pytest.raises(UnsupportedProductError, match="PPM"):
        read(tmp_path, data[:start] + b"\xff\x60\x00\x03\x00" + data[start:])


@pytest.mark.parametrize("data", [b"", b"\x00" * 100, b"not an image", b"\xff\x4f\xff\x51", b"\x89PNG" * 500])
def test_no_jpeg_2000_at_all(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(CorruptFileError, match=r"bad\.jp2"):
        read(tmp_path, data)


def test_header_without_end(tmp_path: Path, good: dict[str, bytes]) -> None:
    head = good["NO"][: first_sot(good["NO"])]
    comment = b"\xff\x64\xff\xff" + bytes(65533)
    for data in (head, head + comment * 100):
        with pytest.raises(CorruptFileError, match=r"bad\.jp2.*header"):
            read(tmp_path, data)


def test_the_decoder_doubts(tmp_path: Path, good: dict[str, bytes]) -> None:
    data = bytearray(good["NO"])
    _, body = packets(good["NO"], tile_parts(good["NO"])[5][0])
    data[body : body + 8] = b"\xff" * 8
    with pytest.raises(CorruptFileError, match=r"bad\.jp2.*tile 5: it does not decode \(.+\)"):
        read(tmp_path, bytes(data))


def test_a_hole_of_zeros(tmp_path: Path, good: dict[str, bytes]) -> None:
    lengths, body = packets(good["NO"], tile_parts(good["NO"])[5][0])
    start = body + sum(lengths[:2])
    data = good["NO"][: start - 5] + bytes(100) + good["NO"][start + 95 :]
    for overview in (0, 1):
        with pytest.raises(CorruptFileError, match=r"bad\.jp2.*tile 5: a packet of \d+ bytes"):
            read(tmp_path, data, overview)


def test_an_error_in_one_of_many_tiles_ends_all(
    tmp_path: Path, good: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XARRAY_SAFE_THREADS", "3")
    start, _ = tile_parts(good["NO"])[7]
    data = patched(good["NO"], start + 12, ">H", 0x1234)
    for _ in range(3):
        with pytest.raises(CorruptFileError, match="tile 7"):
            read(tmp_path, data)
    np.testing.assert_array_equal(read(tmp_path, good["NO"]), PIXELS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_an_error_of_ours_or_harmless(
    tmp_path: Path, good: dict[str, bytes], data: st.DataObject
) -> None:
    copy = bytearray(good[data.draw(st.sampled_from(["YES", "NO"]))])
    for _ in range(data.draw(st.integers(1, 4))):
        near = data.draw(st.sampled_from([0, first_sot(bytes(good["NO"])) - 200, tile_parts(good["NO"])[3][0]]))
        position = near + data.draw(st.integers(0, 260))
        match data.draw(st.sampled_from(["change", "remove", "insert"])):
            case "change":
                copy[position] = data.draw(st.sampled_from([0, 1, 127, 128, 255]))
            case "remove":
                del copy[position : position + data.draw(st.integers(1, 9))]
            case "insert":
                copy[position:position] = data.draw(st.binary(min_size=1, max_size=9))
    overview = data.draw(st.integers(0, 2))
    with contextlib.suppress(SafeError):
        assert read(tmp_path, bytes(copy), overview).ndim == 3
