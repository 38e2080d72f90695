"""Zips that are damaged, hostile or unusual: the right bytes, or one clear error."""

from __future__ import annotations

import io
import itertools
import struct
import warnings
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xarray_safe.archive import guess, open_archive
from xarray_safe.archive.zip import archive as zip_module
from xarray_safe.archive.zip import central_directory
from xarray_safe.errors import CorruptFileError, NotASafeError, SafeError, UnsupportedProductError

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "manifest.safe": b"<xfdu/>" * 90,
    "MTD_MSIL2A.xml": b"<a>5</a>" * 50,
    "GRANULE/L2A/IMG_DATA/B02.jp2": bytes(itertools.islice(itertools.cycle(range(251)), 3000)),
}


def make(method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"", top: str = "X.SAFE/") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as out:
        out.comment = comment
        for name, data in FILES.items():
            out.writestr(zipfile.ZipInfo(top + name), data, method)
    return buffer.getvalue()


ZIPS = (make(zipfile.ZIP_STORED), make(comment=b"PK\5\6 made by hand"), make(top=""))
paths = (f"{number}.zip" for number in itertools.count())


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zips")


def put(base: Path, data: bytes) -> Path:
    path = base / next(paths)
    path.write_bytes(data)
    return path


@settings(deadline=None)
@given(whole=st.sampled_from(ZIPS), part=st.floats(0, 1, exclude_max=True))
def test_cut_short_anywhere_says_so(base: Path, whole: bytes, part: float) -> None:
    path = put(base, whole[: int(part * len(whole))])
    with pytest.raises(
        (CorruptFileError, NotASafeError),
        match=r"is empty; download it again|cut short.*; download it again|not a SAFE",
    ):
        open_archive(path)
    assert guess(path) is None
    path.unlink()


def test_cut_short_says_what_to_do(base: Path) -> None:
    with pytest.raises(CorruptFileError, match="the zip is cut short after 1000 bytes; download it again"):
        open_archive(put(base, ZIPS[0][:1000]))


