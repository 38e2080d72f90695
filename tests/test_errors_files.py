"""Files of an archive that are there but broken: XML, zip, JPEG 2000 and GRIB."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import copy, find, refused, replace
from xarray_safe.errors import CorruptFileError, MissingElementError, SafeError, SafeWarning

BAND = "/measurements/reflectance/r10m/b02"
DOCUMENTS = ("MTD_MSIL2A.xml", "MTD_TL.xml", "MTD_DS.xml", "manifest.safe")


def read_all(path, **options):
    """Open and read everything that is there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SafeWarning)
        return xr.open_datatree(path, engine="safe", **options).load()


# --- XML --------------------------------------------------------------------------------------------------------------

BROKEN = {
    "cut short": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "one byte": lambda data: b"<",
    "zeros": lambda data: bytes(len(data)),
    "noise": lambda data: np.random.default_rng(0).bytes(5000),
    "no XML": lambda data: b"404 Not Found",
    "HTML": lambda data: b"<!DOCTYPE html><html><p>Sign in<br></html>",
    "a tag too many": lambda data: data + b"</x>",
    "an unknown entity": lambda data: data.replace(b"</", b"&nothing;</", 1),
}


@pytest.mark.parametrize("way", BROKEN)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_broken_xml(tmp_path, tiny_folder, name, way):
    product = copy(tiny_folder, tmp_path)
    path = find(product, name)
    replace(path, BROKEN[way](path.read_bytes()))
    error = refused(product, OSError, name, opener=xr.open_dataset, missing="raise")
    assert isinstance(error, CorruptFileError)
    assert isinstance(error, ValueError)


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "MTD_DS.xml"])
def test_xml_of_something_else(tmp_path, tiny_folder, layout, name):
    product = copy(tiny_folder, tmp_path)
    replace(find(product, name), b"<other><thing/></other>")
    refused(product, SafeError, name, eopf_version=layout, missing="raise")


REQUIRED = [
    ("MTD_MSIL2A.xml", "PRODUCT_START_TIME"),
    ("MTD_MSIL2A.xml", "PRODUCT_STOP_TIME"),
    ("MTD_MSIL2A.xml", "PROCESSING_BASELINE"),
    ("MTD_MSIL2A.xml", "GENERATION_TIME"),
    ("MTD_MSIL2A.xml", "SPACECRAFT_NAME"),
    ("MTD_MSIL2A.xml", "DATATAKE_TYPE"),
    ("MTD_MSIL2A.xml", "SENSING_ORBIT_NUMBER"),
    ("MTD_MSIL2A.xml", "BOA_QUANTIFICATION_VALUE"),
    ("MTD_MSIL2A.xml", "BOA_ADD_OFFSET_VALUES_LIST"),
    ("MTD_TL.xml", "HORIZONTAL_CS_CODE"),
    ("MTD_TL.xml", "HORIZONTAL_CS_NAME"),
    ("MTD_TL.xml", "SENSING_TIME"),
    ("MTD_TL.xml", "Tile_Geocoding"),
    ("MTD_TL.xml", "Sun_Angles_Grid"),
    ("MTD_TL.xml", "Geometric_Info"),
    ("MTD_MSIL2A.xml", "General_Info"),
    ("MTD_MSIL2A.xml", "Product_Image_Characteristics"),
]


def without(text, element):
    """XML without all elements of a name."""
    changed = re.sub(rf"<((?:\w+:)?{element})(?: [^>]*)?>.*?</\1>", "", text, flags=re.DOTALL)
    assert changed != text
    return changed


@pytest.mark.parametrize(("name", "element"), REQUIRED)
def test_a_missing_element(tmp_path, tiny_folder, layout, name, element):
    product = copy(tiny_folder, tmp_path)
    path = find(product, name)
    replace(path, without(path.read_text(), element).encode())
    error = refused(product, ValueError, name, eopf_version=layout, missing="raise")
    assert isinstance(error, MissingElementError)
    if element not in ("General_Info", "Geometric_Info"):
        assert element in str(error) or "Geocoding" in str(error) or "Product_Image" in str(error)


