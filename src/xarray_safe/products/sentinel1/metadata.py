"""Attributes of containers and sub-products in layout 2.8."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.errors import MissingElementError
from xarray_safe.model.arrays import LookUp
from xarray_safe.model.lookups import ABSENT, resolve
from xarray_safe.products.sentinel1 import stac
from xarray_safe.products.sentinel1.footprint import BurstFootprint
from xarray_safe.products.sentinel1.history import History
from xarray_safe.products.sentinel1.sections import decode, snake, words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lxml import etree

    from xarray_safe.model.arrays import Context
    from xarray_safe.products.sentinel1.names import Image
    from xarray_safe.products.sentinel1.quality import Kind

SECTIONS: Final = {
    "quality_information": "qualityInformation",
    "general_annotation": "generalAnnotation",
    "image_annotation": "imageAnnotation",
    "swath_timing": "swathTiming",
    "swath_merging": "swathMerging",
}


def boolean(text: str) -> bool:
    """Boolean of a text."""
    return text.strip() == "true"


@dataclass(frozen=True)
class T:
    """Texts at a path of an annotation: one as it is, several as a list, converted; none leaves the key out.

    Parameters
    ----------
    path
        ElementPath below the root.
    convert
        Makes a value of the first text.
    every
        Makes a list of the values of all texts, one too.
    """

    path: str
    convert: Callable[[str], Any] | None = None
    every: bool = False

    def read(self, root: etree._Element) -> Any:
        """Return the value, or `ABSENT`."""
        texts = [element.text for element in root.findall(self.path) if element.text is not None]
        if not texts:
            return ABSENT
        try:
            if self.every:
                return [(self.convert or str)(text) for text in texts]
            if self.convert is None:
                return texts[0] if len(texts) == 1 else texts
            return self.convert(texts[0])
        except ValueError:
            return ABSENT


def fill(table: Any, root: etree._Element) -> Any:
    """Nested table with values in the place of `T`; absent keys are left out."""
    if isinstance(table, T):
        return table.read(root)
    if isinstance(table, dict):
        values = ((key, fill(value, root)) for key, value in table.items())
        return {key: value for key, value in values if value is not ABSENT}
    return table


def _processing(which: str) -> dict[str, T]:
    path = f"imageAnnotation/processingInformation/swathProcParamsList/swathProcParams/{which}Processing"
    floats = ("windowCoefficient", "totalBandwidth", "processingBandwidth", "lookBandwidth", "lookOverlap")
    return {
        "window_type": T(f"{path}/windowType"),
        **{snake(name): T(f"{path}/{name}", float) for name in floats},
        "number_of_looks": T(f"{path}/numberOfLooks", int),
    }


_INPUT: Final = "imageAnnotation/processingInformation/inputDimensionsList/inputDimensions"
ANNOTATION: Final[dict[str, Any]] = {
    "image_number": T("adsHeader/imageNumber"),
    "eopf_category": "eoproduct",
    "timeliness_category": T("generalAnnotation/productInformation/timelinessCategory"),
    "projection": T("generalAnnotation/productInformation/projection"),
    "range_sampling_rate": T("generalAnnotation/productInformation/rangeSamplingRate", float),
    "processing_information": {
        "processor_scaling_factor": T(
            "imageAnnotation/processingInformation/swathProcParamsList/swathProcParams/processorScalingFactor", float
        ),
        "range_processing": _processing("range"),
        "azimuth_processing": _processing("azimuth"),
        "input_dimensions": {
            "azimuth_time": T(f"{_INPUT}/azimuthTime", str),
            "number_of_input_samples": T(f"{_INPUT}/numberOfInputSamples", int),
            "number_of_input_lines": T(f"{_INPUT}/numberOfInputLines", int),
        },
    },
}
"""`other_metadata` of every sub-product. Where several swaths have different numbers, these are the first one's."""

_QUALITY: Final = "qualityInformation/qualityDataList/qualityData[1]"
_RAW: Final = "generalAnnotation/rawDataAnalysisList/rawDataAnalysis"
_REPLICA: Final = "generalAnnotation/replicaInformationList/replicaInformation/referenceReplica"
_SLICE: Final = "imageAnnotation/imageInformation/sliceList/slice"


def _quality(section: str, names: str) -> dict[str, T]:
    """Elements of the quality information, converted by what their names end in."""
    return {snake(name): T(f"{_QUALITY}/{section}/{name}", _kind(name)) for name in names.split()}


def _kind(name: str) -> Callable[[str], Any] | None:
    if name.endswith("Flag"):
        return boolean
    if name.endswith("Used") or name == "dcMethod":
        return None
    return int if name.startswith("num") else float


