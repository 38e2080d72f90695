"""``tree.safe``: the CRS where other packages look for it, laziness and the tree itself untouched."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr

import xarray_safe.accessor
from tests.support import spy
from xarray_safe.errors import InvalidArgumentError, MissingElementError

if TYPE_CHECKING:
    from pathlib import Path

B04 = "measurements/reflectance/r10m/b04"


def test_every_group_with_x_and_y(product: Path, layout: str) -> None:
    tree = xr.open_datatree(product, engine="safe", eopf_version=layout)
    before = tree.copy()
    with spy() as seen:
        done = tree.safe.assign_crs()
    assert not seen.decoded
    assert tree.identical(before)
    for node, old in zip(done.subtree, tree.subtree, strict=True):
        dataset = node.to_dataset(inherit=False)
        assert ("spatial_ref" in dataset.coords) is ({"x", "y"} <= dataset.variables.keys())
        assert dataset.data_vars.keys() == old.to_dataset(inherit=False).data_vars.keys()
        for variable in dataset.data_vars.values():
            expected = "spatial_ref" if {"x", "y"} <= set(variable.dims) else None
            assert variable.encoding.get("grid_mapping") == expected
    assert done[B04].x.attrs["standard_name"] == "projection_x_coordinate"
    assert done.attrs == tree.attrs
    np.testing.assert_array_equal(done[B04][:5].values, tree[B04][:5].values)


def test_the_tree_that_was_given_keeps_its_encoding(l2a_folder: Path) -> None:
    tree = xr.open_datatree(l2a_folder, engine="safe")
    tree.safe.assign_crs()
    assert "grid_mapping" not in tree[B04].encoding
    assert "axis" not in tree[B04].x.attrs


def test_zarr_takes_and_gives_it(l2a_folder: Path, tmp_path: Path) -> None:
    done = xr.open_datatree(l2a_folder, engine="safe").safe.assign_crs()
    done.to_zarr(tmp_path / "crs.zarr", zarr_format=2, consolidated=True)
    again = xr.open_datatree(tmp_path / "crs.zarr", engine="zarr", decode_coords="all")
    assert again[B04].encoding["grid_mapping"] == "spatial_ref"
    assert again[B04].spatial_ref.attrs == done[B04].spatial_ref.attrs
    assert again.safe.summary() == done.safe.summary()


_LOOK = """
import sys
import rioxarray
import xarray as xr
import xarray_safe.accessor
tree = xr.open_datatree(sys.argv[1], engine="safe").safe.assign_crs()
BANDS = "measurements/reflectance"
for path in (f"{BANDS}/r10m/b04", "conditions/mask/l2a_classification/r20m/scl", "conditions/geometry/sun_angles"):
    print(tree[path].rio.crs.to_epsg(), *tree[path].rio.transform()[:6])
