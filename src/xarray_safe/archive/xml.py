"""XML files of an archive: parsed safely, namespaces stripped, huge ones without their middle.

Namespaces are stripped because they are about all in which the product specifications PSD-14 and PSD-15 differ.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from lxml import etree

from xarray_safe.errors import CorruptFileError

if TYPE_CHECKING:
    from xarray_safe.archive.files import Files

_NAMESPACED = etree.XPath("//*[namespace-uri()!='']")


def _parser() -> etree.XMLParser:
    """Return a parser that fetches nothing, expands no entities and joins text across comments."""
    return etree.XMLParser(
        remove_comments=True, remove_pis=True, resolve_entities=False, no_network=True, huge_tree=True
    )


def parse(data: bytes, where: str) -> etree._Element:
    """Parse XML and strip its namespaces.

    Raises
    ------
    CorruptFileError
        It is not well-formed; the message names `where` and the line.
    """
    try:
        root = etree.fromstring(data, _parser())
    except etree.XMLSyntaxError as error:
        raise CorruptFileError(f"{where} is not well-formed XML: {error}. Download the product again.") from error
    namespaced: list[etree._Element] = _NAMESPACED(root)  # type: ignore[assignment]
    for element in namespaced:
        element.tag = etree.QName(element).localname
    return root


END: Final = 64 * 1024
_UNPLAIN: Final = re.compile(rb"<[!?]")
"""Beginning of a comment, of CDATA or of an instruction, in which text may look like tags."""

_TAG: Final = re.compile(rb"<(/?)([\w:.-]+)[^<>]*?(/?)>")


def read_ends(files: Files, name: str, last: str, first: str) -> bytes:
    """Read an XML file without its middle, if reading both ends of the file is enough for that.

    Metadata of a datastrip have 3 to 19 MB, nearly all of it ephemeris and attitude, which the tree does not need.

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
        The file without its middle; the whole file if it is small or has another structure.
    """
    size = files.size(name)
    if size <= 2 * END:
        return files.read(name)
    head, tail = files.read(name, 0, END), files.read(name, size - END, size)
    end = re.search(rb"</(?:[\w.-]+:)?%b\s*>" % last.encode(), head)
    start = re.search(rb"<(?:[\w.-]+:)?%b[\s>]" % first.encode(), tail)
    start_part = head[: end.end()] if end else b""
    if end is None or start is None or _UNPLAIN.search(start_part, len(b"<?xml")) or _UNPLAIN.search(tail):
        return files.read(name)
    open_tags = reversed(_open_tags(start_part)[1:])
    return start_part + b"".join(b"</%b>" % tag for tag in open_tags) + tail[start.start() :]


def _open_tags(xml: bytes) -> list[bytes]:
    """Names, with prefixes, of the elements that are still open at the end of a piece of XML."""
    names: list[bytes] = []
    for closing, name, empty in _TAG.findall(xml):
        if closing:
            names.pop()
        elif not empty:
            names.append(name)
    return names
