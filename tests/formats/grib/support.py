"""GRIB files for tests: messages like those in Sentinel-2 products, in an archive in memory."""

from __future__ import annotations

import re
import zipfile
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr

from tests.support import SHARED
from xarray_safe.errors import AbsentFileError
from xarray_safe.formats.grib.eccodes import import_eccodes
from xarray_safe.formats.grib.fields import index
from xarray_safe.products.sentinel2 import meteorology

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray_safe.formats.grib.header import Field

eccodes = import_eccodes()


KIT = SHARED / "conformance"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the real files and the conformance kit are not here")

FOLDER = "GRANULE/L2A_T32TQM_A040188_20241115T100633/AUX_DATA"
ECMWF, CAMS = f"{FOLDER}/AUX_ECMWFT", f"{FOLDER}/AUX_CAMSFO"
PARAMETERS = {
    ECMWF: [(128, 137, 1), (128, 151, 1), (128, 206, 1), (128, 165, 1), (128, 166, 1), (128, 157, 100)],
    CAMS: [(128, 129, 1), *((210, code, 100 if code == 209 else 1) for code in range(207, 217))],
}
KEYS = {
    "table2Version": 128,
    "indicatorOfParameter": 151,
    "indicatorOfTypeOfLevel": 1,
    "level": 0,
    "dataDate": 20241115,
    "dataTime": 0,
    "unitOfTimeRange": 0,
    "timeRangeIndicator": 10,
    "P1": 2,
    "P2": 94,
    "Ni": 9,
    "Nj": 9,
    "latitudeOfFirstGridPoint": 42427,
    "latitudeOfLastGridPoint": 41404,
    "longitudeOfFirstGridPoint": 11431,
    "longitudeOfLastGridPoint": 12706,
    "iDirectionIncrement": 159,
    "jDirectionIncrement": 128,
    "bitsPerValue": 16,
}


def message(values: Any = None, sample: str = "regular_ll_sfc_grib1", **keys: Any) -> bytes:
    """Encode one message of the kind in Sentinel-2 products."""
    handle = eccodes.codes_grib_new_from_samples(sample)
    try:
        for key, value in {**KEYS, **keys}.items():
            eccodes.codes_set(handle, key, value)
        size = eccodes.codes_get(handle, "Ni") * eccodes.codes_get(handle, "Nj")
        eccodes.codes_set_values(handle, np.linspace(1, 2, size) if values is None else np.ravel(values).astype(float))
        encoded: bytes = eccodes.codes_get_message(handle)
    finally:
        eccodes.codes_release(handle)
    return encoded


def real_files() -> Iterator[bytes]:
    yield from (path.read_bytes() for path in sorted((SHARED / "real").glob("AUX_*")))
    for path in sorted(KIT.glob("*.SAFE.zip")):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist() if "/AUX_DATA/AUX_" in name)


def parameter(table: int, code: int, kind: int, **keys: Any) -> bytes:
    values = np.linspace(code, code + 1, 81) ** 2
    names = {"table2Version": table, "indicatorOfParameter": code, "indicatorOfTypeOfLevel": kind}
    return message(values, **{**names, **keys})


def product(**keys: Any) -> Memory:
    return Memory({name: b"".join(parameter(*p, **keys) for p in PARAMETERS[name]) for name in PARAMETERS})


class Memory:
    """An archive of files in memory that counts its reads; also what `Source.open` gets of it."""

    url = "S2B_MSIL2A.SAFE"
    local = True
    origin = ""

    def __init__(self, members: dict[str, bytes]) -> None:
        self.members = members
        self.reads: list[tuple[int, int]] = []
        self.files = self.archive = self

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        data = self.members[name][start:stop]
        self.reads.append((start, len(data)))
        return data

    def read_many(self, requests: list[tuple[str, int, int | None]]) -> list[bytes]:
        return [self.read(*request) for request in requests]

    def size(self, name: str) -> int:
        return len(self.members[name])

    def identity(self, name: str) -> tuple[str, ...]:
        return (name, str(hash(self.members[name])))

    def find(self, pattern: str) -> list[str]:
        regex = re.compile(re.escape(pattern).replace(r"\*", "[^/]*"))
        return sorted(name for name in self.members if regex.fullmatch(name))

    @property
    def context(self) -> Any:
        def find(pattern: str) -> str:
            names = self.find(pattern)
            if not names:
                raise AbsentFileError(pattern)
            return names[0]

        return SimpleNamespace(files=self, find=find)


def fields(data: bytes) -> dict[str, Field]:
    return dict(index(Memory({"f": data}), "f").fields)


def group(archive: Memory, layout: str, name: str, level: Any = "L2A") -> xr.Dataset:
    """Give one group as the tables of a layout describe it, decoded by CF rules."""
    table = meteorology.variables_28(level) if layout == "2.8" else meteorology.variables_25()
    path = f"{meteorology.GROUP}/{name}"
    variables = {}
    for var in table:
        if var.path.rpartition("/")[0] != path:
            continue
        try:
            array = var.source.open(archive.context)
        except AbsentFileError:
            continue
        attrs = {key: look_up(value, archive) for key, value in var.attrs.items()}
        values = array[(slice(None),) * len(array.shape)]
        assert (values.dtype, values.shape) == (array.dtype, array.shape)
        variables[var.path.rpartition("/")[2]] = xr.Variable(var.dims, values, {**getattr(array, "attrs", {}), **attrs})
    attributes = meteorology.attributes_25()[path] if layout == "2.5" else {}
    return xr.decode_cf(xr.Dataset(variables, attrs=look_up(attributes, archive)))


def look_up(value: Any, archive: Memory) -> Any:
    return value.resolve(archive.context) if isinstance(value, meteorology.GribAttrs) else value
