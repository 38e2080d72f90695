"""The OpenJPEG binding: every library found here decodes the same, and those that would not are left alone."""

from __future__ import annotations

import ctypes
import gc
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.formats.jp2.support import Folder, scene, write
from xarray_safe import runtime
from xarray_safe.errors import InvalidArgumentError
from xarray_safe.formats.jp2 import openjpeg
from xarray_safe.formats.jp2.codestream import full_codestream, read_tile
from xarray_safe.formats.jp2.header import ImageFile
from xarray_safe.formats.jp2.index import tile_index

if TYPE_CHECKING:
    from pathlib import Path

UINT16 = np.dtype(np.uint16)


def libraries() -> list[str]:
    found = []
    for path in openjpeg.candidates():
        try:
            ctypes.CDLL(path)
        except OSError:
            continue
        found.append(path)
    return found


@pytest.mark.skipif(not libraries(), reason="no OpenJPEG library here")
@pytest.mark.parametrize("path", libraries())
def test_every_library_decodes_wholes_and_windows(tmp_path: Path, path: str) -> None:
    pixels = write(tmp_path / "x.jp2", scene((3, 130, 150), 12), 80, 12)
    library = openjpeg.OpenJpeg(path)
    file = ImageFile(Folder(str(tmp_path)), "x.jp2")
    tiles = tile_index.open_index(file)
    assert tiles.header.tiles == 4
    for tile in range(4):
        codestream = full_codestream(tiles.header, tile, read_tile(file, tiles, tile))
        x0, y0, x1, y1 = tiles.header.tile_bounds(tile)
        np.testing.assert_array_equal(library.decode(codestream, UINT16), pixels[:, y0:y1, x0:x1])
        window = (x0 + 3, y0 + 5, x1 - 9, y1 - 1)
        expected = pixels[:, y0 + 5 : y1 - 1, x0 + 3 : x1 - 9]
        np.testing.assert_array_equal(library.decode(codestream, UINT16, window), expected)


def test_libraries_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "libopenjp2.so").write_bytes(b"no library")
    for path in (str(tmp_path / "libopenjp2.so"), str(tmp_path / "absent.so")):
        with pytest.raises(OSError, match=r"libopenjp2|absent"):
            openjpeg.OpenJpeg(path)
        monkeypatch.setenv("XARRAY_SAFE_OPENJPEG", path)
        runtime.reset()
        with pytest.raises(InvalidArgumentError, match="XARRAY_SAFE_OPENJPEG"):
            openjpeg.load_openjpeg()


@pytest.mark.skipif(not libraries(), reason="no OpenJPEG library here")
@pytest.mark.parametrize("version", [b"1.5.2", b"2.2.0", b"3.0.0", b"unknown"])
def test_other_versions_are_left_alone(monkeypatch: pytest.MonkeyPatch, version: bytes) -> None:
    path = libraries()[0]
    real = ctypes.CDLL(path)

    class Other:
        def __getattr__(self, name: str) -> Any:
            function = getattr(real, name)
            return (lambda: version) if name == "opj_version" else function

    class OtherVersion(Other):
        def __init__(self) -> None:
            self.opj_version = Version()

    class Version:
        restype: Any = None
        argtypes: Any = None

        def __call__(self) -> bytes:
            return version

    monkeypatch.setattr(openjpeg.ctypes, "CDLL", lambda _: OtherVersion())
    with pytest.raises(ValueError, match="OpenJPEG"):
        openjpeg.OpenJpeg(path)
    assert openjpeg.load_openjpeg() is None


@pytest.mark.skipif(not libraries(), reason="no OpenJPEG library here")
def test_other_structures_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Component(ctypes.Structure):
        _fields_ = [*openjpeg._Component._fields_, ("more", ctypes.c_uint64)]

    class Image(ctypes.Structure):
        _fields_ = [
            (name, ctypes.POINTER(Component) if name == "comps" else kind) for name, kind in openjpeg._Image._fields_
        ]

    monkeypatch.setattr(openjpeg, "_Image", Image)
    signatures = {**openjpeg._SIGNATURES}
    for name in ("opj_read_header", "opj_set_decode_area", "opj_decode", "opj_image_destroy"):
        result, arguments = signatures[name]
        signatures[name] = result, [ctypes.c_void_p if "Image" in str(a) else a for a in arguments]
    monkeypatch.setattr(openjpeg, "_SIGNATURES", signatures)
    with pytest.raises(ValueError, match="OpenJPEG"):
        openjpeg.OpenJpeg(libraries()[0])


@pytest.mark.skipif(not libraries(), reason="no OpenJPEG library here")
def test_a_decoded_codestream_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "x.jp2", scene((1, 64, 64), 15), 64, 15)
    file = ImageFile(Folder(str(tmp_path)), "x.jp2")
    tiles = tile_index.open_index(file)
    codestream = full_codestream(tiles.header, 0, read_tile(file, tiles, 0))
    streams = []
    original = openjpeg._Stream

    def spy(data: bytes) -> openjpeg._Stream:
        stream = original(data)
        streams.append(weakref.ref(stream))
        return stream

    library = openjpeg.OpenJpeg(libraries()[0])
    monkeypatch.setattr(openjpeg, "_Stream", spy)
    gc.disable()
    try:
        library.decode(codestream, UINT16)
        with pytest.raises(openjpeg.DecodeError):
            library.decode(codestream[:100], UINT16)
        assert len(streams) == 2
        assert streams[0]() is None
    finally:
        gc.enable()
