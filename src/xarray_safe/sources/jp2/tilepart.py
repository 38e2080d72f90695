"""Codestreams of one tile: checks a tile's bytes and puts them behind a main header of their own.

The small codestream keeps the tile's true place on the canvas, since precincts and code-blocks are anchored at
the canvas's origin: moved to the origin, tiles of 640 or 192 pixels would decode to wrong pixels in silence.
A codestream of reduced resolution has fewer wavelet levels and only the packets of those: any decoder takes it
for an image of that size.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from xarray_safe.sources.jp2.header import COC, COD, EOC, PLT, POC, PPT, QCC, QCD, RGN, SIZ, SOC, SOD, SOT, Header, ImageFile
from xarray_safe.sources.jp2.index import SOT_BYTES, Index, Part, read_sot

GUESS_EXTRA = 1024


@dataclass(frozen=True)
class TilePart:
    """A tile-part's content.

    Parameters
    ----------
    data
        All of its bytes that were read.
    body
        Position in `data` of the first packet.
    packets
        Lengths of its packets in bytes, empty where it has no PLT segment.
    markers
        Markers of the segments in its header.
    """

    data: bytes
    body: int
    packets: tuple[int, ...]
    markers: frozenset[int]


class Short(Exception):
    """The bytes read of a tile-part do not reach to its first packet."""


def read_tile(file: ImageFile, index: Index, tile: int) -> list[TilePart]:
    """Read all parts of a tile, and check them.

    Raises
    ------
    CorruptFile
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
        parts.append(_check(file, tile, number, place, data[: place.length], len(places)))
    return parts


def _check(file: ImageFile, tile: int, number: int, place: Part, data: bytes, parts: int) -> TilePart:
    """Parse a tile-part's header; `Short` where the bytes end within it."""
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
    lengths: list[bytes] = []
    markers = set()
    while True:
        if position + 4 > place.length and data[position : position + 2] != SOD.to_bytes(2, "big"):
            file.corrupt("its header has no end", tile)
        if position + 4 > len(data) and len(data) < place.length:
            raise Short
        marker = int.from_bytes(data[position : position + 2], "big")
        if marker == SOD:
            break
        size = int.from_bytes(data[position + 2 : position + 4], "big")
        if marker < 0xFF00 or size < 2 or position + 2 + size + 2 > place.length:
            file.corrupt(f"no marker segment at byte {place.start + position}, or one of a wrong length", tile)
        if marker == PLT:
            lengths.append(data[position + 4 : position + 2 + size])
        markers.add(marker)
        position += 2 + size
    body = position + 2
    packets = packet_lengths(lengths)
    if packets is None or (packets and sum(packets) != place.length - body):
        file.corrupt(f"its packets do not have the {place.length - body} bytes that its table of them says", tile)
    return TilePart(data, body, packets, frozenset(markers))


def packet_lengths(segments: list[bytes]) -> tuple[int, ...] | None:
    """Read PLT segments (A.7.3): numbers in groups of 7 bits, the highest first; None where one has no end."""
    lengths = []
    value, open_ended = 0, False
    for segment in sorted(segments, key=lambda body: body[:1]):
        for byte in segment[1:]:
            value = value << 7 | byte & 0x7F
            open_ended = byte >= 0x80
            if not open_ended:
                lengths.append(value)
                value = 0
    return None if open_ended else tuple(lengths)


def whole(header: Header, tile: int, parts: list[TilePart]) -> bytes:
    """Make the codestream of one tile at full resolution."""
    pieces = [SOC.to_bytes(2, "big")]
    pieces += [_siz(segment, header, tile, 0) if marker == SIZ else segment for marker, segment in header.segments]
    for number, part in enumerate(parts):
        pieces += [_sot(len(part.data), number, len(parts)), memoryview(part.data)[SOT_BYTES:]]
    pieces.append(EOC.to_bytes(2, "big"))
    return b"".join(pieces)


def _sot(length: int, part: int, parts: int) -> bytes:
    return struct.pack(">HHHIBB", SOT, 10, 0, length, part, parts)


