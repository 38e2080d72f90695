"""``MTD_TL.xml``: the granule's metadata, with the angle grids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from xarray_safe.sample.sentinel2 import geometry
from xarray_safe.sample.sentinel2.spec import Spec, iso
from xarray_safe.sample.sentinel2.tables import BANDS, GML_MASKS, RESOLUTIONS
from xarray_safe.sample.sentinel2.xml import Document, Element, leaves, node, texts

if TYPE_CHECKING:
    from xarray_safe.sample.sentinel2.geometry import Floats
    from xarray_safe.sample.sentinel2.statistics import Statistics


def tile_metadata(spec: Spec, statistics: Statistics) -> bytes:
    """Write the granule's metadata."""
    level = spec.level[1:]
    document = Document(spec.specification, f"S2_PDI_Level-{level}_Tile_Metadata", f"Level-{level}_Tile_ID")
    document.section("General_Info", _general(spec))
    document.section("Geometric_Info", [_geocoding(spec), _angles(spec)])
    document.section("Quality_Indicators_Info", _quality(spec, statistics), metadataLevel="Standard")
    return document.bytes()


def mask_files(spec: Spec) -> list[tuple[str, int | None, str]]:
    """List the masks in the metadata's order: type, `bandId` (None: of all bands) and path without suffix."""
    folder = f"{spec.granule_folder}/QI_DATA"
    kinds = ("MSK_DETFOO", "MSK_QUALIT") if spec.raster_masks else GML_MASKS
    files: list[tuple[str, int | None, str]] = [
        (kind, n, f"{folder}/{kind}_{band}") for n, band in enumerate(BANDS) for kind in kinds
    ]
    shared = "MSK_CLASSI" if spec.raster_masks else "MSK_CLOUDS"
    files.append((shared, None, f"{folder}/{shared}_B00"))
    if spec.level == "L2A":
        files += [
            (kind, None, f"{folder}/{kind}_{metres}m") for metres in (20, 60) for kind in ("MSK_CLDPRB", "MSK_SNWPRB")
        ]
    return files


def mask_suffix(spec: Spec, kind: str) -> str:
    """Return the suffix of a mask: probabilities have always been rasters."""
    return ".jp2" if spec.raster_masks or kind.endswith("PRB") else ".gml"


def preview_path(spec: Spec) -> str:
    """Path of the preview image."""
    return f"{spec.granule_folder}/QI_DATA/{spec.image_prefix}PVI.jp2"


def _general(spec: Spec) -> list[Element]:
    content = []
    if spec.level == "L2A":
        content.append(node("L1C_TILE_ID", spec.tile_id("L1C"), metadataLevel="Brief"))
    archiving = leaves(ARCHIVING_CENTRE=spec.centre, ARCHIVING_TIME=iso(spec.generation, 6))
    return [
        *content,
        node("TILE_ID", spec.tile_id(), metadataLevel="Brief"),
        node("DATASTRIP_ID", spec.datastrip_id, metadataLevel="Standard"),
        node("DOWNLINK_PRIORITY", "NOMINAL", metadataLevel="Standard"),
        node("SENSING_TIME", iso(spec.tile_time, 6), metadataLevel="Standard"),
        node("Archiving_Info", archiving, metadataLevel="Expertise"),
    ]


def _geocoding(spec: Spec) -> Element:
    spot = spec.place
    return node(
        "Tile_Geocoding",
        [
            *leaves(
                HORIZONTAL_CS_NAME=f"WGS84 / UTM zone {spot.zone}",
                HORIZONTAL_CS_CODE=f"EPSG:{spot.epsg}",
            ),
            *(
                node("Size", leaves(NROWS=spec.pixels(metres), NCOLS=spec.pixels(metres)), resolution=metres)
                for metres in RESOLUTIONS
            ),
            *(
                node(
                    "Geoposition",
                    leaves(ULX=spot.west, ULY=spot.north, XDIM=metres, YDIM=-metres),
                    resolution=metres,
                )
                for metres in RESOLUTIONS
            ),
        ],
        metadataLevel="Brief",
    )


def _angles(spec: Spec) -> Element:
    zenith, azimuth = geometry.sun_angles(spec.place, spec.tile_time)
    content = [] if "sun" in spec.missing_angles else [node("Sun_Angles_Grid", _grids(zenith, azimuth))]
    content.append(node("Mean_Sun_Angle", _mean(zenith, azimuth)))
    means = []
    edge = geometry.swath_edge(spec.nodata)
    for n, band in enumerate(BANDS):
        grids = [
            geometry.view_angles(spec.place, n, detector, position, len(spec.detectors), edge)
            for position, detector in enumerate(spec.detectors)
        ]
        content += [
            node("Viewing_Incidence_Angles_Grids", _grids(*grid), bandId=n, detectorId=detector)
            for detector, grid in zip(spec.detectors, grids, strict=True)
            if spec.has_angles(band, detector) and not np.isnan(grid[0]).all()
        ]
        if band in spec.mean_bands():
            means.append(node("Mean_Viewing_Incidence_Angle", _mean(*_joined(grids)), bandId=n))
    if means:
        content.append(node("Mean_Viewing_Incidence_Angle_List", means))
    return node("Tile_Angles", content, metadataLevel="Standard")


def _joined(grids: list[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
    return np.stack([zenith for zenith, _ in grids]), np.stack([azimuth for _, azimuth in grids])


def _mean(zenith: Floats, azimuth: Floats) -> list[Element]:
    """Return mean angles; the mean azimuth is that of the mean direction."""
    radians = np.radians(azimuth)
    direction = np.degrees(np.arctan2(np.nanmean(np.sin(radians)), np.nanmean(np.cos(radians)))) % 360
    return [
        node("ZENITH_ANGLE", f"{np.nanmean(zenith):.8f}", unit="deg"),
        node("AZIMUTH_ANGLE", f"{direction:.8f}", unit="deg"),
    ]


def _grids(zenith: Floats, azimuth: Floats) -> list[Element]:
    return [node("Zenith", _grid(zenith)), node("Azimuth", _grid(azimuth))]


def _grid(values: npt.NDArray[np.float64]) -> list[Element]:
    rows = (" ".join("NaN" if value != value else f"{value:.6g}" for value in row) for row in values.tolist())
    return [
        node("COL_STEP", geometry.STEP, unit="m"),
        node("ROW_STEP", geometry.STEP, unit="m"),
        node("Values_List", texts("VALUES", rows)),
    ]


def _quality(spec: Spec, statistics: Statistics) -> list[Element]:
    masks = []
    for kind, band, path in mask_files(spec):
        identity = {} if band is None else {"bandId": band}
        masks.append(node("MASK_FILENAME", path + mask_suffix(spec, kind), **identity, type=kind))
    hidden = () if spec.raster_masks or spec.level == "L2A" else ("SNOW_PIXEL_PERCENTAGE",)
    return [
        node("Image_Content_QI", leaves(**statistics.content(but=hidden))),
        node("Pixel_Level_QI", masks, geometry="FULL_RESOLUTION"),
        node("PVI_FILENAME", preview_path(spec)),
    ]
