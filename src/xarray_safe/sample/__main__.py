"""Command line: ``python -m xarray_safe.sample FOLDER`` writes a sample product and prints its path."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from typing import Any

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.sample import sentinel1
from xarray_safe.sample.sentinel2.product import write
from xarray_safe.sample.sentinel2.spec import Spec


def main(arguments: list[str] | None = None) -> int:
    """Write the product that the arguments describe; return the exit status."""
    default = Spec()
    parser = argparse.ArgumentParser(
        prog="python -m xarray_safe.sample", description="Write a Sentinel-2 or Sentinel-1 product."
    )
    parser.add_argument("target", help="folder to write into, or a name ending in .SAFE or .zip")
    parser.add_argument("--level", choices=("L2A", "L1C"), default=default.level)
    parser.add_argument("--scale", type=float, default=1 / 30, help="share of the real size (default: 1/30)")
    parser.add_argument("--baseline", default=default.baseline, help="processing baseline (default: %(default)s)")
    parser.add_argument("--satellite", choices=("S2A", "S2B", "S2C"), default=default.satellite)
    parser.add_argument("--tile", default=default.tile, help="MGRS tile (default: %(default)s)")
    parser.add_argument("--sensing", type=datetime.fromisoformat, help="start of the data take, as 2024-11-15T10:01:59")
    parser.add_argument("--psd", type=int, choices=(14, 15), help="product specification (default: the baseline's)")
    parser.add_argument("--seed", type=int, default=default.seed, help="another seed, another landscape")
    parser.add_argument("--clouds", type=float, default=default.clouds, help="share under clouds, 0 to 1")
    parser.add_argument("--nodata", type=float, default=default.nodata, help="share without data, 0 to 1")
    parser.add_argument("--datastrip-mb", type=float, default=0.0, help="least size of MTD_DS.xml in MB")
    parser.add_argument("--no-tlm", action="store_true", help="leave out the tables of tile-part lengths")
    parser.add_argument("--quick", action="store_true", help="reuse encoded images (for full-size products)")
    parser.add_argument("--zip", choices=("stored", "deflated"), help="write a zip")
    radar = parser.add_argument_group("Sentinel-1")
    radar.add_argument("--product-type", choices=("GRD", "SLC"), help="write a product of Sentinel-1 of this type")
    radar.add_argument("--mode", default="IW", help="IW, EW, S1 to S6, or (SLC) WV (default: %(default)s)")
    radar.add_argument("--polarisations", default="VV,VH", help="separated by commas (default: %(default)s)")
    radar.add_argument("--cog", action="store_true", help="images in tiles with overviews")
    given = vars(parser.parse_args(arguments))
    if given["product_type"]:
        return _radar(parser, given)
    options = {
        name: given[name]
        for name in ("level", "baseline", "satellite", "tile", "sensing", "psd", "seed", "clouds", "nodata")
    }
    try:
        path = write(
            given["target"],
            scale=given["scale"],
            zip=given["zip"] or False,
            datastrip_mb=given["datastrip_mb"],
            tlm=not given["no_tlm"],
            unique_images=not given["quick"],
            **options,
        )
    except InvalidArgumentError as error:
        parser.error(str(error))
    print(path)
    return 0


def _radar(parser: argparse.ArgumentParser, given: dict[str, Any]) -> int:
    """Write a product of Sentinel-1; return the exit status."""
    options = {name: given[name] for name in ("product_type", "mode", "cog", "seed")}
    polarisations = tuple(given["polarisations"].split(","))
    try:
        print(sentinel1.write(given["target"], zip=given["zip"] or False, polarisations=polarisations, **options))
    except InvalidArgumentError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
