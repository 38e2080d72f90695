"""The sample products: every file in them agrees with the others, and equal descriptions give equal bytes."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
import rasterio
from lxml import etree

from xarray_safe.formats.grib.eccodes import import_eccodes
from xarray_safe.sample import Spec, write
from xarray_safe.sample.sentinel2 import geometry
from xarray_safe.sample.sentinel2.tables import BANDS, RESOLUTION

eccodes = import_eccodes()

VARIANTS = {
    "l2a": {"size": 180},
    "l1c": {"size": 180, "level": "L1C", "satellite": "S2B", "baseline": "05.09"},
    "first jp2 masks": {"size": 60, "baseline": "04.00", "tile": "53JQJ", "detectors": (11, 12), "nodata": 0.3},
    "commissioning": {"size": 60, "level": "L1C", "satellite": "S2C", "baseline": "99.04", "clouds": 0.0},
    "gml masks": {"size": 60, "level": "L1C", "baseline": "02.09", "nodata": 0.5},
    "gml masks, L2A": {"size": 60, "baseline": "03.01"},
    "antimeridian": {"size": 60, "tile": "01KAB", "baseline": "05.12", "nodata": 0.5, "detectors": (5, 6)},
    "quick": {"size": 60, "unique_images": False, "tlm": False, "psd": 14},
}


class Product:
    """A written product and what its files say."""

    def __init__(self, spec, folder):
        self.spec, self.folder = spec, folder
        self.product = self.xml(f"MTD_MSI{spec.level}.xml")
        self.tile = self.xml(f"{spec.granule_folder}/MTD_TL.xml")
        self.datastrip = self.xml(f"{spec.datastrip_folder}/MTD_DS.xml")
        self.manifest = self.xml("manifest.safe")

    def xml(self, name):
        return etree.parse(self.folder / name).getroot()

    def files(self):
        return {path.relative_to(self.folder).as_posix(): path for path in self.folder.rglob("*") if path.is_file()}

    def image(self, ending):
        """Pixels of the only image with this ending: (rows, columns), or with components first."""
        (path,) = [path for name, path in self.files().items() if name.endswith(ending)]
        with rasterio.open(path) as file:
            return file.read().squeeze()

    def band(self, kind, metres):
        prefix = self.spec.image_prefix
        return self.image(prefix + (f"{kind}_{metres}m.jp2" if self.spec.level == "L2A" else f"{kind}.jp2"))


@pytest.fixture(scope="module", params=VARIANTS)
def product(request, tmp_path_factory):
    spec = Spec(**VARIANTS[request.param])
    return Product(spec, write(tmp_path_factory.mktemp("sample"), spec))


@pytest.fixture(scope="module")
def l2a(tmp_path_factory):
    spec = Spec(size=366, nodata=0.2, seed=3)
    return Product(spec, write(tmp_path_factory.mktemp("l2a"), spec))


# --- names ------------------------------------------------------------------------------------------------------------


def test_name_is_the_one_in_the_metadata_and_follows_the_convention(product):
    name = product.folder.name
    assert product.product.findtext(".//PRODUCT_URI") == name
    pattern = r"S2[ABC]_MSIL(1C|2A)_\d{8}T\d{6}_N\d{4}_R\d{3}_T\d\d[A-Z]{3}_\d{8}T\d{6}\.SAFE"
    assert re.fullmatch(pattern, name)
    assert product.tile.findtext(".//TILE_ID") == product.product.find(".//Granule").get("granuleIdentifier")
    assert product.tile.findtext(".//DATASTRIP_ID") == product.product.find(".//Granule").get("datastripIdentifier")


@pytest.mark.parametrize(
    ("satellite", "time", "orbit", "absolute"),
    [
        ("S2B", datetime(2024, 11, 15, 10, 1, 59), 122, 40188),
        ("S2B", datetime(2023, 8, 23, 9, 55, 59), 122, 33753),
        ("S2A", datetime(2021, 7, 13, 3, 20, 51), 32, 31632),
        ("S2A", datetime(2020, 10, 31, 0, 47, 11), 102, 27984),
        ("S2C", datetime(2024, 10, 31, 10, 8, 31), 122, 807),
    ],
)
def test_absolute_orbits_are_those_of_real_products(satellite, time, orbit, absolute):
    assert Spec(satellite=satellite, sensing=time, orbit=orbit).absolute_orbit == absolute


def test_sensing_time_may_name_a_time_zone():
    utc = Spec(sensing=datetime(2024, 11, 15, 10, 0))
    zoned = Spec(sensing=datetime(2024, 11, 15, 12, 0, tzinfo=timezone(timedelta(hours=2))))
    assert utc.product_name == zoned.product_name


@pytest.mark.parametrize(
    ("tile", "epsg", "corner"),
    [
        ("32TQM", 32632, (699960, 4700040)),
        ("34UCF", 32634, (300000, 6100020)),
        ("53JQJ", 32753, (699960, 6900040)),
        ("48LWP", 32748, (499980, 8900020)),
    ],
)
def test_corners_are_those_of_real_tiles(tile, epsg, corner):
    place = geometry.place(tile)
    assert (place.epsg, place.west, place.north) == (epsg, *corner)


# --- the files agree --------------------------------------------------------------------------------------------------


def test_manifest_has_every_file_with_its_size_and_checksum(product):
    spec = product.spec
    algorithm = {"SHA3-256": hashlib.sha3_256, "MD5": hashlib.md5}
    listed = {}
    for item in product.manifest.iter("dataObject"):
        path = product.folder / item.find(".//fileLocation").get("href")
        content = path.read_bytes()
        assert int(item.find("byteStream").get("size")) == len(content), path
        checksum = item.find(".//checksum")
        assert checksum.get("checksumName") == ("MD5" if spec.baseline < "03" else "SHA3-256")
        assert checksum.text == algorithm[checksum.get("checksumName")](content).hexdigest(), path
        listed[path.relative_to(product.folder).as_posix()] = item.get("ID")
    others = {name for name in product.files() if name.startswith("rep_info/")} | {"manifest.safe"}
    assert set(listed) | others == set(product.files())
    assert max(Counter(listed.values()).values()) == 1
    pointers = [pointer.get("dataObjectID") for pointer in product.manifest.find("informationPackageMap").iter()]
    assert sorted(filter(None, pointers)) == sorted(listed.values())


def test_metadata_name_the_images_and_masks_that_there_are(product):
    images = [element.text + ".jp2" for element in product.product.iter("IMAGE_FILE")]
    masks = [element.text for element in product.tile.iter("MASK_FILENAME")]
    preview = product.tile.findtext(".//PVI_FILENAME")
    rasters = [name for name in product.files() if name.endswith((".jp2", ".gml"))]
    assert sorted([*images, *masks, preview]) == sorted(rasters)


def test_images_have_the_size_and_place_of_the_metadata(product):
    sizes = {size.get("resolution"): int(size.findtext("NROWS")) for size in product.tile.iter("Size")}
    corner = [float(product.tile.findtext(f".//{tag}")) for tag in ("ULX", "ULY")]
    for name, path in product.files().items():
        if not name.endswith(".jp2"):
            continue
        with rasterio.open(path) as file:
            metres = int(file.transform.a)
            assert file.crs == product.tile.findtext(".//HORIZONTAL_CS_CODE"), name
            assert list(file.transform)[:6] == [metres, 0, corner[0], 0, -metres, corner[1]], name
            if metres != 320:
                assert file.shape == (sizes[str(metres)],) * 2, name
            assert file.tags(ns="IMAGE_STRUCTURE")["COMPRESSION_REVERSIBILITY"] == "LOSSLESS"
            assert (file.dtypes[0], file.count) == _depth(name), name
            assert file.read().any() or any(kind in name for kind in ("PRB", "CLASSI", "PVI")), name


def _depth(name):
    components = {"MSK_QUALIT": 8, "MSK_CLASSI": 3, "TCI": 3, "PVI": 3}
    count = next((number for kind, number in components.items() if kind in name), 1)
    wide = "MSK" not in name and count == 1 and "SCL" not in name
    return ("uint16" if wide else "uint8"), count


def test_every_image_is_another(product):
    contents = Counter(
        path.read_bytes()
        for name, path in product.files().items()
        if name.endswith(".jp2") and ("MSK" not in name or product.spec.size >= 180)
    )
    assert (max(contents.values()) == 1) == product.spec.unique_images


def test_percentages_are_counted_in_the_images(product):
    spec = product.spec
    said = {element.tag: element.text for element in product.tile.find(".//Image_Content_QI")}
    cover = float(product.product.findtext(".//Cloud_Coverage_Assessment"))
    if spec.level == "L2A":
        classes = np.bincount(product.band("SCL", 20).ravel(), minlength=12)
        seen = classes[1:].sum()
        names = {4: "VEGETATION", 5: "NOT_VEGETATED", 6: "WATER", 9: "HIGH_PROBA_CLOUDS", 11: "SNOW_ICE"}
        for value, name in names.items():
            assert float(said[f"{name}_PERCENTAGE"]) == pytest.approx(100 * classes[value] / seen, abs=1e-5)
        assert float(said["NODATA_PIXEL_PERCENTAGE"]) == pytest.approx(100 * classes[0] / classes.sum(), abs=1e-5)
        assert cover == pytest.approx(100 * classes[8:11].sum() / seen, abs=1e-5)
        for name, kind in (("GRANULE_MEAN_AOT", "AOT"), ("GRANULE_MEAN_WV", "WVP")):
            values = product.band(kind, 20)
            assert float(said[name]) == pytest.approx(values[values > 0].mean() / 1000, abs=1e-6)
        report = product.xml(f"{spec.granule_folder}/QI_DATA/L2A_QUALITY.xml")
        repeated = {element.get("name"): element.text for element in report.iter("{*}value")}
        assert repeated.items() <= {**said}.items()
        again = {element.tag: element.text for element in product.product.find(".//Image_Content_QI")}
        assert again.items() <= said.items()
        assert len(again) == len(said) - 2
    elif spec.raster_masks:
        opaque, cirrus, snow = product.image("MSK_CLASSI_B00.jp2")
        seen = (product.band("B01", 60) > 0).sum()
        assert cover == float(said["CLOUDY_PIXEL_PERCENTAGE"])
        assert cover == pytest.approx(100 * (opaque | cirrus).sum() / seen, abs=1e-5)
        assert float(said["SNOW_PIXEL_PERCENTAGE"]) == pytest.approx(100 * snow.sum() / seen, abs=1e-5)


def test_detectors_of_masks_and_angle_grids_agree(product):
    if not product.spec.raster_masks:
        pytest.skip("detectors are vectors before baseline 04.00")
    for n, band in enumerate(BANDS):
        mask = product.image(f"MSK_DETFOO_{band}.jp2")
        grids = [
            int(grid.get("detectorId"))
            for grid in product.tile.iter("Viewing_Incidence_Angles_Grids")
            if grid.get("bandId") == str(n)
        ]
        assert sorted(set(np.unique(mask).tolist()) - {0}) == grids
        (empty,) = [flags[5] for flags in [product.image(f"MSK_QUALIT_{band}.jp2")]]
        np.testing.assert_array_equal(mask == 0, empty == 1)
        if product.spec.level == "L1C" or band != "B10":
            np.testing.assert_array_equal(mask == 0, product.band(band, RESOLUTION[band]) == 0)
    assert (mask == 0).mean() == pytest.approx(product.spec.nodata, abs=0.04)


def test_offsets_and_masks_follow_the_baseline(product):
    old = product.spec.baseline < "04"
    assert len(product.product.findall(".//BOA_ADD_OFFSET") + product.product.findall(".//RADIO_ADD_OFFSET")) == (
        0 if old else 13
    )
    assert any(name.endswith(".gml") for name in product.files()) == old
    assert any(name.endswith("AUX_CAMSFO") for name in product.files()) != old
    assert (product.product.find(".//PRODUCT_DOI") is None) == old


def test_namespaces_are_those_of_the_specification(product):
    expected = product.spec.psd or (15 if product.spec.baseline >= "05.11" else 14)
    for root in (product.product, product.tile, product.datastrip):
        assert root.tag.startswith(f"{{https://psd-{expected}.sentinel2.eo.esa.int/PSD/")
        assert {child.tag.split("}")[0] for child in root} == {root.tag.split("}")[0]}


def test_angle_grids_have_23_by_23_nodes(product):
    grids = list(product.tile.iter("Values_List"))
    assert len(grids) >= 2
    for grid in grids:
        rows = [row.text.split() for row in grid.iter("VALUES")]
        assert {len(row) for row in rows} == {23}
        assert len(rows) == 23
        values = np.array(rows, "f8")
        assert np.isfinite(values).any()
        assert np.nanmin(values) >= 0
        assert np.nanmax(values) < 360


def test_tables_of_tile_parts_are_there_when_asked_for(product):
    for name, path in product.files().items():
        if name.endswith(".jp2"):
            codestream = path.read_bytes().split(b"\xff\x4f\xff\x51", 1)[1]
            header = codestream.split(b"\xff\x90", 1)[0]
            assert (b"\xff\x55" in header) == product.spec.tlm, name


# --- the landscape ----------------------------------------------------------------------------------------------------


def test_images_show_one_landscape(l2a):
    classes = l2a.band("SCL", 20)
    np.testing.assert_array_equal(classes[1::3, 1::3], l2a.band("SCL", 60))
    opaque, cirrus, snow = l2a.image("MSK_CLASSI_B00.jp2")
    np.testing.assert_array_equal(opaque, np.isin(l2a.band("SCL", 60), (8, 9)))
    np.testing.assert_array_equal(cirrus, l2a.band("SCL", 60) == 10)
    np.testing.assert_array_equal(snow, l2a.band("SCL", 60) == 11)
    probability = l2a.image("MSK_CLDPRB_20m.jp2")
    assert probability[classes == 9].min() > 70
    assert probability[classes == 6].max() < 40
    assert probability.max() <= 100
    infrared, red = l2a.band("B8A", 20).astype("f8") - 1000, l2a.band("B04", 20).astype("f8") - 1000
    index = (infrared - red) / (infrared + red)
    assert np.median(index[classes == 4]) > 0.5 > 0 > np.median(index[classes == 6])
    assert set(np.unique(classes)) >= {0, 3, 4, 5, 6, 8, 9, 10}


def test_true_colour_is_made_of_the_bands(l2a):
    colours = l2a.band("TCI", 10)
    for n, band in enumerate(("B04", "B03", "B02")):
        numbers = l2a.band(band, 10)
        bright = np.clip((numbers.astype("f8") - 1000) * 255 / 3558, 1, 255) * (numbers > 0)
        assert np.abs(colours[n] - bright).max() <= 1


@pytest.mark.parametrize("share", [0.0, 0.1, 0.6])
def test_clouds_cover_the_wanted_share(tmp_path, share):
    spec = Spec(size=120, clouds=share, seed=7)
    product = Product(spec, write(tmp_path, spec))
    assert np.isin(product.band("SCL", 20), (8, 9, 10)).mean() == pytest.approx(share, abs=0.03)


def test_small_images_have_several_tiles_and_short_edges(l2a):
    for ending, tile in (("_B02_10m.jp2", 128), ("_B05_20m.jp2", 80), ("_B09_60m.jp2", 40)):
        (path,) = [path for name, path in l2a.files().items() if name.endswith(ending)]
        with rasterio.open(path) as file:
            assert file.block_shapes == [(tile, tile)]
            assert 0 < file.width % tile < tile


# --- meteorology ---------------------------------------------------------------------------------------------------


def _messages(path):
    with path.open("rb") as file:
        while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
            values = eccodes.codes_get_values(handle)
            longitudes = eccodes.codes_get_array(handle, "distinctLongitudes")
            latitudes = eccodes.codes_get_array(handle, "distinctLatitudes")
            level = eccodes.codes_get(handle, "typeOfLevel")
            yield eccodes.codes_get(handle, "shortName"), level, values, latitudes, longitudes
            eccodes.codes_release(handle)


def test_meteorology_lies_over_the_tile(product):
    folder = product.folder / product.spec.granule_folder / "AUX_DATA"
    found = list(_messages(folder / "AUX_ECMWFT"))
    names = ["tcwv", "msl", "tco3", "10u", "10v", "r"]
    assert [name for name, *_ in found] == (names if product.spec.raster_masks else names[:3])
    if product.spec.raster_masks:
        found += _messages(folder / "AUX_CAMSFO")
        aerosols = ["aod469", "aod550", "aod670", "aod865", "aod1240", "bcaod550", "duaod550", "omaod550", "ssaod550"]
        assert [name for name, *_ in found[6:]] == ["z", *aerosols, "suaod550"]
    for name, level, values, latitudes, longitudes in found:
        assert level == ("isobaricInhPa" if name in ("r", "duaod550") else "surface")
        assert values.shape == (81,)
        assert len(latitudes) == len(longitudes) == 9
        assert abs(latitudes.mean() - product.spec.place.latitude) < 0.05
        assert abs((longitudes.mean() - product.spec.place.longitude + 180) % 360 - 180) < 0.1
