"""The login: once, refreshed, shared by threads and processes, and never seen where it should not be."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import logging
import os
import pickle
import socket
import stat
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.access.support import PASSWORD, QUICK, USER, Connect, endpoints
from tests.servers.cdse import Cdse, User, codes
from tests.servers.proxy import Proxy
from tests.servers.recorder import Recorder
from xarray_safe.access import (
    CDSE,
    Endpoints,
    LoginFailedError,
    QuotaReachedError,
    ServerFailedError,
    TwoFactorNeededError,
)
from xarray_safe.errors import InvalidArgumentError, SafeWarning

if TYPE_CHECKING:
    from pathlib import Path

OTP = "JBSWY3DPEHPK3PXP"


def get(client: CDSE, url: str) -> int:
    with client.request("GET", url) as response:
        response.content  # to the end, so that the connection can be used again
        return response.status_code


def token_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("token-*.json"))


def test_a_thousand_requests_over_ten_lifetimes(cdse: Cdse, connect: Connect) -> None:
    cdse.life = 0.5
    client, url = connect(), f"{cdse.url}/private"
    end = time.monotonic() + 10 * cdse.life

    def work(_: int) -> set[int]:
        statuses = set()
        for number in range(250):
            statuses.add(get(client, url))
            time.sleep(max(0.0, (end - time.monotonic()) / (250 - number)))
        return statuses

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert set().union(*pool.map(work, range(4))) == {200}
    assert cdse.seen.count("/private") >= 1000
    assert cdse.logins == 1
    assert 9 <= cdse.refreshes <= 40


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "alone"])
def test_eight_threads_at_expiry_refresh_once(cdse: Cdse, connect: Connect, shared: bool) -> None:
    cdse.life = 0.3
    client = connect(keep_token=shared)
    client.login()
    cdse.life, cdse.delay = 600, 0.1
    time.sleep(0.4)
    start = threading.Barrier(8)

    def work(_: int) -> int:
        start.wait(10)
        return get(client, f"{cdse.url}/private")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(8))) == {200}
    assert (cdse.logins, cdse.refreshes) == (1, 1)


def test_a_token_that_the_server_has_ended_is_replaced_once(cdse: Cdse, connect: Connect) -> None:
    client, start = connect(), threading.Barrier(8)
    client.login()
    cdse.revoke()

    def work(_: int) -> int:
        start.wait(10)
        return get(client, f"{cdse.url}/private")

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(8))) == {200}
    assert (cdse.logins, cdse.refreshes) == (2, 1)


def test_an_expired_refresh_token_costs_one_login(cdse: Cdse, connect: Connect) -> None:
    cdse.life = cdse.refresh_life = 0.2
    client = connect()
    client.login()
    time.sleep(0.3)
    assert get(client, f"{cdse.url}/private") == 200
    assert (cdse.logins, cdse.refreshes) == (2, 0)


def test_a_server_that_refuses_fresh_tokens_is_asked_twice(cdse: Cdse, connect: Connect) -> None:
    client = connect()
    client.login()
    cdse.life = -1
    cdse.revoke()
    with pytest.raises(LoginFailedError, match="given a moment ago"):
        client.request("GET", f"{cdse.url}/private")
    assert cdse.refused == 2


_LOGIN = """
import sys
from xarray_safe.access import CDSE, Endpoints
if sys.argv[3:]:
    print("ready", flush=True)
    sys.stdin.readline()
