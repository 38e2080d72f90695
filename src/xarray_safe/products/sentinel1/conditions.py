"""`conditions` of an image: what its annotation lists along azimuth, and the grid of geolocation points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from xarray_safe.model.arrays import Constant
from xarray_safe.products.sentinel1.axes import Count, Degrees, Vectors
from xarray_safe.products.sentinel1.gcp import gcp
from xarray_safe.products.sentinel1.pieces import Piece
from xarray_safe.products.sentinel1.records import Column, Records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray_safe.model.arrays import Source
    from xarray_safe.model.documents import Documents
    from xarray_safe.products.sentinel1.names import Image


class Row(NamedTuple):
    """One variable of a list: name, element, data type, second dimension ("" if none), units, description."""

    name: str
    tag: str
    dtype: str
    second: str
    units: str
    long_name: str


class Table(NamedTuple):
    """One list of the annotation: path of its records, element and description of their time, variables."""

    path: str
    time: str
    long_name: str
    rows: tuple[Row, ...]


ROUNDED: Final = "f4 as f8"
STATED: Final = {"f4": "<f4", "f8": "<f8", ROUNDED: "<f8", "b1": "<b1", "U3": "U3", "M8": "<M8[ns]"}
"""Data types as attributes state them."""

POLYNOMIAL: Final = (
    "expressed as polynomial with 5 coefficients: doppler centroid = d0 + d1(tsr-t0) + d2(tsr-t0)^2 + d3(tsr-t0)^3 "
    "+ d4(tsr-t0)^4, where tsr = 2-way slant range time"
)
ANCILLARY: Final = "extracted from ancillary attitude data"

TABLES: Final = {
    "attitude": Table(
        "generalAnnotation/attitudeList/attitude",
        "time",
        "time stamp at which orbit state vectors apply",
        (
            *(Row(f"q{n}", f"q{n}", "f4", "", "", f"q{n} attitude quaternion as {ANCILLARY}") for n in range(4)),
            *(
                Row(
                    f"w{axis}",
                    f"w{axis}",
                    ROUNDED,
                    "",
                    "degrees/s",
                    f"{axis} component of angular velocity vector as {ANCILLARY}",
                )
                for axis in "xyz"
            ),
            *(
                Row(
                    angle,
                    angle,
                    ROUNDED,
                    "",
                    "degrees",
                    f"platform {angle} angle calculated from ancillary attitude data",
                )
                for angle in ("pitch", "roll", "yaw")
            ),
        ),
    ),
    "antenna_pattern": Table(
        "antennaPattern/antennaPatternList/antennaPattern",
        "azimuthTime",
        "zero doppler azimuth time of antenna pattern measurement",
        (
            Row("elevation_angle", "elevationAngle", "f4", "count", "degrees", "elevation angle to grid point"),
            Row("incidence_angle", "incidenceAngle", "f4", "count", "degrees", "incidence angle to grid point"),
            Row("roll", "roll", ROUNDED, "", "degrees", "estimated roll angle for this antenna pattern"),
            Row("slant_range_time_ap", "slantRangeTime", ROUNDED, "count", "s", "two-way slant range time to sample"),
            Row("swath", "swath", "U3", "", "", "Swath"),
            Row(
                "terrain_height",
                "terrainHeight",
                ROUNDED,
                "",
                "m",
                "mean terrain height in range for this antenna pattern (in metres above the ellipsoid) for the given "
                "zero-doppler azimuth time",
            ),
        ),
    ),
    "coordinate_conversion": Table(
        "coordinateConversion/coordinateConversionList/coordinateConversion",
        "azimuthTime",
        "zero doppler azimuth time of coordinate conversion measurement",
        (
            Row("gr0", "gr0", "f8", "", "m", "ground range origin for slant range calculation"),
            Row(
                "grsr_coefficients",
                "grsrCoefficients",
                "f8",
                "degree",
                "m",
                "polynomial coefficients to convert from ground range to slant range",
            ),
            Row("slant_range_time", "slantRangeTime", "f8", "", "s", "Two way slant range time to first range sample"),
            Row("sr0", "sr0", "f8", "", "m", "slant range origin for ground range calculation"),
            Row(
                "srgr_coefficients",
                "srgrCoefficients",
                "f8",
                "degree",
                "m",
                "polynomial coefficients to convert from slant range to ground range",
            ),
        ),
    ),
    "doppler_centroid": Table(
        "dopplerCentroid/dcEstimateList/dcEstimate",
        "azimuthTime",
        "zero doppler azimuth time of terrain height measurement",
        (
            Row(
                "data_dc_polynomial",
                "dataDcPolynomial",
                "f4",
                "degree",
                "",
                f"doppler centroid estimated from data, {POLYNOMIAL}",
            ),
            Row(
                "data_dc_rms_error",
                "dataDcRmsError",
                ROUNDED,
                "",
                "",
                "RMS error of the doppler centroid estimate (calculated as the average of the individual RMS residual "
                "errors between input fine doppler centroid estimates and the fitted polynomial; if the doppler "
                "centroid was not estimated from data, this is set to 0)",
            ),
            Row(
                "data_dc_rms_error_above_threshold",
                "dataDcRmsErrorAboveThreshold",
                "b1",
                "",
                "",
                "false if the RMS error is less than the acceptable threshold for the doppler centroid estimated from "
                "the data; true if the RMS error is more than or equal to the acceptable threshold",
            ),
            *(
                Row(
                    f"fine_dce_azimuth_{end}_time",
                    f"fineDceAzimuth{end.title()}Time",
                    "M8",
                    "",
                    "",
                    f"{which} zero Doppler azimuth time of the block of signal data used for the fine DC estimates "
                    "[UTC]",
                )
                for end, which in (("start", "First"), ("stop", "Last"))
            ),
            Row(
                "geometry_dc_polynomial",
                "geometryDcPolynomial",
                "f4",
                "degree",
                "",
                f"doppler centroid estimated from orbit, {POLYNOMIAL}",
            ),
            Row("t0", "t0", ROUNDED, "", "s", "two-way slant range time origin for doppler centroid estimate"),
        ),
    ),
}

ORBIT: Final = "generalAnnotation/orbitList/orbit"
BARE: Final = ("coordinate_conversion",)
"""Groups whose second dimension has no coordinate."""


def conditions(image: Image, documents: Documents, product_type: str) -> Iterator[Piece]:
    """Variables of `conditions`; lists and elements that an annotation lacks (older IPFs) are left out."""
    root = documents.file(image.annotation)
    for group, table in TABLES.items():
        first = root.find(table.path)
        if first is None:
            continue
        records = Records(image.annotation, table.path)
        yield _time(group, records, table.time, table.long_name)
        for row in table.rows:
            if first.find(row.tag) is not None:
                yield _variable(group, records, row)
        yield from _second(group, records, table)
    if root.find(ORBIT) is not None:
        yield from _orbit(Records(image.annotation, ORBIT))
    yield from gcp(image, root, product_type)


def _time(group: str, records: Records, tag: str, long_name: str) -> Piece:
    about = {"long_name": long_name, "dtype": STATED["M8"]}
    path = f"conditions/{group}/azimuth_time"
    return Piece(path, Column(records, tag, "M8"), ("azimuth_time",), about, stated=("azimuth_time",))


def _variable(group: str, records: Records, row: Row) -> Piece:
    dims = ("azimuth_time", row.second) if row.second else ("azimuth_time",)
    about = {"long_name": row.long_name, "dtype": STATED[row.dtype]} | ({"units": row.units} if row.units else {})
    coordinates = ("azimuth_time",) if group in BARE else dims
    source = Column(records, row.tag, row.dtype, several=bool(row.second))
    path = f"conditions/{group}/{row.name}"
    return Piece(path, source, dims, about, coordinates, floating=row.dtype in ("f4", "f8", ROUNDED))


def _second(group: str, records: Records, table: Table) -> Iterator[Piece]:
    """Coordinate of the second dimension."""
    if group in BARE:
        return
    rows = [row for row in table.rows if row.second]
    if rows:
        column = Column(records, rows[0].tag, rows[0].dtype, several=True)
        name = rows[0].second
        source: Source = Count(column) if name == "count" else Degrees(column)
        yield Piece(f"conditions/{group}/{name}", source, (name,))


def _orbit(records: Records) -> Iterator[Piece]:
    yield _time("orbit", records, "time", "time stamp at which orbit state vectors apply")
    dims = ("azimuth_time", "axis")
    for name, units in (("position", "m"), ("velocity", "m/s")):
        about = {"long_name": f"{name} vector", "units": units, "dtype": "<f8"}
        columns = tuple(Column(records, f"{name}/{axis}", "f8") for axis in "xyz")
        yield Piece(f"conditions/orbit/{name}", Vectors(columns), dims, about, dims, floating=True)
    yield Piece("conditions/orbit/axis", Constant(("x", "y", "z"), "U1"), ("axis",))
