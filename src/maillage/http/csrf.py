"""Cross-site request forgery: a token that only a page of ours can know, derived from the visitor's session."""

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from maillage.access.sessions import handle_of
from maillage.errors import Forged
from maillage.http.request import Request

FIELD = "csrf"
HEADER = "x-csrf-token"
DOORSTEP = "maillage.doorstep"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def csrf_token(request: Request) -> str:
    """The token for this visitor's forms; before sign-in, that of the browser's doorstep where the page has one, else empty."""
    if request.visitor is not None and request.visitor.session is not None:
        return masked(request.visitor.session)
    doorstep = request.scope.get(DOORSTEP)
    return masked(doorstep) if doorstep else ""


def masked(session: str) -> str:
    """A session's token under a fresh mask (that of its first half, so that a form outlives a change of secret): pages are compressed, and a text that never changes could be guessed from their size."""
    mask = secrets.token_bytes(32)
    return (mask + _xor(mask, _token(session))).hex()


def holds(sent: str, session: str) -> bool:
    """Whether what a form sent is this session's token, under whatever mask."""
    try:
        given = bytes.fromhex(sent)
    except ValueError:
        return False
    return len(given) == 64 and hmac.compare_digest(_xor(given[:32], given[32:]), _token(session))


def _token(session: str) -> bytes:
    return hmac.new(handle_of(session).encode(), b"maillage csrf", hashlib.sha256).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


async def refuse_forgery(request: Request) -> None:
    """Raise Forged when a write is authorised by a cookie and does not carry its token, or comes from another site."""
    if request.method in SAFE_METHODS or _by_bearer(request):
        return
    if _from_elsewhere(request):
        raise Forged("This form was sent from another site.")
    if request.visitor is None or request.visitor.session is None:
        return
    if not holds(await sent_token(request), request.visitor.session):
        raise Forged("The form's token is missing or belongs to another session. Reload the page and send it again.")


async def sent_token(request: Request) -> str:
    """The token that came with a request, in its header or its form; empty where there is none."""
    return request.headers.get(HEADER) or await _field(request)


def _by_bearer(request: Request) -> bool:
    """Whether a token says who sends it: no browser adds one by itself, so no page can have it sent."""
    return request.visitor is not None and request.visitor.session is None


def _from_elsewhere(request: Request) -> bool:
    """What the browser says of the page that sent the form: its relation to us, or, where it is too old for that, its origin."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")


async def _field(request: Request) -> str:
    if not request.headers.get("content-type", "").startswith(FORMS):
        return ""
    sent = (await request.form()).get(FIELD)
    return sent if isinstance(sent, str) else ""
