"""What the layouts of Sentinel-2 L1C and L2A share: bands, file patterns, common look-ups.

Sources: the Sentinel-2 Products Specification Document (PSD 14 and 15) for the archive; the mappings of ESA's
converter (`eopf`) for its position in EOPF Zarr.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from xarray_safe.model.arrays import LookUp
from xarray_safe.model.lookups import Either, F, X, finite, positive, resolve
from xarray_safe.products.sentinel2 import grids
from xarray_safe.products.sentinel2.grids import Grid

if TYPE_CHECKING:
    from xarray_safe.model.arrays import Context

Level = Literal["L1C", "L2A"]


class Band(NamedTuple):
    """A spectral band of the Multi-Spectral Instrument."""

    name: str
    """In EOPF, e.g. ``b8a``."""
    number: int
    """In the XML (bandId)."""
    resolution: int
    """Of acquisition, in m."""
    nanometres: int
    """Nominal centre."""
    common_name: str
    """In STAC's `eo` extension."""
    fwhm: float
    """Full width at half maximum, in µm, as EOPF states it."""
    bandwidth: str
    """In nm, as EOPF states it."""

    @property
    def code(self) -> str:
        """In file names, without the B: ``8A``."""
        return self.name[1:].upper()


BANDS: Final = (
    Band("b01", 0, 60, 443, "coastal", 0.020, "20.0"),
    Band("b02", 1, 10, 490, "blue", 0.065, "65.0"),
    Band("b03", 2, 10, 560, "green", 0.035, "35.0"),
    Band("b04", 3, 10, 665, "red", 0.030, "30.0"),
    Band("b05", 4, 20, 705, "rededge", 0.015, "15.0"),
    Band("b06", 5, 20, 740, "rededge", 0.015, "13.0"),
    Band("b07", 6, 20, 783, "rededge", 0.020, "19.0"),
    Band("b08", 7, 10, 842, "nir", 0.105, "105.0"),
    Band("b8a", 8, 20, 865, "nir08", 0.020, "20.0"),
    Band("b09", 9, 60, 940, "nir09", 0.020, "20.0"),
    Band("b10", 10, 60, 1375, "cirrus", 0.030, "30.0"),
    Band("b11", 11, 20, 1610, "swir16", 0.090, "90.0"),
    Band("b12", 12, 20, 2190, "swir22", 0.180, "180.0"),
)
RESOLUTIONS: Final = (10, 20, 60)

_BY_NAME = {band.name: band for band in BANDS}
_L2A = {
    10: "b02 b03 b04 b08",
    20: "b01 b02 b03 b04 b05 b06 b07 b8a b11 b12",
    60: "b01 b02 b03 b04 b05 b06 b07 b8a b09 b11 b12",
}

GRANULE: Final = "GRANULE/*"
LIKE: Final = {10: "b02", 20: "b05", 60: "b09"}
"""Bands whose images give the coordinates of a resolution."""


def reflectance_bands(level: Level, resolution: int) -> tuple[Band, ...]:
    """Bands that a product has as reflectance at a resolution: L1C at their own only, L2A resampled too."""
    if level == "L2A":
        return tuple(_BY_NAME[name] for name in _L2A[resolution].split())
    return native_bands(resolution)


def native_bands(resolution: int) -> tuple[Band, ...]:
    """Bands that are acquired at a resolution; their masks are given at it."""
    return tuple(band for band in BANDS if band.resolution == resolution)


def image(level: Level, name: str, resolution: int) -> str:
    """Pattern of an image in `IMG_DATA`: `name` as in file names, e.g. ``B8A``, ``AOT``, ``TCI``."""
    if level == "L2A":
        return f"{GRANULE}/IMG_DATA/R{resolution}m/*_{name}_{resolution}m.jp2"
    return f"{GRANULE}/IMG_DATA/*_{name}.jp2"


def band_image(level: Level, band: Band, resolution: int) -> str:
    """Pattern of a band's image."""
    return image(level, f"B{band.code}", resolution)


def like(level: Level, resolution: int) -> str:
    """Pattern of the image whose size and place a resolution's coordinates have."""
    return band_image(level, _BY_NAME[LIKE[resolution]], resolution)


def grid(level: Level, resolution: int) -> Grid:
    """Look-up of the place of all images of a resolution."""
    return Grid(resolution, like(level, resolution))


def samples(level: Level, resolution: int) -> F:
    """Look-up of the place of the samples of a resolution at the overview that the tree is opened at."""
    return grids.samples(grid(level, resolution))


def mask(name: str) -> str:
    """Pattern of a JPEG 2000 mask in `QI_DATA`, e.g. ``DETFOO_B02``."""
    return f"{GRANULE}/QI_DATA/MSK_{name}.jp2"


def older_mask(name: str) -> str:
    """Pattern of the image of a probability, ``CLDPRB`` or ``SNWPRB``, in L2A of baselines 02.04 to 02.06."""
    return f"{GRANULE}/QI_DATA/*_{name[:3]}_20m.jp2"


def documents(level: Level) -> dict[str, str]:
    """Patterns of the XML files by the names that look-ups use."""
    return {
        "product": f"MTD_MSI{level}.xml",
        "tile": f"{GRANULE}/MTD_TL.xml",
        "datastrip": "DATASTRIP/*/MTD_DS.xml",
        "manifest": "manifest.safe",
    }


ROOTS: Final = {"product": "User_Product", "tile": "Tile_ID", "datastrip": "DataStrip_ID", "manifest": "XFDU"}
"""Ends of the names of their root elements, which begin with the level."""

IDENTIFIERS: Final = tuple(
    f"General_Info/Product_Info/Product_Organisation/Granule_List/Granule/@{kind}Identifier"
    for kind in ("granule", "datastrip")
)
"""Attributes of the product's metadata that hold the names of the folders of its granule and datastrip."""

