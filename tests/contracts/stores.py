"""What everything that implements `xarray_safe.archive.remote.store.Store` must do."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ClassVar

import pytest

from xarray_safe.archive.remote.fetch import run
from xarray_safe.errors import MissingFileError

if TYPE_CHECKING:
    from xarray_safe.archive.remote.store import RangeResponse, Store

SECONDS = 30.0


class StoreContract:
    """Subclass it, and have fixtures `store`, `path` (of a file that it has) and `content` (its bytes)."""

    tagged: ClassVar[bool] = True
    """Whether it tells versions of a file apart."""
    absent: ClassVar[str | None] = "nothing.xml"
    """Last part of the path of a file that is not there; None where there is but one file."""
    secrets: ClassVar[tuple[str, ...]] = ()
    """What must not be in messages."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("a fixture of the subclass")

    @pytest.fixture
    def path(self) -> str:
        raise NotImplementedError("a fixture of the subclass")

    @pytest.fixture
    def content(self) -> bytes:
        raise NotImplementedError("a fixture of the subclass")

    @staticmethod
    def get(store: Store, path: str, start: int = 0, stop: int | None = None) -> RangeResponse:
        return run(store.get(path, start, stop), SECONDS)

    def test_a_file_is_read_whole(self, store: Store, path: str, content: bytes) -> None:
        answer = self.get(store, path)
        assert (answer.data, answer.start) == (content, 0)
        assert answer.version.size in (len(content), None)
        assert bool(answer.version.tag) == self.tagged

    def test_ranges_are_slices(self, store: Store, path: str, content: bytes) -> None:
        size = len(content)
        for start, stop in ((0, 1), (5, 50), (size // 2, size), (size - 7, size), (size - 1, None)):
            answer = self.get(store, path, start, stop)
            assert (answer.data, answer.start) == (content[start:stop], start), (start, stop)
            assert answer.version.size == size

    def test_the_end_is_read_by_a_negative_start(self, store: Store, path: str, content: bytes) -> None:
        answer = self.get(store, path, -20)
        assert answer.data == content[-20:]
        assert answer.start == len(content) - 20
        assert answer.version.size == len(content)

    def test_versions_stay(self, store: Store, path: str) -> None:
        assert len({self.get(store, path, start, start + 4).version for start in (0, 3, 9)}) == 1

    def test_a_file_that_is_not_there(self, store: Store, path: str) -> None:
        if self.absent is None:
            assert store.join("", path) == path
            return
        gone = store.join(path.rpartition("/")[0], self.absent)
        with pytest.raises(MissingFileError, match=self.absent):
            self.get(store, gone)
        with pytest.raises(MissingFileError, match=self.absent):
            self.get(store, gone, 0, 10)

    def test_labels_are_for_messages(self, store: Store, path: str) -> None:
        label = store.label(path)
        assert path.rpartition("/")[2] in label
        assert not [secret for secret in self.secrets if secret in label]
        assert store.host

    def test_names_are_listed_with_their_sizes_or_not_at_all(self, store: Store, path: str, content: bytes) -> None:
        folder, _, name = path.rpartition("/")
        found = run(store.list_files(folder or path), SECONDS)
        if found is not None:
            assert found[name].size == len(content)
            assert all(not listed.startswith("/") for listed in found)

    def test_threads_change_nothing(self, store: Store, path: str, content: bytes) -> None:
        starts = [index * 37 % max(1, len(content) - 10) for index in range(40)]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda start: self.get(store, path, start, start + 10).data, starts))
        assert found == [content[start : start + 10] for start in starts]

    def test_a_pickle_reads_the_same(self, store: Store, path: str, content: bytes) -> None:
        other: Store = pickle.loads(pickle.dumps(store))
        assert self.get(other, path, 2, 30).data == content[2:30]
        assert other.host == store.host
        assert other.label(path) == store.label(path)
