"""What the benchmarks share: the full-size sample product, timing, peak memory of a piece of work."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import xarray_safe.sample as sample

if TYPE_CHECKING:
    from pathlib import Path

Work = Callable[[], object]


def product(folder: Path, *, smoke: bool) -> Path:
    """Full-size (or, for a smoke run, tiny) L2A sample product, written at the first use."""
    folder.mkdir(parents=True, exist_ok=True)
    found = sorted(folder.glob("*.SAFE"))
    if found:
        return found[0]
    if smoke:
        return sample.write(folder, size=180)
    print("writing a full-size product, once …", flush=True)
    return sample.write(folder, scale=1, unique_images=False)


def seconds(work: Work) -> tuple[float, float]:
    """Wall and CPU seconds (of all threads) of one call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def in_turn(works: dict[str, Work], runs: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and CPU seconds of several pieces of work, A B C A B C …, after one warm-up of each."""
    for work in works.values():
        work()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            times[name].append(seconds(work))
    return times


def best(times: list[tuple[float, float]], kind: int) -> float:
    """Best wall (0) or CPU (1) seconds."""
    return min(pair[kind] for pair in times)


def median(times: list[tuple[float, float]], kind: int) -> float:
    """Median wall (0) or CPU (1) seconds."""
    return statistics.median(pair[kind] for pair in times)


def alone(script: str, *arguments: object, **environment: str) -> dict[str, float]:
    """Run Python code in a process of its own; it leaves figures in `figures`. Peak memory (MB) is added.

    Not `ru_maxrss`, which a process inherits from the one that started it.
    """
    text = (
        "import json, sys, time\nfigures = {}\n"
        f"{script}\n"
        "lines = open('/proc/self/status').read().splitlines()\n"
        "figures['peak'] = next(int(line.split()[1]) for line in lines if line.startswith('VmHWM')) / 1024\n"
        "print(json.dumps(figures))\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", text, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    if done.returncode:
        raise RuntimeError(done.stderr)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def machine() -> str:
    """One line about the machine."""
    load = os.getloadavg()[0]
    python = platform.python_version()
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {python}, load {load:.1f} at the start"
