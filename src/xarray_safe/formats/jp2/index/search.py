"""Finding tiles without a table of them and without walking from one to the next, for images that lie elsewhere.

Each tile-part tells only how long it is, so that the way to the last of 121 tiles takes 121 reads, one after the
other. But a tile's place can be guessed from its number, and a tile-part be recognised by its marker (SOT), which
does not occur inside packets. So a window about as long as a tile, read where the tile should start, shows where it
does, or at least one near it.

All this holds for images as products have them: tiles in order, each in one part. For others `NotPlainError` sends
one back to the walk.
"""

from __future__ import annotations

import itertools
import struct
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from xarray_safe.formats.jp2.header import SOT, Header, ImageFile
from xarray_safe.formats.jp2.prefetch import read_ranges

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

SOT_BYTES = 12
STEP = 4096
"""Bytes of a read that is to show one tile-part, and others where tiles are small."""
NEAR = 3
"""Tiles over which one goes step by step."""
ROUNDS = 24
"""Reads after which a search gives up."""
LEAST = 1 << 17
"""Bytes of a window in which a tile is looked for, at the least."""
LEAST_SHARE = 0.5
"""The same, in mean tiles: where tiles without data are among them, their neighbours are much larger than the mean."""
BACK, ONWARD = 0.9, 0.4
"""How far before and behind its guessed place a tile is looked for, in tiles."""
GROWTH = 3
"""How many times larger a window becomes if nothing starts in it: sizes are uneven, as at a coast."""
PIECE = 3 << 15
"""Bytes of one read in the search for a place from where to go on."""
CHAINS = 4
"""Places from which one goes on at the same time: as many as there are connections."""
BUDGET = 1.3
"""Bytes that the search for such places may cost, in mean tiles; one takes half a tile on the average."""
ROUND_TRIPS, LATE_BUDGET = 44, 4.0
"""Round trips that a walk should not exceed; where it would, the search may cost more, for bytes are cheaper then."""
MARGIN = 0.2
"""How far before the guessed place of a tile its search starts, in mean tiles."""
LEAST_GAP = 12
"""Tiles between two places below which no further place is looked for."""
_SOT = struct.pack(">HH", SOT, 10)


class NotPlainError(Exception):
    """The tile-parts are not in order, or not where they should be."""


class Place(NamedTuple):
    """A tile's only part: its first byte and its length."""

    start: int
    length: int


