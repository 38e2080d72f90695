"""``tree.safe``: shortcuts on an open product, the same for trees of SAFE and of Zarr.

Importing this file registers the accessor with xarray, on trees and on datasets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import xarray as xr

from xarray_safe.crs import wkt
from xarray_safe.errors import InvalidArgumentError, MissingElementError
from xarray_safe.summary import Summary, parse_epsg, summary

if TYPE_CHECKING:
    from collections.abc import Mapping

MAPPING: Final = "spatial_ref"
"""Name of the coordinate that holds the CRS, as rioxarray and odc-geo call it."""

_METRES: Final = {"units": "m"}
_AXES: Final[dict[str, dict[str, str]]] = {
    "x": {"axis": "X", "standard_name": "projection_x_coordinate", **_METRES},
    "y": {"axis": "Y", "standard_name": "projection_y_coordinate", **_METRES},
}


@xr.register_datatree_accessor("safe")  # type: ignore[no-untyped-call]
class SafeTree:
    """Accessor ``safe`` of a product's tree."""

    def __init__(self, tree: xr.DataTree) -> None:
        self._tree = tree

    def summary(self) -> Summary:
        """Ten facts of the product; see `xarray_safe.summary.summary`."""
        return summary(self._tree.root)

    @property
    def epsg(self) -> int | None:
        """EPSG code of the product's projection, from the root; None if that does not state one."""
        item = self._tree.root.attrs.get("stac_discovery")
        facts = item.get("properties") if isinstance(item, dict) else None
        return parse_epsg(facts) if isinstance(facts, dict) else None

    def assign_crs(self, epsg: int | str | None = None) -> xr.DataTree:
        """Add the CRS as CF has it, so that rioxarray, odc-geo, hvplot and QGIS find it.

        Parameters
        ----------
        epsg
            Code of a UTM zone on WGS 84, ``32632`` or ``"EPSG:32632"``; by default the product's own.

        Returns
        -------
        DataTree
            A new tree over the same lazy data. Each group with ``x`` and ``y`` has the scalar coordinate
            ``spatial_ref``, its variables name it as their grid mapping (in `encoding`, where xarray has it), and
            ``x`` and ``y`` say that they are projection coordinates. EOPF's tree has none of these, so the result
            is no longer identical to it.

        Raises
        ------
        MissingElementError
            The tree states no projection; one opened with ``group=`` does not.
        InvalidArgumentError
            It is not a UTM zone.

        Examples
        --------
        >>> tree.safe.assign_crs()[path].rio.crs  # doctest: +SKIP
        CRS.from_epsg(32632)
        """
        code = epsg if epsg is not None else self.epsg
        if code is None:
            raise MissingElementError(
                "the tree states no projection: neither proj:code nor proj:epsg is in stac_discovery at its root; "
                "give assign_crs(epsg=…)"
            )
        done = xr.DataTree.from_dict(
            {path: with_crs(node.to_dataset(inherit=False), code) for path, node in self._tree.subtree_with_keys},
            name=self._tree.name,
        )
        for path, node in self._tree.subtree_with_keys:
            done[path].set_close(node._close)
        return done


@xr.register_dataset_accessor("safe")  # type: ignore[no-untyped-call]
class SafeDataset:
    """Accessor ``safe`` of one group of a product."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    @property
    def epsg(self) -> int | None:
        """EPSG code that the variables state (layout 2.5 does), or the root's metadata; None if neither states one."""
        item = self._dataset.attrs.get("stac_discovery")
        if isinstance(item, dict):
            return parse_epsg(item.get("properties", {}))
        for variable in self._dataset.data_vars.values():
            if "proj:epsg" in variable.attrs:
                return parse_epsg({str(key): value for key, value in variable.attrs.items()})
        return None

    def assign_crs(self, epsg: int | str | None = None) -> xr.Dataset:
        """Add the CRS to one group; as `SafeTree.assign_crs`, which does not need to be told the code.

        Parameters
        ----------
        epsg
            Code of a UTM zone on WGS 84, ``32632`` or ``"EPSG:32632"``. A group of layout 2.8 does not state it itself.
        """
        code = epsg if epsg is not None else self.epsg
        if code is None:
            raise MissingElementError(
                "the group states no projection: give assign_crs(epsg=…), or use the whole tree's"
            )
        return with_crs(self._dataset, code)


def with_crs(dataset: xr.Dataset, epsg: int | str) -> xr.Dataset:
    """Add a UTM zone to a group; one without ``x`` and ``y`` is returned unchanged.

    Raises
    ------
    InvalidArgumentError
        It is not a UTM zone on WGS 84.
    """
    attrs = grid_mapping(epsg)
    if not {"x", "y"} <= dataset.variables.keys():
        return dataset
    found = dataset.assign_coords({MAPPING: xr.Variable((), 0, {**attrs, **_transform(dataset)})})
    for name in found.data_vars:
        if {"x", "y"} <= set(found[name].dims):
            found[name].encoding["grid_mapping"] = MAPPING
    for name, more in _AXES.items():
        found[name].attrs = {**more, **found[name].attrs}
    return found


def grid_mapping(epsg: int | str) -> dict[str, Any]:
    """Attributes of a CF grid mapping of a UTM zone on WGS 84 (CF 1.11, appendix F, and the WKT that GDAL reads).

    Raises
    ------
    InvalidArgumentError
        It is not such a zone.
    """
    code = parse_epsg({"proj:code": epsg}) or 0
    zone, hemisphere = code % 100, {326: "N", 327: "S"}.get(code // 100)
    if hemisphere is None or not 1 <= zone <= 60:
        raise InvalidArgumentError(f"EPSG {epsg!r} is not a UTM zone on WGS 84 (32601 to 32660, 32701 to 32760)")
    text = wkt(code)
    return {
        "grid_mapping_name": "transverse_mercator",
        "crs_wkt": text,
        "spatial_ref": text,
        "semi_major_axis": 6378137.0,
        "semi_minor_axis": 6356752.314245179,
        "inverse_flattening": 298.257223563,
        "longitude_of_prime_meridian": 0.0,
        "latitude_of_projection_origin": 0.0,
        "longitude_of_central_meridian": float(6 * zone - 183),
        "scale_factor_at_central_meridian": 0.9996,
        "false_easting": 500000.0,
        "false_northing": 0.0 if hemisphere == "N" else 10000000.0,
    }


def _transform(dataset: xr.Dataset) -> Mapping[str, str]:
    """GDAL's transform of a group, from the centres of its pixels; none for a single row or column."""
    x, y = (dataset[name].values.astype(float) for name in ("x", "y"))
    if x.ndim != 1 or y.ndim != 1 or min(x.size, y.size) < 2:
        return {}
    width, height = (x[-1] - x[0]) / (x.size - 1), (y[-1] - y[0]) / (y.size - 1)
    numbers = (x[0] - width / 2, width, 0.0, y[0] - height / 2, 0.0, height)
    return {"GeoTransform": " ".join(f"{number:.15g}" for number in numbers)}
