"""How many requests and bytes it takes: counted by the proxies, never timed."""

from __future__ import annotations

import shutil
import zipfile

import numpy as np
import pytest
import xarray as xr
from xarray.testing import assert_identical

from tests.archive.remote.support import strip_tables
from tests.formats.jp2.support import Shape, coast, even, header, swath_edge
from xarray_safe import runtime
from xarray_safe.archive.remote.fetch import Fetcher
from xarray_safe.formats.jp2.header import ImageFile
from xarray_safe.formats.jp2.index.search import TileSearch
from xarray_safe.formats.jp2.index.tile_index import WHOLE
from xarray_safe.sample import write
from xarray_safe.sample.sentinel2.product import pack

MB = 1_000_000
R10 = "measurements/reflectance/r10m"


@pytest.fixture(scope="module")
def long_strip(served, tmp_path_factory):
    """A product whose `MTD_DS.xml` has 3 MB, and its zip, on the same servers."""
    place = served.folder.parent
    folder = write(place, level="L2A", size=72, datastrip_mb=3, tile="33UVP")
    pack(folder, folder.with_name(f"{folder.name}.zip"), compressed=False)
    return folder


def served_url(site, way, name):
    """URL, options and proxy of another product on the same servers."""
    url, options, proxy = site.url(way)
    return url.replace(site.name, name), options, proxy


@pytest.mark.parametrize(("way", "most"), [("s3 folder", 8), ("http folder", 7), ("http zip", 6), ("s3 zip", 6)])
def test_a_tree_takes_few_requests(site, long_strip, way, most):
    url, options, proxy = served_url(site, way, long_strip.name)
    tree = xr.open_datatree(url, engine="safe", storage_options=options)
    assert len(proxy.log) <= most
    assert proxy.bytes < 3 * MB
    assert not any(".jp2" in entry.path for entry in proxy.log)
    assert {entry.method for entry in proxy.log} == {"GET"}
    local = xr.open_datatree(long_strip, engine="safe")
    assert_identical(
        tree.map_over_datasets(lambda data: data.drop_vars(data.data_vars)),
        local.map_over_datasets(lambda data: data.drop_vars(data.data_vars)),
    )


