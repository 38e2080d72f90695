"""The sample product and its twin, written once; the cell that runs on every source."""

from __future__ import annotations

import importlib.util

import pytest

# without Intake, this folder itself would be found as `intake`
MISSING = importlib.util.find_spec("intake") is None or importlib.util.find_spec("intake.readers") is None
collect_ignore_glob = ["test_*.py"] if MISSING else []


def pytest_report_header():
    return "tests/intake left out: the extra [intake] is not installed" if MISSING else None


@pytest.fixture(scope="session")
def bucket(once):
    """Folder with the sample product as folder, zip and Zarr."""
    from xarray_safe.intake import sample

    def write(folder):
        sample(folder.parent / "s3" / "sample")
        return folder.parent / "s3" / "sample"

    return once("s3 of Intake", write)


@pytest.fixture
def cat(bucket):
    """Catalog `sample` on that folder."""
    import intake

    from xarray_safe import catalogs

    return intake.open_catalog(catalogs.sample)(folder=str(bucket))


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch):
    for name in ("CDSE_S3_ACCESS_KEY", "CDSE_S3_SECRET_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
