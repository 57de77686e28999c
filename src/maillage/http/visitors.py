"""Who sends a request: a person by the session of their cookie, a program by its bearer token."""

from collections import OrderedDict

from starlette.responses import Response

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.clock import monotonic
from maillage.errors import Unauthenticated
from maillage.http.request import Request, Visitor

TOKEN_SECONDS = 5.0
TOKENS_KEPT = 512


class Visitors:
    """Recognises visitors. A bearer token's holder is remembered for TOKEN_SECONDS: a revoked token counts at most that long."""

    def __init__(self, access: Access, *, secure: bool) -> None:
        self._access = access
        self._secure = secure
        self._holders: OrderedDict[str, tuple[float, Actor]] = OrderedDict()
        # The prefix binds the cookie to this host over https (RFC 6265bis §4.1.3.2); browsers refuse it over plain http.
        self.cookie = "__Host-maillage" if secure else "maillage"

    async def recognise(self, request: Request, *, sign_of_life: bool = True) -> Visitor | None:
        """The visitor, None when nobody signed in. Raises Unauthenticated for a token that does not count any more.

        A page that only listens gives no `sign_of_life`: its session ages as if it were closed.
        """
        given = request.headers.get("authorization")
        if given is not None:
            return Visitor(actor=await self._bearer(given), session=None)
        secret = request.cookies.get(self.cookie)
        return await self._signed_in(secret, sign_of_life) if secret else None

    async def still_there(self, visitor: Visitor) -> bool:
        """Whether the visitor's session or token has not ended: asked now and then by what lasts longer than a request."""
        return visitor.session is None or await self._signed_in(visitor.session, False) is not None

    def remember(self, response: Response, secret: str, *, lifetime: int) -> None:
        """Hand the session's secret to the browser. Lax: a link from a notice e-mail arrives signed in, a foreign form does not."""
        response.set_cookie(
            self.cookie, secret, max_age=lifetime, path="/", secure=self._secure, httponly=True, samesite="lax"
        )  # fmt: skip

    async def enter(self, request: Request, response: Response, actor: Actor, *, lifetime: int, hint: str) -> None:
        """Somebody proved who they are: a new session in their browser. One that was there before ends: a planted cookie is worth nothing."""
        old = request.cookies.get(self.cookie)
        if old:
            await self._access.sign_out(old)
        self.remember(response, await self._access.sign_in(actor, hint=hint), lifetime=lifetime)

    def forget(self, response: Response) -> None:
        """Take the cookie back."""
        response.delete_cookie(self.cookie, path="/", secure=self._secure, httponly=True, samesite="lax")

    async def _signed_in(self, secret: str, sign_of_life: bool) -> Visitor | None:
        try:
            session = await self._access.session(secret, sign_of_life=sign_of_life)
        except Unauthenticated:
            return None
        return Visitor(actor=session.actor, session=secret)

    async def _bearer(self, given: str) -> Actor:
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("Use Authorization: Bearer with a token of this platform.")
        known = self._holders.get(token)
        if known is not None and monotonic() - known[0] < TOKEN_SECONDS:
            return known[1]
        self._holders.pop(token, None)
        actor = await self._access.bearer(token)
        self._holders[token] = (monotonic(), actor)
        if len(self._holders) > TOKENS_KEPT:
            self._holders.popitem(last=False)
        return actor
