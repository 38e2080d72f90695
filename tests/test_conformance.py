"""The tree is that of ESA's own converter, where its output lies beside the repository; one product, for speed.

``python ../shared/conformance/check.py`` holds all of them against it.
"""

from __future__ import annotations

import importlib.util
import warnings

import pytest
import xarray as xr

from tests.support import SHARED

KIT = SHARED / "conformance"
NAME = "S2B_MSIL2A_20241115T100159_N0511_R122_T32TQM_*"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not there")


@pytest.fixture(scope="module")
def check():
    """The kit's program as a module."""
    spec = importlib.util.spec_from_file_location("check", KIT / "check.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("version", ["2.8.1", "2.5.6"])
def test_the_tree_is_that_of_the_converter(check, version):
    zarr = pytest.importorskip("zarr")
    (archive,) = KIT.glob(f"{NAME}.SAFE.zip")
    name = archive.name.removesuffix(".SAFE.zip")
    older = KIT / f"{name}.eopf-2.5.6.zarr.zip"
    score = check.Score()
    with zarr.storage.ZipStore(KIT / f"{name}.eopf-{version}.zarr.zip", mode="r") as store, warnings.catch_warnings():
        warnings.simplefilter("error")
        with zarr.storage.ZipStore(older, mode="r") as other:
            detectors = xr.open_dataset(other, engine="zarr", group="conditions/geometry").detector.values
        tree = xr.open_datatree(archive, engine="safe", eopf_version=version)
        check.compare(tree, xr.open_datatree(store, engine="zarr"), version, score, detectors)
    assert not score.bad
    assert sum(map(len, score.good.values())) > 2000
