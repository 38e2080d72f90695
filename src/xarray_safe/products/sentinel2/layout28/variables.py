"""Sentinel-2 L1C and L2A in layout 2.8 (ESA's converter 2.7 to 2.8): the variables.

Source: mappings `S02MSIL1C_PSD15` and `S02MSIL2A_PSD15` of `eopf` 2.8.1. Every variable carries `_eopf_attrs`,
a copy of its own description; here it is made from the description instead of written down again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

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
from xarray_safe.products.sentinel2.bands import BANDS, RESOLUTIONS, Level
from xarray_safe.products.sentinel2.descriptions import describe, with_copy
from xarray_safe.products.sentinel2.grids import AngleGrid, PixelCentres
from xarray_safe.products.sentinel2.images import Jp2
from xarray_safe.products.sentinel2.meteorology import variables_28

if TYPE_CHECKING:
    from collections.abc import Iterator

IMAGE: Final = ("y", "x")
GEOMETRY: Final = "/conditions/geometry"
GROUND: Final = "provided in the final reference frame (ground geometry)"

QUALITY_FLAGS: Final = (
    "anc_lost anc_deg msi_lost msi_deg defective_pixel no_data_pixel partially_corrected_pixel saturated_pixel"
)
AXES: Final[tuple[Literal["x", "y"], ...]] = ("x", "y")
VALID: Final[dict[str, Any]] = {"valid_min": 1, "valid_max": 65535}

GEOMETRY_ORDER: Final = {"L2A": "angle y x band detector", "L1C": "detector angle y x band"}
"""Order in which the converter's mappings define the coordinates, which `_eopf_attrs` lists."""


def variables(level: Level) -> tuple[Var, ...]:
    """All variables, coordinates included."""
    return (
        *_reflectance(level),
        *_atmosphere(level),
        *_masks(level),
        *_geometry(level),
        *_coordinates(level),
        *variables_28(level),
    )


def described(
    dims: tuple[str, ...], short_name: str, coordinates: list[str] | None = None, **attrs: Any
) -> dict[str, Any]:
    """Raw attributes of a data variable, from all that the mapping says of it."""
    return with_copy(describe(dims, short_name, coordinates, **attrs))


def _reflectance(level: Level) -> Iterator[Var]:
    """`/measurements/reflectance`: L1C top of atmosphere, L2A bottom of atmosphere."""
    kind = "BOA" if level == "L2A" else "TOA"
    for resolution in RESOLUTIONS:
        for band in s2.reflectance_bands(level, resolution):
            # The mapping of 2.8.1 gives band 8A at 60 m the wavelength of band 8.
            nanometres = 842 if (band.name, resolution) == ("b8a", 60) else band.nanometres
            attrs = described(
                IMAGE,
                _band_short_name(level, band.name, resolution),
                dtype="<u2",
                long_name=f"{kind} reflectance from MSI acquisition at spectral band {band.code} {nanometres} nm",
                units="digital_counts",
                scale_factor=s2.scale(level),
                add_offset=s2.offset(level, band),
                fill_value=0,
                **VALID,
            )
            source = Jp2(s2.band_image(level, band, resolution), resolution)
            resampled = band.resolution != resolution  # one of them, b01 at 20 m, came with baseline 04.00
            yield Var(f"/measurements/reflectance/r{resolution}m/{band.name}", source, IMAGE, attrs, optional=resampled)


def _band_short_name(level: Level, band: str, resolution: int) -> str:
    """Short names as the mappings spell them, with and without an `r`."""
    if level == "L2A":
        plain = {10: "b02", 20: "", 60: "b01 b02 b03 b04 b05 b06 b07 b11"}[resolution].split()
        return f"{band}_{resolution}m" if band in plain else f"{band}_r{resolution}m"
    return f"{band}_r60m" if band == "b09" else f"{band}_{resolution}m"


