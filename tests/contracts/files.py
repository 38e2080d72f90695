"""What everything that implements `xarray_safe.archive.files.Files` must do."""

from __future__ import annotations

import pickle
import random
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ClassVar

import pytest

from xarray_safe.errors import MissingFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from xarray_safe.archive.files import Files, Request


class FilesContract:
    """Subclass it, and have fixtures `files` (what is tested) and `content` (bytes of each of its files by name)."""

    absent: ClassVar[str] = "GRANULE/nothing.xml"
    """Name of a file that is not there."""

    @pytest.fixture
    def files(self) -> Files:
        raise NotImplementedError("a fixture of the subclass")

    @pytest.fixture
    def content(self) -> Mapping[str, bytes]:
        raise NotImplementedError("a fixture of the subclass")

    @staticmethod
    def requests(content: Mapping[str, bytes], count: int, seed: int = 0) -> list[Request]:
        """Ranges of all kinds: of any file, empty, to the end, beyond it; some twice."""
        chance = random.Random(seed)
        found: list[Request] = []
        for _ in range(count):
            name = chance.choice(sorted(content))
            size = len(content[name])
            start, stop = chance.randint(0, size + 10), chance.choice([None, chance.randint(0, size + 10)])
            found.append((name, start, stop if stop is None else max(start, stop)))
        return found + found[: count // 4]

    def test_what_it_says_of_itself(self, files: Files) -> None:
        assert isinstance(files.url, str)
        assert files.url
        assert isinstance(files.local, bool)
        assert isinstance(files.origin, str)

    def test_files_are_read_whole(self, files: Files, content: Mapping[str, bytes]) -> None:
        assert {name: files.read(name) for name in content} == content

    def test_sizes(self, files: Files, content: Mapping[str, bytes]) -> None:
        assert {name: files.size(name) for name in content} == {name: len(data) for name, data in content.items()}

    def test_ranges_are_slices(self, files: Files, content: Mapping[str, bytes]) -> None:
        for name, start, stop in self.requests(content, 40):
            assert files.read(name, start, stop) == content[name][start:stop], (name, start, stop)

    def test_many_ranges_come_in_the_order_asked_for(self, files: Files, content: Mapping[str, bytes]) -> None:
        requests = self.requests(content, 40, seed=1)
        assert files.read_many(requests) == [content[name][start:stop] for name, start, stop in requests]
        assert files.read_many([]) == []

    def test_names_are_found_by_patterns(self, files: Files, content: Mapping[str, bytes]) -> None:
        deepest = max(content, key=lambda name: name.count("/"))
        one_level = re.sub("[^/]+", "*", deepest)
        starts = f"{deepest[:-4]}*"
        for pattern in ("*", "*.xml", "MTD_*.xml", one_level, starts, deepest, self.absent, ""):
            rule = re.compile("[^/]*".join(map(re.escape, pattern.split("*"))))
            assert files.find(pattern) == sorted(name for name in content if rule.fullmatch(name)), pattern

    def test_identities_tell_files_apart_and_stay(self, files: Files, content: Mapping[str, bytes]) -> None:
        names = sorted(content)
        first, again = [[files.identity(name) for name in names] for _ in range(2)]
        assert first == again
        assert len(set(first)) == len(names)
        assert all(isinstance(part, str) for identity in first for part in identity)

    def test_a_file_that_is_not_there_is_named(self, files: Files, content: Mapping[str, bytes]) -> None:
        there = min(content)
        for ask in (files.read, files.size, lambda name: files.read_many([(there, 0, 1), (name, 0, 1)])):
            with pytest.raises(MissingFileError, match=re.escape(self.absent)):
                ask(self.absent)
        assert files.read(there) == content[there]

    def test_threads_change_nothing(self, files: Files, content: Mapping[str, bytes]) -> None:
        requests = self.requests(content, 80, seed=2)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda request: files.read(*request), requests))
        assert found == [content[name][start:stop] for name, start, stop in requests]

    def test_a_pickle_reads_the_same(self, files: Files, content: Mapping[str, bytes]) -> None:
        other: Files = pickle.loads(pickle.dumps(files))
        assert {name: other.read(name) for name in content} == content
        assert [other.identity(name) for name in content] == [files.identity(name) for name in content]
        assert (other.url, other.local, other.origin) == (files.url, files.local, files.origin)
        assert other.find("*") == files.find("*")
