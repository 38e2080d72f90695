"""ESA's own converter, in an environment of its own, makes of the sample products exactly the trees that we open.

`.ci/judges` makes such environments and names them: ``XARRAY_SAFE_TEST_EOPF`` holds the paths of their Pythons.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from xarray_safe.compare import compare

PYTHONS = [path for path in os.environ.get("XARRAY_SAFE_TEST_EOPF", "").split(os.pathsep) if path]
CONVERT = """
import sys
import eopf.store.convert as converter
if __name__ == "__main__":
    # its last step, a validation of the metadata, fetches schemas from the web
    converter._validate_converted = lambda *arguments, **options: None
    converter.convert(sys.argv[1], sys.argv[2])
"""

pytestmark = pytest.mark.skipif(not PYTHONS, reason="a job of its own: .ci/judges")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("product", ["l2a_folder", "l1c_folder"])
@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: Path(path).parts[-3])
def test_the_converter_writes_what_we_open(
    request: pytest.FixtureRequest, tmp_path: Path, python: str, product: str
) -> None:
    safe = request.getfixturevalue(product)
    program, zarr = tmp_path / "convert.py", tmp_path / f"{safe.stem}.zarr"
    program.write_text(CONVERT, encoding="utf-8")
    done = subprocess.run(
        [python, str(program), str(safe), str(zarr)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = compare(safe, zarr, costs=False)
    assert found.identical, str(found)
