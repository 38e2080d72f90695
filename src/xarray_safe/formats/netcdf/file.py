"""One netCDF file: its variables, dimensions and attributes; a variable opens as a lazy array."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from xarray_safe import runtime
from xarray_safe.errors import CorruptFileError
from xarray_safe.formats.netcdf.array import NetcdfArray
from xarray_safe.formats.netcdf.classic import MAGIC, ClassicFile
from xarray_safe.formats.netcdf.hdf5.file import Hdf5File
from xarray_safe.formats.netcdf.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from xarray_safe.archive.files import Files
    from xarray_safe.formats.netcdf.variable import Variable

    T = TypeVar("T")


def open_netcdf(files: Files, name: str) -> NetcdfFile:
    """Open a file: its head is read, no values.

    Parameters
    ----------
    files, name
        The archive, and the file's name in it.

    Raises
    ------
    MissingFileError
        There is no such file.
    CorruptFileError
        It is not netCDF, is damaged or cut short.
    UnsupportedProductError
        It is in a form that no product has.
    """
    key = ("netcdf", *files.identity(name))
    header = runtime.indexes().get(key)
    if header is None:
        reader = Reader(files, name)
        is_classic = reader.size >= 4 and reader.at(0, 3) == MAGIC
        header = _guarded(files, name, lambda: ClassicFile(reader) if is_classic else Hdf5File(reader))
        runtime.indexes().put(key, header, reader.nbytes)
    return NetcdfFile(files, name, header)


class NetcdfFile:
    """One netCDF file; see `open_netcdf`.

    Parameters
    ----------
    files, name
        The archive, and the file's name in it.
    header
        The file's header, of either format.
    """

    def __init__(self, files: Files, name: str, header: ClassicFile | Hdf5File) -> None:
        self.files, self.name, self._header = files, name, header
        self._variables: dict[str, Variable] = {}

    @property
    def names(self) -> list[str]:
        """Names of all variables, in the file's order."""
        return _guarded(self.files, self.name, lambda: self._header.names)

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the file."""
        return _guarded(self.files, self.name, lambda: self._header.attrs)

    def __contains__(self, name: str) -> bool:
        """Return True if there is a variable of this name."""
        return _guarded(self.files, self.name, lambda: name in self._header)

    def size(self, dimension: str) -> int | None:
        """Return the length of a dimension; None if there is none of this name."""
        return _guarded(self.files, self.name, lambda: self._header.size(dimension))

    def variable(self, name: str) -> Variable:
        """Return type, shape, dimensions and attributes of a variable.

        Raises
        ------
        KeyError
            There is none of this name.
        CorruptFileError, UnsupportedProductError
            Its header is damaged, or it is stored in a way that no product uses.
        """
        if name not in self._variables:
            if name not in self:
                raise KeyError(name)
            self._variables[name] = _guarded(self.files, self.name, lambda: self._header.variable(name))
        return self._variables[name]

    def open(self, name: str) -> NetcdfArray:
        """Return a variable as a lazy array of its stored values; see `variable`."""
        return NetcdfArray(self.files, self.name, self.variable(name))


def _guarded(files: Files, name: str, parse: Callable[[], T]) -> T:
    """Parse a part of a header; a damaged one raises what a parser raises."""
    try:
        return parse()
    except (struct.error, IndexError, OverflowError, UnicodeError, RecursionError, TypeError) as error:
        raise CorruptFileError(
            f"{files.url}: {name}: its header is damaged ({type(error).__name__}). Download the product again."
        ) from error
