"""The vocabulary of the product tables: what a variable is, where its values come from.

A table is a plain function of an archive's facts that yields `Var`s; `build` turns them into lazy xarray
variables. `Source` (a frozen description) and `Array` (what it opens to) are all that a new file format has
to provide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import numpy as np

    from xarray_safe.metadata import Documents, X

Key = tuple[int | slice, ...]


class Files(Protocol):
    """What sources need of an archive: ranges of bytes of its named files.

    Names are POSIX paths relative to the product's folder, e.g. ``GRANULE/L2A_…/MTD_TL.xml``.
    An archive pickles (as path and description, without handles) and any thread may read from it.
    """

    url: str
    """The archive's path or URL, for messages."""

    local: bool
    """Whether a read costs microseconds, so that headers may be looked at on opening."""

    def find(self, pattern: str) -> list[str]:
        """Names of the files that match a pattern in which ``*`` stands for anything but ``/``."""

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Bytes ``start:stop`` of a file (fewer only at its end)."""

    def size(self, name: str) -> int:
        """Size of a file in bytes, uncompressed."""

    def identity(self, name: str) -> tuple[str, ...]:
        """A key that is the same in every process and changes when the file does (path, size, mtime)."""


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
    """What `Source.open` gets to work with. Arrays keep `files` only: it alone pickles."""

    @property
    def files(self) -> Files:
        """The archive."""

    @property
    def documents(self) -> Documents:
        """The product's XML files."""

    def find(self, pattern: str) -> str:
        """Name of the one file that matches; ``*`` stands for anything but ``/``.

        Raises
        ------
        AbsentFile
            If there is none.
        MissingFile
            If there is none although the metadata name it.
        CorruptFile
            If there are several.
        """

    def unreadable(self, name: str) -> None:
        """Note a file that is damaged, which its variables will tell on reading; all notes make one warning."""


class Source(Protocol):
    """A frozen description of where an array lies in an archive."""

    def open(self, context: Context) -> Array:
        """Open lazily: read a header at the most."""


@dataclass(frozen=True, slots=True)
class Var:
    """One variable of the tree.

    Parameters
    ----------
    path
        Absolute path in the tree, e.g. ``/measurements/reflectance/r10m/b02``.
    source
        Where its values come from.
    dims
        Names of its dimensions. A variable with the name of its only dimension is a coordinate; others are
        named in the ``coordinates`` attribute of the variables that they belong to, as in Zarr.
    attrs
        Raw attributes as they stand in the Zarr, CF ones (``scale_factor``, ``_FillValue``, …) and look-ups
        (`metadata.X`) among them.
    optional
        A product may lack it (one warning), unless its metadata name the file; else a missing file is an error.
    """

    path: str
    source: Source
    dims: tuple[str, ...]
    attrs: Mapping[str, object] = field(default_factory=dict)
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """A product type in one layout: its tables, which can be listed without any archive.

    Parameters
    ----------
    type
        EOPF product type, e.g. ``S02MSIL2A``.
    layout
        EOPF layout version, ``"2.5"`` or ``"2.8"``.
    documents
        Patterns of its XML files by the names that look-ups use.
    roots
        Ends of the names of their root elements.
    cut
        Elements before and after the middle of huge documents (see `metadata.Documents`).
    variables
        The table of variables.
    attrs
        Attributes of groups by path (``/`` for the root), look-ups among them.
    named
        Look-ups of the files that the metadata name (without suffix): these must be there.
    chunks
        Length of the chunks of images in EOPF Zarr, by the last part of their group's path.
    may_lack
        Folders of files that a whole product may lack; they are missed only if the manifest lists them.
    why
        Says, of an archive's XML, why files may be absent.
    finish
        Last changes to the root attributes, for values that depend on all others (the EOPF name's checksum);
        gets the attributes and the variables that the product has.
    """

    type: str
    layout: str
    documents: Mapping[str, str]
    roots: Mapping[str, str]
    cut: Mapping[str, tuple[str, str]]
    variables: tuple[Var, ...]
    attrs: Mapping[str, Mapping[str, object]]
    named: tuple[X, ...]
    chunks: Mapping[str, int]
    may_lack: tuple[str, ...]
    why: Callable[[Documents], str]
    finish: Callable[[dict[str, Any], Iterable[Var]], dict[str, Any]]
