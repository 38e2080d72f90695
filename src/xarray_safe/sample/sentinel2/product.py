"""Write a sample product: folders, images, metadata, manifest, and the zip around them."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, Unpack

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.sample.sentinel2 import grib, images, reports
from xarray_safe.sample.sentinel2.datastrip_xml import datastrip_metadata
from xarray_safe.sample.sentinel2.manifest import manifest
from xarray_safe.sample.sentinel2.product_xml import product_metadata
from xarray_safe.sample.sentinel2.spec import Spec, scaled_size
from xarray_safe.sample.sentinel2.statistics import Statistics
from xarray_safe.sample.sentinel2.tables import BANDS, DATASTRIP_REPORTS, RESOLUTIONS, TILE_REPORTS
from xarray_safe.sample.sentinel2.tile_xml import mask_files, mask_suffix, tile_metadata

if TYPE_CHECKING:
    import os

    from xarray_safe.sample.sentinel2.options import Options

Zip = Literal[False, "stored", "deflated"]


def write(
    target: str | os.PathLike[str],
    spec: Spec | None = None,
    *,
    scale: float | None = None,
    zip: Zip = False,
    top: bool = True,
    exist_ok: bool = False,
    **options: Unpack[Options],
) -> Path:
    """Write a sample product.

    Parameters
    ----------
    target
        The folder to write into, or the file or folder itself: a name that ends in ``.SAFE`` or ``.zip``.
    spec
        What to write; by default ``Spec()``: Level-2A at 1/30 of the size.
    scale
        Size as a share of that of a real product, such as ``1 / 30``: sets `size` to the nearest multiple of 6.
    zip
        ``"stored"`` or ``"deflated"`` writes a zip instead of a folder. A target that ends in ``.zip`` is
        written stored by default.
    top
        Whether the zip's members are in the ``.SAFE`` folder, as in downloads from the Copernicus Data Space.
    exist_ok
        Whether to return a product that is there already, as it is, instead of raising.
    **options
        Fields of `Spec` to change.

    Returns
    -------
    Path
        The ``.SAFE`` folder or the zip.

    Raises
    ------
    InvalidArgumentError
        If an option is invalid, or the product exists already.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(folder, level="L1C", size=36).name
    'S2A_MSIL1C_20241115T094259_N0511_R122_T32TQM_20241115T114332.SAFE'
    """
    if scale is not None:
        if "size" in options:
            raise InvalidArgumentError("sample product: give size or scale, not both.")
        options["size"] = scaled_size(scale)
    spec = replace(spec or Spec(), **options)
    place, packing = Path(target), zip
    if place.suffix == ".zip":
        packing = packing or "stored"
    elif place.suffix != ".SAFE":
        place = place / (f"{spec.product_name}.SAFE" + (".zip" if packing else ""))
    if place.exists():
        if exist_ok:
            return place
        raise InvalidArgumentError(f"{place} exists already: delete it, or choose another target.")
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".sample-") as scratch:
        folder = Path(scratch) / f"{spec.product_name}.SAFE"
        write_folder(spec, folder)
        if packing:
            packed = Path(scratch) / "product.zip"
            pack(folder, packed, compressed=packing == "deflated", top=top)
            packed.replace(place)
        else:
            folder.replace(place)
    return place


def write_folder(spec: Spec, folder: Path) -> None:
    """Write a product's folder; `folder` becomes the ``.SAFE`` folder."""
    tile, strip = folder / spec.granule_folder, folder / spec.datastrip_folder
    for path in (tile / "QI_DATA", tile / "AUX_DATA", tile / "IMG_DATA", strip / "QI_DATA", folder / "AUX_DATA"):
        path.mkdir(parents=True)
    if spec.level == "L2A":
        for metres in RESOLUTIONS:
            (tile / f"IMG_DATA/R{metres}m").mkdir()
    statistics = Statistics(spec.level, spec.specification)
    images.write(spec, folder, statistics)
    grib.write(spec, folder)
    for name, content in _documents(spec, statistics).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "manifest.safe").write_bytes(manifest(spec, folder))


def _documents(spec: Spec, statistics: Statistics) -> dict[str, bytes]:
    """All files but images, meteorology and the manifest."""
    tile, strip = spec.granule_folder, spec.datastrip_folder
    files = {
        f"MTD_MSI{spec.level}.xml": product_metadata(spec, statistics),
        "INSPIRE.xml": reports.inspire(spec),
        f"{tile}/MTD_TL.xml": tile_metadata(spec, statistics),
        f"{strip}/MTD_DS.xml": datastrip_metadata(spec),
        **reports.html(spec),
        **reports.schemas(spec),
    }
    for name in TILE_REPORTS:
        files[f"{tile}/QI_DATA/{name}.xml"] = reports.quality_report(spec, name, spec.tile_id())
    for name in DATASTRIP_REPORTS:
        files[f"{strip}/QI_DATA/{name}.xml"] = reports.quality_report(spec, name, spec.datastrip_id)
    if spec.level == "L2A":
        files[f"{tile}/QI_DATA/L2A_QUALITY.xml"] = reports.l2a_quality_report(spec, statistics)
    for kind, band, path in mask_files(spec):
        if mask_suffix(spec, kind) == ".gml":
            files[f"{path}.gml"] = reports.gml_mask(spec, kind, "B00" if band is None else BANDS[band])
    return files


def pack(folder: Path, target: Path, *, compressed: bool, top: bool = True) -> None:
    """Pack a product's folder into a zip, in the same order and with the same dates every time."""
    method = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(target, "w", method) as archive:
        for path in sorted(folder.rglob("*")):
            name = PurePosixPath(path.relative_to(folder.parent if top else folder)).as_posix()
            if path.is_dir():
                archive.writestr(_member(f"{name}/", zipfile.ZIP_STORED), b"")
                continue
            with path.open("rb") as source, archive.open(_member(name, method), "w") as member:
                shutil.copyfileobj(source, member, 1 << 20)


def _member(name: str, method: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (2024, 11, 15, 12, 0, 0))
    info.compress_type = method
    info.external_attr = (0o40755 << 16 | 0x10) if name.endswith("/") else 0o100644 << 16
    return info
