"""Codestreams of one tile: checks a tile's bytes and puts them behind a main header of their own.

The small codestream keeps the tile's true place on the canvas, since precincts and code-blocks are anchored at
the canvas's origin: moved to the origin, tiles of 640 or 192 pixels would decode to wrong pixels in silence.
A codestream of reduced resolution has fewer wavelet levels and only the packets of those: any decoder takes it
for an image of that size.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from xarray_safe.formats.jp2.header import (
    COC,
    COD,
    EOC,
    PLT,
    POC,
    PPT,
    QCC,
    QCD,
    RGN,
    SIZ,
    SOC,
    SOD,
    SOT,
    Header,
    ImageFile,
)
from xarray_safe.formats.jp2.index.tile_index import SOT_BYTES, Index, Part, read_sot

GUESS_EXTRA = 1024
SPARE_BITS = 3
"""Bits by which the wavelet's low-pass may exceed the range of the pixels, the sign among them."""


@dataclass(frozen=True)
class TilePart:
    """A tile-part's content.

    Parameters
    ----------
    data
        Its bytes, or the first of them.
    body
        Position in `data` of the first packet.
    packets
        Lengths of its packets in bytes, empty where it has no PLT segment.
    markers
        Markers of the segments in its header.
    """

    data: memoryview
    body: int
    packets: tuple[int, ...]
    markers: frozenset[int]


class _TooShortError(Exception):
    """The bytes read of a tile-part do not reach to its first packet."""


def read_tile(file: ImageFile, index: Index, tile: int) -> list[TilePart]:
    """Read all parts of a tile, and check them.

    Raises
    ------
    CorruptFileError
        The tile is cut short, or its markers, the table of tile lengths and the bytes do not agree.
    """
    places = index.parts(file, tile)
    parts = []
    for number, place in enumerate(places):
        data = file.read(place.start, place.start + place.length + 2)
        if len(data) < place.length:
            file.corrupt(f"the file ends {place.length - len(data)} bytes before the tile does", tile)
        after = data[place.length :]
        if len(after) == 2 and int.from_bytes(after, "big") not in (SOT, EOC):
            file.corrupt(f"its {place.length} bytes at {place.start} do not end where another tile starts", tile)
        parts.append(_parse(file, tile, number, place, memoryview(data)[: place.length], len(places)))
    _check_packets(file, index.header, tile, parts)
    return parts


def read_prefix(file: ImageFile, index: Index, tile: int, halvings: int) -> list[TilePart]:
    """Read as much of a tile as its image after so many halvings needs, in one read where the guess is good.

    Raises
    ------
    CorruptFileError
        As `read_tile`.
    """
    places, header = index.parts(file, tile), index.header
    if len(places) > 1 or not _coarse_first(header):
        return read_tile(file, index, tile)
    place = places[0]
    size = min(place.length, index.needs.get((tile, halvings)) or guessed_bytes(header, tile, halvings))
    data = b""
    while True:
        data += file.read(place.start + len(data), place.start + size)
        if len(data) < size:
            file.corrupt("the file ends within it", tile)
        try:
            part = _parse(file, tile, 0, place, memoryview(data), 1)
        except _TooShortError:
            size = min(place.length, 4 * size)
            continue
        _check_packets(file, header, tile, [part])
        need = part.body + sum(part.packets[: _packets(header, tile, halvings)]) if part.packets else place.length
        if need <= len(data):
            return [part]
        size = need


def guessed_bytes(header: Header, tile: int, halvings: int) -> int:
    """Guess how many bytes from its start the image of a tile after so many halvings needs: rather too many.

    Of the bits of a sample, images as products have them (15 bits, of which 12 are used) take two thirds.
    """
    x0, y0, x1, y1 = header.box(tile, halvings)
    return GUESS_EXTRA + (x1 - x0) * (y1 - y0) * header.components * header.bits * 3 // 32


def needed_bytes(file: ImageFile, header: Header, tile: int, place: Part, data: bytes, halvings: int) -> int:
    """Tell from its first bytes how many of them the image of a tile after so many halvings needs.

    Raises
    ------
    CorruptFileError
        The tile's header makes no sense.
    """
    try:
        part = _parse(file, tile, 0, place, memoryview(data), 1)
    except _TooShortError:
        return min(place.length, 4 * len(data))
    return part.body + sum(part.packets[: _packets(header, tile, halvings)]) if part.packets else place.length


