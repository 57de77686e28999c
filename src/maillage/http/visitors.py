"""Who sends a request: a person by the session of their cookie, a program by its bearer token."""

import secrets
from collections import OrderedDict
from collections.abc import Sequence

from starlette.responses import Response

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.access.sessions import Device, Situation
from maillage.clock import monotonic
from maillage.errors import Unauthenticated
from maillage.http.addresses import address_of
from maillage.http.certificates import Certificates
from maillage.http.request import Request, Visitor

TOKEN_SECONDS = 5.0
TOKENS_KEPT = 512
DEVICE_LIFE = 400 * 86_400  # the longest that browsers keep a cookie
DEVICE_LENGTH = 43


class Visitors:
    """Recognises visitors. A bearer token's holder is remembered for TOKEN_SECONDS: a revoked token counts at most that long."""

    def __init__(self, access: Access, *, secure: bool, lifetime: int, certificates: Certificates) -> None:
        self._access = access
        self._certificates = certificates
        self._secure = secure
        self._lifetime = lifetime
        self._holders: OrderedDict[str, tuple[float, Actor]] = OrderedDict()
        # The prefix binds the cookie to this host over https (RFC 6265bis §4.1.3.2); browsers refuse it over plain http.
        self.cookie = "__Host-maillage" if secure else "maillage"
        self._device = f"{self.cookie}-appareil"

    async def recognise(self, request: Request, *, sign_of_life: bool = True) -> Visitor | None:
        """The visitor, None when nobody signed in. Raises Unauthenticated for a token that does not count any more.

        A page that only listens gives no `sign_of_life`: its session ages as if it were closed.
        """
        given = request.headers.get("authorization")
        if given is not None:
            actor = await self._bearer(given)
            self._certificates.refuse_unproven(request, actor, now=self._access.clock.now())
            return Visitor(actor=actor, session=None, bearer=given)
        secret = request.cookies.get(self.cookie)
        return await self._signed_in(secret, sign_of_life) if secret else None

    async def still_there(self, visitor: Visitor) -> bool:
        """Whether the visitor's session or token has not ended, and they act as then: asked now and then by what lasts longer than a request."""
        if visitor.bearer is None:
            return visitor.session is not None and await self._access.still_open(visitor.session, visitor.actor)
        try:
            return await self._bearer(visitor.bearer) == visitor.actor
        except Unauthenticated:
            return False

    def remember(self, response: Response, secret: str) -> None:
        """Hand the session's secret to the browser. Lax: a link from a notice e-mail arrives signed in, a foreign form does not."""
        response.set_cookie(
            self.cookie, secret, max_age=self._lifetime, path="/", secure=self._secure, httponly=True, samesite="lax"
        )  # fmt: skip

    async def enter(
        self, request: Request, response: Response, actor: Actor, *, hint: str, situations: Sequence[Situation] = ()
    ) -> None:
        """Somebody proved who they are: a new session in their browser. One that was there before ends: a planted cookie is worth nothing."""
        old = request.cookies.get(self.cookie)
        if old:
            await self._access.sign_out(old)
        secret = request.cookies.get(self._device, "")
        secret = secret if len(secret) == DEVICE_LENGTH else secrets.token_urlsafe(32)
        device = Device(agent=request.headers.get("user-agent", ""), address=address_of(request), secret=secret)
        self.remember(response, await self._access.enter(actor, device, hint=hint, situations=situations))
        response.set_cookie(
            self._device, secret, max_age=DEVICE_LIFE, path="/", secure=self._secure, httponly=True, samesite="lax"
        )  # fmt: skip

    async def prove_anew(self, response: Response, visitor: Visitor) -> None:
        """The visitor proved once more who they are: the session has a new secret at once."""
        if visitor.session is not None:
            self.remember(response, await self._access.prove_anew(visitor.session))

    async def work_elsewhere(self, response: Response, visitor: Visitor, actor: Actor) -> None:
        """The visitor works in another of their places from now on."""
        if visitor.session is not None:
            self.remember(response, await self._access.work_elsewhere(visitor.session, actor))

    async def renew(self, response: Response, visitor: Visitor) -> None:
        """Hand out the next secret with this answer, where the session's is old."""
        if visitor.session is None or visitor.known is None:
            return
        following = await self._access.next_cookie(visitor.session, visitor.known)
        if following is not None:
            self.remember(response, following)

    def is_fresh(self, visitor: Visitor, *, begun: bool) -> bool:
        """Whether the visitor proved lately who they are; a bearer token is its own proof."""
        return visitor.known is None or self._access.proof_is_fresh(visitor.known, begun=begun)

    def forget(self, response: Response) -> None:
        """Take the cookie back."""
        response.delete_cookie(self.cookie, path="/", secure=self._secure, httponly=True, samesite="lax")

    async def _signed_in(self, secret: str, sign_of_life: bool) -> Visitor | None:
        try:
            session = await self._access.session(secret, sign_of_life=sign_of_life)
        except Unauthenticated:
            return None
        return Visitor(actor=session.actor, session=secret, known=session)

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
