"""Sentinel-2 L1C and L2A in layout 2.5: the attributes of the root, `other_metadata` in full.

Source: what `eopf` 2.5.6 writes. It makes every attribute twice, in code (``sentineltoolbox``, first file that has
the element: product, tile, datastrip, manifest) and by a mapping (``S02MSIL2A_PSD15.json`` and its like, each on
all files in turn, the last that has it wins), lays the second over the first, and mends some values. Here each
look-up names the file that wins in the end. What looks odd below is so in its products:

- L1C looks up `other_metadata` in the product's file last of all, under the name `other_metadata4`.
- ``"null"`` stands for an optional element that the last file does not have, though another may.
- A list that is looked up in vain is the list of the letters of its path.
- PSD-14 and PSD-15 have mappings of their own that differ in three small things.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.model.arrays import LookUp
from xarray_safe.model.lookups import ABSENT, Either, F, X
from xarray_safe.products.sentinel2 import bands
from xarray_safe.products.sentinel2.bands import BANDS, CHARACTERISTICS, QI, Level
from xarray_safe.products.sentinel2.grids import GEOCODING
from xarray_safe.products.sentinel2.layout25.stac import stac_discovery
from xarray_safe.products.sentinel2.layout28.metadata import ACQUISITION, whole

if TYPE_CHECKING:
    from xarray_safe.model.arrays import Context

AUXILIARY: Final = {
    "used DEM file name": "PRODUCTION_DEM_TYPE",
    "used IERS file name": "IERS_BULLETIN_FILENAME",
    "used ECMWF file names": "ECMWF_DATA_REF",
    "used CAMS file names": "CAMS_DATA_REF",
}
CLIMATOLOGY: Final = {
    "used snow climatology map file name": "SNOW_CLIMATOLOGY_MAP",
    "used ESA CCI water bodies map file name": "ESACCI_WaterBodies_Map",
    "used ESA CCI land cover map file name": "ESACCI_LandCover_Map",
    "used ESA CCI snow condition map folder name": "ESACCI_SnowCondition_Map_Dir",
    "used LibRadTran Look-Up Tables list": "LUT_List/LUT_FILENAME",
}
PARAMETERS: Final = "list of used processing parameters file names"
CHECKS: Final = f"{QI}/Quality_Control_Checks/Quality_Inspections/quality_check"
DEGRADED: Final = f"{QI}/Technical_Quality_Assessment/DEGRADED_MSI_DATA_PERCENTAGE"
_GEOMETRIC_QI = f"{QI}/Geometric_Info/Geometric_QI"
GEOMETRIC: Final = {
    "L0_ephemeris_data_quality": f"{_GEOMETRIC_QI}/EPHEMERIS_QUALITY",
    "L0_ancillary_data_quality": f"{_GEOMETRIC_QI}/ANCILLARY_QUALITY",
    "absolute_location_assessment_from_AOCS": f"{_GEOMETRIC_QI}/Absolute_Location",
    "planimetric_stability_assessment_from_AOCS": f"{_GEOMETRIC_QI}/Planimetric_Stability",
    "multispectral_registration_assessment": f"{_GEOMETRIC_QI}/Multi_Spectral_Registration",
}
SUN_DISTANCE: Final = (
    "reflectance_correction_factor_from_the_Sun-Earth_distance_variation_computed_using_the_acquisition_date"
)


def attributes(level: Level) -> dict[str, dict[str, Any]]:
    """Attributes of the groups by path: only the root has some."""
    root = {"stac_discovery": stac_discovery(level), "other_metadata": other_metadata(level)}
    if level == "L1C":
        root["other_metadata4"] = _other_metadata_of_l1c_product()
    return {"/": root}


def other_metadata(level: Level) -> dict[str, Any]:
    """Metadata that have no place in STAC."""
    angles = "Geometric_Info/Tile_Angles/Mean_Sun_Angle"
    table = {
        **_common(),
        "UTM_zone_identification": X("tile", "General_Info/TILE_ID"),
        "mean_sensing_time": X("tile", "General_Info/SENSING_TIME"),
        "horizontal_CRS_name": X("tile", f"{GEOCODING}/HORIZONTAL_CS_NAME"),
        "horizontal_CRS_code": X("tile", f"{GEOCODING}/HORIZONTAL_CS_CODE"),
        "mean_sun_azimuth_angle_in_deg_for_all_bands_all_detectors": X("tile", f"{angles}/AZIMUTH_ANGLE", float, True),
        "mean_sun_zenith_angle_in_deg_for_all_bands_all_detectors": X("tile", f"{angles}/ZENITH_ANGLE", float, True),
        "NUC_table_ID": X("datastrip", f"{ACQUISITION}/NUC_TABLE_ID", whole, optional=True),
        "onboard_compression_flag": X("datastrip", f"{ACQUISITION}/COMPRESS_MODE", str, optional=True),
    }
    files = ("product", "datastrip") if level == "L2A" else ("datastrip", "product")
    table["percentage_of_degraded_MSI_data"] = Either(*(X(file, DEGRADED, float, optional=True) for file in files))
    described = {band.name: _band_by_code(band) for band in BANDS}
    if level == "L1C":
        status = Either(_texts(CHECKS, "datastrip"), X("product", CHECKS, str, optional=True))
        described |= {band.code: _on_board(band) for band in BANDS}
        return {
            **table,
            **_optional(None),
            **dict.fromkeys(GEOMETRIC, "null"),
            "spectral_band_of_reference": "null",
            "product_quality_status": status,
            "band_description": described,
            "history": _history(level, "datastrip"),
        }
    described |= {band.code: {**_response(band), **_on_board(band)} for band in BANDS}
    return {
        **table,
        **_optional("product"),
        **{
            name: Either(X("product", path, optional=True), X("datastrip", path, default="N/A"))
            for name, path in GEOMETRIC.items()
        },
        "spectral_band_of_reference": "N/A",
        "product_quality_status": _texts(CHECKS, "product", "datastrip"),
        "band_description": described,
        "history": _history(level, "product", "datastrip"),
        "declared_accuracy_of_radiative_transfer_model": bands.image_content("RADIATIVE_TRANSFER_ACCURACY"),
        "declared_accuracy_of_water_vapour_model": bands.image_content("WATER_VAPOUR_RETRIEVAL_ACCURACY"),
        "declared_accuracy_of_AOT_model": bands.image_content("AOT_RETRIEVAL_ACCURACY"),
        "AOT_retrieval_model": bands.image_content("AOT_RETRIEVAL_METHOD", str),
        "mean_value_of_aerosol_optical_thickness": bands.image_content("GRANULE_MEAN_AOT"),
        "mean_value_of_total_water_vapour_content": bands.image_content("GRANULE_MEAN_WV"),
        "ozone_source": bands.image_content("OZONE_SOURCE", str),
        "ozone_value": bands.image_content("OZONE_VALUE"),
    }


def _other_metadata_of_l1c_product() -> dict[str, Any]:
    """`other_metadata` of L1C once more, as found in the product's file alone."""
    return {
        **_common(),
        **_optional("product"),
        **{name: _null("product", path) for name, path in GEOMETRIC.items()},
        "percentage_of_degraded_MSI_data": X("product", DEGRADED, float, optional=True),
        "spectral_band_of_reference": X("product", f"{CHARACTERISTICS}/REFERENCE_BAND", int, default="null"),
        "product_quality_status": _texts(CHECKS, "product"),
        "band_description": {band.code: _response(band) for band in BANDS},
        "history": _history("L1C", "product"),
    }


