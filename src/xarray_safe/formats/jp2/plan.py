"""Several tiles of an image that lies elsewhere: their bytes in few requests, fetched ahead of the decoder."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from xarray_safe.formats.jp2 import codestream
from xarray_safe.formats.jp2.index.tile_index import Index, Part
from xarray_safe.formats.jp2.prefetch import Blocks, groups, held, read_ranges, streaming

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xarray_safe.formats.jp2.header import ImageFile
    from xarray_safe.formats.jp2.prefetch import Range

MANY = 8
"""Unknown places of tiles from which on these are looked for together."""
FEW = 4
"""Tiles whose coarse resolutions are read first, to learn how many bytes these take."""


@contextlib.contextmanager
def reading(file: ImageFile, index: Index, tiles: Sequence[int], halvings: int) -> Iterator[ImageFile]:
    """Give the image as several tiles of it are best read; local ones are read as they are.

    Parameters
    ----------
    file, index
        The image.
    tiles
        Numbers of the tiles that will be read, in their order.
    halvings
        At which resolution: 1 / 2 ** halvings.
    """
    if file.files.local or index.whole or len(tiles) < 2:
        yield file
    elif halvings and codestream.is_coarse_first(index.header):
        yield held(file, Blocks(_coarse(file, index, tiles, halvings)))
    else:
        with streaming(file, _ranges(file, index, tiles)) as ahead:
            yield ahead


def _ranges(file: ImageFile, index: Index, tiles: Sequence[int]) -> list[Range]:
    """Bytes of tiles in full; of tiles in a row, the first is looked for, and the others follow it."""
    size = file.files.size(file.name)
    found: list[Range] = []
    run: list[int] = []
    for tile in [*sorted(tiles), -1]:
        if run and tile != run[-1] + 1:
            found += _run(file, index, run, size)
            run = []
        run.append(tile)
    return found


def _run(file: ImageFile, index: Index, run: Sequence[int], size: int) -> list[Range]:
    stop = index.guess(run[-1] + 1)
    if stop and len(run) > 1 and not all(map(index.knows, run)):
        start = index.parts(file, run[0])[0].start
        step = max(1, -(-(stop - start) // max(1, (stop - start) >> 21)))
        return [(at, min(at + step, stop)) for at in range(start, stop, step)]
    places = [place for tile in run for place in index.parts(file, tile)]
    return [(place.start, min(place.start + place.length + 2, size)) for place in places]


def _coarse(file: ImageFile, index: Index, tiles: Sequence[int], halvings: int) -> list[tuple[int, bytes]]:
    """First bytes of tiles, as many as their coarse resolutions need."""
    header = index.header
    guess = max(codestream.guessed_bytes(header, tile, halvings) for tile in tiles)

    def need(tile: int, place: tuple[int, int], data: bytes) -> int:
        needed = codestream.needed_bytes(file, header, tile, Part(*place), data, halvings)
        index.needs[tile, halvings] = needed
        return needed

    blocks: list[tuple[int, bytes]] = []
    if sum(not index.knows(tile) for tile in tiles) > MANY:
        blocks = index.walk(file, max(tiles), guess, need)
    had = {start for start, _ in blocks}
    places = {tile: index.parts(file, tile) for tile in tiles}
    rest = [(tile, parts[0]) for tile, parts in places.items() if len(parts) == 1 and parts[0].start not in had]
    most = 0
    for batch in (rest[:FEW], rest[FEW:]):
        length = most + most // 8 + 64 if most else guess
        ranges = [(place.start, place.start + min(place.length, length)) for _, place in batch]
        joined = groups(ranges)
        got = dict(zip(joined, read_ranges(file, joined), strict=True))
        blocks += [(start, data) for (start, _), data in got.items()]
        source = Blocks([(start, data) for (start, _), data in got.items()])
        for (tile, place), (start, stop) in zip(batch, ranges, strict=True):
            most = max(most, need(tile, place, source.take(start, stop) or b""))
    return blocks
