"""Credentials go where they were given for, nowhere else, and into no message; tokens are renewed once."""

from __future__ import annotations

import itertools
import json
import pickle
import threading

import fsspec
import pytest

from tests.archive.remote.support import item
from tests.servers.web import Web, to_the_stranger
from xarray_safe.archive import open_archive
from xarray_safe.archive.remote.auth import Credentials
from xarray_safe.archive.remote.fsspec import FsspecStore, RangesStore
from xarray_safe.archive.remote.options import StoreOptions
from xarray_safe.archive.stac import locate
from xarray_safe.errors import AccessDeniedError, InvalidArgumentError, MissingFileError

pytestmark = pytest.mark.timeout(120)

SECRETS = {
    "a token": {"token": "s3cr3t"},
    "a function": {"token": lambda refused: "s3cr3t"},
    "headers": {"headers": {"Authorization": "Bearer s3cr3t"}},
    "the session's headers": {"client_kwargs": {"headers": {"Authorization": "Bearer s3cr3t"}}},
    "cookies": {"cookies": {"session": "s3cr3t"}},
    "the session's cookies": {"client_kwargs": {"cookies": {"session": "s3cr3t"}}},
    "parameters": {"params": {"session": "s3cr3t"}},
}


def told(web, host):
    """Whether a host got the secret, in whichever way."""
    return any("s3cr3t" in f"{asked.path}{asked.headers}" for asked in web.seen if asked.host == host)


@pytest.mark.parametrize("secret", SECRETS)
def test_redirects_to_strangers_lose_all_credentials(l2a_folder, secret):
    with Web(l2a_folder.parent, to_the_stranger) as web:
        url = f"{web.url}/{l2a_folder.name}"
        open_archive(url, SECRETS[secret])
        assert told(web, "127.0.0.1")
        assert not told(web, "localhost")
        open_archive(url, {**SECRETS[secret], "trusted_hosts": "localhost"})
        assert told(web, "localhost")


def test_a_login_in_the_url_stays_with_its_host(l2a_folder):
    def moved(page):
        if page.path.startswith("/old/"):
            page.answer(302, Location=f"http://127.0.0.1:{page.owner.port}{page.path.removeprefix('/old')}")
            return True
        return to_the_stranger(page)

    with Web(l2a_folder.parent, moved) as web:
        open_archive(f"{web.url.replace('http://', 'http://user:s3cr3t@')}/old/{l2a_folder.name}")
        assert web.got("127.0.0.1", "Authorization") == {"Basic dXNlcjpzM2NyM3Q="}
        assert web.got("localhost", "Authorization") == {None}


def test_what_servers_would_have_kept_is_not(l2a_folder):
    def bake(page):
        page.answer(503, Set_Cookie="session=1", Retry_After="0") if len(page.owner.seen) == 1 else page.file()
        return True

    with Web(l2a_folder.parent, bake) as web:
        open_archive(f"{web.stranger}/{l2a_folder.name}")
        assert len(web.seen) == 2
        assert web.got("localhost", "Cookie") == {None}


@pytest.fixture
def catalogue(tmp_path, l2a_folder):
    """A web server at 127.0.0.1 with an item whose product lies on localhost."""
    (tmp_path / "items").mkdir()
    (tmp_path / l2a_folder.name).symlink_to(l2a_folder)
    with Web(tmp_path) as web:
        href = f"{web.stranger}/{l2a_folder.name}/MTD_MSIL2A.xml"
        found = {"type": "Feature", "id": "x", "assets": {"a": {"href": href}}}
        (tmp_path / "items" / "x").write_text(json.dumps(found))
        yield web, found


@pytest.mark.parametrize("secret", SECRETS)
def test_an_item_does_not_say_who_gets_the_credentials(catalogue, secret):
    web, _ = catalogue
    assert pickle.loads(pickle.dumps(open_archive(f"{web.url}/items/x", _plain(secret)))).exists("manifest.safe")
    assert told(web, "127.0.0.1")
    assert not told(web, "localhost")
    open_archive(f"{web.url}/items/x", {**SECRETS[secret], "trusted_hosts": ("localhost",)})
    assert told(web, "localhost")


