"""Sign-in by telephone: the provider asks the person in its application (e-CPS), and the browser waits (CIBA Core 1.0, poll mode).

For those whose screen has no card reader and no second browser: a tablet, a station that several share. The page shows two digits that
the telephone shows too. It comes back by itself, without a script, and only the browser that asked is let in.
"""

import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import structlog
from starlette.responses import RedirectResponse, Response

from maillage.clock import Clock
from maillage.connectors.psc import RelyingParty, SignedIn, SignInRefused
from maillage.connectors.psc.relying_party import TooSoon
from maillage.db import Database, load_queries
from maillage.errors import NotFound, Unavailable
from maillage.http.doorstep import is_secure, keep, refuse_strangers, stand_on
from maillage.http.faults import Render
from maillage.http.request import Request
from maillage.http.routes import Declared, action, bare

log = structlog.get_logger(__name__)

QUERIES = load_queries("maillage.http")
PATH = "/connexion/telephone"
WAIT = f"{PATH}/attente"
ASKED_AT_MOST = 5  # times that one person's telephone is asked in LATELY
LATELY = timedelta(minutes=10)

# RPPS has eleven digits, ADELI nine; with the prefix that says which (8, 0) they are a national identifier.
_NATIONAL = re.compile(r"(?:8\d{11}|0\d{9})")
_PREFIX = {11: "8", 9: "0"}

Admit = Callable[[Request, str, SignedIn, str], Awaitable[Response]]
Refuse = Callable[[str, str], Response]


class Telephone:
    """The routes of a sign-in by telephone at one provider, `name`.

    `admit(request, provider, signed, go_to)` opens the session; `refuse(why, reason)` goes back to the page of sign-in.
    """

    def __init__(
        self, name: str, party: RelyingParty | None, *, database: Database, clock: Clock, render: Render, admit: Admit, refuse: Refuse,
        local: Callable[[str], str],
    ) -> None:  # fmt: skip
        self._name = name
        self._configured = party
        self._database = database
        self._clock = clock
        self._render = render
        self._admit = admit
        self._refuse = refuse
        self._local = local

    @property
    def _party(self) -> RelyingParty:
        if self._configured is None:
            raise NotFound("No identity provider is configured for telephones.")
        return self._configured

    def routes(self) -> list[Declared]:
        """What the web application mounts."""
        return [bare(PATH, self.ask), action(PATH, self.begin, public=True), bare(WAIT, self.wait)]

    async def ask(self, request: Request, ctx: None) -> Response:
        """GET /connexion/telephone: who are you?"""
        return self._form(request, self._local(request.query_params.get("suite", "")))

    async def begin(self, request: Request, ctx: Any) -> Response:
        """POST /connexion/telephone: the person's telephone is asked, at most ASKED_AT_MOST times in LATELY."""
        await refuse_strangers(request)
        form = await request.form()
        go_to, given = self._local(str(form.get("suite", ""))), str(form.get("identifiant", ""))
        person = national_identifier(given)
        if person is None:
            return self._form(request, go_to, given=given, fault="Onze chiffres pour un RPPS, neuf pour un ADELI.")
        browser, now = secrets.token_urlsafe(32), self._clock.now()
        async with self._database.transaction() as conn:
            asked = await QUERIES.pushes_of(conn, person=_hash(person), since=now - LATELY)
        if asked >= ASKED_AT_MOST:
            return self._form(request, go_to, given=given, fault="Trop de demandes pour ce numéro : attendez dix minutes.")
        binding = f"{secrets.randbelow(100):02}"
        try:
            push = await self._party.push(person=person, binding=binding)
        except SignInRefused as error:
            return self._refuse(error.message, error.reason or "telephone")
        async with self._database.transaction() as conn:
            await QUERIES.begin_push(
                conn, browser=_hash(browser), person=_hash(person), provider=self._name, request=push.request, binding=binding,
                go_to=go_to, wait=timedelta(seconds=push.interval), due=now + timedelta(seconds=push.interval), now=now,
                expires=now + timedelta(seconds=push.life),
            )  # fmt: skip
        response = RedirectResponse(WAIT, status_code=303)
        response.set_cookie(
            _cookie(request),
            browser,
            max_age=push.life,
            path="/connexion",
            secure=is_secure(request),
            httponly=True,
            samesite="strict",
        )
        return response

    async def wait(self, request: Request, ctx: None) -> Response:
        """GET /connexion/telephone/attente: asks the provider when it is time, and shows the two digits until there is an answer."""
        browser, now = _hash(request.cookies.get(_cookie(request), "")), self._clock.now()
        async with self._database.transaction() as conn:
            row = await QUERIES.due_push(conn, browser=browser, now=now)
        if row is None:
            return self._refuse("The question to the telephone has ended, or was another browser's.", "telephone")
        if row["is_due"]:
            answer = await self._answer(request, row, browser)
            if answer is not None:
                return answer
        return self._waiting(request, row)

    async def _answer(self, request: Request, row: Mapping[str, Any], browser: bytes) -> Response | None:
        try:
            signed = await self._party.pushed(row["request"])
        except Unavailable:
            return None  # for a moment: the page asks again
        except TooSoon:
            async with self._database.transaction() as conn:
                await QUERIES.slow_push(conn, browser=browser)
            return None
        except SignInRefused as error:
            await self._end(browser)
            return self._refuse(error.message, error.reason)
        if signed is None:
            return None
        if not await self._end(browser):
            return self._refuse("The answer of the telephone was already taken.", "telephone")
        response = await self._admit(request, row["provider"], signed, row["go_to"])
        response.delete_cookie(_cookie(request), path="/connexion", secure=is_secure(request), httponly=True, samesite="strict")
        return response

    async def _end(self, browser: bytes) -> bool:
        async with self._database.transaction() as conn:
            return bool(await QUERIES.end_push(conn, browser=browser))

    def _form(self, request: Request, go_to: str, *, given: str = "", fault: str = "") -> Response:
        stand_on(request)
        return keep(
            request,
            self._render(request, None, "telephone.html", status=422 if fault else 200, go_to=go_to, given=given, fault=fault),
        )

    def _waiting(self, request: Request, row: Mapping[str, Any]) -> Response:
        response = self._render(request, None, "telephone_wait.html", binding=row["binding"], wait=WAIT)
        response.headers["Refresh"] = str(row["wait"])
        response.headers["Cache-Control"] = "no-store"
        return response


def national_identifier(given: str) -> str | None:
    """The national identifier ("899700218896") of what somebody typed: with its prefix or without, with blanks or without; None for neither."""
    digits = re.sub(r"[\s.]", "", given)
    if _NATIONAL.fullmatch(digits):
        return digits
    return _PREFIX[len(digits)] + digits if digits.isascii() and digits.isdigit() and len(digits) in _PREFIX else None


def _cookie(request: Request) -> str:
    return "__Secure-maillage-telephone" if is_secure(request) else "maillage-telephone"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
