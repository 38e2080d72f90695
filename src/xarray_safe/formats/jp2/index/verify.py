"""Check that a supplied index belongs to its image: the header in it must be the file's.

If an index is wrong about where tiles are, that shows when they are read. But a header with other numbers, as of
another version of the product, may silently lead to other pixels. So the file's own header is read in the same batch of
requests as the first tiles, and compared.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from xarray_safe.archive.ranges import Blocks, Buffered
from xarray_safe.errors import CorruptFileError
from xarray_safe.formats.jp2.header import ImageFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xarray_safe.archive.files import Files, Request


class HeaderCheck:
    """Compares the first bytes of a file once with those of an index; any thread may use it.

    Parameters
    ----------
    head
        First bytes of the file, as the index has them.
    """

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._lock = threading.Lock()
        self._same: Future[bool] | None = None

    def guard(self, file: ImageFile) -> ImageFile:
        """Return the image with reads that check its header; the image itself once that was successful."""
        if self._same is not None and self._same.done() and not self._same.exception() and self._same.result():
            return file
        return ImageFile(_Checked(file.files, file.name, self), file.name)

    def read(self, files: Files, name: str, requests: Sequence[Request]) -> list[bytes]:
        """Read ranges. The first thread also reads the header; the others wait for its result.

        Raises
        ------
        CorruptFileError
            The index is of another file.
        """
        with self._lock:
            same, mine = self._same or Future[bool](), self._same is None
            self._same = same
        if not mine:
            found = files.read_many(list(requests))
        else:
            try:
                head, *found = files.read_many([(name, 0, len(self._head)), *requests])
            except BaseException as error:
                self._same = None  # the next thread tries again
                same.set_exception(error)
                raise
            same.set_result(head == self._head)
        if not same.result():
            raise CorruptFileError(f"{name} of {files.url}: its index is of another file; use another, or none")
        return found


class _Checked(Buffered):
    """An archive of which the header of one image is checked. Nothing is buffered: all reads go through the check."""

    def __init__(self, files: Files, name: str, check: HeaderCheck) -> None:
        super().__init__(files, Blocks())
        self._name, self._check = name, check

    def read_many(self, requests: Sequence[Request]) -> list[bytes]:
        """Return several ranges; see `HeaderCheck.read`."""
        return self._check.read(self.files, self._name, requests)
