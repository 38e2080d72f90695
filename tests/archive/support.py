"""A small product of known bytes, and zips of it."""

from __future__ import annotations

import random
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAME = "S2B_MSIL2A_20241115T100159_N0511_R122_T32TQM_20241115T125542"
GRANULE = "GRANULE/L2A_T32TQM_A040188_20241115T100633"
BAND = f"{GRANULE}/IMG_DATA/R10m/T32TQM_20241115T100159_B02_10m.jp2"
EMPTY = "rep_info/empty.xsd"
KINDS = ("folder", "stored", "deflated", "bare", "streamed", "zip64")


def _product() -> dict[str, bytes]:
    """Files of a small product; the band is larger than the first pieces that are read of anything."""
    noise = random.Random(5)
    half = bytes(noise.randrange(16) for _ in range(150_000))
    return {
        "manifest.safe": b"<xfdu>" + half[:3000].hex().encode() + b"</xfdu>",
        "MTD_MSIL2A.xml": b"<product/>" * 5000,
        "INSPIRE.xml": b"<i/>",
        EMPTY: b"",
        "DATASTRIP/DS_1/MTD_DS.xml": noise.randbytes(70_000),
        f"{GRANULE}/MTD_TL.xml": b"<tile/>" * 900,
        BAND: noise.randbytes(900_000) + half * 3,
        BAND.replace("B02", "B03"): noise.randbytes(999),
        f"{GRANULE}/QI_DATA/MSK_DETFOO_B02.jp2": noise.randbytes(333),
    }


FILES = _product()


class Pipe:
    """A file that cannot seek: zips written to it have sizes behind the data, as servers stream them."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("wb")

    def write(self, data: bytes) -> int:
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def write_zip(path: Path, top: str = f"{NAME}.SAFE/", method: int = zipfile.ZIP_STORED, target: object = None) -> Path:
    with zipfile.ZipFile(target or path, "w", method) as out:
        for folder in (top, f"{top}GRANULE/") if top else ():
            out.writestr(folder, b"")
        for name, data in FILES.items():
            out.writestr(top + name, data)
    return path
