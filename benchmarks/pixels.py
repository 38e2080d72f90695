"""Reading pixels of a full-size 10 m band: ours against the bare decoder, rasterio, satpy and `engine="zarr"`.

    python benchmarks/pixels.py [--folder FOLDER] [--smoke] [--runs N]

Every figure is a ratio within one run, best of several. FOLDER keeps the generated product (about 1 GB).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import imagecodecs
import rasterio
import xarray as xr
from rasterio.windows import Window

sys.path.insert(0, str(Path(__file__).parent))
from typing import TYPE_CHECKING

from common import alone, best, in_turn, machine, product

if TYPE_CHECKING:
    import numpy as np

BAND = "measurements/reflectance/r10m/b04"

OURS = """
import numpy as np, xarray as xr
raw = sys.argv[2] == "raw"
group = "measurements/reflectance/r10m"
band = xr.open_dataset(sys.argv[1], engine="safe", group=group, mask_and_scale=not raw, cache=False).b04.variable
tile = band.encoding["preferred_chunks"]["y"]
"""
CHUNKED = (
    OURS
    + """
wall, cpu, total = time.perf_counter(), time.process_time(), 0.0
for y in range(0, band.shape[0], tile):
    for x in range(0, band.shape[1], tile):
        total += float(np.nansum(band[y : y + tile, x : x + tile].values))
figures |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "sum": total}
"""
)
EOPF_CHUNKS = CHUNKED.replace("wall, cpu", "tile = min(1830, tile * 2 - tile // 5)\nwall, cpu", 1)
THREADS = (
    OURS
    + """
from concurrent.futures import ThreadPoolExecutor
def part(corner):
    y, x = corner
    return float(np.nansum(band[y : y + tile, x : x + tile].values))
corners = [(y, x) for y in range(0, band.shape[0], tile) for x in range(0, band.shape[1], tile)]
wall, cpu = time.perf_counter(), time.process_time()
with ThreadPoolExecutor(int(sys.argv[3])) as pool:
    figures["sum"] = sum(pool.map(part, corners))
figures |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
"""
)
DASK = """
import dask, xarray as xr
group, raw = "measurements/reflectance/r10m", sys.argv[2] == "raw"
band = xr.open_dataset(sys.argv[1], engine="safe", group=group, mask_and_scale=not raw, chunks={}).b04
wall, cpu = time.perf_counter(), time.process_time()
with dask.config.set(scheduler="threads", num_workers=2):
    figures["sum"] = float(band.sum().compute())
figures |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
"""
RASTERIO = """
import numpy as np, rasterio, threading, queue
from concurrent.futures import ThreadPoolExecutor
from rasterio.windows import Window
path, threads, way = sys.argv[1], int(sys.argv[2]), sys.argv[3]
local = threading.local()
def part(corner):
    if not hasattr(local, "file"):
        local.file = rasterio.open(path)
    size = local.file.block_shapes[0][0]
    y, x = corner
    h, w = local.file.shape
    return float(local.file.read(1, window=Window(x, y, min(size, w - x), min(size, h - y))).sum(dtype="f8"))
with rasterio.open(path) as file:
    size, (h, w) = file.block_shapes[0][0], file.shape
wall, cpu = time.perf_counter(), time.process_time()
if way == "handles":
    with ThreadPoolExecutor(threads) as pool:
        figures["sum"] = sum(pool.map(part, [(y, x) for y in range(0, h, size) for x in range(0, w, size)]))
else:
    with rasterio.Env(GDAL_NUM_THREADS=threads), rasterio.open(path) as file:
        figures["sum"] = float(file.read(1).sum(dtype="f8"))
figures |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
"""
SATPY = """
import numpy as np, glob, os
from satpy import Scene
files = [p for p in glob.glob(sys.argv[1] + "/GRANULE/*/IMG_DATA/R10m/*_B04_10m.jp2")]
files += glob.glob(sys.argv[1] + "/GRANULE/*/MTD_TL.xml") + glob.glob(sys.argv[1] + "/MTD_MSIL2A.xml")
scene = Scene(reader="msi_safe_l2a", filenames=files)
scene.load(["B04"])
wall, cpu = time.perf_counter(), time.process_time()
scene["B04"][:1024, :1024].values
figures |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
"""


def bare(path: Path) -> tuple[bytes, tuple[int, int]]:
    """One-tile codestream of the first tile, as the bare decoder gets it, and the tile's size."""
    from xarray_safe.archive import open_archive
    from xarray_safe.formats.jp2.codestream import full_codestream, read_tile
    from xarray_safe.formats.jp2.header import ImageFile
    from xarray_safe.formats.jp2.index.tile_index import open_index

    folder = next(parent for parent in path.parents if parent.suffix == ".SAFE")
    file = ImageFile(open_archive(folder), str(path.relative_to(folder).as_posix()))
    index = open_index(file)
    header = index.header
    return full_codestream(header, 0, read_tile(file, index, 0)), (header.tile_height, header.tile_width)


