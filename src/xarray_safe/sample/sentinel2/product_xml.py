"""``MTD_MSIL2A.xml`` and ``MTD_MSIL1C.xml``: the product's metadata, and parts that recur in other files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xarray_safe.sample.sentinel2 import geometry
from xarray_safe.sample.sentinel2.spec import Spec, iso
from xarray_safe.sample.sentinel2.tables import (
    BANDS,
    CLASSES,
    GIPP_BANDLESS,
    GIPP_BANDS,
    GIPP_L2A,
    RESOLUTION,
)
from xarray_safe.sample.sentinel2.xml import Document, Element, leaves, node, texts

if TYPE_CHECKING:
    from xarray_safe.sample.sentinel2.statistics import Statistics

_DOI = {"L2A": "https://doi.org/10.5270/S2_-znk9xsj", "L1C": "https://doi.org/10.5270/S2_-742ikth"}


def product_metadata(spec: Spec, statistics: Statistics) -> bytes:
    """Write the product's metadata."""
    level = spec.level[1:]
    document = Document(spec.specification, f"User_Product_Level-{level}", f"Level-{level}_User_Product")
    document.section("General_Info", [_product_info(spec), _image_characteristics(spec)])
    document.section("Geometric_Info", _geometric_info(spec))
    document.section("Auxiliary_Data_Info", auxiliary_files(spec))
    document.section("Quality_Indicators_Info", _quality(spec, statistics))
    return document.bytes()


def doi(spec: Spec) -> list[Element]:
    """Return the product's DOI, which the metadata have since baseline 04.00."""
    return leaves(PRODUCT_DOI=_DOI[spec.level]) if spec.raster_masks else []


def quantification(spec: Spec) -> list[Element]:
    """Return quantification values and, since baseline 04.00, offsets."""
    if spec.level == "L1C":
        values = node("QUANTIFICATION_VALUE", 10000, unit="none")
        offsets, name = "Radiometric_Offset_List", "RADIO_ADD_OFFSET"
    else:
        values = node(
            "QUANTIFICATION_VALUES_LIST",
            [
                node("BOA_QUANTIFICATION_VALUE", 10000, unit="none"),
                node("AOT_QUANTIFICATION_VALUE", 1000.0, unit="none"),
                node("WVP_QUANTIFICATION_VALUE", 1000.0, unit="cm"),
            ],
        )
        offsets, name = "BOA_ADD_OFFSET_VALUES_LIST", "BOA_ADD_OFFSET"
    if not spec.raster_masks:
        return [values]
    return [values, node(offsets, [node(name, -spec.offset, band_id=n) for n in range(len(BANDS))])]


def reflectance_conversion(spec: Spec) -> Element:
    """Return the correction for the distance of the sun and the sun's irradiance by band."""
    day = spec.start.timetuple().tm_yday
    u = 1 / (1 - 0.01673 * np.cos(0.0172 * (day - 2))) ** 2
    irradiance = [
        node("SOLAR_IRRADIANCE", value, bandId=n, unit="W/m²/µm") for n, value in enumerate(spec.hardware.irradiance)
    ]
    return node("Reflectance_Conversion", [node("U", f"{u:.8f}"), node("Solar_Irradiance_List", irradiance)])


def display_order() -> Element:
    """Return the bands of a true-colour image."""
    return node("Image_Display_Order", leaves(RED_CHANNEL=3, GREEN_CHANNEL=2, BLUE_CHANNEL=1))


def spectral_information(spec: Spec) -> Element:
    """Return every band's resolution, wavelengths and spectral response (a bell in steps of 1 nm)."""
    bands = []
    for n, (band, (least, most, centre)) in enumerate(zip(BANDS, spec.hardware.wavelengths, strict=True)):
        nm = np.arange(least, most + 1)
        response = np.exp(-((np.abs(nm - centre) / (0.42 * (most - least))) ** 6))
        wavelength = [
            node("MIN", least, unit="nm"),
            node("MAX", most, unit="nm"),
            node("CENTRAL", centre, unit="nm"),
        ]
        values = " ".join(f"{value:.8g}" for value in response)
        bands.append(
            node(
                "Spectral_Information",
                [
                    node("RESOLUTION", RESOLUTION[band]),
                    node("Wavelength", wavelength),
                    node("Spectral_Response", [node("STEP", 1, unit="nm"), node("VALUES", values)]),
                ],
                bandId=n,
                physicalBand=band.replace("B0", "B"),
            )
        )
    return node("Spectral_Information_List", bands)


