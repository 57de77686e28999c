"""Around every request: its id, its measure, its log line and the security headers of its answer."""

import re
import secrets

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maillage.clock import monotonic
from maillage.http.headers import add_missing
from maillage.http.metrics import Metrics

log = structlog.get_logger("maillage.http")

_GIVEN_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_QUIET = frozenset({"/health", "/metrics", "/static"})


class Envelope:
    """The outermost ASGI layer."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, security: dict[str, str]) -> None:
        self._app = app
        self._metrics = metrics
        self._security = security

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope["maillage.request_id"] = _request_id(scope)
        structlog.contextvars.bind_contextvars(request=request_id)
        started = monotonic()
        status = 500

        async def send_wrapped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
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
            log.info("answered", method=scope["method"], route=route, status=status, ms=round(seconds * 1000, 1))


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _GIVEN_ID.fullmatch(given) else secrets.token_hex(8)
