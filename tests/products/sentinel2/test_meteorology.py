"""GRIB: the meteorology groups of both layouts as the converter writes them, attributes as cfgrib gives them."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

from xarray_safe.errors import AbsentFileError
from xarray_safe.formats.grib.fields import Grib, index
from xarray_safe.products.sentinel2 import meteorology as s2_meteorology

if TYPE_CHECKING:
    from pathlib import Path

from tests.formats.grib.support import (
    CAMS,
    ECMWF,
    FOLDER,
    KIT,
    PARAMETERS,
    SHARED,
    Memory,
    fields,
    group,
    message,
    needs_shared,
    parameter,
    product,
)


@pytest.mark.parametrize("layout", ["2.5", "2.8"])
@pytest.mark.parametrize("path", sorted(KIT.glob("*.SAFE.zip")) or [None], ids=lambda p: p.name[:19] if p else "none")
@needs_shared
def test_groups_are_those_that_the_converter_writes(path: Path, layout: str) -> None:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if "/AUX_DATA/AUX_" in name]
        files = Memory({name.partition("/")[2]: archive.read(name) for name in names})
    (golden,) = KIT.glob(f"{path.name.removesuffix('.SAFE.zip')}.eopf-{layout}*.zarr.zip")
    for name in ("ecmwf", "cams"):
        ours = group(files, layout, name, level=path.name[7:10])
        theirs = open_golden(golden, f"{s2_meteorology.GROUP}/{name}")
        assert_same(ours, theirs)


def open_golden(path: Path, group: str) -> xr.Dataset:
    import zarr

    with zarr.storage.ZipStore(path, mode="r") as store:
        return xr.open_dataset(store, engine="zarr", group=group, consolidated=False).load()


def assert_same(ours: xr.Dataset, theirs: xr.Dataset) -> None:
    """Hold everything but the time of conversion in `history` against each other, values to the last bit."""
    assert sorted(ours.variables) == sorted(theirs.variables)
    assert set(ours.coords) == set(theirs.coords)
    assert ("history" in ours.attrs) == ("history" in theirs.attrs)
    assert plain({**ours.attrs, "history": ""}) == plain({**theirs.attrs, "history": ""})
    for name, mine in ours.variables.items():
        other = theirs.variables[name]
        assert (mine.dims, mine.dtype, mine.shape) == (other.dims, other.dtype, other.shape), name
        assert mine.values.tobytes() == other.values.tobytes(), name
        assert plain(mine.attrs) == plain(other.attrs), name
        for key in ("_FillValue", "units", "calendar", "coordinates"):
            assert plain(mine.encoding.get(key)) == plain(other.encoding.get(key)), (name, key)


def plain(value: Any) -> str:
    """Give any attribute as text in which NaN equals NaN and numpy's numbers equal Python's."""
    return json.dumps(value, sort_keys=True, default=lambda v: v.item())


@needs_shared
def test_tables_of_layout_28_name_all_variables_of_the_real_files() -> None:
    for name, path in (("ecmwf", "AUX_ECMWFT"), ("cams", "AUX_CAMSFO")):
        found = fields((SHARED / "real" / path).read_bytes())
        assert set(found) == {quantity.name for quantity in s2_meteorology.QUANTITIES[name]}


def test_standard_names_are_in_l1c_alone() -> None:
    archive = product()
    l1c, l2a = (group(archive, "2.8", "ecmwf", level) for level in ("L1C", "L2A"))
    assert l1c.msl.attrs["standard_name"] == l1c.msl.attrs["_eopf_attrs"]["standard_name"]
    assert not any("standard_name" in variable.attrs for variable in l2a.data_vars.values())
    assert l1c.msl.attrs["units"] == l2a.msl.attrs["units"] == "hPa"
    assert l2a.latitude.dtype == np.float32


def test_order_of_messages_changes_the_order_of_coordinates_only() -> None:
    archive = product()
    turned = [parameter(*p) for p in reversed(PARAMETERS[ECMWF])]
    other = Memory({ECMWF: b"".join(turned)})
    a, b = group(archive, "2.5", "ecmwf"), group(other, "2.5", "ecmwf")
    xr.testing.assert_equal(a, b)
    order = ["number", "time", "step", "surface", "latitude", "longitude", "valid_time", "isobaricInhPa"]
    assert a.msl.attrs["_eopf_attrs"]["coordinates"] == order
    order = ["number", "time", "step", "isobaricInhPa", "latitude", "longitude", "valid_time", "surface"]
    assert b.msl.attrs["_eopf_attrs"]["coordinates"] == order


def test_old_files_have_fewer_variables() -> None:
    data = b"".join(parameter(*p) for p in PARAMETERS[ECMWF][:3])
    archive = Memory({ECMWF: data})
    assert set(group(archive, "2.5", "ecmwf").data_vars) == {"tcwv", "msl", "tco3"}
    assert "isobaricInhPa" not in group(archive, "2.5", "ecmwf").coords
    assert set(group(archive, "2.8", "ecmwf").data_vars) == {"tcwv", "msl", "tco3"}
    assert not group(archive, "2.8", "cams").variables
    with pytest.raises(AbsentFileError, match=r"AUX_ECMWFT: has no message of 'r', only of tcwv, msl, tco3"):
        Grib((ECMWF,), "r").open(archive.context)
    with pytest.raises(AbsentFileError, match="AUX_CAMSFO"):
        Grib(s2_meteorology.FILES["cams"], "z").open(archive.context)


def test_aerosols_of_the_reanalysis_count_where_there_is_no_forecast() -> None:
    archive = product()
    archive.members[f"{FOLDER}/AUX_CAMSRE"] = archive.members.pop(CAMS)
    assert len(group(archive, "2.5", "cams").data_vars) == 11


def test_index_files_beside_the_data_do_not_count() -> None:
    archive = product()
    archive.members.update({f"{ECMWF}.5b7b6.idx": b"pickle", f"{CAMS}.5b7b6.idx": b"pickle"})
    assert len(group(archive, "2.8", "ecmwf").data_vars) == 6
    assert len(group(archive, "2.8", "cams").data_vars) == 11


def test_longitudes_across_the_antimeridian_are_sorted_as_cfgrib_does() -> None:
    keys = {"longitudeOfFirstGridPoint": 179_000, "longitudeOfLastGridPoint": -179_728}
    longitude = Grib(("f",), "longitude").open(Memory({"f": message(**keys)}).context).values
    assert longitude[0] == -179.728
    assert (np.diff(longitude) > 0).all()


# --- cfgrib as the oracle ----------------------------------------------------------------------------------------

ORACLE = """
    import json, os, sys
    import cfgrib
    for path in sys.argv[1:]:
        dataset = cfgrib.open_file(path, indexpath="")
        variables = {
            name: [v.dimensions, str(v.data.dtype), v.attributes, v.data[(slice(None),) * len(v.dimensions)].tolist()]
            for name, v in dataset.variables.items()
        }
        print(json.dumps([dataset.attributes, variables], default=lambda v: v.item()))
    sys.stdout.flush()
    os._exit(0)  # cfgrib frees twice at exit on some Pythons
