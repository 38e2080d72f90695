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
        It is no XML, or lists a file outside the product.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise CorruptFileError(f"{url}: {MANIFEST} is no XML ({error.msg}); fetch the product again") from None
    found = {MANIFEST: Listed(len(data), "")}
    for stream in root.iterfind(".//{*}dataObject/{*}byteStream"):
        location, checksum = stream.find("{*}fileLocation"), stream.find("{*}checksum")
        name = "" if location is None else plain_name(location.get("href") or "")
        if not name:
            continue
        if ".." in name.split("/") or ":" in name:
            raise CorruptFileError(f"{url}: {MANIFEST} lists {name!r}, which is no name of a file of a product")
        size = stream.get("size") or ""
        entry = Listed(
            int(size) if size.isdecimal() else None,
            "" if checksum is None else f"{checksum.get('checksumName', '')} {(checksum.text or '').strip()}".lower(),
        )
        if found.setdefault(name, entry) != entry and name != MANIFEST:
            found[name] = Listed(None, "")  # listed twice, differently: neither is believed
    return found


def differences(listed: Mapping[str, Listed], other: Mapping[str, int | None], teller: str) -> list[str]:
    """Return a remark on each file whose size is not the one that the manifest gives."""
    return [
        f"{name} has {size} bytes by {teller}, {entry.size} by the manifest, which is not believed."
        for name, size in other.items()
        if name != MANIFEST
        and (entry := listed.get(name)) is not None
        and None not in (entry.size, size)
        and entry.size != size
    ]
