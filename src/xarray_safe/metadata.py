"""XML to nested attributes: literals are themselves, look-ups are `X(document, path, convert, …)`.

A table of attributes is a plain dict (or list) in which some leaves are look-ups. `resolve` walks it and puts
the values of one product's XML files in their place. Namespaces are stripped on parsing, because they are
about all in which the product specifications PSD-14 and PSD-15 differ.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from xarray_safe.errors import CorruptFile, MissingElement, MissingFile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xarray_safe.mapping import Files


class _Absent:
    """The value of an optional look-up that finds nothing; its key is left out."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()

_NAMESPACED = etree.XPath("//*[namespace-uri()!='']")


class LookUp:
    """A leaf of a table that stands for a value of the product; frozen, hashable, resolved once per opening."""

    __slots__ = ()

    def resolve(self, documents: Documents) -> object:
        """Give the value in these documents, or `ABSENT`."""
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
        A missing element leaves the key out instead of raising `MissingElement`.
    default
        The value where the element is missing or empty; one that makes no sense is an error.
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

    def resolve(self, documents: Documents) -> object:
        """Give the value in these documents, or `ABSENT`."""
        texts = documents.texts(self.document, self.path, attribute=self.attribute)
        if not texts:
            if self.optional or self.default is not ABSENT:
                return self.default
            raise documents.missing(self.document, self.path)
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
            raise documents.senseless(self.document, self.path, text) from error


@dataclass(frozen=True)
class F(LookUp):
    """A value computed from look-ups: ``F(function, X(…), X(…))``; `ABSENT` if one of them is."""

    function: Callable[..., object]
    arguments: tuple[object, ...]

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "arguments", arguments)

    def resolve(self, documents: Documents) -> object:
        """Give the value in these documents, or `ABSENT`."""
        values = [resolve(argument, documents) for argument in self.arguments]
        return ABSENT if any(value is ABSENT for value in values) else self.function(*values)


@dataclass(frozen=True)
class Either(LookUp):
    """The first of several look-ups that finds something: ``Either(X(…), X(…))``."""

    look_ups: tuple[LookUp, ...]

    def __init__(self, *look_ups: LookUp) -> None:
        object.__setattr__(self, "look_ups", look_ups)

    def resolve(self, documents: Documents) -> object:
        """Give the value in these documents, or `ABSENT` (or the error of the last, if it is required)."""
        values = (documents.value(look_up) for look_up in self.look_ups)
        return next((value for value in values if value is not ABSENT), ABSENT)


@dataclass(frozen=True, slots=True)
class Overview(LookUp):
    """By how many powers of two the resolution is reduced."""

    def resolve(self, documents: Documents) -> int:
        """Give the number that the tree is opened with."""
        return documents.overview


def finite(text: str) -> float:
    """Number of a text; ValueError for infinity and NaN."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no finite number")
    return value


def positive(text: str) -> float:
    """Number above zero of a text."""
    value = finite(text)
    if value <= 0:
        raise ValueError(f"{text} is not above zero")
    return value


def resolve(table: Any, documents: Documents) -> Any:
    """Copy a nested table with values in the place of all look-ups; absent keys and items are left out."""
    kind = type(table)  # exact types: tables are literals, and this runs for thousands of leaves on each opening
    if kind is dict:
        resolved = [(key, resolve(value, documents)) for key, value in table.items()]
        return {key: value for key, value in resolved if value is not ABSENT}
    if kind is list:
        return [value for value in [resolve(item, documents) for item in table] if value is not ABSENT]
    if isinstance(table, LookUp):
        return documents.value(table)
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
    cut
        For documents with a huge middle that nobody needs: the elements before and after it (see `read_ends`).
    overview
        The tree is opened at 1 / 2**overview of the resolution; places of images depend on it.
    patterns
        Patterns of the file names, for messages about files that are not there.
    roots
        Ends of the names of the root elements, by which a file is known to be what it should be.
    """

    files: Files
    names: Mapping[str, str]
    cut: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    overview: int = 0
    patterns: Mapping[str, str] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)
    _roots: dict[str, etree._Element] = field(default_factory=dict, repr=False)
    _ends: set[str] = field(default_factory=set, repr=False)
    _values: dict[LookUp, object] = field(default_factory=dict, repr=False)

    def root(self, document: str, section: str = "") -> etree._Element:
        """Root element of a document, namespaces stripped; without its middle only if a section is in the rest."""
        if document not in self._roots:
            cut = self.cut.get(document)
            self._roots[document] = self._parse(document, cut)
            if cut:
                self._ends.add(document)
        if section and document in self._ends and self._roots[document].find(section) is None:
            self._ends.remove(document)
            self._roots[document] = self._parse(document, None)
        return self._roots[document]

    def name(self, document: str) -> str:
        """Name of a document's file.

        Raises
        ------
        MissingFile
            The archive has none.
        """
        if document not in self.names:
            file = self.patterns.get(document, document)
            raise MissingFile(
                f"{self.files.url}: there is no file {file}, the {document}'s metadata. The archive is not complete; "
                "fetch it again."
            )
        return self.names[document]

    def _parse(self, document: str, cut: tuple[str, str] | None) -> etree._Element:
        name = self.name(document)
        data = read_ends(self.files, name, *cut) if cut else self.files.read(name)
        root = parse(data, f"{self.files.url}: {name}")
        if not str(root.tag).endswith(self.roots.get(document, "")):
            expected = self.roots[document]
            raise CorruptFile(f"{self.files.url}: {name} is no {expected} but a {root.tag}. Fetch the product again.")
        return root

    def ranges(self) -> list[tuple[str, int, int | None]]:
        """Ranges of the files that reading all documents takes: name, start, stop (None: the end)."""
        found: list[tuple[str, int, int | None]] = []
        for document, name in self.names.items():
            size = self.files.size(name) if document in self.cut and not self.files.local else 0
            found += [(name, 0, END), (name, size - END, size)] if size > 2 * END else [(name, 0, None)]
        return found

    def value(self, look_up: LookUp) -> Any:
        """Value of a look-up, computed once."""
        try:
            return self._values[look_up]
        except KeyError:
            value = self._values[look_up] = look_up.resolve(self)
            return value

    def texts(self, document: str, path: str, *, attribute: bool = False) -> list[str | None]:
        """Texts of all elements (or attributes) at a path; with `attribute`, empty elements give their first one."""
        path, _, name = path.partition("/@")
        elements = self.root(document, path.partition("/")[0]).findall(path)
        if name:
            return [str(e.get(name)) for e in elements if e.get(name) is not None]
        if attribute:
            return [e.text if e.text is not None else next(iter(e.attrib.values()), None) for e in elements]  # type: ignore[misc]
        return [e.text for e in elements]

    def missing(self, document: str, path: str) -> MissingElement:
        """Error for an element that must be there."""
        return MissingElement(
            f"{self.files.url}: {self.names.get(document, document)} has no element {path}, which the tree needs. "
            "Is the product complete, and of a type and baseline that xarray-safe knows?"
        )

    def senseless(self, document: str, path: str, text: str | None) -> MissingElement:
        """Error for an element whose text is not what it must be."""
        return MissingElement(
            f"{self.files.url}: {self.names.get(document, document)}: element {path} holds {text!r}, "
            "which makes no sense there. Fetch the product again."
        )


