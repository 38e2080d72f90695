"""The conformance check on products served by S3 and over HTTP, where ../shared has them."""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
import zipfile

import pytest
import xarray as xr

from tests.archive.remote.support import KEY, SECRET
from tests.servers.programs import rclone_s3, web_files
from tests.support import SHARED as ABOVE

SHARED = ABOVE / "conformance"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/conformance is not there")
ALL = os.environ.get("XARRAY_SAFE_TEST_ALL")
"""Set it to compare each golden by each way, in place of one."""
GOLDEN = sorted(SHARED.glob("*.eopf-*.zarr.zip"))
WAYS = ["s3 folder", "s3 zip", "http folder", "http zip"]


def cases():
    """Goldens and ways to their products: by default each golden by one, each way for two, both layouts by each."""
    products = sorted({golden.name.partition(".eopf-")[0] for golden in GOLDEN})
    for golden in GOLDEN:
        product, _, layout = golden.name.partition(".eopf-")
        first = products.index(product) + layout.startswith("2.8")
        for way in WAYS if ALL else [WAYS[first % len(WAYS)]]:
            yield pytest.param(golden, way, id=f"{golden.name[:26]} {golden.name[38:44]} {layout[:5]} {way}")


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("conformance_check", SHARED / "check.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    root = tmp_path_factory.mktemp("kit")
    place = root / "kit"
    place.mkdir()
    for path in SHARED.glob("*.SAFE.zip"):
        (place / path.name).write_bytes(path.read_bytes())
        zipfile.ZipFile(path).extractall(place)
    options = {"key": KEY, "secret": SECRET}
    with web_files(root) as web, rclone_s3(root, KEY, SECRET) as store:
        yield {"s3": ("s3://kit", {**options, "endpoint_url": store.url}), "http": (f"{web.url}/kit", {})}


@pytest.mark.parametrize(("golden", "way"), list(cases()))
def test_it_says_same(check, kit, golden, way):
    zarr = pytest.importorskip("zarr")
    name, version = golden.name.removesuffix(".zarr.zip").split(".eopf-")
    server, form = way.split()
    base, options = kit[server]
    url = f"{base}/{name}.SAFE" + (".zip" if form == "zip" else "")
    older = SHARED / f"{name}.eopf-2.5.6.zarr.zip"
    with zarr.storage.ZipStore(older, mode="r") as store:
        detectors = xr.open_dataset(store, engine="zarr", group="conditions/geometry").detector.values
    score = check.Score()
    with zarr.storage.ZipStore(golden, mode="r") as store, warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = xr.open_datatree(url, engine="safe", eopf_version=version, storage_options=options)
        check.compare(tree, xr.open_datatree(store, engine="zarr"), version, score, detectors)
    assert not score.bad
    assert sum(map(len, score.good.values())) > 1000
