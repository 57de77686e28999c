"""Applications in a browser, of other sites: they may call the FHIR door and what hands out tokens (Fetch, « CORS protocol »; SMART App Launch 2.2 §2.0.3).

No credentials: a browser sends no cookie of ours along, and would not show the answer if it did. A bearer token is sent by who holds it, and proves
by itself. Pages are not among the paths: no other site reads one.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIXES = ("/fhir/", "/oauth/", "/.well-known/")
CLOSED = frozenset({"/oauth/authorize"})
"""What people look at: a page, whatever its prefix."""
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_TAKEN = b"authorization, content-type, accept, prefer, if-match, if-none-match, if-modified-since, if-none-exist, x-request-id"
_SHOWN = b"etag, location, content-location, last-modified, retry-after, x-request-id, www-authenticate"
_ANYBODY = (b"access-control-allow-origin", b"*")
_PREFLIGHT = [
    _ANYBODY,
    (b"access-control-allow-methods", _METHODS),
    (b"access-control-allow-headers", _TAKEN),
    (b"access-control-max-age", b"7200"),
]
_ANSWERED = [_ANYBODY, (b"access-control-expose-headers", _SHOWN)]


class OtherSites:
    """Around the routes: answers a browser that asks before it calls, and says on answers that others may read them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if not path.startswith(PREFIXES) or path in CLOSED or not _has(scope, b"origin"):
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and _has(scope, b"access-control-request-method"):
            await send({"type": "http.response.start", "status": 204, "headers": list(_PREFLIGHT)})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, receive, _opened(send))


def _has(scope: Scope, name: bytes) -> bool:
    return any(given == name for given, _ in scope["headers"])


def _opened(send: Send) -> Send:
    async def opened(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_ANSWERED]
        await send(message)

    return opened
