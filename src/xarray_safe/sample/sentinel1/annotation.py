"""Annotation, calibration, noise and interference files of a sample image, with the elements that real ones have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
STEP: Final = 25
"""Lines and samples from one grid point, or number of a vector, to the next."""
ORIGIN: Final = (11.0, 46.0)
"""Longitude and latitude of the first pixel."""


@dataclass(frozen=True)
class Scene:
    """One image of a product.

    Parameters
    ----------
    mission, mode, swath, polarisation, product_type
        ``S1A``, ``IW``, ``IW1`` (``IW`` in GRD), ``VV``, ``GRD`` or ``SLC``.
    number
        Of the image within the product.
    start
        Time of the first line.
    lines, samples
        Size.
    bursts
        How many bursts; 0 for an image that is not cut into any.
    orbit, data_take
        Absolute orbit, and number of the data take.
    """

    mission: str
    mode: str
    swath: str
    polarisation: str
    product_type: str
    number: int
    start: datetime
    lines: int
    samples: int
    bursts: int
    orbit: int
    data_take: int

    interval = 0.002
    """Seconds from one line to the next."""

    @property
    def stop(self) -> datetime:
        """Time of the last line."""
        return self.start + timedelta(seconds=(self.lines - 1) * self.interval)

    @property
    def stem(self) -> str:
        """Name of its files."""
        times = "-".join(f"{time:%Y%m%dt%H%M%S}" for time in (self.start, self.stop))
        kind = f"{self.mission}-{self.swath}-{self.product_type}-{self.polarisation}".lower()
        return f"{kind}-{times}-{self.orbit:06}-{self.data_take:06x}-{self.number:03}"

    def time(self, line: float) -> str:
        """Time of a line, as text."""
        return text_of(self.start + timedelta(seconds=line * self.interval))


def text_of(time: datetime) -> str:
    """Time as annotations have it."""
    return time.isoformat(timespec="microseconds")


def tag(name: str, content: object, **attributes: object) -> str:
    """One element."""
    given = "".join(f' {key}="{value}"' for key, value in attributes.items())
    return f"<{name}{given}>{content}</{name}>"


def tags(**contents: object) -> str:
    """Elements one after the other."""
    return "".join(tag(name, content) for name, content in contents.items())


def listed(name: str, items: Iterable[str]) -> str:
    """A list of elements with its count."""
    found = list(items)
    return tag(f"{name}List", "".join(tag(name, item) for item in found), count=len(found))


def numbers(name: str, values: Iterable[float]) -> str:
    """A list of numbers in one text."""
    texts = [f"{value:.6e}" if isinstance(value, float) else str(value) for value in values]
    return tag(name, " ".join(texts), count=len(texts))


def header(scene: Scene) -> str:
    """`adsHeader`, which all files have."""
    return tag(
        "adsHeader",
        tags(
            missionId=scene.mission,
            productType=scene.product_type,
            polarisation=scene.polarisation,
            mode=scene.mode,
            swath=scene.swath,
            startTime=scene.time(0),
            stopTime=scene.time(scene.lines - 1),
            absoluteOrbitNumber=scene.orbit,
            missionDataTakeId=scene.data_take,
            imageNumber=f"{scene.number:03}",
        ),
    )


def _swaths(scene: Scene) -> list[str]:
    """Swaths that an image consists of."""
    count = {"IW": 3, "EW": 5}.get(scene.mode, 1)
    return [f"{scene.mode}{n + 1}" for n in range(count)] if scene.swath == scene.mode else [scene.swath]


def _every(length: int) -> list[int]:
    return [*range(0, length - 1, STEP), length - 1]


def _records(scene: Scene, count: int, content: Callable[[int, str], str]) -> list[str]:
    """Records at even steps along azimuth; each gets its number and time."""
    return [content(k, scene.time(k * (scene.lines - 1) / max(1, count - 1))) for k in range(count)]


def annotation(scene: Scene) -> bytes:
    """The annotation of an image."""
    parts = (
        header(scene),
        tag("qualityInformation", tags(productQualityIndex="0.0") + listed("qualityData", [_quality(scene)])),
        tag("generalAnnotation", _general(scene)),
        tag("imageAnnotation", _image(scene)),
        tag("dopplerCentroid", listed("dcEstimate", _records(scene, 4, _doppler))),
        tag("antennaPattern", listed("antennaPattern", _antenna(scene))),
        _timing(scene),
        tag("geolocationGrid", listed("geolocationGridPoint", _grid(scene))),
        _conversion(scene),
        _merging(scene),
    )
    return (HEAD + tag("product", "".join(parts))).encode()


def _quality(scene: Scene) -> str:
    downlink = tags(iInputDataMean="1.5e-01", inputDataMeanOutsideNominalRangeFlag="false", numDownlinkInputDataGaps=0)
    return tags(azimuthTime=scene.time(0), downlinkQuality=downlink)


def _general(scene: Scene) -> str:
    information = tags(
        **{"pass": "Descending"},
        timelinessCategory="NRT-3h",
        platformHeading="-1.66e+02",
        projection="Ground Range" if scene.product_type == "GRD" else "Slant Range",
        rangeSamplingRate="6.4e+07",
        radarFrequency="5.405000454334350e+09",
        azimuthSteeringRate="1.59",
    )

    def orbit(k: int, time: str) -> str:
        vectors = {
            name: tags(x=f"{4e6 + 7e3 * k}", y=f"{1e6 + k}", z=f"{5e6 - k}") for name in ("position", "velocity")
        }
        return tags(time=time, frame="Earth Fixed", **vectors)

    def attitude(k: int, time: str) -> str:
        quaternion = {f"q{n}": f"{0.1 * n + 0.001 * k:.6e}" for n in range(4)}
        rates = {f"w{axis}": f"{-1e-4 * (k + 1):.6e}" for axis in "xyz"}
        angles = dict.fromkeys(("roll", "pitch", "yaw"), f"{30 + 0.1 * k:.6f}")
        return tags(time=time, frame="GM2000", **quaternion, **rates, **angles)

    terrain = _records(scene, 2, lambda k, time: tags(azimuthTime=time, value=f"{10.0 * k}"))
    return (
        tag("productInformation", information)
        + listed("downlinkInformation", [tags(swath=swath, prf="1.7e+03") for swath in _swaths(scene)])
        + listed("orbit", _records(scene, 5, orbit))
        + listed("attitude", _records(scene, 4, attitude))
        + listed("terrainHeight", terrain)
    )


def _image(scene: Scene) -> str:
    information = tags(
        productFirstLineUtcTime=scene.time(0),
        productLastLineUtcTime=scene.time(scene.lines - 1),
        ascendingNodeTime=text_of(scene.start - timedelta(minutes=38)),
        anchorTime=scene.time(0),
        productComposition="Slice",
        sliceNumber=1,
        slantRangeTime="5.33e-03",
        pixelValue="Detected" if scene.product_type == "GRD" else "Complex",
        rangePixelSpacing="1.000000e+01",
        azimuthPixelSpacing="1.000000e+01",
        azimuthTimeInterval=f"{scene.interval:.12e}",
        azimuthFrequency="4.86e+02",
        numberOfSamples=scene.samples,
        numberOfLines=scene.lines,
        incidenceAngleMidSwath="3.89e+01",
    )
    window = tags(windowType="Hamming", windowCoefficient="7.5e-01", totalBandwidth="5.6e+07", numberOfLooks=1)
    parameters = [
        tags(swath=swath, processorScalingFactor="1.0e+12", rangeProcessing=window, azimuthProcessing=window)
        for swath in _swaths(scene)
    ]
    dimensions = [
        tags(swath=swath, azimuthTime=scene.time(0), numberOfInputSamples=23802, numberOfInputLines=15020)
        for swath in _swaths(scene)
    ]
    processing = (
        tags(
            detectionPerformed=str(scene.product_type == "GRD").lower(),
            thermalNoiseCorrectionPerformed="false",
            ellipsoidName="WGS84",
        )
        + listed("inputDimensions", dimensions)
        + listed("swathProcParams", parameters)
    )
    return tag("imageInformation", information) + tag("processingInformation", processing)


def _doppler(k: int, time: str) -> str:
    return (
        tags(azimuthTime=time, t0="5.33e-03")
        + numbers("geometryDcPolynomial", [1.0 + k, 2.0, 3.0])
        + numbers("dataDcPolynomial", [1.5 + k, 2.5, 3.5])
        + tags(
            dataDcRmsError="1.0e-01",
            dataDcRmsErrorAboveThreshold=str(k == 1).lower(),
            fineDceAzimuthStartTime=time,
            fineDceAzimuthStopTime=time,
        )
    )


def _antenna(scene: Scene) -> list[str]:
    def pattern(swath: str) -> Callable[[int, str], str]:
        def record(k: int, time: str) -> str:
            return (
                tags(swath=swath, azimuthTime=time)
                + numbers("slantRangeTime", [0.00533 + 1e-5 * n for n in range(5)])
                + numbers("elevationAngle", [25.0 + n for n in range(5)])
                + numbers("incidenceAngle", [30.0 + n for n in range(5)])
                + tags(terrainHeight=f"{12.5 + k}", roll="29.5")
            )

        return record

    return [record for swath in _swaths(scene) for record in _records(scene, 2, pattern(swath))]


def _timing(scene: Scene) -> str:
    lines = scene.lines // scene.bursts if scene.bursts else 0
    valid = [-1, *([2] * (lines - 2)), -1]
    last = [-1, *([scene.samples - 3] * (lines - 2)), -1]
    bursts = [
        tags(azimuthTime=scene.time(k * lines * 0.9), sensingTime=scene.time(k * lines), byteOffset=1000 * k)
        + numbers("firstValidSample", valid)
        + numbers("lastValidSample", last)
        + tag("burstId", 249402 + k, absolute=87_000_000 + k)
        for k in range(scene.bursts)
    ]
    size = tags(linesPerBurst=lines, samplesPerBurst=scene.samples if scene.bursts else 0)
    return tag("swathTiming", size + listed("burst", bursts))


def place(line: float, sample: float) -> tuple[float, float]:
    """Longitude and latitude of a pixel of every sample image."""
    return ORIGIN[0] + 1e-4 * sample - 2e-5 * line, ORIGIN[1] - 1e-4 * line - 2e-5 * sample


def _grid(scene: Scene) -> list[str]:
    points = []
    for line in _every(scene.lines):
        for sample in _every(scene.samples):
            longitude, latitude = place(line, sample)
            points.append(
                tags(
                    azimuthTime=scene.time(line),
                    slantRangeTime=f"{0.00533 + sample / 6.4e7:.15e}",
                    line=line,
                    pixel=sample,
                    latitude=f"{latitude:.9f}",
                    longitude=f"{longitude:.9f}",
                    height="0.0",
                    incidenceAngle=f"{30 + 0.01 * sample:.6f}",
                    elevationAngle=f"{27 + 0.01 * sample:.6f}",
                )
            )
    return points


def _conversion(scene: Scene) -> str:
    def record(k: int, time: str) -> str:
        return (
            tags(azimuthTime=time, slantRangeTime="5.33e-03", sr0="8.0e+05")
            + numbers("srgrCoefficients", [1.0, 2.0 + k])
            + tags(gr0="0.0")
            + numbers("grsrCoefficients", [8e5, 0.5])
        )

    records = _records(scene, 3, record) if scene.product_type == "GRD" else []
    return tag("coordinateConversion", listed("coordinateConversion", records))


def _bounds(scene: Scene) -> list[tuple[str, int, int]]:
    """Swaths with their first and last sample."""
    swaths = _swaths(scene)
    edges = np.linspace(0, scene.samples, len(swaths) + 1).astype(int)
    return [(swath, int(edges[k]), int(edges[k + 1]) - 1) for k, swath in enumerate(swaths)]


def _limits(scene: Scene, first: int, last: int) -> str:
    return tags(firstAzimuthLine=0, firstRangeSample=first, lastAzimuthLine=scene.lines - 1, lastRangeSample=last)


def _merging(scene: Scene) -> str:
    merges = [
        tags(swath=swath) + listed("swathBounds", [tags(azimuthTime=scene.time(0)) + _limits(scene, first, last)])
        for swath, first, last in _bounds(scene)
        if scene.product_type == "GRD" and len(_swaths(scene)) > 1
    ]
    return tag("swathMerging", listed("swathMerge", merges))


def calibration(scene: Scene) -> bytes:
    """The calibration file: sigma nought is 300 at every pixel, and a little more in range."""
    pixels = _every(scene.samples)

    def vector(line: int) -> str:
        luts = {"sigmaNought": 300.0, "betaNought": 250.0, "gamma": 280.0, "dn": 200.0}
        return (
            tags(azimuthTime=scene.time(line), line=line)
            + numbers("pixel", pixels)
            + "".join(numbers(name, [value + 0.01 * pixel for pixel in pixels]) for name, value in luts.items())
        )

    vectors = listed("calibrationVector", map(vector, _every(scene.lines)))
    return (HEAD + tag("calibration", header(scene) + vectors)).encode()


def noise(scene: Scene) -> bytes:
    """The noise file: vectors along range; along azimuth one a swath, but none in stripmap and wave mode."""
    pixels = _every(scene.samples)

    def vector(line: int) -> str:
        return (
            tags(azimuthTime=scene.time(line), line=line)
            + numbers("pixel", pixels)
            + numbers("noiseRangeLut", [1000.0 + pixel for pixel in pixels])
        )

    def along(swath: str, first: int, last: int) -> str:
        lines = _every(scene.lines)
        return (
            tags(swath=swath)
            + _limits(scene, first, last)
            + numbers("line", lines)
            + numbers("noiseAzimuthLut", [1.0 + 0.001 * line for line in lines])
        )

    vectors = listed("noiseRangeVector", map(vector, _every(scene.lines)))
    bounds = _bounds(scene) if scene.mode in ("IW", "EW") else []
    azimuth = listed("noiseAzimuthVector", [along(*bound) for bound in bounds])
    return (HEAD + tag("noise", header(scene) + vectors + azimuth)).encode()


def interference(scene: Scene) -> bytes:
    """The file on radio-frequency interference: two bursts' reports, none of noise."""
    reports = listed(
        "rfiBurstReport",
        [tags(swath=scene.swath, azimuthTime=scene.time(k), inBandOutBandPowerRatio="4.5") for k in range(2)],
    )
    return (HEAD + tag("rfi", header(scene) + tags(rfiMitigationApplied="None") + reports)).encode()