def _parser() -> etree.XMLParser:
    """Give a parser that fetches nothing, expands no entities and joins text across comments."""
    return etree.XMLParser(
        remove_comments=True, remove_pis=True, resolve_entities=False, no_network=True, huge_tree=True
    )


def parse(data: bytes, where: str) -> etree._Element:
    """Parse XML and strip its namespaces.

    Raises
    ------
    CorruptFile
        If it is not well-formed; the message names `where` and the line.
    """
    try:
        root = etree.fromstring(data, _parser())
    except etree.XMLSyntaxError as error:
        raise CorruptFile(f"{where} is no well-formed XML: {error}. Fetch the product again.") from error
    namespaced: list[etree._Element] = _NAMESPACED(root)  # type: ignore[assignment]
    for element in namespaced:
        element.tag = etree.QName(element).localname
    return root


END: Final = 64 * 1024
_UNPLAIN: Final = re.compile(rb"<[!?]")
"""Begin of a comment, of CDATA or of an instruction, in which tags may stand that are none."""

_TAG: Final = re.compile(rb"<(/?)([\w:.-]+)[^<>]*?(/?)>")


def read_ends(files: Files, name: str, last: str, first: str) -> bytes:
    """Read an XML file without its middle, where moving both ends of the file is enough for that.

    `MTD_DS.xml` has 3 to 19 MB, nearly all of it ephemeris and attitude, and the tree needs none of them.

    Parameters
    ----------
    files, name
        The archive and the file in it.
    last
        Element after whose end the middle begins. It must end in the first 64 KiB.
    first
        Child of the root with which the middle ends. It must begin in the last 64 KiB.

    Returns
    -------
    bytes
        The file without its middle; all of it if it is small or laid out otherwise.
    """
    size = files.size(name)
    if size <= 2 * END:
        return files.read(name)
    head, tail = files.read(name, 0, END), files.read(name, size - END, size)
    end = re.search(rb"</(?:[\w.-]+:)?%b\s*>" % last.encode(), head)
    start = re.search(rb"<(?:[\w.-]+:)?%b[\s>]" % first.encode(), tail)
    kept = head[: end.end()] if end else b""
    if end is None or start is None or _UNPLAIN.search(kept, len(b"<?xml")) or _UNPLAIN.search(tail):
        return files.read(name)
    return kept + b"".join(b"</%b>" % tag for tag in reversed(_open_tags(kept)[1:])) + tail[start.start() :]


def _open_tags(xml: bytes) -> list[bytes]:
    """Names, with prefixes, of the elements that are still open at the end of a piece of XML."""
    names: list[bytes] = []
    for closing, name, empty in _TAG.findall(xml):
        if closing:
            names.pop()
        elif not empty:
            names.append(name)
    return names