def _atmosphere(level: Level) -> Iterator[Var]:
    """`/quality/atmosphere`, scene classification and probabilities, which L2A alone has."""
    if level != "L2A":
        return
    optical = {
        10: "Aerosol Optical Thickness map at 10m (for 550nm) resampled from 20m AOT map",
        20: "Aerosol Optical Thickness map at 20m (for 550nm)",
        60: "Aerosol Optical Thickness map (at 550nm)",
    }
    for resolution in RESOLUTIONS:
        group = f"/quality/atmosphere/r{resolution}m"
        common: dict[str, Any] = {"dtype": "<u2", "add_offset": 0, "fill_value": 0, **VALID}
        aot = described(
            IMAGE,
            "aot" if resolution == 10 else f"aot_r{resolution}m",
            long_name=optical[resolution],
            scale_factor=s2.atmosphere_scale("AOT"),
            **common,
        )
        wvp = described(
            IMAGE,
            "wvc" if resolution == 10 else f"wvp_r{resolution}m",
            long_name=f"Water Vapour Content map at {resolution}m",
            units="cm",
            scale_factor=s2.atmosphere_scale("WVP"),
            **common,
        )
        yield Var(f"{group}/aot", Jp2(s2.image(level, "AOT", resolution), resolution), IMAGE, aot)
        yield Var(f"{group}/wvp", Jp2(s2.image(level, "WVP", resolution), resolution), IMAGE, wvp)

    # The mapping scales the classes at 20 m, by one, and leaves those at 60 m alone.
    scaled: dict[str, Any] = {"scale_factor": 1, "add_offset": 0, "fill_value": 0, **VALID}
    for resolution, name, more in (
        (20, "scene classification map at 20m", scaled),
        (60, "scene classification map", {}),
    ):
        attrs = described(IMAGE, f"scl_r{resolution}m", dtype="<u1", long_name=name, **more)
        source = Jp2(s2.image(level, "SCL", resolution), resolution, "uint8")
        yield Var(f"/conditions/mask/l2a_classification/r{resolution}m/scl", source, IMAGE, attrs)

    for name, file, long_name in (("cld", "CLDPRB", "cloud"), ("snw", "SNWPRB", "snow")):
        attrs = described(
            IMAGE,
            name,
            dtype="<f4",
            long_name=f"{long_name} probability mask at 20m",
            units="percentage",
            fill_value=101,
            valid_min=0,
            valid_max=100,
        )
        source = Jp2(s2.mask(f"{file}_20m"), 20, "float32", older=s2.older_mask(file))
        yield Var(f"/quality/probability/r20m/{name}", source, IMAGE, attrs, optional=True)


def _masks(level: Level) -> Iterator[Var]:
    """Detector footprints, quality and L1C cloud masks; absent before baseline 04.00, which has GML instead."""
    footprint: dict[str, Any] = {
        "dtype": "<u1",
        "long_name": f"detector footprint mask {GROUND}",
        "flag_values": list(range(13)),
        "flag_meanings": ["no_detector", *(f"d{number:02d}" for number in range(1, 13))],
    }
    quality: dict[str, Any] = {
        "dtype": "<u1",
        "long_name": f"quality mask {GROUND}",
        "flag_masks": [1 << bit for bit in range(8)],
        "flag_meanings": QUALITY_FLAGS.split(),
    }
    for resolution in RESOLUTIONS:
        for band in s2.native_bands(resolution):
            source = Jp2(s2.mask(f"DETFOO_B{band.code}"), resolution, "uint8")
            attrs = described(IMAGE, f"msk_detfoo_{band.name}", **footprint)
            yield Var(
                f"/conditions/mask/detector_footprint/r{resolution}m/{band.name}", source, IMAGE, attrs, optional=True
            )
            source = Jp2(s2.mask(f"QUALIT_B{band.code}"), resolution, "uint8", "bits")
            attrs = described(IMAGE, f"msk_quality_{band.name}", **quality)
            yield Var(f"/quality/mask/r{resolution}m/{band.name}", source, IMAGE, attrs, optional=True)
    attrs = described(
        IMAGE,
        "msk_cls_b00",
        dtype="<u1",
        long_name=f"cloud classification {'mask' if level == 'L2A' else 'bitmask'} {GROUND}",
        flag_masks=[1, 2, 4, 128],
        flag_meanings=["opaque", "cirrus", "snow_ice", "novalue"],
    )
    source = Jp2(s2.mask("CLASSI_B00"), 60, "uint8", "bits")
    yield Var("/conditions/mask/l1c_classification/r60m/b00", source, IMAGE, attrs, optional=True)


