"""Requests sent to an application in this process as raw bytes, so that what no client would write arrives too."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.types import Receive

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Asked:
    """One request. `target` is path and query as they stand on the wire; header values are sent as latin-1."""

    method: str
    target: bytes
    headers: Headers = ()
    body: bytes = b""

    def __repr__(self) -> str:
        """What is long is cut: a failing example of 16 MB is told by its beginning."""
        return f"Asked({self.method!r}, {_cut(self.target)}, {_cut(self.headers)}, {_cut(self.body)})"


def _cut(value: object, longest: int = 2_000) -> str:
    said = repr(value[: longest + 1] if isinstance(value, bytes) else value)
    return said if len(said) <= longest else f"{said[:longest]}… ({len(value) if isinstance(value, bytes) else len(said)} long)"


@dataclass
class Answer:
    """What came back, and how many seconds it took."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0


async def ask(app: Starlette, asked: Asked, *, token: str, receive: Receive | None = None) -> Answer:
    """The answer to one request of the holder of this token. `receive` gives its body where that does not come as one."""
    path, _, query = asked.target.partition(b"?")
    sent = [("host", "maillage.test"), ("authorization", f"Bearer {token}"), *asked.headers]
    if asked.body and not any(name.lower() == "content-length" for name, _ in sent):
        sent.append(("content-length", str(len(asked.body))))
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": asked.method,
        "scheme": "http",
        "path": unquote(path.decode("latin-1"), errors="replace"),
        "raw_path": path,
        "root_path": "",
        "query_string": query,
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in sent],
        "client": ("127.0.0.1", 1),
        "server": ("maillage.test", 80),
    }
    answer, unread = Answer(), [asked.body]

    async def whole() -> dict[str, Any]:
        return {"type": "http.request", "body": unread.pop() if unread else b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    started = time.perf_counter()
    await app(scope, receive or whole, send)
    answer.seconds = time.perf_counter() - started
    return answer