def is_coarse_first(header: Header) -> bool:
    """Whether the first bytes of a tile hold its coarse resolutions."""
    return _coarse_first(header)


def _parse(file: ImageFile, tile: int, number: int, place: Part, data: memoryview, parts: int) -> TilePart:
    """Parse a tile-part's header; `_TooShortError` where the bytes end within it."""
    sot = read_sot(data)
    if sot is None:
        file.corrupt(f"no tile-part starts at byte {place.start}", tile)
    if sot.tile != tile or sot.part != number or sot.length not in (0, place.length) or 0 < sot.parts != parts:
        file.corrupt(
            f"the marker at byte {place.start} says part {sot.part} of {sot.parts} of tile {sot.tile}, "
            f"{sot.length} bytes; expected part {number} of {parts}, {place.length} bytes",
            tile,
        )
    position = SOT_BYTES
    tables = []
    markers = set()
    while True:
        if position + 2 > place.length:
            file.corrupt("its header has no end", tile)
        if position + 4 > len(data) and len(data) < place.length:
            raise _TooShortError
        marker = int.from_bytes(data[position : position + 2], "big")
        if marker == SOD:
            break
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker < 0xFF00 or end < position + 4 or end + 2 > place.length:
            file.corrupt(f"no marker segment at byte {place.start + position}, or one of a wrong length", tile)
        if marker == PLT:
            tables.append(bytes(data[position + 4 : end]))
        markers.add(marker)
        position = end
    body = position + 2
    packets = packet_lengths(tables)
    if packets is None or (packets and sum(packets) != place.length - body):
        file.corrupt(f"it has {place.length - body} bytes of packets, its table of packet lengths says otherwise", tile)
    return TilePart(data, body, packets, frozenset(markers))


def _check_packets(file: ImageFile, header: Header, tile: int, parts: list[TilePart]) -> None:
    """Compare the packets with their table, and their number with what the sizes in the header ask for."""
    found = sum(len(part.packets) for part in parts)
    if _is_plain(header, parts) and all(part.packets for part in parts) and found != _packets(header, tile, 0):
        file.corrupt(f"it has {found} packets, the sizes in the header make {_packets(header, tile, 0)}", tile)
    if header.delimited or any(PPT in part.markers for part in parts):
        return
    for part in parts:
        at = part.body
        for length in part.packets:
            if at >= len(part.data):
                break
            if length > 1 and part.data[at] < 0x80:
                file.corrupt(f"a packet of {length} bytes says that it is empty", tile)
            at += length


def packet_lengths(tables: list[bytes]) -> tuple[int, ...] | None:
    """Read PLT segments (A.7.3): numbers in groups of 7 bits, the highest first; None where one has no end."""
    lengths = []
    value, more = 0, False
    for table in sorted(tables, key=lambda body: body[:1]):
        for byte in table[1:]:
            value = value << 7 | byte & 0x7F
            more = byte >= 0x80
            if not more:
                lengths.append(value)
                value = 0
    return None if more else tuple(lengths)


def whole(header: Header, tile: int, parts: list[TilePart], *, signed: bool = False) -> bytes:
    """Make the codestream of one tile at full resolution; `signed` as in `reduced`."""
    pieces: list[bytes | memoryview] = [SOC.to_bytes(2, "big")]
    for marker, segment in header.segments:
        pieces.append(_siz(segment, header, tile, 0, signed) if marker == SIZ else segment)
    for number, part in enumerate(parts):
        pieces += [_sot(len(part.data), number, len(parts)), part.data[SOT_BYTES:]]
    pieces.append(EOC.to_bytes(2, "big"))
    return b"".join(pieces)


