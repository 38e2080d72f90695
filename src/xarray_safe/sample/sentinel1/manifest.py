"""`manifest.safe` of a sample product: what it is, and its files with sizes and checksums."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from xarray_safe.sample.sentinel1.annotation import HEAD, tag, tags, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xarray_safe.sample.sentinel1.annotation import Scene

NAMESPACES: Final = {
    "xmlns:gml": "http://www.opengis.net/gml",
    "xmlns:xfdu": "urn:ccsds:schema:xfdu:1",
    "xmlns:safe": "http://www.esa.int/safe/sentinel-1.0",
    "xmlns:s1": "http://www.esa.int/safe/sentinel-1.0/sentinel-1",
    "xmlns:s1sarl1": "http://www.esa.int/safe/sentinel-1.0/sentinel-1/sar/level-1",
    "version": "esa/safe/sentinel-1.0/sentinel-1/sar/level-1/grd/standard/iwdp",
}
DESIGNATORS: Final = {"A": "2014-016A", "B": "2016-025A", "C": "2024-235A", "D": "2025-251A"}


def manifest(
    scenes: Sequence[Scene],
    files: Mapping[str, bytes],
    polarisations: Sequence[str],
    corners: Sequence[tuple[float, float]],
) -> bytes:
    """Write the manifest.

    Parameters
    ----------
    scenes
        Images of the product.
    files
        Contents of all other files by name.
    polarisations
        In the order in which the manifest states them.
    corners
        Longitudes and latitudes of the footprint.
    """
    first = scenes[0]
    swaths = dict.fromkeys(scene.swath for scene in scenes)
    start, stop = min(scene.start for scene in scenes), max(scene.stop for scene in scenes)
    sections = {
        "processing": _processing(text_of(stop)),
        "platform": _platform(first, list(swaths)),
        "measurementOrbitReference": _orbit(first),
        "generalProductInformation": _general(first, polarisations),
        "acquisitionPeriod": tag(
            "safe:acquisitionPeriod", tags(**{"safe:startTime": text_of(start), "safe:stopTime": text_of(stop)})
        ),
        "measurementFrameSet": _footprint(corners),
    }
    metadata = "".join(
        tag("metadataObject", tag("metadataWrap", tag("xmlData", content)), ID=name)
        for name, content in sections.items()
    )
    objects = "".join(_data_object(name, data) for name, data in files.items())
    body = tag("metadataSection", metadata) + tag("dataObjectSection", objects)
    return (HEAD + tag("xfdu:XFDU", body, **NAMESPACES)).encode()


def _processing(stop: str) -> str:
    software = '<safe:software name="Sentinel-1 IPF" version="003.71"/>'
    facility = f'<safe:facility country="Nowhere" name="Sample" organisation="xarray-safe">{software}</safe:facility>'
    raw = '<safe:resource name="S1A_IW_RAW__0SDV_SAMPLE.SAFE" role="Level-0 Product"/>'
    auxiliary = '<safe:resource name="S1A_AUX_CAL_SAMPLE.SAFE" role="AUX_CAL"/>'
    return f'<safe:processing name="Post Processing" stop="{stop}">{facility}{auxiliary}{raw}</safe:processing>'


def _platform(scene: Scene, swaths: Sequence[str]) -> str:
    mode = "SM" if scene.mode.startswith("S") else scene.mode
    listed = tags(**{"s1sarl1:mode": mode}) + "".join(tag("s1sarl1:swath", swath) for swath in swaths)
    instrument = tag("safe:familyName", "Synthetic Aperture Radar", abbreviation="SAR") + tag(
        "safe:extension", tag("s1sarl1:instrumentMode", listed)
    )
    unit = scene.mission[-1]
    own = tags(
        **{
            "safe:nssdcIdentifier": DESIGNATORS.get(unit, DESIGNATORS["A"]),
            "safe:familyName": "SENTINEL-1",
            "safe:number": unit,
        }
    )
    return tag("safe:platform", own + tag("safe:instrument", instrument))


def _orbit(scene: Scene) -> str:
    relative = (scene.orbit - 73) % 175 + 1
    properties = tags(**{"s1:pass": "DESCENDING", "s1:ascendingNodeTime": text_of(scene.start)})
    numbers = "".join(
        tag("safe:orbitNumber", scene.orbit, type=end) + tag("safe:relativeOrbitNumber", relative, type=end)
        for end in ("start", "stop")
    )
    extension = tag("safe:extension", tag("s1:orbitProperties", properties))
    return tag("safe:orbitReference", numbers + tag("safe:cycleNumber", 322) + extension)


def _general(scene: Scene, polarisations: Sequence[str]) -> str:
    stated = "".join(tag("s1sarl1:transmitterReceiverPolarisation", name) for name in polarisations)
    rest = {
        "missionDataTakeID": scene.data_take,
        "productClassDescription": "SAR Standard L1 Product",
        "productType": scene.product_type,
        "productTimelinessCategory": "NRT-3h",
    }
    own = tags(**{f"s1sarl1:{name}": value for name, value in rest.items()})
    return tag("s1sarl1:standAloneProductInformation", stated + own)


def _footprint(corners: Sequence[tuple[float, float]]) -> str:
    text = " ".join(f"{latitude:.6f},{longitude:.6f}" for longitude, latitude in corners)
    frame = tag("safe:frame", tag("safe:footPrint", tag("gml:coordinates", text)))
    return tag("safe:frameSet", frame)


def _data_object(name: str, data: bytes) -> str:
    checksum = tag("checksum", hashlib.md5(data, usedforsecurity=False).hexdigest(), checksumName="MD5")
    location = f'<fileLocation locatorType="URL" href="./{name}"/>'
    stream = tag("byteStream", location + checksum, mimeType="application/octet-stream", size=len(data))
    return tag("dataObject", stream, ID=name.rpartition("/")[2].replace("-", "").partition(".")[0])
