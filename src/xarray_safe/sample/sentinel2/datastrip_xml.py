"""``MTD_DS.xml``: the datastrip's metadata: configuration at its begin, quality and files at its end.

Between them are ephemeris, attitude and temperatures, which make it 3 to 19 MB in real products.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from xarray_safe.sample.sentinel2.product_xml import (
    auxiliary_files,
    datatake,
    display_order,
    doi,
    quantification,
    reflectance_conversion,
    spectral_information,
)
from xarray_safe.sample.sentinel2.spec import Spec, iso
from xarray_safe.sample.sentinel2.tables import BANDS
from xarray_safe.sample.sentinel2.xml import Document, Element, leaves, node, serialise, texts

if TYPE_CHECKING:
    from collections.abc import Callable

DETECTORS = tuple(f"{n:02}" for n in range(1, 13))


def datastrip_metadata(spec: Spec) -> bytes:
    """Write the datastrip's metadata, of at least ``spec.datastrip_mb`` MB."""
    level = spec.level[1:]
    document = Document(spec.specification, f"S2_PDI_Level-{level}_Datastrip_Metadata", f"Level-{level}_DataStrip_ID")
    seconds = max(_seconds(spec), 2)
    document.section("General_Info", _general(spec))
    document.section("Image_Data_Info", [_tiles(spec), _sensor(spec), _radiometric(spec), _geometric()])
    document.section("Satellite_Ancillary_Data_Info", _ancillary(spec, seconds))
    document.section("Quality_Indicators_Info", _quality(spec), metadataLevel="Brief")
    bulletin = node(
        "IERS_Bulletin",
        [
            node("UT1_UTC", "0.04", unit="s"),
            node("GPS_TIME_UTC", "18", unit="s"),
            node("GPS_TIME_TAI", "-19", unit="s"),
            node("POLE_U_ANGLE", "0.2276", unit="arcsec"),
            node("POLE_V_ANGLE", "0.4065", unit="arcsec"),
        ],
    )
    document.section("Auxiliary_Data_Info", auxiliary_files(spec, bulletin), metadataLevel="Standard")
    return document.bytes()


