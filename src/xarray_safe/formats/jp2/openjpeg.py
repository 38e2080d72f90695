"""OpenJPEG by ctypes: decodes a codestream in memory, all of it or a window, without holding the GIL.

imagecodecs can only decode whole codestreams; the library in its wheel can decode windows
(``opj_set_decode_area``). Any libopenjp2 from 2.3 on works, of a wheel or of the system. Before one is used,
its version must be known and it must decode a small image correctly, so that a library with other structures is not
used.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import struct
import sys
from ctypes import (
    POINTER,
    Structure,
    c_char_p,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xarray_safe import runtime
from xarray_safe.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

Box = tuple[int, int, int, int]
Pixels = np.ndarray[Any, np.dtype[Any]]

OLDEST, TOO_NEW = (2, 3), (3, 0)
PARAMETERS_BYTES = 1 << 15  # opj_dparameters_t has 8.3 kB; cp_reduce comes first in every version
AT_END = c_size_t(-1).value
MAX_MESSAGES = 20
TRIAL_BITS = (8, 12)  # bits of the two components of the trial image


class DecodeError(Exception):
    """The decoder rejects the codestream, or warns about it."""


_COMPONENT_NUMBERS = ("dx", "dy", "w", "h", "x0", "y0", "prec", "bpp", "sgnd", "resno_decoded", "factor")


class _Component(Structure):
    _fields_ = [
        *((name, c_uint32) for name in _COMPONENT_NUMBERS),
        ("data", POINTER(c_int32)),
        ("alpha", c_uint16),
    ]


class _Image(Structure):
    _fields_ = [
        *((name, c_uint32) for name in ("x0", "y0", "x1", "y1", "numcomps")),
        ("color_space", c_int),
        ("comps", POINTER(_Component)),
        ("icc_profile_buf", c_void_p),
        ("icc_profile_len", c_uint32),
    ]


_Read = ctypes.CFUNCTYPE(c_size_t, c_void_p, c_size_t, c_void_p)
_Skip = ctypes.CFUNCTYPE(c_int64, c_int64, c_void_p)
_Seek = ctypes.CFUNCTYPE(c_int, c_int64, c_void_p)
_Say = ctypes.CFUNCTYPE(None, c_char_p, c_void_p)

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "opj_version": (c_char_p, []),
    "opj_stream_create": (c_void_p, [c_size_t, c_int]),
    "opj_stream_destroy": (None, [c_void_p]),
    "opj_stream_set_read_function": (None, [c_void_p, _Read]),
    "opj_stream_set_skip_function": (None, [c_void_p, _Skip]),
    "opj_stream_set_seek_function": (None, [c_void_p, _Seek]),
    "opj_stream_set_user_data": (None, [c_void_p, c_void_p, c_void_p]),
    "opj_stream_set_user_data_length": (None, [c_void_p, c_uint64]),
    "opj_create_decompress": (c_void_p, [c_int]),
    "opj_destroy_codec": (None, [c_void_p]),
    "opj_set_error_handler": (c_int, [c_void_p, _Say, c_void_p]),
    "opj_set_warning_handler": (c_int, [c_void_p, _Say, c_void_p]),
    "opj_set_default_decoder_parameters": (None, [c_void_p]),
    "opj_setup_decoder": (c_int, [c_void_p, c_void_p]),
    "opj_read_header": (c_int, [c_void_p, c_void_p, POINTER(POINTER(_Image))]),
    "opj_set_decode_area": (c_int, [c_void_p, POINTER(_Image), c_int32, c_int32, c_int32, c_int32]),
    "opj_decode": (c_int, [c_void_p, c_void_p, POINTER(_Image)]),
    "opj_end_decompress": (c_int, [c_void_p, c_void_p]),
    "opj_image_destroy": (None, [POINTER(_Image)]),
}


class _Stream:
    """A codestream as OpenJPEG reads it, with a position, and the messages of OpenJPEG."""

    def __init__(self, codestream: bytes) -> None:
        self.codestream = codestream  # keeps the address valid
        self.address = ctypes.cast(c_char_p(codestream), c_void_p).value or 0
        self.size = len(codestream)
        self.position = 0
        self.messages: list[str] = []

    def read(self, target: int, size: int, _: object) -> int:
        """Copy the next bytes; -1 at the end."""
        count = min(size, self.size - self.position)
        if count <= 0:
            return AT_END
        ctypes.memmove(target, self.address + self.position, count)
        self.position += count
        return count

    def skip(self, count: int, _: object) -> int:
        """Skip bytes, not beyond the end."""
        count = min(count, self.size - self.position)
        self.position += count
        return count

    def seek(self, position: int, _: object) -> int:
        """Set the position; return 0 if it is outside."""
        if not 0 <= position <= self.size:
            return 0
        self.position = position
        return 1

    def say(self, message: bytes, _: object) -> None:
        """Add an error or a warning."""
        if len(self.messages) < MAX_MESSAGES:
            self.messages.append(message.decode("ascii", "replace").strip())


class OpenJpeg:
    """A libopenjp2.

    Parameters
    ----------
    path
        File or name of the shared library.

    Raises
    ------
    OSError, AttributeError, ValueError
        It does not exist, lacks a function, is of a version with other structures, or decodes wrongly.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._library = ctypes.CDLL(path)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, arguments
        self.version = self._library.opj_version().decode("ascii", "replace")
        number = re.match(r"(\d+)\.(\d+)", self.version)
        if number is None or not OLDEST <= (int(number[1]), int(number[2])) < TOO_NEW:
            raise ValueError(f"OpenJPEG {self.version}")
        self._strict = getattr(self._library, "opj_decoder_set_strict_mode", None)  # since 2.5
        if self._strict is not None:
            self._strict.restype, self._strict.argtypes = c_int, [c_void_p, c_int]
        self._try()

    def decode(self, codestream: bytes, dtype: np.dtype[Any], area: Box | None = None, reduction: int = 0) -> Pixels:
        """Decode a codestream in the calling thread.

        Parameters
        ----------
        codestream
            A JPEG 2000 codestream, SOC to EOC.
        dtype
            Type of the result, which must hold the samples.
        area
            ``x0, y0, x1, y1`` on its canvas; all of it if None.
        reduction
            Decode the image at 1 / 2 ** reduction; then `area` must be None.

        Returns
        -------
        array (components, height, width)

        Raises
        ------
        DecodeError
            It does not decode, or only with warnings.
        """
        library, stream = self._library, _Stream(codestream)
        # Local, since as the stream's own they would keep each other, and a megabyte, alive.
        read, skip, seek, say = _Read(stream.read), _Skip(stream.skip), _Seek(stream.seek), _Say(stream.say)
        source = library.opj_stream_create(max(1, len(codestream)), 1)
        codec = library.opj_create_decompress(0)
        image = POINTER(_Image)()
        try:
            library.opj_stream_set_user_data(source, None, None)
            library.opj_stream_set_user_data_length(source, len(codestream))
            library.opj_stream_set_read_function(source, read)
            library.opj_stream_set_skip_function(source, skip)
            library.opj_stream_set_seek_function(source, seek)
            library.opj_set_error_handler(codec, say, None)
            library.opj_set_warning_handler(codec, say, None)
            parameters = (c_uint32 * (PARAMETERS_BYTES // 4))()
            library.opj_set_default_decoder_parameters(parameters)
            parameters[0] = reduction
            done = library.opj_setup_decoder(codec, parameters)
            if done and self._strict is not None:
                done = self._strict(codec, 1)
            done = done and library.opj_read_header(source, codec, ctypes.byref(image))
            if done and area is not None:
                done = library.opj_set_decode_area(codec, image, *area)
            done = done and library.opj_decode(codec, source, image)
            if not done or stream.messages:
                raise DecodeError("; ".join(stream.messages) or "the decoder gives no reason")
            return _pixels(image.contents, dtype)
        finally:
            if image:
                library.opj_image_destroy(image)
            library.opj_destroy_codec(codec)
            library.opj_stream_destroy(source)

    def _try(self) -> None:
        """Decode an image whose packets are all empty: every sample must be in the middle of its range."""
        try:
            pixels = self.decode(_trial_image(), np.dtype(np.uint16), (1, 1, 4, 3))
        except DecodeError as error:
            raise ValueError(f"OpenJPEG {self.version} does not decode: {error}") from error
        expected = [np.full((2, 3), 1 << bits - 1) for bits in TRIAL_BITS]
        if not np.array_equal(pixels, expected):
            raise ValueError(f"OpenJPEG {self.version} decodes wrongly")


def _pixels(image: _Image, dtype: np.dtype[Any]) -> Pixels:
    components = [image.comps[i] for i in range(image.numcomps)]
    if not all(component.data for component in components):
        raise DecodeError("the decoder returns no samples")
    if len({(component.h, component.w) for component in components}) != 1:
        raise DecodeError("the decoder returns components of several sizes")
    pixels = np.empty((len(components), components[0].h, components[0].w), dtype)
    for plane, component in zip(pixels, components, strict=True):
        plane[...] = np.ctypeslib.as_array(component.data, plane.shape)
    return pixels


def _trial_image() -> bytes:
    """Return a codestream of 5 x 3 samples in two components without any coefficients."""
    siz = struct.pack(">H8IH", 0, 5, 3, 0, 0, 5, 3, 0, 0, 2) + bytes(
        value for bits in TRIAL_BITS for value in (bits - 1, 1, 1)
    )
    cod = bytes([0, 0, 0, 1, 0, 1, 4, 4, 0, 1])
    qcd = bytes([0x40, *(14 << 3,) * 4])
    bodies = ((0xFF51, siz), (0xFF52, cod), (0xFF5C, qcd))
    segments = b"".join(struct.pack(">HH", marker, len(body) + 2) + body for marker, body in bodies)
    packets = bytes(4)
    sot = struct.pack(">HHHIBB", 0xFF90, 10, 0, 14 + len(packets), 0, 1)
    return b"\xff\x4f" + segments + sot + b"\xff\x93" + packets + b"\xff\xd9"


def _load() -> OpenJpeg | None:
    """Find and load the library; None if there is none, or ``XARRAY_SAFE_OPENJPEG=off``.

    Raises
    ------
    InvalidArgumentError
        ``XARRAY_SAFE_OPENJPEG`` names a library that cannot be used.
    """
    wanted = runtime.settings().openjpeg
    if wanted.lower() == "off":
        return None
    if wanted:
        try:
            return OpenJpeg(wanted)
        except (OSError, AttributeError, ValueError) as error:
            raise InvalidArgumentError(f"XARRAY_SAFE_OPENJPEG={wanted}: {error}") from error
    for path in candidates():
        try:
            return OpenJpeg(path)
        except (OSError, AttributeError, ValueError):
            continue
    return None


load_openjpeg: runtime.PerProcess[OpenJpeg | None] = runtime.PerProcess(_load)
"""The library that this process uses, if any."""


def candidates() -> Iterator[str]:
    """Yield where libopenjp2 may be: in wheels of Python packages, then in the environment, then in the system."""
    for package, libs in (("imagecodecs", "imagecodecs.libs"), ("PIL", "pillow.libs"), ("rasterio", "rasterio.libs")):
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        folder = Path(spec.origin).parent
        for place in (folder.parent / libs, folder / ".dylibs"):
            yield from (str(path) for path in sorted(place.glob("*openjp2*")))
    prefix = Path(sys.prefix)
    for place in (prefix / "lib", prefix / "Library" / "bin"):
        yield from (str(path) for path in sorted(place.glob("*openjp2.*")))
    yield from {"win32": ("openjp2.dll",), "darwin": ("libopenjp2.7.dylib",)}.get(sys.platform, ("libopenjp2.so.7",))
