"""Every way to a remote product keeps the contract of `Files`, and every store that of `Store`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import fsspec
import pytest

from tests.archive.remote.support import SECRET, Zipped, item
from tests.contracts.files import FilesContract
from tests.contracts.stores import StoreContract
from xarray_safe.archive import open_archive
from xarray_safe.archive.remote.connect import connect
from xarray_safe.archive.remote.fsspec import RangesStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.archive.remote.conftest import Site
    from xarray_safe.archive import Archive
    from xarray_safe.archive.remote.store import Store


class RemoteFiles(FilesContract):
    @pytest.fixture
    def content(self, site: Site) -> dict[str, bytes]:
        files = (path for path in site.folder.rglob("*") if path.is_file())
        return {path.relative_to(site.folder).as_posix(): path.read_bytes() for path in files}


class TestFolders(FilesContract):
    @pytest.fixture(params=["http folder", "s3 folder"])
    def files(self, request: pytest.FixtureRequest, site: Site) -> Archive:
        url, options, _ = site.url(request.param)
        return open_archive(url, options)

    @pytest.fixture
    def content(self, site: Site) -> dict[str, bytes]:
        """The files that the manifest lists, and itself: folders are not listed."""
        listed = re.findall(r'href="\./([^"]+)"', (site.folder / "manifest.safe").read_text())
        return {name: (site.folder / name).read_bytes() for name in ("manifest.safe", *listed)}


class TestZips(RemoteFiles):
    @pytest.fixture(params=["http zip", "s3 zip", "http deflated", "s3 deflated"])
    def files(self, request: pytest.FixtureRequest, site: Site) -> Archive:
        url, options, _ = site.url(request.param)
        return open_archive(url, options)


class TestItem(RemoteFiles):
    @pytest.fixture
    def content(self, site: Site, files: Archive) -> dict[str, bytes]:
        """The files that the item names; an item need not name schemas and previews."""
        assert "manifest.safe" in files.names
        assert len(files.names) > 50
        return {name: (site.folder / name).read_bytes() for name in files.names}

    @pytest.fixture
    def files(self, site: Site) -> Archive:
        return open_archive(item(site), site.s3_options)


class TestRanges(RemoteFiles):
    @pytest.fixture
    def files(self, site: Site) -> Archive:
        return open_archive(Zipped(site.folder.with_suffix(".SAFE.zip")))


class OneFile(StoreContract):
    name: ClassVar[str] = "manifest.safe"

    @pytest.fixture
    def content(self, site: Site) -> bytes:
        return (site.folder / self.name).read_bytes()


class TestHttpStore(OneFile):
    secrets = ("s3cr3t",)

    @pytest.fixture
    def path(self, site: Site) -> str:
        return f"{site.url('http folder')[0]}/{self.name}"

    @pytest.fixture
    def store(self, path: str) -> Store:
        return connect(path, {"headers": {"Authorization": "Bearer s3cr3t"}}).store


class TestS3Store(OneFile):
    secrets = (SECRET,)

    @pytest.fixture
    def store(self, site: Site) -> Store:
        url, options, _ = site.url("s3 folder")
        return connect(url, options).store

    @pytest.fixture
    def path(self, site: Site) -> str:
        url, options, _ = site.url("s3 folder")
        return connect(f"{url}/{self.name}", options).path


class TestFsspecStore(OneFile):
    @pytest.fixture
    def url(self, content: bytes) -> Iterator[str]:
        fs = fsspec.filesystem("memory")
        fs.pipe_file(f"/contract/X.SAFE/{self.name}", content)
        yield f"memory://contract/X.SAFE/{self.name}"
        fs.rm("/contract", recursive=True)

    @pytest.fixture
    def store(self, url: str) -> Store:
        return connect(url, {}).store

    @pytest.fixture
    def path(self, url: str) -> str:
        return connect(url, {}).path


class TestRangesStore(StoreContract):
    absent = None
    tagged = False

    @pytest.fixture
    def ranges(self, site: Site) -> Zipped:
        return Zipped(site.folder.with_suffix(".SAFE.zip"))

    @pytest.fixture
    def store(self, ranges: Zipped) -> Store:
        return RangesStore(ranges)

    @pytest.fixture
    def path(self) -> str:
        return ""

    @pytest.fixture
    def content(self, ranges: Zipped) -> bytes:
        return ranges.data
