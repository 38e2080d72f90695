"""The central directory of a zip: its members and where they are stored. Strict; Zip64 too.

Source: PKWARE's APPNOTE.TXT 6.3, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16
(its end) and 4.5.3 (Zip64). Takes any reader of ranges, for local and remote zips.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from xarray_safe.errors import CorruptFileError, NotASafeError, UnsupportedProductError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STORED, DEFLATED = 0, 8
_UNSAFE = ("//", "/./", "/../", "\0", ":")
"""What is not in the name of any file of a product, with slashes put around it."""
_METHODS = {1: "shrink", 6: "implode", 9: "deflate64", 12: "bzip2", 14: "lzma", 93: "zstandard", 95: "xz"}

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
LOCAL = struct.Struct("<4s5H3L2H")
_TAIL = (1 << 16) + 128
"""Longest comment, and the records that end a zip."""
_MAX_MEMBERS = 100_000
"""More than any product has (usual: 110; the largest old ones: some 10,000)."""

AGAIN = "the zip is cut short or damaged; download it again"


class Member(NamedTuple):
    """Where a member of a zip is stored."""

    header: int
    """Position of its local header."""
    packed: int
    """Bytes in the zip."""
    size: int
    """Uncompressed bytes."""
    crc: int
    method: int
    stored_name: bytes
    """Its name as the zip spells it."""


def read_directory(read: Callable[[int, int], bytes], size: int, url: str) -> dict[str, Member]:
    """Read where all members of a zip are stored.

    Parameters
    ----------
    read
        Returns bytes ``start:stop`` of the zip.
    size
        Its size in bytes.
    url
        Its path, for messages.

    Returns
    -------
    dict
        Members by name, in the zip's order, without folders. Usually one read: the central directory of a product
        is within the last 64 KiB.

    Raises
    ------
    NotASafeError
        The file is not a zip.
    CorruptFileError
        It is cut short, or its central directory contradicts itself.
    UnsupportedProductError
        It is encrypted, one of several volumes, or packed by a method other than deflate.
    """
    tail_start = max(0, size - _TAIL)
    tail = read(tail_start, size)
    end = _find_end(tail)
    if end < 0:
        raise _no_end(read(0, min(size, 16)), size, url)
    count, length, start, stop = _locate(read, tail, tail_start, end, url)
    if count > _MAX_MEMBERS:
        raise UnsupportedProductError(f"{url}: the zip has {count} members, no product has more than {_MAX_MEMBERS}")
    if start + length != stop:
        raise CorruptFileError(f"{url}: bytes are missing or added before the zip's directory; {AGAIN}")
    directory = tail[start - tail_start : stop - tail_start] if start >= tail_start else read(start, stop)
    members: dict[str, Member] = {}
    for name, member in _entries(directory, count, start, url):
        if name in members:
            raise CorruptFileError(f"{url}: the zip has two members named {name}; download it again")
        if not name.endswith("/"):
            members[name] = member
    return members


def data_start(header: bytes, position: int, name: str, member: Member, url: str) -> int:
    """Return the position of a member's first byte, from its local header (30 bytes and the name).

    Raises
    ------
    CorruptFileError
        It is not a local header, or that of another member.
    """
    if len(header) >= LOCAL.size:
        signature, _, _, method, *_, name_length, extra_length = LOCAL.unpack_from(header)
        if signature == b"PK\3\4" and method == member.method and header[LOCAL.size :] == member.stored_name:
            return position + LOCAL.size + int(name_length) + int(extra_length)
    raise CorruptFileError(
        f"{url}: {name} does not begin at byte {position}, where the zip's directory puts it; {AGAIN}"
    )


def _find_end(tail: bytes) -> int:
    """Return the position in `tail` of the record that ends a zip, or -1.

    Its comment ends exactly at the end; but for bytes that a transfer added there, which do no harm if the record
    itself is right.
    """
    position = tail.rfind(b"PK\5\6")
    while position >= 0:
        comment = position + _END.size
        if comment <= len(tail) and comment + int.from_bytes(tail[comment - 2 : comment], "little") == len(tail):
            return position
        position = tail.rfind(b"PK\5\6", 0, position)
    position = tail.rfind(b"PK\5\6")
    while position >= 0:
        if position + _END.size <= len(tail):
            _, disk, disk_start, here, count, length, _, comment = _END.unpack_from(tail, position)
            entries = length >= count * _ENTRY.size or length == 0xFFFFFFFF
            whole = position + _END.size + comment <= len(tail)
            if whole and not (disk or disk_start) and here == count > 0 and entries:
                return position
        position = tail.rfind(b"PK\5\6", 0, position)
    return -1


def _no_end(head: bytes, size: int, url: str) -> NotASafeError | CorruptFileError:
    """Return the error for a file that does not end as a zip does."""
    if not size:
        return CorruptFileError(f"{url} is empty; download it again")
    if head.startswith(b"PK"):
        return CorruptFileError(f"{url}: the zip is cut short after {size} bytes; download it again")
    if head.startswith(b"\x1f\x8b") or url.lower().endswith((".tar", ".tgz", ".tar.gz")):
        return NotASafeError(f"{url} is a tar, which has no index to read it in place; unpack it and open the folder")
    return NotASafeError(
        f"{url} is not a SAFE, neither a folder nor a zip: it begins with {head!r}; open a .SAFE folder, its "
        "manifest.safe or its zip"
    )


def _locate(
    read: Callable[[int, int], bytes], tail: bytes, tail_start: int, end: int, url: str
) -> tuple[int, int, int, int]:
    """Return number of members, length, start and stop of the central directory."""
    _, disk, disk_start, here, count, length, start, _ = _END.unpack_from(tail, end)
    stop = tail_start + end
    locator = tail[max(0, end - _LOCATOR.size) : end]
    if len(locator) == _LOCATOR.size and locator.startswith(b"PK\6\7"):  # some write it even if it is not needed
        _, _, stop, disks = _LOCATOR.unpack(locator)
        if stop + _END64.size > tail_start + end - _LOCATOR.size:
            raise CorruptFileError(f"{url}: the zip's end names a place outside the file; {AGAIN}")
        signature, *_, disk, disk_start, here, count, length, start = _END64.unpack(read(stop, stop + _END64.size))
        if signature != b"PK\6\6":
            raise CorruptFileError(f"{url}: the zip's end (Zip64) is not where it should be; {AGAIN}")
        disk = max(disk, disks - 1)
    if disk or disk_start or here != count:
        raise UnsupportedProductError(f"{url} is one of several volumes of a zip; join them")
    return count, length, start, stop


def _entries(directory: bytes, count: int, start: int, url: str) -> Iterator[tuple[str, Member]]:
    """Yield names and members; `start` is the central directory's position, before which all members end."""
    position = 0
    for _ in range(count):
        if position + _ENTRY.size > len(directory):
            raise CorruptFileError(f"{url}: the zip's directory ends after {position} bytes; {AGAIN}")
        entry = _ENTRY.unpack_from(directory, position)
        signature, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment_length = entry[:13]
        header = entry[16]
        name_stop = position + _ENTRY.size + name_length
        extra_stop = name_stop + extra_length
        stored_name = directory[position + _ENTRY.size : name_stop]
        if signature != b"PK\1\2" or extra_stop + comment_length > len(directory):
            raise CorruptFileError(f"{url}: the zip's directory is broken at its byte {position}; {AGAIN}")
        name = _name(stored_name, flags, url)
        if 0xFFFFFFFF in (packed, size, header):
            size, packed, header = _zip64(directory[name_stop:extra_stop], (size, packed, header), name, url)
        member = Member(header, packed, size, crc, method, stored_name)
        _check(name, member, flags, start, url)
        yield name, member
        position = extra_stop + comment_length
    if position != len(directory):
        raise CorruptFileError(f"{url}: the zip's directory has more in it than its {count} members; {AGAIN}")


