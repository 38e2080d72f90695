"""Sentinel-2 L1C and L2A: `/conditions/meteorology`, from two GRIB files.

Each file is a group of fields on 9 x 9 points over the tile: forecasts of the ECMWF, and aerosols of the Copernicus
Atmosphere Monitoring Service (CAMS) since baseline 04.00. Layout 2.8 describes them by a table (mappings
`S02MSIL1C_PSD15` and `S02MSIL2A_PSD15` of `eopf` 2.8.1), layout 2.5 by all that cfgrib says of them (`eopf` 2.5.6).
Values are those of the messages in both: `msl` is in Pa although layout 2.8 calls it hPa.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from xarray_safe.formats.grib.fields import Grib, find, index
from xarray_safe.model.arrays import LookUp
from xarray_safe.model.product import Var
from xarray_safe.products.sentinel2.descriptions import describe, with_copy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray_safe.model.arrays import Context
    from xarray_safe.products.sentinel2.bands import Level

GROUP: Final = "/conditions/meteorology"
GRID: Final = ("latitude", "longitude")
FOLDER: Final = "GRANULE/*/AUX_DATA"
FILES: Final = {
    "ecmwf": (f"{FOLDER}/AUX_ECMWFT",),
    # Forecasts; where there were none, in reprocessed products: reanalysis or analysis.
    "cams": (f"{FOLDER}/AUX_CAMSFO", f"{FOLDER}/AUX_CAMSRE", f"{FOLDER}/AUX_CAMSAN"),
}
"""Patterns of the file of a group, the preferred one first."""

SCALARS: Final = ("number", "time", "step", "surface", "isobaricInhPa", "valid_time")
"""Scalar coordinates of layout 2.5."""


class Quantity(NamedTuple):
    """A variable as layout 2.8 describes it."""

    name: str
    """In the tree and in cfgrib."""
    long_name: str
    units: str = ""
    standard_name: str = ""
    """L1C alone has it."""


QUANTITIES: Final = {
    "ecmwf": (
        Quantity(
            "tcwv",
            "total column vertically-integrated water vapour",
            "kg/m2",
            "lwe_thickness_of_atmosphere_mass_content_of_water_vapor",
        ),
        Quantity("msl", "mean sea level pressure", "hPa", "air_pressure_at_mean_sea_level"),
        Quantity("tco3", "total column ozone", "kg/m2", "atmosphere_mass_content_of_ozone"),
        Quantity("u10", "10m eastward wind component", "m/s"),
        Quantity("v10", "10m northward wind component", "m/s"),
        Quantity("r", "relative humidity at surface pressure", "%"),
    ),
    "cams": (
        Quantity("z", "geopotential surface z", "m2/s2"),
        *(
            Quantity(f"aod{nanometres}", f"total aerosol optical thickness at {nanometres}nm")
            for nanometres in (469, 550, 670, 865, 1240)
        ),
        *(
            Quantity(f"{prefix}aod550", f"{kind} aerosol optical thickness at 550nm")
            for prefix, kind in (
                ("bc", "black carbon"),
                ("du", "dust"),
                ("om", "organic matter"),
                ("ss", "sea salt"),
                ("su", "sulphate"),
            )
        ),
    ),
}


def variables_28(level: Level) -> Iterator[Var]:
    """Return all variables in layout 2.8, coordinates included; their GRIB attributes are left out."""
    for group, quantities in QUANTITIES.items():
        for quantity in quantities:
            about: dict[str, Any] = {"units": quantity.units} if quantity.units else {}
            if quantity.standard_name and level == "L1C":
                about["standard_name"] = quantity.standard_name
            attrs = with_copy(describe(GRID, quantity.name, dtype="<f4", long_name=quantity.long_name, **about))
            yield Var(f"{GROUP}/{group}/{quantity.name}", Grib(FILES[group], quantity.name), GRID, attrs, optional=True)
        for axis, units in zip(GRID, ("degrees_north", "degrees_east"), strict=True):
            attrs = {
                "dtype": "<f4",
                "dimensions": [axis],
                "long_name": f"{axis}s of ECMWF grid",
                "standard_name": axis,
                "units": units,
                "_FillValue": np.float32(np.nan),
            }
            yield Var(f"{GROUP}/{group}/{axis}", Grib(FILES[group], axis, "<f4"), (axis,), attrs, optional=True)


def variables_25() -> Iterator[Var]:
    """Return all variables in layout 2.5; but for `_eopf_attrs`, their attributes come with the opened arrays."""
    for group, quantities in QUANTITIES.items():
        names = FILES[group]
        for name in (quantity.name for quantity in quantities):
            attrs = {"_eopf_attrs": GribAttrs(names, name)}
            yield Var(f"{GROUP}/{group}/{name}", Grib(names, name, described=True), GRID, attrs, optional=True)
        for axis in GRID:
            yield Var(f"{GROUP}/{group}/{axis}", Grib(names, axis, described=True), (axis,), optional=True)
        for name in SCALARS:
            yield Var(f"{GROUP}/{group}/{name}", Grib(names, name, described=True), (), optional=True)


def attributes_25() -> dict[str, GribAttrs]:
    """Return the attributes of the groups in layout 2.5, by path."""
    return {f"{GROUP}/{group}": GribAttrs(names) for group, names in FILES.items()}


@dataclass(frozen=True, slots=True)
class GribAttrs(LookUp):
    """A look-up of attributes in the headers of a GRIB file.

    Parameters
    ----------
    names
        Patterns of the file, as for `Grib`.
    variable
        Resolves to this variable's `_eopf_attrs`; empty: to the attributes of the group.
    """

    names: tuple[str, ...]
    variable: str = ""

    def resolve(self, context: Context) -> dict[str, Any]:
        """Return the attributes of this archive's file.

        Raises
        ------
        AbsentFileError
            There is no such file, or it has no message of the variable.
        CorruptFileError
            The file is not a GRIB file, or broken.
        """
        grib = index(context.files, find(context.find, self.names))
        if not self.variable:
            return grib.attrs
        if self.variable not in grib.fields:
            raise grib.no_message(self.variable)
        attrs = grib.variable_attrs(self.variable)
        repeated = {key: attrs[key] for key in ("long_name", "standard_name", "units")}
        return {**repeated, "dimensions": list(GRID), "coordinates": grib.coordinates}
