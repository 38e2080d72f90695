"""A web server of files that tests can make answer as they like, with TLS if they give it a certificate."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

from tests.servers.background import Background, Handler
from tests.servers.programs import missing

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from email.message import Message
    from pathlib import Path


class Asked(NamedTuple):
    """A request: the host that it was sent to, path and headers."""

    host: str
    path: str
    headers: Message


class Web(Background):
    """Serves the files of a folder, whole or a range, as 127.0.0.1 and as localhost: two hosts.

    Parameters
    ----------
    folder
        What lies at ``/``.
    first
        Called with each request's handler; says whether it has answered.
    tls
        Holds certificate and key.
    """

    def __init__(
        self, folder: Path, first: Callable[[Page], bool] | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(Page)
        self.folder, self.first = folder, first
        self.seen: list[Asked] = []
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
            self.url = self.url.replace("http:", "https:")

    @property
    def stranger(self) -> str:
        """The same by another name."""
        return self.url.replace("127.0.0.1", "localhost")

    def got(self, host: str, name: str) -> set[str | None]:
        """Values of a header that a host got."""
        return {asked.headers.get(name) for asked in self.seen if asked.host == host}


class Page(Handler):
    """Answers one request after the other."""

    owner: Web

    @property
    def host(self) -> str:
        return self.headers["Host"].partition(":")[0]

    def do_GET(self) -> None:
        self.owner.seen.append(Asked(self.host, self.path, self.headers))
        if not (self.owner.first and self.owner.first(self)):
            self.file()

    def file(self, most: int | None = None) -> None:
        """Answer with a file; with so many bytes of a range at the most."""
        path = self.owner.folder / self.path.partition("?")[0].lstrip("/")
        if not path.is_file():
            self.answer(404)
            return
        data = path.read_bytes()
        start, _, stop = self.headers.get("Range", "bytes=0-")[6:].partition("-")
        first = int(start) if start else max(0, len(data) - int(stop))
        end = min(len(data), int(stop) + 1) if start and stop else len(data)
        part = data[first : end if most is None else min(end, first + most)]
        if "Range" in self.headers:
            span = f"bytes {first}-{first + len(part) - 1}/{len(data)}"
            self.answer(206, part, Content_Range=span)
        else:
            self.answer(200, data)


def to_the_stranger(page: Page) -> bool:
    """Send those who come to 127.0.0.1 on to localhost."""
    if page.host == "127.0.0.1":
        page.answer(302, Location=f"http://localhost:{page.owner.port}{page.path.partition('?')[0]}")
        return True
    return False


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for both names, signed by itself, and its key."""
    paths = folder / "certificate.pem", folder / "key.pem"
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    try:
        subprocess.run(
            [*command, "-addext", names, "-out", str(paths[0]), "-keyout", str(paths[1])],
            check=True,
            capture_output=True,
            timeout=60,
        )
    except FileNotFoundError:
        missing("openssl is not there: apt install openssl")
    return paths