@pytest.mark.parametrize(
    "element",
    ["Technical_Quality_Assessment", "Spectral_Information_List", "Reflectance_Conversion"],
)
def test_a_missing_optional_element_costs_its_attribute(tmp_path, tiny_folder, layout, element):
    product = copy(tiny_folder, tmp_path)
    path = product / "MTD_MSIL2A.xml"
    text = path.read_text()
    if element in text:
        replace(path, without(text, element).encode())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = xr.open_datatree(product, engine="safe", eopf_version=layout)
    assert tree[BAND].encoding["add_offset"] == -0.1


NONSENSE = [
    ("MTD_MSIL2A.xml", "BOA_QUANTIFICATION_VALUE", "many"),
    ("MTD_MSIL2A.xml", "BOA_QUANTIFICATION_VALUE", "0"),
    ("MTD_MSIL2A.xml", "BOA_QUANTIFICATION_VALUE", "nan"),
    ("MTD_MSIL2A.xml", "BOA_QUANTIFICATION_VALUE", "inf"),
    ("MTD_MSIL2A.xml", "BOA_QUANTIFICATION_VALUE", ""),
    ("MTD_MSIL2A.xml", "BOA_ADD_OFFSET", "little"),
    ("MTD_MSIL2A.xml", "BOA_ADD_OFFSET", "nan"),
    ("MTD_MSIL2A.xml", "AOT_QUANTIFICATION_VALUE", "x"),
    ("MTD_MSIL2A.xml", "AOT_QUANTIFICATION_VALUE", "0"),
    ("MTD_MSIL2A.xml", "WVP_QUANTIFICATION_VALUE", "0"),
    ("MTD_MSIL2A.xml", "SENSING_ORBIT_NUMBER", "R122"),
    ("MTD_MSIL2A.xml", "SPACECRAFT_NAME", ""),
    ("MTD_TL.xml", "HORIZONTAL_CS_CODE", "EPSG:4326"),
    ("MTD_TL.xml", "HORIZONTAL_CS_CODE", "here"),
    ("MTD_TL.xml", "HORIZONTAL_CS_CODE", ""),
    ("MTD_TL.xml", "ULX", "left"),
    ("MTD_TL.xml", "ULX", "nan"),
    ("MTD_TL.xml", "XDIM", "wide"),
    ("MTD_TL.xml", "NROWS", "many"),
    ("MTD_TL.xml", "COL_STEP", "5 km"),
    ("MTD_TL.xml", "COL_STEP", "nan"),
]


@pytest.mark.parametrize(("name", "element", "value"), NONSENSE)
def test_a_value_that_makes_no_sense(tmp_path, tiny_folder, layout, name, element, value):
    if layout == "2.5" and element.startswith(("AOT", "WVP")):
        return  # unscaled there
    product = copy(tiny_folder, tmp_path)
    path = find(product, name)
    text, count = re.subn(rf"(<{element}(?: [^>]*)?>)[^<]*<", rf"\g<1>{value}<", path.read_text())
    assert count
    replace(path, text.encode())
    error = refused(product, ValueError, name, element, opener=read_all_of, eopf_version=layout, missing="raise")
    assert isinstance(error, MissingElementError | CorruptFileError)


def read_all_of(path, engine, **options):
    return read_all(path, **options)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<VALUES>", "<VALUES>x "),
        ("<VALUES>", "<VALUES>1 2 "),
        ("<VALUES>", "<VALUES/><VALUES>"),
        ('bandId="0"', 'bandId="99"'),
        ('bandId="0"', 'bandId="-1"'),
        ('bandId="0"', ""),
        ('detectorId="2"', 'detectorId="two"'),
    ],
)
def test_angles_that_make_no_sense(tmp_path, tiny_folder, old, new):
    product = copy(tiny_folder, tmp_path)
    path = find(product, "MTD_TL.xml")
    text = path.read_text()
    at = text.index("<Viewing_Incidence_Angles_Grids")
    assert old in text[at:]
    replace(path, (text[:at] + text[at:].replace(old, new, 1)).encode())
    refused(product, CorruptFileError, "MTD_TL.xml", opener=read_all_of, missing="raise")