def gipp_list(spec: Spec) -> Element:
    """Return the names of the processing parameter files."""
    kinds = [(kind, ("B00",)) for kind in GIPP_BANDLESS] + [(kind, BANDS) for kind in GIPP_BANDS]
    if spec.baseline >= "05.10":
        kinds.append(("HRTPAR", ("B00",)))
    if spec.level == "L2A":
        kinds += [(kind, ("B00",)) for kind in GIPP_L2A]
    files = []
    for kind, bands in kinds:
        satellite = "S2_" if kind in ("EARMOD", *GIPP_L2A) else spec.satellite
        version = spec.baseline.replace(".", "") if kind.startswith("PROBA") else "0001"
        for band in bands:
            name = f"{satellite}_OPER_GIP_{kind}_MPC__20200101T00{version}_V20200102T000000_21000101T000000_{band}"
            files.append(node("GIPP_FILENAME", name, type=f"GIP_{kind}", version=version))
    return node("GIPP_List", files)


def auxiliary_files(spec: Spec, *first: Element) -> list[Element]:
    """Return the names of all auxiliary files."""
    day, hours = spec.start.strftime("%Y%m%d"), "T000000"
    ecmwf = node("ECMWF_DATA_REF", f"S2__OPER_AUX_ECMWFD_ADG__{day}{hours}_V{day}T090000_{day}T210000")
    dem = "CopernicusDEM30" if spec.level == "L2A" else "S2__OPER_DEM_GLOBEF_PDMC_19800101T000000_S19800101T000000"
    references = [f"S2A_OPER_GRI_MSIL1B_MPC__20160530T00330{n}_S20160516T100950" for n in range(3)]
    files = [*first, gipp_list(spec)]
    if first:  # the datastrip's order
        cams = node("CAMS_DATA_REF", f"S2__OPER_AUX_CAMSAN_ADG__{day}{hours}_V{day}T090000_{day}T210000")
        cams.set("type", "FORECAST")
        files += [ecmwf, cams] if spec.raster_masks else [ecmwf]
    files += leaves(
        PRODUCTION_DEM_TYPE=dem, IERS_BULLETIN_FILENAME=f"S2__OPER_AUX_UT1UTC_PDMC_{day}{hours}_V{day}{hours}"
    )
    files.append(node("GRI_List", texts("GRI_FILENAME", references if spec.specification >= 15 or first else [])))
    if not first:
        files.append(ecmwf)
    if spec.level == "L2A":
        files.append(node("LUT_List", node("LUT_FILENAME", "None")))
        files += leaves(
            SNOW_CLIMATOLOGY_MAP="GlobalSnowMap.tiff",
            ESACCI_WaterBodies_Map="ESACCI-LC-L4-WB-Map-150m-P13Y-2000-v4.0.tif",
            ESACCI_LandCover_Map="ESACCI-LC-L4-LCCS-Map-300m-P1Y-2015-v2.0.7.tif",
            ESACCI_SnowCondition_Map_Dir="ESACCI-LC-L4-Snow-Cond-500m-MONTHLY-2000-2012-v2.4",
        )
    return files


def datatake(spec: Spec, tag: str, **attributes: object) -> Element:
    """Describe the data take."""
    content = leaves(
        SPACECRAFT_NAME=f"Sentinel-{spec.satellite[1:]}",
        DATATAKE_TYPE="INS-NOBS",
        DATATAKE_SENSING_START=iso(spec.start),
        SENSING_ORBIT_NUMBER=spec.orbit,
        SENSING_ORBIT_DIRECTION="DESCENDING",
    )
    return node(tag, content, datatakeIdentifier=spec.datatake_id, **attributes)


def outline(spec: Spec) -> str:
    """Write the footprint: latitudes and longitudes, closed."""
    return "".join(f"{lat:.8f} {lon:.8f} " for lat, lon in geometry.footprint(spec.place, spec.nodata))