def windows(safe: Path, runs: int) -> list[tuple[str, float, float, str]]:
    """Small reads, in one process: (what, ratio raw, ratio decoded, bar)."""
    image = next(safe.glob("GRANULE/*/IMG_DATA/R10m/*_B04_10m.jp2"))
    os.environ.setdefault("XARRAY_SAFE_TILE_CACHE", "0")
    stream, (height, width) = bare(image)
    height, width = min(height, rasterio.open(image).height), min(width, rasterio.open(image).width)
    raw = xr.open_datatree(safe, engine="safe", mask_and_scale=False, cache=False)[BAND].variable
    decoded = xr.open_datatree(safe, engine="safe", cache=False)[BAND].variable
    dasks = [
        xr.open_datatree(safe, engine="safe", chunks={}, mask_and_scale=scaled)[BAND].variable
        for scaled in (False, True)
    ]
    side = min(305, height // 2)
    inside = (slice(height // 3, height // 3 + side), slice(width // 3, width // 3 + side))
    window = Window(width // 3, height // 3, side, side)
    pixel = Window(width // 3, height // 3, 1, 1)

    def fresh(window: Window) -> np.ndarray:
        with rasterio.open(image) as again:  # a handle of its own, as a thread has; no block cached
            return again.read(1, window=window)

    tile = (slice(0, height), slice(0, width))
    point = (slice(height // 3, height // 3 + 1), slice(width // 3, width // 3 + 1))
    times = in_turn(
        {
            "bare": lambda: imagecodecs.jpeg2k_decode(stream),
            "tile": lambda: raw[tile].values,
            "tile, decoded": lambda: decoded[tile].values,
            "dask": lambda: dasks[0][tile].values,
            "dask, decoded": lambda: dasks[1][tile].values,
            "rasterio window": lambda: fresh(window),
            "window": lambda: raw[inside].values,
            "window, decoded": lambda: decoded[inside].values,
            "rasterio pixel": lambda: fresh(pixel),
            "pixel": lambda: raw[point].values,
            "pixel, decoded": lambda: decoded[point].values,
        },
        runs,
    )

    def row(what: str, ours: str, other: str, bar: str) -> tuple[str, float, float, str]:
        one, two = (best(times[name], 1) / best(times[other], 1) for name in (ours, f"{ours}, decoded"))
        return what, one, two, bar

    return [
        row("one aligned chunk through xarray / bare decode, CPU", "tile", "bare", "1.05"),
        row("the same through dask `chunks={}` / bare decode, CPU", "dask", "bare", "1.20"),
        row("305 x 305 inside a tile / rasterio, CPU", "window", "rasterio window", "0.40"),
        row("one pixel / rasterio, CPU", "pixel", "rasterio pixel", "0.12"),
    ]


def whole(safe: Path, runs: int) -> list[tuple[str, float, float, str]]:
    """Whole-band reads, each in a process of its own: (what, ratio raw, ratio decoded, bar)."""
    image = next(safe.glob("GRANULE/*/IMG_DATA/R10m/*_B04_10m.jp2"))
    ours: dict[str, list[dict[str, float]]] = {"raw": [], "decoded": []}
    single: dict[str, list[dict[str, float]]] = {"raw": [], "decoded": []}
    chunked: dict[str, list[dict[str, float]]] = {"raw": [], "decoded": []}
    eopf: dict[str, list[dict[str, float]]] = {"raw": [], "decoded": []}
    dask: dict[str, list[dict[str, float]]] = {"raw": [], "decoded": []}
    others: list[dict[str, float]] = []
    for _ in range(runs):
        for kind in ("raw", "decoded"):
            ours[kind].append(alone(THREADS, safe, kind, 2))
            single[kind].append(alone(THREADS, safe, kind, 1))
            dask[kind].append(alone(DASK, safe, kind))
            chunked[kind].append(alone(CHUNKED, safe, kind))
            eopf[kind].append(alone(EOPF_CHUNKS, safe, kind))
        others.extend(alone(RASTERIO, image, 2, way) for way in ("handles", "gdal"))
    sums = {run["sum"] for run in (*ours["raw"], *single["raw"], *dask["raw"], *chunked["raw"], *eopf["raw"], *others)}
    if len(sums) != 1:
        raise RuntimeError(f"the readers disagree: {sums}")

    def low(figures: list[dict[str, float]], key: str) -> float:
        return min(run[key] for run in figures)

    fastest = min(others, key=lambda run: run["wall"])
    kinds = ("raw", "decoded")
    rows = [
        (
            "whole band, 2 threads / rasterio's best threading, wall",
            *(low(ours[k], "wall") / fastest["wall"] for k in kinds),
            "1.0",
        ),
        ("the same, peak memory", *(low(ours[k], "peak") / fastest["peak"] for k in kinds), "0.5"),
        (
            "whole band through dask, 2 threads / rasterio's, wall",
            *(low(dask[k], "wall") / fastest["wall"] for k in kinds),
            "none",
        ),
        ("the same, peak memory", *(low(dask[k], "peak") / fastest["peak"] for k in kinds), "none"),
        ("1 thread / 2 threads, wall", *(low(single[k], "wall") / low(ours[k], "wall") for k in kinds), "at least 1.8"),
        ("1830 chunks of a band / tiles, CPU", *(low(eopf[k], "cpu") / low(chunked[k], "cpu") for k in kinds), "1.3"),
        ("peak memory, chunk by chunk (MB)", *(low(chunked[k], "peak") for k in kinds), "300"),
    ]
    return [(str(a), float(b), float(c), str(d)) for a, b, c, d in rows]


def overview_bytes(safe: Path) -> list[tuple[str, float, float, str]]:
    """Bytes that the smallest overview of a band reads (MB)."""
    from xarray_safe.archive.folder import FolderArchive

    moved = 0
    read_many = FolderArchive.read_many

    def counting(self: FolderArchive, requests: list[tuple[str, int, int | None]]) -> list[bytes]:
        nonlocal moved
        pieces = read_many(self, requests)
        moved += sum(map(len, pieces))
        return pieces

    tree = xr.open_datatree(safe, engine="safe", overview=4, mask_and_scale=False)
    FolderArchive.read_many = counting  # type: ignore[method-assign]
    try:
        pixels = tree[BAND].values
    finally:
        FolderArchive.read_many = read_many  # type: ignore[method-assign]
    return [(f"{pixels.shape[0]} px overview of a band: bytes read (MB)", moved / 1e6, moved / 1e6, "1")]


def against(safe: Path, folder: Path, runs: int) -> list[tuple[str, float, float, str]]:
    """One tile-size window against satpy, and against `engine="zarr"` on the equal Zarr, for orientation: no bar."""
    rows = []
    raw = xr.open_datatree(safe, engine="safe", mask_and_scale=False, cache=False)[BAND].variable
    decoded = xr.open_datatree(safe, engine="safe", cache=False)[BAND].variable
    window = (slice(0, 1024), slice(0, 1024))
    twin = folder / "band.zarr"
    if not twin.exists():
        chunks = {"b04": {"chunks": tuple(min(1830, size) for size in raw.shape)}}
        group = xr.open_dataset(safe, engine="safe", group=BAND.rpartition("/")[0], chunks={}, chunk_layout="eopf")
        group[["b04"]].to_zarr(twin, encoding=chunks, zarr_format=2, consolidated=True)
    zarrs = [
        xr.open_dataset(twin, engine="zarr", mask_and_scale=scaled, cache=False).b04.variable
        for scaled in (False, True)
    ]
    times = in_turn(
        {
            "ours": lambda: raw[window].values,
            "ours, decoded": lambda: decoded[window].values,
            "zarr": lambda: zarrs[0][window].values,
            "zarr, decoded": lambda: zarrs[1][window].values,
        },
        runs,
    )
    ratios = [best(times[f"ours{kind}"], 1) / best(times[f"zarr{kind}"], 1) for kind in ("", ", decoded")]
    rows.append(('1024 x 1024 / engine="zarr" on the equal Zarr, CPU', ratios[0], ratios[1], "none"))
    try:
        satpy = min((alone(SATPY, safe) for _ in range(2)), key=lambda run: run["cpu"])["cpu"]
    except RuntimeError as error:
        print(f"satpy is left out: {str(error).strip().splitlines()[-1]}")
    else:
        rows.append(
            (
                "1024 x 1024 / satpy msi_safe_l2a, CPU",
                best(times["ours"], 1) / satpy,
                best(times["ours, decoded"], 1) / satpy,
                "none",
            )
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "xarray-safe-benchmarks")
    parser.add_argument("--smoke", action="store_true", help="a tiny product, one run: does it work at all?")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    folder = arguments.folder / ("smoke" if arguments.smoke else "full")
    safe = product(folder, smoke=arguments.smoke)
    runs = 1 if arguments.smoke else arguments.runs
    print(machine())
    rows = windows(safe, runs) + whole(safe, min(runs, 2)) + overview_bytes(safe) + against(safe, folder, runs)
    print("| | counts | decoded | maximum |\n|---|---|---|---|")
    for what, raw, decoded, bar in rows:
        print(f"| {what} | {raw:.3g} | {decoded:.3g} | {bar} |")


if __name__ == "__main__":
    main()
