"""The tree of a SAFE as the Zarr beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_zarr(safe: Path) -> Path:
    """Write the tree of a SAFE as Zarr (format 2, consolidated), in place of one that exists.

    Parameters
    ----------
    safe
        The ``.SAFE`` folder.

    Returns
    -------
    Path
        The ``.zarr`` folder beside it.
    """
    import xarray as xr

    target = safe.with_suffix(".zarr")
    with xr.open_datatree(safe, engine="safe", chunks={}) as tree:
        tree.to_zarr(target, mode="w", zarr_format=2, consolidated=True)
    return target
