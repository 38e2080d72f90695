"""The small product in every form of local archives."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.archive.support import FILES, KINDS, NAME, Pipe, write_zip

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def products(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("products")
    found = {kind: base / f"{kind}-{NAME}.zip" for kind in KINDS}
    found["folder"] = base / f"{NAME}.SAFE"
    for name, data in FILES.items():
        (found["folder"] / name).parent.mkdir(parents=True, exist_ok=True)
        (found["folder"] / name).write_bytes(data)
    write_zip(found["stored"])
    write_zip(found["deflated"], method=zipfile.ZIP_DEFLATED)
    write_zip(found["bare"], top="", method=zipfile.ZIP_DEFLATED)
    pipe = Pipe(found["streamed"])
    write_zip(found["streamed"], method=zipfile.ZIP_DEFLATED, target=pipe)
    pipe.file.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zipfile, "ZIP64_LIMIT", 100)
        patch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 3)
        write_zip(found["zip64"])
    assert b"PK\6\6" in found["zip64"].read_bytes()[-150:]
    return found