"""


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"P1": 2, "P2": 88},
        {"P1": 0, "P2": 0, "marsType": "an", "dataTime": 1200},
        {"unitOfTimeRange": 1, "P1": 0, "P2": 12},
        {"longitudeOfFirstGridPoint": -7801, "longitudeOfLastGridPoint": -6523},
    ],
    ids=["minutes", "whole hours", "analysis", "hours", "west"],
)
def test_cfgrib_gives_the_same(tmp_path: Path, keys: dict[str, Any]) -> None:
    archive = product(**keys)
    paths = []
    for name, data in archive.members.items():
        paths.append(tmp_path / name.rpartition("/")[2])
        paths[-1].write_bytes(data)
    command = [sys.executable, "-c", textwrap.dedent(ORACLE), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"cfgrib (of the extra 'test') does not run: {done.stderr}"
    for name, line in zip(archive.members, done.stdout.splitlines(), strict=True):
        attributes, variables = json.loads(line)
        found = index(archive, name)
        assert {**found.attrs, "history": ""} == {**attributes, "history": ""}
        assert {*found.fields, *found.coordinates} == set(variables)
        for variable, (dims, dtype, attrs, values) in variables.items():
            compare_with_cfgrib(archive, name, variable, dims, dtype, attrs, values)


def compare_with_cfgrib(
    archive: Memory, name: str, variable: str, dims: list[str], dtype: str, attrs: dict[str, Any], values: Any
) -> None:
    array = Grib((name,), variable, described=True).open(archive.context)
    described = dict(array.attrs)
    described.pop("_FillValue", None)
    field = index(archive, name).first
    if variable in ("time", "step", "valid_time"):
        # These go through pandas before they are written; held here as cfgrib has them.
        seconds = {"time": field.time, "step": field.step / 3600, "valid_time": field.time + field.step}
        assert values == seconds[variable]
        for changed in ("units", "calendar", "dtype"):
            described.pop(changed, None)
            attrs.pop(changed, None)
    else:
        assert (list(array.shape), str(array.dtype)) == (list(np.shape(values)), dtype)
        assert array[(slice(None),) * len(dims)].tolist() == values
    attrs.pop("GRIB_uvRelativeToGrid", None)  # only since the cfgrib that the converter has
    attrs.pop("GRIB_stepUnits", None)  # always hours since then; it was the message's own unit if need be
    described.pop("GRIB_stepUnits", None)
    assert described == attrs
