"""The tables are sound without any archive; imports go down only; opening loads no heavy library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import xarray_safe
from xarray_safe.errors import InvalidArgumentError, UnsupportedProductError
from xarray_safe.model.arrays import LookUp
from xarray_safe.model.product import Facts
from xarray_safe.products import DEFAULT_LAYOUT, LAYOUTS, TYPES, identify, layout_of, looks_known

SOURCES = Path(xarray_safe.__file__).parent
STATIC = [product_type for product_type in TYPES if product_type.static]
TABLES = [(product_type, layout) for product_type in STATIC for layout in product_type.layouts]

# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=TABLES, ids=lambda pair: f"{pair[0].name}-{pair[1]}")
def product(request):
    product_type, layout = request.param
    return product_type.layouts[layout](None)


def test_paths_are_unique_and_absolute(product):
    paths = [var.path for var in product.variables]
    assert len(paths) == len(set(paths)) >= 90
    for path in paths:
        assert path == f"/{path.strip('/')}"
        assert "//" not in path
        assert path == path.strip()


def test_no_variable_has_the_name_of_a_group(product):
    groups = {var.path.rpartition("/")[0] for var in product.variables}
    assert not groups & {var.path for var in product.variables}


def test_every_coordinate_that_is_named_exists(product):
    paths = {var.path for var in product.variables}
    for var in product.variables:
        group = var.path.rpartition("/")[0]
        described = var.attrs.get("_eopf_attrs")
        named = described.get("coordinates", []) if isinstance(described, dict) else []
        for name in {*named, *str(var.attrs.get("coordinates", "")).split()}:
            assert f"{group}/{name}" in paths, f"{var.path} names {name}"
        if not group.startswith("/quality/l2a_quicklook") and not group.startswith("/quality/l1c_quicklook"):
            for dim in var.dims:
                assert f"{group}/{dim}" in paths, f"{var.path} has no {dim}"


def test_every_coordinate_belongs_to_data(product):
    data = {var.group for var in product.variables if not product.is_coordinate(var)}
    for var in product.variables:
        assert var.path.rpartition("/")[0] in data, var.path


def test_sources_and_look_ups_are_frozen(product):
    """They are shared by all products of a process, and keys of what was computed already."""
    for var in product.variables:
        hash(var.source)
        with pytest.raises((AttributeError, TypeError)):
            var.source.anything = 1
        for leaf in leaves(var.attrs):
            hash(leaf)
    for attrs in product.attrs.values():
        for leaf in leaves(attrs):
            hash(leaf)


def leaves(value):
    """Look-ups of a nested table."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, LookUp):
        yield value


def test_attributes_are_of_groups_that_there_are(product):
    groups = {"/"}
    for var in product.variables:
        parts = var.path.split("/")[1:-1]
        groups |= {f"/{'/'.join(parts[: n + 1])}" for n in range(len(parts))}
    assert set(product.attrs) <= groups


@pytest.mark.parametrize(("product_type", "names"), zip(STATIC, (80, 110), strict=True))
def test_layouts_share_most_of_their_paths(product_type, names):
    paths = [{var.path for var in product_type.layouts[layout](None).variables} for layout in LAYOUTS]
    assert len(set.intersection(*paths)) > names


def test_identify():
    for product_type, layout in TABLES:
        facts = Facts(Names(product_type.marker, "manifest.safe", "GRANULE/x/MTD_TL.xml"))
        assert identify(facts) is product_type
        assert product_type.product(facts, layout).layout == layout
        with pytest.raises(InvalidArgumentError, match=r"'1\.0' is not offered for .*its layouts are '2\.5'"):
            product_type.product(facts, "1.0")
    for names in ([], ["manifest.safe"], ["GRANULE/MTD_MSIL2A.xml"], [product_type.marker for product_type in STATIC]):
        with pytest.raises(UnsupportedProductError, match=r"MTD_MSIL1C\.xml"):
            identify(Facts(Names(*names)))


class Names:
    """An archive of which only the names are known."""

    url, local = "x", True

    def __init__(self, *names):
        self.names = names

    def find(self, pattern):
        """None but those at the top."""
        return [name for name in self.names if name == pattern]


def test_layout_of():
    assert layout_of(DEFAULT_LAYOUT) == DEFAULT_LAYOUT
    assert [layout_of(version) for version in ("2.5.6", "2.6.2", "2.7.0", "3.0.0")] == ["2.5", "2.6", "2.7", "3.0"]
    for version in ("2.4", "3.1", "9", "2.8.x", " 2.8"):
        with pytest.raises(InvalidArgumentError):
            layout_of(version)


def test_known_names():
    assert all(looks_known(product_type.marker) for product_type in STATIC)
    assert not any(looks_known(name) for name in ("MTD_MSIL1B.xml", "S1A_IW_RAW__0SDV", "S3A_XX_1_EFR", "xS2A_MSIL2A_"))


# --- weight -----------------------------------------------------------------------------------------------------------

HEAVY = {
    "cfgrib", "dask", "distributed", "eccodes", "fsspec", "gribapi", "imagecodecs", "intake", "netCDF4", "pandas",
    "rasterio", "requests", "scipy", "zarr",
}  # fmt: skip


def loaded(statement):
    """Top-level modules that a statement loads in a new process."""
    code = f"import sys\n{statement}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_the_backend_loads_no_heavy_library():
    added = loaded("import xarray_safe.backend, xarray_safe.runtime") - loaded("import xarray")
    assert "xarray_safe" in added
    assert not added & HEAVY


def test_opening_loads_no_heavy_library(tiny_folder):
    """An image or a GRIB message is what needs them. (xarray itself asks dask what a chunked array is.)"""
    opening = "from xarray_safe.backend import SafeBackendEntrypoint as Engine; Engine().open_datatree"
    added = loaded(f"{opening}({str(tiny_folder)!r})") - loaded("import xarray, dask.array")
    assert not added & HEAVY


def test_tables_need_nothing_but_lxml():
    found = loaded(
        "from xarray_safe.products import *; [table(None) for t in TYPES if t.static for table in t.layouts.values()]"
    )
    assert not found & (HEAVY | {"xarray"})
