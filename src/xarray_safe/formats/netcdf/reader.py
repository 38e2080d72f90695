"""Bytes of one file's header, in blocks: a parser that jumps costs few reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from xarray_safe.errors import CorruptFileError, UnsupportedProductError

if TYPE_CHECKING:
    from xarray_safe.archive.files import Files

HEAD: Final = 1 << 16
"""Bytes at the beginning that are read first: headers and indexes of most files are within them."""
BLOCK: Final = 1 << 14
"""Bytes of a further block of a local file; of a remote one four times as many."""


class Reader:
    """One file by positions; blocks that were read stay in memory.

    Parameters
    ----------
    files, name
        The archive, and the file's name in it.
    """

    def __init__(self, files: Files, name: str) -> None:
        self.files, self.name = files, name
        self.size = files.size(name)
        self.base = 0
        self._block = BLOCK if files.local else BLOCK * 4
        self._head = files.read(name, 0, min(HEAD, self.size))
        self._blocks: dict[int, bytes] = {}

    def at(self, offset: int, length: int) -> bytes:
        """Return bytes at a position.

        Raises
        ------
        CorruptFileError
            They are not within the file.
        """
        start = offset + self.base
        stop = start + length
        if start < 0 or length < 0 or stop > self.size:
            raise self.corrupt("it is cut short: its header names bytes beyond its end")
        if stop <= len(self._head):
            return self._head[start:stop]
        first, last = start // self._block, (stop - 1) // self._block
        if first == last:
            begin = first * self._block
            return self._piece(first)[start - begin : stop - begin]
        return self.files.read(self.name, start, stop)

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return len(self._head) + sum(map(len, self._blocks.values()))

    def _piece(self, number: int) -> bytes:
        piece = self._blocks.get(number)
        if piece is None:
            begin = number * self._block
            piece = self.files.read(self.name, begin, min(begin + self._block, self.size))
            self._blocks[number] = piece
        return piece

    def corrupt(self, why: str) -> CorruptFileError:
        """Return the error for a damaged file."""
        return CorruptFileError(f"{self.files.url}: {self.name}: {why}. Download the product again.")

    def unsupported(self, what: str) -> UnsupportedProductError:
        """Return the error for a form of the format that no product has."""
        return UnsupportedProductError(
            f"{self.files.url}: {self.name} has {what}, which xarray-safe does not read. Is it a copy that another "
            "program has written? Download the product itself."
        )


def number(data: bytes, offset: int, length: int = 8) -> int:
    """Return an unsigned integer, little-endian."""
    return int.from_bytes(data[offset : offset + length], "little")
