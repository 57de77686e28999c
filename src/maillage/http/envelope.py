"""Around every request: its id, its measure, its log line and the security headers of its answer."""

import re
import secrets
from urllib.parse import quote_from_bytes

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maillage.clock import monotonic
from maillage.fhir.query_strings import MAX_QUERY
from maillage.http.headers import add_missing, raw
from maillage.http.metrics import Metrics
from maillage.logs import often

_GIVEN_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_ASCII = "".join(map(chr, range(128)))
_QUIET = frozenset({"/health", "/metrics", "/static"})


class Envelope:
    """The outermost ASGI layer."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, security: dict[str, str]) -> None:
        self._app = app
        self._metrics = metrics
        self._security = raw(security)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["query_string"] = _escaped(scope.get("query_string", b""))
        request_id = scope["maillage.request_id"] = _request_id(scope)
        structlog.contextvars.bind_contextvars(request=request_id)
        started = monotonic()
        status = 500

        async def send_wrapped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = list(message["headers"])
                headers.append((b"x-request-id", request_id.encode()))
                add_missing(headers, scope["path"], self._security)
            await send(message)

        try:
            await self._app(scope, receive, send_wrapped)
        finally:
            self._note(scope, status, monotonic() - started)
            structlog.contextvars.clear_contextvars()

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's template, never the path itself: a path names a patient.
        route = getattr(scope.get("route"), "path", "unknown")
        self._metrics.answered(method=scope["method"], route=route, status=status, seconds=seconds)
        if route not in _QUIET:
            took = round(seconds * 1000, 1)
            often("answered", method=scope["method"], route=route, status=status, ms=took, request=scope["maillage.request_id"])


def _escaped(query: bytes) -> bytes:
    """The query with its bytes beyond ASCII escaped, as RFC 3986 asks of who sends it; one that is too long is refused as it stands."""
    return query if query.isascii() or len(query) > MAX_QUERY else quote_from_bytes(query, safe=_ASCII).encode()


def _request_id(scope: Scope) -> str:
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    return given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
