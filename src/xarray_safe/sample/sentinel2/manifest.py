"""``manifest.safe``: what is in the product, with sizes and checksums of all files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

from xarray_safe.sample.sentinel2.product_xml import outline
from xarray_safe.sample.sentinel2.spec import Spec, iso
from xarray_safe.sample.sentinel2.tables import BANDS, DATASTRIP_REPORTS, RESOLUTION, TILE_REPORTS
from xarray_safe.sample.sentinel2.tile_xml import mask_files, mask_suffix, preview_path
from xarray_safe.sample.sentinel2.xml import Element, fill, node, serialise

if TYPE_CHECKING:
    from pathlib import Path

_GML = "http://www.opengis.net/gml"
_SAFE = "http://www.esa.int/safe/sentinel/1.1"
_XFDU = "urn:ccsds:schema:xfdu:1"

_OLQC = {
    "FORMAT_CORRECTNESS": "Format_OLQC_Report",
    "GENERAL_QUALITY": "General_OLQC_Report",
    "GEOMETRIC_QUALITY": "Geometric_OLQC_Report",
    "RADIOMETRIC_QUALITY": "Radiometric_OLQC_Report",
    "SENSOR_QUALITY": "Sensor_OLQC_Report",
    "L2A_QUALITY": "L2A_QUALITY_OLQC_Report",
}
_MASKS = {
    "MSK_DETFOO": "DetectorFootprintMask",
    "MSK_QUALIT": "QualitPixelsMask",
    "MSK_DEFECT": "DefectivePixelsMask",
    "MSK_NODATA": "NoDataPixelsMask",
    "MSK_SATURA": "SaturatedPixelsMask",
    "MSK_TECQUA": "TechnicalQualityMask",
    "MSK_CLASSI": "ClassiPixelsMask_Band_00m_0",
    "MSK_CLOUDS": "CloudsMask",
    "MSK_CLDPRB": "CloudPrbMask",
    "MSK_SNWPRB": "SnowPrbMask",
}


@dataclass(frozen=True)
class Entry:
    """A file in the manifest: its identifier without ``_Data``, path, and which container it is listed in."""

    identifier: str
    path: str
    container: str


def entries(spec: Spec) -> list[Entry]:
    """List the files that the manifest tells of, in order."""
    level, strip, tile = f"S2_Level-{spec.level[1:]}", spec.datastrip_folder, spec.granule_folder
    found = [
        Entry(f"{level}_Product_Metadata", f"MTD_MSI{spec.level}.xml", "product"),
        Entry("INSPIRE_Metadata", "INSPIRE.xml", "product"),
        Entry("HTML_Presentation", "HTML/UserProduct_index.html", "html"),
        Entry("HTML_Presentation_Stylesheet", "HTML/UserProduct_index.xsl", "html"),
        Entry(f"{level}_Datastrip1_Metadata", f"{strip}/MTD_DS.xml", "datastrip"),
    ]
    found += [
        Entry(f"{_OLQC[name]}_Datastrip1_Information", f"{strip}/QI_DATA/{name}.xml", "datastrip")
        for name in DATASTRIP_REPORTS
    ]
    if spec.raster_masks:
        found.append(Entry("CAMS_Tile1", f"{tile}/AUX_DATA/AUX_CAMSFO", "auxiliary"))
    found.append(Entry("ECMWF_Tile1", f"{tile}/AUX_DATA/AUX_ECMWFT", "auxiliary"))
    for path, (kind, metres) in spec.images().items():
        identity = f"{kind}_{metres}m" if spec.level == "L2A" else _ordinal(kind)
        found.append(Entry(f"IMG_DATA_Band_{identity}_Tile1", f"{path}.jp2", "images"))
    found.append(Entry(f"{level}_Tile1_Metadata", f"{tile}/MTD_TL.xml", "tile"))
    found += [
        Entry(f"{_OLQC[name]}_Tile1_Information", f"{tile}/QI_DATA/{name}.xml", "tile")
        for name in (*TILE_REPORTS, *(("L2A_QUALITY",) if spec.level == "L2A" else ()))
    ]
    for kind, band, path in mask_files(spec):
        identity = _MASKS[kind]
        if band is not None:
            place = sorted(BANDS).index(BANDS[band])
            identity += f"_Band_{_ordinal(BANDS[band])}" + (f"_{place}" if place else "")
        elif path.endswith("60m"):
            identity += "_1"
        found.append(Entry(f"{identity}_Tile1", path + mask_suffix(spec, kind), "tile"))
    found.append(Entry("Preview_0_Tile1", preview_path(spec), "tile"))
    return found


def manifest(spec: Spec, folder: Path) -> bytes:
    """Write the manifest of a product of which all other files are written."""
    found = entries(spec)
    kind = f"archive_l{spec.level[1:].lower()}_user_product"
    root = etree.Element(f"{{{_XFDU}}}XFDU", nsmap={"gml": _GML, "safe": _SAFE, "xfdu": _XFDU})
    root.set("version", f"esa/safe/sentinel/1.1/sentinel-2/msi/{kind}")
    parts = [
        node("informationPackageMap", _map(spec, found)),
        node("metadataSection", _metadata(spec, found)),
        node("dataObjectSection", [_object(spec, folder, entry) for entry in found]),
    ]
    return serialise(fill(root, parts))


def _ordinal(kind: str) -> str:
    """Return the number of a band among those of its resolution: B8A is the fourth of 20 m."""
    if kind not in BANDS:
        return kind
    metres = RESOLUTION[kind]
    peers = [band for band in BANDS if RESOLUTION[band] == metres]
    return f"{metres}m_{peers.index(kind) + 1}"


def _identifier(entry: Entry) -> str:
    """Return the identifier of a data object."""
    name = entry.identifier
    if name.endswith("_Information"):
        return f"{name}Data"
    return name if name.endswith(("_Metadata", "Presentation", "Stylesheet")) else f"{name}_Data"


def _unit(identifier: str, content: list[Element] | Element, **attributes: str) -> Element:
    return node(f"{{{_XFDU}}}contentUnit", content, ID=identifier, **attributes)


def _map(spec: Spec, found: list[Entry]) -> Element:
    def units(container: str) -> list[Element]:
        return [
            _unit(
                re.sub("(Data)?$", lambda end: "Unit" if end[1] else "_Unit", _identifier(entry), count=1),
                node("dataObjectPointer", dataObjectID=_identifier(entry)),
                unitType="Metadata Unit" if entry.path.endswith(".xml") else "Measurement Data Unit",
            )
            for entry in found
            if entry.container == container
        ]

    datastrip = _unit("Datastrip1", units("datastrip"), textInfo="Datastrip Container")
    tile = _unit(
        "Tile1",
        [
            _unit("AUX_DATA_GranuleTile1", units("auxiliary"), textInfo="Auxiliary Container"),
            _unit("IMG_Data_Tile1", units("images"), textInfo="Image Data Container"),
            _unit("QI_DATA_Tile1", units("tile"), textInfo="Quality Control Container"),
        ],
        textInfo="Tile Container",
    )
    level = f"Level-{spec.level[1:]}"
    return node(
        f"{{{_XFDU}}}contentUnit",
        [
            *units("product"),
            _unit("HTML", units("html"), textInfo="HTML container"),
            _unit("Datastrips", datastrip, textInfo="Datastrips Container"),
            _unit("Tiles", tile, textInfo="Tiles Container"),
            _unit("AuxData", [], textInfo="Auxiliary Data container"),
        ],
        dmdID="acquisitionPeriod platform",
        pdiID="processing",
        textInfo=f"SENTINEL-2 MSI {level} User Product",
        unitType=f"Product_{level}",
    )


def _metadata(spec: Spec, found: list[Entry]) -> list[Element]:
    def safe(tag: str, content: list[Element] | Element | str | int, **attributes: str) -> Element:
        return node(f"{{{_SAFE}}}{tag}", content, **attributes)

    instrument = node(f"{{{_SAFE}}}familyName", "Multi-Spectral Instrument", abbreviation="MSI")
    platform = [
        safe("nssdcIdentifier", "2015-000A"),
        safe("familyName", "SENTINEL"),
        safe("number", spec.satellite[1:]),
        safe("instrument", instrument),
    ]
    orbit = [
        safe("orbitNumber", f"{spec.absolute_orbit:06}", groundTrackDirection="descending", type="start"),
        safe("relativeOrbitNumber", f"{spec.orbit:03}", type="start"),
    ]
    coordinates = node(f"{{{_GML}}}coordinates", outline(spec))
    footprint = safe("footPrint", coordinates, srsName="http://www.opengis.net/gml/srs/epsg.xml#4326")
    name = f"Generation of Level-{spec.level[1:]} User Product"
    processing = node(f"{{{_SAFE}}}processing", None, name=name, start=iso(spec.generation, 6))
    wrapped = [
        _wrapped(
            "acquisitionPeriod", "Acquisition Period", safe("acquisitionPeriod", safe("startTime", iso(spec.start)))
        ),
        _wrapped("measurementOrbitReference", "Orbit Reference", safe("orbitReference", orbit)),
        _wrapped("platform", "Platform Description", safe("platform", platform)),
        _wrapped("processing", "Processing", processing, category="PDI", classification="PROVENANCE"),
        _wrapped("measurementFrameSet", "Frame Set", safe("frameSet", footprint)),
    ]
    pointers = [
        node(
            "metadataObject",
            node("dataObjectPointer", dataObjectID=entry.identifier),
            ID=f"{entry.identifier}_Information",
            category="DMD",
            classification="DESCRIPTION",
        )
        for entry in found
        if entry.identifier.endswith("_Metadata")
    ]
    return [*wrapped, *pointers]


def _wrapped(
    identifier: str, text: str, content: Element, category: str = "DMD", classification: str = "DESCRIPTION"
) -> Element:
    wrap = node(
        "metadataWrap",
        node("xmlData", content),
        mimeType="text/xml",
        textInfo=text,
        vocabularyName="Sentinel-SAFE",
    )
    return node("metadataObject", wrap, ID=identifier, category=category, classification=classification)


def _object(spec: Spec, folder: Path, entry: Entry) -> Element:
    path = folder / entry.path
    algorithm = {"SHA3-256": "sha3_256", "MD5": "md5"}[spec.checksum]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, algorithm).hexdigest()
    location = node("fileLocation", None, locatorType="URL", href=f"./{entry.path}")
    checksum = node("checksum", digest, checksumName=spec.checksum)
    kind = "application/xml" if path.suffix == ".xml" else "application/octet-stream"
    stream = node("byteStream", [location, checksum], mimeType=kind, size=path.stat().st_size)
    return node("dataObject", stream, ID=_identifier(entry))
