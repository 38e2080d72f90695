"""The keywords of `write`: the fields of `Spec`, none of them required."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from datetime import datetime


class Options(TypedDict, total=False):
    """See `Spec`."""

    level: str
    size: int
    baseline: str
    satellite: str
    tile: str
    sensing: datetime | None
    psd: int | None
    orbit: int
    seed: int
    clouds: float
    nodata: float
    detectors: tuple[int, ...]
    missing_angles: tuple[str, ...]
    datastrip_mb: float
    tlm: bool
    unique_images: bool
