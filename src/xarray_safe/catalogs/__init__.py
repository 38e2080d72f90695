"""Paths of the catalogs that come with the package, by name; needs no Intake.

``intake.open_catalog(xarray_safe.catalogs.public)``: `public` (a pair that needs no login), `sentinel2` (the tutorial's
product) and `sample` (generated, offline; see `xarray_safe.intake.sample`); `public_v1`, `sentinel2_v1` and `sample_v1`
are the same in the form of Intake 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_HERE = Path(__file__).resolve().parent
_TOP = _HERE.parents[2] / "catalogs"
"""In a checkout the files are at the top of the repository; in a wheel beside this one."""


def _path(name: str) -> str:
    beside = _HERE / f"{name}.yaml"
    return str(beside if beside.exists() else _TOP / f"{name}.yaml")


public: Final = _path("public")
sentinel2: Final = _path("sentinel2")
sample: Final = _path("sample")
public_v1: Final = _path("public_v1")
sentinel2_v1: Final = _path("sentinel2_v1")
sample_v1: Final = _path("sample_v1")

__all__ = ["public", "public_v1", "sample", "sample_v1", "sentinel2", "sentinel2_v1"]
