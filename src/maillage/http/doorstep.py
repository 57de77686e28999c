"""A browser before anybody signed in: a cookie of its own, so that a form of ours is sent from a page of ours, and a challenge is its own.

Without it another site could sign somebody in as somebody else, who would then write in a record that is not theirs.
"""

import secrets

from starlette.responses import Response

from maillage.errors import Forged
from maillage.http.csrf import DOORSTEP, holds, sent_token
from maillage.http.request import Request

_LIFE = 3600
_LENGTH = 43


def stand_on(request: Request) -> str:
    """The browser's secret: that of its cookie, else a new one, which `keep` hands out. Forms of this answer carry its token."""
    known = request.cookies.get(_cookie(request), "")
    request.scope[DOORSTEP] = known if len(known) == _LENGTH else secrets.token_urlsafe(32)
    return str(request.scope[DOORSTEP])


def keep(request: Request, response: Response) -> Response:
    """The answer, which hands the browser the secret that `stand_on` (or `refuse_strangers`) found."""
    response.set_cookie(
        _cookie(request),
        request.scope[DOORSTEP],
        max_age=_LIFE,
        path="/",
        secure=is_secure(request),
        httponly=True,
        samesite="lax",
    )
    return response


async def refuse_strangers(request: Request) -> str:
    """The browser's secret; Forged when the form was not made for this browser. A page shown to who is signed in has their session's token."""
    known, sent = request.cookies.get(_cookie(request), ""), await sent_token(request)
    session = request.visitor.session if request.visitor else None
    if len(known) != _LENGTH or not (holds(sent, known) or (session is not None and holds(sent, session))):
        raise Forged("This form was not sent from a page of ours, or its page is too old. Reload it.")
    request.scope[DOORSTEP] = known
    return known


def is_secure(request: Request) -> bool:
    """Whether people reach us over https: cookies then say so, and their names too."""
    base: str = request.app.state.platform.config.base_url
    return base.startswith("https:")


def _cookie(request: Request) -> str:
    return "__Host-maillage-seuil" if is_secure(request) else "maillage-seuil"
