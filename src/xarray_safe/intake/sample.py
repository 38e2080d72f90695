"""Write the data of the catalog `sample`: one generated product as folder, as zip, and as Zarr."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from intake.readers.entry import Catalog


def sample(folder: str | os.PathLike[str] = "sample") -> Catalog:
    """Write the sample product if it does not exist yet, and open the catalog `sample` on it.

    Parameters
    ----------
    folder
        Folder of all three: ``<product>.SAFE``, ``<product>.SAFE.zip``, ``<product>.zarr`` (layout 2.8); 10 MB.

    Returns
    -------
    intake.readers.entry.Catalog
        With its parameter ``folder`` set.
    """
    import intake  # not at the top: Intake imports this package before it has its own names

    import xarray_safe.sample as generator
    from xarray_safe import __version__, catalogs

    target = Path(folder)
    spec = generator.Spec()
    safe, packed = (target / f"{spec.product_name}{suffix}" for suffix in (".SAFE", ".SAFE.zip"))
    for path in (safe, packed):
        if not path.exists():
            generator.write(path, spec)
    note = target / f"{spec.product_name}.version"  # another version may give another tree
    if not note.exists() or note.read_text() != __version__:
        generator.write_zarr(safe)
        note.write_text(__version__)
    return intake.open_catalog(catalogs.sample)(folder=str(target), product=spec.product_name)
