"""Locate tile-parts in remote images without a TLM table by interpolation search instead of a sequential walk.

A tile-part only says how long it is, so that the way to the last of 121 tiles takes 121 reads, one after the other.
But the position of a tile can be estimated from its number, and a tile-part be recognised by its marker (SOT), which
does not occur inside packets. So a window about as long as a tile, read where the tile should start, shows where it
does, or at least where one near it does.

All this holds for images as products have them: tiles in order, each in one part. For others
`UnsortedTilePartsError` is raised, and the walk finds the tiles.
"""

from __future__ import annotations

import itertools
import struct
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xarray_safe.formats.jp2.header import SOT, Header, ImageFile
from xarray_safe.formats.jp2.tile_part import MIN_BYTES, SOT_BYTES, TilePart, read_sot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Need = Callable[[int, TilePart, bytes], int]

_SOT = struct.pack(">HH", SOT, 10)


@dataclass(frozen=True)
class SearchPolicy:
    """Constants of the search, tuned on real images: even ones, coasts, and edges of a swath.

    Parameters
    ----------
    step_bytes
        Bytes of a read that shows one tile-part, and more if tiles are small.
    step_tiles
        Tiles behind a known one that are reached step by step.
    max_reads
        Reads after which a search gives up.
    min_window, min_window_share
        Minimum length of a window in which a tile is searched, in bytes and in mean tiles: if there are tiles without
        data, their neighbours are much larger than the mean.
    before, after
        How far before and after its estimated position a tile is searched, in tiles.
    growth
        Factor by which a window grows if no tile starts in it: sizes are uneven, as at a coast.
    chains
        Tiles from which the walk continues in parallel: as many as there are connections.
    piece_bytes
        Bytes of one read in the search for another tile to continue from.
    budget, late_budget
        Maximum bytes of the searches for such tiles, in mean tiles (one search takes half a tile on average); the
        latter once the walk would take more than `round_trips`, for then bytes are cheaper.
    round_trips
        Maximum round trips that a walk should take.
    margin
        How far before the estimated position of such a tile its search starts, in mean tiles.
    min_gap
        Minimum tiles between two known ones between which another is searched.
    """

    step_bytes: int = 4096
    step_tiles: int = 3
    max_reads: int = 24
    min_window: int = 1 << 17
    min_window_share: float = 0.5
    before: float = 0.9
    after: float = 0.4
    growth: int = 3
    chains: int = 4
    piece_bytes: int = 3 << 15
    budget: float = 1.3
    late_budget: float = 4.0
    round_trips: int = 44
    margin: float = 0.2
    min_gap: int = 12


class UnsortedTilePartsError(Exception):
    """The tile-parts are not in order, or not where they should be."""


class ScannedRanges:
    """Ranges that have been scanned for markers."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []

    def add(self, wanted: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return the parts of ranges that have not been scanned yet, and note them."""
        found = []
        for start, stop in wanted:
            at = start
            for first, last in [*self._ranges, (stop, stop)]:
                if at < min(first, stop):
                    found.append((at, min(first + SOT_BYTES, stop)))  # a marker may be across the border
                at = max(at, last)
            self._ranges = sorted([*self._ranges, *found])
        return found


