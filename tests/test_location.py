"""Where sources lie: which format a URL means, how it is opened, what it weighs, and what is said if that fails."""

from __future__ import annotations

import json
import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import xarray as xr

from tests.support import own
from xarray_safe.compare import compare
from xarray_safe.compare.report import page
from xarray_safe.errors import (
    AccessDeniedError,
    CorruptFileError,
    InvalidArgumentError,
    MissingFileError,
    RemoteFailedError,
)
from xarray_safe.location import locate
from xarray_safe.net.urls import describe_error

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("aiohttp")


class _Signed(SimpleHTTPRequestHandler):
    """Gives files, those below ``signed`` with a signature only, nothing of folders."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.startswith("/signed/"):
            if parse_qs(parts.query).get("sig") != ["a/b+c="]:
                self.send_error(403)
                return
            self.path = parts.path.removeprefix("/signed")
        forbidden = Path(self.directory) / "forbidden"
        if forbidden.exists() and parts.path == forbidden.read_text():
            self.send_error(403)
            return
        super().do_GET()

    def list_directory(self, path: object) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """URL of a server, and the folder that it serves."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Signed, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://host/S2.zarr", "Zarr"),
        ("https://host/S2.zarr/?sig=abc", "Zarr"),
        ("https://host/S2.ZARR?sig=abc/d.zip#top", "Zarr"),
        ("https://host/S2.zarr.zip?sig=abc", "Zarr"),
        ("s3://tenant:bucket/S2.zarr", "Zarr"),
        ("https://host/S2.SAFE?from=x.zarr", "SAFE"),
        ("https://host/S2A_MSIL2A_20241115T094259_N0511_R122_T32TQM_20241115T123642.SAFE.zip?sig=x", "SAFE"),
    ],
)
def test_the_path_of_a_url_tells_the_format(url: str, kind: str) -> None:
    found = locate(url)
    assert (found.kind, found.url) == (kind, url)
    assert "sig" not in found.label


def test_a_signed_zarr(served: tuple[str, Path], l2a_folder: Path, twins: dict[str, Path]) -> None:
    url, folder = served
    own(twins["2.8"], folder / "twin.zarr")
    found = compare(l2a_folder, f"{url}/signed/twin.zarr?sig=a%2Fb%2Bc%3D", values=False, costs=False)
    assert found.identical, str(found)
    assert found.right.url == f"{url}/signed/twin.zarr"
    with pytest.raises((AccessDeniedError, MissingFileError), match=r"signed/twin\.zarr"):
        locate(f"{url}/signed/twin.zarr?sig=wrong").open()


def test_what_is_shown_has_no_user() -> None:
    assert locate("http://bob:SECRET@host/x.zarr?sig=SECRET").label == "http://host/x.zarr"


def test_a_signature_stays_out_of_messages(
    served: tuple[str, Path], l2a_folder: Path, twins: dict[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    """Of a Zarr at a server's root, whose size is not known, and whose chunks may not be read."""
    url, folder = served
    twin = own(twins["2.8"], folder / "twin.zarr")
    chunk = twin / "measurements/reflectance/r10m/b04/0.0"
    chunk.unlink()
    (folder / "forbidden").write_text(f"/twin.zarr/{chunk.relative_to(twin)}")
    with_user = url.replace("http://", "http://bob:SECRET@")
    found = compare(l2a_folder, f"{with_user}/twin.zarr?sig=SECRET")
    assert {difference.kind for difference in found.differences} == {"unreadable"}
    assert [note.partition(":")[0] for note in found.right.notes] == ["no picture", "size not known", "costs not known"]
    captured = capfd.readouterr()
    for text in (page(found), str(found), json.dumps(found.to_dict()), found._repr_html_(), *captured):
        assert "SECRET" not in text
    with pytest.raises((AccessDeniedError, MissingFileError, RemoteFailedError)) as caught:
        locate(f"{with_user}/signed/twin.zarr?sig=SECRET").open()
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "403, message='Forbidden', url='https://bob:SECRET@host/x.zarr/.zgroup?sig=SECRET'",
        "<https://host/a?sig=SECRET> and\nhttps://host/b?x=1&sig=SECRET#top",
    ],
)
def test_what_an_error_says(text: str) -> None:
    told = describe_error(OSError(text), limit=None)
    assert "SECRET" not in told
    assert "//host/" in told


@pytest.mark.parametrize("url", ["https://bob:SECRET@host/x.zarr?sig=SECRET", "gs://host/x?sig=SECRET"])
def test_a_size_that_is_not_known_names_no_signature(url: str) -> None:
    pytest.importorskip("requests")
    from xarray_safe.access.sizes import size

    with pytest.raises(InvalidArgumentError, match="//host/x") as caught:
        size(url)
    assert "SECRET" not in str(caught.value)


def test_a_zipped_zarr_in_the_web_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"host/S2\.zarr\.zip: a zipped Zarr .* local"):
        locate("https://host/S2.zarr.zip?sig=secret").open()


def test_zarrs_that_are_none(served: tuple[str, Path], tmp_path: Path) -> None:
    (tmp_path / "junk.zarr.zip").write_bytes(b"junk")
    (tmp_path / "e.zarr").mkdir()
    with pytest.raises(CorruptFileError, match=r"junk\.zarr\.zip cannot be opened as a Zarr \(BadZipFile"):
        locate(tmp_path / "junk.zarr.zip").open()
    with pytest.raises(MissingFileError, match=r"e\.zarr: there is no Zarr"):
        locate(tmp_path / "e.zarr").open()
    with pytest.raises(MissingFileError, match=r"/nothing\.zarr: there is no Zarr"):
        locate(f"{served[0]}/nothing.zarr").open()
    with pytest.raises(RemoteFailedError, match=r"127\.0\.0\.1:1/x\.zarr cannot be opened"):
        locate("http://127.0.0.1:1/x.zarr").open()


def test_a_bucket_of_a_tenant(twins: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name has a colon, which fsspec's S3 refuses."""
    pytest.importorskip("obstore")
    from zarr.storage import LocalStore

    from xarray_safe.access import sample_service

    asked: list[tuple[object, ...]] = []

    def store(*arguments: object) -> LocalStore:
        asked.append(arguments)
        return LocalStore(twins["2.8"], read_only=True)

    monkeypatch.setattr(sample_service, "zarr_store", store)
    with locate("s3://tenant:bucket/S2.zarr", {"anon": True}).open() as tree:
        assert "/measurements/reflectance/r10m" in tree.groups
    assert asked == [("s3://tenant:bucket/S2.zarr", {"anon": True})]


def test_sizes_in_the_web(served: tuple[str, Path], tiny_folder: Path, tmp_path: Path) -> None:
    url, folder = served
    own(tiny_folder, folder / tiny_folder.name)
    with xr.open_datatree(tiny_folder, engine="safe") as tree:
        tree.to_zarr(folder / "bucket" / "twin.zarr", zarr_format=2, consolidated=True)
    found = compare(f"{url}/{tiny_folder.name}", f"{url}/bucket/twin.zarr", values=False, costs=False)
    assert found.identical, str(found)
    manifest = (tiny_folder / "manifest.safe").read_text()
    assert found.left.size == len(manifest) + sum(map(int, re.findall(r'<byteStream[^>]* size="(\d+)"', manifest)))
    assert (found.left.notes, found.right.size) == ((), None)
    (note,) = found.right.notes
    assert note.startswith("size not known: ")
    assert "cannot be listed" in note or "xarray-safe[access]" in note
