"""What URLs, items and manifests mean, without asking anybody."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xarray_safe.archive.manifest import MANIFEST, differences, plain_name, read_manifest
from xarray_safe.archive.ranges import ByteRange, coalesce, split
from xarray_safe.archive.remote.fetch import VersionTracker
from xarray_safe.archive.remote.http import HttpStore
from xarray_safe.archive.remote.store import ObjectVersion
from xarray_safe.archive.stac import Href, locate, parse_item, read_assets
from xarray_safe.errors import CorruptFileError, NotASafeError
from xarray_safe.net.retry import retry_after
from xarray_safe.net.urls import describe_error

NODES = "https://download.example.org/odata/v1/Products(1-2)/Nodes(X.SAFE)"


@pytest.mark.parametrize(
    ("root", "name", "url"),
    [
        ("https://h/a/X.SAFE", "GRANULE/L/MTD_TL.xml", "https://h/a/X.SAFE/GRANULE/L/MTD_TL.xml"),
        ("https://h/a/X.SAFE/?sig=k%2F", "b c.xml", "https://h/a/X.SAFE/b%20c.xml?sig=k%2F"),
        ("https://h/t:b/X.SAFE", "manifest.safe", "https://h/t:b/X.SAFE/manifest.safe"),
        (NODES, "a/b.xml", f"{NODES}/Nodes(a)/Nodes(b.xml)/$value"),
        (f"{NODES}/Nodes", "b.xml", f"{NODES}/Nodes(b.xml)/$value"),
    ],
)
def test_urls_of_files(root, name, url):
    assert HttpStore(root, {}).join(root, name) == url


def test_labels_have_no_secrets():
    url = "https://user:word@h:8080/X.SAFE/a?sig=secret#part"
    assert HttpStore(url, {}).label(url) == "https://h:8080/X.SAFE/a"
    assert describe_error(ValueError("no https://h/a?sig=secret\nhere")) == "ValueError: no https://h/a here"


@pytest.mark.parametrize(
    ("text", "seconds"), [("3", 3.0), ("", None), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0)]
)
def test_retry_after(text, seconds):
    assert retry_after({"Retry-After": text}) == seconds


def item(*hrefs, **more):
    return {"type": "Feature", "id": "X", "assets": {str(n): {"href": href} for n, href in enumerate(hrefs)}, **more}


def test_places_of_items():
    cdse = item("s3://eodata/a/X.SAFE/manifest.safe", "s3://eodata/a/X.SAFE/GRANULE/b.jp2", "https://h/preview.jpg")
    cdse["assets"]["1"] |= {
        "file:size": 7,
        "alternate": {"https": {"href": f"{NODES}/Nodes(GRANULE)/Nodes(b.jp2)/$value"}},
    }
    cdse["assets"]["zip"] = {"href": "https://h/odata/v1/Products(1-2)/$value"}
    found = locate(cdse)
    assert (found.url, found.sizes) == ("s3://eodata/a/X.SAFE", {"GRANULE/b.jp2": 7})
    found = locate(cdse, prefer_web=True)
    assert (found.url, found.sizes, found.zip) == (NODES, {"GRANULE/b.jp2": 7}, False)
    found = locate(item("https://h/X.SAFE.zip?sig=1"))
    assert (found.url, found.zip) == ("https://h/X.SAFE.zip?sig=1", True)
    assert locate(item("X.SAFE/a.xml"), "https://h/items/X.json").url == "https://h/items/X.SAFE"
    with pytest.raises(NotASafeError, match=r"no asset in a \.SAFE"):
        locate(item("s3://b/X.zarr"))


def test_assets_of_items():
    """Alternates have sizes of their own, or the asset's; what is not a URL, or not an asset, is passed over."""
    alternates = {
        "https": {"href": "y/a", "file:size": "9"},
        "none": {"href": 5},
        "odd": "https://h/odd",
        "more": {"href": "z"},
    }
    found = item("https://h/x", links=[{"rel": "self", "href": "https://h/items/X"}])
    found["assets"]["0"] |= {"file:size": 7, "alternate": alternates, "title": "t"}
    found["assets"] |= {"bad": {"href": "http://[bad"}, "none": None, "without": {}}
    one, *rest = read_assets(found, "https://elsewhere/")
    assert one.hrefs == (Href("https://h/x", 7), Href("https://h/items/y/a", None), Href("https://h/items/z", 7))
    assert (one.key, one.size, one.fields["title"]) == ("0", 7, "t")
    assert [(asset.key, asset.hrefs) for asset in rest] == [("bad", ()), ("without", ())]


