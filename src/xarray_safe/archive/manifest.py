"""The files that a product's own `manifest.safe` lists, with sizes and checksums.

Source: ESA's Standard Archive Format for Europe (SAFE), dataObjectSection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

from xarray_safe.errors import CorruptFileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MANIFEST = "manifest.safe"
XFDU_MANIFEST = "xfdumanifest.xml"
"""The manifest of products whose folder ends in ``.SEN3``."""
MANIFESTS = (MANIFEST, XFDU_MANIFEST)
SUFFIXES = (".safe", ".sen3")
"""Ends of the names of products' folders, in lower case."""


def manifest_at(folder: str) -> str:
    """Return the name of the manifest that a folder of this path or URL has, by its suffix."""
    return XFDU_MANIFEST if SUFFIXES[1] in folder.lower() else MANIFEST


def manifest_in(names: Iterable[str]) -> str:
    """Return the name of the manifest among the files of a product; `MANIFEST` if there is none."""
    return next((name for name in names if name.lower() in MANIFESTS), MANIFEST)


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


FOLDERS = ("GRANULE", "DATASTRIP", "HTML", "rep_info", "AUX_DATA", "annotation", "measurement", "preview", "support")
"""Folders at the top of products."""


def plain_name(href: str) -> str:
    """Return a file's name in the product, from what a manifest calls it.

    That is ``./NAME`` as a rule. Some processors left paths of the machine that they ran on, ``/dpc/app/…/GRANULE/…``.
    """
    name = href.strip().replace("\\", "/").removeprefix("file://")
    absolute = name.startswith("/")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if absolute:
        tops = [number for number, part in enumerate(parts) if part in FOLDERS]
        parts = parts[tops[0] :] if tops else parts[-1:]
    return "/".join(parts)


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
            "" if location is None else plain_name(location.get("href") or ""),
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
        It is not XML, or lists a file outside the product.
    """
    manifest = manifest_at(url)
    found = {manifest: ManifestEntry(manifest, len(data))}
    for entry in parse_manifest(data, url):
        name = entry.name
        if not name:
            continue
        if ".." in name.split("/") or ":" in name:
            raise CorruptFileError(f"{url}: {MANIFEST} lists {name!r}, which is not the name of a file in a product")
        if found.setdefault(name, entry) != entry and name not in MANIFESTS:
            found[name] = ManifestEntry(name, None)  # listed twice, differently: neither is believed
    return found


def differences(listed: Mapping[str, ManifestEntry], other: Mapping[str, int | None], teller: str) -> list[str]:
    """Return a remark on each file whose size is not the one that the manifest gives.

    Parameters
    ----------
    listed
        Files of the manifest.
    other
        Sizes in the other list, by name.
    teller
        What the other list is from.
    """
    return [
        f"{name} has {size} bytes by {teller}, {entry.size} by the manifest, which is not believed."
        for name, size in other.items()
        if name not in MANIFESTS
        and (entry := listed.get(name)) is not None
        and None not in (entry.size, size)
        and entry.size != size
    ]
