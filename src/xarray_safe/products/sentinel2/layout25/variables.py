"""Sentinel-2 L1C and L2A in layout 2.5 (ESA's converter 2.5, the Sample Service of 2025): the variables.

Source: what `eopf` 2.5.6 writes (its S2 part is `convert_s02msi_tile_safe` of `sentineltoolbox` 0.9.4). Each image
carries its projection; `_eopf_attrs` repeats some of a variable's attributes and is made from them here.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.model.arrays import Constant, Source
from xarray_safe.model.lookups import F, X
from xarray_safe.model.product import Var
from xarray_safe.products.sentinel2 import bands as s2
from xarray_safe.products.sentinel2.angles import (
    AngleNames,
    BandNames,
    Detectors,
    MeanSunAngles,
    MeanViewingAngles,
    SunAngles,
    ViewingAngles,
)
from xarray_safe.products.sentinel2.bands import RESOLUTIONS, Level
from xarray_safe.products.sentinel2.grids import AngleGrid, PixelCentres, proj
from xarray_safe.products.sentinel2.images import Jp2

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE: Final = ("y", "x")
GEOMETRY: Final = "/conditions/geometry"
GROUND: Final = "provided in the final reference frame (ground geometry)"

REPEATED: Final = (
    "add_offset",
    "dtype",
    "fill_value",
    "flag_masks",
    "flag_meanings",
    "long_name",
    "scale_factor",
    "units",
)
"""Attributes that `_eopf_attrs` repeats."""
CLASSES: Final = ["OPAQUE", "CIRRUS", "SNOW_ICE"]
DEFECTS: Final = [
    "ANC_LOST",
    "ANC_DEG",
    "MSI_LOST",
    "MSI_DEG",
    "QT_DEFECTIVE_PIXELS",
    "QT_NODATA_PIXELS",
    "QT_PARTIALLY_CORRECTED_PIXELS",
    "QT_SATURATED_PIXELS_L1A",
]


def variables(level: Level) -> tuple[Var, ...]:
    """All variables but meteorology, coordinates included."""
    images = [*_reflectance(level), *_retrievals(level), *_quicklook(level), *_masks(level)]
    return (*images, *_geometry(), *_coordinates(level, images))


def described(dims: tuple[str, ...], ordered: str, /, **attrs: Any) -> dict[str, Any]:
    """Raw attributes of a variable, `_eopf_attrs` among them.

    Parameters
    ----------
    dims
        Names of its dimensions.
    ordered
        Names of its coordinates in the converter's order.
    attrs
        Its attributes.
    """
    repeated = {name: attrs[name] for name in REPEATED if name in attrs}
    return {**attrs, "_eopf_attrs": {**repeated, "dimensions": list(dims), "coordinates": ordered.split()}}


@cache
def _projection(level: Level, resolution: int) -> dict[str, Any]:
    """Attributes that all images of a resolution (m) share, as the same look-ups, so that each is made once."""
    return proj(s2.samples(level, resolution))


def _image(level: Level, resolution: int, **attrs: Any) -> dict[str, Any]:
    """Attributes of an image (y, x) of a resolution (m), its projection among them."""
    return described(IMAGE, "x y", **_projection(level, resolution), **attrs)


def _reflectance(level: Level) -> Iterator[Var]:
    """`/measurements/reflectance`: L1C top of atmosphere, L2A bottom of atmosphere."""
    for resolution in RESOLUTIONS:
        for band in s2.reflectance_bands(level, resolution):
            centre = s2.spectral(band, "Wavelength/CENTRAL")
            attrs = _image(
                level,
                resolution,
                dtype="<u2",
                long_name=F(_reflectance_name, level, band.name, centre),
                units="digital_counts",
                fill_value=0,
                _FillValue=np.uint16(0),
                scale_factor=s2.scale(level),
                add_offset=s2.offset(level, band),
                valid_min=1,
                valid_max=65535,
            )
            source = Jp2(s2.band_image(level, band, resolution), resolution)
            resampled = resolution != band.resolution  # early baselines resample fewer bands
            yield Var(f"/measurements/reflectance/r{resolution}m/{band.name}", source, IMAGE, attrs, optional=resampled)


def _reflectance_name(level: Level, band: str, nanometres: float) -> str:
    kind = "BOA" if level == "L2A" else "TOA"
    return f"{kind} reflectance from MSI acquisition at spectral band {band} {nanometres} nm"


def _retrievals(level: Level) -> Iterator[Var]:
    """Atmosphere, scene classification and probabilities, which L2A alone has; none of them is scaled."""
    if level != "L2A":
        return
    for resolution in RESOLUTIONS:
        for name in ("aot", "wvp"):
            source = Jp2(s2.image(level, name.upper(), resolution), resolution)
            path = f"/quality/atmosphere/r{resolution}m/{name}"
            yield Var(path, source, IMAGE, _image(level, resolution), optional=True)
    for resolution in (20, 60):
        source = Jp2(s2.image(level, "SCL", resolution), resolution, "uint8")
        path = f"/conditions/mask/l2a_classification/r{resolution}m/scl"
        yield Var(path, source, IMAGE, _image(level, resolution), optional=True)
    for name, file in (("cld", "CLDPRB"), ("snw", "SNWPRB")):
        # The number of the only band stays as a scalar coordinate here, and here alone.
        attrs = described(IMAGE, "band x y", coordinates="band", **_projection(level, 20))
        source = Jp2(s2.mask(f"{file}_20m"), 20, "uint8", older=s2.older_mask(file))
        yield Var(f"/quality/probability/r20m/{name}", source, IMAGE, attrs, optional=True)
    yield Var("/quality/probability/r20m/band", Constant(1, "int64"), ())


def _quicklook(level: Level) -> Iterator[Var]:
    """`/quality/…_quicklook`, true colour: L1C at 10 m, L2A at all resolutions."""
    named = {"long_name": "TCI: True Color Image"} if level == "L1C" else {}
    for resolution in RESOLUTIONS if level == "L2A" else (10,):
        group = f"/quality/{level.lower()}_quicklook/r{resolution}m"
        dims = ("band", "y", "x")
        attrs = described(dims, "band x y", **_projection(level, resolution), **named)
        source = Jp2(s2.image(level, "TCI", resolution), resolution, "uint8", "all")
        yield Var(f"{group}/tci", source, dims, attrs, optional=True)
        yield Var(f"{group}/band", Constant((1, 2, 3), "int64"), ("band",))


def _masks(level: Level) -> Iterator[Var]:
    """Detector footprints, quality and L1C cloud masks; absent before baseline 04.00, which has GML instead."""
    footprint = f"detector footprint mask {GROUND}. 0 = no detector, 1-12 = detector 1-12"
    for resolution in RESOLUTIONS:
        for band in s2.native_bands(resolution):
            source = Jp2(s2.mask(f"DETFOO_B{band.code}"), resolution, "uint8")
            attrs = _image(level, resolution, dtype="<u1", long_name=footprint)
            path = f"/conditions/mask/detector_footprint/r{resolution}m/{band.name}"
            yield Var(path, source, IMAGE, attrs, optional=True)
            source = Jp2(s2.mask(f"QUALIT_B{band.code}"), resolution, "uint8", "bits")
            attrs = _image(level, resolution, long_name=f"quality mask {GROUND}", **_flags(DEFECTS))
            yield Var(f"/quality/mask/r{resolution}m/{band.name}", source, IMAGE, attrs, optional=True)
    attrs = _image(level, 60, long_name=f"cloud classification mask {GROUND}", **_flags(CLASSES))
    source = Jp2(s2.mask("CLASSI_B00"), 60, "uint8", "bits")
    yield Var("/conditions/mask/l1c_classification/r60m/b00", source, IMAGE, attrs, optional=True)


def _flags(meanings: list[str]) -> dict[str, Any]:
    """Attributes of a byte of flags, the first in the lowest bit."""
    return {"dtype": "<u1", "flag_masks": [1 << bit for bit in range(len(meanings))], "flag_meanings": meanings}


def _geometry() -> Iterator[Var]:
    """`/conditions/geometry`: angles; only the mean ones state their unit, as the XML does."""
    means = "Geometric_Info/Tile_Angles"
    sun = X("tile", f"{means}/Mean_Sun_Angle/AZIMUTH_ANGLE/@unit", optional=True)
    viewing = X("tile", f"{means}/*/Mean_Viewing_Incidence_Angle/AZIMUTH_ANGLE/@unit", optional=True)
    table: tuple[tuple[str, Source, str, str, dict[str, Any]], ...] = (
        ("sun_angles", SunAngles(), "angle y x", "angle y x", {}),
        ("viewing_incidence_angles", ViewingAngles(), "band detector angle y x", "angle y x detector band", {}),
        ("mean_sun_angles", MeanSunAngles(), "angle", "angle", {"unit": sun}),
        ("mean_viewing_incidence_angles", MeanViewingAngles(), "band angle", "angle band", {"unit": viewing}),
    )
    for name, source, names, coordinates, unit in table:
        dims = tuple(names.split())
        attrs = described(dims, coordinates, _FillValue=np.float64(np.nan), **unit)
        yield Var(f"{GEOMETRY}/{name}", source, dims, attrs)


def _coordinates(level: Level, images: list[Var]) -> Iterator[Var]:
    """Coordinates of the angle grids and of the groups of images; none has attributes."""
    for name, source in (("angle", AngleNames()), ("band", BandNames()), ("detector", Detectors("int64"))):
        yield Var(f"{GEOMETRY}/{name}", source, (name,))
    groups = {var.path.rpartition("/")[0]: var.source.resolution for var in images if isinstance(var.source, Jp2)}
    for axis in ("x", "y"):
        yield Var(f"{GEOMETRY}/{axis}", AngleGrid(axis, "int64"), (axis,))
        for group, resolution in groups.items():
            centres = PixelCentres(axis, resolution, "int64", s2.like(level, resolution))
            yield Var(f"{group}/{axis}", centres, (axis,))
