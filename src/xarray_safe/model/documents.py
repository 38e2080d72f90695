"""The XML files of one product: found by the names that look-ups use, parsed once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xarray_safe.archive.xml import END, parse, read_ends
from xarray_safe.errors import CorruptFileError, MissingElementError, MissingFileError, SafeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lxml import etree

    from xarray_safe.archive.files import Files, Request


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
    respell
        A file with the names of elements as they are today, from one of an older specification.
    faults
        Documents, and files, that cannot be had, and why; found out once.
    """

    files: Files
    names: Mapping[str, str] = field(default_factory=dict)
    elided: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    patterns: Mapping[str, str] = field(default_factory=dict)
    roots: Mapping[str, str] = field(default_factory=dict)
    respell: Callable[[bytes], bytes] | None = None
    faults: dict[str, SafeError] = field(default_factory=dict)
    _parsed: dict[str, etree._Element] = field(default_factory=dict, repr=False)
    _without_middle: set[str] = field(default_factory=set, repr=False)

    def file(self, name: str) -> etree._Element:
        """Root element of an XML file by its name in the archive, namespaces stripped."""
        if name not in self._parsed or name in self._without_middle:
            self._parse(name)
            self._without_middle.discard(name)
        return self._parsed[name]

    def root(self, document: str, section: str = "") -> etree._Element:
        """Root element of a document, namespaces stripped; without its middle only if a section is in the rest."""
        name = self.name(document)
        ends = self.elided.get(document)
        if name not in self._parsed:
            if ends:
                self._parse(name, ends)
                self._without_middle.add(name)
            self._check(document, name)
        root = self._parsed[name]
        if section and name in self._without_middle and root.find(section) is None:
            return self.file(name)
        return root

    def _parse(self, name: str, ends: tuple[str, str] | None = None) -> None:
        """Read and parse a file, without its middle if the elements at both ends of that are given."""
        if name in self.faults:
            raise self.faults[name]
        try:
            data = self.files.read(name) if ends is None else read_ends(self.files, name, *ends)
            root = parse(self.respell(data) if self.respell else data, f"{self.files.url}: {name}")
        except (CorruptFileError, MissingFileError) as error:
            self.faults[name] = error
            raise
        self._parsed[name] = root

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
        if document in self.faults:
            raise self.faults[document]
        if document not in self.names:
            file = self.patterns.get(document, document)
            raise MissingFileError(
                f"{self.files.url}: there is no file {file}, the {document}'s metadata. The archive is not complete; "
                "download it again."
            )
        return self.names[document]

    def ranges(self) -> list[Request]:
        """Ranges of the files that reading the other documents takes: name, start, stop (None: the end)."""
        found: list[Request] = []
        for document, name in self.names.items():
            if name in self._parsed:
                continue
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