print(CDSE(endpoints=Endpoints.at(sys.argv[1]), state_folder=sys.argv[2]).login())
"""


def test_processes_share_one_login(cdse: Cdse, tmp_path: Path) -> None:
    env = {**os.environ, "CDSE_USERNAME": USER, "CDSE_PASSWORD": PASSWORD}
    command = [sys.executable, "-c", _LOGIN, cdse.url, str(tmp_path / "state"), "wait"]
    pipe, cdse.delay = subprocess.PIPE, 0.5
    running = [subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, text=True) for _ in range(3)]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:  # all at once
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert {process.communicate(timeout=60)[0].strip() for process in running} == {USER}
    assert (cdse.logins, cdse.refreshes) == (1, 0)


def test_a_login_of_another_process_needs_no_credentials(cdse: Cdse, connect: Connect) -> None:
    connect().login()
    later = connect(username=None, password=None)
    assert later.login() == USER
    assert get(later, f"{cdse.url}/private") == 200
    assert cdse.logins == 1


def test_logins_of_two_users_do_not_mix(cdse: Cdse, connect: Connect) -> None:
    cdse.users["you@example.org"] = User("other")
    connect().login()
    assert connect(username="you@example.org", password="other").login() == "you@example.org"
    assert connect().login() == USER
    assert cdse.logins == 2


def test_the_token_file_is_private(cdse: Cdse, connect: Connect, tmp_path: Path) -> None:
    connect().login()
    (file,) = token_files(tmp_path / "state")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert PASSWORD not in file.read_text()


@pytest.mark.parametrize("harm", ["readable", "garbage", "cut", "link"])
def test_a_token_file_that_cannot_be_trusted_is_not_used(
    cdse: Cdse, connect: Connect, tmp_path: Path, harm: str
) -> None:
    connect().login()
    (file,) = token_files(tmp_path / "state")
    if harm == "readable":
        file.chmod(0o644)
    elif harm == "garbage":
        file.write_bytes(b'{"username": ["\xff')
    elif harm == "cut":
        file.write_text(json.dumps({"username": USER}))
    else:
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
    connect().login()
    assert cdse.logins == 2
    assert stat.S_IMODE(file.lstat().st_mode) == 0o600
    connect().login()
    assert cdse.logins == 2


def test_without_a_token_file_nothing_is_written_and_closing_logs_out(
    cdse: Cdse, connect: Connect, tmp_path: Path
) -> None:
    with connect(keep_token=False) as client:
        assert get(client, f"{cdse.url}/private") == 200
    assert not (tmp_path / "state").exists()
    assert (cdse.logins, cdse.logouts) == (1, 1)


def test_the_environment_switches_the_token_file_off(
    cdse: Cdse, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XARRAY_SAFE_KEEP_TOKEN", "0")
    connect().login()
    assert not (tmp_path / "state").exists()


def test_logout_forgets_the_token(cdse: Cdse, connect: Connect, tmp_path: Path) -> None:
    connect().login()
    connect(username=None, password=None).logout()
    assert cdse.logouts == 1
    assert not token_files(tmp_path / "state")
    with pytest.raises(LoginFailedError, match="CDSE_USERNAME"):
        connect(username=None, password=None).login()


def test_a_state_folder_that_cannot_be_made_is_a_warning(cdse: Cdse, connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    client = connect(state_folder=tmp_path / "file" / "state")
    with pytest.warns(SafeWarning, match="cannot be stored"):
        assert client.login() == USER
    assert get(client, f"{cdse.url}/private") == 200


def test_a_wrong_password_is_tried_once(cdse: Cdse, connect: Connect) -> None:
    client = connect(password="wrong secret")
    for _ in range(3):
        with pytest.raises(LoginFailedError, match="user name or password is wrong") as caught:
            client.login()
        assert "wrong secret" not in str(caught.value) + repr(caught.value)
    assert isinstance(caught.value, PermissionError)
    assert cdse.logins == 1


def test_a_second_factor_that_is_asked_for_is_named(cdse: Cdse, connect: Connect) -> None:
    cdse.users[USER].otp, cdse.explains = OTP, True
    with pytest.raises(TwoFactorNeededError, match="give the code as totp="):
        connect().login()
    with pytest.raises(TwoFactorNeededError, match="wrong or has expired"):
        connect(totp="000000" if "000000" not in codes(OTP) else "111111").login()


def test_a_second_factor_that_is_only_hinted_at_is_named_too(cdse: Cdse, connect: Connect) -> None:
    cdse.users[USER].otp = OTP
    with pytest.raises(LoginFailedError, match=r"two-factor authentication .*totp="):
        connect().login()


def test_a_second_factor(cdse: Cdse, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    cdse.users[USER].otp = OTP
    assert connect(totp=codes(OTP)[0], keep_token=False).login() == USER
    assert connect(totp=lambda: codes(OTP)[0], keep_token=False).login() == USER
    monkeypatch.setenv("CDSE_TOTP", codes(OTP)[0])
    assert connect(keep_token=False).login() == USER


def test_credentials_from_the_environment(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDSE_USERNAME", USER)
    monkeypatch.setenv("CDSE_PASSWORD", PASSWORD)
    assert connect(username=None, password=None).login() == USER


def test_credentials_from_netrc(cdse: Cdse, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cdse.users[USER].password = "from-netrc"
    file = tmp_path / "netrc"
    file.write_text(f"machine elsewhere login x password y\nmachine 127.0.0.1 login {USER} password from-netrc\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    assert connect(username=None, password=None).login() == USER
    file.write_text(f"machine 127.0.0.1 login {USER} password from-netrc rubbish'from-netrc\n")
    with pytest.raises(LoginFailedError, match=r"netrc cannot be used") as caught:
        connect(username=None, password=None, keep_token=False).login()
    assert "from-netrc" not in str(caught.value)


def test_no_credentials_at_all(connect: Connect) -> None:
    with pytest.raises(LoginFailedError, match=r"CDSE_USERNAME.*netrc.*xarray-safe login"):
        connect(username=None, password=None).login()


def test_a_prompt_in_a_terminal(cdse: Cdse, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover
        os.execv(sys.executable, [sys.executable, "-c", _LOGIN, cdse.url, str(tmp_path / "state")])
    shown = b""
    for question, reply in ((b"user name", USER), (b"Password", PASSWORD), (b"second factor", "")):
        while question not in shown:
            shown += os.read(terminal, 4096)
        os.write(terminal, f"{reply}\n".encode())
    with contextlib.suppress(OSError):  # Linux ends a terminal with EIO
        while piece := os.read(terminal, 4096):
            shown += piece
    os.waitpid(child, 0)
    assert shown.split()[-1] == USER.encode()
    assert PASSWORD.encode() not in shown
    assert cdse.logins == 1


def test_too_many_logins(cdse: Cdse, connect: Connect) -> None:
    with Proxy(cdse.url) as proxy:
        proxy.faults.statuses = [429]
        client = connect(
            endpoints=replace(endpoints(cdse), token=f"{proxy.url}/auth/realms/CDSE/protocol/openid-connect/token")
        )
        with pytest.raises(QuotaReachedError, match="too many logins"):
            client.login()
        assert len(proxy.log) == 1
        assert client.login() == USER


@pytest.mark.parametrize("status", [500, 503])
def test_an_identity_server_that_fails_for_a_moment(cdse: Cdse, connect: Connect, status: int) -> None:
    with Proxy(cdse.url) as proxy:
        place = replace(endpoints(cdse), token=f"{proxy.url}/auth/realms/CDSE/protocol/openid-connect/token")
        proxy.faults.statuses = [status, status]
        assert connect(endpoints=place).login() == USER
        proxy.faults.statuses = [status] * 9
        with pytest.raises(ServerFailedError):
            connect(endpoints=place, keep_token=False).login()


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>"), (200, b"[]"), (200, b"{}"), (200, b'{"access_token": "x", "expires_in": "soon"}'), (403, b"no")],
)
def test_an_identity_server_that_answers_nonsense(connect: Connect, cdse: Cdse, status: int, body: bytes) -> None:
    with Recorder(body, status) as server:
        place = replace(endpoints(cdse), token=f"{server.url}/token")
        with pytest.raises(ServerFailedError):
            connect(endpoints=place).login()
        assert len(server.received) == 1


def test_an_identity_server_that_never_answers(connect: Connect, cdse: Cdse) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = replace(endpoints(cdse), token=f"http://127.0.0.1:{silent.getsockname()[1]}/token")
        with pytest.raises(ServerFailedError, match="does not answer in time"):
            connect(endpoints=place, limits=replace(QUICK, read=0.2)).login()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_password_follows_no_redirect(connect: Connect, cdse: Cdse, status: int) -> None:
    with Recorder() as foreign, Recorder(status=status, headers={"Location": f"{foreign.url}/token"}) as server:
        place = replace(endpoints(cdse), token=f"{server.url}/token")
        with pytest.raises(ServerFailedError, match="credentials are not sent there"):
            connect(endpoints=place).login()
        assert not foreign.received


def test_the_password_does_not_go_over_plain_http() -> None:
    with pytest.raises(InvalidArgumentError, match="https only"):
        CDSE(endpoints=Endpoints.at("http://example.org"))


def test_a_session_does_not_travel(connect: Connect) -> None:
    client = connect()
    for thing in (client, client._session):
        with pytest.raises(TypeError, match="does not pickle"):
            pickle.dumps(thing)


def test_secrets_are_nowhere_to_be_seen(
    cdse: Cdse, connect: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    cdse.life = 0.3
    said: list[object] = []
    client = connect(s3_key="S3-KEY-ID", s3_secret="S3-SECRET-TEXT", totp="123456")
    for _ in range(3):
        get(client, f"{cdse.url}/private")
        time.sleep(0.3)
    path = client.download(cdse.products[0].name, tmp_path / "data", progress=True)
    said += [client, vars(client), client._session, vars(client._session), client.storage_options()]
    said += [str(client.storage_options()), client._session._source.find(), client._session._token, path]
    refused = connect(password=PASSWORD + "?", keep_token=False)
    for wrong in (lambda: refused.login(), lambda: get(client, "http://127.0.0.1:1/private")):
        with pytest.raises(Exception, match=r"refuses|cannot be reached") as caught:
            wrong()
        said += [repr(caught.value), str(caught.value), caught.value.__context__, caught.value.__cause__]
    out, err = capfd.readouterr()
    everything = "\n".join([caplog.text, out, err, *map(repr, said), *cdse.seen])
    files = [file for file in tmp_path.rglob("*") if file.is_file() and file not in token_files(tmp_path / "state")]
    assert path in files
    kept = b"".join(file.read_bytes() for file in files)
    assert len(cdse.secrets) >= 6
    for secret in (PASSWORD, "S3-SECRET-TEXT", "S3-KEY-ID", "123456", *cdse.secrets):
        assert secret not in everything
        assert secret.encode() not in kept
