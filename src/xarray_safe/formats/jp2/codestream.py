"""Codestreams of one tile: check a tile's bytes, and put a main header of their own before them.

The small codestream keeps the tile's position on the canvas, since precincts and code-blocks are anchored at the
canvas's origin: moved to the origin, tiles of 640 or 192 pixels would silently decode to wrong pixels. A codestream of
reduced resolution has fewer wavelet levels and only the packets of those: any decoder takes it for an image of that
size.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from xarray_safe.formats.jp2.tile_part import SOT_BYTES, Sot, TilePart, read_sot

if TYPE_CHECKING:
    from xarray_safe.formats.jp2.index.tile_index import TileIndex

HEADER_ESTIMATE = 1024
SPARE_BITS = 3
"""Bits by which the wavelet's low-pass may exceed the range of the pixels, including the sign."""


@dataclass(frozen=True)
class ParsedPart:
    """The content of a tile-part.

    Parameters
    ----------
    data
        Its bytes, or the first of them.
    body
        Position in `data` of the first packet.
    packets
        Lengths of its packets in bytes, empty if it has no PLT segment.
    markers
        Markers of the segments in its header.
    """

    data: memoryview
    body: int
    packets: tuple[int, ...]
    markers: frozenset[int]


class _TooShortError(Exception):
    """The bytes read of a tile-part do not reach to its first packet."""


def read_tile(file: ImageFile, index: TileIndex, tile: int) -> list[ParsedPart]:
    """Read all parts of a tile, and check them.

    Raises
    ------
    CorruptFileError
        The tile is cut short, or its markers, the table of tile lengths and the bytes contradict each other.
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


def read_prefix(file: ImageFile, index: TileIndex, tile: int, reduction: int) -> list[ParsedPart]:
    """Read as much of a tile as its image at a reduction needs; one read if the estimate is good.

    Raises
    ------
    CorruptFileError
        As `read_tile`.
    """
    places, header = index.parts(file, tile), index.header
    if len(places) > 1 or not is_coarse_first(header):
        return read_tile(file, index, tile)
    place = places[0]
    size = min(place.length, index.needs.get((tile, reduction)) or estimated_bytes(header, tile, reduction))
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
        size = _needed(header, tile, part, place, reduction)
        if size <= len(data):
            return [part]


def estimated_bytes(header: Header, tile: int, reduction: int) -> int:
    """Estimate how many bytes from its start the image of a tile at a reduction needs: rather too many.

    Images as products have them (15 bits, of which 12 are used) take two thirds of the bits of a sample.
    """
    x0, y0, x1, y1 = header.tile_bounds(tile, reduction)
    return HEADER_ESTIMATE + (x1 - x0) * (y1 - y0) * header.components * header.bits * 3 // 32


def needed_bytes(file: ImageFile, header: Header, tile: int, place: TilePart, data: bytes, reduction: int) -> int:
    """Return, from the first bytes of a tile, how many of them its image at a reduction needs.

    Raises
    ------
    CorruptFileError
        The tile's header is invalid.
    """
    try:
        part = _parse(file, tile, 0, place, memoryview(data), 1)
    except _TooShortError:
        return min(place.length, 4 * len(data))
    return _needed(header, tile, part, place, reduction)


def _needed(header: Header, tile: int, part: ParsedPart, place: TilePart, reduction: int) -> int:
    return part.body + sum(part.packets[: _packets(header, tile, reduction)]) if part.packets else place.length


def is_coarse_first(header: Header) -> bool:
    """Return True if the first bytes of a tile hold its coarse resolutions."""
    return header.progression in (1, 2) or (header.progression == 0 and header.layers == 1)


def _parse(file: ImageFile, tile: int, number: int, place: TilePart, data: memoryview, parts: int) -> ParsedPart:
    """Parse a tile-part's header; `_TooShortError` if the bytes end within it."""
    sot = read_sot(data)
    if sot is None:
        file.corrupt(f"no tile-part starts at byte {place.start}", tile)
    if sot.tile != tile or sot.part != number or sot.length not in (0, place.length) or 0 < sot.parts != parts:
        file.corrupt(
            f"the marker at byte {place.start} is of part {sot.part} of {sot.parts} of tile {sot.tile}, "
            f"{sot.length} bytes; expected part {number} of {parts}, {place.length} bytes",
            tile,
        )
    position = SOT_BYTES
    tables = []
    markers = set()
    while True:
        if position + 2 > place.length:
            file.corrupt("its header does not end", tile)
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
        file.corrupt(f"it has {place.length - body} bytes of packets, but its table of packet lengths has others", tile)
    return ParsedPart(data, body, packets, frozenset(markers))


def _check_packets(file: ImageFile, header: Header, tile: int, parts: list[ParsedPart]) -> None:
    """Compare the packets with their table, and their number with the sizes in the header."""
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
    """Decode PLT segments (A.7.3): numbers in groups of 7 bits, the highest first; None if one does not end."""
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


