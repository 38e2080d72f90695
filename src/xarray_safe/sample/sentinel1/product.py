"""Write a small Sentinel-1 product: folders, images, annotation and manifest, seeded."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.sample.sentinel1 import annotation, tiff
from xarray_safe.sample.sentinel1.annotation import Scene, place
from xarray_safe.sample.sentinel1.manifest import manifest

if TYPE_CHECKING:
    import os

SWATHS: Final = {"IW": 3, "EW": 5}
MODES: Final = {"GRD": ("IW", "EW", "S3"), "SLC": ("IW", "EW", "S3", "WV")}


@dataclass(frozen=True)
class Spec:
    """What to write.

    Parameters
    ----------
    product_type
        ``GRD`` or ``SLC``.
    mode
        ``IW``, ``EW``, ``S1`` to ``S6``, or (SLC) ``WV``.
    polarisations
        As ``("VV", "VH")``; wave mode has one.
    lines, samples
        Size of an image; of a burst and a vignette too.
    swaths
        How many swaths of SLC in IW and EW; how many vignettes in WV.
    bursts
        How many bursts a swath of SLC in IW and EW has.
    cog
        Whether the images of GRD are cloud-optimised: tiles and overviews, and ``_COG`` in the name.
    mission
        ``S1A`` to ``S1D``.
    sensing
        Time of the first line.
    seed
        Another seed, other speckle.
    """

    product_type: Literal["GRD", "SLC"] = "GRD"
    mode: str = "IW"
    polarisations: tuple[str, ...] = ("VV", "VH")
    lines: int = 120
    samples: int = 150
    swaths: int = 3
    bursts: int = 2
    cog: bool = False
    mission: str = "S1A"
    sensing: datetime = datetime(2024, 5, 6, 5, 27, 28, 250_000)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.product_type not in MODES:
            raise InvalidArgumentError(f"product_type={self.product_type!r} is not one of GRD, SLC.")
        mode = "S3" if self.mode in ("S1", "S2", "S3", "S4", "S5", "S6") else self.mode
        if mode not in MODES[self.product_type]:
            raise InvalidArgumentError(f"mode={self.mode!r}: {self.product_type} has {MODES[self.product_type]}.")
        if min(self.lines, self.samples) < 4 or self.bursts < 1 or self.swaths < 1:
            raise InvalidArgumentError("lines and samples must be at least 4, swaths and bursts at least 1.")

    @property
    def tops(self) -> bool:
        """Whether images are cut into bursts."""
        return self.product_type == "SLC" and self.mode in SWATHS

    def scenes(self) -> list[Scene]:
        """Images of the product, in the order of their numbers."""
        if self.mode == "WV":
            swaths = [f"WV{1 + k % 2}" for k in range(self.swaths)]
            pairs = [(swath, self.polarisations[0]) for swath in swaths]
        elif self.tops:
            swaths = [f"{self.mode}{k + 1}" for k in range(min(self.swaths, SWATHS[self.mode]))]
            pairs = [(swath, polarisation) for polarisation in sorted(self.polarisations) for swath in swaths]
        else:
            pairs = [(self.mode, polarisation) for polarisation in self.polarisations]
        bursts = self.bursts if self.tops else 0
        return [
            Scene(
                mission=self.mission,
                mode=self.mode,
                swath=swath,
                polarisation=polarisation,
                product_type=self.product_type,
                number=number,
                start=self._start(swath, number),
                lines=self.lines * max(1, bursts),
                samples=self.samples,
                bursts=bursts,
                orbit=53_800,
                data_take=0x68_5AF,
            )
            for number, (swath, polarisation) in enumerate(pairs, 1)
        ]

    def _start(self, swath: str, number: int) -> datetime:
        """Vignettes follow one another; swaths of one product begin a little later each."""
        if self.mode == "WV":
            return self.sensing + timedelta(seconds=15 * (number - 1))
        return self.sensing + timedelta(seconds=0.7 * (int(swath[-1]) - 1) if self.tops else 0)

    def name(self) -> str:
        """Name of the product."""
        scenes = self.scenes()
        start, stop = min(scene.start for scene in scenes), max(scene.stop for scene in scenes)
        kind = {"GRD": "GRDH", "SLC": "SLC_"}[self.product_type]
        several = "D" if len(self.polarisations) > 1 and self.mode != "WV" else "S"
        letters = f"1S{several}{self.polarisations[0][0]}"
        times = f"{start:%Y%m%dT%H%M%S}_{stop:%Y%m%dT%H%M%S}"
        orbit, take = scenes[0].orbit, scenes[0].data_take
        suffix = "_COG" if self.cog else ""
        return f"{self.mission}_{self.mode}_{kind}_{letters}_{times}_{orbit:06}_{take:06X}_5A3E{suffix}.SAFE"


def write(
    target: str | os.PathLike[str],
    spec: Spec | None = None,
    *,
    zip: Literal[False, "stored", "deflated"] = False,
    exist_ok: bool = False,
    **options: Any,
) -> Path:
    """Write a sample product.

    Parameters
    ----------
    target
        The folder to write into.
    spec
        What to write; by default ``Spec()``: IW GRD of two polarisations.
    zip
        ``"stored"`` or ``"deflated"`` writes a zip instead of a folder.
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
    """
    try:
        spec = replace(spec or Spec(), **options)
    except TypeError as error:
        raise InvalidArgumentError(f"{error}: not an option of a Sentinel-1 sample") from None
    name = spec.name()
    path = Path(target) / (f"{name}.zip" if zip else name)
    if path.exists():
        if exist_ok:
            return path
        raise InvalidArgumentError(f"{path} exists already.")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not zip:
        _write_folder(path, spec)
        return path
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / name
        _write_folder(folder, spec)
        kind = zipfile.ZIP_STORED if zip == "stored" else zipfile.ZIP_DEFLATED
        with zipfile.ZipFile(path, "w", kind) as archive:
            for file in sorted(folder.rglob("*")):
                if file.is_file():
                    archive.write(file, file.relative_to(temporary).as_posix())
    return path


def _write_folder(folder: Path, spec: Spec) -> None:
    scenes = spec.scenes()
    files: dict[str, bytes] = {}
    for scene in scenes:
        files[f"annotation/{scene.stem}.xml"] = annotation.annotation(scene)
        files[f"annotation/calibration/calibration-{scene.stem}.xml"] = annotation.calibration(scene)
        files[f"annotation/calibration/noise-{scene.stem}.xml"] = annotation.noise(scene)
        files[f"annotation/rfi/rfi-{scene.stem}.xml"] = annotation.interference(scene)
        pixels = image(scene, spec.seed)
        end = "-cog.tiff" if spec.cog else ".tiff"
        files[f"measurement/{scene.stem}{end}"] = tiff.cog(pixels) if spec.cog else tiff.strips(pixels)
    corners = [place(i, j) for i, j in _corners(scenes[0])]
    files["manifest.safe"] = manifest(scenes, files, spec.polarisations, corners)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _corners(scene: Scene) -> list[tuple[int, int]]:
    last, right = scene.lines - 1, scene.samples - 1
    return [(last, 0), (last, right), (0, right), (0, 0)]


def image(scene: Scene, seed: int) -> np.ndarray[Any, np.dtype[Any]]:
    """Pixels of a scene: speckle over a landscape, cross-polarised ones darker."""
    rng = np.random.default_rng([seed, scene.number])
    rows, columns = np.mgrid[: scene.lines, : scene.samples]
    shade = 100 + 80 * np.sin(rows / 17) * np.cos(columns / 23) + 60 * ((rows // 30 + columns // 40) % 2)
    if scene.polarisation in ("VH", "HV"):
        shade = shade / 3
    speckle = (rng.standard_normal(shape := rows.shape) + 1j * rng.standard_normal(shape)) * shade
    if scene.product_type == "SLC":
        return np.asarray(speckle.round(), np.complex64)
    return np.asarray(np.abs(speckle).clip(1, 65535), np.uint16)