BOMBS = {
    "entities in entities": b'<!DOCTYPE x [<!ENTITY a "0123456789">'
    + b"".join(b'<!ENTITY %c "%b">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(10))
    + b"]><x>&k;</x>",
    "one large entity many times": b'<!DOCTYPE x [<!ENTITY a "'
    + b"0" * 100_000
    + b'">]><x>'
    + b"&a;" * 30_000
    + b"</x>",
    "deep": b"<a>" * 300_000 + b"</a>" * 300_000,
    "wide": b"<x " + b" ".join(b'a%d="1"' % n for n in range(100_000)) + b"/>",
    "long": b"<x>" + b"0" * 20_000_000 + b"</x>",
    "parameter entity": b'<!DOCTYPE x [<!ENTITY % a SYSTEM "file:///etc/hostname">%a;]><x/>',
}
OPEN = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
import xarray as xr
from xarray_safe.errors import SafeError
for path in sys.argv[1:]:
    try:
        xr.open_dataset(path, engine="safe")
    except SafeError as error:
        print(type(error).__name__, error, end="\\0")
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory, tiny_folder):
    """What is said of each bomb, by one process whose memory and time are limited."""
    products = []
    for number, bomb in enumerate(BOMBS.values()):
        products.append(copy(tiny_folder, tmp_path_factory.mktemp(f"bomb{number}-")))
        replace(products[-1] / "MTD_MSIL2A.xml", bomb)
    command = [sys.executable, "-c", OPEN, *map(str, products)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return dict(zip(BOMBS, run.stdout.split("\0")[:-1], strict=True))


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("bomb", BOMBS)
def test_hostile_xml_takes_neither_memory_nor_time(answers, bomb):
    assert re.match("CorruptFileError|MissingElementError", answers[bomb]), answers[bomb][:500]
    assert "MTD_MSIL2A.xml" in answers[bomb]
    assert len(answers[bomb]) < 2000


def test_xml_fetches_nothing(tmp_path, tiny_folder, layout):
    (tmp_path / "secret").write_text("secret-2025")
    product = copy(tiny_folder, tmp_path)
    path = product / "MTD_MSIL2A.xml"
    entity = f'<!DOCTYPE x [<!ENTITY s SYSTEM "{(tmp_path / "secret").as_uri()}">]>'
    text = re.sub(r"(<\?xml[^>]*\?>)", rf"\1{entity}", path.read_text(), count=1)
    replace(path, re.sub(r"(<SPACECRAFT_NAME>)[^<]*", r"\1&s;", text).encode())
    error = refused(product, MissingElementError, "SPACECRAFT_NAME", eopf_version=layout, missing="raise")
    assert "secret-2025" not in str(error)


# --- zip --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("packing", ["l2a_zip", "l2a_deflated", "l2a_bare"])
def test_a_zip_cut_short(request, tmp_path, packing, share):
    data = request.getfixturevalue(packing).read_bytes()
    path = tmp_path / "cut.SAFE.zip"
    path.write_bytes(data[: min(int(len(data) * share), len(data) - 1)])
    refused(path, ValueError)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_zips_give_no_errors_but_safe_ones(tmp_path, tiny_zip, data):
    """Whatever bit is wrong. Not all is noticed: a part of a member has no checksum."""
    content = bytearray(tiny_zip.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "damaged.SAFE.zip"
    path.write_bytes(content)
    try:
        assert read_all(path)["/measurements/reflectance/r60m/b09"].shape == (6, 6)
    except SafeError as error:
        assert path.name in str(error)


# --- images and meteorology -------------------------------------------------------------------------------------------

SPOILT = {
    "empty": lambda data: b"",
    "ten bytes": lambda data: data[:10],
    "cut in the header": lambda data: data[:150],
    "noise": lambda data: np.random.default_rng(0).bytes(len(data)),
    "zeros": lambda data: bytes(len(data)),
    "a web page": lambda data: b"<html>Service unavailable</html>" * 10,
}


@pytest.mark.parametrize("way", SPOILT)
@pytest.mark.parametrize("image", ["*_B02_10m.jp2", "MSK_QUALIT_B02.jp2"])
def test_an_image_that_is_none(tmp_path, tiny_folder, image, way):
    """The rest of the product opens; there is one warning, and reading the image is an error."""
    product = copy(tiny_folder, tmp_path)
    path = find(product, image)
    replace(path, SPOILT[way](path.read_bytes()))
    with pytest.warns(SafeWarning, match=path.name) as caught:
        tree = xr.open_datatree(product, engine="safe")
    assert len(caught) == 1
    damaged = {"*_B": BAND, "MSK": "/quality/mask/r10m/b02"}[image[:3]]
    with pytest.raises(CorruptFileError, match=f"{path.name}.*(?i:download)"):
        tree[damaged].load()
    assert np.isfinite(tree["/measurements/reflectance/r60m/b09"]).any()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_an_image_cut_short(tmp_path, l2a_folder, share):
    product = copy(l2a_folder, tmp_path)
    path = find(product, "*_B02_10m.jp2")
    data = path.read_bytes()
    replace(path, data[: int(len(data) * share)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SafeWarning)
        tree = xr.open_datatree(product, engine="safe")
    with pytest.raises(CorruptFileError, match=f"{path.name}.*(?i:download)"):
        tree[BAND].load()
    with pytest.raises(OSError, match=path.name):
        tree[BAND][-1, -1].load()


@pytest.mark.parametrize("image", ["*_B02_10m.jp2", "*_B03_10m.jp2", "MSK_DETFOO_B02.jp2"])
def test_an_image_of_another_size(tmp_path, tiny_folder, layout, image):
    product = copy(tiny_folder, tmp_path)
    replace(find(product, image), find(product, "*_B02_20m.jp2").read_bytes())
    refused(product, CorruptFileError, "r10m", opener=read_all_of, eopf_version=layout, missing="raise")


def test_an_image_of_another_kind(tmp_path, tiny_folder):
    """Three components where one must be."""
    product = copy(tiny_folder, tmp_path)
    replace(find(product, "*_B02_10m.jp2"), find(product, "*_TCI_10m.jp2").read_bytes())
    with pytest.warns(SafeWarning, match="_B02_10m"):
        tree = xr.open_datatree(product, engine="safe")
    with pytest.raises(CorruptFileError, match="_B02_10m"):
        tree[BAND].load()


@pytest.mark.parametrize("way", ["empty", "zeros", "noise", "a web page", "cut short", "cut by one byte"])
@pytest.mark.parametrize("name", ["AUX_ECMWFT", "AUX_CAMSFO"])
def test_broken_meteorology(tmp_path, tiny_folder, name, way):
    product = copy(tiny_folder, tmp_path)
    path = find(product, name)
    ways = {**SPOILT, "cut short": lambda data: data[: len(data) * 2 // 5], "cut by one byte": lambda data: data[:-1]}
    replace(path, ways[way](path.read_bytes()))
    refused(product, CorruptFileError, name, missing="raise")
    with pytest.warns(SafeWarning, match=name):
        xr.open_datatree(product, engine="safe")


def test_a_file_that_goes_away(tmp_path, tiny_folder):
    product = copy(tiny_folder, tmp_path)
    tree = xr.open_datatree(product, engine="safe")
    find(product, "*_B02_10m.jp2").unlink()
    with pytest.raises(FileNotFoundError, match="_B02_10m"):
        tree[BAND].load()
    path = find(product, "*_B03_10m.jp2")
    replace(path, path.read_bytes()[:-1])
    with pytest.raises(CorruptFileError, match="_B03_10m"):
        tree["/measurements/reflectance/r10m/b03"].load()


def test_an_error_does_not_stay(tmp_path, tiny_folder):
    """A product that was fetched again opens, in the same process."""
    product = copy(tiny_folder, tmp_path)
    path = find(product, "*_B02_10m.jp2")
    whole = path.read_bytes()
    replace(path, whole[:100])
    with pytest.warns(SafeWarning):
        xr.open_datatree(product, engine="safe")
    replace(path, whole)
    assert xr.open_datatree(product, engine="safe").identical(read_all(tiny_folder))