def full_codestream(header: Header, tile: int, parts: list[ParsedPart], *, signed: bool = False) -> bytes:
    """Return the codestream of one tile at full resolution; `signed` as in `reduced_codestream`."""
    pieces: list[bytes | memoryview] = [SOC.to_bytes(2, "big")]
    for marker, segment in header.segments:
        pieces.append(_siz(segment, header, tile, 0, signed) if marker == SIZ else segment)
    for number, part in enumerate(parts):
        pieces += [Sot(0, len(part.data), number, len(parts)).encode(), part.data[SOT_BYTES:]]
    pieces.append(EOC.to_bytes(2, "big"))
    return b"".join(pieces)


def reduced_codestream(
    header: Header, tile: int, parts: list[ParsedPart], reduction: int, *, signed: bool = False
) -> bytes | None:
    """Return the codestream of a tile's image at a reduction, made of as many of its packets as that needs.

    Parameters
    ----------
    header, tile, parts
        The tile, as `read_prefix` returns it.
    reduction
        Resolution: 1 / 2 ** reduction; at most the image's levels.
    signed
        Declare the samples signed and wider than they are: then a decoder neither adds the level shift
        (``2 ** (bits - 1)``) nor clips to the range of the pixels. Only for the reversible wavelet.

    Returns
    -------
    bytes or None
        None if the packets of the coarse resolutions cannot be separated from the others.
    """
    body = coarse_packets(header, tile, parts, reduction)
    if body is None:
        return None
    segments = [
        _reduced_segment(header, marker, segment, tile, reduction, signed) for marker, segment in header.segments
    ]
    sot = Sot(0, SOT_BYTES + 2 + len(body), 0, 1).encode()
    return b"".join([SOC.to_bytes(2, "big"), *segments, sot, SOD.to_bytes(2, "big"), body, EOC.to_bytes(2, "big")])


def coarse_packets(header: Header, tile: int, parts: list[ParsedPart], reduction: int) -> bytes | None:
    """Return the packets of the resolutions that are left at a reduction, or None as `reduced_codestream`."""
    lengths = [length for part in parts for length in part.packets]
    if not (_is_plain(header, parts) and is_coarse_first(header)) or len(lengths) != _packets(header, tile, 0):
        return None
    size = sum(lengths[: _packets(header, tile, reduction)])
    return b"".join(part.data[part.body :] for part in parts)[:size]


def is_flat(header: Header, tile: int, parts: list[ParsedPart]) -> bool:
    """Return True if only the coarsest resolution of a whole tile has coefficients, as in most tiles of masks."""
    lengths = [length for part in parts for length in part.packets]
    coarse = _packets(header, tile, header.levels)
    if header.layers > 1 or not header.reversible or any(length != 1 for length in lengths[coarse:]):
        return False
    packets = coarse_packets(header, tile, parts, 0)
    # A packet of one byte contributes nothing if its bits say "empty", or else "no code-block".
    return packets is not None and not packets[sum(lengths[:coarse]) :].strip(b"\x00\x80")


def _is_plain(header: Header, parts: list[ParsedPart]) -> bool:
    """Return True if the main header's COD and QCD segments apply to all of the tile, without exceptions."""
    exceptions = header.markers & {COC, QCC, RGN, POC}
    return not exceptions and not any(part.markers & {COD, COC, QCD, QCC, RGN, POC, PPT} for part in parts)


def _packets(header: Header, tile: int, reduction: int) -> int:
    """Return the number of packets of a tile at a reduction."""
    counts = header.precinct_counts(tile)
    return header.layers * header.components * sum(counts[: len(counts) - reduction])


def _siz(segment: bytes, header: Header, tile: int, reduction: int, signed: bool) -> bytes:
    x0, y0, x1, y1 = header.tile_bounds(tile, reduction)
    sizes = struct.pack(">8I", x1, y1, x0, y0, x1 - x0, y1 - y0, x0, y0)
    depth = bytes([0x80 | header.bits + SPARE_BITS - 1, 1, 1])
    components = depth * header.components if signed else segment[40:]
    return segment[:6] + sizes + segment[38:40] + components


def _reduced_segment(header: Header, marker: int, segment: bytes, tile: int, reduction: int, signed: bool) -> bytes:
    """Adapt a segment of the main header to fewer wavelet levels."""
    levels = header.levels - reduction
    if marker == SIZ:
        return _siz(segment, header, tile, reduction, signed)
    if marker == COD:
        precincts = segment[14 : 14 + levels + 1] if segment[4] & 1 else b""
        return _sized(marker, segment[4:9] + bytes([levels]) + segment[10:14] + precincts)
    if marker == QCD:
        step = {0: 1, 1: 0, 2: 2}.get(segment[4] & 31, 0)
        return _sized(marker, segment[4 : 5 + step * (3 * levels + 1)]) if step else segment
    return segment


def _sized(marker: int, body: bytes) -> bytes:
    return struct.pack(">HH", marker, len(body) + 2) + body