def _seconds(spec: Spec) -> int:
    """How many seconds of ephemeris and attitude fill the wanted size."""
    second = len(serialise(node("x", _ancillary(spec, 22)))) - len(serialise(node("x", _ancillary(spec, 2))))
    return -int(-spec.datastrip_mb * 1e6 * 20 // second)


def _general(spec: Spec) -> list[Element]:
    return [
        datatake(spec, "Datatake_Info", metadataLevel="Brief"),
        node(
            "Datastrip_Time_Info",
            leaves(
                DATASTRIP_SENSING_START=iso(spec.strip_start),
                DATASTRIP_SENSING_STOP=iso(spec.strip_start + timedelta(seconds=764)),
            ),
            metadataLevel="Brief",
        ),
        node(
            "Processing_Info",
            [
                *leaves(PROCESSING_BASELINE=spec.baseline),
                *doi(spec),
                *leaves(PROCESSING_CENTER=spec.centre, UTC_DATE_TIME=iso(spec.generation, 0)),
            ],
            metadataLevel="Expertise",
        ),
        node(
            "Downlink_Info",
            leaves(RECEPTION_STATION="EDRS", DOWNLINK_ORBIT_NUMBER=spec.absolute_orbit + 1),
            metadataLevel="Standard",
        ),
        node(
            "Archiving_Info",
            leaves(ARCHIVING_CENTRE=spec.centre, ARCHIVING_TIME=iso(spec.generation, 6)),
            metadataLevel="Expertise",
        ),
        node(
            "PROCESSING_SPECIFIC_PARAMETERS",
            leaves(PROCESSING_SPECIFIC_PARAMETERS="BINNING=true;SAMPLE=true;"),
            metadataLevel="Expertise",
        ),
    ]


def _tiles(spec: Spec) -> Element:
    return node(
        "Tiles_Information",
        node("Tile_List", node("Tile", tileId=spec.tile_id())),
        metadataLevel="Standard",
    )


def _sensor(spec: Spec) -> Element:
    expert = {"metadataLevel": "Expertise"}
    bands = [
        node(
            "Spectral_Band_Information",
            [
                node("PHYSICAL_GAINS", gain, geometry="FULL_RESOLUTION", metadataLevel="Standard"),
                node("COMPRESSION_RATE", f"{2.4 + 0.05 * n:.6g}", **expert),
                node("INTEGRATION_TIME", f"{1.2 + 0.5 * n:.7g}", unit="ms", **expert),
            ],
            bandId=n,
        )
        for n, gain in enumerate(spec.hardware.gains)
    ]
    tdi = [node("TDI_CONFIGURATION", "APPLIED", bandId=n) for n in (2, 3, 11, 12)]
    configuration = [
        node("COMPRESS_MODE", "true", **expert),
        node("EQUALIZATION_MODE", "true", **expert),
        node("NUC_TABLE_ID", 3, **expert),
        node("Active_Detectors_List", texts("ACTIVE_DETECTOR", DETECTORS), **expert),
        node("TDI_Configuration_List", tdi, metadataLevel="Standard"),
        node("Spectral_Band_Info", bands),
    ]
    packets = [
        node(
            "Detector",
            node(
                "Band_List",
                [
                    node(
                        "Band",
                        leaves(DATA_STRIP_START=1, SCENE_POSITION=1, NB_OF_SOURCE_PACKETS=144),
                        bandId=n,
                    )
                    for n in range(len(BANDS))
                ],
            ),
            detectorId=detector,
        )
        for detector in DETECTORS
    ]
    lost = leaves(NUMBER_OF_LOST_PACKETS=0, NUMBER_OF_TOO_DEGRADED_PACKETS=0, NUMBER_OF_KEPT_DEGRADED_PACKETS=0)
    stamps = [
        node(
            "Band_Time_Stamp",
            [
                node(
                    "Detector",
                    leaves(REFERENCE_LINE=1, GPS_TIME=_gps(spec, 18 + 0.1 * n)),
                    detectorId=detector,
                )
                for detector in DETECTORS
            ],
            bandId=n,
        )
        for n in range(len(BANDS))
    ]
    return node(
        "Sensor_Configuration",
        [
            node("Acquisition_Configuration", configuration),
            node(
                "Source_Packet_Description",
                [
                    node("Source_Packet_Counters_List", node("Detector_List", packets)),
                    node("Degradation_Summary", lost, degradationPercentage=0),
                ],
            ),
            node(
                "Time_Stamp",
                [node("LINE_PERIOD", "1.565873622", unit="ms"), *stamps, node("GPS_SYNC", "true")],
                metadataLevel="Standard",
                usedModel="EXOGENEOUS",
            ),
        ],
    )


def _radiometric(spec: Spec) -> Element:
    return node(
        "Radiometric_Info",
        [
            *leaves(SWIR_REARRANGEMENT_PROC="true", SATURATED_PIXELS_PROC="true"),
            spectral_information(spec),
            display_order(),
            *quantification(spec),
            reflectance_conversion(spec),
        ],
        metadataLevel="Standard",
    )


def _geometric() -> Element:
    rotation = [
        node(axis, leaves(DEGREE=2, COEFFICIENTS=f"{n + 1.5}e-05 -{n + 2.25}e-06 {n + 3.125}e-07"))
        for n, axis in enumerate("XYZ")
    ]
    homothety = node("Homothety", node("Z", leaves(DEGREE=1, COEFFICIENTS="1.0 1.25e-06")))
    corrections = [
        node("Spacecraft_Position"),
        node("MSI_State", [node("Rotation", rotation), homothety]),
        node("Focal_Plane_State", focalPlaneId="VNIR"),
        node("Focal_Plane_State", focalPlaneId="SWIR"),
    ]
    refining = node("Refining_Characteristics", [*leaves(REFERENCE_BAND="B04"), node("Reference_Image_List")])
    return node(
        "Geometric_Info",
        [
            node("RGM", "COMPUTED"),
            node("Image_Refining", refining, flag="REFINED"),
            node("Refined_Corrections_List", node("Refined_Corrections", corrections)),
        ],
        metadataLevel="Standard",
    )


def _ancillary(spec: Spec, seconds: int) -> list[Element]:
    """Return `seconds` seconds of clocks, positions, attitudes (ten a second) and temperatures."""

    def series(make: Callable[[float], Element], step: float = 1.0) -> list[Element]:
        return [make(n * step) for n in range(int(seconds / step))]

    clocks = series(
        lambda t: node(
            "Time_Correlation_Data",
            [
                node("NSM", "KALMAN_FILTER"),
                node("QUALITY_INDEX", 77, unit="ns"),
                *leaves(TDOP=1, IMT=5152406268191605 + int(t * 2**24), GPS_TIME=_gps(spec, t), UTC_TIME=_gps(spec, t)),
            ],
        )
    )
    positions = series(
        lambda t: node(
            "GPS_Point",
            [
                node("POSITION_VALUES", f"{-1987673421 + int(1854891 * t)} 6819054127 -986550837", unit="mm"),
                node("POSITION_ERRORS", "1176 2052 794", unit="mm"),
                node("VELOCITY_VALUES", "1854891 -507814 -7302768", unit="mm/s"),
                node("VELOCITY_ERRORS", "10 18 7", unit="mm/s"),
                *leaves(GPS_TIME=_gps(spec, t), NSM="KALMAN_FILTER", QUALITY_INDEX=7, GDOP=2, PDOP=2, TDOP=1, NOF_SV=7),
                node("TIME_ERROR", 4, unit="ns"),
            ],
        )
    )
    attitudes = series(
        lambda t: node(
            "Values",
            leaves(
                QUATERNION_VALUES=f"0.52{int(t * 1e6):010} 0.398736437912675 -0.486677633111799 0.577025516569408",
                QUATERNION_VALIDITY="true",
                GPS_TIME=_gps(spec, t),
                INUSE_FLAGS="true true false true false false false true true true true",
                AOCS_MODE=2,
                AOCS_SUBMODE=3,
                INNOVATION_STR1="0 0 0",
                INNOVATION_STR2="0 0 0",
                ATTITUDE_QUALITY_INDICATOR="PROPAGATED",
            ),
        ),
        0.1,
    )
    temperatures = series(
        lambda t: node("Value", [node("T", f"{20 + 0.001 * t:.6f}", unit="°C"), node("GPS_TIME", _gps(spec, t))]), 2.0
    )
    validity = leaves(GPS_TIME_START=_gps(spec, 0), GPS_TIME_END=_gps(spec, seconds))
    return [
        node("Time_Correlation_Data_List", clocks, metadataLevel="Standard"),
        node(
            "Ephemeris",
            [
                node("GPS_Number_List", node("Gps_Number", validity, id="GPS-A")),
                node("GPS_Points_List", positions),
            ],
            metadataLevel="Standard",
        ),
        node("Attitudes", node("Corrected_Attitudes", attitudes, metadataLevel="Standard")),
        node(
            "Thermal_Data",
            node("FPA_List", node("FPA", temperatures, fpaId="VNIR")),
            metadataLevel="Expertise",
        ),
        node("ANC_DATA_REF", ".//ANC_DATA/", metadataLevel="Standard"),
    ]


def _quality(spec: Spec) -> list[Element]:
    date = leaves(MEASUREMENT_DATE=iso(spec.l1c_time, 0)[:-1])[0].text or ""

    def measured(tag: str, value: object, **unit: str) -> Element:
        return node(tag, [node("VALUE", str(value), **unit), node("MEASUREMENT_DATE", date)])

    metre = {"unit": "m"}
    names = ("X_MEAN", "Y_MEAN", "X_STDV", "Y_STDV")

    def residual(*values: str) -> list[Element]:
        return [node(name, value, **metre) for name, value in zip(names, values, strict=True)]

    local = [
        node("ZONE_NUMBER", 1),
        node("X_CENTER_POSITION", "0.0", **metre),
        node("Y_CENTER_POSITION", "0.0", **metre),
    ]
    correlation = [
        node("Global_Residual", residual("-0.002690", "0.004217", "3.735653", "5.237445")),
        node(
            "Local_Residual_List",
            node("Local_Residual", [*local, *residual("0.358463", "2.073056", "3.997200", "4.512729")]),
        ),
    ]
    performance = [
        measured("Multi_Temporal_Registration", 4, **metre),
        node(
            "Multi_Spectral_Registration",
            [measured(f"Band_{metres}m", value, **metre) for metres, value in ((10, 3), (20, 6), (60, 18))],
        ),
        measured("Reference_Geolocation", 6, **metre),
    ]
    refining = [node("Correlation_Quality", correlation), node("Performance_Indicators", performance)]
    location = [
        node(
            "Geometric_QI",
            [
                measured("Absolute_Location", 20, **metre),
                measured("Planimetric_Stability", 3),
                *leaves(EPHEMERIS_QUALITY=4, ANCILLARY_QUALITY=3),
            ],
        ),
        node("Geometric_Refining_Quality", node("Image_Refining", refining)),
        measured("Update_Absolute_Location", 20, **metre),
    ]
    radiometry = [
        node(
            "Radiometric_Quality",
            [
                node("Noise_Model", leaves(ALPHA=f"{0.5 + 0.01 * n:.6g}", BETA=f"{0.0005 + 0.0001 * n:.6g}")),
                *leaves(
                    ABSOLUTE_CALIBRATION_ACCURACY=5,
                    CROSS_BAND_CALIBRATION_ACCURACY=3,
                    MULTI_TEMPORAL_CALIBRATION_ACCURACY=1,
                ),
            ],
            bandId=n,
        )
        for n in range(len(BANDS))
    ]
    return [
        node("Geometric_Info", location),
        node("Radiometric_Info", node("Radiometric_Quality_List", radiometry)),
        *leaves(DEGRADED_ANC_DATA_PERCENTAGE=0),
    ]


def _gps(spec: Spec, seconds: float) -> str:
    """Write GPS time some seconds into the datastrip."""
    return iso(spec.strip_start + timedelta(seconds=18 + seconds), 6)[:-1]
