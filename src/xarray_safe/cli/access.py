"""Commands to find and download products: ``xarray-safe login``, ``find``, ``download``, ``size``.

This file imports nothing of the extra ``[access]``, so that ``xarray-safe --help`` is fast and works without it.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from xarray_safe.access.odata import ProductInfo

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)

Username = Annotated[str | None, typer.Option("--user", "-u", help="User name (e-mail); else CDSE_USERNAME, ~/.netrc.")]
Totp = Annotated[str | None, typer.Option(help="Code of the second factor, where the account has one.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(epilog="Example: xarray-safe login --user me@example.org")
def login(
    user: Username = None,
    totp: Totp = None,
    out: Annotated[bool, typer.Option("--out", help="Log out instead: end the session and delete its token.")] = False,
) -> None:
    """Log in to the Copernicus Data Space, once for all processes of this machine.

    The password comes from CDSE_PASSWORD, ~/.netrc, or is asked for; it is not stored. The token is, in a file that
    only you can read; an unused login expires after an hour.
    """
    from xarray_safe.access import CDSE

    cdse = CDSE(user, totp=totp)
    if out:
        cdse.logout()
        typer.echo("Logged out.")
    else:
        typer.echo(f"Logged in as {cdse.login()}.")


@app.command(epilog="Example: xarray-safe find -c sentinel-2-l2a --bbox 11,46,12,47 --time 2025-05 --clouds 20")
def find(
    name: Annotated[
        str | None, typer.Argument(help="A product's name, with or without .SAFE.", show_default=False)
    ] = None,
    collection: Annotated[str | None, typer.Option("--collection", "-c", help="Search this one instead.")] = None,
    bbox: Annotated[str | None, typer.Option(help="west,south,east,north in degrees.")] = None,
    time: Annotated[str | None, typer.Option(help="An instant, a month, or an interval 2025-05-01/2025-05-31.")] = None,
    clouds: Annotated[float | None, typer.Option(help="Maximum cloud cover in percent.")] = None,
    limit: Annotated[int, typer.Option(help="Maximum number of products.")] = 20,
    stac: Annotated[bool, typer.Option("--stac", help="Find the name through STAC instead of OData.")] = False,
    as_json: Json = False,
) -> None:
    """Find a product by name, or search a collection by place, time and clouds. Needs no login."""
    if (name is None) == (collection is None):
        raise typer.BadParameter("Give either a product's name or --collection.")
    box = _box(bbox)
    from xarray_safe.access import CDSE

    cdse = CDSE()
    if name is not None:
        found = [cdse.find(name, via="stac" if stac else "odata")]
    else:
        assert collection is not None
        found = cdse.search(collection, bbox=box, datetime=time, cloud_cover=clouds, limit=limit)
    if as_json:
        entries = [{**asdict(info), "url": info.url} for info in found]
        typer.echo(json.dumps(entries if name is None else entries[0], indent=2))
        return
    for info in found:
        typer.echo(_block(info) if name is not None else _line(info))


@app.command(
    epilog="Example: xarray-safe download S2A_MSIL2A_20250503T103701_N0511_R008_T32UNE_20250503T173316 -o data"
)
def download(
    names: Annotated[list[str], typer.Argument(help="Names of products.", show_default=False)],
    folder: Annotated[Path, typer.Option("--output", "-o", help="Folder to put them in.")] = Path(),
    user: Username = None,
    totp: Totp = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, even in a terminal.")] = False,
) -> None:
    """Download products as zips, as published, verified; print their paths. Interrupted downloads resume."""
    from xarray_safe.access import CDSE

    cdse = CDSE(user, totp=totp)
    for name in names:
        typer.echo(cdse.download(name, folder, progress=False if quiet else None))


@app.command(
    epilog="Example: xarray-safe size S2A_MSIL2A_20250503T103701_N0511_R008_T32UNE_20250503T173316 product.zarr"
)
def size(
    places: Annotated[
        list[str], typer.Argument(help="Names of products, paths, s3:// or https://.", show_default=False)
    ],
    as_json: Json = False,
) -> None:
    """Print the sizes of products without downloading them; of a name, those of its SAFE and its Zarr."""
    sizes = [entry for place in places for entry in _sizes(place)]
    if as_json:
        typer.echo(
            json.dumps([{"place": place, "format": form, "bytes": count} for place, form, count in sizes], indent=2)
        )
        return
    for place, form, count in sizes:
        typer.echo(f"{count:>14,} {form:<5} {place}" if count is not None else f"{'not found':>14} {form:<5} {place}")


def _sizes(place: str) -> list[tuple[str, str, int | None]]:
    if "/" in place or "\\" in place or Path(place).exists():
        return [(place, "Zarr" if ".zarr" in place.lower() else "SAFE", _size_at(place))]
    from xarray_safe.access import CDSE, SampleService, UnknownProductError

    found: list[tuple[str, str, int | None]] = [(place, "SAFE", CDSE().size(place))]
    try:
        found.append((place, "Zarr", SampleService().size(place)))
    except UnknownProductError:
        found.append((place, "Zarr", None))
    return found


def _size_at(place: str) -> int:
    """Size of the product at a path or URL; only the Data Space's own store needs a login, and its client."""
    from xarray_safe.access import size

    if not place.startswith("s3://eodata/"):
        return size(place, {"anon": True})
    from xarray_safe.access import CDSE

    return size(place, CDSE().storage_options())


def _box(text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text}: give west,south,east,north in degrees.", param_hint="--bbox") from None


def _block(info: ProductInfo) -> str:
    sums = ", ".join(f"{method} {value}" for method, value in info.checksums.items())
    lines = {
        "name": info.name,
        "id": info.id,
        "url": info.url,
        "size": None if info.size is None else f"{info.size:,} bytes",
        "checksum": sums,
        "online": {True: "yes", False: "no, it must be ordered", None: None}[info.online],
        "sensing": info.sensing,
        "clouds": None if info.cloud_cover is None else f"{info.cloud_cover:.1f} %",
    }
    return "\n".join(f"{key:<9} {value}" for key, value in lines.items() if value)


def _line(info: ProductInfo) -> str:
    clouds = "" if info.cloud_cover is None else f"{info.cloud_cover:5.1f} %"
    return f"{info.name}  {clouds:>7}"