def reduced(header: Header, tile: int, parts: list[TilePart], halvings: int, *, signed: bool = False) -> bytes | None:
    """Make the codestream of a tile's image after so many halvings, from as many of its packets.

    Parameters
    ----------
    header, tile, parts
        The tile, as `read_prefix` gives it.
    halvings
        At most the image's levels.
    signed
        Declare the samples signed and wider than they are: then a decoder neither adds the level shift
        (``2 ** (bits - 1)``) nor clips to the range of the pixels. Only for the reversible wavelet.

    Returns
    -------
    bytes or None
        None where the packets of the coarse resolutions cannot be told from the others.
    """
    body = coarse_packets(header, tile, parts, halvings)
    if body is None:
        return None
    segments = [_reduced(header, marker, segment, tile, halvings, signed) for marker, segment in header.segments]
    sot = _sot(SOT_BYTES + 2 + len(body), 0, 1)
    return b"".join([SOC.to_bytes(2, "big"), *segments, sot, SOD.to_bytes(2, "big"), body, EOC.to_bytes(2, "big")])


def coarse_packets(header: Header, tile: int, parts: list[TilePart], halvings: int) -> bytes | None:
    """Give the packets of the resolutions that are left after so many halvings, or None as `reduced`."""
    lengths = [length for part in parts for length in part.packets]
    if not (_is_plain(header, parts) and _coarse_first(header)) or len(lengths) != _packets(header, tile, 0):
        return None
    size = sum(lengths[: _packets(header, tile, halvings)])
    return b"".join(part.data[part.body :] for part in parts)[:size]


def is_flat(header: Header, tile: int, parts: list[TilePart]) -> bool:
    """Whether only the coarsest resolution of a whole tile has coefficients, as in most tiles of masks."""
    lengths = [length for part in parts for length in part.packets]
    coarse = _packets(header, tile, header.levels)
    if header.layers > 1 or not header.reversible or any(length != 1 for length in lengths[coarse:]):
        return False
    packets = coarse_packets(header, tile, parts, 0)
    # A packet of one byte contributes nothing where its bits say "empty", or else "no code-block".
    return packets is not None and not packets[sum(lengths[:coarse]) :].strip(b"\x00\x80")


def _is_plain(header: Header, parts: list[TilePart]) -> bool:
    """Whether the main header's COD and QCD segments hold for all of the tile, without exceptions."""
    exceptions = header.markers & {COC, QCC, RGN, POC}
    return not exceptions and not any(part.markers & {COD, COC, QCD, QCC, RGN, POC, PPT} for part in parts)


def _coarse_first(header: Header) -> bool:
    return header.progression in (1, 2) or (header.progression == 0 and header.layers == 1)


def _packets(header: Header, tile: int, halvings: int) -> int:
    """Count the packets of a tile after so many halvings."""
    counts = header.precinct_counts(tile)
    return header.layers * header.components * sum(counts[: len(counts) - halvings])


def _sot(length: int, part: int, parts: int) -> bytes:
    return struct.pack(">HHHIBB", SOT, 10, 0, length, part, parts)


def _siz(segment: bytes, header: Header, tile: int, halvings: int, signed: bool) -> bytes:
    x0, y0, x1, y1 = header.box(tile, halvings)
    sizes = struct.pack(">8I", x1, y1, x0, y0, x1 - x0, y1 - y0, x0, y0)
    depth = bytes([0x80 | header.bits + SPARE_BITS - 1, 1, 1])
    components = depth * header.components if signed else segment[40:]
    return segment[:6] + sizes + segment[38:40] + components


def _reduced(header: Header, marker: int, segment: bytes, tile: int, halvings: int, signed: bool) -> bytes:
    """Adapt a segment of the main header to fewer wavelet levels."""
    levels = header.levels - halvings
    if marker == SIZ:
        return _siz(segment, header, tile, halvings, signed)
    if marker == COD:
        precincts = segment[14 : 14 + levels + 1] if segment[4] & 1 else b""
        return _sized(marker, segment[4:9] + bytes([levels]) + segment[10:14] + precincts)
    if marker == QCD:
        step = {0: 1, 1: 0, 2: 2}.get(segment[4] & 31, 0)
        return _sized(marker, segment[4 : 5 + step * (3 * levels + 1)]) if step else segment
    return segment


def _sized(marker: int, body: bytes) -> bytes:
    return struct.pack(">HH", marker, len(body) + 2) + body
