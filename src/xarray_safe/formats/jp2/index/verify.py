"""The proof that an index that was brought along belongs to its image: the header in it is that of the file.

What an index says of places shows when tiles are read there. But a header with other numbers, as of another version
of the product, may give other pixels without a sound. So the file's own header is read along with the first tiles, in
the same batch of requests, and compared.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xarray_safe.errors import CorruptFileError
from xarray_safe.formats.jp2.header import ImageFile
from xarray_safe.formats.jp2.prefetch import HeldFiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xarray_safe.archive.files import Files, Request


class Proof:
    """Compares once the first bytes of a file with those that an index has; any thread may ask.

    Parameters
    ----------
    head
        First bytes of the file, as the index has them.
    """

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._lock = threading.Lock()
        self._same: Future[bool] | None = None

    def over(self, file: ImageFile) -> ImageFile:
        """Give the image whose bytes are only handed out when its header is proved; itself once that is so."""
        if self._same is not None and self._same.done() and not self._same.exception() and self._same.result():
            return file
        return ImageFile(_Proved(file.files, file.name, _Nothing(), self), file.name)

    def read(self, files: Files, name: str, requests: Sequence[Request]) -> list[bytes]:
        """Read ranges; the first who does reads the header along, others wait for what comes of it.

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
                self._same = None  # the next one tries again
                same.set_exception(error)
                raise
            same.set_result(head == self._head)
        if not same.result():
            raise CorruptFileError(f"{name} of {files.url}: its index is of another file; use another, or none")
        return found


class _Nothing:
    """No bytes at hand."""

    def take(self, start: int, stop: int) -> None:
        return


@dataclass
class _Proved(HeldFiles):
    """An archive of which one file's header is to be proved."""

    proof: Proof

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Give a range; see `Proof.read`."""
        return self.proof.read(self.files, self.name, [(name, start, stop)])[0]

    def read_many(self, requests: Sequence[Request]) -> list[bytes]:
        """Give several ranges; see `Proof.read`."""
        return self.proof.read(self.files, self.name, requests)
