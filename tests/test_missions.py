"""A mission is a folder in ``products/`` (and ``sample/``) and a line: nothing else names one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import xarray_safe

SOURCES = Path(xarray_safe.__file__).parent
ROOMS_OF_MISSIONS = ("products", "sample")

NAMES = re.compile(
    r"""
    sentinel[-_ ]?[1-6]        # the mission
    | \bS[1-6][A-D]_           # names of products
    | \bS0[1-6][A-Z]{3}        # EOPF's product types
    | (?<![a-z])msi(?![a-z]) | MTD_MSI | MSIL
    | \bb(?:0[1-9]|1[0-2]|8a)\b # bands
    | \br(?:10|20|60)m\b       # their groups
    | \bL(?:1C|2A)\b           # levels
    | \bAUX_[A-Z]+ | MSK_[A-Z]+ | \bMTD_(?:DS|TL)\b | INSPIRE\.xml   # files of theirs
    | /(?:conditions|quality)/ | \bdetectors?\b   # paths in their trees
    """,
    re.VERBOSE | re.IGNORECASE,
)

ALLOWED = {
    "access/cdse.py": (">>> path = cdse.download(", "Of the STAC catalogue, e.g."),
    "archive/manifest.py": ("FOLDERS = (",),
    "catalogs/__init__.py": ("`sentinel2`", "`sentinel2_v1`", "sentinel2", "sentinel2_v1"),
    "cli/access.py": ('epilog="Example: xarray-safe ',),
    "formats/jp2/index/files.py": ("https://github.com/Kayrros/sentinel-2-jp2-tlm",),
    "tile_indexes.py": ("https://github.com/Kayrros/sentinel-2-jp2-tlm",),
}
"""Examples in the documentation of faces, folders by which absolute paths in manifests are known, names of catalogs,
and the address of a project: text of a line, by file."""


def lines() -> list[tuple[str, int, str]]:
    """Lines that name a mission outside the rooms of missions: file, number, text."""
    return [
        (path.relative_to(SOURCES).as_posix(), number, line.strip())
        for path in sorted(SOURCES.rglob("*.py"))
        if path.relative_to(SOURCES).parts[0] not in ROOMS_OF_MISSIONS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if NAMES.search(line)
    ]


def allowed(file: str, line: str) -> bool:
    return any(text in line for text in ALLOWED.get(file, ()))


def test_nothing_outside_products_names_a_mission() -> None:
    found = [f"{file}:{number}: {line}" for file, number, line in lines() if not allowed(file, line)]
    assert not found, "these name a mission; ask ProductType instead:\n" + "\n".join(found)


def test_every_exception_is_still_there() -> None:
    named = lines()
    for file, texts in ALLOWED.items():
        for text in texts:
            assert any(text in line for where, _, line in named if where == file), f"{file} has no {text!r} now"


@pytest.mark.parametrize(
    "text",
    [
        "Sentinel-2",
        "sentinel-2-l2a",
        "S2A_MSIL2A_2025",
        "S02MSIL2A",
        "instrument msi",
        "MTD_MSIL1C.xml",
        "r10m/b04",
        "L2A",
        "/conditions/geometry/band",
        "AUX_CAMSFO",
        "labels of detectors",
        "GRANULE/MTD_TL.xml",
    ],
)
def test_the_pattern_finds(text: str) -> None:
    assert NAMES.search(text)


@pytest.mark.parametrize("text", ["storage on S3", "s3_key", "itemsize", "msise", "crs", "band", "r1m", "0xb04f", "b2"])
def test_the_pattern_passes(text: str) -> None:
    assert not NAMES.search(text)
