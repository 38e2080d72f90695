"""Sample products that all tests share, written once per run; `--rewrite-golden`."""

from __future__ import annotations

import pytest

from xarray_safe import runtime
from xarray_safe.sample import write
from xarray_safe.sample.sentinel2.product import pack

SIZE = 252
"""Pixels of the 10 m images: the least at which images of every resolution have several tiles."""


def pytest_addoption(parser):
    parser.addoption("--rewrite-golden", action="store_true", help="write tests/golden/*.txt anew instead of comparing")


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch):
    """Nothing cached by other tests, in the process or in the user's cache folder."""
    monkeypatch.setenv("XARRAY_SAFE_INDEX_CACHE", "off")
    runtime.reset()
    yield
    runtime.reset()


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    """Folder of the sample products."""
    return tmp_path_factory.mktemp("products")


@pytest.fixture(scope="session")
def l2a_folder(samples):
    """Level-2A product as a `.SAFE` folder."""
    return write(samples, level="L2A", size=SIZE, nodata=0.1)


@pytest.fixture(scope="session")
def l1c_folder(samples):
    """Level-1C product as a `.SAFE` folder, of another satellite and an older specification."""
    return write(samples, level="L1C", size=SIZE, satellite="S2B", baseline="05.09")


@pytest.fixture(scope="session")
def tiny_folder(samples):
    """Level-2A product with as few pixels as can be, for what does not look at them."""
    return write(samples, level="L2A", size=36, tile="31UDQ")


@pytest.fixture(scope="session")
def old_folder(samples):
    """Level-2A product from before baseline 04.00: vector masks."""
    return write(samples, level="L2A", size=60, baseline="02.09", tile="33UWP")


def _zipped(folder, name, **options):
    target = folder.with_name(name)
    pack(folder, target, **options)
    return target


@pytest.fixture(scope="session")
def l2a_zip(l2a_folder):
    """The Level-2A product as the zip that the Copernicus Data Space gives: stored."""
    return _zipped(l2a_folder, f"{l2a_folder.name}.zip", compressed=False)


@pytest.fixture(scope="session")
def l2a_deflated(l2a_folder):
    """The Level-2A product as a deflated zip without ``.SAFE`` in its name."""
    return _zipped(l2a_folder, f"{l2a_folder.stem}.zip", compressed=True)


@pytest.fixture(scope="session")
def l2a_bare(l2a_folder):
    """The Level-2A product as a zip without the folder on top, and with a name that tells nothing."""
    return _zipped(l2a_folder, "bare.zip", compressed=True, top=False)


@pytest.fixture(scope="session", params=["L2A", "L1C"])
def product(request, l2a_folder, l1c_folder):
    """Each of the levels."""
    return {"L2A": l2a_folder, "L1C": l1c_folder}[request.param]


@pytest.fixture(params=["2.8", "2.5"])
def layout(request):
    """Each of the layouts."""
    return request.param
