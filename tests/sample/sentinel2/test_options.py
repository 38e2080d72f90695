"""Options of the sample products: determinism, zips, sizes, what can be left out, bad arguments, the command line."""

from __future__ import annotations

import math
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.sample import write
from xarray_safe.sample.__main__ import main
from xarray_safe.sample.sentinel2 import geometry
from xarray_safe.sample.sentinel2.tables import BANDS


def tile_metadata(folder):
    return etree.parse(next(folder.glob("GRANULE/*/MTD_TL.xml"))).getroot()


# --- determinism, zip -------------------------------------------------------------------------------------------------


def _contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_equal_arguments_give_equal_bytes_and_other_seeds_other_images(tmp_path):
    first, second, other = (
        _contents(write(tmp_path / name, size=60, seed=seed)) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert first == second
    assert first.keys() == other.keys()
    (band,) = [name for name in first if name.endswith("B02_10m.jp2")]
    assert first[band] != other[band]


@pytest.mark.parametrize("packing", ["stored", "deflated"])
@pytest.mark.parametrize("top", [True, False])
def test_zip_has_the_same_files_as_the_folder(tmp_path, packing, top):
    folder = write(tmp_path / "folder", size=36, level="L1C")
    packed = write(tmp_path / "zip", size=36, level="L1C", zip=packing, top=top)
    assert packed.name == f"{folder.name}.zip"
    prefix = f"{folder.name}/" if top else ""
    with zipfile.ZipFile(packed) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        assert {info.filename.removeprefix(prefix): archive.read(info) for info in members} == _contents(folder)
        assert all(info.filename.startswith(prefix) for info in members)
        assert {info.compress_type for info in members} == {zipfile.ZIP_DEFLATED if packing == "deflated" else 0}


def test_zips_are_equal_too(tmp_path):
    one, two = (write(tmp_path / name / "sample.zip", size=36, level="L1C") for name in "ab")
    assert one.read_bytes() == two.read_bytes()


def test_target_may_be_the_folder_itself(tmp_path):
    target = tmp_path / "deep" / "X.SAFE"
    assert write(target, size=36, level="L1C") == target
    assert (target / "manifest.safe").is_file()
    assert [path.name for path in target.parent.iterdir()] == ["X.SAFE"]


# --- options ----------------------------------------------------------------------------------------------------------


def test_scale_sets_the_size(tmp_path):
    folder = write(tmp_path, scale=1 / 90, level="L1C")
    assert tile_metadata(folder).findtext(".//NROWS") == "120"


def test_missing_angles_are_missing(tmp_path):
    lacking = ("sun", "B05", "B06/2", "mean/B01")
    tile = tile_metadata(write(tmp_path / "some", size=36, level="L1C", missing_angles=lacking))
    assert tile.find(".//Sun_Angles_Grid") is None
    assert tile.find(".//Mean_Sun_Angle") is not None
    grids = [(g.get("bandId"), g.get("detectorId")) for g in tile.iter("Viewing_Incidence_Angles_Grids")]
    assert len(grids) == 13 * 6 - 6 - 1
    assert not {("4", "1"), ("5", "2")} & set(grids)
    assert [mean.get("bandId") for mean in tile.iter("Mean_Viewing_Incidence_Angle")] == [str(n) for n in range(1, 13)]
    tile = tile_metadata(write(tmp_path / "all", size=36, level="L1C", missing_angles=("mean", *BANDS)))
    assert not list(tile.iter("Mean_Viewing_Incidence_Angle_List", "Viewing_Incidence_Angles_Grids"))


def test_datastrip_grows_in_its_middle(tmp_path):
    small, large = (
        (next(write(tmp_path / str(size), size=36, datastrip_mb=size).glob("DATASTRIP/*/MTD_DS.xml"))).read_bytes()
        for size in (0.0, 3.0)
    )
    assert 3e6 <= len(large) < 3.3e6
    assert len(small) < 0.2e6
    assert large.index(b"</Acquisition_Configuration>") < 30_000
    assert len(large) - large.index(b"<n1:Quality_Indicators_Info") < 60_000
    assert etree.fromstring(large).findtext(".//ANCILLARY_QUALITY") == "3"


def test_footprint_encloses_the_data_and_crosses_the_antimeridian():
    place = geometry.place("01KAB")
    outline = geometry.footprint(place, 0.0)
    longitudes = [longitude for _, longitude in outline]
    assert outline[0] == outline[-1]
    assert min(longitudes) < -179 < 179 < max(longitudes)
    assert len(geometry.footprint(place, 0.05)) == 6


# --- laws -------------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    zone=st.integers(1, 60), band=st.sampled_from("CDEFGHJKLMNPQRSTUVWX"), row=st.sampled_from("ABCDEFGHJKLMNPQRSTUV")
)
def test_tiles_lie_where_their_name_says(zone, band, row):
    column = "ABCDEFGHJKLMNPQRSTUVWXYZ"[(zone - 1) % 3 * 8 + 4]
    tile = f"{zone:02}{band}{column}{row}"
    try:
        place = geometry.place(tile)
    except InvalidArgumentError:
        return  # this row of squares lies outside the latitude band
    south = -80 + 8 * "CDEFGHJKLMNPQRSTUVWX".index(band)
    assert south - 1 <= place.latitude < south + 13
    assert abs((place.longitude - (6 * zone - 183) + 180) % 360 - 180) < 3.5 / math.cos(math.radians(place.latitude))
    assert place.west % 60 == 0
    assert (place.north - (10_000_000 if place.epsg > 32700 else 0)) % 60 == 0
    latitude, longitude = place.geographic([place.west], [place.north])
    assert -180 <= longitude[0] < 180
    assert -90 < latitude[0] < 90


