"""The files that a product's own `manifest.safe` lists, with sizes and checksums.

Source: ESA's Standard Archive Format for Europe (SAFE), dataObjectSection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

from xarray_safe.errors import CorruptFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MANIFEST = "manifest.safe"


class ManifestEntry(NamedTuple):
    """A file as the manifest, or another list, has it."""

    name: str
    size: int | None
    """Bytes, if the list gives them."""
    checksum: str = ""
    """Of the content, or ETag or time of change; "" if the list gives none."""
    method: str = ""
    """Of the checksum, in capitals."""

    @property
    def version(self) -> str:
        """Method and checksum: another file has another one."""
        return f"{self.method.lower()} {self.checksum}".strip()


def parse_manifest(data: bytes, url: str) -> Iterator[ManifestEntry]:
    """Yield all files in the order of the manifest, unchecked; one without a name is called "".

    Parameters
    ----------
    data
        The manifest.
    url
        The archive's, for messages.

    Raises
    ------
    CorruptFileError
        It is not XML.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise CorruptFileError(f"{url}: {MANIFEST} is not XML ({error.msg}); download the product again") from None
    for stream in root.iterfind(".//{*}dataObject/{*}byteStream"):
        location, checksum = stream.find("{*}fileLocation"), stream.find("{*}checksum")
        size = stream.get("size") or ""
        yield ManifestEntry(
            "" if location is None else (location.get("href") or "").removeprefix("./").lstrip("/"),
            int(size) if size.isdecimal() else None,
            "" if checksum is None else (checksum.text or "").strip().lower(),
            "" if checksum is None else (checksum.get("checksumName") or "").upper(),
        )


def read_manifest(data: bytes, url: str) -> dict[str, ManifestEntry]:
    """Return the files that a manifest lists, and the manifest itself, by name.

    Parameters
    ----------
    data, url
        As for `parse_manifest`.

    Raises
    ------
    CorruptFileError
        It is not XML, or lists a file outside the product, or one file twice in different ways.
    """
    found = {MANIFEST: ManifestEntry(MANIFEST, len(data))}
    for entry in parse_manifest(data, url):
        name = entry.name
        if not name:
            continue
        if ".." in name.split("/") or "\\" in name or ":" in name:
            raise CorruptFileError(f"{url}: {MANIFEST} lists {name!r}, which is not the name of a file in a product")
        if found.setdefault(name, entry) != entry and name != MANIFEST:
            raise CorruptFileError(f"{url}: {MANIFEST} lists {name} twice, differently; download the product again")
    return found


def check_sizes(listed: Mapping[str, ManifestEntry], other: Mapping[str, int | None], url: str, origin: str) -> None:
    """Compare the sizes in the manifest with those of another list.

    Parameters
    ----------
    listed
        Files of the manifest.
    other
        Sizes in the other list, by name.
    url, origin
        The archive's, and what the other list is from, for messages.

    Raises
    ------
    CorruptFileError
        They differ.
    """
    for name, size in other.items():
        entry = listed.get(name)
        if entry is not None and None not in (entry.size, size) and entry.size != size and name != MANIFEST:
            raise CorruptFileError(
                f"{url}: {name} has {entry.size} bytes by the manifest, {size} by {origin}; the copy is incomplete, or "
                "of two versions of the product"
            )
