"""What cannot be read, or not as asked, is refused by an error that names the place and the cure, and soon."""

from __future__ import annotations

import socket
import ssl
from types import SimpleNamespace

import fsspec
import pytest
import xarray as xr
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from xarray.testing import assert_identical

from tests.servers.web import Web, certificate
from tests.support import own
from xarray_safe.archive import open_archive
from xarray_safe.archive.remote import fsspec as remote_any
from xarray_safe.archive.remote import http as remote_http
from xarray_safe.archive.remote.http import _PAGE
from xarray_safe.errors import (
    AccessDeniedError,
    InvalidArgumentError,
    MissingFileError,
    RemoteFailedError,
    UnsupportedProductError,
)

pytestmark = pytest.mark.timeout(120)


class Endless:
    """Answers everything with more bytes than anybody wants; notes how many it got rid of."""

    def __init__(self, length):
        self.length, self.sent = length, 0

    def __call__(self, page):
        page.close_connection = True
        page.send_response(200)
        if self.length:
            page.send_header("Content-Length", str(self.length))
        page.end_headers()
        try:
            while self.sent < 200 << 20:
                page.wfile.write(bytes(1 << 16))
                self.sent += 1 << 16
        except OSError:
            pass
        return True


@pytest.mark.parametrize("length", [3 << 30, None])
@pytest.mark.parametrize("name", ["items/5", "X.SAFE", "download?id=5", "download/manifest.safe?id=5"])
def test_gigabytes_are_not_moved_in_silence(tmp_path, monkeypatch, name, length):
    monkeypatch.setattr(remote_http, "WHOLE", 1 << 20)
    endless = Endless(length)
    with Web(tmp_path, endless) as web, pytest.raises(UnsupportedProductError, match="is not downloaded unasked"):
        open_archive(f"{web.url}/{name}")
    assert len(web.seen) <= 2
    assert endless.sent < 100 << 20


def test_what_fsspec_reads_whole_has_a_limit_too(tiny_folder, monkeypatch):
    memory = fsspec.filesystem("memory")
    memory.pipe("/large/X.SAFE/manifest.safe", (tiny_folder / "manifest.safe").read_bytes())
    assert open_archive("memory://large/X.SAFE").exists("manifest.safe")
    asked = []
    read = MemoryFileSystem.cat_file
    monkeypatch.setattr(MemoryFileSystem, "cat_file", lambda *given, **more: asked.append(more) or read(*given, **more))
    monkeypatch.setattr(remote_any, "WHOLE", 1000)
    with pytest.raises(UnsupportedProductError, match=r"manifest\.safe has \d+ bytes: .* more than"):
        open_archive("memory://large/X.SAFE")
    assert [more["end"] for more in asked] == [1001]


LOGIN = b"<?xml version='1.0'?>\n<!-- a portal --><!DOCTYPE HTML><html><body>please log in</body></html>"