def _common() -> dict[str, Any]:
    return {
        "eopf_category": "eoproduct",
        SUN_DISTANCE: X("product", f"{CHARACTERISTICS}/Reflectance_Conversion/U", float, optional=True),
        "meteo": {"source": "ECMWF", "type": "FORECAST"},
    }


def _texts(path: str, *documents: str) -> Either:
    """Texts of all elements at a path, joined by commas, in the first of some documents that has any."""
    return Either(*(F(_joined, X(document, path, str, optional=True, every=True)) for document in documents))


@dataclass(frozen=True, slots=True)
class TextOrAttribute(LookUp):
    """Look-up of an element's text, or of its first attribute where it has none; ``"null"`` without element."""

    document: str
    path: str

    def resolve(self, context: Context) -> str:
        """Return the value in this product."""
        documents = context.documents
        element = documents.root(self.document, self.path.partition("/")[0]).find(self.path)
        found = () if element is None else (element.text, *element.attrib.values())
        return next((str(value) for value in found if value is not None), "null")


def _null(document: str | None, path: str) -> object:
    return TextOrAttribute(document, path) if document else "null"


def _optional(document: str | None) -> dict[str, Any]:
    """Return flags and refinement of one document, ``"null"`` if it has none."""
    radiometric = "Image_Data_Info/Radiometric_Info"
    rotation = "Image_Data_Info/Geometric_Info/Refined_Corrections_List/Refined_Corrections/MSI_State/Rotation"
    residual = (
        f"{QI}/Geometric_Info/Geometric_Refining_Quality/Image_Refining/Correlation_Quality/"
        "Local_Residual_List/Local_Residual"
    )
    tie_points = "residual_displacements_at_all_tie_points_after_refinement_m"

    def below(parent: str, *names: str) -> dict[str, object]:
        return {name: _null(document, f"{parent}/{name.upper()}") for name in names}

    return {
        "onboard_equalization_flag": _null(document, f"{ACQUISITION}/EQUALIZATION_MODE"),
        "SWIR_rearrangement_flag": _null(document, f"{radiometric}/SWIR_REARRANGEMENT_PROC"),
        "optical_crosstalk_correction_flag": _null(document, f"{radiometric}/CROSSTALK_OPTICAL_PROC"),
        "electronic_crosstalk_correction_flag": _null(document, f"{radiometric}/CROSSTALK_ELECTRONIC_PROC"),
        "geometric_refinement": {
            "spacecraft_rotation": {axis: below(f"{rotation}/{axis}", "degree", "coefficients") for axis in "XYZ"},
            f"mean_value_of_{tie_points}": below(residual, "x_mean", "y_mean"),
            f"standard_deviation_of_{tie_points}": below(residual, "x_stdv", "y_stdv"),
        },
    }


