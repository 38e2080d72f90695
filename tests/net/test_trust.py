"""Only hosts on the list may get credentials."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xarray_safe.errors import InvalidArgumentError
from xarray_safe.net.trust import HostAllowList

REAL = HostAllowList(("https://*.dataspace.copernicus.eu",))


@pytest.mark.parametrize(
    "url",
    [
        "https://download.dataspace.copernicus.eu/odata/v1/Products(1)/$value",
        "https://DOWNLOAD.Dataspace.Copernicus.EU:443/",
        "https://a.b.dataspace.copernicus.eu?x=@y",
    ],
)
def test_allowed(url: str) -> None:
    assert REAL.allows(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://download.dataspace.copernicus.eu/",
        "https://download.dataspace.copernicus.eu:8443/",
        "https://dataspace.copernicus.eu/",
        "https://evildataspace.copernicus.eu/",
        "https://download.dataspace.copernicus.eu.evil.org/",
        "https://download.dataspace.copernicus.eu@evil.org/",
        "https://evil.org\\@download.dataspace.copernicus.eu/",
        "https://evil.org\\.dataspace.copernicus.eu/",
        "https://evil.org#.dataspace.copernicus.eu/",
        "https://evil.org?.dataspace.copernicus.eu/",
        "https://evil.org/.dataspace.copernicus.eu/",
        "https://download.dataspace.copernicus.eu\n.evil.org/",
        "https://[::1].dataspace.copernicus.eu/",
        "https:download.dataspace.copernicus.eu",
        "//download.dataspace.copernicus.eu/",
        "ftp://download.dataspace.copernicus.eu/",
        "",
    ],
)
def test_not_allowed(url: str) -> None:
    assert not REAL.allows(url)


@given(st.text("abc.:/\\@#?[]%\t ", max_size=25), st.sampled_from(["", "https://", "https:/", "https://x@"]))
def test_only_hosts_on_the_list_are_allowed(text: str, start: str) -> None:
    url = f"{start}{text}.dataspace.copernicus.eu"
    if REAL.allows(url):
        assert (urlsplit(url).hostname or "").endswith(".dataspace.copernicus.eu")
        assert "@" not in urlsplit(url).netloc


@pytest.mark.parametrize("origin", ["http://example.org", "http://*.copernicus.eu", "example.org", "ftp://127.0.0.1"])
def test_a_list_cannot_have_open_hosts(origin: str) -> None:
    with pytest.raises(InvalidArgumentError, match="https only"):
        HostAllowList((origin,))