def _geometry(level: Level) -> Iterator[Var]:
    """`/conditions/geometry`: angles in degrees."""
    order = GEOMETRY_ORDER[level].split()
    for name, source, dims, long_name in (
        ("sun_angles", SunAngles(), ("angle", "y", "x"), "solar angles"),
        ("mean_sun_angles", MeanSunAngles(), ("angle",), "mean solar angles (all detectors, all bands)"),
        (
            "viewing_incidence_angles",
            ViewingAngles(as_listed=True),
            ("band", "detector", "angle", "y", "x"),
            "viewing incidence angles",
        ),
        (
            "mean_viewing_incidence_angles",
            MeanViewingAngles(as_listed=True),
            ("band", "angle"),
            "mean viewing incidence angles",
        ),
    ):
        coordinates = [dim for dim in order if dim in dims]
        attrs = described(dims, name, coordinates, dtype="<f8", long_name=long_name, units="degrees")
        yield Var(f"{GEOMETRY}/{name}", source, dims, attrs)


def _coordinates(level: Level) -> Iterator[Var]:
    """Coordinates of the angle grids and of the groups of images."""

    def coordinate(group: str, name: str, source: Any, **attrs: Any) -> Var:
        return Var(f"{group}/{name}", source, (name,), {"dimensions": [name], **attrs})

    # The converter cuts the labels of band and detector to one character; these are whole.
    yield coordinate(
        GEOMETRY,
        "band",
        BandNames(),
        dtype="<U3",
        long_name="spectral band number",
        flag_values=list(range(13)),
        flag_meanings=[band.name for band in BANDS],
    )
    limits = {"valid_min": 1, "valid_max": 12} if level == "L2A" else {}
    yield coordinate(GEOMETRY, "detector", Detectors(), dtype="<U3", long_name="detector module number", **limits)
    typed = {"dtype": "<U7"} if level == "L2A" else {}
    yield coordinate(GEOMETRY, "angle", AngleNames(), long_name="zenith and azimuth angles", **typed)
    metres = {"dtype": "<f4", "units": "m", "_FillValue": np.float32(np.nan)}
    for axis in AXES:
        long_name = f"{axis} coordinates of angles grid, in steps of 5km from up-left pixel"
        yield coordinate(GEOMETRY, axis, AngleGrid(axis, "float32"), long_name=long_name, **metres)

    article = "the " if level == "L2A" else ""
    for group, resolution in _image_groups(level):
        for axis in AXES:
            source = PixelCentres(axis, resolution, "float32", s2.like(level, resolution))
            long_name = f"{axis} coordinates of {article}image at {resolution}m in meters from up-left pixel"
            yield coordinate(group, axis, source, long_name=long_name, **metres)


def _image_groups(level: Level) -> Iterator[tuple[str, int]]:
    """Groups of images and their resolutions."""
    for resolution in RESOLUTIONS:
        for parent in ("/measurements/reflectance", "/quality/mask", "/conditions/mask/detector_footprint"):
            yield f"{parent}/r{resolution}m", resolution
        if level == "L2A":
            yield f"/quality/atmosphere/r{resolution}m", resolution
    yield "/conditions/mask/l1c_classification/r60m", 60
    if level == "L2A":
        yield "/conditions/mask/l2a_classification/r20m", 20
        yield "/conditions/mask/l2a_classification/r60m", 60
        yield "/quality/probability/r20m", 20
