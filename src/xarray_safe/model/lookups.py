"""XML to nested attributes: literals are themselves, look-ups are `X(document, path, convert, …)`.

A table of attributes is a plain dict (or list) in which some leaves are look-ups. `resolve` walks it and puts
the values of one product's XML files in their place. Namespaces are stripped on parsing, because they are
about all in which the product specifications PSD-14 and PSD-15 differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.archive.xml import END, parse, read_ends
from xarray_safe.errors import CorruptFileError, MissingElementError, MissingFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lxml import etree

    from xarray_safe.archive.files import Files, Request
    from xarray_safe.model.arrays import Context


class _Absent:
    """The value of an optional look-up that finds nothing; its key is left out."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


class LookUp:
    """A leaf of a table that stands for a value of the product; frozen, hashable, resolved once per opening."""

    __slots__ = ()

    def resolve(self, context: Context) -> object:
        """Return the value in this product, or `ABSENT`."""
        raise NotImplementedError


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
        Makes a value of the text.
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
            return self.convert("" if text is None else text)
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


@dataclass
class Documents:
    """The XML files of one product, each parsed at its first use and once.

    Parameters
    ----------
    files
        The archive.
    names
        File names by the names that look-ups use (``product``, ``tile``, …).
    elided
        For documents with a huge middle that nobody needs: the elements before and after it (see `xml.read_ends`).
    patterns
        Patterns of the file names, for messages about files that are not there.
    roots
        Ends of the names of the root elements, by which a file is known to be what it should be.
    """

    files: Files
    names: Mapping[str, str] = field(default_factory=dict)
    elided: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    patterns: Mapping[str, str] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)
    _parsed: dict[str, etree._Element] = field(default_factory=dict, repr=False)
    _without_middle: set[str] = field(default_factory=set, repr=False)

    def file(self, name: str) -> etree._Element:
        """Root element of an XML file by its name in the archive, namespaces stripped."""
        if name not in self._parsed or name in self._without_middle:
            self._parsed[name] = parse(self.files.read(name), f"{self.files.url}: {name}")
            self._without_middle.discard(name)
        return self._parsed[name]

    def root(self, document: str, section: str = "") -> etree._Element:
        """Root element of a document, namespaces stripped; without its middle only if a section is in the rest."""
        name = self.name(document)
        ends = self.elided.get(document)
        if name not in self._parsed:
            if ends:
                self._parsed[name] = parse(read_ends(self.files, name, *ends), f"{self.files.url}: {name}")
                self._without_middle.add(name)
            self._check(document, name)
        root = self._parsed[name]
        if section and name in self._without_middle and root.find(section) is None:
            return self.file(name)
        return root

    def _check(self, document: str, name: str) -> None:
        root = self._parsed[name] if name in self._parsed else self.file(name)
        expected = self.roots.get(document, "")
        if not str(root.tag).endswith(expected):
            raise CorruptFileError(
                f"{self.files.url}: {name} is not a {expected} but a {root.tag}. Download the product again."
            )

    def name(self, document: str) -> str:
        """Name of a document's file.

        Raises
        ------
        MissingFileError
            The archive has none.
        """
        if document not in self.names:
            file = self.patterns.get(document, document)
            raise MissingFileError(
                f"{self.files.url}: there is no file {file}, the {document}'s metadata. The archive is not complete; "
                "download it again."
            )
        return self.names[document]

    def ranges(self) -> list[Request]:
        """Ranges of the files that reading all documents takes: name, start, stop (None: the end)."""
        found: list[Request] = []
        for document, name in self.names.items():
            size = self.files.size(name) if document in self.elided and not self.files.local else 0
            found += [(name, 0, END), (name, size - END, size)] if size > 2 * END else [(name, 0, None)]
        return found

    def texts(self, document: str, path: str, *, attribute: bool = False) -> list[str | None]:
        """Texts of all elements (or attributes) at a path; with `attribute`, empty elements give their first one."""
        path, _, name = path.partition("/@")
        elements = self.root(document, path.partition("/")[0]).findall(path)
        if name:
            return [str(e.get(name)) for e in elements if e.get(name) is not None]
        if attribute:
            return [e.text if e.text is not None else next(iter(e.attrib.values()), None) for e in elements]  # type: ignore[misc]
        return [e.text for e in elements]

    def missing_element(self, document: str, path: str) -> MissingElementError:
        """Error for an element that must be there."""
        return MissingElementError(
            f"{self.files.url}: {self.names.get(document, document)} has no element {path}, which the tree needs. "
            "Is the product complete, and of a type and baseline that xarray-safe knows?"
        )

    def invalid_text(self, document: str, path: str, text: str | None) -> MissingElementError:
        """Error for an element whose text is not what it must be."""
        return MissingElementError(
            f"{self.files.url}: {self.names.get(document, document)}: element {path} holds {text!r}, "
            "which is invalid there. Download the product again."
        )
