"""The small files around the metadata: quality reports, INSPIRE, schemas, HTML, and masks as GML."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from lxml import etree

from xarray_safe.sample.sentinel2 import geometry
from xarray_safe.sample.sentinel2.spec import Spec, iso
from xarray_safe.sample.sentinel2.xml import XSI, Element, fill, leaves, node, serialise, texts

if TYPE_CHECKING:
    from xarray_safe.sample.sentinel2.statistics import Statistics

_OLQC = "http://gs2.esa.int/DATA_STRUCTURE/olqcReport"
_L2AQI = "http://gs2.esa.int/DATA_STRUCTURE/l2aqiReport"

_CHECKS: dict[str, tuple[tuple[str, str], ...]] = {
    "FORMAT_CORRECTNESS": (
        ("schemaXmlValidator", "The schema validation passed successfully."),
        ("checkMetadata", "Metadata file is present."),
    ),
    "GENERAL_QUALITY": (("checkMetadata", "Metadata file is present."), ("Data_Loss", "No data loss.")),
    "GEOMETRIC_QUALITY": (("Granule_Dimensions", "Dimensions are correct."),),
    "RADIOMETRIC_QUALITY": (("EqualizationFlag", "Equalization Mode is set to TRUE"),),
    "SENSOR_QUALITY": (("Sensing_Time", "Sensing time is valid"),),
}


def quality_report(spec: Spec, name: str, identifier: str) -> bytes:
    """Write a quality report of a granule or datastrip."""
    checks = [
        node(
            "check",
            [
                node("inspection", id=check, name=check, status="PASSED", creation=iso(spec.generation)),
                node("message", message, contentType="text/plain"),
            ],
        )
        for check, message in _CHECKS[name]
    ]
    header = _fixed_header(spec, f"{name}.xml", "Report produced by OLQC-SC", "REP_OLQCPA", "OLQC-SC")
    checklist = [
        *leaves(parentID=f"{spec.satellite}_OPER_GIP_OLQCPA", name=name, version="1.0"),
        node("item", name=identifier, className="PDI", url=f"{identifier}/"),
        *checks,
    ]
    root = etree.fromstring(f'<Earth_Explorer_File xmlns="{_OLQC}"/>')
    report = node("report", node("checkList", checklist), gippVersion="1.0", globalStatus="PASSED")
    report.set("date", iso(spec.generation))
    fill(root, [node("Earth_Explorer_Header", header), node("Data_Block", report, type="xml")])
    return _unprefixed(root, _OLQC)


def l2a_quality_report(spec: Spec, statistics: Statistics) -> bytes:
    """Write Sen2Cor's report: the shares of the classes and the means again."""
    values = statistics.content()
    classes = {name: value for name, value in values.items() if name.endswith("_PERCENTAGE")}
    means = {name: values[name] for name in ("GRANULE_MEAN_AOT", "GRANULE_MEAN_WV", "OZONE_VALUE")}
    lists = [
        node(
            "checkList",
            [
                *leaves(parentID=parent, name=name, version="2.10"),
                node("item", name=spec.tile_id(), className="PDI Level 2A Tile Folder"),
                node(
                    "check",
                    [
                        node("message", message, contentType="text/plain"),
                        node("extraValues", [node("value", value, name=key) for key, value in group.items()]),
                    ],
                ),
            ],
        )
        for parent, name, message, group in (
            ("L2A_SC", "SCENE_CLASS_QUALITY", "Percentage of classified pixels", classes),
            ("L2A_AC", "ATMOSPHERIC_CORRECTION_QUALITY", "Atmospheric correction quality values", means),
        )
    ]
    header = _fixed_header(spec, "L2A_QUALITY", "Quality information obtained from Sen2Cor", "L2A_QLINFO", "Sen2Cor")
    root = etree.fromstring(f'<L2A_Quality_File xmlns="{_L2AQI}"/>')
    report = node("report", lists, gippVersion="02.12.02", globalStatus="PASSED", date=iso(spec.generation, 0))
    fill(root, [node("L2A_Quality_Header", header), node("Data_Block", report, type="xml")])
    return _unprefixed(root, _L2AQI)


def _fixed_header(spec: Spec, name: str, description: str, kind: str, system: str) -> Element:
    made = f"UTC={iso(spec.generation, 0)[:-1]}"
    return node(
        "Fixed_Header",
        [
            *leaves(
                File_Name=name,
                File_Description=description,
                Notes=None,
                Mission=spec.satellite,
                File_Class="OPER",
                File_Type=kind,
            ),
            node(
                "Validity_Period",
                leaves(Validity_Start="UTC=2015-06-22T00:00:00", Validity_Stop="UTC=2100-01-01T00:00:00"),
            ),
            *leaves(File_Version=1),
            node("Source", leaves(System=system, Creator=system, Creator_Version="1", Creation_Date=made)),
        ],
    )


def _unprefixed(root: Element, namespace: str) -> bytes:
    """Write a document of which all elements are in the default namespace."""
    for element in root.iterdescendants():
        element.tag = f"{{{namespace}}}{element.tag}"
    etree.cleanup_namespaces(root)
    return serialise(root)


