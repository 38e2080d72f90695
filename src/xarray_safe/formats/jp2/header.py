"""The main header of a JPEG 2000 file: the size of the image, its tiles, and how these are coded.

ISO/IEC 15444-1 (ITU-T T.800): boxes in annex I, marker segments in annex A, geometry in annex B.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from xarray_safe.archive.ranges import Buffer, Buffered
from xarray_safe.errors import CorruptFileError, UnsupportedProductError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xarray_safe.archive.files import Files

SOC, SOT, SOD, EOC = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9  # delimiters
SIZ, COD, COC, QCD, QCC, RGN, POC = 0xFF51, 0xFF52, 0xFF53, 0xFF5C, 0xFF5D, 0xFF5E, 0xFF5F  # size and coding
TLM, PLM, PLT, PPM, PPT, CRG, COM = 0xFF55, 0xFF57, 0xFF58, 0xFF60, 0xFF61, 0xFF63, 0xFF64  # tables, comments

FIRST_READ = 4096
MAX_HEADER = 1 << 22
MAX_COMPONENTS = 64
MAX_SAMPLES = 1 << 33
MAX_TILE_SAMPLES = 1 << 27
MAX_BLOCKS = 1 << 22
MAX_PACKETS = 1 << 24
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class ImageFile:
    """One image file of an archive."""

    files: Files
    name: str

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.files.size(self.name)

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes ``start:stop``, fewer only at the end of the file."""
        return self.files.read(self.name, start, stop)

    def read_many(self, ranges: Iterable[tuple[int, int]]) -> list[bytes]:
        """Return several ranges, fetched together if the archive is remote."""
        return self.files.read_many([(self.name, start, stop) for start, stop in ranges])

    def buffered(self, buffer: Buffer) -> ImageFile:
        """Return the image with some of its bytes in a buffer."""
        return ImageFile(Buffered(self.files, buffer), self.name)

    def corrupt(self, problem: str, tile: int | None = None) -> NoReturn:
        """Raise the error for a damaged file."""
        label = f"{self}" if tile is None else f"{self}, tile {tile}"
        raise CorruptFileError(f"{label}: {problem}; download the product again")

    def unsupported(self, problem: str) -> NoReturn:
        """Raise the error for a kind of file that is not supported."""
        raise UnsupportedProductError(f"{self}: {problem}, which no known product has")

    def __str__(self) -> str:
        """Return the names of file and archive, for messages."""
        return f"{self.name} of {self.files.url}"