def _product_info(spec: Spec) -> Element:
    granule = node(
        "Granule",
        texts("IMAGE_FILE", spec.images()),
        datastripIdentifier=spec.datastrip_id,
        granuleIdentifier=spec.tile_id(),
        imageFormat="JPEG2000",
    )
    content = [
        *leaves(
            PRODUCT_START_TIME=iso(spec.start),
            PRODUCT_STOP_TIME=iso(spec.start),
            PRODUCT_URI=f"{spec.product_name}.SAFE",
            PROCESSING_LEVEL=f"Level-{spec.level[1:]}",
            PRODUCT_TYPE=f"S2MSI{spec.level[1:]}",
            PROCESSING_BASELINE=spec.baseline,
        ),
        *doi(spec),
        *leaves(
            GENERATION_TIME=iso(spec.generation, 6),
            PREVIEW_IMAGE_URL="Not applicable",
            PREVIEW_GEO_INFO="Not applicable",
        ),
        datatake(spec, "Datatake"),
        node("Query_Options", leaves(PRODUCT_FORMAT="SAFE_COMPACT"), completeSingleTile="true"),
        node("Product_Organisation", node("Granule_List", granule)),
    ]
    return node("Product_Info", content)


def _image_characteristics(spec: Spec) -> Element:
    special = [
        node("Special_Values", leaves(SPECIAL_VALUE_TEXT=text, SPECIAL_VALUE_INDEX=value))
        for text, value in (("NODATA", 0), ("SATURATED", 65535))
    ]
    content = [
        *special,
        display_order(),
        *quantification(spec),
        reflectance_conversion(spec),
        spectral_information(spec),
        *(node("PHYSICAL_GAINS", gain, bandId=n) for n, gain in enumerate(spec.hardware.gains)),
    ]
    if spec.level == "L2A":
        if spec.specification >= 15:
            content.append(node("REFERENCE_BAND", 3))
        classes = list(CLASSES)
        if spec.specification < 15:
            classes[2] = "SC_DARK_FEATURE_SHADOW"
        content.append(
            node(
                "Scene_Classification_List",
                [
                    node(
                        "Scene_Classification_ID",
                        leaves(SCENE_CLASSIFICATION_TEXT=name, SCENE_CLASSIFICATION_INDEX=n),
                    )
                    for n, name in enumerate(classes)
                ],
            )
        )
    return node("Product_Image_Characteristics", content)


def _geometric_info(spec: Spec) -> list[Element]:
    inner = node("Product_Footprint", node("Global_Footprint", leaves(EXT_POS_LIST=outline(spec))))
    return [
        node("Product_Footprint", [inner, *leaves(RASTER_CS_TYPE="POINT", PIXEL_ORIGIN=1)]),
        node(
            "Coordinate_Reference_System",
            [node("GEO_TABLES", "EPSG", version=1), node("HORIZONTAL_CS_TYPE", "GEOGRAPHIC")],
        ),
    ]


def _quality(spec: Spec, statistics: Statistics) -> list[Element]:
    reports = ["FORMAT_CORRECTNESS", "GENERAL_QUALITY", "GEOMETRIC_QUALITY", "RADIOMETRIC_QUALITY", "SENSOR_QUALITY"]
    if spec.level == "L2A":
        reports.insert(3, "L2A_QUALITY")
    checks = [node("quality_check", "PASSED", checkType=kind) for kind in reports]
    content = leaves(Cloud_Coverage_Assessment=statistics.text("CLOUDY_PIXEL_PERCENTAGE"))
    if spec.level == "L1C" and spec.raster_masks:
        content += leaves(Snow_Coverage_Assessment=statistics.text("SNOW_PIXEL_PERCENTAGE"))
    content += [
        node(
            "Technical_Quality_Assessment",
            leaves(DEGRADED_ANC_DATA_PERCENTAGE="0.0", DEGRADED_MSI_DATA_PERCENTAGE=0),
        ),
        node("Quality_Control_Checks", [node("Quality_Inspections", checks), node("Failed_Inspections")]),
    ]
    if spec.level == "L2A":
        content.append(
            node(
                "Image_Content_QI",
                leaves(**statistics.content(but=("CLOUDY_PIXEL_PERCENTAGE", "DEGRADED_MSI_DATA_PERCENTAGE"))),
            )
        )
    return content
