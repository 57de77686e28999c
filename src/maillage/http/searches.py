"""What somebody looks for by name, INS or words is in no address: not in the browser's history, nor in the log of a proxy.

The form is posted here, and answered by the page that it is about with its fields sealed (`?mots=`) by a key of the visitor's own session: a page that is gone back
to or loaded again shows the same, and to anybody else, or once the session ended, the address says nothing and the form is empty.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from urllib.parse import parse_qsl, urlencode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.datastructures import QueryParams
from starlette.responses import RedirectResponse, Response

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.sessions import handle_of
from maillage.errors import Unprocessable
from maillage.http.csrf import FIELD
from maillage.http.request import Request
from maillage.http.routes import action

PATH = "/chercher"
WHERE = "ou"
WORDS = "mots"
PAGES = frozenset({"/patients", "/traces"})
"""Pages whose forms come here."""
LONGEST = 2_000
_NONCE = 12


async def search(request: Request, ctx: Context) -> Response:
    """POST /chercher: off to the page `ou`, with what was asked sealed in its address."""
    fields = [
        (name, value)
        for name, value in (await request.form()).multi_items()
        if isinstance(value, str) and value and name != FIELD
    ]
    where = next((value for name, value in fields if name == WHERE), "")
    session = request.visitor.session if request.visitor else None
    if where not in PAGES or session is None:
        raise Unprocessable("This form is of no page that is searched.")
    asked = urlencode([(name, value) for name, value in fields if name != WHERE])[:LONGEST]
    return RedirectResponse(f"{where}?{urlencode({WORDS: sealed(asked, session, where)})}", status_code=303)


def open_words(request: Request) -> None:
    """The parameters of a request whose words are sealed become those that were asked; what does not open is as if nothing was asked."""
    given = request.query_params.get(WORDS)
    if (
        given is None
        or request.visitor is None
        or request.visitor.session is None
        or request.url.path.removesuffix(".csv") not in PAGES
    ):
        return
    asked = opened(given, request.visitor.session, request.url.path.removesuffix(".csv"))
    request._query_params = QueryParams([*parse_qsl(asked), *request.query_params.multi_items()])


def sealed(asked: str, session: str, where: str) -> str:
    """AES-256-GCM, by a key of this session, for this page."""
    nonce = secrets.token_bytes(_NONCE)
    return base64.urlsafe_b64encode(nonce + AESGCM(_key(session)).encrypt(nonce, asked.encode(), where.encode())).decode()


def opened(given: str, session: str, where: str) -> str:
    """What was asked; empty for what this session did not ask of this page."""
    try:
        kept = base64.b64decode(given, altchars=b"-_", validate=True)
        return AESGCM(_key(session)).decrypt(kept[:_NONCE], kept[_NONCE:], where.encode()).decode()
    except (InvalidTag, binascii.Error, ValueError):
        return ""


def _key(session: str) -> bytes:
    return hmac.new(handle_of(session).encode(), b"maillage search", hashlib.sha256).digest()


routes = [action(PATH, search, permission=Permission.SIGNED_IN)]