def _plain(secret):
    return {"token": "s3cr3t"} if secret == "a function" else SECRETS[secret]  # a lambda does not pickle


@pytest.mark.parametrize("secret", SECRETS)
def test_an_item_given_as_such_does_not_say_so_either(catalogue, secret):
    """Whatever it calls its own URL: only the caller names hosts."""
    web, found = catalogue
    for own in (None, f"{web.stranger}/items/x"):
        odd = {**found, "links": [{"rel": "self", "href": own}] if own else []}
        assert open_archive(odd, SECRETS[secret]).exists("manifest.safe")
    assert web.seen
    assert not told(web, "localhost")
    trusting = {**SECRETS[secret], "trusted_hosts": ("localhost",)}
    assert pickle.loads(pickle.dumps(open_archive(found, {**_plain(secret), "trusted_hosts": "localhost"})))
    assert told(web, "localhost")
    web.first = lambda page: page.host == "localhost" and _on(page)
    web.seen.clear()
    open_archive(found, trusting)
    assert told(web, "localhost")
    assert not told(web, "127.0.0.1"), "redirects are what they are elsewhere"


def _on(page):
    page.answer(302, Location=f"http://127.0.0.1:{page.owner.port}{page.path.partition('?')[0]}")
    return True


def test_a_refusal_for_want_of_trust_says_so(l2a_folder):
    def refuse(page):
        if page.host == "localhost":
            page.answer(401)
        return page.host == "localhost" or to_the_stranger(page)

    with (
        Web(l2a_folder.parent, refuse) as web,
        pytest.raises(AccessDeniedError, match=r"localhost refuses .*another host; .*'localhost' in .* trusted_hosts"),
    ):
        open_archive(f"{web.url}/{l2a_folder.name}", {"token": lambda refused: "x"})


@pytest.mark.parametrize(
    ("home", "url", "trusted", "knows"),
    [
        ("https://h/a", "https://h/b", (), True),
        ("https://u:p@H:443/a", "https://h/b", (), True),
        ("https://h/a", "https://h:444/b", (), False),
        ("https://h/a", "http://h/b", ("h",), False),
        ("https://h/a", "https://evil-h/b", (), False),
        ("https://h/a", "https://d.example.net/b", ".example.net", True),
        ("https://h/a", "https://example.net.evil/b", (".example.net",), False),
        ("https://h/a", "http://d.example.net/b", (".example.net",), False),
        ("https://stac.dataspace.copernicus.eu/i", "https://download.dataspace.copernicus.eu/b", (), True),
        ("https://h/a", "https://download.dataspace.copernicus.eu/b", (), False),
        ("https://stac.dataspace.copernicus.eu/i", "https://dataspace.copernicus.eu.evil/b", (), False),
        ("https://stac.dataspace.copernicus.eu/i", "https://evil-dataspace.copernicus.eu/b", (), False),
    ],
)
def test_who_may_know(home, url, trusted, knows):
    login = Credentials(home, {"token": "t", "trusted_hosts": trusted})
    assert login.is_trusted(url) is knows
    assert ("Authorization" in login.request_kwargs(url, "t")[1]["headers"]) is knows
    assert login.withholds_from(url) is not knows


@pytest.mark.parametrize("options", [{"auth": "a login"}, {"client_kwargs": {"auth": "a login"}}])
def test_logins_are_no_business_of_the_session(options):
    login = Credentials("https://h/a", options)
    assert login.request_kwargs("https://h/b", None)[1]["auth"] == "a login"
    assert "auth" not in login.request_kwargs("https://other/b", None)[1]
    assert login.others == {"client_kwargs": {}}


@pytest.mark.parametrize("choice", ["keys", "headers"])
def test_an_item_by_its_url_leads_to_the_store_that_the_options_are_for(site, choice):
    """Keys of the object store are nothing for the server of the item, and its headers nothing for the store."""
    folder = site.folder.parent.parent / "items"
    folder.mkdir(exist_ok=True)
    (folder / "both.json").write_text(json.dumps(item(site)))
    options, way = {"keys": (site.s3_options, "s3"), "headers": ({"headers": {"X-From": "a test"}}, "http")}[choice]
    found = open_archive(f"{site.http.url}/eodata/items/both.json", options)
    assert found.url == site.url(f"{way} folder")[0]
    assert found.find("MTD_MSI*.xml")


