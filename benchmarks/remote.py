"""Reading a full-size L2A from S3 and over HTTP at 50 ms latency: requests, bytes, wall; beside GDAL's /vsi.

    python benchmarks/remote.py [--folder FOLDER] [--smoke] [--latency 0.05] [--bandwidth 20] [--runs N]

Servers on loopback (rclone's S3, nginx) are behind a proxy of the tests that counts, in a process of its own. Each
line is measured in a fresh process, without kept indexes, after a local product was opened; whole bands in turn, the best counts. "Without a table" are copies whose table
of tile lengths (TLM) was made a comment, as in products from before February 2026. Round trips are groups of
requests that begin within 0.9 of the latency of the group's first; where many requests run side by side without
waiting for each other, they say little. Wall times are of HTTP, for rclone's S3 server takes up to a second to reach a
place far inside a file. Whole bands are read once as fast as the proxy can, and once with the bandwidth that the
Copernicus Data Space gives each connection. FOLDER keeps product and copies (about 2 GB).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import urllib.request
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parent.parent)]
from common import alone, machine, product

from tests.servers.background import Program, free_port
from tests.servers.programs import nginx, rclone_s3
from xarray_safe.sample.sentinel2.product import pack

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "secret of the store"
GDAL = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_NUM_THREADS": "ALL_CPUS"}
START = """
import urllib.request, glob
import numpy, xarray as xr, rasterio, xarray_safe.backend, s3fs, aiohttp
url, options, proxy = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
xr.open_datatree(sys.argv[4], engine="safe")
def reset():
    urllib.request.urlopen(urllib.request.Request(proxy + "/__reset", b"")).read()
def note(work):
    reset()
    start = time.perf_counter()
    result = work()
    figures["wall"] = time.perf_counter() - start
    stats = json.load(urllib.request.urlopen(proxy + "/__stats"))
    figures.update({name: stats[name] for name in ("requests", "rounds", "bytes")})
    return result
def tree(**more):
    return xr.open_datatree(url, engine="safe", storage_options=options, mask_and_scale=False, **more)
def band(name="b04", **more):
    return tree(**more)["measurements/reflectance/r10m/" + name]
"""
OPEN = "note(tree)"
CHUNK = "one = band(); note(lambda: one[5200:5300, 5200:5300].values)"
SECOND = (
    "one, two = band(), band('b03'); one[5200:5300, 5200:5300].values; note(lambda: two[5200:5300, 5200:5300].values)"
)
OVERVIEW = "one = band(overview=4); note(lambda: one.values)"
WHOLE = "one = band(); note(lambda: one.values)"
DASK = "one = band(chunks={}); note(lambda: one.mean().compute(scheduler='threads', num_workers=4))"
TRANSPORT_START = """
import os, resource
url, image = sys.argv[1], sys.argv[2]
from xarray_safe.archive.ranges import ByteRange
from xarray_safe.archive.remote.connect import connect
from xarray_safe.archive.remote.fetch import Fetcher, VersionTracker
place = connect(f"{url}/{image}", {})
fetcher = Fetcher(place.store, VersionTracker())
size = fetcher.one(place.path, -1).version.size
def note(work):
    wall, cpu = time.perf_counter(), time.process_time()
    assert work() == size
    figures.update(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu)
"""
TRANSPORT = "note(lambda: sum(map(len, fetcher.many([ByteRange(place.path, 0, size)]))))"
OBSTORE = """
import obstore
from concurrent.futures import ThreadPoolExecutor
from obstore.store import HTTPStore
store = HTTPStore.from_url(url, client_options={"allow_http": True})
pieces = [(at, min(at + (8 << 20), size)) for at in range(0, size, 8 << 20)]
def move():
    with ThreadPoolExecutor(4) as pool:
        get = lambda piece: len(bytes(obstore.get_range(store, image, start=piece[0], end=piece[1])))
        return sum(pool.map(get, pieces))