def _name(stored: bytes, flags: int, url: str) -> str:
    """Return a member's name as a safe relative POSIX path."""
    try:
        name = stored.decode("utf-8" if flags & 0x800 else "cp437")
    except UnicodeDecodeError as error:
        raise CorruptFileError(f"{url}: the zip has a member with a broken name, {stored!r}; {AGAIN}") from error
    name = name.replace("\\", "/")  # of Windows; the standard has slashes
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    path = f"/{name.removesuffix('/')}/"
    for part in _UNSAFE:
        if part in path:
            raise UnsupportedProductError(f"{url}: the zip has a member named {name!r}; unpack it and open the folder")
    return name


def _zip64(extra: bytes, values: tuple[int, int, int], name: str, url: str) -> list[int]:
    """Replace those of uncompressed size, packed size and header position that do not fit in 32 bits."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        position += 4
        if kind == 1:
            places = iter(range(position, min(position + length, len(extra)) - 7, 8))
            try:
                return [
                    int.from_bytes(extra[(at := next(places)) : at + 8], "little") if value == 0xFFFFFFFF else value
                    for value in values
                ]
            except StopIteration:
                break
        position += length
    raise CorruptFileError(f"{url}: the zip's directory lacks the Zip64 sizes of {name}; {AGAIN}")


def _check(name: str, member: Member, flags: int, start: int, url: str) -> None:
    """Refuse a member that cannot be read, or contradicts itself."""
    if flags & 0x2041:  # encrypted, strongly, or with its headers hidden
        raise UnsupportedProductError(
            f"{url}: {name} is encrypted; unpack the zip with its password and open the folder"
        )
    if member.method not in (STORED, DEFLATED):
        method = _METHODS.get(member.method, f"number {member.method}")
        raise UnsupportedProductError(f"{url}: {name} is packed by method {method}; unpack the zip and open the folder")
    if member.header + LOCAL.size + len(member.stored_name) + member.packed > start:
        raise CorruptFileError(f"{url}: {name} reaches beyond the zip's members; {AGAIN}")
    if member.method == STORED and member.packed != member.size:
        raise CorruptFileError(f"{url}: {name} is stored in {member.packed} bytes and yet {member.size} long; {AGAIN}")