@dataclass
class TileSearch:
    """Where the tiles of an image are, if known.

    Parameters
    ----------
    header, size
        The image and the bytes of its file.
    shares
        Share of the bytes before a tile, by its number, in another image of the same kind; a better estimate than
        the tile's share of the image's area.
    policy
        Constants of the search.
    parts, starts
        Tiles found so far, and where they and the tiles after them start.
    """

    header: Header
    size: int
    shares: Mapping[int, float] = field(default_factory=dict)
    policy: SearchPolicy = SearchPolicy()
    parts: dict[int, TilePart] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Add the ends."""
        self.starts |= {0: self.header.tiles_start, self.header.tiles: self.size}

    def add(self, parts: Mapping[int, tuple[int, int]]) -> None:
        """Add tiles (start, length) that are known already."""
        for tile, place in parts.items():
            self._record(tile, TilePart(*place))

    def _record(self, tile: int, part: TilePart) -> None:
        self.parts[tile], self.starts[tile] = part, part.start
        if tile + 1 < self.header.tiles:
            self.starts[tile + 1] = part.stop

    def locate(self, file: ImageFile, tile: int) -> TilePart:
        """Find a tile: one read if it is near a known one, else a few.

        Raises
        ------
        UnsortedTilePartsError
            It cannot be found.
        """
        wide, scanned = 1.0, ScannedRanges()
        for turn in range(self.policy.max_reads):
            if tile in self.parts:
                return self.parts[tile]
            below, start = self._below(tile)
            if tile - below < self.policy.step_tiles:
                data = file.read(start, min(start + self.policy.step_bytes, self.size))
                if not self._note(data, 0, start, below, exactly=True):
                    raise UnsortedTilePartsError
                self._scan(data, start)
                continue
            windows = [self._window(tile, below, self.estimate(tile), wide)]
            if turn:  # estimates alone approach from one side only if sizes are uneven, as at a coast
                windows.append(self._window(tile, below, (start + self._above(tile)[1]) // 2, wide))
            ranges = scanned.add(windows)
            found = [self._scan(data, at) for (at, _), data in zip(ranges, file.read_many(ranges), strict=True)]
            wide = 1.0 if any(found) else self.policy.growth * wide
        raise UnsortedTilePartsError

    def fractions(self) -> dict[int, float]:
        """Return the share of the bytes before each tile whose position is known."""
        first = self.header.tiles_start
        return {tile: (start - first) / (self.size - first) for tile, start in self.starts.items()}

    def estimate(self, tile: int) -> int:
        """Return where a tile should start, by the known ones around it."""
        below, start = self._below(tile)
        if below == tile:
            return start
        above, stop = self._above(tile)
        low, here, high = (self._share(number) for number in (below, tile, above))
        return start + round((stop - start) * (here - low) / max(high - low, 1e-9))

    def _share(self, tile: int) -> float:
        """Return the share of the image's bytes that should be before a tile: as in the other image, or by area."""
        known = sorted({0: 0.0, self.header.tiles: 1.0, **self.shares}.items())
        at = min(bisect_right([number for number, _ in known], tile), len(known) - 1)
        (a, low), (b, high) = known[at - 1], known[at]
        areas = [self._area(number) for number in (a, tile, b)]
        return low + (high - low) * (areas[1] - areas[0]) / max(areas[2] - areas[0], 1)

    def _area(self, tile: int) -> int:
        """Return the number of pixels before a tile."""
        row, column = divmod(tile, self.header.tiles_per_row)
        top, bottom = (min(edge * self.header.tile_height, self.header.height) for edge in (row, row + 1))
        left = min(column * self.header.tile_width, self.header.width)
        return top * self.header.width + (bottom - top) * left

    def _below(self, tile: int) -> tuple[int, int]:
        """Return the last tile up to this one whose start is known, and its start."""
        below = max(known for known in self.starts if known <= tile)
        return below, self.starts[below]

    def _above(self, tile: int) -> tuple[int, int]:
        """Return the next tile whose start is known, and its start."""
        above = min(known for known in self.starts if known > tile)
        return above, self.starts[above]

    def _window(self, tile: int, below: int, estimate: int, wide: float) -> tuple[int, int]:
        """Return the range in which the tile with an estimated start, or one shortly before it, should start."""
        policy = self.policy
        above, last = self._above(tile)
        first = self.starts[below] + SOT_BYTES
        length = max(
            policy.min_window, (last - first) / (above - below), policy.min_window_share * self.size / self.header.tiles
        )
        length *= wide
        start = max(first, round(estimate - policy.before * length))
        return start, max(min(last, round(estimate + policy.after * length)), min(start + policy.step_bytes, last))

    def _scan(self, data: bytes, position: int) -> list[int]:
        """Add all tiles that start within some bytes; return their numbers."""
        found = []
        at = data.find(_SOT)
        while at >= 0:
            tile = int.from_bytes(data[at + 4 : at + 6], "big")
            if self._note(data, at, position + at, tile):
                found.append(tile)
            at = data.find(_SOT, at + 1)
        return found

    def _note(self, data: bytes, at: int, position: int, tile: int, *, exactly: bool = False) -> bool:
        """Add the tile-part at a position, if there is one that fits what is known; return True if so."""
        sot = read_sot(data, at)
        if sot is None or tile >= self.header.tiles or (sot.tile, sot.part) != (tile, 0) or sot.parts > 1:
            return False
        to_the_end = sot.length == 0 and tile == self.header.tiles - 1
        part = TilePart(position, self.size - 2 - position if to_the_end else sot.length)
        if part.length < MIN_BYTES or part.stop > self.size:
            return False
        if not exactly and self.starts.get(tile, position) != position:
            return False
        if not self._below(tile)[1] <= position or part.stop > self._above(tile)[1]:
            return False
        self._record(tile, part)
        return True

    def walk(self, file: ImageFile, last: int, first_bytes: int, need: Need) -> list[tuple[int, bytes]]:
        """Find all tiles up to one, from several tiles in parallel, and return their first bytes.

        Parameters
        ----------
        file
            The image.
        last
            Tile after which to stop.
        first_bytes
            How many to read, at first.
        need
            Returns, from a tile's first bytes, how many of them are needed; about as many are read of later tiles.

        Returns
        -------
        list
            Positions and bytes.

        Raises
        ------
        UnsortedTilePartsError
            The tiles are not where they should be.
        """
        return ParallelWalk(self, file, last + 1, first_bytes, need).run()