import odc.geo.xr
box = tree[f"{BANDS}/r10m/b04"].odc.geobox
print(box.crs.epsg, *box.transform[:6])
mapping = dict(tree[f"{BANDS}/r10m"].spatial_ref.attrs)
del mapping["crs_wkt"], mapping["spatial_ref"]  # what remains is CF's own words
import pyproj
print(pyproj.CRS.from_cf(mapping).coordinate_operation.params[1].value)
"""


def test_others_find_the_crs(l2a_folder: Path) -> None:
    if importlib.util.find_spec("rioxarray") is None and not os.environ.get("XARRAY_SAFE_TEST_CRS"):
        pytest.skip("needs the extra 'crs', which does not go with cfgrib of 'test'")
    command = [sys.executable, "-W", "ignore", "-c", _LOOK, str(l2a_folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    lines = [[float(word) for word in line.split()] for line in done.stdout.splitlines()]
    (left, top) = lines[0][3], lines[0][6]
    assert lines[0] == [32632, 10, 0, left, 0, -10, top]
    assert lines[1] == [32632, 20, 0, left, 0, -20, top]
    assert lines[2][:2] == [32632, 5000]
    assert lines[3] == lines[0]
    assert lines[4] == [9]


def test_one_group(l2a_folder: Path) -> None:
    group = {"engine": "safe", "group": "measurements/reflectance/r20m"}
    stated = xr.open_dataset(l2a_folder, eopf_version="2.5", **group)
    assert stated.safe.epsg == 32632
    assert "32632" in stated.safe.assign_crs().spatial_ref.attrs["crs_wkt"]
    silent = xr.open_dataset(l2a_folder, eopf_version="2.8", **group)
    with pytest.raises(MissingElementError, match="epsg="):
        silent.safe.assign_crs()
    assert silent.safe.assign_crs(epsg=32632).spatial_ref.identical(stated.safe.assign_crs().spatial_ref)


@pytest.mark.parametrize("epsg", ["EPSG:32632", "epsg:32632", "32632", np.int64(32632)])
def test_ways_to_write_a_code(l2a_folder: Path, epsg: int | str) -> None:
    tree = xr.open_datatree(l2a_folder, engine="safe")
    assert tree.safe.assign_crs(epsg).identical(tree.safe.assign_crs(32632))
    assert tree[B04.rpartition("/")[0]].to_dataset().safe.assign_crs(epsg).spatial_ref.attrs["grid_mapping_name"]


def test_netcdf_takes_a_group(l2a_folder: Path, tmp_path: Path) -> None:
    """As the page on the CRS has it."""
    engine = next((name for name in ("netcdf4", "h5netcdf") if name in xr.backends.list_engines()), None)
    if engine is None:
        pytest.skip("no netCDF library here")
    tree = xr.open_datatree(l2a_folder, engine="safe").safe.assign_crs()
    group = tree["measurements/reflectance/r10m"].to_dataset()
    for variable in group.variables.values():
        variable.attrs.pop("_eopf_attrs", None)
    group.to_netcdf(tmp_path / "r10m.nc", engine=engine)
    with xr.open_dataset(tmp_path / "r10m.nc", decode_coords="all", engine=engine) as again:
        assert again.b04.encoding["grid_mapping"] == "spatial_ref"
        assert again.spatial_ref.attrs["crs_wkt"] == group.spatial_ref.attrs["crs_wkt"]


def test_windows_keep_their_place(l2a_folder: Path) -> None:
    part = xr.open_dataset(l2a_folder, engine="safe", group="measurements/reflectance/r10m").isel(
        x=slice(10, 20), y=[5]
    )
    whole = part.safe.assign_crs(epsg=32632)
    assert "GeoTransform" not in whole.spatial_ref.attrs


@pytest.mark.parametrize("epsg", [4326, 32600, 32661, 3857, 0, -1, "EPSG:4326", "UTM", 32632.5, "", "EPSG:"])
def test_no_utm_zone(l2a_folder: Path, epsg: object) -> None:
    with pytest.raises(InvalidArgumentError, match="not a UTM zone"):
        xr.open_datatree(l2a_folder, engine="safe").safe.assign_crs(epsg)


@pytest.mark.parametrize("epsg", [32601, 32660, 32701, 32760])
def test_grid_mapping_is_that_of_gdal(epsg: int) -> None:
    crs = pytest.importorskip("rasterio.crs")
    attrs = xarray_safe.accessor.grid_mapping(epsg)
    assert crs.CRS.from_wkt(attrs["crs_wkt"]).to_epsg() == epsg
    parameters = crs.CRS.from_epsg(epsg).to_wkt()
    assert f'PARAMETER["central_meridian",{attrs["longitude_of_central_meridian"]:g}]' in parameters
    assert f'PARAMETER["false_northing",{attrs["false_northing"]:.0f}]' in parameters


def test_no_projection() -> None:
    with pytest.raises(MissingElementError, match="states no projection"):
        xr.DataTree().safe.assign_crs()