def inspire(spec: Spec) -> bytes:
    """Write INSPIRE metadata: title, date, bounding box and period."""
    names = {
        "gco": "http://www.isotc211.org/2005/gco",
        "gmd": "http://www.isotc211.org/2005/gmd",
        "gml": "http://www.opengis.net/gml",
        "xsi": XSI,
    }
    gmd, gco, gml = (f"{{{names[prefix]}}}" for prefix in ("gmd", "gco", "gml"))

    def wrap(path: str, content: Element | list[Element]) -> Element:
        for tag in reversed(path.split("/")):
            content = node(gmd + tag, content)
        assert isinstance(content, etree._Element)
        return content

    def string(path: str, text: str, kind: str = "CharacterString") -> Element:
        return wrap(path, node(gco + kind, text))

    latitudes, longitudes = zip(*geometry.footprint(spec.place, spec.nodata), strict=True)
    crosses = max(longitudes) - min(longitudes) > 180
    west = min(lon for lon in longitudes if lon > 0) if crosses else min(longitudes)
    east = max(lon for lon in longitudes if lon < 0) if crosses else max(longitudes)
    box = [
        string(f"{side}Bound{axis}", f"{value:.8f}", "Decimal")
        for side, axis, value in (
            ("west", "Longitude", west),
            ("east", "Longitude", east),
            ("south", "Latitude", min(latitudes)),
            ("north", "Latitude", max(latitudes)),
        )
    ]
    times = texts(f"{gml}beginPosition", [iso(spec.strip_start, 0)[:-1]])
    times += texts(f"{gml}endPosition", [iso(spec.tile_time, 0)[:-1]])
    period = node(f"{gml}TimePeriod", times)
    period.set(f"{gml}id", f"ID{UUID(bytes=spec.random('inspire').bytes(16))}")
    extent = [
        wrap("geographicElement/EX_GeographicBoundingBox", box),
        wrap("temporalElement/EX_TemporalExtent/extent", period),
    ]
    citation = [
        string("title", f"{spec.product_name}.SAFE"),
        wrap("date/CI_Date/date", node(f"{gco}Date", iso(spec.generation)[:10])),
    ]
    identification = [
        wrap("citation/CI_Citation", citation),
        string("abstract", "A sample product with made-up images, in the form of a Sentinel-2 product."),
        wrap("extent/EX_Extent", extent),
    ]
    root = etree.Element(f"{gmd}MD_Metadata", nsmap=names)
    content = [
        string("fileIdentifier", "sample"),
        wrap("dateStamp", node(f"{gco}Date", iso(spec.generation)[:10])),
        string("metadataStandardName", "ISO19115"),
        wrap("identificationInfo/MD_DataIdentification", identification),
    ]
    return serialise(fill(root, content))


def schemas(spec: Spec) -> dict[str, bytes]:
    """Write the schemas in ``rep_info``: each only declares its root element."""
    level = f"Level-{spec.level[1:]}"
    wanted = {f"S2_User_Product_{level}_Metadata": (f"User_Product_{level}", f"{level}_User_Product")}
    if spec.level == "L2A":
        wanted[f"S2_PDI_{level}_Tile_Metadata"] = (f"S2_PDI_{level}_Tile_Metadata", f"{level}_Tile_ID")
        wanted[f"S2_PDI_{level}_Datastrip_Metadata"] = (f"S2_PDI_{level}_Datastrip_Metadata", f"{level}_DataStrip_ID")
    xs = "http://www.w3.org/2001/XMLSchema"
    files = {}
    for name, (schema, element) in wanted.items():
        root = etree.Element(f"{{{xs}}}schema", nsmap={"xs": xs})
        root.set("targetNamespace", f"https://psd-{spec.specification}.sentinel2.eo.esa.int/PSD/{schema}.xsd")
        files[f"rep_info/{name}.xsd"] = serialise(fill(root, node(f"{{{xs}}}element", name=element)))
    return files


def html(spec: Spec) -> dict[str, bytes]:
    """Write the presentation of the product."""
    title = f"{spec.product_name}.SAFE"
    page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    xsl = "http://www.w3.org/1999/XSL/Transform"
    sheet = node(f"{{{xsl}}}stylesheet", node(f"{{{xsl}}}template", match="/"), version="1.0")
    return {
        "HTML/UserProduct_index.html": page.encode(),
        "HTML/UserProduct_index.xsl": serialise(sheet),
    }


def gml_mask(spec: Spec, kind: str, band: str) -> bytes:
    """Write a vector mask as before baseline 04.00: the strips of the detectors, or an empty one."""
    eop, gml = "http://www.opengis.net/eop/2.0", "http://www.opengis.net/gml/3.2"
    root = etree.Element(f"{{{eop}}}Mask", nsmap={"eop": eop, "gml": gml, "xsi": XSI})
    name = f"{spec.satellite}_OPER_{kind}_{spec.tile_id()[20:]}_{band}_MSI{spec.level}"
    root.set(f"{{{gml}}}id", name)
    members = []
    for position, detector in enumerate(spec.detectors if kind == "MSK_DETFOO" else ()):
        corners = geometry.strip_outline(spec.place, position, len(spec.detectors), geometry.swath_edge(spec.nodata))
        positions = node(f"{{{gml}}}posList", " ".join(f"{x:.0f} {y:.0f} 0" for x, y in corners), srsDimension=3)
        ring = node(f"{{{gml}}}exterior", node(f"{{{gml}}}LinearRing", positions))
        polygon = node(f"{{{gml}}}Polygon", ring)
        polygon.set(f"{{{gml}}}id", f"DETECTOR_FOOTPRINT.{position}_Polygon")
        feature = node(
            f"{{{eop}}}MaskFeature",
            [
                node(f"{{{eop}}}maskType", "DETECTOR_FOOTPRINT", codeSpace="urn:gs2:S2PDGS:maskType"),
                node(f"{{{eop}}}extentOf", polygon),
            ],
        )
        feature.set(f"{{{gml}}}id", f"detector_footprint-{band}-{detector:02}-{position}")
        members.append(feature)
    content = [node(f"{{{gml}}}name", f"{kind} pixels mask from data-strip {name}")]
    return serialise(fill(root, [*content, node(f"{{{eop}}}maskMembers", members)]))
