"""A host that keeps the headers and bodies of all that it receives."""

from __future__ import annotations

from dataclasses import dataclass

from tests.servers.background import Background, Handler


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Recorder(Background):
    """Answers everything with `status` and `content`, or with what `routes` has for the path."""

    def __init__(self, content: bytes = b"{}", status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(_Handler)
        self.content, self.status, self.headers = content, status, headers or {}
        self.routes: dict[str, bytes] = {}
        self.received: list[Received] = []


class _Handler(Handler):
    def _any(self) -> None:
        owner = self.owner
        assert isinstance(owner, Recorder)
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner.received.append(Received(self.command, self.path, headers, self.body()))
        self.answer(owner.status, owner.routes.get(self.path, owner.content), **owner.headers)

    do_GET = do_POST = do_HEAD = do_PUT = _any