class Seen:
    """Bytes that have been looked through."""

    def __init__(self) -> None:
        self._ranges: list[tuple[int, int]] = []

    def add(self, wanted: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Give the parts of ranges that have not been looked through yet, and note them."""
        found = []
        for start, stop in wanted:
            at = start
            for first, last in [*self._ranges, (stop, stop)]:
                if at < min(first, stop):
                    found.append((at, min(first + SOT_BYTES, stop)))  # a marker may lie across the border
                at = max(at, last)
            self._ranges = sorted([*self._ranges, *found])
        return found


@dataclass
class Places:
    """Where the tiles of an image lie, as far as is known.

    Parameters
    ----------
    header, size
        The image and the bytes of its file.
    shares
        Share of the bytes before a tile, by its number, of another image of the same kind; a better guess than
        the tile's share of the image's area.
    """

    header: Header
    size: int
    shares: Mapping[int, float] = field(default_factory=dict)
    parts: dict[int, Place] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Note the ends."""
        self.starts |= {0: self.header.tiles_start, self.header.tiles: self.size}

    def learn(self, parts: Mapping[int, tuple[int, int]]) -> None:
        """Take over places (start, length) that are known from elsewhere."""
        for tile, place in parts.items():
            self.parts[tile] = Place(*place)
            self.starts[tile] = place[0]
            if tile + 1 < self.header.tiles:
                self.starts[tile + 1] = sum(place)

    def locate(self, file: ImageFile, tile: int) -> Place:
        """Find a tile: one read where it is near a known one, else few.

        Raises
        ------
        NotPlainError
            It is not to be found so.
        """
        wide, seen = 1.0, Seen()
        for turn in range(ROUNDS):
            if tile in self.parts:
                return self.parts[tile]
            below = max(known for known in self.starts if known <= tile)
            start = self.starts[below]
            if tile - below < NEAR:
                data = file.read(start, min(start + STEP, self.size))
                if not self._note(data, 0, start, below, exactly=True):
                    raise NotPlainError
                self._scan(data, start)
                continue
            windows = [self._window(tile, below, self.guess(tile), wide)]
            if turn:  # guesses alone come nearer from one side only where sizes are uneven, as at a coast
                windows.append(self._window(tile, below, (start + self._above(tile)[1]) // 2, wide))
            ranges = seen.add(windows)
            found = [self._scan(data, at) for (at, _), data in zip(ranges, read_ranges(file, ranges), strict=True)]
            wide = 1.0 if any(found) else GROWTH * wide
        raise NotPlainError

    def fractions(self) -> dict[int, float]:
        """Share of the bytes before each tile whose place is known."""
        first = self.header.tiles_start
        return {tile: (start - first) / (self.size - first) for tile, start in self.starts.items()}

    def guess(self, tile: int) -> int:
        """Where a tile should start, by the known ones around it."""
        below = max(known for known in self.starts if known <= tile)
        above = min(known for known in self.starts if known > tile) if tile < self.header.tiles else below
        if below == tile or above == below:
            return self.starts[below]
        low, here, high = (self._share(number) for number in (below, tile, above))
        span = self.starts[above] - self.starts[below]
        return self.starts[below] + round(span * (here - low) / max(high - low, 1e-9))

    def _share(self, tile: int) -> float:
        """Share of the image's bytes that should lie before a tile: as in the other image, or by area."""
        known = sorted({0: 0.0, self.header.tiles: 1.0, **self.shares}.items())
        at = min(bisect_right([number for number, _ in known], tile), len(known) - 1)
        (a, low), (b, high) = known[at - 1], known[at]
        areas = [self._area(number) for number in (a, tile, b)]
        return low + (high - low) * (areas[1] - areas[0]) / max(areas[2] - areas[0], 1)

    def _area(self, tile: int) -> int:
        """Pixels before a tile."""
        row, column = divmod(tile, self.header.across)
        top, bottom = (min(edge * self.header.tile_height, self.header.height) for edge in (row, row + 1))
        left = min(column * self.header.tile_width, self.header.width)
        return top * self.header.width + (bottom - top) * left

    def _above(self, tile: int) -> tuple[int, int]:
        """Give the next tile of which the start is known, and its start."""
        above = min(known for known in self.starts if known > tile)
        return above, self.starts[above]

    def _window(self, tile: int, below: int, guess: int, wide: float) -> tuple[int, int]:
        """Bytes in which the tile that should start at a place, or one shortly before it, starts."""
        above, last = self._above(tile)
        first = self.starts[below] + SOT_BYTES
        length = max(LEAST, (last - first) / (above - below), LEAST_SHARE * self.size / self.header.tiles) * wide
        start = max(first, round(guess - BACK * length))
        return start, max(min(last, round(guess + ONWARD * length)), min(start + STEP, last))

    def _scan(self, data: bytes, position: int) -> list[int]:
        """Note all tiles that start within some bytes; give their numbers."""
        found = []
        at = data.find(_SOT)
        while at >= 0:
            tile = int.from_bytes(data[at + 4 : at + 6], "big")
            if self._note(data, at, position + at, tile):
                found.append(tile)
            at = data.find(_SOT, at + 1)
        return found

    def _note(self, data: bytes, at: int, position: int, tile: int, *, exactly: bool = False) -> bool:
        """Note the tile-part at a place, if one is there that fits in with what is known."""
        if len(data) < at + SOT_BYTES:
            return False
        marker, size, number, length, part, parts = struct.unpack_from(">HHHIBB", data, at)
        if number >= self.header.tiles or (marker, size, number, part) != (SOT, 10, tile, 0) or parts > 1:
            return False
        if length == 0 and tile == self.header.tiles - 1:
            length = self.size - 2 - position
        end = position + length
        if length < SOT_BYTES + 2 or end > self.size:
            return False
        if not exactly and self.starts.get(tile, position) != position:
            return False
        below = max(known for known in self.starts if known <= tile)
        above = min(known for known in self.starts if known > tile)
        if not self.starts[below] <= position or end > self.starts[above]:
            return False
        self.parts[tile] = Place(position, length)
        self.starts[tile] = position
        if tile + 1 < self.header.tiles:
            self.starts[tile + 1] = end
        return True

    def walk(
        self, file: ImageFile, last: int, first_bytes: int, need: Callable[[int, Place, bytes], int]
    ) -> list[tuple[int, bytes]]:
        """Find all tiles up to one, from several places at once, and keep their first bytes.

        Parameters
        ----------
        file
            The image.
        last
            Tile after which to stop.
        first_bytes
            How many to keep, to begin with.
        need
            Says, from a tile's first bytes, how many of them are needed; later tiles get about as many.

        Returns
        -------
        list
            Positions and bytes.

        Raises
        ------
        NotPlainError
            The tiles are not where they should be.
        """
        return _Walk(self, file, last + 1, first_bytes, need).run()


def _length(data: bytes) -> int:
    """Length of the tile-part that some bytes begin with; more than they are, if they do not tell."""
    told = int.from_bytes(data[6:10], "big") if data.startswith(_SOT) else 0
    return told or len(data) + 1


@dataclass
class _Walk:
    """From several places at once from tile to tile; each round is one batch of reads."""

    places: Places
    file: ImageFile
    stop: int
    first_bytes: int
    need: Callable[[int, Place, bytes], int]
    blocks: list[tuple[int, bytes]] = field(default_factory=list)
    searches: list[int] = field(default_factory=list)
    searched: int = 0
    rounds: int = 0
    most: int = 0
    done: set[int] = field(default_factory=set)

    def run(self) -> list[tuple[int, bytes]]:
        places = self.places
        chains = [0]
        done = self.done
        for _ in range(4 * places.header.tiles + 64):
            chains = [tile for tile in chains if tile < self.stop and tile not in done]
            if not chains:
                missing = next((tile for tile in range(self.stop) if tile not in done), None)
                if missing is None:
                    return self.blocks
                if missing not in places.starts:
                    raise NotPlainError
                chains = [missing]
            self._plan(chains)
            heads = [(tile, places.starts[tile]) for tile in chains]
            ranges = [(start, min(start + self.first_bytes, places.size)) for _, start in heads]
            piece = PIECE * max(1, (CHAINS - len(heads)) // max(1, len(self.searches)) - 1)
            ranges += [(at, min(at + piece, places.size)) for at in self.searches]
            found = read_ranges(self.file, ranges)
            searched = list(zip(self.searches, found[len(heads) :], strict=True))
            chains = [self._step(tile, start, data) for (tile, start), data in zip(heads, found, strict=False)]
            chains += self._search(searched)
        raise NotPlainError

    def _step(self, tile: int, start: int, data: bytes) -> int:
        """Go over one tile, and over those behind it of which the bytes are there, too; give the next."""
        while True:
            if not self.places._note(data, 0, start, tile, exactly=True):
                raise NotPlainError
            place = self.places.parts[tile]
            self.blocks.append((start, data))
            self.done.add(tile)
            self.most = max(self.most, min(place.length, self.need(tile, place, data[: place.length])))
            self.first_bytes = self.most + self.most // 8 + 64
            tile, start, data = tile + 1, start + place.length, data[place.length :]
            if tile >= self.stop or len(data) < min(self.most, _length(data)):  # tiles without data are tiny
                return tile

    def _plan(self, chains: list[int]) -> None:
        """Start searches in the largest gaps while connections, and the bytes that this may cost, allow.

        One at a time to begin with: what it finds makes the next guesses better.
        """
        places = self.places
        self.rounds += 1
        tile_bytes = max(1, (places.size - places.header.tiles_start) // places.header.tiles)
        longest, _ = self._gap({*chains, *places.parts})
        late = self.searched > (BUDGET - 0.25) * tile_bytes and longest + self.rounds > ROUND_TRIPS
        left = (LATE_BUDGET if late else BUDGET) * tile_bytes - self.searched
        if left <= 0:
            self.searches.clear()
        most = min(CHAINS - len(chains), 1 if len(chains) == 1 else 2)
        while len(self.searches) < most and left - len(self.searches) * tile_bytes / 2 > tile_bytes / 4:
            length, first = self._gap({*chains, *places.parts, *map(self._near, self.searches)})
            if length < LEAST_GAP:
                return
            tile = first + round(length * 0.55)  # who goes on from here has a start over who is still looking
            margin = MARGIN * tile_bytes * (length / places.header.tiles) ** 0.5
            self.searches.append(max(places.header.tiles_start, round(places.guess(tile) - margin)))

    def _gap(self, marks: set[int]) -> tuple[int, int]:
        """Most tiles in a row that one goes through from a place that is known, and the first of them."""
        return max((b - a, a) for a, b in itertools.pairwise(sorted({*marks, self.stop})))

    def _near(self, position: int) -> int:
        """Number of the tile that should lie at a position."""
        low, high = 0, self.places.header.tiles
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.places.guess(middle) <= position else (low, middle)
        return high

    def _search(self, searched: list[tuple[int, bytes]]) -> list[int]:
        """Look for tiles in what was read; give those found, and note where to go on looking."""
        chains = []
        self.searches = []
        for position, data in searched:
            self.searched += len(data)
            found = self.places._scan(data, position)
            if found:
                chains.append(min(found))
            elif position + len(data) < self.places.size:
                self.searches.append(position + len(data) - SOT_BYTES + 1)
        return chains