VIGNETTE: Final[dict[str, Any]] = {
    "polarisation": T("adsHeader/polarisation"),
    "platform_heading": T("generalAnnotation/productInformation/platformHeading"),
    "pulse_repetition_frequency": T("generalAnnotation/downlinkInformationList/downlinkInformation/prf", float),
    "azimuth_steering_rate": T("generalAnnotation/productInformation/azimuthSteeringRate", float),
    "product_quality": {
        "azimuth_time": T(f"{_QUALITY}/azimuthTime"),
        "downlink_quality": _quality(
            "downlinkQuality",
            """iInputDataMean qInputDataMean inputDataMeanOutsideNominalRangeFlag iInputDataStdDev qInputDataStdDev
            inputDataStDevOutsideNominalRangeFlag numDownlinkInputDataGaps downlinkGapsInInputDataSignificantFlag
            numDownlinkInputMissingLines downlinkMissingLinesSignificantFlag numInstrumentInputDataGaps
            instrumentGapsInInputDataSignificantFlag numInstrumentInputMissingLines
            instrumentMissingLinesSignificantFlag numSsbErrorInputDataGaps ssbErrorGapsInInputDataSignificantFlag
            numSsbErrorInputMissingLines ssbErrorMissingLinesSignificantFlag chirpSourceUsed pgSourceUsed
            rrfSpectrumUsed replicaReconstructionFailedFlag meanPgProductAmplitude stdDevPgProductAmplitude
            meanPgProductPhase stdDevPgProductPhase pgProductDerivationFailedFlag invalidDownlinkParamsFlag""",
        ),
        "raw_data_analysis_quality": _quality(
            "rawDataAnalysisQuality",
            """iBias iBiasSignificanceFlag qBias qBiasSignificanceFlag iqGainImbalance iqGainSignificanceFlag
            iqQuadratureDeparture iqQuadratureDepartureSignificanceFlag""",
        ),
        "doppler_centroid_quality": _quality("dopplerCentroidQuality", "dcMethod dopplerCentroidUncertainFlag"),
        "image_quality": _quality(
            "imageQuality", "outputDataMeanOutsideNominalRangeFlag outputDataStDevOutsideNominalRangeFlag"
        ),
    },
    "raw_data_analysis": {
        "azimuth_time": T(f"{_RAW}/azimuthTime", str),
        **{
            snake(name): T(f"{_RAW}/{name}", float)
            for name in words("iBias qBias iqQuadratureDeparture iqGainImbalance")
        },
        **{
            snake(name): T(f"{_RAW}/support/{name}", float)
            for name in words(
                """iBiasUpperBound iBiasLowerBound qBiasUpperBound qBiasLowerBound iqGainUpperBound
            iqGainLowerBound iqQuadratureDepartureUpperBound iqQuadratureDepartureLowerBound iBiasUsedForCorrection
            qBiasUsedForCorrection iqGainImbalanceUsedForCorrection iqQuadratureDepartureUsedForCorrection"""
            )
        },
    },
    "image_information": {
        "slice_number": T("imageAnnotation/imageInformation/sliceNumber", int),
        "slices": T(f"{_SLICE}/sliceNumber"),
        "slice_sensing_start_time": T(f"{_SLICE}/sensingStartTime"),
        "slice_sensing_stop_time": T(f"{_SLICE}/sensingStopTime"),
    },
    "reference_replica": {
        "azimuth_time": T(f"{_REPLICA}/azimuthTime", str),
        "chirp_source": T(f"{_REPLICA}/chirpSource", str),
        "pg_source": T(f"{_REPLICA}/pgSource", str),
        "time_delay": T(f"{_REPLICA}/timeDelay", float),
    },
}
"""What `other_metadata` of a vignette has more."""

_NOISE_REPORT: Final = "rfiDetectionFromNoiseReportList/rfiDetectionFromNoiseReport"
_BURST_REPORT: Final = "rfiBurstReportList/rfiBurstReport"
_TIME_REPORT: Final = f"{_BURST_REPORT}/timeDomainRfiReport"
_FREQUENCY_REPORT: Final = f"{_BURST_REPORT}/frequencyDomainRfiBurstReport"


def _lists(path: str, names: str, convert: Callable[[str], Any] = float) -> dict[str, T]:
    return {snake(name.rpartition("/")[2]): T(f"{path}/{name}", convert, every=True) for name in names.split()}


RFI: Final[dict[str, Any]] = {
    "rfi_detection_from_noise_report": {
        **_lists(_NOISE_REPORT, "noiseSensingTime rfiDetected", str),
        **_lists(_NOISE_REPORT, "maxKLDivergence maxFisherZ maxRfiPsd"),
    },
    "rfi_burst_report": {
        **_lists(_BURST_REPORT, "azimuthTime", str),
        **_lists(_BURST_REPORT, "inBandOutBandPowerRatio"),
        "time_domain": _lists(
            _TIME_REPORT, "percentageAffectedLines avgPercentageAffectedSamples maxPercentageAffectedSamples"
        ),
        "frequency_domain": {
            **_lists(_FREQUENCY_REPORT, "numSubBlocks subBlockSize", int),
            **_lists(
                _FREQUENCY_REPORT,
                "percentageBlocksPersistentRfi maxPercentageBWAffectedPersistentRfi "
                "isolatedRfiReport/percentageAffectedLines isolatedRfiReport/maxPercentageAffectedBW",
            ),
        },
    },
}


def rfi(root: etree._Element) -> dict[str, Any]:
    """Radio-frequency interference; sections without a report are empty."""
    return {"radio_frequency_interference": fill(RFI, root)}


