"""What a product's own `manifest.safe` says of its files: names, sizes, checksums. For where nobody else lists them.

Source: ESA's Standard Archive Format for Europe (SAFE), dataObjectSection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

from xarray_safe.errors import CorruptFileError

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST = "manifest.safe"


class Listed(NamedTuple):
    """A file as a list has it."""

    size: int | None
    """Bytes, where the list tells."""
    mark: str
    """Checksum, ETag or time of change, where the list tells: another file has another one."""


def read_manifest(data: bytes, url: str) -> dict[str, Listed]:
    """Give the files that a manifest lists, and itself.

    Parameters
    ----------
    data
        The manifest.
    url
        The archive's, for messages.

    Raises
    ------
    CorruptFileError
        It is no XML, or lists a file outside the product, or one file twice in different ways.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise CorruptFileError(f"{url}: {MANIFEST} is no XML ({error.msg}); fetch the product again") from None
    found = {MANIFEST: Listed(len(data), "")}
    for stream in root.iterfind(".//{*}dataObject/{*}byteStream"):
        location, checksum = stream.find("{*}fileLocation"), stream.find("{*}checksum")
        name = "" if location is None else (location.get("href") or "").removeprefix("./").lstrip("/")
        if not name:
            continue
        if ".." in name.split("/") or "\\" in name or ":" in name:
            raise CorruptFileError(f"{url}: {MANIFEST} lists {name!r}, which is no name of a file of a product")
        size = stream.get("size") or ""
        entry = Listed(
            int(size) if size.isdecimal() else None,
            "" if checksum is None else f"{checksum.get('checksumName', '')} {(checksum.text or '').strip()}".lower(),
        )
        if found.setdefault(name, entry) != entry and name != MANIFEST:
            raise CorruptFileError(f"{url}: {MANIFEST} lists {name} twice, differently; fetch the product again")
    return found


def agree(listed: Mapping[str, Listed], other: Mapping[str, int | None], url: str, teller: str) -> None:
    """Compare sizes that the manifest gives with those of another list.

    Raises
    ------
    CorruptFileError
        They differ.
    """
    for name, size in other.items():
        entry = listed.get(name)
        if entry is not None and None not in (entry.size, size) and entry.size != size and name != MANIFEST:
            raise CorruptFileError(
                f"{url}: {name} has {entry.size} bytes by the manifest, {size} by {teller}; the copy is not whole, or "
                "of two versions of the product"
            )
