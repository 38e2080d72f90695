"""Checking a product's files against its own manifest."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from xarray_safe.archive import verify
from xarray_safe.errors import CorruptFileError, MissingFileError
from xarray_safe.sample import write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module", params=[(14, "MD5"), (15, "SHA3-256")], ids=["MD5", "SHA3-256"])
def original(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    psd, method = request.param
    baseline = "02.12" if psd == 14 else "05.11"
    return write(tmp_path_factory.mktemp("product"), level="L1C", size=36, psd=psd, baseline=baseline), method


@pytest.fixture
def product(original: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy to be spoilt."""
    source = original[0]
    for file in source.rglob("*"):
        if file.is_file():
            copy = tmp_path / source.name / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    return tmp_path / source.name


def test_a_good_product(original: tuple[Path, str]) -> None:
    path, method = original
    seen: list[str] = []
    report = verify.check(path, lambda entry: seen.append(entry.name))
    assert (report.problems, report.unchecked) == ((), ())
    assert report.files == len(seen) > 20
    assert report.bytes == sum((path / name).stat().st_size for name in seen)
    assert method in (path / "manifest.safe").read_text()


def test_spoilt_files_are_named(product: Path, original: tuple[Path, str]) -> None:
    images = sorted(product.rglob("*.jp2"))
    flipped, cut, gone = images[0], images[1], images[2]
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 1
    flipped.write_bytes(data)
    cut.write_bytes(cut.read_bytes()[:-1])
    gone.unlink()
    problems = verify.check(product).problems
    assert len(problems) == 3
    for file, said in ((flipped, f"has {original[1]}"), (cut, "bytes, the manifest says"), (gone, "is missing")):
        name = file.relative_to(product).as_posix()
        assert any(problem.startswith(name) and said in problem for problem in problems)


def test_a_zip(original: tuple[Path, str], tmp_path: Path) -> None:
    packed = tmp_path / "product.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for path in original[0].rglob("*"):
            file.write(path, path.relative_to(original[0].parent))
    assert verify.check(packed).problems == ()
    data = bytearray(packed.read_bytes())
    with zipfile.ZipFile(packed) as file:
        member = next(member for member in file.infolist() if member.filename.endswith("MTD_TL.xml"))
    data[member.header_offset + 30 + len(member.filename) + 2000] ^= 0xFF
    packed.write_bytes(data)
    (problem,) = verify.check(packed).problems
    assert "MTD_TL.xml" in problem


def test_files_without_a_known_checksum_are_told(product: Path, original: tuple[Path, str]) -> None:
    path = product / "manifest.safe"
    path.write_text(path.read_text().replace(f'checksumName="{original[1]}"', 'checksumName="CRC-7"', 1))
    report = verify.check(product)
    assert report.problems == ()
    assert len(report.unchecked) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<XFDU",
        "<XFDU/>",
        "<XFDU><dataObject><byteStream size='1'/></dataObject></XFDU>",
        '<!DOCTYPE a [<!ENTITY b "c">]><XFDU>&b;</XFDU>',
    ],
)
def test_manifests_that_are_none(product: Path, text: str) -> None:
    (product / "manifest.safe").write_text(text)
    with pytest.raises(CorruptFileError, match=r"manifest\.safe"):
        verify.check(product)


def test_names_that_lead_out_of_the_product(product: Path) -> None:
    path = product / "manifest.safe"
    path.write_text(path.read_text().replace('href="./INSPIRE.xml"', 'href="../../etc/passwd"'))
    assert any("etc/passwd is missing" in problem for problem in verify.check(product).problems)


def test_no_manifest(product: Path) -> None:
    (product / "manifest.safe").unlink()
    with pytest.raises(MissingFileError, match=r"manifest\.safe"):
        verify.check(product)