@dataclass(frozen=True, slots=True)
class OtherMetadata(LookUp):
    """`other_metadata` of an image, without what differs between its bursts."""

    image: Image
    kind: Kind

    def resolve(self, context: Context) -> dict[str, Any]:
        """Read the annotation."""
        root = context.documents.file(self.image.annotation)
        table = ANNOTATION | (VIGNETTE if self.kind == ("WV", "SLC") else {})
        attrs = {"title": stac.type_of(self.kind), **fill(table, root)}
        for key, section in SECTIONS.items():
            element = root.find(section)
            if element is not None:
                attrs[key] = decode(element)
        if self.kind == ("IW", "GRD"):
            attrs |= {"rfi": report} if (report := _rfi(self.image, context)) else {}
        return attrs


def _rfi(image: Image, context: Context) -> dict[str, Any]:
    return rfi(context.documents.file(image.rfi)) if image.rfi else {}


@dataclass(frozen=True, slots=True)
class Fragments(LookUp):
    """Items of `other_metadata` of an image as JSON: what its bursts share is written once."""

    image: Image
    kind: Kind

    def resolve(self, context: Context) -> dict[str, str]:
        """Write JSON."""
        attrs = context.value(OtherMetadata(self.image, self.kind))
        return {key: json.dumps(value, sort_keys=True) for key, value in attrs.items()}


OWN: Final = {
    "sar:pixel_spacing_range": T("imageAnnotation/imageInformation/rangePixelSpacing", float),
    "sar:pixel_spacing_azimuth": T("imageAnnotation/imageInformation/azimuthPixelSpacing", float),
    "view:incidence_angle": T("imageAnnotation/imageInformation/incidenceAngleMidSwath", float),
    "sar:center_frequency": T("generalAnnotation/productInformation/radarFrequency", float),
    "sar:polarization": T("adsHeader/polarisation"),
}
"""STAC properties that an annotation states."""

PERFORMED: Final = {
    name: T(f"imageAnnotation/processingInformation/{name}")
    for name in ("detectionPerformed", "thermalNoiseCorrectionPerformed")
}


@dataclass(frozen=True, slots=True)
class SubProduct(LookUp):
    """All attributes of a sub-product.

    Parameters
    ----------
    image
        Its files.
    kind
        Of its product.
    burst, burst_id
        Number of its burst, and its id; None for an image that is not cut into bursts.
    """

    image: Image
    kind: Kind
    burst: int | None = None
    burst_id: str | int | None = None

    def resolve(self, context: Context) -> dict[str, Any]:
        """Put the parts together."""
        image, kind = self.image, self.kind
        root = context.documents.file(image.annotation)
        other = dict(context.value(OtherMetadata(image, kind)))
        attrs: dict[str, Any] = {"other_metadata": other, "processing_history": context.value(History())}
        if kind != ("IW", "GRD") and (report := _rfi(image, context)):
            attrs["other_metadata_rfi"] = report
        discovery = resolve(stac.container(kind, {}), context) | fill(PERFORMED, root)
        own = {
            "eopf:instrument_mode": discovery["properties"].get("sar:instrument_mode"),
            "processing:version": "004.00",
        }
        discovery["properties"] = {**discovery["properties"], **own, **fill(OWN, root)}
        discovery["properties"].pop("sar:polarizations", None)
        if kind == ("EW", "SLC"):
            discovery["properties"]["product:type"] = "S01SWVSLC"  # the mapping's slip is the interface
        discovery.pop("id", None)
        if self.burst is not None:
            other["burst_id"] = self.burst_id
            discovery["geometry"] = context.value(BurstFootprint(image.annotation, self.burst))
            discovery["properties"]["burts"] = self.burst_id  # the converter's slip is the interface
        discovery["id"] = self._identity(context, discovery, other, attrs)
        attrs["stac_discovery"] = discovery
        return attrs

    def _identity(
        self, context: Context, discovery: dict[str, Any], other: Mapping[str, Any], attrs: Mapping[str, Any]
    ) -> str:
        fragments = dict(context.value(Fragments(self.image, self.kind)))
        if "burst_id" in other:
            fragments["burst_id"] = json.dumps(other["burst_id"])
        parts = {"other_metadata": "{" + ", ".join(f'"{key}": {fragments[key]}' for key in sorted(fragments)) + "}"}
        if "other_metadata_rfi" in attrs:
            parts["other_metadata_rfi"] = json.dumps(attrs["other_metadata_rfi"], sort_keys=True)
        try:
            return stac.identity(discovery, parts)
        except (KeyError, ValueError, TypeError) as error:
            raise MissingElementError(
                f"{context.files.url}: manifest.safe lacks what the EOPF name is made of ({error}). "
                "Download the product again."
            ) from error


def container(kind: Kind, names: list[str]) -> dict[str, Any]:
    """Attributes of the container of these sub-products."""
    return {
        "stac_discovery": stac.container(kind, {name: name for name in names}),
        "other_metadata": {"eopf_category": "eocontainer", "title": stac.type_of(kind)},
    }
