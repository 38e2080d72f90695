"""The cell that a user would run on both sources, and what it sees: values, types, metadata, all of them."""

from __future__ import annotations

import hashlib

import numpy as np

ENCODINGS = ("dtype", "scale_factor", "add_offset", "_FillValue", "units", "calendar")
HISTORY = ("attributes", "other_metadata", "processing_history", "history")


def compare_cell(tree):
    """Everything of a tree as plain data, and an NDVI."""
    variables = {}
    for node in tree.subtree:
        for name, variable in node.to_dataset(inherit=False).variables.items():
            variables[f"{node.path.rstrip('/')}/{name}"] = {
                "dims": variable.dims,
                "dtype": str(variable.dtype),
                "attrs": plain(variable.attrs),
                "encoding": {key: str(variable.encoding.get(key)) for key in ENCODINGS},
                "values": digest(variable.values),
            }
    bands = tree["measurements/reflectance/r10m"]
    ndvi = ((bands["b08"] - bands["b04"]) / (bands["b08"] + bands["b04"])).median()
    return {
        "groups": sorted(tree.groups),
        "attrs": {node.path: plain(node.attrs) for node in tree.subtree},
        "variables": variables,
        "ndvi": float(ndvi),
    }


def digest(values):
    """Shape and checksum of values; any NaN is as good as another."""
    values = np.asarray(values)
    if values.dtype.kind in "OUT":
        return values.shape, values.tolist()
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.nan, values)
    return values.shape, hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def plain(value):
    """Attributes as plain Python, tuples as lists, NaN as text, so that == says what it should."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    return "nan" if isinstance(value, float) and value != value else value
