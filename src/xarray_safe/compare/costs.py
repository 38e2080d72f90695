"""What opening and reading a source costs, measured in a process of its own: time, CPU, memory, requests, bytes.

Run as a program, it takes a source as JSON on standard input (options may hold credentials, so nothing is on the
command line) and gives the steps as JSON on standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from xarray_safe.compare.result import Measurement
from xarray_safe.errors import SafeError
from xarray_safe.net.urls import describe_error
from xarray_safe.quicklook import colour_paths, find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from xarray import DataArray, DataTree

    from xarray_safe.location import ProductLocation

_LONGEST = 600.0


class MeasuringFailedError(SafeError, RuntimeError):
    """Opening or reading failed in the measuring process, or that process itself failed; see `steps`."""

    def __init__(self, message: str, steps: tuple[Measurement, ...] = ()) -> None:
        super().__init__(message)
        self.steps = steps
        """Measurements before the failure."""


def measure(location: ProductLocation, layout: str, longest: float = _LONGEST) -> tuple[Measurement, ...]:
    """Open a source, read one pixel, read one band, in a fresh process whose imports are done.

    Parameters
    ----------
    location
        The source.
    layout
        In which a SAFE is opened.
    longest
        Seconds to wait.

    Raises
    ------
    MeasuringFailedError
        With the message of the process, and the steps before.
    """
    task = {"kind": location.kind, "url": location.url, "options": dict(location.storage_options), "layout": layout}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            timeout=longest,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise MeasuringFailedError(
            f"{location.label}: opening and reading one band took more than {longest:.0f} s"
        ) from None
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise MeasuringFailedError(f"{location.label}: measuring failed: {last[0]}")
    told = json.loads(done.stdout.splitlines()[-1])
    steps = tuple(Measurement(**step) for step in told["steps"])
    if told["failed"]:
        raise MeasuringFailedError(f"{location.label}: measuring failed: {told['failed']}", steps)
    return steps


def main() -> None:
    """Measure the source on standard input."""
    task = json.load(sys.stdin)
    from xarray_safe.location import ProductLocation

    _import_all()
    location = ProductLocation(task["kind"], task["url"], task["options"])
    steps, failed = [], ""
    try:
        for step in measure_steps(lambda: location.open(task["layout"])):
            steps.append(asdict(step))  # noqa: PERF401  (those before a failure count)
    except Exception as error:  # whatever is damaged; the parent process reports it
        failed = describe_error(error, limit=None)
    print(json.dumps({"steps": steps, "failed": failed}), flush=True)
    os._exit(0)  # plugins of xarray were imported that may bring native libraries which do not end well together


def _import_all() -> None:
    """Import everything that opening and reading need: imports are not measured."""
    import xarray.backends

    xarray.backends.list_engines()  # imports the plugins of all packages, as the first opening would
    for room in ("archive", "model", "formats", "products"):
        package = importlib.import_module(f"xarray_safe.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"xarray_safe.{room}."):
            with suppress(ImportError):  # what needs an extra that is not installed is not used either
                importlib.import_module(module.name)
    for name in ("zarr", "imagecodecs", "dask.array", "numpy.ctypeslib"):  # Zarr and dask are extras
        with suppress(ImportError):
            importlib.import_module(name)


def measure_steps(open_tree: Callable[[], DataTree]) -> Iterator[Measurement]:
    """Measure the steps in this process."""
    from xarray_safe.compare.usage import UsageMeter

    meter = UsageMeter()
    with _step(meter, "open") as opened:
        tree = open_tree()
    yield opened.step
    image, other = choose_images(tree)
    if image is None or other is None:
        return
    with _step(meter, "first pixel") as pixel:
        other[tuple(size // 2 for size in other.shape)].load()
    yield pixel.step
    with _step(meter, "one band") as band:
        image.load()
    yield band.step


def choose_images(tree: DataTree) -> tuple[DataArray | None, DataArray | None]:
    """Choose the image that is read as a whole and the one of which a pixel is read.

    Returns
    -------
    DataArray or None, DataArray or None
        Red and green at the finest resolution where the product has a picture in true colour; else the largest image
        for both; None if the tree has no variable of two dimensions.
    """
    for paths in colour_paths():
        red, green = (find(tree, path) for path in paths[:2])
        if red is not None:
            return red, green
    images = (
        image for node in tree.subtree for image in node.to_dataset(inherit=False).data_vars.values() if image.ndim > 1
    )
    largest = max(images, key=lambda image: image.size, default=None)
    return largest, largest


class _Measured:
    """Measures what happens inside ``with``."""

    step: Measurement

    def __init__(self, meter: Any, name: str) -> None:
        self._meter, self._name = meter, name

    def __enter__(self) -> _Measured:
        self._meter.start()
        self._times, self._wall = _cpu(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        wall, (user, system) = time.perf_counter() - self._wall, _cpu()
        counts = self._meter.stop()
        user, system = user - self._times[0], system - self._times[1]
        self.step = Measurement(
            self._name, wall, user, system, counts.memory, counts.requests, counts.received, counts.read
        )


def _cpu() -> tuple[float, float]:
    """Seconds of CPU of this process, user and system; to the microsecond where the system counts them so."""
    if sys.platform == "win32":
        times = os.times()
        return times.user, times.system
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime, usage.ru_stime


def _step(meter: Any, name: str) -> AbstractContextManager[_Measured]:
    return _Measured(meter, name)


if __name__ == "__main__":
    main()
