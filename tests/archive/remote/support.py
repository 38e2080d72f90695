"""What tests of remote reading share: the login of the store, images without tables of tiles, STAC items."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "secret of the store"


def strip_tables(folder: Path) -> None:
    """Make the tables of tile lengths of all images comments, as if they had never been there."""
    for path in folder.glob("GRANULE/*/IMG_DATA/**/*.jp2"):
        data = path.read_bytes()
        at = data.find(b"\xff\x55", 0, 4000)
        if at >= 0:
            path.write_bytes(data[:at] + b"\xff\x64" + data[at + 2 :])


def item_of(folder: Path, url: str, extra: tuple[str, ...] = ()) -> dict[str, object]:
    """Give a STAC item of a product on a server: its files, and others that are not there."""
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    names = {**sizes, **dict.fromkeys(extra, 7)}
    assets = {name: {"href": f"{url}/{name}", "file:size": size} for name, size in names.items()}
    return {"type": "Feature", "stac_version": "1.1.0", "id": folder.stem, "assets": assets}


def item(site, **links):
    """A STAC item as the Copernicus Data Space has it."""
    assets = {}
    for path in sorted(path for path in site.folder.rglob("*") if path.is_file()):
        name = path.relative_to(site.folder).as_posix()
        assets[name] = {
            "href": f"s3://eodata/Sentinel-2/{site.name}/{name}",
            "file:size": path.stat().st_size,
            "alternate": {"https": {"href": f"{site.http.url}/eodata/Sentinel-2/{site.name}/{name}"}},
        }
    return {"type": "Feature", "stac_version": "1.1.0", "id": site.folder.stem, "assets": assets, **links}


class Zipped:
    """A zip that gives ranges of its bytes, and nothing else."""

    def __init__(self, path):
        self.url, self.data = "my store/x.zip", path.read_bytes()
        self.size = len(self.data)

    def read(self, start, stop):
        return self.data[start:stop]
