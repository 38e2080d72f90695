"""A web server of files that tests can make answer as they like, with TLS if they give it a certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import trustme

from tests.servers.background import Background, Handler

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
    """Make a certificate for both names, signed by nobody known, and a file with it and its key.

    Returns
    -------
    authority, server
        PEM files: who signed it, and what the server holds.
    """
    authority, server = folder / "authority.pem", folder / "server.pem"
    signing = trustme.CA()
    signing.cert_pem.write_to_path(authority)
    signing.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(server)
    return authority, server