def test_a_tree_takes_three_round_trips(site, long_strip, monkeypatch):
    """One for manifest and listing; what they lead to is one batch: two round trips at four connections."""
    batches = []
    fetch = Fetcher._all
    monkeypatch.setattr(
        Fetcher, "_all", lambda self, spans, limit: (batches.append(len(spans)), fetch(self, spans, limit))[1]
    )
    url, options, proxy = served_url(site, "s3 folder", long_strip.name)
    xr.open_datatree(url, engine="safe", storage_options=options)
    single = len(proxy.log) - sum(batches) - 1  # the listing comes together with the manifest
    assert single + sum(-(-count // 4) for count in batches) <= 3


def test_one_group_reads_no_meteorology_of_others(site):
    url, options, proxy = site.url("s3 folder")
    xr.open_dataset(url, engine="safe", group="quality/mask/r10m", storage_options=options)
    assert not any("AUX_" in entry.path for entry in proxy.log)


@pytest.fixture(scope="module")
def large(served):
    """A product whose 10 m bands are too large to be read whole, with and without tables of tiles, and its zip."""
    folder = write(served.folder.parent, level="L2A", size=1098, tile="33UUP")
    pack(folder, folder.with_name(f"{folder.name}.zip"), compressed=False)
    plain = shutil.copytree(folder, folder.with_name("without.SAFE"))
    strip_tables(plain)
    return {"with": folder, "without": plain}


@pytest.fixture(scope="module")
def pixels(large):
    """Bands of the large product."""
    tree = xr.open_datatree(large["with"], engine="safe", mask_and_scale=False)
    return tree[R10].to_dataset()[["b02", "b03"]].load()


def opened(site, way, folder, **options):
    url, storage_options, proxy = served_url(site, way, folder.name)
    tree = xr.open_datatree(url, engine="safe", storage_options=storage_options, mask_and_scale=False, **options)
    proxy.reset()
    return tree[R10], proxy


@pytest.mark.parametrize("way", ["s3 folder", "http folder", "http zip"])
def test_a_chunk_is_one_range_and_the_header(site, large, pixels, way):
    group, proxy = opened(site, way, large["with"])
    for band in ("b02", "b03"):
        proxy.reset()
        tile = group[band][384:768, 384:768].load()
        assert_identical(tile, pixels[band][384:768, 384:768])
        assert len(proxy.log) == 2
        assert proxy.bytes <= 1.1 * max(entry.bytes for entry in proxy.log)
    proxy.reset()
    assert_identical(group["b02"][:384].load(), pixels["b02"][:384])
    assert len(proxy.log) == 1, "tiles in a row come together"


def test_a_chunk_without_a_table(site, large, pixels):
    counts = []
    group, proxy = opened(site, "s3 folder", large["without"])
    for band in ("b02", "b03"):
        proxy.reset()
        tile = group[band][768:, 768:].load()
        assert_identical(tile, pixels[band][768:, 768:])
        counts.append(len(proxy.log))
    assert counts[0] <= 12
    assert counts[1] <= counts[0]


@pytest.mark.parametrize("kind", ["with", "without"])
def test_a_whole_band_is_moved_once(site, large, pixels, kind):
    group, proxy = opened(site, "http folder", large[kind])
    assert_identical(group["b02"].load(), pixels["b02"])
    size = next(large[kind].glob("GRANULE/*/IMG_DATA/R10m/*_B02_10m.jp2")).stat().st_size
    assert proxy.bytes <= 1.1 * size + 10_000


@pytest.mark.parametrize("kind", ["with", "without"])
def test_an_overview_moves_a_part(site, large, kind):
    group, proxy = opened(site, "s3 folder", large[kind], overview=3)
    local = xr.open_datatree(large[kind], engine="safe", mask_and_scale=False, overview=3)[R10]
    assert_identical(group["b02"].load(), local["b02"].load())
    size = next(large[kind].glob("GRANULE/*/IMG_DATA/R10m/*_B02_10m.jp2")).stat().st_size
    assert proxy.bytes < size / 2


@pytest.mark.parametrize(
    ("lengths", "rounds", "most"),
    [(even, 40, 2), (lambda seed: even(seed, 0.3), 48, 4), (coast, 70, 4), (swath_edge, 48, 4)],
    ids=["even", "uneven", "coast", "swath edge"],
)
def test_the_search_at_full_size(lengths, rounds, most):
    """The structure of a real band of 110 MB: 121 tiles, none of them in a table."""
    for seed in range(3):
        for tile in (0, 1, 12, 40, 60, 77, 110, 119, 120):
            far = Shape(lengths(seed))
            TileSearch(header(10980, 1024), far.size()).locate(ImageFile(far, "b"), tile)
            assert far.rounds + 2 <= 12, "the header before, the tile itself after"
        far = Shape(lengths(seed))
        places = TileSearch(header(10980, 1024), far.size())
        places.walk(ImageFile(far, "b"), 120, 8704, lambda tile, place, data: 5200)
        assert far.rounds + 1 <= rounds
        assert far.bytes + 4096 <= most * MB


def test_small_images_take_one_request(site, tree):
    remote = site.open("s3 folder")
    site.s3.reset()
    path = "conditions/mask/detector_footprint/r10m/b02"
    assert_identical(remote[path].load(), tree[path].load())
    assert len(site.s3.log) == 1
    assert site.s3.bytes <= WHOLE


@pytest.mark.parametrize(("kind", "least"), [("with", 2), ("without", 3)])
def test_an_index_is_kept_for_the_next_session(site, large, pixels, kept, kind, least):
    counts = []
    for _ in range(2):
        runtime.reset()
        group, proxy = opened(site, "s3 folder", large[kind])
        assert_identical(group["b02"][400:500, 400:500].load(), pixels["b02"][400:500, 400:500])
        counts.append(len(proxy.log))
    assert counts[0] >= least
    assert counts[1] == 1
    (index,) = kept.glob("*.index")
    assert index.stat().st_size < 4000


def test_an_index_of_another_file_is_not_believed(site, large, pixels, kept):
    """Here not even size and manifest tell that the file is another one."""
    folder = shutil.copytree(large["without"], large["without"].with_name("changing.SAFE"))
    images = {band: next(folder.glob(f"GRANULE/*/IMG_DATA/R10m/*_{band}_10m.jp2")) for band in ("B02", "B03")}
    content = {band: path.read_bytes() for band, path in images.items()}
    size = max(map(len, content.values()))
    tell_size(folder, images["B02"], size)
    for band in ("B02", "B03"):
        images["B02"].write_bytes(content[band].ljust(size, b"\0"))
        runtime.reset()
        group, _ = opened(site, "http folder", folder)
        assert_identical(
            group["b02"][384:768, 384:768].load().variable, pixels[band.lower()][384:768, 384:768].variable
        ) if band == "B02" else np.testing.assert_array_equal(
            group["b02"][384:768, 384:768].values, pixels["b03"][384:768, 384:768].values
        )


def tell_size(folder, image, size):
    """Let the manifest give another size."""
    manifest = folder / "manifest.safe"
    text = manifest.read_text(encoding="utf-8")
    at = text.index(image.relative_to(folder).as_posix())
    start = text.rindex('size="', 0, at) + 6
    manifest.write_text(text[:start] + str(size) + text[text.index('"', start) :], encoding="utf-8")


def test_a_damaged_index_is_made_anew(site, large, pixels, kept):
    for _ in range(2):
        runtime.reset()
        group, _ = opened(site, "s3 folder", large["without"])
        assert group["b02"][700, 700].values == pixels["b02"][700, 700].values
        for path in kept.glob("*.index"):
            path.write_bytes(b"nonsense")


def test_neighbours_of_a_zip_come_together(site):
    url, options, proxy = site.url("http zip")
    xr.open_datatree(url, engine="safe", storage_options=options)
    with zipfile.ZipFile(f"{site.folder}.zip") as file:
        metadata = [info for info in file.infolist() if info.filename.endswith(("MTD_MSIL2A.xml", "manifest.safe"))]
    spans = [tuple(map(int, entry.range[6:].split("-"))) for entry in proxy.log if entry.range[6] != "-"]
    assert any(all(first <= info.header_offset <= last for info in metadata) for first, last in spans)


def test_connections_are_bounded(site, tree):
    opened = site.open("s3 folder", chunks={})
    site.s3.reset()
    site.s3.faults.latency = 0.02
    names = ["b02", "b03", "b04", "b08"]
    loaded = opened[R10].to_dataset()[names].compute(scheduler="threads", num_workers=8)
    assert_identical(loaded, tree[R10].to_dataset()[names].compute())
    assert site.s3.peak <= 4


def test_progress_is_for_dask_to_show(site, capsys):
    site.open("http zip", chunks={})[f"{R10}/b02"].compute()
    assert capsys.readouterr() == ("", "")