def _length(data: bytes) -> int:
    """Return the length of the tile-part with which some bytes begin; more than they are if they do not say."""
    sot = read_sot(data)
    return (sot.length if sot else 0) or len(data) + 1


@dataclass
class ParallelWalk:
    """A walk from several tiles in parallel, see `TileSearch.walk`; each round is one batch of reads."""

    search: TileSearch
    file: ImageFile
    stop: int
    first_bytes: int
    need: Need
    blocks: list[tuple[int, bytes]] = field(default_factory=list)
    searches: list[int] = field(default_factory=list)
    searched: int = 0
    rounds: int = 0
    most: int = 0
    done: set[int] = field(default_factory=set)

    def run(self) -> list[tuple[int, bytes]]:
        """Walk; return positions and first bytes of the tiles."""
        search, policy = self.search, self.search.policy
        chains = [0]
        for _ in range(4 * search.header.tiles + 64):
            chains = [tile for tile in chains if tile < self.stop and tile not in self.done]
            if not chains:
                missing = next((tile for tile in range(self.stop) if tile not in self.done), None)
                if missing is None:
                    return self.blocks
                if missing not in search.starts:
                    raise UnsortedTilePartsError
                chains = [missing]
            self._plan(chains)
            heads = [(tile, search.starts[tile]) for tile in chains]
            ranges = [(start, min(start + self.first_bytes, search.size)) for _, start in heads]
            piece = policy.piece_bytes * max(1, (policy.chains - len(heads)) // max(1, len(self.searches)) - 1)
            ranges += [(at, min(at + piece, search.size)) for at in self.searches]
            found = self.file.read_many(ranges)
            searched = list(zip(self.searches, found[len(heads) :], strict=True))
            chains = [self._step(tile, start, data) for (tile, start), data in zip(heads, found, strict=False)]
            chains += self._scan(searched)
        raise UnsortedTilePartsError

    def _step(self, tile: int, start: int, data: bytes) -> int:
        """Record this tile-part and all that follow in the bytes read; return the next tile."""
        while True:
            if not self.search._note(data, 0, start, tile, exactly=True):
                raise UnsortedTilePartsError
            part = self.search.parts[tile]
            self.blocks.append((start, data))
            self.done.add(tile)
            self.most = max(self.most, min(part.length, self.need(tile, part, data[: part.length])))
            self.first_bytes = self.most + self.most // 8 + 64
            tile, start, data = tile + 1, part.stop, data[part.length :]
            if tile >= self.stop or len(data) < min(self.most, _length(data)):  # tiles without data are tiny
                return tile

    def _plan(self, chains: list[int]) -> None:
        """Start searches in the largest gaps while connections, and the bytes that this may cost, allow.

        One at a time to begin with: what it finds improves the next estimates.
        """
        search, policy = self.search, self.search.policy
        self.rounds += 1
        tile_bytes = max(1, (search.size - search.header.tiles_start) // search.header.tiles)
        longest, _ = self._gap({*chains, *search.parts})
        late = self.searched > (policy.budget - 0.25) * tile_bytes and longest + self.rounds > policy.round_trips
        left = (policy.late_budget if late else policy.budget) * tile_bytes - self.searched
        if left <= 0:
            self.searches.clear()
        most = min(policy.chains - len(chains), 1 if len(chains) == 1 else 2)
        while len(self.searches) < most and left - len(self.searches) * tile_bytes / 2 > tile_bytes / 4:
            length, first = self._gap({*chains, *search.parts, *map(self._near, self.searches)})
            if length < policy.min_gap:
                return
            tile = first + round(length * 0.55)  # a chain has a start over one that must still be found
            margin = policy.margin * tile_bytes * (length / search.header.tiles) ** 0.5
            self.searches.append(max(search.header.tiles_start, round(search.estimate(tile) - margin)))

    def _gap(self, marks: set[int]) -> tuple[int, int]:
        """Return the largest number of tiles between two known ones, and the first of these."""
        return max((b - a, a) for a, b in itertools.pairwise(sorted({*marks, self.stop})))

    def _near(self, position: int) -> int:
        """Return the number of the tile that should be at a position."""
        low, high = 0, self.search.header.tiles
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.search.estimate(middle) <= position else (low, middle)
        return high

    def _scan(self, searched: list[tuple[int, bytes]]) -> list[int]:
        """Look for tiles in what was read; return those found, and note where to continue the searches."""
        chains = []
        self.searches = []
        for position, data in searched:
            self.searched += len(data)
            found = self.search._scan(data, position)
            if found:
                chains.append(min(found))
            elif position + len(data) < self.search.size:
                self.searches.append(position + len(data) - SOT_BYTES + 1)
        return chains
