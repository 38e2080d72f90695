"""Tables of layout 2.5: sound in themselves, and right where the conformance products do not look."""

from __future__ import annotations

import pytest

from xarray_safe import crs as utm
from xarray_safe.model.arrays import LookUp
from xarray_safe.model.build import BuildContext
from xarray_safe.model.documents import Documents
from xarray_safe.model.lookups import F, X, resolve
from xarray_safe.products.sentinel2.layout25 import metadata as metadata
from xarray_safe.products.sentinel2.layout25 import stac as stac
from xarray_safe.products.sentinel2.layout25.variables import variables

LEVELS = ("L1C", "L2A")
PSD_14, PSD_15 = (
    f'<n:Product xmlns:n="https://psd-{psd}.x/a.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    f'xsi:schemaLocation="https://psd-{psd}.x/a.xsd /dpc/a.xsd">{{}}</n:Product>'
    for psd in (14, 15)
)


class Texts:
    """Files that stand in the test."""

    url = "memory"
    local = False

    def __init__(self, **texts: str) -> None:
        self.texts = texts

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        return self.texts[name].encode()[start:stop]

    def size(self, name: str) -> int:
        return len(self.texts[name].encode())


def documents(**texts: str) -> BuildContext:
    files = Texts(**texts)
    return BuildContext(files, Documents(files, {name: name for name in texts}))  # type: ignore[arg-type]


@pytest.mark.parametrize("epsg", [*range(32601, 32661), *range(32701, 32761)])
def test_wkt_is_what_gdal_writes(epsg: int) -> None:
    crs = pytest.importorskip("rasterio.crs")
    assert utm.wkt(epsg) == crs.CRS.from_epsg(epsg).to_wkt()


@pytest.mark.parametrize("level", LEVELS)
def test_paths_are_unique_and_coordinates_exist(level: str) -> None:
    table = variables(level)  # type: ignore[arg-type]
    paths = [var.path for var in table]
    assert len(paths) == len(set(paths))
    for var in table:
        described = var.attrs.get("_eopf_attrs")
        if described is None:
            assert not var.attrs
            continue
        assert described["dimensions"] == list(var.dims)  # type: ignore[index]
        assert set(var.dims) <= set(described["coordinates"])  # type: ignore[index]
        group = var.path.rpartition("/")[0]
        assert {f"{group}/{name}" for name in described["coordinates"]} <= set(paths)  # type: ignore[index]


@pytest.mark.parametrize("level", LEVELS)
def test_all_look_ups_can_be_cached_and_are_shared(level: str) -> None:
    """Unhashable look-ups could not be resolved; equal ones are resolved once."""
    projections = set()
    for var in variables(level):  # type: ignore[arg-type]
        for value in var.attrs.values():
            assert not isinstance(value, LookUp) or isinstance(hash(value), int)
        projections.add(var.attrs.get("proj:wkt2"))
    assert len(projections - {None}) == 3


@pytest.mark.parametrize("level", LEVELS)
def test_projection_is_on_every_image_and_nowhere_else(level: str) -> None:
    for var in variables(level):  # type: ignore[arg-type]
        image = var.dims[-2:] == ("y", "x") and not var.path.startswith("/conditions/geometry")
        assert ("proj:epsg" in var.attrs) is image, var.path


def test_l1c_repeats_other_metadata_of_its_product_file() -> None:
    assert set(metadata.attributes("L1C")["/"]) == {"stac_discovery", "other_metadata", "other_metadata4"}
    assert set(metadata.attributes("L2A")["/"]) == {"stac_discovery", "other_metadata"}


@pytest.mark.parametrize(
    ("level", "xml", "common_name", "illumination", "processor"),
    [
        ("L1C", PSD_14, "nir", 1041.28, "sentinel-2 IPF"),
        ("L1C", PSD_15, "nir", "1041.28", "Sentinel-2 IPF"),
        ("L2A", PSD_14, "NIR", "1041.28", "Sentinel-2 IPF"),
        ("L2A", PSD_15, "nir", "1041.28", "Sentinel-2 IPF"),
    ],
)
def test_what_depends_on_the_product_specification(
    level: str, xml: str, common_name: str, illumination: object, processor: str
) -> None:
    irradiance = "<General_Info><Product_Image_Characteristics><Reflectance_Conversion><Solar_Irradiance_List>{}"
    irradiance += "</Solar_Irradiance_List></Reflectance_Conversion></Product_Image_Characteristics></General_Info>"
    product = xml.format(irradiance.format('<SOLAR_IRRADIANCE bandId="7">1041.28</SOLAR_IRRADIANCE>'))
    files = documents(product=product, datastrip="<a/>", tile="<a/>")
    attrs = metadata.attributes(level)["/"]  # type: ignore[arg-type]
    band = resolve(attrs["stac_discovery"]["assets"]["analytic"]["eo:bands"][7], files)
    assert (band["common_name"], band["solar_illumination"]) == (common_name, illumination)
    assert type(band["solar_illumination"]) is type(illumination)
    assert resolve(attrs["other_metadata"]["history"][4]["processor"], files) == processor