def _response(band: bands.Band) -> dict[str, Any]:
    """Return a band's metadata in the product's file."""
    return {
        "units": "nm",
        "central_wavelength": bands.spectral(band, "Wavelength/CENTRAL"),
        "wavelength_min": bands.spectral(band, "Wavelength/MIN"),
        "wavelength_max": bands.spectral(band, "Wavelength/MAX"),
        "bandwidth": band.bandwidth,
        "spectral_response_step": bands.spectral(band, "Spectral_Response/STEP", str),
        "spectral_response_values": bands.spectral(band, "Spectral_Response/VALUES", str),
        "physical_gain": X("product", f"{CHARACTERISTICS}/PHYSICAL_GAINS[@bandId='{band.number}']", str, optional=True),
    }


def _on_board(band: bands.Band) -> dict[str, Any]:
    """Return a band's metadata in the datastrip's file."""
    band_info = f"{ACQUISITION}/Spectral_Band_Info/Spectral_Band_Information[@bandId='{band.number}']"
    return {
        "units": "nm",
        "bandwidth": band.bandwidth,
        "onboard_compression_rate": X("datastrip", f"{band_info}/COMPRESSION_RATE", str, optional=True),
        "onboard_integration_time": X("datastrip", f"{band_info}/INTEGRATION_TIME", str, optional=True),
    }


def _band_by_code(band: bands.Band) -> dict[str, Any]:
    """Return all metadata of a band, as in the converter: under the band's EOPF name and with the width as a number."""
    return {**_response(band), **_on_board(band), "bandwidth": float(band.bandwidth)}


def _history(level: Level, *documents: str) -> list[dict[str, Any]]:
    """List the steps of processing up to the product's level, with the auxiliary files that some documents name."""
    unknown = {"version": "???"}
    steps: list[dict[str, Any]] = [
        {"type": "Raw Data", "output": "Downlinked Stream"},
        {
            "type": "Level-0 Product",
            "processor": "L0",
            **(unknown if level == "L1C" else {}),
            "organisation": "ESA",
            "inputs": "Downlinked Stream",
            "output": "S2MSIL0__etc",
        },
    ]
    levels = ["0_", "1A", "1B", "1C", "2A"][: 5 if level == "L2A" else 4]
    for before, this in pairwise(levels):
        lower = level == "L1C" and this == "1C"
        steps.append(
            {
                "type": f"Level-{this} Product",
                "processor": bands.ByPsd("sentinel-2 IPF", "Sentinel-2 IPF") if lower else "Sentinel-2 IPF",
                **unknown,
                "organisation": "ESA",
                "inputs": {
                    **_auxiliary(level, CLIMATOLOGY if this == "2A" else {}, documents),
                    f"Level-{before.rstrip('_')} Product": f"S2MSIL{before}_etc",
                },
                "output": f"S2MSIL{this}_etc",
            }
        )
    return steps


def _auxiliary(level: Level, more: dict[str, str], documents: tuple[str, ...]) -> dict[str, Any]:
    """Names of auxiliary files; L1C has two of its kinds as lists, and looks in the wrong place for them."""
    names: dict[str, Any] = {
        name: _texts(f"Auxiliary_Data_Info/{path}", *documents) for name, path in {**AUXILIARY, **more}.items()
    }
    gipp, gri = "Auxiliary_Data_Info/GIPP_List/GIPP_FILENAME", "Auxiliary_Data_Info/GRI_List"
    if level == "L2A":
        references = _texts(f"{gri}/GRI_FILENAME", *documents)
        return {**names, "used GRI file name": references, PARAMETERS: _texts(gipp, *documents)}
    found = X(documents[0], gipp, default=None, every=True)
    if documents == ("datastrip",):
        return {**names, "used GRI file list": _letters(gri), PARAMETERS: F(_letters_then_names, gipp, found)}
    references_list = F(_list_text, gri, X("product", gri, default=gri))
    return {**names, "used GRI file list": references_list, PARAMETERS: F(_names_or_letters, gipp, found)}


def _letters(path: str) -> list[str]:
    return list(f"n1:{path}")


def _letters_then_names(path: str, names: object) -> list[object]:
    """Letters of the path, which the manifest lays over the first of the names."""
    letters: list[object] = list(_letters(path))
    return letters + (names[len(letters) :] if isinstance(names, list) else [])


def _names_or_letters(path: str, names: object) -> object:
    if names is None:
        return _letters(path)
    return names if isinstance(names, list) else [names]


def _list_text(path: str, text: str | None) -> object:
    """Return the text of a list's element before its first child, if there is any."""
    if text is None:
        return ABSENT
    return _letters(path) if text == path else [text]


def _joined(texts: list[str] | str) -> str:
    return texts if isinstance(texts, str) else ",".join(texts)
