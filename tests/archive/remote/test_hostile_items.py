"""Hostile STAC items at the door of archives: no local file unless the item is local, no chain, no foreign scheme."""

from __future__ import annotations

import contextlib
import json
import traceback

import pytest

from tests.servers.recorder import Recorder
from xarray_safe.archive import open_archive
from xarray_safe.archive.remote.auth import Credentials
from xarray_safe.archive.stac import locate
from xarray_safe.archive.stac_rules import is_allowed, pick_keywords
from xarray_safe.errors import NotASafeError, SafeError, SafeWarning
from xarray_safe.location import ProductLocation
from xarray_safe.net.urls import showable


def item(*hrefs, own=None):
    links = [{"rel": "self", "href": own}] if own else []
    assets = {str(number): {"href": href} for number, href in enumerate(hrefs)}
    return {"type": "Feature", "id": "x", "links": links, "assets": assets}


@pytest.mark.parametrize("own", [None, "{folder}/x.json", "file://{folder}/x.json", "reference://a/x.json"])
@pytest.mark.parametrize("href", ["{name}/manifest.safe", "{folder}/{name}/manifest.safe", "file://{folder}/{name}/a"])
def test_an_item_from_the_web_names_no_local_file(l2a_folder, own, href):
    words = {"folder": l2a_folder.parent, "name": l2a_folder.name}
    thing = item(href.format(**words), own=own and own.format(**words))
    with Recorder() as server:
        server.routes["/items/x"] = json.dumps(thing).encode()
        place = None
        with contextlib.suppress(SafeError):
            place = open_archive(f"{server.url}/items/x").url
        assert place is None or place.startswith(server.url), "a relative URL is one of the item's server"


@pytest.mark.parametrize("own", ["{folder}/x.json", "file://{folder}/x.json"])
def test_a_relative_path_is_not_resolved_against_a_local_link(l2a_folder, own):
    thing = item(f"{l2a_folder.name}/manifest.safe", own=own.format(folder=l2a_folder.parent))
    with pytest.raises(NotASafeError, match="place that an item may not name"):
        open_archive(thing)


def test_a_local_item_opens_and_one_that_also_names_a_url_does_not(l2a_folder):
    href = f"{l2a_folder}/manifest.safe"
    assert open_archive(item(href)).exists("manifest.safe")
    for other in ("https://h/x.jpg", "file:///x.jpg", "reference://x"):
        with pytest.raises(NotASafeError, match="place that an item may not name"):
            open_archive(item(href, other))
    in_the_web = locate(item(href, own="https://h/x.json")).url
    assert in_the_web == f"https://h{l2a_folder}", "as a browser would read it"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://h/x", True), ("HTTP://h/x", True), ("s3://tenant:b/x", True), ("S3A://b/x", True), ("gs://b/x", True),
        ("abfs://c@a.dfs.core.windows.net/x", True), ("az://c/x", True), ("https://[::1]:80/x", True),
        ("reference://x", False), ("file:///x", False), ("local:///x", False), ("file:/x", False), ("/x", False),
        ("x", False), ("", False), ("a::https://h/x", False), ("https://h/x::file:///x", False),
        ("https://[::file:///x]/", False), ("https://h/\r\nx", False), ("//h/x", False), ("\\\\h\\x", False),
        ("zip://x", False), ("memory://x", False), ("s3:/b/x", False), ("data:x", False),
    ],
)  # fmt: skip
def test_places_of_any_item(url, allowed):
    assert is_allowed(url) is allowed


@pytest.mark.parametrize("url", ["reference://x.SAFE/a", "https://h/a::s3://b/x.SAFE/a", "memory://x.SAFE/a"])
def test_what_may_not_be_named_is_passed_over(url):
    assert locate(item(url, "https://h/x.SAFE/a")).url == "https://h/x.SAFE"


def test_keywords_are_flags_numbers_and_names():
    good = {"chunks": {"x": 512, "y": -1}, "consolidated": None, "zarr_format": 2, "drop_variables": ["b01"]}
    assert pick_keywords(good, "x") == good
    bad = {
        "chunks": {"x": "{env(A)}"},
        "consolidated": "yes",
        "drop_variables": "{env(A)}",
        "group": "/",
        "engine": "x",
    }
    with pytest.warns(SafeWarning, match="'chunks', 'consolidated', 'drop_variables', 'engine', 'group', which are"):
        assert pick_keywords(bad, "x") == {}


@pytest.mark.parametrize(
    ("url", "trusted", "knows"),
    [
        ("https://h/a", (), False),
        ("https://h/a", ("h",), True),
        ("http://h/a", ("h",), False),
        ("https://evil\\@h/a", ("h",), False),
        ("https://download.dataspace.copernicus.eu/a", (), True),
        ("https://download.dataspace.copernicus.eu@evil/a", (), False),
        ("http://download.dataspace.copernicus.eu/a", (), False),
    ],
)
def test_who_may_know_without_the_word_of_the_caller(url, trusted, knows):
    login = Credentials("", {"token": "t", "trusted_hosts": trusted})
    assert login.is_trusted(url) is knows
    assert login.withholds_from(url) is not knows


def test_causes_with_secrets_are_not_shown():
    plain, signed = ValueError("no  such\nthing"), OSError("url='https://user:s3cr3t@h/x?sig=s3cr3t'")
    assert showable(plain) is plain
    assert showable(signed) is None
    plain.__cause__ = signed
    assert showable(plain) is None


def test_a_location_and_its_errors_hide_signatures():
    pytest.importorskip("zarr")
    with Recorder(b"", 500) as server:
        found = ProductLocation("Zarr", f"{server.url.replace('//', '//user:s3cr3t@')}/x.zarr?sig=s3cr3t")
        assert "s3cr3t" not in repr(found)
        with pytest.raises(Exception, match=r"x\.zarr") as caught:
            found.open()
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))