@pytest.mark.parametrize(
    ("data", "what"), [(b"<html>", "not JSON"), (b'{"type": "Catalog"}', "Catalog"), (b"[]", "JSON")]
)
def test_what_is_no_item(data, what):
    with pytest.raises(NotASafeError, match=what):
        parse_item(data, "https://h/x.json")


def manifest(*files):
    objects = "".join(
        f'<dataObject><byteStream size="{size}"><fileLocation href="{name}"/>'
        f'<checksum checksumName="MD5">{sum_}</checksum></byteStream></dataObject>'
        for name, size, sum_ in files
    )
    return f'<xfdu:XFDU xmlns:xfdu="urn:x"><dataObjectSection>{objects}</dataObjectSection></xfdu:XFDU>'.encode()


def test_manifests():
    found = read_manifest(manifest(("./a/b.xml", 3, "AB"), ("c.jp2", 5, "cd"), ("c.jp2", 5, "cd")), "u")
    assert set(found) == {MANIFEST, "a/b.xml", "c.jp2"}
    assert (found["a/b.xml"], found["a/b.xml"].version) == (("a/b.xml", 3, "ab", "MD5"), "md5 ab")
    assert differences(found, {"c.jp2": 5, "other": 9, MANIFEST: 1}, "the catalogue") == []
    (said,) = differences(found, {"c.jp2": 6}, "the catalogue")
    assert "c.jp2 has 6 bytes by the catalogue, 5 by the manifest" in said


@pytest.mark.parametrize(
    ("href", "name"),
    [
        ("./MTD_MSIL2A.xml", "MTD_MSIL2A.xml"),
        ("GRANULE/x/MTD_TL.xml", "GRANULE/x/MTD_TL.xml"),
        ("/dpc/app/x/.S2B_OPER_TL/GRANULE/y/QI_DATA/a.gml", "GRANULE/y/QI_DATA/a.gml"),
        ("/dpc/app/x/DATASTRIP/DS_1/MTD_DS.xml", "DATASTRIP/DS_1/MTD_DS.xml"),
        ("/dpc/app/INSPIRE.xml", "INSPIRE.xml"),
        ("file:///dpc/HTML/a.html", "HTML/a.html"),
        (".\\GRANULE\\x\\MTD_TL.xml", "GRANULE/x/MTD_TL.xml"),
        ("././a//b", "a/b"),
        ("", ""),
    ],
)
def test_names_in_manifests(href, name):
    assert plain_name(href) == name


def test_a_file_that_is_listed_twice_differently():
    assert read_manifest(manifest(("a", 1, "b"), ("a", 2, "b")), "u")["a"].size is None


@pytest.mark.parametrize(
    "data",
    [
        b"<a",
        manifest(("../x", 1, "")),
        manifest(("c:/x", 1, "")),
    ],
)
def test_bad_manifests(data):
    with pytest.raises(CorruptFileError):
        read_manifest(data, "u")


SPANS = st.lists(
    st.builds(
        lambda path, start, length: ByteRange(path, start, start + length),
        st.sampled_from("ab"),
        st.integers(0, 5000),
        st.integers(1, 900),
    ),
    max_size=20,
)


@given(SPANS, st.integers(0, 300), st.integers(1, 700))
def test_joined_and_cut_spans_hold_every_byte(spans, gap, piece):
    joined = coalesce(spans, gap)
    for one, two in itertools.pairwise(joined):
        assert one.name != two.name or two.start - one.stop > gap
    pieces = [part for span in joined for part in split(span, piece)]
    assert all(0 < part.stop - part.start <= piece for part in pieces)
    held = {(part.name, byte) for part in pieces for byte in range(part.start, part.stop)}
    assert {(span.name, byte) for span in spans for byte in range(span.start, span.stop)} <= held


def test_versions():
    versions = VersionTracker({"a": ObjectVersion(5, "")})
    versions.check("a", "label", ObjectVersion(5, "one"))
    versions.check("a", "label", ObjectVersion(None, "one"))
    versions.check("a", "label", ObjectVersion(5, ""))
    with pytest.raises(CorruptFileError, match="label was replaced"):
        versions.check("a", "label", ObjectVersion(5, "two"))
    with pytest.raises(CorruptFileError, match="label has 6 bytes, but had 5"):
        versions.check("a", "label", ObjectVersion(6, "one"))
