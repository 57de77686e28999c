"""The one wrapper of every route: who, may they, in which transaction, and what a refusal looks like."""

from urllib.parse import urlencode, urlsplit

import psycopg
import structlog
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from maillage.access.access import Access
from maillage.access.context import Context
from maillage.access.permissions import permits
from maillage.errors import Forbidden, Invalid, MaillageError, Unauthenticated, Unavailable
from maillage.http import formats
from maillage.http.attempts import note_attempt
from maillage.http.csrf import refuse_forgery
from maillage.http.faults import Fault, Render, answer_fault
from maillage.http.limits import limited, refuse_long_query
from maillage.http.once import answered_once
from maillage.http.origins import origin_of
from maillage.http.rates import Rates
from maillage.http.request import Request, Visitor
from maillage.http.routes import Declared, Kind
from maillage.http.searches import open_words
from maillage.http.visitors import Visitors
from maillage.logs import frames_of

log = structlog.get_logger(__name__)

PROOF = "/preuve"
DOORS = {Kind.PAGE: "page", Kind.ACTION: "page", Kind.API: "fhir"}


def redirect(address: str) -> Response:
    """The answer to an action: the page to look at next, fetched by GET."""
    return RedirectResponse(address, status_code=303)


def ask_for_proof(request: Request) -> Response:
    """Off to prove once more who one is, then back: to the page, or to the one whose form was sent."""
    address = f"{PROOF}?{urlencode({'suite': _asked_page(request)})}"
    return Response(status_code=403, headers={"HX-Redirect": address}) if request.is_htmx else redirect(address)


def refuse_software(request: Request, kind: Kind) -> None:
    """A software that acts for a person has the FHIR door, within its scopes. Pages know no scopes: they are for the person. Forbidden."""
    if kind is not Kind.API and request.visitor is not None and request.visitor.actor.client is not None:
        raise Forbidden("A software acts through the FHIR API only: pages are for people.")


def _asked_page(request: Request) -> str:
    """The path of the page that was asked, or that the form stands on."""
    if request.method == "GET":
        return request.url.path + (f"?{request.url.query}" if request.url.query else "")
    from_page = urlsplit(request.headers.get("referer", ""))
    if from_page.netloc != request.headers.get("host"):
        return "/"
    return from_page.path + (f"?{from_page.query}" if from_page.query else "")


class Answer:
    """The ASGI application of one declared route."""

    def __init__(self, declared: Declared, *, access: Access, visitors: Visitors, render: Render | None) -> None:
        self._declared = declared
        self._access = access
        self._visitors = visitors
        self._render = render

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._respond(scope, receive, send)
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> Response:
        request = Request(scope, receive, send)
        try:
            refuse_long_query(scope)
            request = Request(scope, limited(scope, receive, self._declared.max_body), send)
            return await self._answer(request)
        except MaillageError as error:
            note_attempt(request, error)
            return answer_fault(request, error, self._render)
        except HTTPException as error:  # of Starlette, where a form is none or holds too much
            return answer_fault(request, Invalid(f"The form cannot be read: {error.detail}"), self._render)
        except psycopg.OperationalError as error:
            log.warning("database_unavailable", error=type(error).__name__)
            return answer_fault(request, Unavailable("The database does not answer."), self._render)
        except psycopg.DataError as error:
            if not is_no_text(error):
                log_fault(error)
                return answer_fault(request, Fault("The request failed and nothing was written."), self._render)
            return answer_fault(request, Invalid("A text holds a character that no text may hold (NUL)."), self._render)
        except Exception as error:  # noqa: BLE001  # the process edge: whatever happens is answered and logged, never shown
            log_fault(error)
            return answer_fault(request, Fault("The request failed and nothing was written."), self._render)

    async def _answer(self, request: Request) -> Response:
        declared = self._declared
        if declared.kind is Kind.BARE:
            return await declared.endpoint(request, None)
        request.visitor = await self._visitors.recognise(request, sign_of_life=declared.kind is not Kind.STREAM)
        open_words(request)
        self._count(request)
        await refuse_forgery(request)
        refuse_software(request, declared.kind)
        if declared.kind is Kind.STREAM:
            return await self._stream(request)
        if request.visitor is None:
            return await self._anonymous(request)
        if declared.fresh and not self._visitors.is_fresh(request.visitor, begun=declared.kind is Kind.ACTION):
            return ask_for_proof(request)
        response = await self._acted(request, request.visitor)
        if declared.kind is Kind.PAGE:
            await self._visitors.renew(response, request.visitor)
        return response

    async def _acted(self, request: Request, visitor: Visitor) -> Response:
        declared = self._declared
        async with self._access.act(
            visitor.actor,
            read_only=declared.read_only,
            door=DOORS[declared.kind],
            origin=origin_of(request, request.app.state.proxies),
        ) as ctx:
            if declared.permission is not None:
                ctx.require(declared.permission)
            if declared.kind is Kind.ACTION:
                return await answered_once(request, ctx, self._answered)
            return await self._answered(request, ctx)

    def _count(self, request: Request) -> None:
        """One more request of this actor, or of this address: TooMany when it is one too many."""
        rates: Rates = request.app.state.rates
        if request.visitor is not None:
            rates.count_actor(request.visitor.actor)
        else:
            rates.count_stranger(origin_of(request, request.app.state.proxies))

    async def _anonymous(self, request: Request) -> Response:
        if not self._declared.public:
            raise Unauthenticated("Sign in first.")
        return await self._answered(request, None)

    async def _answered(self, request: Request, ctx: Context | None) -> Response:
        """What the endpoint answers; of a FHIR address, in the format that was asked for."""
        if self._declared.kind is not Kind.API:
            return await self._declared.endpoint(request, ctx)
        formats.refuse_unspoken(request)
        return formats.shown(request, await self._declared.endpoint(request, ctx))

    async def _stream(self, request: Request) -> Response:
        permission = self._declared.permission
        if permission is not None and not permits(request.actor, permission):
            raise Forbidden(f"This needs the permission {permission}.")
        return await self._declared.endpoint(request, None)


def is_no_text(error: psycopg.DataError) -> bool:
    """Whether what was sent holds what the database takes in no text: it says so of NUL before it sends, or when it meets one escaped in JSON."""
    return isinstance(error, psycopg.errors.UntranslatableCharacter) or (error.sqlstate is None and "NUL" in str(error))


def log_fault(error: BaseException) -> None:
    """Log where an unforeseen fault happened: the frames, never its message or values, which may name a patient."""
    log.error("unforeseen_fault", error=type(error).__name__, frames=frames_of(error.__traceback__))


def mounted(declared: Declared, answer: Answer) -> Route:
    """The Starlette route that serves a declared one."""
    return Route(declared.path, answer, methods=list(declared.methods), name=declared.path)
