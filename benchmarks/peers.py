"""ESA's own reader against ours, on the same full-size L2A folder: opening, and the first window of a 10 m band.

    python benchmarks/peers.py --eopf PYTHON [--folder FOLDER] [--smoke] [--runs N] [--eopf-version VERSION]

PYTHON is that of an environment with `eopf` 3 (Python 3.13): `eopf.open_datatree` opens an archive as counts. Each run
is a process of its own, so that nothing is cached but files by the system, in turn ours, theirs, ours, theirs …;
medians. Imports are measured apart. The window is 1024 x 1024 pixels in the middle of b04, by dask on both sides, for
theirs is dask always. FOLDER keeps the product (about 1 GB).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from common import machine, product

LIMITS = {"open": 1 / 15, "window": 1 / 20}
"""The most that ours should take, as a share of theirs."""

STEPS = """
import json, sys, time
def lap(name, start):
    figures[name] = time.perf_counter() - start
figures = {{}}
path, version = sys.argv[1:]
start = time.perf_counter()
{imports}
lap("import", start)
start = time.perf_counter()
tree = {opening}
lap("open", start)
start = time.perf_counter()
band = tree["measurements/reflectance/r10m/b04"]
rows, columns = (max(0, n // 2 - 512) for n in band.shape)
found = band.isel(y=slice(rows, rows + 1024), x=slice(columns, columns + 1024)).values
lap("window", start)
figures["shape"] = list(found.shape)
print("FIGURES", json.dumps(figures))
"""
OURS = {
    "imports": "import xarray as xr, xarray_safe.backend, dask.array",
    "opening": "xr.open_datatree(path, engine='safe', eopf_version=version, chunks={})",
}
THEIRS = {"imports": "from eopf.store import open_datatree", "opening": "open_datatree(path)"}


def measure(python: str, steps: dict[str, str], path: Path, version: str) -> dict[str, float]:
    """Seconds of the steps in a process of its own."""
    command = [python, "-W", "ignore", "-c", STEPS.format(**steps), str(path), version]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tempfile.gettempdir())
    lines = [line for line in done.stdout.splitlines() if line.startswith("FIGURES")]
    if not lines:
        raise RuntimeError(done.stderr[-2000:])
    figures: dict[str, float] = json.loads(lines[-1].removeprefix("FIGURES"))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--eopf", required=True, help="python of an environment with eopf 3")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "xarray-safe-benchmarks")
    parser.add_argument("--smoke", action="store_true", help="a tiny product, once")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--eopf-version", default="3.0")
    args = parser.parse_args()
    path = product(args.folder / ("smoke" if args.smoke else "full"), smoke=args.smoke).resolve()
    runs: dict[str, list[dict[str, float]]] = {"ours": [], "theirs": []}
    for _ in range(1 if args.smoke else args.runs):
        runs["ours"].append(measure(sys.executable, OURS, path, args.eopf_version))
        runs["theirs"].append(measure(os.path.abspath(args.eopf), THEIRS, path, args.eopf_version))
    print(machine())
    print(f"{'':8} {'ours':>8} {'eopf':>8}  ours takes")
    for step in ("import", "open", "window"):
        ours, theirs = (statistics.median(run[step] for run in runs[side]) for side in ("ours", "theirs"))
        limit = f" (at the most 1/{1 / LIMITS[step]:.0f})" if step in LIMITS else ""
        print(f"{step:8} {ours:7.3f}s {theirs:7.3f}s  1/{theirs / ours:.1f} of theirs{limit}")


if __name__ == "__main__":
    main()
