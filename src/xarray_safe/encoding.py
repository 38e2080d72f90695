"""One encoding for products of all baselines, so that a series of them can be written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import xarray as xr

OFFSET: Final = -0.1
"""Offset of reflectance in products since baseline 04.00: with it, counts hold negative reflectance, and zero."""


def common_encoding(dataset: xr.Dataset) -> xr.Dataset:
    """Return a dataset whose reflectance will be written with the offset of products since baseline 04.00.

    Before 04.00 there is no offset: if the first of several products is such a one, xarray writes all with its
    encoding, in which negative reflectance wraps and zero is no data. Use this on each, such as by ``preprocess=`` of
    `xarray.open_mfdataset`, before putting them together. Values stay as they are.

    Parameters
    ----------
    dataset
        A group of a product, decoded.

    Returns
    -------
    xarray.Dataset
        The same values, with another encoding of reflectance (unsigned 16-bit counts with ``scale_factor`` and no
        ``add_offset``); other variables are unchanged.
    """
    changed = dataset.copy()
    for name, variable in dataset.data_vars.items():
        encoding = variable.encoding
        counts = str(encoding.get("dtype", "")) == "uint16" and encoding.get("_FillValue") == 0
        reflectance = variable.attrs.get("units") == "digital_counts"
        if counts and reflectance and encoding.get("add_offset") == 0 and encoding.get("scale_factor"):
            changed[name].encoding = {**encoding, "add_offset": OFFSET}
    return changed