def _siz(segment: bytes, header: Header, tile: int, halvings: int) -> bytes:
    x0, y0, x1, y1 = header.box(tile, halvings)
    # The one tile's size is the image's: the nominal size could reach beyond what a decoder accepts.
    sizes = struct.pack(">8I", x1, y1, x0, y0, x1 - x0, y1 - y0, x0, y0)
    return segment[:6] + sizes + segment[38:]


def reducible(header: Header) -> bool:
    """Whether the first packets of a tile are those of its coarse resolutions, and the header says so for all."""
    coarse_first = header.progression in (1, 2) or (header.progression == 0 and header.layers == 1)
    return coarse_first and not header.markers & {COC, QCC, RGN, POC}


def reduced(file: ImageFile, index: Index, tile: int, halvings: int) -> bytes | None:
    """Read the first bytes of a tile and make the codestream of its image after so many halvings.

    Returns
    -------
    bytes or None
        None where the tile's coarse resolutions cannot be told from its bytes (no PLT segments, another order).

    Raises
    ------
    CorruptFile
        As `read_tile`.
    """
    header = index.header
    if not reducible(header):
        return None
    counts = header.precinct_counts(tile)
    kept = len(counts) - halvings
    layers_components = header.layers * header.components
    wanted, total = layers_components * sum(counts[:kept]), layers_components * sum(counts)
    places = index.parts(file, tile)
    if len(places) == 1:
        parts = [_prefix(file, header, tile, places[0], wanted, halvings)]
    else:
        parts = read_tile(file, index, tile)
    lengths = [length for part in parts for length in part.packets]
    if any(part.markers & {COD, COC, QCD, QCC, RGN, POC, PPT} for part in parts) or len(lengths) != total:
        return None
    size = sum(lengths[:wanted])
    body = b"".join(memoryview(part.data)[part.body :] for part in parts)[:size]
    if len(body) < size:
        file.corrupt("the file ends within it", tile)
    segments = [_reduced_segment(header, marker, segment, tile, halvings) for marker, segment in header.segments]
    sot = _sot(SOT_BYTES + 2 + size, 0, 1)
    return b"".join(
        [SOC.to_bytes(2, "big"), *segments, sot, SOD.to_bytes(2, "big"), body, EOC.to_bytes(2, "big")]
    )


def _prefix(file: ImageFile, header: Header, tile: int, place: Part, wanted: int, halvings: int) -> TilePart:
    """Read the part of a tile-part up to its last wanted packet: in one read where the guess is good."""
    x0, y0, x1, y1 = header.box(tile, halvings)
    samples = (x1 - x0) * (y1 - y0) * header.components
    size = min(place.length, GUESS_EXTRA + samples * header.bits // 8)
    while True:
        data = file.read(place.start, place.start + size)
        if len(data) < size:
            file.corrupt("the file ends within it", tile)
        try:
            part = _check(file, tile, 0, place, data, 1)
        except Short:
            size = min(place.length, 4 * size)
            continue
        need = part.body + sum(part.packets[:wanted])
        if need > len(data):
            more = file.read(place.start + len(data), place.start + need)
            return TilePart(data + more, part.body, part.packets, part.markers)
        return part


def _reduced_segment(header: Header, marker: int, segment: bytes, tile: int, halvings: int) -> bytes:
    """Adapt a segment of the main header to fewer wavelet levels."""
    levels = header.levels - halvings
    if marker == SIZ:
        return _siz(segment, header, tile, halvings)
    if marker == COD:
        precincts = segment[14 : 14 + levels + 1] if segment[4] & 1 else b""
        return _sized(marker, segment[4:9] + bytes([levels]) + segment[10:14] + precincts)
    if marker == QCD:
        style = segment[4] & 31
        step = {0: 1, 1: 0, 2: 2}.get(style, 0)
        return _sized(marker, segment[4 : 5 + step * (3 * levels + 1)]) if step else segment
    return segment


def _sized(marker: int, body: bytes) -> bytes:
    return struct.pack(">HH", marker, len(body) + 2) + body