@pytest.mark.parametrize(
    ("xml", "value"),
    [
        ("<a/>", "null"),
        ("<a><b>true</b></a>", "true"),
        ('<a><b unit="m"/></a>', "m"),
        ("<a><b/></a>", "null"),
        ('<a><b unit="m">\n <c/></b></a>', "\n "),
    ],
)
def test_text_or_attribute(xml: str, value: str) -> None:
    assert resolve(metadata.TextOrAttribute("product", "b"), documents(product=xml)) == value


def gipp(names: int) -> str:
    listed = "".join(f"<GIPP_FILENAME>{number}</GIPP_FILENAME>" for number in range(names))
    return f"<a><Auxiliary_Data_Info><GIPP_List>{listed}</GIPP_List><GRI_List/></Auxiliary_Data_Info></a>"


@pytest.mark.parametrize(("names", "kept"), [(0, []), (1, []), (46, []), (48, ["46", "47"])])
def test_l1c_lists_lie_below_the_letters_of_their_path(names: int, kept: list[str]) -> None:
    letters = list("n1:Auxiliary_Data_Info/GIPP_List/GIPP_FILENAME")
    history = metadata.attributes("L1C")["/"]["other_metadata"]["history"]
    found = resolve(history[2]["inputs"][metadata.PARAMETERS], documents(datastrip=gipp(names)))
    assert found == letters + kept


@pytest.mark.parametrize(("names", "listed"), [(1, ["0"]), (3, ["0", "1", "2"])])
def test_l1c_lists_of_the_product_file(names: int, listed: list[str]) -> None:
    history = metadata.attributes("L1C")["/"]["other_metadata4"]["history"]
    inputs = resolve(history[2]["inputs"], documents(product=gipp(names)))
    assert inputs[metadata.PARAMETERS] == listed
    assert "used GRI file list" not in inputs


def test_l2a_takes_auxiliary_files_of_the_datastrip_where_the_product_names_none() -> None:
    history = metadata.attributes("L2A")["/"]["other_metadata"]["history"]
    both = resolve(history[5]["inputs"], documents(product=gipp(2), datastrip=gipp(3)))
    one = resolve(history[5]["inputs"], documents(product="<a/>", datastrip=gipp(3)))
    assert (both[metadata.PARAMETERS], one[metadata.PARAMETERS]) == ("0,1", "0,1,2")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2024-11-15T12:55:42.000000Z", "2024-11-15T12:55:42+00:00"),
        ("2024-11-15T10:01:59.024Z", "2024-11-15T10:01:59.024000+00:00"),
        ("2024-11-15T10:01:59", "2024-11-15T10:01:59+00:00"),
        ("2024-11-15T10:01:59+01:00", "2024-11-15T10:01:59+01:00"),
        ("today", "today"),
    ],
)
def test_time(text: str, written: str) -> None:
    assert stac.time(text) == written


def test_footprint_stays_as_given_across_the_antimeridian() -> None:
    ring = "-16.2 179.9 -16.2 -179.1 -17.2 -179.1 -16.2 179.9"
    corners = [[179.9, -16.2], [-179.1, -16.2], [-179.1, -17.2], [179.9, -16.2]]
    assert stac.polygon(ring) == {"type": "Polygon", "coordinates": [corners]}
    assert stac.polygon(ring.rpartition(" -16.2")[0])["coordinates"] == [corners[:3]]


def test_snow_cover_is_assessed_only_where_land_clouds_are_too() -> None:
    qi = "<a><Quality_Indicators_Info>{}</Quality_Indicators_Info></a>"
    assessed = "<Snow_Coverage_Assessment>1</Snow_Coverage_Assessment>"
    pixels = "<Image_Content_QI><SNOW_PIXEL_PERCENTAGE>2</SNOW_PIXEL_PERCENTAGE>{}</Image_Content_QI>"
    land = pixels.format("<CLOUDY_PIXEL_OVER_LAND_PERCENTAGE>3</CLOUDY_PIXEL_OVER_LAND_PERCENTAGE>")
    look_up = metadata.attributes("L1C")["/"]["stac_discovery"]["properties"]["eo:snow_cover"]
    for tile, snow in ((pixels.format(""), 2.0), (land, 1.0)):
        assert resolve(look_up, documents(product=qi.format(assessed), tile=qi.format(tile))) == snow
    assert "snow" not in resolve({"snow": look_up}, documents(product=qi.format(""), tile=qi.format("")))


def test_wavelengths_and_widths_share_a_unit() -> None:
    centre = X("product", "c", float)
    for text, micrometres in (("442.3", 0.4423), ("0.4423", 0.4423), ("442300", 0.4423)):
        files = documents(product=f"<a><c>{text}</c></a>")
        assert resolve(F(stac._micrometres, centre, centre), files) == pytest.approx(micrometres)
