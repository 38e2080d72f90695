"""Opening a full-size L2A folder: ours against the floor and against `engine="zarr"` on the equal Zarr.

    python benchmarks/open.py [--folder FOLDER] [--smoke] [--runs N] [--eopf-version VERSION]

The floor is what any backend must pay: the same raw variables, ready in memory, through the same CF decoding into a
DataTree. The Zarr is written once from our tree as EOPF's are: format 2, consolidated, 1830 pixels a chunk; its large
arrays have metadata and no chunk (to open a Zarr takes only metadata), so that it is made in seconds. Medians of one
run, all warm, in turn A B C A B C …. FOLDER keeps product and Zarr (about 1 GB).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import xarray as xr
from xarray.backends import BackendEntrypoint

sys.path.insert(0, str(Path(__file__).parent))
from common import in_turn, machine, median, product

from xarray_safe import backend
from xarray_safe.archive import open_archive
from xarray_safe.products import open_tree

LIMITS = {"floor": 1.5, "zarr": 0.35, "zarr, no indexes": 0.2}
"""The most that ours should take, as a share of each."""


def equal_zarr(path: Path, folder: Path, version: str) -> Path:
    """Zarr of the same tree, without the chunks of large arrays; written at the first use."""
    target = folder / f"{path.stem}-{version}.zarr"
    if not target.exists():
        print("writing the metadata of the equal Zarr, once …", flush=True)
        tree = xr.open_datatree(path, engine="safe", chunks={}, chunk_layout="eopf", eopf_version=version)
        scratch = target.with_suffix(".part")
        shutil.rmtree(scratch, ignore_errors=True)
        tree.to_zarr(scratch, compute=False, consolidated=True, zarr_format=2)
        scratch.rename(target)
    return target


def floor(path: Path, version: str) -> type[BackendEntrypoint]:
    """Engine that has the raw variables of a product in memory, and decodes them as ours does."""
    archive = open_archive(path)
    nodes = open_tree(archive, version).nodes

    class Memory(BackendEntrypoint):
        open_dataset_parameters = ("filename_or_obj", "mask_and_scale", "decode_times")

        def open_datatree(self, filename_or_obj: object, **decoders: object) -> xr.DataTree:
            return xr.DataTree.from_dict(
                {name: backend._decode(node, archive, decoders) for name, node in nodes.items()}
            )

    return Memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "xarray-safe-benchmark")
    parser.add_argument("--smoke", action="store_true", help="a tiny product, to see that it runs")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--eopf-version", default="2.8")
    args = parser.parse_args()
    version = args.eopf_version
    folder = args.folder / "smoke" if args.smoke else args.folder
    path = product(folder, smoke=args.smoke)
    zarr, memory = equal_zarr(path, folder, version), floor(path, version)

    def indexed(create: bool) -> dict[str, object]:
        options = {"create_default_indexes": create}
        return {
            "ours": lambda: xr.open_datatree(path, engine="safe", eopf_version=version, **options),
            "floor": lambda: xr.open_datatree(path, engine=memory, **options),
            "zarr": lambda: xr.open_datatree(zarr, engine="zarr", **options),
            "zarr unconsolidated": lambda: xr.open_datatree(zarr, engine="zarr", consolidated=False, **options),
        }

    works = indexed(True) | {f"{name}, no indexes": work for name, work in indexed(False).items()}
    times = in_turn(works, args.runs)
    print(f"{machine()}; EOPF {version}; medians of {args.runs}")
    for name, pairs in times.items():
        line = f"{name:32} {median(pairs, 0) * 1000:7.0f} ms wall {median(pairs, 1) * 1000:7.0f} ms CPU"
        ours = times["ours, no indexes" if name.endswith("indexes") else "ours"]
        if pairs is not ours:
            limit = f" (wanted: at most {LIMITS[name]})" if name in LIMITS else ""
            line += f"   ours / this {median(ours, 0) / median(pairs, 0):.2f}{limit}"
        print(line)


if __name__ == "__main__":
    main()
