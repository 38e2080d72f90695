"""What values are: lazy arrays, frozen descriptions (sources) that open to them, look-ups of single values.

`Source` and `Array` are all that a new file format has to provide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xarray_safe.archive.files import Files, Request
    from xarray_safe.model.documents import Documents

Key = tuple[int | slice, ...]


@runtime_checkable
class Array(Protocol):
    """A lazy array: nothing is decoded before ``array[key]``.

    Arrays pickle, and any number of threads may read from one. One that knows attributes of its own from its
    file (GRIB does) has them as `attrs`; they are added to those of the table.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each dimension."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the values."""

    @property
    def chunks(self) -> tuple[int, ...]:
        """Shape of the pieces that are cheapest to read; `shape` itself where there is only one."""

    def __getitem__(self, key: Key) -> np.ndarray[Any, Any]:
        """Basic indexing by one int or slice (any step, in bounds, normalised) for each dimension."""


class Context(Protocol):
    """What sources and look-ups work with while a product is opened. Arrays keep `files` only: it alone pickles."""

    @property
    def files(self) -> Files:
        """The archive."""

    @property
    def documents(self) -> Documents:
        """The product's XML files."""

    @property
    def reduction(self) -> int:
        """The tree is opened at 1 / 2**reduction of the resolution (ISO 15444: resolution reduction)."""

    def value(self, look_up: LookUp) -> Any:
        """Value of a look-up, computed once."""

    def find(self, pattern: str) -> str:
        """Name of the one file that matches; ``*`` stands for anything but ``/``.

        Raises
        ------
        AbsentFileError
            If it does not exist.
        MissingFileError
            If it does not exist although the metadata name it.
        CorruptFileError
            If there are several.
        """

    def unreadable(self, name: str) -> None:
        """Note a damaged file, which raises an error when its variables are read; all notes make one warning."""


class LookUp:
    """A leaf of a table that stands for a value of the product; frozen, hashable, resolved once per opening."""

    __slots__ = ()

    def resolve(self, context: Context) -> object:
        """Return the value in this product, or `ABSENT`."""
        raise NotImplementedError


class Source(Protocol):
    """A frozen description of where an array is stored in an archive."""

    def open(self, context: Context) -> Array:
        """Open lazily: read a header at most."""


@runtime_checkable
class Prefetching(Protocol):
    """A source whose `open` reads ranges that can be named before: remote archives fetch those of all at once."""

    def prefetch(self, files: Files) -> Iterable[Request]:
        """Ranges that `open` will read."""


@dataclass(frozen=True, eq=False)
class InMemoryArray:
    """An array held in memory, because it is a coordinate or small; `attrs` are raw attributes from its file."""

    values: np.ndarray[Any, Any]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values."""
        return tuple(self.values.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the values."""
        dtype: np.dtype[Any] = self.values.dtype
        return dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """One chunk."""
        return self.shape

    def __getitem__(self, key: Key) -> np.ndarray[Any, Any]:
        """Basic indexing."""
        return np.asarray(self.values[key])


@dataclass(frozen=True, slots=True)
class Constant:
    """A value, or a list of them, that the table itself states."""

    value: int | float | str | tuple[int | float | str, ...]
    dtype: str

    def open(self, context: Context) -> Array:
        """Return the value as an array."""
        return InMemoryArray(np.asarray(self.value, dtype=self.dtype))
