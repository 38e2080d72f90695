"""Names of Sentinel-1: of the product, of its files, and of the sub-products that EOPF makes of it.

Source: ESA, Sentinel-1 Product Specification (S1-RS-MDA-52-7441), naming conventions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from xarray_safe.errors import MissingElementError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xarray_safe.model.product import Facts

PRODUCT: Final = re.compile(
    r"S1([A-Z])_(IW|EW|WV|S[1-6])_(GRD|SLC|OCN)._\d.{3}_(\d{8}T\d{6})_(\d{8}T\d{6})_(\d{6})_([0-9A-F]{6})_([0-9A-F]{4})"
)
"""Unit, mode or beam, type, start, stop, absolute orbit, data take, unique id."""

STEM: Final = re.compile(
    r"(s1[a-z]-(iw|ew|wv|s)([1-6]?)-(grd|slc|ocn)-(hh|hv|vv|vh)-\d{8}t\d{6}-\d{8}t\d{6}-\d{6}-[0-9a-f]{6}-(\d{3}))"
    r"(?:-cog)?\.(?:xml|tiff|nc)",
    re.IGNORECASE,
)
"""Name of a file that belongs to one image (annotation, measurement)."""

TIME: Final = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True)
class Image:
    """The files of one image: one polarisation of one swath (or vignette); "" for those that the archive lacks.

    Parameters
    ----------
    stem
        What their names have in common.
    swath
        ``IW``, ``IW1``, ``S3``, ``WV2``, …
    polarisation
        ``HH``, ``HV``, ``VV`` or ``VH``.
    number
        Of the image within the product, three digits.
    measurement, annotation, calibration, noise, rfi
        Names in the archive.
    """

    stem: str
    swath: str
    polarisation: str
    number: str
    measurement: str = ""
    annotation: str = ""
    calibration: str = ""
    noise: str = ""
    rfi: str = ""

    @property
    def documents(self) -> tuple[str, ...]:
        """Names of the XML files that there are."""
        return tuple(name for name in (self.annotation, self.calibration, self.noise, self.rfi) if name)


def kind(facts: Facts) -> tuple[str, str] | None:
    """Mode (``IW``, ``EW``, ``WV``, ``SM``) and type (``GRD``, ``SLC``, ``OCN``), or None if not Sentinel-1."""
    if "manifest.safe" not in facts.top:
        return None
    for folder in ("measurement", "annotation"):
        for name in facts.files.find(f"{folder}/s1*"):
            found = STEM.fullmatch(name.rpartition("/")[2])
            if found:
                mode = found[2].upper()
                return ("SM" if mode == "S" else mode), found[4].upper()
    return None


def images(facts: Facts) -> list[Image]:
    """Images of an archive in the order of their numbers."""
    files = facts.files
    found: dict[str, dict[str, str]] = {}
    for folder in ("annotation", "measurement"):
        for name in files.find(f"{folder}/s1*"):
            match = STEM.fullmatch(name.rpartition("/")[2])
            if match:
                found.setdefault(match[1].lower(), {})[folder] = name
    others = {name.rpartition("/")[2].lower(): name for name in _others(facts)}
    result = []
    for stem, names in found.items():
        match = STEM.fullmatch(f"{stem}.xml")
        assert match is not None
        rest = {key: others.get(f"{key}-{stem}.xml", "") for key in ("calibration", "noise", "rfi")}
        swath = f"{match[2]}{match[3]}".upper()
        result.append(Image(stem, swath, match[5].upper(), match[6], **names, **rest))
    return sorted(result, key=lambda image: image.number)


def _others(facts: Facts) -> Iterable[str]:
    return (*facts.files.find("annotation/calibration/*.xml"), *facts.files.find("annotation/rfi/*.xml"))


def base(facts: Facts) -> str:
    """What names of an archive's sub-products begin with, e.g. ``S01SIWGRD_20211223T051122_0025_B172_5371_039993``.

    The number behind the unit is meant to be the relative orbit but is the repeat cycle, for all satellites; names
    are an interface, so it stays. Folders that were renamed are named by the manifest, but for the unique id.
    """
    found = PRODUCT.search(facts.name)
    unit, beam, product_type, start, stop, orbit, take, unique = found.groups() if found else _from_manifest(facts)
    seconds = (datetime.strptime(stop, TIME) - datetime.strptime(start, TIME)).seconds
    cycle = (int(orbit) - 73) // 175 + 1
    return f"S01S{beam}{product_type}_{start}_{seconds:04}_{unit}{cycle:03}_{unique}_{take}"


def _from_manifest(facts: Facts) -> tuple[str, ...]:
    """Parts of the product's name that the folder does not say."""
    root = facts.documents.file("manifest.safe")

    def text(path: str) -> str:
        value = root.findtext(f".//{path}")
        if not value:
            raise MissingElementError(
                f"{facts.files.url}: manifest.safe has no element {path}, and the folder's name is not that of a "
                "Sentinel-1 product. Restore the product's name of the folder."
            )
        return str(value)

    mode, product_type = kind(facts) or ("", "")
    beam = text("instrumentMode/swath") if mode == "SM" else mode
    start, stop = (
        datetime.fromisoformat(text(f"acquisitionPeriod/{end}Time")).strftime(TIME) for end in ("start", "stop")
    )
    orbit, take = int(text("orbitReference/orbitNumber")), int(text("missionDataTakeID"))
    return text("platform/number"), beam, product_type, start, stop, f"{orbit:06}", f"{take:06X}", "0000"
