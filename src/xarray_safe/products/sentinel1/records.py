"""Lists of records of annotation, calibration and noise files as arrays: one row a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from xarray_safe.errors import MissingElementError
from xarray_safe.model.arrays import InMemoryArray, LookUp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lxml import etree

    from xarray_safe.model.arrays import Array, Context

    Values = np.ndarray[Any, np.dtype[Any]]

TIME_ATTRS: Final = {"units": "nanoseconds since 1970-01-01", "calendar": "proleptic_gregorian"}
"""How all times are packed."""

FILLS: Final = {"f4": np.nan, "f8": np.nan, "f4 as f8": np.nan, "i4": -1, "u4": 0}
"""What rows that are shorter than the longest are filled up with."""


@dataclass(frozen=True, slots=True)
class Records(LookUp):
    """Look-up of the elements of a list.

    Parameters
    ----------
    file
        Name of the XML file in the archive.
    path
        ElementPath of the elements.
    """

    file: str
    path: str

    def resolve(self, context: Context) -> list[etree._Element]:
        """Return the elements, in the file's order."""
        return context.documents.file(self.file).findall(self.path)


@dataclass(frozen=True, slots=True)
class Column:
    """One value, or one list of numbers, of each record: (record,) or (record, number).

    Parameters
    ----------
    records
        The list.
    tag
        Element of a record, as an ElementPath.
    dtype
        ``f4``, ``f8``, ``i4``, ``u4``; ``f4 as f8`` for doubles that the converter rounds to single precision on
        the way; ``b1`` for ``true`` and ``false``; ``M8`` for times; ``U3`` for texts.
    several
        Whether the element holds a list of numbers. Short rows are filled up (see `FILLS`).
    """

    records: Records
    tag: str
    dtype: str
    several: bool = False

    def open(self, context: Context) -> Array:
        """Parse."""
        return packed(read_column(context, self))


def read_column(context: Context, column: Column) -> Values:
    """Values of a column; times as ``datetime64[ns]``.

    Raises
    ------
    MissingElementError
        A record lacks the element, or has there what it must not.
    """
    texts = [element.findtext(column.tag) for element in context.value(column.records)]
    try:
        return _rows(texts, column.dtype) if column.several else _values(texts, column.dtype)
    except (TypeError, ValueError, AttributeError) as error:
        where = f"{context.files.url}: {column.records.file}"
        if None in texts:
            raise MissingElementError(
                f"{where} does not have {column.records.path}/{column.tag} in every record. Download the product again."
            ) from error
        raise MissingElementError(
            f"{where}: {column.records.path}/{column.tag} holds what is invalid there ({error}). "
            "Download the product again."
        ) from error


def _values(texts: Sequence[str | None], dtype: str) -> Values:
    if dtype == "M8":
        return times(texts)
    if None in texts:
        raise TypeError("missing")
    if dtype == "b1":
        return np.array([text == "true" for text in texts], "b1")
    if dtype.startswith("U"):
        return np.array([str(text).strip() for text in texts], dtype)
    return cast(np.array([float(text or "") for text in texts]), dtype)


def times(texts: Sequence[str | None]) -> Values:
    """Times of texts in UTC, as ``datetime64[ns]``."""
    if None in texts:
        raise TypeError("missing")
    return np.array([str(text).strip().rstrip("Z") for text in texts], "M8[ns]")


def numbers(text: str | None) -> Values:
    """Numbers of a text, separated by blanks; ValueError if there is anything else in it."""
    if text is None:
        raise TypeError("missing")
    return np.array(list(map(float, text.split())))  # five times as fast as numpy reads texts


def _rows(texts: Sequence[str | None], dtype: str) -> Values:
    rows = [numbers(text) for text in texts]
    width = max(map(len, rows), default=0)
    if all(len(row) == width for row in rows):
        return cast(np.array(rows, np.float64).reshape(len(rows), width), dtype)
    values = np.full((len(rows), width), FILLS[dtype], np.float64)
    for target, row in zip(values, rows, strict=True):
        target[: len(row)] = row
    return cast(values, dtype)


def cast(values: Values, dtype: str) -> Values:
    """Values in a column's data type."""
    for part in dtype.split(" as "):
        values = values.astype(part)
    return values


def packed(values: Values) -> InMemoryArray:
    """Values as an array of the tree; times as nanoseconds."""
    if values.dtype.kind == "M":
        return InMemoryArray(values.astype("M8[ns]").astype(np.int64), dict(TIME_ATTRS))
    return InMemoryArray(values)
