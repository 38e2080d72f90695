"""XML to nested attributes: literals are themselves, look-ups are `X(document, path, convert, …)`.

A table of attributes is a plain dict (or list) in which some leaves are look-ups. `resolve` walks it and puts
the values of one product's XML files in their place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.model.arrays import LookUp

if TYPE_CHECKING:
    from collections.abc import Callable

    from xarray_safe.model.arrays import Context
    from xarray_safe.model.documents import Documents


class _Absent:
    """The value of an optional look-up that finds nothing; its key is left out."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class X(LookUp):
    """A look-up of one value in one of a product's XML files.

    Parameters
    ----------
    document
        Which file: a key of `Documents.names`, e.g. ``"product"``, ``"tile"``.
    path
        ElementPath below the root, without namespaces; ``…/@name`` at its end takes an attribute.
    convert
        Makes a value of the text; ValueError, NaN and infinity say that there is none.
    optional
        A missing element leaves the key out instead of raising `MissingElementError`.
    default
        Value if the element is missing or empty. Text that cannot be converted is an error.
    every
        Where several elements match, give the list of their values, as the converter does; else the first.
    attribute
        Of an element without text, take the first attribute instead, as the converter does in places.
    """

    document: str
    path: str
    convert: Callable[[str], object] | None = None
    optional: bool = False
    default: object = ABSENT
    every: bool = False
    attribute: bool = False

    def resolve(self, context: Context) -> object:
        """Return the value in this product, or `ABSENT`."""
        documents = context.documents
        texts = documents.texts(self.document, self.path, attribute=self.attribute)
        if not texts:
            if self.optional or self.default is not ABSENT:
                return self.default
            raise documents.missing_element(self.document, self.path)
        if self.every and len(texts) > 1:
            return [self._convert(text, documents) for text in texts]
        return self._convert(texts[0], documents)

    def _convert(self, text: str | None, documents: Documents) -> object:
        if self.convert is None:
            return text
        try:
            value = self.convert("" if text is None else text)
            if isinstance(value, float) and not math.isfinite(value):  # JSON has no such numbers
                raise ValueError(f"{text} is not a finite number")
            return value
        except (ValueError, ArithmeticError, IndexError) as error:
            blank = not (text or "").strip()
            if self.optional or (blank and self.default is not ABSENT):
                return self.default
            raise documents.invalid_text(self.document, self.path, text) from error


@dataclass(frozen=True)
class F(LookUp):
    """A value computed from look-ups: ``F(function, X(…), X(…))``; `ABSENT` if one of them is."""

    function: Callable[..., object]
    arguments: tuple[object, ...]

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "arguments", arguments)

    def resolve(self, context: Context) -> object:
        """Return the value in this product, or `ABSENT`."""
        values = [resolve(argument, context) for argument in self.arguments]
        return ABSENT if any(value is ABSENT for value in values) else self.function(*values)


@dataclass(frozen=True)
class Either(LookUp):
    """The first of several look-ups that finds something: ``Either(X(…), X(…))``."""

    look_ups: tuple[LookUp, ...]

    def __init__(self, *look_ups: LookUp) -> None:
        object.__setattr__(self, "look_ups", look_ups)

    def resolve(self, context: Context) -> object:
        """Return the value in this product, or `ABSENT` (or the error of the last, if it is required)."""
        values = (context.value(look_up) for look_up in self.look_ups)
        return next((value for value in values if value is not ABSENT), ABSENT)


@dataclass(frozen=True, slots=True)
class Reduction(LookUp):
    """By how many powers of two the resolution is reduced."""

    def resolve(self, context: Context) -> int:
        """Return the number that the tree is opened with."""
        return context.reduction


def finite(text: str) -> float:
    """Number of a text; ValueError for infinity and NaN."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def positive(text: str) -> float:
    """Number above zero of a text."""
    value = finite(text)
    if value <= 0:
        raise ValueError(f"{text} is not above zero")
    return value


def resolve(table: Any, context: Context) -> Any:
    """Copy a nested table with values in the place of all look-ups; absent keys and items are left out."""
    kind = type(table)  # exact types: tables are literals, and this runs for thousands of leaves on each opening
    if kind is dict:
        resolved = [(key, resolve(value, context)) for key, value in table.items()]
        return {key: value for key, value in resolved if value is not ABSENT}
    if kind is list:
        return [value for value in [resolve(item, context) for item in table] if value is not ABSENT]
    if isinstance(table, LookUp):
        return context.value(table)
    return table