@pytest.mark.parametrize(
    "web", [{"client_kwargs": {"headers": {"X-From": "a test"}}}, {"headers": {}}, {"token": lambda refused: "t"}]
)
def test_an_item_of_the_store_alone(site, web, monkeypatch):
    found = item(site)
    for asset in found["assets"].values():
        del asset["alternate"]
    nested = {"https": web, "s3": site.s3_options}
    assert open_archive(found, nested).find("MTD_MSI*.xml")
    for name in ("key", "secret"):
        monkeypatch.setenv({"key": "AWS_ACCESS_KEY_ID", "secret": "AWS_SECRET_ACCESS_KEY"}[name], "of another store")
    monkeypatch.setenv("AWS_ENDPOINT_URL", site.s3.url)
    with pytest.raises(AccessDeniedError, match="the store refuses"):
        open_archive(found, web)


@pytest.mark.parametrize("web", [{"headers": {}}, {"trusted_hosts": "h", "cookies": {}}])
def test_a_flat_dict_is_for_one_store(site, web):
    with pytest.raises(InvalidArgumentError, match=r"is not known there.*\{'https': \{…\}, 's3': \{…\}\}"):
        open_archive(item(site), {**web, **site.s3_options})


def test_options_of_a_chain_stand_under_either_scheme(l2a_zip):
    for scheme in ("http", "https"):
        with Web(l2a_zip.parent) as web:
            open_archive(f"zip://::{web.url}/{l2a_zip.name}", {scheme: {"headers": {"X-From": "a test"}}})
            assert web.got("127.0.0.1", "X-From") == {"a test"}


WEB = [{"headers": {}}, {"token": "t"}, {"ssl": False}, {"client_kwargs": {"headers": {}}}, {"trusted_hosts": "h"}]
S3 = [{"key": "k", "token": "t"}, {"anon": True}, {"endpoint_url": "u"}, {"client_kwargs": {"region_name": "r"}}]


@pytest.mark.parametrize("flat", WEB)
def test_flat_options_of_a_web_server(flat):
    options = StoreOptions.split(flat)
    assert options.prefers_web
    assert options.of_item("https://h/items/x") == options.of_asset("https://h/x") == flat
    assert options.of_asset("s3://b/x") == {}
    assert options.of_asset("gs://b/x") == flat


@pytest.mark.parametrize("flat", S3)
def test_flat_options_of_an_object_store(flat):
    """Keys of the store are not shown to the server of the item."""
    options = StoreOptions.split(flat)
    assert not options.prefers_web
    assert options.of_item("https://h/items/x") == {}
    assert options.of_asset("s3://b/x") == options.of_asset("S3A://b/x") == options.of_asset("gs://b/x") == flat


@pytest.mark.parametrize(("web", "s3"), list(itertools.product(WEB, S3)))
def test_options_by_scheme(web, s3):
    for http, store in itertools.product(("http", "https"), ("s3", "s3a")):
        options = StoreOptions.split({http: web, store: s3})
        assert not options.prefers_web
        for of_store in (options.of_store, options.of_asset):
            assert of_store("https://h/x") == of_store("http://h/x") == web
            assert of_store("s3://b/x") == of_store("s3a://b/x") == s3
        assert options.of_item("https://h/items/x") == web
        assert options.of_store("gs://b/x") == {http: web, store: s3}, "fsspec sorts those"
    assert StoreOptions.split({"https": web}).prefers_web
    assert not StoreOptions.split({"https": web} | s3).prefers_web


def test_the_only_store_gets_all_flat_options():
    """A store refuses unknown options; the section of its scheme takes precedence."""
    options = StoreOptions.split({"headers": {}, "key": "k", "https": {"ssl": False, "key": "other"}})
    assert options.of_store("s3://b/x") == {"headers": {}, "key": "k"}
    assert options.of_store("https://h/x") == {"headers": {}, "key": "other", "ssl": False}
    assert StoreOptions.split({}).of_store("https://h/x") == {}