@settings(max_examples=25, deadline=None)
@given(
    nodata=st.floats(0, 0.97),
    count=st.integers(1, 12),
)
def test_detectors_share_the_swath_without_gap_or_overlap(nodata, count):
    edge = geometry.swath_edge(nodata)
    x, y = np.meshgrid(*2 * [(np.arange(60) + 0.5) / 60])
    index = geometry.detector_index(3, count, edge, x, y)
    assert set(np.unique(index)) <= set(range(-1, count))
    assert (np.diff(np.where(index < 0, 99, index), axis=1) >= 0).all()
    assert (index < 0).mean() == pytest.approx(nodata, abs=0.03)


# --- bad arguments ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": "L1B"},
        {"size": 100},
        {"size": 30},
        {"size": 20000},
        {"baseline": "5.11"},
        {"satellite": "S2D"},
        {"tile": "32TQ"},
        {"tile": "61TQM"},
        {"tile": "32TAM"},
        {"psd": 13},
        {"orbit": 144},
        {"clouds": 1.5},
        {"nodata": 1.0},
        {"detectors": ()},
        {"detectors": (2, 1)},
        {"detectors": (13,)},
        {"missing_angles": ("moon",)},
        {"size": 60, "scale": 0.1},
    ],
)
def test_arguments_without_sense_are_errors(tmp_path, wrong):
    with pytest.raises(InvalidArgumentError, match="sample product: "):
        write(tmp_path, **wrong)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path):
    folder = write(tmp_path, size=36, level="L1C")
    with pytest.raises(InvalidArgumentError, match="exists already"):
        write(tmp_path, size=36, level="L1C")
    kept = (folder / "manifest.safe").stat().st_mtime_ns
    assert write(tmp_path, size=36, level="L1C", exist_ok=True) == folder
    assert (folder / "manifest.safe").stat().st_mtime_ns == kept
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


# --- command line -----------------------------------------------------------------------------------------------------


def test_command_line_writes_a_product(tmp_path, capsys):
    assert main([str(tmp_path), "--scale", "0.0033", "--level", "L1C", "--satellite", "S2C", "--zip", "deflated"]) == 0
    (written,) = tmp_path.iterdir()
    assert capsys.readouterr().out.strip() == str(written)
    assert written.name.startswith("S2C_MSIL1C_")
    assert zipfile.is_zipfile(written)


def test_command_line_explains_bad_arguments(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--tile", "nowhere"])
    assert "MGRS" in capsys.readouterr().err