@dataclass(frozen=True)
class Header:
    """The content of the main header, and its segments as they are stored.

    Parameters
    ----------
    width, height, tile_width, tile_height
        Sizes of the image and of its tiles in pixels.
    components, bits
        Number of components, and bits of a sample (1 to 16, unsigned).
    levels
        Number of wavelet decomposition levels: how often the image can be reduced.
    progression, layers
        Order of packets (0 LRCP, 1 RLCP, 2 RPCL, 3 PCRL, 4 CPRL), and number of quality layers.
    block
        Binary exponents of the code-blocks' width and height.
    reversible
        Whether the wavelet is the lossless 5/3.
    delimited
        Whether packets may be delimited by markers (SOP, EPH).
    precincts
        Binary exponents of the precincts' width and height, from the coarsest resolution to the finest.
    tiles_start
        Position in the file of the first tile-part.
    segments
        Marker segments that are needed to decode a tile, with their markers and lengths: all but comments and
        those that only say where tiles are.
    tlm
        Bodies of the TLM segments: tables of tile lengths.
    """

    width: int
    height: int
    tile_width: int
    tile_height: int
    components: int
    bits: int
    levels: int
    progression: int
    layers: int
    block: tuple[int, int]
    reversible: bool
    delimited: bool
    precincts: tuple[tuple[int, int], ...]
    tiles_start: int
    segments: tuple[tuple[int, bytes], ...]
    tlm: tuple[bytes, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Components, height, width."""
        return self.components, self.height, self.width

    @property
    def chunks(self) -> tuple[int, int, int]:
        """Components, height and width of a tile."""
        return self.components, self.tile_height, self.tile_width

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """The smallest unsigned integer that holds a sample."""
        return np.dtype(np.uint8) if self.bits <= 8 else np.dtype(np.uint16)

    @property
    def tiles_per_row(self) -> int:
        """Number of tiles in a row."""
        return -(-self.width // self.tile_width)

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return self.tiles_per_row * -(-self.height // self.tile_height)

    @property
    def markers(self) -> frozenset[int]:
        """Markers of `segments`."""
        return frozenset(marker for marker, _ in self.segments)

    def tile_bounds(self, tile: int, reduction: int = 0) -> Box:
        """Return a tile's bounds on the canvas, ``x0, y0, x1, y1``, at ``1 / 2 ** reduction`` (equation B-15)."""
        row, column = divmod(tile, self.tiles_per_row)
        left, top = column * self.tile_width, row * self.tile_height
        edges = left, top, min(left + self.tile_width, self.width), min(top + self.tile_height, self.height)
        x0, y0, x1, y1 = (ceil_div_pow2(edge, reduction) for edge in edges)
        return x0, y0, x1, y1

    def precinct_counts(self, tile: int) -> list[int]:
        """Return the number of a component's precincts at each resolution, coarsest first (equation B-16)."""
        counts = []
        for resolution, (px, py) in enumerate(self.precincts):
            x0, y0, x1, y1 = self.tile_bounds(tile, self.levels - resolution)
            empty = x0 >= x1 or y0 >= y1
            counts.append(0 if empty else (ceil_div_pow2(x1, px) - (x0 >> px)) * (ceil_div_pow2(y1, py) - (y0 >> py)))
        return counts


def ceil_div_pow2(size: int, exponent: int) -> int:
    """Return ``ceil(size / 2 ** exponent)``: sizes and positions after `exponent` reductions."""
    return -(-size >> exponent)


def read_header(file: ImageFile) -> Header:
    """Read the main header: one small read in every image of known products.

    Raises
    ------
    CorruptFileError
        It is not a JPEG 2000 file, ends early, or contradicts itself.
    UnsupportedProductError
        It is of a kind that products do not use: signed, subsampled, with an offset.
    """
    size = FIRST_READ
    while True:
        data = file.read(0, size)
        try:
            return _parse(file, data)
        except _TooShortError as short:
            if len(data) < size:
                file.corrupt("the file ends within its header")
            if short.needed > MAX_HEADER:
                file.corrupt(f"a header of {short.needed} bytes or more")
            size = max(short.needed, 2 * size)


class _TooShortError(Exception):
    """The bytes that were read end too early; `needed` are necessary."""

    def __init__(self, needed: int) -> None:
        self.needed = needed


def _take(form: str, data: bytes, position: int) -> tuple[Any, ...]:
    if position + struct.calcsize(form) > len(data):
        raise _TooShortError(position + struct.calcsize(form))
    return struct.unpack_from(form, data, position)


def _parse(file: ImageFile, data: bytes) -> Header:
    start, image_box = _codestream(file, data)
    found: dict[int, list[bytes]] = {}
    segments = []
    position = start + 2
    while True:
        marker, length = _take(">HH", data, position)
        if marker == SOT:
            break
        if marker < 0xFF00 or length < 2:
            file.corrupt(f"no marker segment at byte {position}, where one must be")
        end = position + 2 + length
        if end > len(data):
            raise _TooShortError(end)
        found.setdefault(marker, []).append(data[position + 4 : end])
        if marker not in (TLM, PLM, CRG, COM):
            segments.append((marker, data[position:end]))
        position = end
    if PPM in found:
        file.unsupported("packet headers packed into the main header (PPM)")
    for marker, label in ((SIZ, "SIZ"), (COD, "COD"), (QCD, "QCD")):
        if len(found.get(marker, ())) != 1:
            file.corrupt(f"its header has {len(found.get(marker, ()))} {label} segments in place of one")
    try:
        siz = _siz(file, found[SIZ][0])
        levels, progression, layers, block, reversible, delimited, precincts = _cod(file, found[COD][0])
    except struct.error:
        file.corrupt("its SIZ or COD segment is too short")
    header = Header(
        *siz,
        levels=levels,
        progression=progression,
        layers=layers,
        block=block,
        reversible=reversible,
        delimited=delimited,
        precincts=precincts,
        tiles_start=position,
        segments=tuple(segments),
        tlm=tuple(found.get(TLM, ())),
    )
    if image_box not in (None, (header.height, header.width, header.components, header.bits - 1)):
        file.corrupt(f"its ihdr box and its SIZ segment give different sizes: {image_box}, {header.shape}")
    _check_work(file, header)
    return header


def _codestream(file: ImageFile, data: bytes) -> tuple[int, tuple[int, ...] | None]:
    """Find where the codestream starts: in the first ``jp2c`` box, or at once if there are no boxes.

    Returns
    -------
    position, (height, width, components, bits - 1)
        The latter from the image header box (``ihdr``), or None.
    """
    image_box: tuple[int, ...] | None = None
    if data[:4] == b"\xff\x4f\xff\x51":
        return 0, None
    if data[4:8] != b"jP  ":
        file.corrupt("it does not start as a JPEG 2000 file")
    position = 0
    while True:
        length, kind = _take(">I4s", data, position)
        head = 8
        if length == 1:
            head, (length,) = 16, _take(">Q", data, position + 8)
        if kind == b"jp2c":
            if _take(">H", data, position + head)[0] != SOC:
                file.corrupt("its codestream does not start with SOC")
            return position + head, image_box
        if kind == b"jp2h" and data[position + 12 : position + 16] == b"ihdr":
            image_box = _take(">IIHB", data, position + 16)
        if length < head:
            file.corrupt(f"a box of {length} bytes at byte {position}")
        position += length


def _siz(file: ImageFile, body: bytes) -> tuple[int, int, int, int, int, int]:
    _, x1, y1, x0, y0, tx, ty, tx0, ty0, components = struct.unpack_from(">HIIIIIIIIH", body)
    if components < 1 or len(body) != 36 + 3 * components:
        file.corrupt("its SIZ segment contradicts itself")
    if components > MAX_COMPONENTS:
        file.unsupported(f"{components} components")
    if x0 or y0 or tx0 or ty0:
        file.unsupported("an image that does not start at the canvas's origin")
    if not (0 < x1 < 1 << 31 and 0 < y1 < 1 << 31 and tx and ty):
        file.corrupt(f"an image of {x1} x {y1} pixels in tiles of {tx} x {ty}")
    depths = {body[36 + 3 * i] for i in range(components)}
    if any(depth & 0x80 for depth in depths):
        file.unsupported("signed samples")
    if len(depths) > 1 or max(depths) > 15:
        file.unsupported(f"samples of {sorted(depth + 1 for depth in depths)} bits")
    if any(step != 1 for i in range(components) for step in body[37 + 3 * i : 39 + 3 * i]):
        file.unsupported("subsampled components")
    return x1, y1, min(tx, x1), min(ty, y1), components, depths.pop() + 1


Cod = tuple[int, int, int, tuple[int, int], bool, bool, tuple[tuple[int, int], ...]]


def _cod(file: ImageFile, body: bytes) -> Cod:
    style, progression, layers, _, levels, xcb, ycb, _, wavelet = struct.unpack_from(">BBHBBBBBB", body)
    if levels > 32 or progression > 4 or not layers or xcb > 8 or ycb > 8 or xcb + ycb > 8 or wavelet > 1:
        file.corrupt("its COD segment is invalid")
    sizes = body[10:] if style & 1 else b"\xff" * (levels + 1)
    if len(sizes) != levels + 1:
        file.corrupt("its COD segment does not give a precinct size for each resolution")
    precincts = tuple((size & 15, size >> 4) for size in sizes)
    if any(0 in pair for pair in precincts[1:]):
        file.corrupt("its COD segment gives precincts of no size")
    return levels, progression, layers, (xcb + 2, ycb + 2), wavelet == 1, style & 6 > 0, precincts


def _check_work(file: ImageFile, header: Header) -> None:
    """Refuse headers that ask for more memory or time than any real image, before a decoder trusts them."""
    if header.tiles > 65535 or header.width * header.height * header.components > MAX_SAMPLES:
        file.corrupt(
            f"an image of {header.width} x {header.height} pixels "
            f"in {header.components} components and {header.tiles} tiles"
        )
    samples = header.tile_width * header.tile_height * header.components
    if samples > MAX_TILE_SAMPLES:
        file.corrupt(f"tiles of {header.tile_width} x {header.tile_height} pixels, {header.components} components")
    precincts = sum(header.precinct_counts(0))
    blocks = samples >> sum(min(a, b) for a, b in zip(header.block, header.precincts[-1], strict=True))
    if blocks > MAX_BLOCKS or precincts * header.components * header.layers > MAX_PACKETS:
        file.corrupt(f"tiles of {blocks} code-blocks and {precincts} precincts in {header.layers} layers")