@pytest.mark.parametrize(
    "links", [None, "abc", 5, [None], ["self"], [{"rel": "self"}], [{"rel": "self", "href": 5}], {"rel": "self"}]
)
def test_odd_items(links):
    found = {"id": "x", "links": links, "assets": {"a": {"href": "X.SAFE/a.xml"}, "b": {"href": "http://[bad"}}}
    place = locate(found, "https://h/items/x")
    assert (place.url, place.names, place.sizes) == ("https://h/items/X.SAFE", {"a.xml"}, {})


def test_signatures_stay_out_of_names(site):
    url = f"simplecache::{site.url('http zip')[0]}?X-Amz-Signature=s3cr3t"
    found = open_archive(url)
    assert found.url == site.url("http zip")[0]
    with pytest.raises(MissingFileError, match=r"none\.zip is not there") as caught:
        open_archive(f"simplecache::{site.http.url}/eodata/none.zip?X-Amz-Signature=s3cr3t")
    assert "s3cr3t" not in str(caught.value)
    folder = f"simplecache::{site.url('http folder')[0]}?X-Amz-Signature=s3cr3t"
    assert open_archive(folder).url == site.url("http folder")[0]
    assert all("s3cr3t" in entry.path for entry in site.http.log)


@pytest.mark.parametrize("url", ["nonsense://user:s3cr3t@h/x.SAFE", "zip://x::nonsense://user:s3cr3t@h/x.zip?s3cr3t"])
def test_logins_stay_out_of_messages(url):
    with pytest.raises(InvalidArgumentError, match="nonsense://h/x") as caught:
        open_archive(url)
    assert "s3cr3t" not in str(caught.value)


class _Signed:
    url, size = "https://user:s3cr3t@h/x.zip?sig=s3cr3t", 1


def test_labels_of_other_places():
    assert RangesStore(_Signed()).label("") == "https://h/x.zip"
    memory = FsspecStore("memory://b/x", {}, fsspec.filesystem("memory"))
    assert memory.label("/b/x") == "memory://b/x"


class _Expiring:
    """Takes one token only; lets those who come with others wait until so many are there."""

    def __init__(self, together):
        self.good, self.calls = "t1", []
        self.barrier = threading.Barrier(together)

    def check(self, page):
        if page.headers.get("Authorization") == f"Bearer {self.good}":
            return False
        self.barrier.wait(10)
        page.answer(401)
        return True

    def token(self, refused):
        self.calls.append(refused)
        return self.good


def test_requests_refused_together_renew_the_token_once(l2a_folder):
    login = _Expiring(4)
    with Web(l2a_folder.parent, login.check) as web:
        archive = open_archive(f"{web.url}/{l2a_folder.name}", {"token": login.token})
        images = [(name, 0, 100) for name in archive.find("GRANULE/*/IMG_DATA/R20m/*.jp2")[:4]]
        assert len(images) == 4
        for good in ("t2", "t3"):
            login.good = good
            assert all(data for data in archive.read_many(images))
        assert login.calls == [None, "t1", "t2"]


def test_a_token_that_stays_bad_ends_in_one_error(l2a_folder):
    login = _Expiring(1)
    login.good = "none of these"
    with Web(l2a_folder.parent, login.check) as web:
        url, calls = f"{web.url}/{l2a_folder.name}", []
        with pytest.raises(AccessDeniedError, match="refuses"):
            open_archive(url, {"token": lambda refused: calls.append(refused) or "bad"})
        assert calls == [None, "bad"]


@pytest.mark.parametrize("error", [ValueError("user:s3cr3t"), OSError("no network"), StopIteration()])
def test_a_function_for_tokens_that_fails(l2a_folder, error):
    def fail(refused):
        raise error

    with (
        Web(l2a_folder.parent) as web,
        pytest.raises(AccessDeniedError, match=f"'token' fails .{type(error).__name__}") as caught,
    ):
        open_archive(f"{web.url}/{l2a_folder.name}", {"token": fail})
    assert caught.value.__cause__ is error
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("given", [None, 5, ""])
def test_a_function_for_tokens_that_gives_none(l2a_folder, given):
    with Web(l2a_folder.parent) as web, pytest.raises(AccessDeniedError, match="'token' does not return a token"):
        open_archive(f"{web.url}/{l2a_folder.name}", {"token": lambda refused: given})