@settings(deadline=None)
@given(whole=st.sampled_from(ZIPS), place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_flipped_byte_gives_right_bytes_or_an_error(base: Path, whole: bytes, place: float, flip: int) -> None:
    damaged = bytearray(whole)
    damaged[int(place * len(whole))] ^= flip
    path = put(base, bytes(damaged))
    outcomes: dict[str, bytes | str] = {}
    for name in FILES:
        try:
            outcomes[name] = open_archive(path).read(name)
        except SafeError as error:
            outcomes[name] = str(error)
    for name, data in FILES.items():
        found = outcomes[name]
        assert found == data or (isinstance(found, str) and str(path) in found)
    path.unlink()


@settings(deadline=None)
@given(data=st.binary(max_size=300))
def test_bytes_that_are_no_zip_are_refused(base: Path, data: bytes) -> None:
    path = put(base, data)
    with pytest.raises((NotASafeError, CorruptFileError)):
        open_archive(path)
    path.unlink()


@pytest.mark.parametrize("middle", [b"", b"\0" * 10])
def test_bytes_missing_or_added_in_the_middle(base: Path, middle: bytes) -> None:
    with pytest.raises(CorruptFileError, match=r"missing or added before the zip's directory.*download it again"):
        open_archive(put(base, ZIPS[0][:500] + middle + ZIPS[0][505:]))


def test_a_comment_that_looks_like_the_end(base: Path) -> None:
    for comment in (b"PK\5\6", b"PK\5\6" + b"x" * 18, b"x" * 65535):
        assert open_archive(put(base, make(comment=comment))).read("MTD_MSIL2A.xml") == FILES["MTD_MSIL2A.xml"]


def test_a_download_that_left_a_hole(base: Path) -> None:
    whole = ZIPS[0]
    start = whole.index(FILES["MTD_MSIL2A.xml"])
    archive = open_archive(put(base, whole[:start] + bytes(20) + whole[start + 20 :]))
    with pytest.raises(
        CorruptFileError, match=r"the bytes of MTD_MSIL2A\.xml do not have the checksum.*download it again"
    ):
        archive.read("MTD_MSIL2A.xml")
    header = start - 50
    archive = open_archive(put(base, whole[:header] + bytes(50) + whole[start:]))
    with pytest.raises(CorruptFileError, match=r"MTD_MSIL2A\.xml does not begin at byte \d+.*download it again"):
        archive.read("MTD_MSIL2A.xml", 5, 9)
    assert archive.read("GRANULE/L2A/IMG_DATA/B02.jp2") == FILES["GRANULE/L2A/IMG_DATA/B02.jp2"]


@pytest.mark.parametrize(("first", "last"), [(0, None), (10, 20)])
def test_a_damaged_deflated_member(base: Path, first: int, last: int | None) -> None:
    whole = make()
    start = whole.index(b"MTD_MSIL2A.xml") + len("MTD_MSIL2A.xml")
    archive = open_archive(put(base, whole[:start] + b"\xff" * 8 + whole[start + 8 :]))
    with pytest.raises(CorruptFileError, match=r"MTD_MSIL2A\.xml is damaged.*again"):
        archive.read("MTD_MSIL2A.xml", first, last)


def _with_size(size: int, crc: int, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Make a zip whose directory gives a member another size and checksum."""
    whole = bytearray(make(method))
    entry = whole.index(b"PK\1\2", whole.index(b"PK\1\2") + 1)
    struct.pack_into("<L", whole, entry + 16, crc)
    struct.pack_into("<L", whole, entry + 24, size)
    return bytes(whole)


@pytest.mark.parametrize("offset", [8, 30])
def test_a_local_header_of_another_member(base: Path, offset: int) -> None:
    damaged = bytearray(ZIPS[0])
    damaged[damaged.index(b"PK\3\4") + offset] ^= 8
    archive = open_archive(put(base, bytes(damaged)))
    with pytest.raises(CorruptFileError, match=r"manifest\.safe does not begin at byte 0"):
        archive.read("manifest.safe", 5, 9)


def _patched(signature: bytes, offset: int, value: int, form: str = "<L", whole: bytes = ZIPS[0]) -> bytes:
    """Change a field of the last record with this signature."""
    damaged = bytearray(whole)
    struct.pack_into(form, damaged, damaged.rindex(signature) + offset, value)
    return bytes(damaged)


def test_a_directory_that_contradicts_itself(base: Path) -> None:
    fewer = _patched(b"PK\5\6", 8, 2 * 0x10001)
    more = _patched(b"PK\5\6", 8, 4 * 0x10001)
    for data, message in [
        (fewer, "has more in it than its 2 members"),
        (more, r"the zip's directory ends after \d+ bytes"),
        (_patched(b"PK\1\2", 0, 0), r"directory is broken at its byte \d+"),
        (_patched(b"PK\1\2", 30, 9999, "<H"), r"directory is broken at its byte \d+"),
        (_patched(b"PK\1\2", 42, 4000), r"B02\.jp2 reaches beyond the zip's members"),
        (_patched(b"PK\1\2", 42, 0xFFFFFFFF), r"lacks the Zip64 sizes of .*B02\.jp2"),
    ]:
        with pytest.raises(CorruptFileError, match=f"{message}; the zip is cut short or damaged; download it again"):
            open_archive(put(base, data))


def test_too_many_members(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(central_directory, "_MAX_MEMBERS", 2)
    with pytest.raises(UnsupportedProductError, match="the zip has 3 members, no product has more than 2"):
        open_archive(put(base, ZIPS[0]))


def test_names_that_are_not_ascii(base: Path) -> None:
    def named(name: str) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as out:
            out.writestr("manifest.safe", b"")
            out.writestr(name, b"here")
        return buffer.getvalue()

    assert open_archive(put(base, named("été.xml"))).read("été.xml") == b"here"
    old = named("ete.xml").replace(b"ete.xml", b"\x82t\x82.xml")  # without the flag for UTF-8: code page 437
    assert open_archive(put(base, old)).read("été.xml") == b"here"
    with pytest.raises(CorruptFileError, match="a member with a broken name"):
        open_archive(put(base, named("été.xml").replace("é".encode(), b"\xff\xff")))


@pytest.mark.parametrize("size", [399, 401, 0])
def test_a_deflated_member_of_another_size(base: Path, size: int) -> None:
    archive = open_archive(put(base, _with_size(size, zlib.crc32(FILES["MTD_MSIL2A.xml"][:size]))))
    with pytest.raises(CorruptFileError, match=f"does not inflate to the {size} bytes"):
        archive.read("MTD_MSIL2A.xml")
    if size > 400:
        with pytest.raises(CorruptFileError, match="ends at its byte 400, before byte 401"):
            archive.read("MTD_MSIL2A.xml", 5)


def test_a_stored_member_of_another_size(base: Path) -> None:
    with pytest.raises(CorruptFileError, match=r"MTD_MSIL2A\.xml is stored in 400 bytes and yet 401 long"):
        open_archive(put(base, _with_size(401, 0, zipfile.ZIP_STORED)))


def test_a_bomb_is_refused(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("manifest.safe", b"<x/>")
        out.writestr("bomb.xml", bytes(3_000_000))
    archive = open_archive(put(base, buffer.getvalue()))
    monkeypatch.setattr(zip_module, "_BOMB_SIZE", 1_000_000)
    for start, stop in ((0, None), (0, 10)):
        with pytest.raises(UnsupportedProductError, match=r"bomb\.xml would inflate from \d+ to 3000000 bytes"):
            archive.read("bomb.xml", start, stop)
    monkeypatch.undo()
    assert archive.read("bomb.xml") == bytes(3_000_000)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_named(base: Path, method: int) -> None:
    name = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma"}[method]
    with pytest.raises(UnsupportedProductError, match=f"manifest.safe is packed by method {name}; unpack the zip"):
        open_archive(put(base, make(method)))


def test_an_encrypted_member(base: Path) -> None:
    whole = bytearray(ZIPS[0])
    whole[whole.index(b"PK\1\2") + 8] |= 1
    with pytest.raises(UnsupportedProductError, match=r"manifest\.safe is encrypted; unpack the zip with its password"):
        open_archive(put(base, bytes(whole)))


@pytest.mark.parametrize("name", ["../x", "X.SAFE/../../x", "/etc/x", "X.SAFE//x", "C:/x", "X.SAFE/a:b"])
def test_names_that_lead_elsewhere(base: Path, name: str) -> None:
    whole = make(zipfile.ZIP_STORED, top="X.SAFE/" + "_" * (len(name) + 20) + "/")
    old = next(iter(zipfile.ZipFile(io.BytesIO(whole)).namelist())).encode()
    new = name.encode() + b"_" * (len(old) - len(name))
    with pytest.raises(UnsupportedProductError, match=r"has a member named .*; unpack it and open the folder"):
        open_archive(put(base, whole.replace(old, new)))


def test_two_members_of_one_name(base: Path) -> None:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as out:
        warnings.simplefilter("ignore")
        for data in (b"one", b"two"):
            out.writestr("X.SAFE/manifest.safe", data)
    with pytest.raises(CorruptFileError, match=r"two members named X\.SAFE/manifest\.safe"):
        open_archive(put(base, buffer.getvalue()))


def test_a_file_that_is_also_a_folder(base: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name in ("manifest.safe", "a", "a/b"):
            out.writestr(name, b"")
    archive = open_archive(put(base, buffer.getvalue()))
    with pytest.raises(CorruptFileError, match="a is a file and also the folder of a/b"):
        archive.find("*")


def _holding(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name in names:
            out.writestr(name, name.encode())
    return buffer.getvalue()


def test_several_products_are_named(base: Path) -> None:
    path = put(base, _holding("A.SAFE/manifest.safe", "sub/B.SAFE/MTD_MSIL1C.xml", "A.SAFE/GRANULE/x/MTD_TL.xml"))
    with pytest.raises(UnsupportedProductError, match=r"holds 2 products: A\.SAFE, sub/B\.SAFE; open one of them"):
        open_archive(path)
    assert guess(path) is None


def test_what_lies_beside_or_inside_the_product_is_none(base: Path) -> None:
    archive = open_archive(
        put(
            base,
            _holding(
                "readme.txt", "A.SAFE/manifest.safe", "A.SAFE/old/manifest.safe", "__MACOSX/manifest.safe", "A.SAFE2/x"
            ),
        )
    )
    assert archive.names == ("manifest.safe", "old/manifest.safe")
    assert archive.name == "A"


def test_a_zip_without_a_product(base: Path) -> None:
    for names in ((), ("x/readme.txt",), ("GRANULE/x/MTD_TL.xml", "DATASTRIP/y/MTD_DS.xml")):
        with pytest.raises(NotASafeError, match=r"is a zip, but not a SAFE: it contains neither manifest\.safe"):
            open_archive(put(base, _holding(*names)))


def test_a_volume_of_several(base: Path) -> None:
    whole = bytearray(ZIPS[0])
    end = whole.rindex(b"PK\5\6")
    whole[end + 4] = 1
    with pytest.raises(UnsupportedProductError, match="one of several volumes"):
        open_archive(put(base, bytes(whole)))


def test_members_beyond_four_gigabytes(base: Path) -> None:
    """A sparse zip, packed by hand after the specification, with a member longer than 32 bits can say."""
    long, first = 5 << 30, b"manifest.safe"
    second, text = b"IMG_DATA/B02.jp2", b"behind"
    path = base / "large.zip"

    def local(name: bytes, size: int, crc: int = 0) -> bytes:
        extra = struct.pack("<2H2Q", 1, 16, size, size)
        fields = (45, 0, 0, 0, 0, crc, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra))
        return struct.pack("<4s5H3L2H", b"PK\3\4", *fields) + name + extra

    def entry(name: bytes, size: int, position: int, crc: int = 0) -> bytes:
        other = struct.pack("<2HL", 0x5455, 4, 7)
        extra = other + struct.pack("<2H3Q", 1, 24, size, size, position)
        fields = (45, 45, 0, 0, 0, 0, crc, 0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra), 0, 0, 0, 0, 0xFFFFFFFF)
        return struct.pack("<4s6H3L5H2L", b"PK\1\2", *fields) + name + extra

    with path.open("wb") as out:
        out.write(local(second, long))
        out.seek(long, io.SEEK_CUR)
        position = out.tell()
        out.write(local(first, len(text), zlib.crc32(text)) + text)
        start = out.tell()
        directory = entry(second, long, 0) + entry(first, len(text), position, zlib.crc32(text))
        out.write(directory)
        out.write(struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 2, 2, len(directory), start))
        out.write(struct.pack("<4sLQL", b"PK\6\7", 0, start + len(directory), 1))
        out.write(struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, 0xFFFFFFFF, 0xFFFFFFFF, 0))
    archive = open_archive(path)
    assert archive.read("manifest.safe") == text
    assert archive.size("IMG_DATA/B02.jp2") == long
    assert archive.read("IMG_DATA/B02.jp2", long - 3) == bytes(3)
    for signature, offset, message in ((b"PK\6\7", 8, "outside the file"), (b"PK\6\6", 0, "not where it should be")):
        with path.open("r+b") as out:
            out.seek(start)
            end = out.read()
            out.seek(start)
            out.write(_patched(signature, offset, 2 << 40 if offset else 0, "<Q" if offset else "<L", end))
        with pytest.raises(CorruptFileError, match=message):
            open_archive(path)
        with path.open("r+b") as out:
            out.seek(start)
            out.write(end)
    path.unlink()
