"""Sentinel-1 OCN in layout 2.8: containers of ocean swell, wind and radial velocity, in each a sub-product a file."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from xarray_safe.errors import CorruptFileError, MissingFileError, UnsupportedProductError
from xarray_safe.formats.netcdf import open_netcdf
from xarray_safe.model.arrays import LookUp
from xarray_safe.model.lookups import X, resolve
from xarray_safe.model.product import Var
from xarray_safe.model.tree import is_below
from xarray_safe.products.sentinel1 import names, stac
from xarray_safe.products.sentinel1.history import History
from xarray_safe.products.sentinel1.ocn import osw, owi, rvl
from xarray_safe.products.sentinel1.ocn.row import SPECTRA, Element
from xarray_safe.products.sentinel1.product import Found, finished
from xarray_safe.products.sentinel1.quality import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xarray_safe.formats.netcdf import NetcdfFile
    from xarray_safe.model.arrays import Context
    from xarray_safe.model.product import Facts, Product
    from xarray_safe.products.sentinel1.names import Image
    from xarray_safe.products.sentinel1.ocn.row import Row

COMPONENTS: Final = {"osw": osw, "owi": owi, "rvl": rvl}
GROUPS: Final = ("measurements", "conditions", "quality")

_SHARED: Final = {
    "mission_phase": "missionPhase",
    "polarisation": "polarisation",
    "processing_start_time": "processingStartTime",
    "processing_center": "processingCenter",
    "clm_source": "clmSource",
    "statevector_utc": "statevectorUtc",
    "statevector_pos": "statevectorPos",
    "statevector_vel": "statevectorVel",
    "statevector_acc": "statevectorAcc",
    "ground_velocity": "groundVelocity",
    "prf": "prf",
    "radar_frequency": "radarFrequency",
    "radar_sampling_freq": "raSamplingFreq",
    "azimuth_sampling_freq": "azSamplingFreq",
}
_WIND: Final = {"gmf": "gmf", "polarisation_ratio": "polarisationRatio", "wind_source": "windSource"}
ATTRIBUTES: Final = {
    "osw": _SHARED
    | _WIND
    | {
        "algorithm_version": "oswAlgorithmVersion",
        "bathymetry_source": "bathySource",
        "noise_correction": "oswNoiseCorrection",
        "osw_status": "oswStatus",
    },
    "owi": _SHARED
    | _WIND
    | {
        "algorithm_version": "owiAlgorithmVersion",
        "ice_source": "iceSource",
        "noise_correction": "owiNoiseCorrection",
        "owi_status": "owiStatus",
    },
    "rvl": _SHARED
    | {"algorithm_version": "rvlAlgorithmVersion", "stokes_source": "stokesSource", "rvl_status": "rvlStatus"},
}
"""Attributes of a file that become `other_metadata` of a component; absent ones are left out."""
STATED: Final[dict[str, dict[str, str]]] = {
    "osw": {"title": "'Sentinel-1 OCN OSW Product'", "l2rp_version": "Product prototype"},
    "owi": {"title": "Sentinel-1 OCN OWI Product", "l2rp_version": "Product prototype"},
    "rvl": {"title": "Sentinel-1 OCN RVL Product"},
}
PROPERTIES: Final = (
    "datetime start_datetime end_datetime created platform instruments constellation product:type "
    "product:timeliness_category product:timeliness processing:software processing:lineage eopf:datatake_id "
    "sat:absolute_orbit sat:relative_orbit sat:orbit_state sar:instrument_mode"
)
"""STAC properties that OCN has of those of level 1."""


def layout_28(facts: Facts) -> Product:
    """Tables of an archive in layout 2.8."""
    kind = Kind(*(names.kind(facts) or ("", "")))
    base = names.base(facts)
    found = Found()
    subs: list[str] = []
    for image in names.images(facts):
        suffix = f"_{image.swath}_{image.number}" if kind.mode == "WV" else ""
        sub = f"{base}_{image.polarisation}{suffix}"
        subs.append(sub)
        wanted = [name for name in COMPONENTS if _concerns(facts.below, f"/{name}/{sub}")]
        if wanted:
            _file(facts, found, image, kind, sub, wanted)
    found.attrs["/"] = {
        "stac_discovery": stac_of(kind) | {"assets": {name: {"href": name} for name in COMPONENTS}},
        "other_metadata": {"eopf_category": "eocontainer"},
    }
    for name in COMPONENTS:
        found.attrs[f"/{name}"] = {
            "stac_discovery": {
                "assets": {sub: {"href": sub} for sub in subs},
                "links": [],
                "properties": {"product:type": "S01SEWOCN"},  # of every mode: the mapping's slip is the interface
            },
            "other_metadata": {"eopf_category": "eocontainer"},
        }
    return finished(facts, found, kind, "2.8")


def _concerns(below: str, path: str) -> bool:
    return is_below(path, below) or is_below(below, path)


def _file(facts: Facts, found: Found, image: Image, kind: Kind, sub: str, components: list[str]) -> None:
    """Find variables and attributes of one file."""
    try:
        if not image.measurement:
            raise MissingFileError(f"measurement/{image.stem}.nc is missing")
        netcdf = open_netcdf(facts.files, image.measurement)
        for component in components:
            rows = list(_variables(netcdf, component, f"/{component}/{sub}", kind))
            found.variables += rows
            attrs = dict(netcdf.attrs)
            found.attrs[f"/{component}/{sub}"] = SubProduct(kind, component, _frozen(attrs, component), _assets(rows))
    except (CorruptFileError, MissingFileError, UnsupportedProductError) as error:
        why = str(error).removeprefix(f"{facts.files.url}: ")
        for component in components:
            found.absent(f"/{component}/{sub}/measurements/{component}", why)


def _variables(netcdf: NetcdfFile, component: str, path: str, kind: Kind) -> Iterator[Var]:
    """Variables that a file has, and in each group the coordinates that they need."""
    table = COMPONENTS[component]
    present = [row for row in table.COORDINATES if _stored(netcdf, row.element)]
    for group in GROUPS:
        rows = [row for row in table.VARIABLES if row.name.startswith(f"{group}/") and _stored(netcdf, row.element)]
        needed: dict[str, None] = {}
        for row in (_of_mode(row, kind) for row in rows):
            dims = _dims(row, kind)
            coordinates = [c for c in present if set(_dims(c, kind)) <= set(dims)]
            needed.update(dict.fromkeys(c.name for c in coordinates))
            attrs = row.attributes(dims, tuple(c.name for c in coordinates), data=True)
            yield Var(f"{path}/{row.name}", _element(netcdf, row, dims), dims, attrs)
        for row in present:
            if row.name in needed:
                dims = _dims(row, kind)
                attrs = row.attributes(dims, (), data=False)
                yield Var(f"{path}/{group}/{row.name}", _element(netcdf, row, dims), dims, attrs)


def _stored(netcdf: NetcdfFile, element: str) -> str:
    """Name under which a file stores a variable, or ""; one named as a dimension that it is not has a prefix."""
    return next((name for name in (f"_nc4_non_coord_{element}", element) if name in netcdf), "")


def _of_mode(row: Row, kind: Kind) -> Row:
    """A row as wave mode has it: another fill value."""
    return replace(row, fill=-999.0) if kind.mode == "WV" and row.name == "measurements/partitions" else row


def _dims(row: Row, kind: Kind) -> tuple[str, ...]:
    """Dimensions of a variable; wave mode has no swaths."""
    return tuple(dim for dim in row.dims.split() if dim != "swath" or kind.mode != "WV")


def _element(netcdf: NetcdfFile, row: Row, dims: tuple[str, ...]) -> Element:
    """Where a variable's values come from.

    Raises
    ------
    CorruptFileError
        It has another number of dimensions than it should.
    """
    count, name = len(dims) + (row.dtype == "M8"), _stored(netcdf, row.element)
    if len(netcdf.variable(name).shape) != count:
        raise CorruptFileError(
            f"{netcdf.files.url}: {netcdf.name}: {row.element} does not have {count} dimensions. "
            "Download the product again."
        )
    return Element(netcdf.name, name, row.dtype, (0, 1, 4, 2, 3) if dims == SPECTRA else ())


def _frozen(attrs: dict[str, Any], component: str) -> str:
    """`other_metadata` of a component as JSON, which can be hashed."""
    listed = {key: attrs[name] for key, name in ATTRIBUTES[component].items() if name in attrs}
    values = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in listed.items()}
    return json.dumps({"eopf_category": "eoproduct", **STATED[component], **values})


def _assets(rows: list[Var]) -> tuple[tuple[str, str], ...]:
    """Paths of data variables within the sub-product by their short names."""
    found = {}
    for var in rows:
        described: Any = var.attrs.get("_eopf_attrs")
        if described:
            found[str(described["short_name"])] = "/" + "/".join(var.path.split("/")[3:])
    return tuple(found.items())


def stac_of(kind: Kind) -> dict[str, Any]:
    """`stac_discovery` that container and sub-products share."""
    level_1 = stac.container(kind, {})
    properties = {key: level_1["properties"][key] for key in PROPERTIES.split()}
    cycle: X = stac.manifest("measurementOrbitReference", "orbitReference/cycleNumber", convert=int)
    extensions = [name for name in level_1["stac_extensions"] if "/sar/" not in name]
    return level_1 | {"stac_extensions": extensions, "properties": properties | {"sat:orbit_cycle": cycle}}


@dataclass(frozen=True, slots=True)
class SubProduct(LookUp):
    """Attributes of a sub-product.

    Parameters
    ----------
    kind
        Of the product.
    component
        ``osw``, ``owi`` or ``rvl``.
    other
        `other_metadata` as JSON.
    assets
        Short names and paths of its variables.
    """

    kind: Kind
    component: str
    other: str
    assets: tuple[tuple[str, str], ...]

    def resolve(self, context: Context) -> dict[str, Any]:
        """Put the parts together."""
        other = json.loads(self.other)
        discovery: dict[str, Any] = resolve(stac_of(self.kind), context)
        discovery["properties"]["processing:version"] = "004.00"
        discovery["assets"] = {name: {"href": path, "title": name} for name, path in self.assets}
        discovery.pop("id", None)
        discovery["id"] = stac.identity(discovery, {"other_metadata": json.dumps(other, sort_keys=True)})
        return {
            "other_metadata": other,
            "stac_discovery": discovery,
            "processing_history": context.value(History()),
        }
