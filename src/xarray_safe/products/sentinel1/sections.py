"""Whole sections of an annotation as nested attributes, by the types of ESA's schema.

The types are the table below, not the archive's own ``support/*.xsd``: archives may lack it, and it is not to be
trusted. No name of an element has two types in it. Source: ``s1-level-1-product.xsd``, IPF 2.36 to 3.90.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from lxml import etree


def words(text: str) -> frozenset[str]:
    """Words of a text."""
    return frozenset(text.split())


BOOLEANS: Final = words(
    """absolutePgProductValidFlag antennaAzimuthElementPatternApplied antennaAzimuthPatternApplied
    antennaElevationPatternApplied attitudeDataFileUsed bistaticDelayCorrectionApplied detectionPerformed
    dopplerCentroidUncertainFlag downlinkGapsInInputDataSignificantFlag downlinkMissingLinesSignificantFlag
    iBiasSignificanceFlag inputDataMeanOutsideNominalRangeFlag inputDataStDevOutsideNominalRangeFlag
    instrumentGapsInInputDataSignificantFlag instrumentMissingLinesSignificantFlag invalidDownlinkParamsFlag
    iqGainSignificanceFlag iqQuadratureDepartureSignificanceFlag orbitDataFileUsed
    outputDataMeanOutsideNominalRangeFlag outputDataStDevOutsideNominalRangeFlag pgProductDerivationFailedFlag
    pitchErrorFlag qBiasSignificanceFlag rangeSpreadingLossCompensationApplied rawDataAnalysisUsed
    reconstructedReplicaValidFlag relativePgProductValidFlag replicaReconstructionFailedFlag rollErrorFlag
    rxVariationCorrectionApplied srgrConversionApplied ssbErrorGapsInInputDataSignificantFlag
    ssbErrorMissingLinesSignificantFlag thermalNoiseCorrectionPerformed yawErrorFlag"""
)
FLOATS: Final = words(
    """azimuthAnxTime azimuthFrequency azimuthPixelSpacing azimuthSteeringRate azimuthTimeInterval
    crossCorrelationBandwidth crossCorrelationIslr crossCorrelationPeakLocation crossCorrelationPslr
    decimationFilterBandwidth ellipsoidSemiMajorAxis ellipsoidSemiMinorAxis iBias iBiasLowerBound iBiasUpperBound
    iBiasUsedForCorrection iInputDataMean iInputDataStdDev im incidenceAngleMidSwath internalTimeDelay iqGainImbalance
    iqGainImbalanceUsedForCorrection iqGainLowerBound iqGainUpperBound iqQuadratureDeparture
    iqQuadratureDepartureLowerBound iqQuadratureDepartureUpperBound iqQuadratureDepartureUsedForCorrection
    lookBandwidth lookOverlap meanBitRate meanPgProductAmplitude meanPgProductPhase modelPgProductAmplitude
    modelPgProductPhase noisePowerCorrectionFactor pgProductAmplitude pgProductPhase pitch platformHeading prf pri
    processingBandwidth processorScalingFactor productQualityIndex q0 q1 q2 q3 qBias qBiasLowerBound qBiasUpperBound
    qBiasUsedForCorrection qInputDataMean qInputDataStdDev radarFrequency rangePixelSpacing rangeSamplingRate re
    referenceRange roll rxGain samplingFrequencyAfterDecimation slantRangeTime stdDevPgProductAmplitude
    stdDevPgProductPhase t0 timeDelay totalBandwidth txPulseLength txPulseRampRate txPulseStartFrequency value
    windowCoefficient wx wy wz x y yaw z zeroDopMinusAcqTime"""
)
INTEGERS: Final = words(
    """baqBlockLength burstId byteOffset dataTakeId eccNumber filterLength firstAzimuthLine firstRangeSample
    instrumentConfigId lastAzimuthLine lastRangeSample linesPerBurst numDownlinkInputDataGaps
    numDownlinkInputMissingLines numErrAzimuthBeamAddress numErrBaqBlockLength numErrBaqMode numErrCalMode
    numErrCalType numErrCalibrationBeamAddress numErrDataTakeId numErrEccNumber numErrElevationBeamAddress
    numErrInstrumentConfigId numErrNumberOfQuads numErrPacketCount numErrPolarisation numErrPri numErrPriCount
    numErrRangeDecimation numErrRank numErrRxChannelId numErrRxGain numErrSasTestMode numErrSignalType
    numErrSsbErrorFlag numErrSwapFlag numErrSwathNumber numErrSwl numErrSwst numErrSyncMarker numErrTempComp
    numErrTestMode numErrTxPulseNumber numErrTxPulseStartFrequency numErrTxRampRate numInstrumentInputDataGaps
    numInstrumentInputMissingLines numIspHeaderErrors numSsbErrorInputDataGaps numSsbErrorInputMissingLines
    numberOfInputLines numberOfInputSamples numberOfLines numberOfLooks numberOfNoiseLines numberOfSamples rank
    rxChannelId samplesPerBurst sliceNumber swathNumber"""
)
NUMBERS: Final = words(
    "amplitudeCoefficients azimuthFmRatePolynomial firstValidSample lastValidSample phaseCoefficients"
)
"""Texts of several numbers, which become lists of floats: valid samples too."""


def decode(element: etree._Element) -> Any:
    """Nested attributes of an element.

    Keys in snake case; ``xList`` with elements ``x`` is a list, an empty one ``{}``; numbers and booleans by their
    types, times as text. Text that is not a number becomes None.
    """
    tag = element.tag
    if tag in NUMBERS:
        return [_number(float, text) for text in (element.text or "").split()]
    if not len(element):
        return {} if tag.endswith("List") else _leaf(tag, element.text)
    if tag.endswith("List"):
        return [decode(child) for child in element]
    return {snake(child.tag): decode(child) for child in element}


def _leaf(tag: str, text: str | None) -> Any:
    if tag in FLOATS:
        return _number(float, text or "")
    if tag in INTEGERS:
        return _number(int, text or "")
    if tag in BOOLEANS:
        return {"true": True, "1": True, "false": False, "0": False}.get((text or "").strip())
    return text


def _number(kind: type[float] | type[int], text: str) -> float | int | None:
    try:
        return kind(text)
    except ValueError:
        return None


_WORDS: Final = re.compile(r"(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])|(?<=[a-z])(?=[0-9])")


@cache
def snake(name: str) -> str:
    """Name in snake case as the converter has it: ``q0`` is ``q_0``, ``maxBWAffected`` is ``max_bw_affected``."""
    return _WORDS.sub("_", name).lower()
