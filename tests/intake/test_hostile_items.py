"""Hostile STAC items: nothing of them is a template, a program, a local file or somebody else's secret."""

from __future__ import annotations

import base64
import json
import os
import pickle
import warnings
from typing import Any

import intake
import pytest

from tests.servers.recorder import Recorder
from xarray_safe.errors import InvalidArgumentError, SafeError, SafeWarning
from xarray_safe.intake import catalog

SECRET = "hunter2-made-up"
TEMPLATE = "{env(MY_FAKE_SECRET)}"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setenv("MY_FAKE_SECRET", SECRET)
    monkeypatch.setenv("XARRAY_SAFE_TRIES", "1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA-OF-THE-USER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)


@pytest.fixture
def server():
    with Recorder(b"", 404) as recorder:
        yield recorder


def item(href, properties=None, **more):
    return {"type": "Feature", "id": "x", "links": [], "properties": properties or {},
            "assets": {"product": {"href": href, **more}}}  # fmt: skip


def read(thing, kind, **keywords):
    """Read the entry of an item, which must fail in an ordered way; also as saved and loaded again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        entry = catalog(json.loads(json.dumps(thing)))[f"x_{kind}"]
        with pytest.raises(SafeError):
            entry.read(**keywords)


class Bomb:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def pickled(mark):
    return "{pickle64(" + base64.b64encode(pickle.dumps(Bomb(mark))).decode() + ")}"


ATTRIBUTES = "{endpoint.__class__.__init__.__globals__}"


@pytest.mark.parametrize(
    "template", [TEMPLATE, "{{env(MY_FAKE_SECRET)}}", "{func(os:getcwd)}", "{endpoint}", ATTRIBUTES]
)
@pytest.mark.parametrize(("kind", "end"), [("safe", "x.SAFE/manifest.safe"), ("zarr", "x.zarr")])
def test_no_template_in_an_href(server, tmp_path, template, kind, end):
    thing = item(f"{server.url}/{template}/{end}")
    read(thing, kind)
    saved = tmp_path / "saved.yaml"
    catalog(thing).to_yaml_file(str(saved))
    with pytest.raises(SafeError):
        intake.open_catalog(str(saved))[f"x_{kind}"].read()
    assert server.received
    for one in server.received:
        assert one.path.startswith("/%7B"), "as the item has it, not what a template makes of it"
        assert SECRET not in f"{one.path}{one.headers}"


@pytest.mark.parametrize("where", ["item", "asset", "keywords"])
@pytest.mark.parametrize(("kind", "end"), [("safe", "x.SAFE/manifest.safe"), ("zarr", "x.zarr")])
def test_no_template_in_options(server, tmp_path, where, kind, end):
    mark = tmp_path / "ran"
    for value in (TEMPLATE, pickled(mark)):
        for options in ({"headers": {"X-A": value}}, {"headers": value}, {"anon": value}, {"endpoint_url": value}):
            href = f"{server.url}/y/{end}"
            read(
                {
                    "item": item(href, {"xarray:storage_options": options}),
                    "asset": item(href, **{"xarray:storage_options": options}),
                    "keywords": item(href, **{"xarray:open_datatree_kwargs": {"storage_options": options}}),
                }[where],
                kind,
            )
    assert server.received
    assert all("x-a" not in one.headers and SECRET not in str(one) for one in server.received)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["decode_cf", "chunks", "consolidated", "group", "backend_kwargs", "endpoint", "data"])
def test_no_template_in_keywords(server, tmp_path, name):
    mark = tmp_path / "ran"
    for value in (TEMPLATE, pickled(mark), {"x": pickled(mark)}):
        thing = item(f"{server.url}/y/x.zarr", **{"xarray:open_datatree_kwargs": {"engine": "zarr", name: value}})
        with pytest.warns(SafeWarning, match=f"'{name}'"):
            assert name not in catalog(thing)["x_zarr"].kwargs
        read(thing, "zarr")
    assert not mark.exists()


def test_no_template_in_metadata_and_names(server):
    thing = item(f"{server.url}/x.zarr", {"platform": TEMPLATE, "eo:cloud_cover": 3, "datetime": ["{func(os:getcwd)}"]})
    thing |= {"id": "a,{env(MY_FAKE_SECRET)}),b"}
    thing["properties"]["processing:software"] = {"EOPF-CPM": TEMPLATE}
    cat = catalog(thing)
    (name,) = cat
    assert name == "a__env_MY_FAKE_SECRET____b_zarr"
    assert cat[name].metadata["eo:cloud_cover"] == 3
    assert not {"platform", "datetime", "converter"} & set(cat[name].data.metadata)
    assert "{env" not in repr(cat.to_dict())


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ({"anon": True, "requester_pays": True}, {"anon": True, "requester_pays": True}),
        ({"skip_signature": True, "request_payer": True}, {"anon": True, "requester_pays": True}),
        ({"endpoint": "https://h"}, {"endpoint_url": "https://h", "anon": True}),
        ({"endpoint_url": "https://h", "anon": False}, {"endpoint_url": "https://h", "anon": True}),
        (
            {"aws_region": "r", "client_kwargs": {"endpoint_url": "https://h"}},
            {"client_kwargs": {"region_name": "r", "endpoint_url": "https://h"}, "anon": True},
        ),
        (
            {"endpoint_url": "https://eodata.dataspace.copernicus.eu"},
            {"endpoint_url": "https://eodata.dataspace.copernicus.eu"},
        ),
    ],
)
def test_what_an_item_may_say_of_a_store(given, used):
    """An endpoint of its own is asked without the user's keys."""
    cat = catalog(item("s3://b/x.zarr", **{"xarray:storage_options": given}))
    assert cat["x_zarr"].source.location.storage_options == used


@pytest.mark.parametrize(
    "given",
    [
        {"fo": {"version": 1}}, {"target_protocol": "file"}, {"remote_protocol": "file"}, {"ssl": False},
        {"headers": {"A": "b"}}, {"cookies": {"a": "b"}}, {"key": "k"}, {"profile": "default"}, {"session": 1},
        {"client_kwargs": {"verify": False}}, {"client_kwargs": {"headers": {}}}, {"config_kwargs": {"proxies": {}}},
        {"endpoint_url": "https://evil\\@good"}, {"timeout": 1e9}, {"timeout": True}, {"anon": "yes"},
    ],
)  # fmt: skip
def test_other_options_are_ignored_with_a_warning(given):
    with pytest.warns(SafeWarning, match=f"STAC item x gives .*'{next(iter(given))}', which are ignored"):
        cat = catalog(item("s3://b/x.zarr", **{"xarray:storage_options": given}))
    assert not cat["x_zarr"].source.location.storage_options


def test_keys_do_not_go_to_an_endpoint_of_the_item(server):
    pytest.importorskip("s3fs")
    options = {"endpoint_url": server.url, "anon": False}
    for kind, end in (("zarr", "x.zarr"), ("safe", "x.SAFE/manifest.safe")):
        read(item(f"s3://bucket/{end}", **{"xarray:storage_options": options}), kind)
    assert server.received
    assert all("authorization" not in one.headers and "AKIA" not in str(one) for one in server.received)


@pytest.mark.parametrize("kind", ["safe", "zarr"])
@pytest.mark.parametrize(
    "place",
    [
        "reference://a/x", "file:///data/x", "local:///data/x", "FILE:///data/x", "file:/data/x", "memory://a/x",
        "simplecache::https://h/x", "https://h/y::file:///x", "s3://b/{env(A)}/x", "jinja://x", "ftp://h/x",
        "github://o:r@/x", "x", "../x", "//host/share/x", "\\\\host\\share\\x", "https://h/\n/x",
    ],
)  # fmt: skip
def test_places_that_an_item_may_not_name(kind, place):
    end = {"safe": ".SAFE/manifest.safe", "zarr": ".zarr"}[kind]
    for links in ([], [{"rel": "self", "href": "/data/items/x.json"}], [{"rel": "self", "href": "file:///x.json"}]):
        thing = {**item(f"{place}{end}"), "links": links}
        thing["assets"]["thumbnail"] = {"href": "https://h/x.jpg"}
        with pytest.raises(InvalidArgumentError, match="no asset leads to"):
            catalog(thing)


def test_a_local_path_beside_a_url_is_passed_over(tmp_path):
    thing = item(f"{tmp_path}/x.SAFE/manifest.safe")
    assert list(catalog(thing)) == ["x_safe"]
    thing["assets"]["thumbnail"] = {"href": "https://h/x.jpg"}
    with pytest.raises(InvalidArgumentError, match="no asset leads to"):
        catalog(thing)


SECRETS: dict[str, dict[str, dict[str, Any]]] = {
    "headers": {"headers": {"Authorization": f"Bearer {SECRET}"}},
    "cookies": {"cookies": {"session": SECRET}},
    "the session's": {"client_kwargs": {"headers": {"X-Key": SECRET}}},
    "parameters": {"params": {"sig": SECRET}},
    "by scheme": {"http": {"headers": {"X-Key": SECRET}}},
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(("kind", "end"), [("safe", "x.SAFE/manifest.safe"), ("zarr", "x.zarr")])
def test_credentials_need_a_host_that_the_caller_names(server, kind, end, secret):
    thing = item(f"{server.url}/{end}")
    with pytest.warns(SafeWarning, match=r"127\.0\.0\.1 gets no credentials.* trusted_hosts"), pytest.raises(SafeError):
        catalog(thing)[f"x_{kind}"].read(storage_options=SECRETS[secret])
    assert server.received
    assert SECRET not in str(server.received)
    trusting: dict[str, Any] = {name: dict(value) for name, value in SECRETS[secret].items()}
    (trusting["http"] if secret == "by scheme" else trusting)["trusted_hosts"] = "127.0.0.1"
    read(thing, kind, storage_options=trusting)
    assert SECRET in str(server.received)


def test_signatures_are_not_shown():
    cat = catalog(item(f"https://user:{SECRET}@h/x.SAFE/manifest.safe"))
    reader = cat["x_safe"]
    for text in (
        repr(reader),
        reader._repr_html_(),
        repr(reader.data),
        repr(reader.source),
        repr(reader.source.location),
    ):
        assert SECRET not in text
