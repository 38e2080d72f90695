"""Sentinel-2 L1C and L2A in layout 2.5: `stac_discovery` of the root.

Source: what `eopf` 2.5.6 writes; how it comes about stands at the head of `s2_layout25_metadata`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.model.lookups import Either, F, X
from xarray_safe.products.sentinel2 import bands as s2
from xarray_safe.products.sentinel2.bands import BANDS, CHARACTERISTICS, QI, RESOLUTIONS, ByPsd, Level
from xarray_safe.products.sentinel2.grids import GEOCODING, proj
from xarray_safe.products.sentinel2.layout28.metadata import FOOTPRINT, INFO, ORBIT, bounding_box, points, whole

if TYPE_CHECKING:
    from collections.abc import Callable

EXTENSIONS: Final = "eopf/v1.0.0 eo/v1.1.0 sat/v1.0.0 view/v1.0.0 scientific/v1.0.0 processing/v1.2.0 product/v0.1.0"
BANDS_OF: Final = {10: "bands 02, 03, 04, 08", 20: "bands 05, 06, 07, 8A, 11, 12", 60: "bands 01, 09, 10"}
PIXEL_CLASSES: Final = {
    "cloud over all": "CLOUDY_PIXEL",
    "cloud over land": "CLOUDY_PIXEL_OVER_LAND",
    "degraded instrument data": "DEGRADED_MSI_DATA",
    "no-data pixel": "NODATA_PIXEL",
    "saturated or defective pixel": "SATURATED_DEFECTIVE_PIXEL",
    "dark feature or shadow": "DARK_FEATURES",
    "cloud shadow": "CLOUD_SHADOW",
    "vegetation": "VEGETATION",
    "no vegetation": "NOT_VEGETATED",
    "water": "WATER",
    "unclassified pixel": "UNCLASSIFIED",
    "cloud medium probability": "MEDIUM_PROBA_CLOUDS",
    "cloud high probability": "HIGH_PROBA_CLOUDS",
    "thin cirrus": "THIN_CIRRUS",
    "snow or ice": "SNOW_ICE",
}


def stac_discovery(level: Level) -> dict[str, Any]:
    """STAC item of the product, version 1.0."""
    properties = {
        "datetime": None,
        "start_datetime": _info("PRODUCT_START_TIME", time),
        "end_datetime": _info("PRODUCT_STOP_TIME", time),
        "created": _info("GENERATION_TIME", time),
        "platform": _info("Datatake/SPACECRAFT_NAME", s2.platform),
        "instrument": "msi",
        "mission": "copernicus",
        "constellation": "sentinel-2",
        "providers": [
            {"name": f"{level} Processor", "roles": ["processor"]},
            {"name": "ESA", "roles": ["producer"]},
        ],
        "sat:absolute_orbit": X("manifest", ORBIT, whole, optional=True),
        "sat:relative_orbit": _info("Datatake/SENSING_ORBIT_NUMBER", whole),
        "sat:orbit_state": X("manifest", f"{ORBIT}/@groundTrackDirection", optional=True),
        "sat:platform_international_designator": "2015-028A",
        "sci:doi": X("product", f"{INFO}/PRODUCT_DOI", _doi, optional=True),
        "processing:expression": "systematic",
        "processing:lineage": f"IPF {level} processor",
        "processing:facility": "ESA",
        "processing:software": {"Sentinel-2 IPF": " "},
        "processing:level": level,
        "processing:version": "",
        "product:type": f"S02MSI{level}",
        "product:timeliness_category": "NRT",
        "product:timeliness": "PT3H",
        "eo:cloud_cover": s2.image_content("CLOUDY_PIXEL_PERCENTAGE"),
        "eo:snow_cover": _snow_cover(level),
        "bands": [_band(band) for band in BANDS],
        "eopf:instrument_mode": _info("Datatake/DATATAKE_TYPE"),
        "eopf:data_take_id": _info("Datatake/@datatakeIdentifier"),
        "eopf:baseline": _info("PROCESSING_BASELINE"),
        "eopf:resolutions": {
            BANDS_OF[resolution]: s2.spectral(s2.native_bands(resolution)[0], "RESOLUTION", None)
            for resolution in RESOLUTIONS
        },
        **proj(s2.grid(level, 20), "proj:epsg", "proj:bbox"),
    }
    if level == "L1C":
        properties["eopf:image_size"] = [_image_size(resolution) for resolution in RESOLUTIONS]
    else:
        properties["eopf:pixel_classification"] = _pixel_classification()
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [f"https://stac-extensions.github.io/{name}/schema.json" for name in EXTENSIONS.split()],
        "id": _info("PRODUCT_URI"),
        "geometry": X("manifest", FOOTPRINT, polygon, optional=True),
        "bbox": X("manifest", FOOTPRINT, bounding_box, optional=True),
        "properties": properties,
        "links": [{"rel": "self", "href": "./.zattrs.json", "type": "application/json"}],
        "assets": {"analytic": _asset(level)},
    }


def _info(path: str, convert: Callable[[str], object] | None = None) -> X:
    return X("product", f"{INFO}/{path}", convert)


def _snow_cover(level: Level) -> Either:
    """Snow cover in %: the share of the pixels, but for products that have both elements that no usual one has."""
    over_land = s2.image_content("CLOUDY_PIXEL_OVER_LAND_PERCENTAGE")
    assessed = F(_first, X("product", f"{QI}/Snow_Coverage_Assessment", float, optional=True), over_land)
    names = ("SNOW_ICE_PERCENTAGE", "SNOW_PIXEL_PERCENTAGE") if level == "L2A" else ("SNOW_PIXEL_PERCENTAGE",)
    return Either(assessed, *map(s2.image_content, names))


def _pixel_classification() -> F:
    """Shares of the classes in %, only in products that state their snow cover too."""
    assessed = X("product", f"{QI}/Snow_Coverage_Assessment", float, optional=True)
    return F(_classified, assessed, *(s2.image_content(f"{name}_PERCENTAGE") for name in PIXEL_CLASSES.values()))


def _classified(_assessed: float, *percent: float) -> list[dict[str, Any]]:
    return [{"name": name, "percent": share} for name, share in zip(PIXEL_CLASSES, percent, strict=True)]


def _band(band: s2.Band) -> dict[str, Any]:
    """Band in STAC; the converter takes the width, which is in µm, for nm with the wavelength."""
    centre = s2.spectral(band, "Wavelength/CENTRAL")
    return {
        "name": band.name,
        "eo:common_name": band.common_name,
        "eo:center_wavelength": F(_micrometres, centre, centre),
        "eo:full_width_half_max": F(_micrometres, band.fwhm, centre),
        "eo:solar_illumination": X("product", _irradiance(band), float, optional=True),
    }


def _irradiance(band: s2.Band) -> str:
    return f"{CHARACTERISTICS}/Reflectance_Conversion/Solar_Irradiance_List/SOLAR_IRRADIANCE[@bandId='{band.number}']"


def _micrometres(length: float, wavelength: float) -> float:
    """Length in µm, where the magnitude of the wavelength tells the unit: nm (usual), pm or µm."""
    if wavelength > 100_000:
        return length / 1e6
    return length / 1e3 if wavelength > 100 else length


def _image_size(resolution: int) -> dict[str, Any]:
    size, place = (f"{GEOCODING}/{kind}[@resolution='{resolution}']" for kind in ("Size", "Geoposition"))
    return {
        "name": BANDS_OF[resolution],
        "start_offset": X("tile", f"{place}/ULY", float),
        "track_offset": X("tile", f"{place}/ULX", float),
        "rows": X("tile", f"{size}/NROWS", int),
        "columns": X("tile", f"{size}/NCOLS", int),
    }


def _asset(level: Level) -> dict[str, Any]:
    """Attributes of the one asset; irradiances are text here (L1C by PSD-14: numbers)."""
    return {
        "href": "null",
        "eo:cloud_cover": s2.image_content("CLOUDY_PIXEL_PERCENTAGE"),
        "eo:snow_cover": s2.image_content("SNOW_ICE_PERCENTAGE" if level == "L2A" else "SNOW_PIXEL_PERCENTAGE"),
        "eo:bands": [_asset_band(level, band) for band in BANDS],
    }


def _asset_band(level: Level, band: s2.Band) -> dict[str, Any]:
    illumination: X | ByPsd = X("product", _irradiance(band), str, optional=True)
    if level == "L1C":
        illumination = ByPsd(X("product", _irradiance(band), float, optional=True), illumination)
    table = {
        "name": band.code,
        "center_wavelength": F(_nanometres, s2.spectral(band, "Wavelength/CENTRAL")),
        "full_width_half_max": band.fwhm,
        "solar_illumination": illumination,
    }
    if band.name not in ("b05", "b06", "b07", "b8a", "b09"):  # red edge and narrow infrared have no common name here
        capital = level == "L2A" and band.name == "b08"
        table["common_name"] = ByPsd("NIR", "nir") if capital else band.common_name
    return table


def _nanometres(length: float) -> float:
    return length * 0.001


def polygon(text: str) -> dict[str, Any]:
    """GeoJSON polygon of a footprint as it is given: not closed, and not cut at the antimeridian."""
    return {"type": "Polygon", "coordinates": [points(text)]}


def time(text: str) -> str:
    """Time in ISO 8601 with its zone, UTC if none is given; other text is returned unchanged."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).isoformat()


def _doi(text: str) -> str:
    return text.replace("https://doi.org/", "")


def _first(value: object, *_others: object) -> object:
    return value
