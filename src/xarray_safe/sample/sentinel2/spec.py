"""The description of a sample product and the names that follow from it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zlib import crc32

import numpy as np

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.sample.sentinel2 import geometry
from xarray_safe.sample.sentinel2.tables import (
    BANDS,
    L1C_IMAGES,
    L2A_IMAGES,
    RESOLUTION,
    RESOLUTIONS,
    SATELLITES,
    Satellite,
)

FULL_SIZE = 10980
"""Rows and columns of a 10 m image of a real product."""

_LACKING = r"sun|mean|(mean/)?({bands})|({bands})/\d+".format(bands="|".join(BANDS))


@dataclass(frozen=True)
class Spec:
    """A sample product, fully described: the same description makes the same bytes.

    Metadata (footprint, angles, meteorology) are those of the whole tile; the images have `size` pixels of
    10 m, so that a small product is the tile's upper left corner with the picture of the whole tile in it.

    Attributes
    ----------
    level
        ``"L2A"`` or ``"L1C"``.
    size
        Rows and columns of the 10 m images: a multiple of 6 between 36 and 10980.
    baseline
        Processing baseline, ``"04.00"`` to ``"05.12"``, or ``"99.04"`` (the commissioning of Sentinel-2C). Before
        04.00 masks are vectors, no offsets are subtracted and meteorology has three fields.
    satellite
        ``"S2A"``, ``"S2B"`` or ``"S2C"``.
    tile
        MGRS tile, such as ``"32TQM"``; ``"01KAB"`` is across the antimeridian.
    sensing
        Start of the data take (UTC unless it names a time zone); by default half past ten, local solar time,
        of a day in November 2024.
    psd
        Product specification, 14 or 15; by default as the baseline had it.
    orbit
        Relative orbit, 1 to 143.
    seed
        Another seed makes another landscape.
    clouds, nodata
        Share of the image under clouds, and beyond the edge of the swath, 0 to 1.
    detectors
        Detectors that see the tile, from west to east.
    missing_angles
        What the tile's metadata lack: ``"sun"``, ``"mean"`` (mean viewing angles), ``"B05"`` (grids of a band),
        ``"B05/7"`` (of one detector), ``"mean/B05"``.
    datastrip_mb
        Least size of ``MTD_DS.xml`` in MB: ephemeris and attitude fill it. Real ones have 3 to 19.
    tlm
        Write tile-part lengths into the JPEG 2000 headers, as real products have since 05.12.
    unique_images
        False reuses encoded images: bands of one resolution are equal then (for benchmarks at full size).
    """

    level: str = "L2A"
    size: int = 366
    baseline: str = "05.11"
    satellite: str = "S2A"
    tile: str = "32TQM"
    sensing: datetime | None = None
    psd: int | None = None
    orbit: int = 122
    seed: int = 0
    clouds: float = 0.08
    nodata: float = 0.0
    detectors: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    missing_angles: tuple[str, ...] = ()
    datastrip_mb: float = 0.0
    tlm: bool = True
    unique_images: bool = True
    place: geometry.Place = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check every value."""
        for ok, message in (
            (self.level in ("L2A", "L1C"), f'level is "L2A" or "L1C", not {self.level!r}'),
            (
                self.size % 6 == 0 and 36 <= self.size <= FULL_SIZE,
                f"size is a multiple of 6 from 36 to {FULL_SIZE}, not {self.size}",
            ),
            (re.fullmatch(r"\d\d\.\d\d", self.baseline), f'baseline looks like "05.11", not {self.baseline!r}'),
            (self.satellite in SATELLITES, f"satellite is one of {', '.join(SATELLITES)}, not {self.satellite!r}"),
            (self.psd in (None, 14, 15), f"psd is 14 or 15, not {self.psd}"),
            (1 <= self.orbit <= 143, f"orbit is a relative orbit from 1 to 143, not {self.orbit}"),
            (0 <= self.clouds <= 1 and 0 <= self.nodata < 1, "clouds and nodata are shares from 0 to 1"),
            (
                self.detectors and list(self.detectors) == sorted(set(self.detectors) & set(range(1, 13))),
                f"detectors are different numbers from 1 to 12 in order, not {self.detectors}",
            ),
            (
                all(re.fullmatch(_LACKING, name) for name in self.missing_angles),
                f'missing_angles are "sun", "mean", "B05", "B05/7", "mean/B05" or the like, not {self.missing_angles}',
            ),
        ):
            if not ok:
                raise InvalidArgumentError(f"sample product: {message}.")
        object.__setattr__(self, "place", geometry.place(self.tile))

    # --- what follows ---------------------------------------------------------------------------------------------

    @cached_property
    def hardware(self) -> Satellite:
        """The satellite's constants."""
        return SATELLITES[self.satellite]

    @property
    def raster_masks(self) -> bool:
        """Return True if the product is of the generation since 04.00: JPEG 2000 masks, offsets, longer meteorology."""
        return self.baseline >= "04.00"

    @property
    def offset(self) -> int:
        """Offset that was added to the digital numbers: 1000 since baseline 04.00."""
        return 1000 if self.raster_masks else 0

    @property
    def specification(self) -> int:
        """The PSD's version."""
        return self.psd or (15 if self.baseline >= "05.11" else 14)

    @property
    def checksum(self) -> str:
        """Algorithm of the manifest's checksums."""
        return "SHA3-256" if self.baseline >= "03.00" else "MD5"

    @cached_property
    def start(self) -> datetime:
        """Start of the data take."""
        if self.sensing is not None:
            given = self.sensing if self.sensing.tzinfo else self.sensing.replace(tzinfo=UTC)
            return given.astimezone(UTC).replace(microsecond=24000)
        day = datetime(2024, 11, 15, 10, 30, 59, 24000, tzinfo=UTC)
        return day - timedelta(minutes=round(self.place.longitude * 4) % 1440)

    @property
    def strip_start(self) -> datetime:
        """Start of the datastrip."""
        return self.start + timedelta(seconds=274)

    @property
    def tile_time(self) -> datetime:
        """When the tile was seen."""
        return self.start + timedelta(seconds=429, microseconds=484463)

    @property
    def l1c_time(self) -> datetime:
        """When the Level-1C product was made."""
        return (self.start + timedelta(hours=2, seconds=33)).replace(microsecond=0)

    @property
    def generation(self) -> datetime:
        """When the product was made."""
        return self.l1c_time + (timedelta(minutes=53, seconds=10) if self.level == "L2A" else timedelta(0))

    @cached_property
    def absolute_orbit(self) -> int:
        """Absolute orbit at the time of sensing, of the given relative orbit."""
        day, number = self.hardware.reference
        then = datetime.fromisoformat(day).replace(tzinfo=UTC)
        near = number + round((self.start - then).total_seconds() / 86400 * 14.3)
        around = range(max(near - 71, 1), near + 72)
        return next((n for n in around if (n + self.hardware.shift) % 143 + 1 == self.orbit), max(near, 1))

    # --- names ----------------------------------------------------------------------------------------------------

    @property
    def centre(self) -> str:
        """Processing centre."""
        return f"{self.satellite[1:]}PS"

    @property
    def product_name(self) -> str:
        """Name without ``.SAFE``."""
        number = self.baseline.replace(".", "")
        return (
            f"{self.satellite}_MSI{self.level}_{stamp(self.start)}_N{number}_R{self.orbit:03}_T{self.tile}"
            f"_{stamp(self.generation)}"
        )

    @property
    def granule_folder(self) -> str:
        """Path of the granule inside the product."""
        return f"GRANULE/{self.level}_T{self.tile}_A{self.absolute_orbit:06}_{stamp(self.strip_start)}"

    @property
    def datastrip_folder(self) -> str:
        """Path of the datastrip inside the product."""
        return f"DATASTRIP/DS_{self.centre}_{stamp(self.generation)}_S{stamp(self.strip_start)}"

    def tile_id(self, level: str | None = None) -> str:
        """Return the identifier of the granule, or of the Level-1C granule that it was made from."""
        time = self.l1c_time if level == "L1C" else self.generation
        return (
            f"{self.satellite}_OPER_MSI_{level or self.level}_TL_{self.centre}_{stamp(time)}"
            f"_A{self.absolute_orbit:06}_T{self.tile}_N{self.baseline}"
        )

    @property
    def datastrip_id(self) -> str:
        """Identifier of the datastrip."""
        return (
            f"{self.satellite}_OPER_MSI_{self.level}_DS_{self.centre}_{stamp(self.generation)}"
            f"_S{stamp(self.strip_start)}_N{self.baseline}"
        )

    @property
    def datatake_id(self) -> str:
        """Identifier of the data take."""
        return f"G{self.satellite}_{stamp(self.start)}_{self.absolute_orbit:06}_N{self.baseline}"

    @property
    def image_prefix(self) -> str:
        """Beginning of the name of every image."""
        return f"T{self.tile}_{stamp(self.start)}_"

    def images(self) -> dict[str, tuple[str, int]]:
        """Names in ``IMG_DATA`` (relative to the product, without suffix): what they show and their resolution."""
        folder = f"{self.granule_folder}/IMG_DATA"
        if self.level == "L1C":
            return {f"{folder}/{self.image_prefix}{kind}": (kind, RESOLUTION.get(kind, 10)) for kind in L1C_IMAGES}
        return {
            f"{folder}/R{metres}m/{self.image_prefix}{kind}_{metres}m": (kind, metres)
            for metres in RESOLUTIONS
            for kind in L2A_IMAGES[metres]
            if self.raster_masks or (kind, metres) != ("B01", 20)
        }

    # --- numbers --------------------------------------------------------------------------------------------------

    def pixels(self, metres: int) -> int:
        """Rows and columns of the images of a resolution."""
        return self.size * 10 // metres

    def random(self, *purpose: object) -> np.random.Generator:
        """Random numbers for one purpose: independent of all others, the same on every run."""
        return np.random.default_rng([self.seed, crc32("/".join(map(str, purpose)).encode())])

    def has_angles(self, band: str, detector: int) -> bool:
        """Return True if the metadata have the viewing angles of a band and detector."""
        return band not in self.missing_angles and f"{band}/{detector}" not in self.missing_angles

    def mean_bands(self) -> list[str]:
        """Bands whose metadata have mean viewing angles."""
        return [b for b in BANDS if not {"mean", f"mean/{b}"} & set(self.missing_angles)]


def scaled_size(scale: float) -> int:
    """Pixels of the finest images at a share of a real product's size: the nearest multiple of 6."""
    return round(1830 * scale) * 6


def stamp(time: datetime) -> str:
    """Write a time as in names."""
    return time.strftime("%Y%m%dT%H%M%S")


def iso(time: datetime, digits: int = 3) -> str:
    """Write a time as in the metadata, with some digits of the second."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S.%f")
    return (text[:-7] if digits == 0 else text[: len(text) - 6 + digits]) + "Z"
