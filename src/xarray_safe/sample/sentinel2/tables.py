"""Constants of Sentinel-2 MSI products: bands, satellites, image and report names.

Facts from the Sentinel-2 Products Specification Document (PSD 14 and 15) and from product metadata.
"""

from __future__ import annotations

from dataclasses import dataclass

BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
"""Bands in the order of `bandId`."""

RESOLUTION = dict(zip(BANDS, (60, 10, 10, 10, 20, 20, 20, 10, 20, 60, 60, 20, 20), strict=True))
"""Native ground resolution in metres."""

RESOLUTIONS = (10, 20, 60)

L2A_IMAGES: dict[int, tuple[str, ...]] = {
    10: ("B02", "B03", "B04", "B08", "TCI", "AOT", "WVP"),
    20: ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B8A", "B11", "B12", "TCI", "AOT", "WVP", "SCL"),
    60: (
        *("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B8A", "B09", "B11", "B12"),
        *("TCI", "AOT", "WVP", "SCL"),
    ),
}
"""Images of a Level-2A product by resolution, in the order of its metadata (B01 at 20 m since baseline 04.00)."""

L1C_IMAGES = (*BANDS, "TCI")

CLASSES = (
    *("SC_NODATA", "SC_SATURATED_DEFECTIVE", "SC_CAST_SHADOW", "SC_CLOUD_SHADOW", "SC_VEGETATION"),
    *("SC_NOT_VEGETATED", "SC_WATER", "SC_UNCLASSIFIED", "SC_CLOUD_MEDIUM_PROBA", "SC_CLOUD_HIGH_PROBA"),
    *("SC_THIN_CIRRUS", "SC_SNOW_ICE"),
)
"""Classes of the scene classification (SCL) by value."""

GML_MASKS = ("MSK_DEFECT", "MSK_DETFOO", "MSK_NODATA", "MSK_SATURA", "MSK_TECQUA")
"""Masks of each band before baseline 04.00, when they were vectors."""

TILE_REPORTS = ("FORMAT_CORRECTNESS", "GENERAL_QUALITY", "GEOMETRIC_QUALITY", "SENSOR_QUALITY")
DATASTRIP_REPORTS = (*TILE_REPORTS[:3], "RADIOMETRIC_QUALITY", "SENSOR_QUALITY")

GIPP_BANDLESS = (
    *("PROBAS", "ATMIMA", "INVLOC", "LREXTR", "OLQCPA", "ATMSAD", "BLINDP", "CLOINV", "CLOPAR", "CONVER", "DATATI"),
    *("DECOMP", "EARMOD", "ECMWFP", "G2PARA", "G2PARE", "GEOPAR", "INTDET", "JP2KPA", "MASPAR", "PRDLOC", "R2ABCA"),
    *("R2BINN", "R2CRCO", "R2DEPI", "R2NOMO", "R2PARA", "R2SWIR", "RESPAR", "SPAMOD", "TILPAR"),
)
"""Ground image processing parameter files of the whole instrument …"""
GIPP_BANDS = ("R2DECT", "R2DEFI", "R2DENT", "R2EOB2", "R2EQOG", "R2L2NC", "R2WAFI", "VIEDIR")
"""… and those of each band."""
GIPP_L2A = ("L2ACSC", "L2ACAC", "PROBA2")


@dataclass(frozen=True)
class Satellite:
    """Differences between the satellites, by band in the order of `BANDS`."""

    wavelengths: tuple[tuple[int, int, float], ...]
    """Least, greatest and central wavelength (nm)."""
    gains: tuple[float, ...]
    irradiance: tuple[float, ...]
    """Solar irradiance (W/m²/µm)."""
    reference: tuple[str, int]
    """A date and the absolute orbit then."""
    shift: int
    """``(absolute orbit + shift) % 143 + 1`` is the relative orbit."""


SATELLITES = {
    "S2A": Satellite(
        (
            *((412, 456, 442.7), (456, 533, 492.7), (538, 583, 559.8), (646, 684, 664.6), (695, 714, 704.1)),
            *((731, 749, 740.5), (769, 797, 782.8), (760, 907, 832.8), (837, 881, 864.7), (932, 958, 945.1)),
            *((1337, 1412, 1373.5), (1539, 1682, 1613.7), (2078, 2320, 2202.4)),
        ),
        (4.10, 3.75, 4.17, 4.50, 5.18, 4.85, 4.51, 6.13, 5.11, 8.48, 54.79, 35.11, 106.22),
        (1884.69, 1959.66, 1823.24, 1512.06, 1424.64, 1287.61, 1162.08, 1041.63, 955.32, 812.92, 367.15, 245.59, 85.25),
        ("2020-10-31", 27984),
        2,
    ),
    "S2B": Satellite(
        (
            *((411, 456, 442.3), (456, 532, 492.3), (536, 582, 559), (646, 685, 665), (694, 714, 703.8)),
            *((730, 748, 739.1), (766, 794, 779.7), (774, 907, 833), (848, 880, 864), (930, 957, 943.2)),
            *((1339, 1415, 1376.9), (1538, 1679, 1610.4), (2065, 2303, 2185.7)),
        ),
        (3.96, 3.82, 4.23, 4.77, 5.18, 5.09, 4.76, 6.82, 5.76, 9.38, 56.41, 37.17, 108.69),
        (1874.3, 1959.75, 1824.93, 1512.79, 1425.78, 1291.13, 1175.57, 1041.28, 953.93, 817.58, 365.41, 247.08, 87.75),
        ("2024-11-15", 40188),
        -27,
    ),
    "S2C": Satellite(
        (
            *((414, 474, 444.2), (436, 543, 489), (522, 599, 560.6), (630, 703, 666.5), (678, 736, 707.1)),
            *((712, 770, 741.1), (753, 816, 784.7), (761, 923, 834.6), (834, 898, 865.6), (916, 979, 947.2)),
            *((1332, 1413, 1372.2), (1540, 1679, 1612), (2066, 2312, 2191.3)),
        ),
        (4.66, 5.10, 5.00, 6.44, 7.03, 7.78, 7.04, 8.97, 7.73, 12.30, 67.91, 39.43, 111.79),
        (1914.61, 1972.03, 1822.48, 1506.74, 1410.66, 1287.62, 1154.97, 1037.17, 957.92, 807.65, 367.88, 246.31, 86.94),
        ("2024-10-31", 807),
        29,
    ),
}
