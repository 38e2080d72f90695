"""Write the data of the catalog `sample`: one generated product as folder and zip, and its Zarr twin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from intake.readers.entry import Catalog


def sample(folder: str | os.PathLike[str] = "sample") -> Catalog:
    """Write the sample product where it is not there yet, and open the catalog `sample` on it.

    Parameters
    ----------
    folder
        Where the three lie: ``<product>.SAFE``, ``<product>.SAFE.zip``, ``<product>.zarr`` (layout 2.8); 10 MB.

    Returns
    -------
    intake.readers.entry.Catalog
        With its parameter ``folder`` set.
    """
    import intake  # not at the top: Intake imports this package before it has its own names
    import xarray as xr

    import xarray_safe.sample as generator
    from xarray_safe import __version__, catalogs

    place = Path(folder)
    spec = generator.Spec()
    safe, packed, twin = (place / f"{spec.product_name}{suffix}" for suffix in (".SAFE", ".SAFE.zip", ".zarr"))
    for path in (safe, packed):
        if not path.exists():
            generator.write(path, spec)
    note = place / f"{spec.product_name}.version"  # another version may give another tree
    if not note.exists() or note.read_text() != __version__:
        with xr.open_datatree(safe, engine="safe", chunks={}) as tree:
            tree.to_zarr(twin, mode="w", zarr_format=2, consolidated=True)
        note.write_text(__version__)
    return intake.open_catalog(catalogs.sample)(folder=str(place), product=spec.product_name)
