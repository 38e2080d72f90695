"""The one reading of a URL on which credentials depend: what it accepts, every library reads alike."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xarray_safe.archive.remote.auth import Credentials
from xarray_safe.errors import InvalidArgumentError
from xarray_safe.net.trust import HostAllowList, Origin, plain_origin

PORTS = {"http": 80, "https": 443}


@settings(deadline=None)
@given(
    st.sampled_from(["http://", "https://", "HTTPS://", "https:/", "https:///", " https://"]),
    st.text("aZ1.-_:[]@\\/?#% \t\né", max_size=20),
)
@example("https://", "evil.org\\@good.org/")
@example("https://", "good.org:443@evil.org/")
@example("https://", "[::1]:8443/x")
def test_libraries_agree_on_what_is_accepted(start: str, text: str) -> None:
    urllib3 = pytest.importorskip("urllib3.util")
    yarl = pytest.importorskip("yarl")
    url = start + text
    found = plain_origin(url)
    if found is None:
        return
    one = urlsplit(url)
    assert (one.scheme, one.hostname, one.port or PORTS[one.scheme]) == found
    assert "@" not in one.netloc
    two = urllib3.parse_url(url)
    assert (two.scheme, (two.host or "").strip("[]").lower(), two.port or PORTS[two.scheme or ""]) == found
    try:
        three = yarl.URL(url)
    except ValueError:
        return  # it is not asked at all
    assert (three.scheme, (three.host or "").lower(), three.port) == found


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://H.example/a", Origin("https", "h.example", 443)),
        ("http://127.0.0.1:81", Origin("http", "127.0.0.1", 81)),
        ("https://[::1]:8443/x", Origin("https", "::1", 8443)),
        ("https://h?a@b", Origin("https", "h", 443)),
        ("https://u@h/", None),
        ("https://h:/", None),
        ("https://h:0/", None),
        ("https://h:65536/", None),
        ("https://h\\@g/", None),
        ("https://h%2e/", None),
        ("https://h\n/", None),
        ("ftp://h/", None),
        ("", None),
    ],
)
def test_plain_origin(url: str, found: Origin | None) -> None:
    assert plain_origin(url) == found


@pytest.mark.parametrize(
    ("listed", "url", "allowed"),
    [
        ("https://h:*", "https://h:8443/", True),
        ("https://h", "https://h:8443/", False),
        ("https://h:8443/path", "https://h:8443/other", True),
        ("https://*.h:*", "https://a.b.h:1/", True),
        ("https://*.h", "https://h/", False),
        ("http://127.0.0.1:81", "http://127.0.0.1:81/x", True),
        ("http://127.0.0.1:81", "http://127.0.0.1/x", False),
        ("https://h", "http://h/", False),
    ],
)
def test_the_list(listed: str, url: str, allowed: bool) -> None:
    assert HostAllowList((listed,)).allows(url) is allowed


@pytest.mark.parametrize(
    ("home", "url", "trusted", "expected"),
    [
        ("https://h/a", "https://x@h/b", (), False),  # a user of its own
        ("https://u:p@h/a", "https://u:p@h/b", (), True),
        ("https://u:p@h/a", "https://u:p@evil/b", (), False),
        ("https://h/a", "https://h\\@evil/b", (), False),
        ("https://h/a", "https://evil\\@h/b", (), False),
        ("https://h/a", "https://h:8443/b", ("h",), True),
        ("http://h/a", "http://g/b", ("g",), False),  # unencrypted, and not where they were given for
        ("http://h/a", "http://h/b", (), True),
        ("http://h/a", "https://g/b", ("g",), True),
        ("http://127.0.0.1:1/a", "http://localhost:2/b", ("localhost",), True),
        ("https://h/a", "http://localhost:2/b", ("localhost",), False),
        ("https://stac.dataspace.copernicus.eu/i", "https://download.dataspace.copernicus.eu:8443/b", (), False),
        ("https://stac.dataspace.copernicus.eu/i", "https://evil\\@download.dataspace.copernicus.eu/b", (), False),
    ],
)
def test_storage_options_follow_the_same_rule(home: str, url: str, trusted: tuple[str, ...], expected: bool) -> None:
    assert Credentials(home, {"token": "t", "trusted_hosts": trusted}).is_trusted(url) is expected


@pytest.mark.parametrize("name", ["https://h", "h/x", "a b", "h?x", "", "u@h"])
def test_trusted_hosts_are_names(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="trusted_hosts"):
        Credentials("https://h/a", {"trusted_hosts": [name]})