_OLD_SPELLING: Final = re.compile(rb"(</?(?:\w+:)?)(?:L2A_(\w+)|(\w+)_2A)(?=[\s/>])")


def respell(xml: bytes) -> bytes:
    """Return an XML file in today's spelling: L2A of 02.04 to 02.06 has `L2A_Product_Info`, `IMAGE_FILE_2A`, …."""
    if b"<L2A_" not in xml and b":L2A_" not in xml and b"_2A>" not in xml:
        return xml
    return _OLD_SPELLING.sub(lambda found: found[1] + (found[2] or found[3]), xml)


CHUNKS: Final = {"r10m": 1830, "r20m": 915, "r60m": 305}
"""Length of the chunks of images in EOPF Zarr, by the last part of their group's path."""

ELIDED: Final = {"datastrip": ("Acquisition_Configuration", "Quality_Indicators_Info")}
"""Between these are ephemeris and attitude: nearly all of `MTD_DS.xml`, and nothing of it is in the tree."""

CHARACTERISTICS: Final = "General_Info/Product_Image_Characteristics"
QI: Final = "Quality_Indicators_Info"


def scale(level: Level) -> F:
    """Scale factor of reflectance: one over the quantification value of the product's metadata."""
    path = "/BOA_QUANTIFICATION_VALUE" if level == "L2A" else "QUANTIFICATION_VALUE"
    return F(_inverse, X("product", f"{CHARACTERISTICS}/{path}", positive))


def offset(level: Level, band: Band) -> F:
    """Additive offset of reflectance (from baseline 04.00 on −0.1); zero where the metadata has none."""
    kind, parent = (
        ("BOA_ADD_OFFSET", "BOA_ADD_OFFSET_VALUES_LIST")
        if level == "L2A"
        else ("RADIO_ADD_OFFSET", "Radiometric_Offset_List")
    )
    added = RadiometricOffset(f"{CHARACTERISTICS}/{parent}/{kind}[@band_id='{band.number}']")
    path = "/BOA_QUANTIFICATION_VALUE" if level == "L2A" else "QUANTIFICATION_VALUE"
    return F(_ratio, added, X("product", f"{CHARACTERISTICS}/{path}", positive))


@dataclass(frozen=True, slots=True)
class RadiometricOffset(LookUp):
    """Look-up of a band's offset in counts.

    What the XML states counts. Where it states none for any band, it is zero, unless the baseline is one of those whose
    counts are known to be shifted: then a missing offset is an error.
    """

    path: str

    def resolve(self, context: Context) -> object:
        """Return the offset."""
        if not context.documents.texts("product", self.path):
            others = context.documents.texts("product", self.path.partition("[")[0])
            if not others and not FIRST_OFFSET <= baseline(context) < FIRST_UNOFFICIAL:
                return 0.0
        return context.value(X("product", self.path, finite))


FIRST_UNOFFICIAL: Final = (70, 0)
"""Baseline from which on numbers are not of ESA's operations: 99.99 is Sen2Cor at home, or tests. They tell nothing."""

FIRST_OFFSET: Final = (4, 0)
"""Processing baseline from which on reflectance has an offset, and masks are JPEG 2000."""


def baseline(context: Context) -> tuple[int, ...]:
    """Processing baseline, such as (5, 11) for ``05.11`` or ``N0511``; (99, 99) for one that tells nothing."""
    text = str(context.value(X("product", "General_Info/Product_Info/PROCESSING_BASELINE", default="")) or "")
    found = re.fullmatch(r"\s*N?(\d\d)\.?(\d\d)\s*", text)
    return (int(found[1]), int(found[2])) if found else (99, 99)


@dataclass(frozen=True, slots=True)
class ByPsd(LookUp):
    """Look-up of what depends on the product specification (PSD) that the product's XML states to follow.

    Parameters
    ----------
    psd14, psd15
        Look-up or value for products by PSD-14 (and earlier ones), and by PSD-15; `ABSENT` leaves the key out.
    """

    psd14: object
    psd15: object

    def resolve(self, context: Context) -> object:
        """Return the value in this product."""
        text = str(context.value(X("product", SCHEMA, default="")))
        return resolve(self.psd15 if "psd-15" in text else self.psd14, context)


SCHEMA: Final = "./@{http://www.w3.org/2001/XMLSchema-instance}schemaLocation"


def atmosphere_scale(kind: Literal["AOT", "WVP"]) -> F:
    """Scale factor of aerosol optical thickness or water vapour."""
    path = f"{CHARACTERISTICS}//{kind}_QUANTIFICATION_VALUE"
    return F(_inverse, X("product", path, positive, default=1000.0))


def platform(name: str) -> str:
    """Name of the satellite as STAC has it, ``sentinel-2a``; ValueError if there is none."""
    if not name.strip():
        raise ValueError("the satellite has no name")
    return name.lower()


def spectral(band: Band, path: str, convert: type | None = float) -> X:
    """Look-up below a band's `Spectral_Information`."""
    return X(
        "product",
        f"{CHARACTERISTICS}/Spectral_Information_List/Spectral_Information[@bandId='{band.number}']/{path}",
        convert,
        True,
    )


def image_content(name: str, convert: type | None = float) -> Either:
    """Look-up in `Image_Content_QI`, which the product's and the tile's metadata both have; the former wins."""
    path = f"{QI}/Image_Content_QI/{name}"
    return Either(X("product", path, convert, True), X("tile", path, convert, True))


def _inverse(value: float) -> float:
    return 1 / value


def _ratio(value: float, unit: float) -> float:
    return value / unit