obstore.get_range(store, image, start=0, end=10)
note(move)
"""
VSI_CHUNK = "note(lambda: rasterio.open(url).read(1, window=((5200, 5300), (5200, 5300))))"
VSI_OVERVIEW = "note(lambda: (image := rasterio.open(url)).read(1, out_shape=(-(-image.height // 16),) * 2))"
VSI_WHOLE = "note(lambda: rasterio.open(url).read(1))"


def site(folder: Path, *, smoke: bool) -> tuple[Path, str]:
    """Folder to serve, with the product as ``with.SAFE``, its zip, and ``without.SAFE``; and path of B04 in it."""
    found = product(folder, smoke=smoke)
    root, place = folder / "site", folder / "site" / "eodata"
    if not place.exists():
        scratch = folder / "site.part"
        shutil.rmtree(scratch, ignore_errors=True)
        for name in ("with.SAFE", "without.SAFE"):
            shutil.copytree(found, scratch / "eodata" / name, copy_function=os.link)
        for band in ("B02", "B03", "B04"):
            path = next((scratch / "eodata" / "without.SAFE").glob(f"GRANULE/*/IMG_DATA/R10m/*_{band}_10m.jp2"))
            data = bytearray(path.read_bytes())
            path.unlink()  # it is a link to the original
            at = data.find(b"\xff\x55", 0, 4000)
            data[at : at + 2] = b"\xff\x64"
            path.write_bytes(data)
        pack(scratch / "eodata" / "with.SAFE", scratch / "eodata" / "with.SAFE.zip", compressed=False)
        scratch.rename(root)
    image = next((place / "with.SAFE").glob("GRANULE/*/IMG_DATA/R10m/*_B04_10m.jp2"))
    return root, image.relative_to(place / "with.SAFE").as_posix()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--smoke", action="store_true", help="tiny product: does it run?")
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--bandwidth", type=float, default=20, help="MB a second of each connection, for whole bands")
    parser.add_argument("--runs", type=int, default=2, help="of whole bands, in turn; the best counts")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch)
        root, image = site(folder.resolve(), smoke=args.smoke)
        WARM.append(root / "eodata" / "with.SAFE")
        print(f"{machine()}; {args.latency * 1000:.0f} ms\n")
        print("| | requests | round trips | MB | wall (s) |\n|---|---|---|---|---|")
        with (
            rclone_s3(root, KEY, SECRET) as store,
            nginx(root) as web,
            CountingProxy(store) as s3,
            CountingProxy(web) as http,
        ):
            for one in (s3, http):
                post(f"{one}/__set", {"latency": args.latency})
            measure(s3, http, image)
            whole_bands(http, image, args.runs)
            post(f"{http}/__set", {"latency": args.latency, "bandwidth": args.bandwidth * 1e6})
            print(f"| *{args.bandwidth:.0f} MB/s a connection* | | | | |")
            whole_bands(http, image, args.runs)
        print("\n| | CPU (s) | wall (s) |\n|---|---|---|")
        with nginx(root) as web:
            for label, script in (("our requests", TRANSPORT), ("obstore", OBSTORE)):
                got = alone(TRANSPORT_START + script, f"{web.url}/eodata/with.SAFE", image)
                print(f"| a band moved, not decoded: {label} | {got['cpu']:.2f} | {got['wall']:.2f} |")


def measure(s3: str, http: str, image: str) -> None:
    """Print the lines of opening, chunks and overviews."""
    options = {"key": KEY, "secret": SECRET, "endpoint_url": s3}
    store, web = "s3://eodata/with.SAFE", f"{http}/eodata/with.SAFE"
    old, zipped = f"{http}/eodata/without.SAFE", f"{web}.zip"
    for label, script, url in (
        ("tree, folder on S3", OPEN, store),
        ("tree, folder over HTTP", OPEN, web),
        ("tree, zip over HTTP", OPEN, zipped),
        ("first chunk, folder on S3", CHUNK, store),
        ("first chunk, folder over HTTP", CHUNK, web),
        ("second band", SECOND, web),
        ("first chunk, zip over HTTP", CHUNK, zipped),
        ("first chunk without a table", CHUNK, old),
        ("second band without a table", SECOND, old),
        ("687 px overview", OVERVIEW, web),
        ("687 px overview without a table", OVERVIEW, old),
    ):
        by_s3 = url.startswith("s3")
        show(label, run(script, url, options if by_s3 else {}, s3 if by_s3 else http))
    for label, script, url in (
        ("GDAL: first chunk", VSI_CHUNK, web),
        ("GDAL: first chunk without a table", VSI_CHUNK, old),
        ("GDAL: 687 px overview", VSI_OVERVIEW, web),
        ("GDAL: 687 px overview without a table", VSI_OVERVIEW, old),
    ):
        show(label, run(script, f"/vsicurl/{url}/{image}", {}, http, **GDAL))


def whole_bands(http: str, image: str, runs: int) -> None:
    """Print the lines of whole bands."""
    web, old = f"{http}/eodata/with.SAFE", f"{http}/eodata/without.SAFE"
    whole: dict[str, dict[str, float]] = {}
    for _ in range(runs):
        for label, script, url, environment in (
            ("whole band", WHOLE, web, {}),
            ("whole band without a table", WHOLE, old, {}),
            ("whole band by dask (mean), 4 threads", DASK, web, {}),
            ("GDAL: whole band, all processors", VSI_WHOLE, f"/vsicurl/{web}/{image}", GDAL),
            ("GDAL: whole band, as it comes", VSI_WHOLE, f"/vsicurl/{web}/{image}", {}),
            ("GDAL: whole band without a table, all processors", VSI_WHOLE, f"/vsicurl/{old}/{image}", GDAL),
        ):
            got = run(script, url, {}, http, **environment)
            whole[label] = min(got, whole.get(label, got), key=lambda figures: figures["wall"])
    for label, got in whole.items():
        show(label, got)


WARM: list[Path] = []
"""A local product, opened first so that all that is imported is there."""


def run(script: str, url: str, options: object, proxy: str, **environment: str) -> dict[str, float]:
    """Measure in a process of its own."""
    off = {"XARRAY_SAFE_INDEX_CACHE": "off"}
    return alone(START + script, url, json.dumps(options), proxy, WARM[0], **environment, **off)


def show(label: str, got: dict[str, float]) -> None:
    """Print a line."""
    figures = f"{got['requests']:.0f} | {got['rounds']:.0f} | {got['bytes'] / 1e6:.2f} | {got['wall']:.2f}"
    print(f"| {label} | {figures} |", flush=True)


class CountingProxy(Program):
    """The counting proxy in a process of its own; its context gives the URL."""

    def __init__(self, upstream: Program) -> None:
        port = free_port()
        path = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        super().__init__([sys.executable, "-m", "tests.servers.proxy", upstream.url, str(port)], port, path)

    def __enter__(self) -> str:  # type: ignore[override]
        super().__enter__()
        return self.url


def post(url: str, body: object) -> None:
    """Tell the proxy something."""
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode())).read()


if __name__ == "__main__":
    main()