@pytest.mark.parametrize("name", ["X.SAFE", "X.SAFE.zip", "items/x", "thing"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_web_page_in_place_of_the_product(tmp_path, name, chunked):
    def page(page):
        page.close_connection = chunked
        if chunked:
            page.send_response(200)
            page.end_headers()
            page.wfile.write(LOGIN)
        else:
            page.answer(200, LOGIN, Content_Type="text/html")
        return True

    with Web(tmp_path, page) as web, pytest.raises(AccessDeniedError, match="web page, perhaps one to log in"):
        open_archive(f"{web.url}/{name}")


def test_web_pages_are_known_soon_and_products_have_some():
    assert _PAGE.match(b" <html>")
    assert not _PAGE.match(b"<?xml version='1.0'?><xfdu:XFDU>")
    assert not _PAGE.match(b"<!---->" * 600), "in this world's time"


def test_a_page_of_the_product_may_be_read(tiny_folder, tmp_path):
    folder = own(tiny_folder, tmp_path / tiny_folder.name)
    (folder / "rep.html").write_bytes(LOGIN)
    manifest = folder / "manifest.safe"
    listed = '<dataObject><byteStream><fileLocation href="rep.html"/></byteStream></dataObject></dataObjectSection>'
    manifest.write_text(manifest.read_text().replace("</dataObjectSection>", listed))
    with Web(tmp_path) as web:
        assert open_archive(f"{web.url}/{folder.name}").read("rep.html") == LOGIN


def test_a_server_that_gives_less_at_once(l2a_folder):
    def capped(page):
        page.file(4096)
        return True

    with Web(l2a_folder.parent, capped) as web:
        archive = open_archive(f"{web.url}/{l2a_folder.name}")
        with pytest.raises(UnsupportedProductError, match=r"returns 4096 bytes of .* requested; with such a limit"):
            archive.read(archive.find("GRANULE/*/MTD_TL.xml")[0])


def test_a_server_that_gives_more_than_a_range(l2a_folder):
    def generous(page):
        page.answer(206, bytes(2000), Content_Range="bytes 0-1999/2000") if "Range" in page.headers else page.file()
        return True

    with Web(l2a_folder.parent, generous) as web:
        archive = open_archive(f"{web.url}/{l2a_folder.name}")
        with pytest.raises(RemoteFailedError, match="other bytes than requested"):
            archive.read(archive.find("GRANULE/*/MTD_TL.xml")[0], 0, 100)


class Odd:
    """A zip whose ranges are not what was asked for."""

    url = "mine"

    def __init__(self, path, change, size=None):
        self.data, self.change = path.read_bytes(), change
        self.size = len(self.data) if size is None else size

    def read(self, start, stop):
        return self.change(self.data[start:stop])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: None, r"read\(\d+, \d+\) returns NoneType, not bytes"),
        (lambda data: "abc", r"returns str, not bytes"),
        (len, r"returns int, not bytes"),
        (lambda data: data[:-1], r"returns \d+ bytes, not \d+"),
        (lambda data: data + b"x", r"returns \d+ bytes, not \d+"),
    ],
)
def test_objects_that_give_other_than_their_ranges(l2a_zip, change, message):
    with pytest.raises(RemoteFailedError, match=f"mine: .*{message}"):
        open_archive(Odd(l2a_zip, change))


def test_objects_of_no_size(l2a_zip):
    assert open_archive(Odd(l2a_zip, memoryview)).find("MTD_MSI*.xml")
    with pytest.raises(InvalidArgumentError, match="mine: its size is 'large'"):
        open_archive(Odd(l2a_zip, bytes, "large"))


class Strict(MemoryFileSystem):
    """Takes one option."""

    protocol = "strict"

    def __init__(self, level=0):
        super().__init__()


@pytest.mark.parametrize(
    ("url", "options", "named"),
    [
        ("http://h/X.SAFE", {"tokn": "x"}, "'tokn'"),
        ("http://h/X.SAFE", {"client_kwargs": {"tokn": "x"}}, "'tokn'"),
        ("http://h/X.SAFE", {"allow_redirects": True}, "'allow_redirects'"),
        ("http://h/X.SAFE", {"key": "k", "secret": "s"}, "'key'"),
        ("http://h/X.SAFE", {"headers": "X: y"}, "'headers' must be a dict, not a str"),
        ("http://h/X.SAFE", {"cookies": {"a b": "c"}}, "CookieError"),
        ("http://h/X.SAFE", {"client_kwargs": 5}, "'client_kwargs' must be a dict"),
        ("http://h/X.SAFE", {"auth": ("user", "password")}, "options: TypeError: BasicAuth"),
        ("http://h/X.SAFE", {"token": 5}, "'token' must be a str or a function"),
        ("http://h/X.SAFE", {"trusted_hosts": 5}, "'trusted_hosts' must be names"),
        ("http://u:p@h/X.SAFE", {"token": "t"}, "Cannot combine"),
        ("simplecache::http://h/X.SAFE", {"http": {"tokn": "x"}}, "'tokn'"),
        ("strict://h/X.SAFE", {"tokn": "x"}, "'tokn'"),
        ("http://h:99999/X.SAFE", {}, "h:99999/X.SAFE is not a valid URL"),
        ("http://h:abc/X.SAFE", {}, "h:abc/X.SAFE is not a valid URL"),
        ("http://[bad/X.SAFE", {}, "is not a valid URL"),
        ("https:///X.SAFE", {}, "is not a URL of a web server"),
        ("zip://::http://h:99999/x.zip", {}, "is not a valid URL"),
    ],
)
@pytest.mark.filterwarnings("ignore:The 'auth' parameter")
def test_arguments_that_make_no_sense(url, options, named):
    fsspec.register_implementation("strict", Strict, clobber=True)
    with pytest.raises(InvalidArgumentError, match=named):
        open_archive(url, options)


