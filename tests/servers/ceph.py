"""Ceph as an object store of its own (apt: radosgw ceph-mon ceph-osd): the software of EODC and others, with tenants.

One monitor, one OSD that keeps everything in memory, and the gateway that speaks S3, all on free ports of 127.0.0.1;
they take a few seconds and some 400 MB, write below their folder only, and end with the context.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.servers.background import Program, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAMS = ("monmaptool", "ceph-mon", "ceph-osd", "ceph", "radosgw", "radosgw-admin")
_LONGEST = 120
"""Seconds that a command may take; the first of the gateway's waits until the OSD is there."""

# Nobody logs in within the cluster, which the gateway's default for `ms mon client mode` does not allow. One copy of
# everything, in few parts: the OSD is the only one.
_CONFIGURATION = """\
[global]
fsid = {cluster}
mon host = [v2:127.0.0.1:{monitor}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
keyring = {home}/none
admin socket =
pid file =
run dir = {home}
crash dir = {home}
log file = {home}/$name.log
mon cluster log file = {home}/cluster.log
mon data = {home}/monitor
mon allow pool size one = true
osd data = {home}/osd
osd objectstore = memstore
osd crush chooseleaf type = 0
osd crush initial weight = 1
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
rgw data = {home}/gateway
rgw rados pool pg num min = 1

[osd]
ms bind port min = {osd}
ms bind port max = 65535

[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{gateway}
"""


@dataclass(frozen=True)
class User:
    """A user of the object store; `tenant` is whose: its buckets are ``tenant:bucket`` for all others."""

    tenant: str
    key: str
    secret: str


@contextmanager
def ceph(home: Path, users: list[User]) -> Iterator[str]:
    """Start Ceph in a folder, with these users; give the URL of its gateway."""
    lacking = [name for name in PROGRAMS if _found(name) is None]
    if lacking:  # whoever asks for Ceph wants to know: this is never skipped
        pytest.fail(f"not there: {', '.join(lacking)}; apt install radosgw ceph-mon ceph-osd")
    cluster = _Cluster(home, monitor=free_port(), osd=free_port(), gateway=free_port())
    cluster.prepare()
    with cluster.daemon(cluster.monitor, "ceph-mon", "-i", "a"):
        cluster.add_osd()
        with cluster.daemon(cluster.osd, "ceph-osd", "-i", "0"):
            for user in users:
                cluster.add_user(user)
            with cluster.daemon(cluster.gateway, "radosgw", "-n", "client.rgw") as gateway:
                yield gateway.url


@dataclass(frozen=True)
class _Cluster:
    """Where it lives, and the ports."""

    home: Path
    monitor: int
    osd: int
    gateway: int

    @property
    def _configuration(self) -> Path:
        return self.home / "ceph.conf"

    def prepare(self) -> None:
        """Write the configuration, and what the monitor starts from."""
        cluster, monitors = str(uuid4()), str(self.home / "monitors")
        for name in ("monitor", "osd", "gateway"):
            (self.home / name).mkdir(parents=True)
        places = {"home": self.home, "cluster": cluster, "monitor": self.monitor, "osd": self.osd}
        self._configuration.write_text(_CONFIGURATION.format(**places, gateway=self.gateway), encoding="utf-8")
        _run("monmaptool", "--create", "--addv", "a", f"[v2:127.0.0.1:{self.monitor}]", "--fsid", cluster, monitors)
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", monitors)

    def daemon(self, port: int, name: str, *who: str) -> Program:
        return Program([str(_found(name)), "-c", str(self._configuration), "-f", *who], port, _environment())

    def add_osd(self) -> None:
        number = str(uuid4())
        self._run("ceph", "osd", "new", number)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", number)

    def add_user(self, user: User) -> None:
        who = ["--tenant", user.tenant, "--uid", "owner", "--display-name", "owner"]
        keys = ["--access-key", user.key, "--secret-key", user.secret]
        self._run("radosgw-admin", "-n", "client.rgw", "user", "create", *who, *keys)

    def _run(self, name: str, *arguments: str) -> None:
        _run(name, "-c", str(self._configuration), *arguments)


def _found(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/usr/sbin"]))


def _environment() -> dict[str, str]:
    """Give Ceph none of the user's options."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CEPH_")}


def _run(name: str, *arguments: str) -> None:
    """Run a command to its end."""
    command = [str(_found(name)), *arguments]
    done = subprocess.run(
        command,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_LONGEST,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} fails: {done.stdout.decode(errors='replace')[-2000:]}")


class Account:
    """What a user may do at the gateway: make buckets, and put files there."""

    def __init__(self, url: str, user: User) -> None:
        import botocore.session
        from botocore.config import Config

        self._client: Any = botocore.session.get_session().create_client(
            "s3",
            region_name="default",
            endpoint_url=url,
            aws_access_key_id=user.key,
            aws_secret_access_key=user.secret,
            config=Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required"),
        )

    def make(self, bucket: str, *public: str) -> None:
        """Make a bucket, in which anybody may do `public` (``GetObject``, ``ListBucket``)."""
        self._client.create_bucket(Bucket=bucket)
        if not public:
            return
        rule = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": [f"s3:{action}" for action in public],
            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        }
        policy = {"Version": "2012-10-17", "Statement": [rule]}
        self._client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    def put(self, bucket: str, name: str, data: bytes) -> None:
        self._client.put_object(Bucket=bucket, Key=name, Body=data)

    def upload(self, bucket: str, path: Path) -> None:
        """Put a file, or a folder and all that is in it, under its name."""
        for file in [path] if path.is_file() else path.rglob("*"):
            if file.is_file():
                self.put(bucket, file.relative_to(path.parent).as_posix(), file.read_bytes())
