"""Products that are not whole, and manifests that are not the whole truth: the same tree through every door."""

from __future__ import annotations

import re
import shutil
import time
import warnings

import pytest
import xarray as xr
from xarray.testing import assert_identical

from tests.archive.remote.support import item_of
from xarray_safe.errors import MissingFileError, SafeWarning

R10 = "measurements/reflectance/r10m"


def elsewhere(text):
    """A manifest with paths of the machine that wrote it."""
    return re.sub(r'href="\./((?:GRANULE|DATASTRIP)/)', r'href="/dpc/app/.S2B_OPER_MSI_L2A_TL_EPA_/\1', text)


def unlisted(text):
    """A manifest that does not name probabilities and meteorology."""
    pattern = r"<dataObject [^>]*>(?:(?!</dataObject>).)*(?:PRB_20m|AUX_DATA).*?</dataObject>"
    return re.sub(pattern, "", text, flags=re.DOTALL)


MANIFESTS = {"elsewhere": elsewhere, "unlisted": unlisted, "absent": None, "empty": lambda text: ""}


@pytest.fixture(scope="module", params=[*MANIFESTS, "no R60m"])
def odd(request, served):
    kind = request.param
    folder = shutil.copytree(served.folder, served.folder.with_name(f"odd-{kind.replace(' ', '-')}.SAFE"))
    path = folder / "manifest.safe"
    if kind == "no R60m":
        shutil.rmtree(next(folder.rglob("R60m")))
    elif MANIFESTS[kind] is None:
        path.unlink()
    else:
        path.write_text(MANIFESTS[kind](path.read_text()))
    time.sleep(1.1)  # so long rclone remembers what there is
    yield folder
    shutil.rmtree(folder)


def said(thing, **options):
    """A tree, and what was warned of, without the product's place."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tree = xr.open_datatree(thing, engine="safe", **options)
    return tree, [str(one.message).partition(".SAFE: ")[2] for one in caught if one.category is SafeWarning]


@pytest.mark.parametrize("door", ["s3", "item"])
def test_the_same_from_a_store_that_lists(site, odd, door):
    url = site.url("s3 folder")[0].replace(site.name, odd.name)
    local, here = said(odd)
    remote, there = said(item_of(odd, url) if door == "item" else url, storage_options=site.s3_options)
    assert remote.groups == local.groups
    assert there == here
    assert len(there) <= 1
    for group in (R10, "conditions"):
        assert_identical(remote[group].load(), local[group].load())


def test_what_is_not_there_is_told_when_it_is_read(site, served):
    """A web server does not list."""
    folder = shutil.copytree(served.folder, served.folder.with_name("half.SAFE"))
    next(folder.rglob("*_B02_10m.jp2")).unlink()
    try:
        url = site.url("http folder")[0].replace(site.name, folder.name)
        tree = xr.open_datatree(url, engine="safe")
        with pytest.raises(MissingFileError, match=r"_B02_10m\.jp2"):
            tree[f"{R10}/b02"].load()
        assert tree[f"{R10}/b03"].load().notnull().any()
    finally:
        shutil.rmtree(folder)


def test_a_size_that_is_not_the_one_in_the_manifest(site, served, tree):
    folder = shutil.copytree(served.folder, served.folder.with_name("sizes.SAFE"))
    path = folder / "manifest.safe"
    tile = next(folder.rglob("MTD_TL.xml")).stat().st_size
    text = path.read_text().replace(f'size="{tile}"', f'size="{tile - 7}"')
    image = next(folder.rglob("*_B03_10m.jp2")).stat().st_size
    path.write_text(text.replace(f'size="{image}"', f'size="{image + 7}"'))
    try:
        url = site.url("http folder")[0].replace(site.name, folder.name)
        with pytest.warns(SafeWarning, match=rf"MTD_TL\.xml has {tile} bytes by the server"):
            found = xr.open_datatree(url, engine="safe")
        assert_identical(found["conditions/geometry"].load(), tree["conditions/geometry"].load())
        with pytest.warns(SafeWarning, match=rf"_B03_10m\.jp2 has {image} bytes by the server"):
            pixels = found[f"{R10}/b03"].load()
        assert_identical(pixels, tree[f"{R10}/b03"].load())
    finally:
        shutil.rmtree(folder)