@pytest.mark.parametrize("target", ["http://[bad", "http://h:99999/x", "file:///etc/passwd", ""])
def test_redirects_to_nowhere(tmp_path, target):
    def away(page):
        page.answer(302, Location=target)
        return True

    with Web(tmp_path, away) as web, pytest.raises(RemoteFailedError, match="redirects lead nowhere"):
        open_archive(f"{web.url}/X.SAFE")


def test_a_place_that_refuses_while_fsspec_connects():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(RemoteFailedError, match=r"ftp://127.* cannot be reached .*; check the network") as caught:
        open_archive(f"ftp://user:s3cr3t@127.0.0.1:{port}/x.SAFE")
    assert "s3cr3t" not in str(caught.value)


def test_a_folder_of_a_file_system_that_is_not_async(tiny_folder):
    inner = DirFileSystem(path=str(tiny_folder.parent), fs=fsspec.filesystem("file"))
    assert open_archive(SimpleNamespace(fs=inner, path=tiny_folder.name)).find("MTD_MSI*.xml")
    with pytest.raises(MissingFileError):
        open_archive(SimpleNamespace(fs=inner, path="none.SAFE"))


def test_an_item_names_the_files_of_a_product_without_a_manifest(tiny_folder, tmp_path):
    """Web servers do not list; whether the item tells sizes, too, is the same."""
    folder = own(tiny_folder, tmp_path / tiny_folder.name)
    (folder / "manifest.safe").unlink()
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    with Web(tmp_path) as web:
        assets = {name: {"href": f"{web.url}/{folder.name}/{name}"} for name in names}
        archive = open_archive({"type": "Feature", "id": "x", "assets": assets}, {"headers": {}})
        assert all(archive.exists(name) for name in names)
        name = archive.find("MTD_MSI*.xml")[0]
        assert archive.read(name) == (folder / name).read_bytes()


@pytest.fixture(scope="module")
def secure(l2a_folder, tmp_path_factory):
    """The product behind TLS, and who signed the certificate: nobody known."""
    authority, server = certificate(tmp_path_factory.mktemp("tls"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server)
    with Web(l2a_folder.parent, tls=context) as web:
        yield f"{web.url}/{l2a_folder.name}", authority, web


@pytest.mark.parametrize("form", ["", ".zip"])
def test_tls_by_a_known_certificate(secure, l2a_zip, tree, form):
    url, authority, _ = secure
    for given in (ssl.create_default_context(cafile=authority), False):
        found = xr.open_datatree(url + form, engine="safe", storage_options={"ssl": given})
        band = "measurements/reflectance/r10m/b02"
        assert_identical(found[band][:30, :30].load(), tree[band][:30, :30].load())


def test_tls_by_an_unknown_certificate_is_refused_at_once(secure, monkeypatch):
    url, _, web = secure
    tries = []
    send = remote_http.HttpStore._send
    monkeypatch.setattr(remote_http.HttpStore, "_send", lambda *given: tries.append(1) or send(*given))
    web.seen.clear()
    with pytest.raises(
        RemoteFailedError,
        match=r"certificate is not trusted \(unable to get local issuer certificate\).*storage option ssl",
    ):
        open_archive(url)
    assert len(tries) == 1
    assert not web.seen


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"endpoint_url": "eodata.example"}, "endpoint_url is a URL, with https:// in front"),
        ({"key": "only this"}, "cannot be read with these storage options"),
        ({"profile": "nobody's"}, "cannot be read with these storage options"),
        ({"client_kwargs": "x"}, "'client_kwargs' must be a dict"),
    ],
    ids=["endpoint", "half a key", "profile", "client_kwargs"],
)
def test_options_of_s3_that_make_no_sense(site, options, said):
    with pytest.raises(InvalidArgumentError, match=said):
        open_archive("s3://eodata/X.SAFE", {"endpoint_url": site.s3.url} | options)


def test_https_where_the_store_speaks_http(site):
    """It will not pass: one try."""
    place = site.s3.url.replace("http://", "https://")
    with pytest.raises(RemoteFailedError, match="check endpoint_url"):
        open_archive("s3://eodata/X.SAFE", site.s3_options | {"endpoint_url": place})
