"""Two helpers to write XML: one makes an element, one turns a tree into bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterable

Element: TypeAlias = etree._Element
Content: TypeAlias = "str | int | float | Element | Iterable[Element] | None"

XSI = "http://www.w3.org/2001/XMLSchema-instance"


def node(tag: str, content: Content = None, **attributes: object) -> Element:
    """Make an element with a text or number, or with children."""
    made = etree.Element(tag, {name: str(value) for name, value in attributes.items()})
    return fill(made, content)


def fill(made: Element, content: Content) -> Element:
    """Set the text or the children of an element."""
    if isinstance(content, etree._Element):
        made.append(content)
    elif isinstance(content, (str, int, float)):
        made.text = str(content)
    elif content is not None:
        made.extend(list(content))
    return made


def texts(tag: str, values: Iterable[object], **attributes: object) -> list[Element]:
    """Make an element for each value."""
    return [node(tag, str(value), **attributes) for value in values]


def leaves(**values: object) -> list[Element]:
    """Make an element for each keyword, with its value as text; None makes an empty element."""
    return [node(tag, None if value is None else str(value)) for tag, value in values.items()]


def serialise(root: Element) -> bytes:
    """Write a document, indented, in UTF-8."""
    etree.indent(root, space="  ")
    head = b'<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
    return head + etree.tostring(root, encoding="UTF-8", xml_declaration=False) + b"\n"


class Document:
    """A PDI or user product document: a root in ESA's namespace, sections in it, and elements in none."""

    def __init__(self, specification: int, schema: str, root: str) -> None:
        self.namespace = f"https://psd-{specification}.sentinel2.eo.esa.int/PSD/{schema}.xsd"
        self.root = etree.Element(f"{{{self.namespace}}}{root}", nsmap={"n1": self.namespace, "xsi": XSI})
        self.root.set(f"{{{XSI}}}schemaLocation", self.namespace)

    def section(self, tag: str, content: Content, **attributes: object) -> None:
        """Add a section to the root."""
        self.root.append(node(f"{{{self.namespace}}}{tag}", content, **attributes))

    def bytes(self) -> bytes:
        """Write the document."""
        return serialise(self.root)
