"""The bearer token goes to the hosts on the list, and to no other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.access.support import Connect, Sample, endpoints
from tests.servers.recorder import Recorder
from xarray_safe.access import AccessError, LoginFailedError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.cdse import Cdse


def test_a_redirect_to_an_allowed_host_keeps_the_token(
    cdse: Cdse, connect: Connect, sample: Sample, tmp_path: Path
) -> None:
    assert connect().download(sample.name, tmp_path).read_bytes() == sample.data
    assert cdse.refused == 0


def test_a_redirect_to_a_foreign_host_loses_the_token(
    cdse: Cdse, connect: Connect, sample: Sample, tmp_path: Path
) -> None:
    with Recorder(sample.data) as foreign:
        cdse.redirect = foreign.url
        connect().download(sample.name, tmp_path)
        (received,) = foreign.received
    assert "authorization" not in received.headers
    assert "cookie" not in received.headers
    everything = repr(received)
    assert cdse.secrets
    assert not any(secret in everything for secret in cdse.secrets)


def test_a_token_that_was_dropped_does_not_come_back(cdse: Cdse, connect: Connect) -> None:
    home = f"{cdse.url}/private"
    with Recorder(status=302, headers={"Location": home}) as foreign:
        cdse.redirect = foreign.url
        client = connect()
        with pytest.raises(LoginFailedError, match="does not accept the token"):
            client.request("GET", f"{cdse.url}/odata/v1/Products(1)/$value")
    assert len(foreign.received) == cdse.refused == 2
    assert all("authorization" not in received.headers for received in foreign.received)


def test_a_foreign_host_asked_directly_gets_no_token(cdse: Cdse, connect: Connect) -> None:
    with Recorder() as foreign:
        connect().request("GET", f"{foreign.url}/data").close()
        (received,) = foreign.received
    assert cdse.logins == 1
    assert "authorization" not in received.headers


def test_a_foreign_host_gets_no_token_for_its_401(cdse: Cdse, connect: Connect) -> None:
    with Recorder(status=401, headers={"WWW_Authenticate": "Bearer"}) as foreign:
        with connect().request("GET", foreign.url) as response:
            assert response.status_code == 401
        assert len(foreign.received) == 1
    assert cdse.refreshes == 0


def test_netrc_is_not_sent_to_hosts_by_itself(
    cdse: Cdse, connect: Connect, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login some password one\nmachine localhost login some password one\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    with Recorder(sample.data) as foreign, Recorder(b"<html>") as search:
        cdse.redirect = foreign.url
        place = replace(endpoints(cdse), stac=search.url)
        client = connect(endpoints=place)
        client.download(sample.name, tmp_path)
        client.request("GET", foreign.url).close()
        with pytest.raises(AccessError):
            client.search("sentinel-2-l2a")
        received = foreign.received + search.received
    assert len(received) >= 3
    assert all("authorization" not in one.headers for one in received)
