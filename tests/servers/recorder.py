"""A host that keeps the headers and bodies of all that it receives."""

from __future__ import annotations

from dataclasses import dataclass

from servers.background import Background, Handler


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Recorder(Background):
    """Answers everything with `status` and `content`."""

    def __init__(self, content: bytes = b"{}", status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(_Handler)
        self.content, self.status, self.headers = content, status, headers or {}
        self.received: list[Received] = []


class _Handler(Handler):
    owner: Recorder  # type: ignore[assignment]

    def _any(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.owner.received.append(Received(self.command, self.path, headers, self.body()))  # type: ignore[attr-defined]
        owner = self.server.owner  # type: ignore[attr-defined]
        self.answer(owner.status, owner.content, **owner.headers)

    do_GET = do_POST = do_HEAD = do_PUT = _any
