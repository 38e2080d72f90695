"""Several tiles of a remote image: their bytes in few requests, fetched ahead of the decoder."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from xarray_safe.archive.ranges import Blocks, ByteRange, coalesce, split
from xarray_safe.formats.jp2 import codestream
from xarray_safe.formats.jp2.prefetch import MAX_REQUEST, reading_ahead

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xarray_safe.formats.jp2.header import ImageFile
    from xarray_safe.formats.jp2.index.tile_index import TileIndex
    from xarray_safe.formats.jp2.tile_part import TilePart

MANY = 8
"""Number of tiles at unknown positions from which on they are searched together."""
FEW = 4
"""Tiles whose coarse resolutions are read first, to learn how many bytes these take."""


@contextlib.contextmanager
def prefetch_tiles(file: ImageFile, index: TileIndex, tiles: Sequence[int], reduction: int) -> Iterator[ImageFile]:
    """Context manager: the image, from which several tiles can be read in few requests; local ones as they are.

    Parameters
    ----------
    file, index
        The image.
    tiles
        Numbers of the tiles that will be read, in their order.
    reduction
        At which resolution: 1 / 2 ** reduction.
    """
    if file.files.local or index.content or len(tiles) < 2:
        yield file
    elif reduction and codestream.is_coarse_first(index.header):
        yield file.buffered(_coarse(file, index, tiles, reduction))
    else:
        with reading_ahead(file, _full(file, index, tiles)) as ahead:
            yield ahead


def _full(file: ImageFile, index: TileIndex, tiles: Sequence[int]) -> list[ByteRange]:
    """Return the bytes of whole tiles; of tiles in a row, only the first is searched, and the others follow it."""
    found: list[ByteRange] = []
    run: list[int] = []
    for tile in [*sorted(tiles), -1]:
        if run and tile != run[-1] + 1:
            found += _run(file, index, run)
            run = []
        run.append(tile)
    return found


def _run(file: ImageFile, index: TileIndex, run: Sequence[int]) -> list[ByteRange]:
    stop = index.estimate(run[-1] + 1)
    if stop and len(run) > 1 and not all(map(index.has, run)):
        start = index.parts(file, run[0])[0].start
        longest = -(-(stop - start) // max(1, (stop - start) // (MAX_REQUEST // 2)))
        return split(ByteRange(file.name, start, stop), max(1, longest))
    parts = [part for tile in run for part in index.parts(file, tile)]
    return [ByteRange(file.name, part.start, min(part.stop + 2, file.size)) for part in parts]


def _coarse(file: ImageFile, index: TileIndex, tiles: Sequence[int], reduction: int) -> Blocks:
    """Read the first bytes of tiles, as many as their coarse resolutions need."""
    header = index.header
    estimate = max(codestream.estimated_bytes(header, tile, reduction) for tile in tiles)

    def need(tile: int, part: TilePart, data: bytes) -> int:
        needed = codestream.needed_bytes(file, header, tile, part, data, reduction)
        index.needs[tile, reduction] = needed
        return needed

    found: list[tuple[int, bytes]] = []
    if sum(not index.has(tile) for tile in tiles) > MANY:
        found = index.walk(file, max(tiles), estimate, need)
    blocks = Blocks((ByteRange(file.name, start, start + len(data)), data) for start, data in found)
    had = {start for start, _ in found}
    parts = {tile: index.parts(file, tile) for tile in tiles}
    rest = [(tile, places[0]) for tile, places in parts.items() if len(places) == 1 and places[0].start not in had]
    most = 0
    for batch in (rest[:FEW], rest[FEW:]):
        length = most + most // 8 + 64 if most else estimate
        ranges = [ByteRange(file.name, part.start, part.start + min(part.length, length)) for _, part in batch]
        joined = coalesce(ranges, longest=MAX_REQUEST)
        for block, data in zip(joined, file.files.read_many(joined), strict=True):
            blocks.add(block, data)
        for (tile, part), request in zip(batch, ranges, strict=True):
            most = max(most, need(tile, part, blocks.get(request) or b""))
    return blocks
