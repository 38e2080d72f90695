"""Finding products: by name through OData and STAC, by place, time and clouds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.access.support import FOLDER, ID, Connect, Sample, collection, endpoints, item
from tests.servers.cdse import Cdse, Listed
from tests.servers.programs import rustac
from tests.servers.proxy import Proxy
from tests.servers.recorder import Recorder
from xarray_safe.access import AccessError, ServerFailedError, UnknownProductError
from xarray_safe.access.odata import product_name
from xarray_safe.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.background import Program


@pytest.fixture(scope="module")
def stac(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    name = sample.name.removesuffix(".SAFE")
    items = [
        item(name, clouds=5.5, time="2024-11-15T09:42:59Z", west=9, md5=sample.md5),
        item(
            "S2A_MSIL2A_20241118T094259_N0511_R122_T32TQM_20241118T123642",
            clouds=80,
            time="2024-11-18T09:42:59Z",
            west=9,
        ),
        item(
            "S2A_MSIL2A_20241201T094259_N0511_R122_T32TRM_20241201T123642",
            clouds=None,
            time="2024-12-01T09:42:59Z",
            west=20,
        ),
    ]
    with rustac(tmp_path_factory.mktemp("stac"), [collection("sentinel-2-l2a")], items) as server:
        yield server


@pytest.mark.parametrize(
    "form", ["{}", "{}.SAFE", "{}.SAFE.zip", "{}.zarr", "{}.zip", "https://x/y:z/{}.zarr/", " a\\b\\{}.SAFE\n"]
)
def test_find_by_name(connect: Connect, sample: Sample, form: str) -> None:
    found = connect(username=None, password=None).find(form.format(sample.name.removesuffix(".SAFE")))
    assert found.name == sample.name
    assert (found.id, found.size, found.online) == (ID, len(sample.data), True)
    assert found.checksums == {"MD5": sample.md5}
    assert found.url == f"s3:/{FOLDER}/{sample.name}"
    assert found.sensing == "2024-11-15T09:42:59.024Z"


def test_size_and_url_by_name(cdse: Cdse, connect: Connect, sample: Sample) -> None:
    assert connect().size(sample.name) == len(sample.data)
    assert connect().url(sample.name) == f"s3:/{FOLDER}/{sample.name}"
    cdse.products[0].size = 0
    with pytest.raises(AccessError, match="does not know the size"):
        connect().size(sample.name)
    assert cdse.logins == 0


def test_of_two_of_a_name_the_one_that_can_be_had_is_taken(cdse: Cdse, connect: Connect, sample: Sample) -> None:
    cdse.products += [
        Listed(sample.name, sample.path, id="11111111-1111", online=False, published="2026-01-01T00:00:00Z"),
        Listed(sample.name, sample.path, id="22222222-2222", published="2025-12-01T00:00:00Z"),
    ]
    assert connect().find(sample.name).id == "22222222-2222"


def test_an_unknown_product_with_a_successor(connect: Connect, sample: Sample) -> None:
    with pytest.raises(UnknownProductError, match=f"reprocessed; there is {sample.name}"):
        connect().find(sample.name.replace("_N0511_", "_N0400_"))
    with pytest.raises(UnknownProductError, match="Nor has it another version"):
        connect().find(sample.name.replace("2024", "2019"))
    with pytest.raises(LookupError, match="Check the name"):
        connect().find("S1A_IW_GRDH_1SDV_20250806T104642")


@pytest.mark.parametrize("name", ["", "S2A", "S2A' or Name ne '", "S2A_MSIL2A_ä", "x" * 300, "..", "/", "a b c d e f"])
def test_names_that_are_none(cdse: Cdse, connect: Connect, name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="not the name of a product"):
        connect().find(name)
    assert cdse.seen == []


def test_an_eopf_name_is_explained(connect: Connect) -> None:
    with pytest.raises(InvalidArgumentError, match="EOPF name"):
        connect().find("S02MSIL2A_20241115T100159_0000_B122_TBAA.zarr")


@given(st.text("aZ09_.-/\\' ()=%ä²\n", max_size=60))
def test_names_hold_nothing_that_could_change_the_question(text: str) -> None:
    try:
        name = product_name(text)
    except InvalidArgumentError:
        return
    assert name.replace("_", "").replace(".", "").replace("-", "").isalnum()
    assert name.isascii()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"<html>", ServerFailedError),
        (200, b"[]", ServerFailedError),
        (200, b'{"value": 1}', ServerFailedError),
        (200, b'{"value": [1]}', ServerFailedError),
        (200, b'{"value": [{"Name": "X_MSIL2A.SAFE"}]}', ServerFailedError),
        (200, b'{"value": [{"Name": "../x.SAFE", "Id": "11111111", "S3Path": "/eodata/x"}]}', ServerFailedError),
        (200, b'{"value": [{"Name": "X_MSIL2A.SAFE", "Id": "../../../x", "S3Path": "/eodata/x"}]}', ServerFailedError),
        (
            200,
            b'{"value": [{"Name": "X_MSIL2A.SAFE", "Id": "11111111", "S3Path": "/eodata/x", "Checksum": 5}]}',
            ServerFailedError,
        ),
        (400, b'{"detail": {"message": "Invalid filter"}}', AccessError),
        (404, b"", AccessError),
    ],
)
def test_a_catalogue_that_answers_nonsense(
    connect: Connect, cdse: Cdse, status: int, body: bytes, kind: type[Exception]
) -> None:
    with Recorder(body, status) as server, pytest.raises(kind, match=r"catalogue|127\.0\.0\.1"):
        connect(endpoints=replace(endpoints(cdse), odata=server.url)).find("X_MSIL2A")


def test_a_catalogue_that_fails_for_a_moment(cdse: Cdse, connect: Connect, sample: Sample) -> None:
    with Proxy(cdse.url) as proxy:
        client = connect(endpoints=replace(endpoints(cdse), odata=f"{proxy.url}/odata/v1"))
        proxy.faults.statuses, proxy.faults.retry_after = [503, 429], "0"
        proxy.faults.cuts = [20]
        assert client.find(sample.name).id == ID
        proxy.faults.statuses = [503] * 9
        with pytest.raises(ServerFailedError, match="failed 3 times"):
            client.find(sample.name)


def test_nobody_there(connect: Connect, cdse: Cdse) -> None:
    with pytest.raises(ServerFailedError, match="cannot be reached"):
        connect(endpoints=replace(endpoints(cdse), odata="http://127.0.0.1:1")).find("S2A_MSIL2A_x")


def test_find_through_stac(cdse: Cdse, connect: Connect, sample: Sample, stac: Program) -> None:
    client = connect(endpoints=replace(endpoints(cdse), stac=stac.url))
    found, other = client.find(sample.name, via="stac"), client.find(sample.name)
    assert (found.name, found.id, found.s3_path, found.checksums) == (
        other.name,
        other.id,
        other.s3_path,
        other.checksums,
    )
    assert (found.size, found.cloud_cover) == (1234, 5.5)
    with pytest.raises(UnknownProductError):
        client.find(sample.name.replace("2024", "2019"), via="stac")
    with pytest.raises(InvalidArgumentError, match="odata"):
        client.find(sample.name, via="opensearch")


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 3),
        ({"limit": 2}, 2),
        ({"cloud_cover": 20}, 1),
        ({"cloud_cover": 100}, 2),
        ({"bbox": (9.2, 47.2, 9.3, 47.3)}, 2),
        ({"bbox": (50, 0, 51, 1)}, 0),
        ({"intersects": {"type": "Point", "coordinates": [20.5, 47.5]}}, 1),
        ({"datetime": "2024-11"}, 2),
        ({"datetime": "2024-11-16/2024-11-30"}, 1),
        ({"datetime": "2024-11", "bbox": (9, 47, 10, 48), "cloud_cover": 50}, 1),
    ],
)
def test_search(cdse: Cdse, connect: Connect, stac: Program, options: dict[str, object], count: int) -> None:
    found = connect(endpoints=replace(endpoints(cdse), stac=stac.url)).search("sentinel-2-l2a", **options)  # type: ignore[arg-type]
    assert len(found) == count
    assert all(info.url.startswith(f"s3:/{FOLDER}/S2A_MSIL2A_") for info in found)
    assert cdse.logins == 0


@pytest.mark.parametrize(
    "options",
    [
        {"bbox": (9, 47)},
        {"bbox": (9, 48, 10, 47)},
        {"datetime": "yesterday"},
        {"limit": 0},
        {"bbox": (9, 47, 10, 48), "intersects": {"type": "Point", "coordinates": [1, 2]}},
    ],
)
def test_searches_that_make_no_sense(cdse: Cdse, connect: Connect, stac: Program, options: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError):
        connect(endpoints=replace(endpoints(cdse), stac=stac.url)).search("sentinel-2-l2a", **options)  # type: ignore[arg-type]


def test_a_collection_that_is_not_there(cdse: Cdse, connect: Connect, stac: Program) -> None:
    with pytest.raises(UnknownProductError, match="it has sentinel-2-l2a"):
        connect(endpoints=replace(endpoints(cdse), stac=stac.url)).search("sentinel-2-l2b")


LANDING = {"type": "Catalog", "id": "x", "stac_version": "1.0.0", "description": "x", "links": []}
CONFORMS = [f"https://api.stacspec.org/v1.0.0/{part}" for part in ("core", "item-search", "collections")]


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("self", "does not come to an end"),
        ("file:///etc/passwd", "not in the web"),
        ("http://127.0.0.1:1/next", "cannot be reached"),
    ],
)
def test_a_catalogue_that_leads_astray(cdse: Cdse, connect: Connect, link: str, said: str) -> None:
    """Pages without end and without use, a link to a local file, a link to nowhere: an error each, and soon."""
    with Recorder() as server:
        here = f"{server.url}/search"
        links = [{"rel": "search", "href": here, "type": "application/geo+json", "method": "POST"}]
        links += [{"rel": "data", "href": f"{server.url}/collections"}]
        cloudy = item("S2A_MSIL2A_x", clouds=99, time="2024-11-15T09:42:59Z", west=1)
        following = [{"rel": "next", "href": here if link == "self" else link, "method": "GET"}]
        page = {"type": "FeatureCollection", "features": [cloudy], "links": following}
        server.content = json.dumps({**LANDING, "conformsTo": CONFORMS, "links": links}).encode()
        server.routes["/search"] = json.dumps(page).encode()
        with pytest.raises(ServerFailedError, match=said):
            connect(endpoints=replace(endpoints(cdse), stac=server.url)).search("sentinel-2-l2a", cloud_cover=10)
        assert (len(server.received) > 900) == (link == "self")
        assert len(server.received) <= 1001


@pytest.mark.parametrize(
    "assets", [{}, {"Product": {"href": "https://x/y"}}, {"B02": {"href": "s3://eodata/x/B02.jp2"}}]
)
def test_an_item_that_does_not_say_where_it_lies(
    cdse: Cdse, connect: Connect, tmp_path: Path, assets: dict[str, object]
) -> None:
    odd = {**item("S2A_MSIL2A_x", clouds=1, time="2024-11-15T09:42:59Z", west=1), "assets": assets}
    with rustac(tmp_path, [collection("sentinel-2-l2a")], [odd]) as server:
        client = connect(endpoints=replace(endpoints(cdse), stac=server.url))
        with pytest.raises(ServerFailedError, match="does not say where S2A_MSIL2A_x is stored"):
            client.find("S2A_MSIL2A_x", via="stac")
