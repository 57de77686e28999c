"""Sign-in and sign-out: OpenID Connect out and back, then a session of our own.

An attempt is kept in the database, is taken once, lasts ten minutes, and only counts in the browser that began it (a cookie of its
own): a replayed, forged or foreign answer opens nothing. The session's secret is always a new one.
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import structlog
from starlette.responses import RedirectResponse, Response

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.access.audit import Action
from maillage.access.sessions import Situation, acting, handle_of
from maillage.clock import Clock
from maillage.connectors.franceconnect import Pivot, pivot_of
from maillage.connectors.psc import Attempt, RelyingParty, SignedIn, SignInRefused
from maillage.connectors.psc.tokens import CLOCK_SKEW
from maillage.db import Connection, Database, load_queries
from maillage.errors import Invalid, MaillageError, NotFound
from maillage.http.accounts import actor_of_account, actor_of_card
from maillage.http.faults import SIGN_IN, Render, plain_page
from maillage.http.request import Request
from maillage.http.routes import Declared, action, bare, page
from maillage.http.telephone import PATH as TELEPHONE
from maillage.http.telephone import Telephone
from maillage.http.visitors import Visitors

log = structlog.get_logger(__name__)

QUERIES = load_queries("maillage.http")
RETURN = f"{SIGN_IN}/retour"
SIGN_OUT = "/deconnexion"
CARD = "psc"
CARDLESS = "sans-carte"
CITIZEN = "franceconnect"
ATTEMPT_LIFE = timedelta(minutes=10)
HOME = "/"
SITUATION = "/situation"  # where one chooses among the places one works in
OWN_DOOR = "/compte/connexion"  # of the accounts held here, which a service above keeps
TEMPLATE = "sign-in.html"

REFUSALS = {
    "": "Le service d’identification a refusé, ou la demande a expiré. Recommencez ; si cela dure, écrivez au support de votre région.",
    "consentement": "Vous n’avez pas donné votre accord au service d’identification, ou il vous refuse. Rien ne nous a été transmis. "
    "Recommencez et acceptez pour entrer.",
    "carte": "Le service d’identification n’a pas pu vous reconnaître : carte expirée ou révoquée, e-CPS désactivée. Renouvelez-la auprès de "
    "l’Agence du numérique en santé (esante.gouv.fr), puis recommencez.",
    "indisponible": "Le service d’identification ne répond pas pour le moment. Réessayez dans quelques minutes.",
    "horloge": "L’heure du service d’identification et la nôtre diffèrent trop pour être sûrs de vous. Réessayez dans un instant ; si cela "
    "dure, prévenez le support de votre région.",
    "telephone": "Votre téléphone n’a pas répondu à temps, ou ce numéro n’a pas d’application e-CPS. Recommencez, ou identifiez-vous avec votre "
    "carte.",
    "annuaire": "Vous êtes bien identifié, mais l’annuaire de la région ne vous connaît pas, ou vous y êtes deux fois. Le support de votre "
    "région peut vous y inscrire.",
    "dossier": "Vous êtes bien identifié, mais aucun dossier ne correspond exactement à votre identité, ou plusieurs y correspondent : nous "
    "n’en ouvrons aucun. Présentez une pièce d’identité à un professionnel qui vous suit, il la fera vérifier ; puis recommencez.",
    "preuve": "L’identité n’a pas été prouvée de nouveau par la même personne. Rien n’a changé : recommencez depuis la page.",
    "cle": "Votre fonction demande une clé d’accès, que le service d’identification n’a pas constatée : un mot de passe et un code ne "
    "suffisent pas. Connectez-vous avec une clé d’accès, ou demandez-en une à l’exploitant de votre région.",
}
"""What to do about a refusal, by `SignInRefused.reason`."""
_REASONS = {
    "access_denied": "consentement",
    "consent_required": "consentement",
    "login_required": "carte",
    "interaction_required": "carte",
    "temporarily_unavailable": "indisponible",
    "server_error": "indisponible",
}
"""Our word for the errors of OAuth 2.0 (RFC 6749 §4.1.2.1) and OpenID Connect Core §3.1.2.6."""


# The records that a citizen may open: their own, and those of the people they help. A service above knows identities; it raises SignInRefused.
Citizens = Callable[[Access, Pivot], Awaitable[tuple[Actor, Sequence[Situation]]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Someone the demonstration's sign-in page offers to be: `provider` knows them by `id`, and they will have this role."""

    id: str
    name: str
    title: str
    role: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    attempt: Attempt
    provider: str
    go_to: str
    begun: datetime
    proves: bytes | None


class SignIn:
    """The routes of sign-in, on the providers the operator configured (`psc` with a card, `sans-carte` without)."""

    def __init__(
        self,
        *,
        database: Database,
        access: Access,
        clock: Clock,
        visitors: Visitors,
        parties: Mapping[str, RelyingParty],
        base_url: str,
        choices: Sequence[Choice] = (),
        render: Render | None = None,
        citizens: Citizens | None = None,
    ) -> None:
        self._database = database
        self._access = access
        self._clock = clock
        self._visitors = visitors
        self._parties = parties
        self._base_url = base_url.rstrip("/")
        self._host = urlsplit(base_url).netloc
        self._secure = base_url.startswith("https:")
        self._choices = choices
        self._render = render
        self._citizens = citizens
        self._cookie = "__Host-maillage-connexion" if self._secure else "maillage-connexion"

    def routes(self) -> list[Declared]:
        """What the web application mounts."""
        return [
            page(SIGN_IN, self.choose, public=True),
            bare(RETURN, self.come_back),
            *self._by_telephone(),
            bare(f"{SIGN_IN}/{{provider}}", self.start),
            action(SIGN_OUT, self.sign_out, public=True),
        ]

    def _by_telephone(self) -> list[Declared]:
        if self._render is None:
            return []
        telephone = Telephone(
            CARD, self._parties.get(CARD), database=self._database, clock=self._clock, render=self._render, admit=self.admit,
            refuse=lambda why, reason: self._refused(why, reason=reason), local=local_path,
        )  # fmt: skip
        return telephone.routes()

    async def choose(self, request: Request, ctx: Any) -> Response:
        """GET /connexion: how to sign in; those already signed in go on."""
        go_to = local_path(request.query_params.get("suite", ""))
        if self._choices and request.headers.get("host") != self._host:  # a demonstration has no proxy before it
            return RedirectResponse(_with_query(f"{self._base_url}{SIGN_IN}", request.query_params), status_code=303)
        if request.visitor is not None:
            return RedirectResponse(go_to, status_code=303)
        suite = {"suite": go_to} if go_to != HOME else {}
        doors = {name: _with_query(f"{SIGN_IN}/{name}", suite) for name in self._parties}
        choices = [(one, _with_query(f"{SIGN_IN}/{one.provider}", {**suite, "persona": one.id})) for one in self._choices]
        if self._render is None:
            return plain_page("Se connecter", "".join(f"<p><a href='{door}'>{name}</a></p>" for name, door in doors.items()))
        return self._render(
            request,
            None,
            TEMPLATE,
            doors=doors,
            telephone=_with_query(TELEPHONE, suite),
            choices=choices,
            account_door=_with_query(OWN_DOOR, suite),
            refusals=REFUSALS,
        )

    async def start(self, request: Request, ctx: None) -> Response:
        """GET /connexion/{provider}: off to the identity provider. `persona` is its login_hint, `suite` where to go afterwards.

        With `preuve=1`, who is signed in proves once more who they are: the provider is to ask them, whatever it remembers.
        """
        name = request.path_params["provider"]
        party = self._parties.get(name)
        if party is None:
            raise NotFound("No identity provider by that name.")
        attempt, browser = Attempt.new(), secrets.token_urlsafe(32)
        session = request.cookies.get(self._visitors.cookie, "") if request.query_params.get("preuve") == "1" else ""
        address = await party.authorize_url(
            attempt, redirect_uri=self._base_url + RETURN, login_hint=request.query_params.get("persona", ""),
            anew=bool(session),
        )  # fmt: skip
        now = self._clock.now()
        async with self._database.transaction() as conn:
            await QUERIES.forget_sign_ins(conn, now=now)
            await QUERIES.begin_sign_in(
                conn,
                state=_hash(attempt.state),
                browser=_hash(browser),
                provider=name,
                nonce=attempt.nonce,
                verifier=attempt.verifier,
                proves=_hash(handle_of(session)) if session else None,
                go_to=local_path(request.query_params.get("suite", "")),
                expires=now + ATTEMPT_LIFE,
            )
        response = RedirectResponse(address, status_code=303)
        response.set_cookie(
            self._cookie, browser, max_age=int(ATTEMPT_LIFE.total_seconds()), path="/",
            secure=self._secure, httponly=True, samesite="lax",
        )  # fmt: skip
        return response

    async def come_back(self, request: Request, ctx: None) -> Response:
        """GET /connexion/retour: the provider's answer; opens a session or refuses."""
        taken = await self._take(request)
        query = request.query_params
        if "error" in query:
            return self._refused(
                f"The identity provider answers {query['error'][:40]!r}.", reason=_REASONS.get(query["error"], "")
            )
        try:
            party = self._parties[taken.provider]
            signed = await party.complete(taken.attempt, code=query.get("code", ""), redirect_uri=self._base_url + RETURN)
            actor, situations = await self._actor(taken.provider, signed)
        except SignInRefused as error:
            return self._refused(error.message, reason=error.reason)
        if taken.proves is not None:
            response: Response = RedirectResponse(taken.go_to, status_code=303)
            if refusal := await self._proven_anew(request, response, taken, signed, actor, situations):
                return self._refused(refusal, reason="preuve")
        else:
            response = await self._enter(request, taken.provider, signed, taken.go_to, actor, situations)
        response.delete_cookie(self._cookie, path="/", secure=self._secure, httponly=True, samesite="lax")
        return response

    async def admit(self, request: Request, provider: str, signed: SignedIn, go_to: str) -> Response:
        """A session for whoever this provider proved, in an answer that leads to the page they wanted; or a refusal."""
        try:
            actor, situations = await self._actor(provider, signed)
        except SignInRefused as error:
            return self._refused(error.message, reason=error.reason)
        return await self._enter(request, provider, signed, go_to, actor, situations)

    async def _enter(
        self, request: Request, provider: str, signed: SignedIn, go_to: str, actor: Actor, situations: Sequence[Situation]
    ) -> Response:
        log.info("signed_in", provider=provider, roles=sorted(actor.roles))
        several = _with_query(SITUATION, {"suite": go_to})
        response = RedirectResponse(several if len(situations) > 1 else go_to, status_code=303)
        await self._visitors.enter(request, response, actor, hint=f"{provider} {signed.id_token}", situations=situations)
        return response

    async def _proven_anew(
        self,
        request: Request,
        response: Response,
        taken: _Taken,
        signed: SignedIn,
        actor: Actor,
        situations: Sequence[Situation],
    ) -> str | None:
        """Why this is no new proof of the same person in the same session, or None: then the session has a new secret."""
        visitor = await self._visitors.recognise(request)
        if visitor is None or visitor.session is None or _hash(handle_of(visitor.session)) != taken.proves:
            return "The session that asked for a proof has ended."
        if visitor.actor.id not in {actor.id, *(acting(actor, one).id for one in situations)}:
            return "Somebody else proved who they are."
        proved = signed.proof.get("auth_time")
        if not isinstance(proved, int | float) or proved < taken.begun.timestamp() - CLOCK_SKEW:
            return "The identity provider did not ask for a new proof."
        await self._visitors.prove_anew(response, visitor)
        return None

    async def sign_out(self, request: Request, ctx: Any) -> Response:
        """POST /deconnexion: ends our session at once, then the provider's."""
        address = SIGN_IN
        if request.visitor is not None and request.visitor.session is not None:
            address = await self._provider_sign_out(request.visitor.session) or SIGN_IN
            await self._access.sign_out(request.visitor.session)
            if ctx is not None and request.visitor.known is not None:
                ctx.trace(Action.EXECUTE, "sign-out", str(request.visitor.known.id))
        response = RedirectResponse(address, status_code=303)
        self._visitors.forget(response)
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
        return response

    async def _take(self, request: Request) -> _Taken:
        state, browser = request.query_params.get("state", ""), request.cookies.get(self._cookie, "")
        async with self._database.transaction() as conn:
            row = await _taken_row(conn, state, browser, self._clock)
        if row is None or not row["in_time"]:
            raise Invalid("This sign-in was already used, has expired, or began in another browser. Start again.")
        attempt = Attempt(state=state, nonce=row["nonce"], verifier=row["verifier"])
        begun = row["expires"] - ATTEMPT_LIFE
        return _Taken(attempt=attempt, provider=row["provider"], go_to=row["go_to"], begun=begun, proves=_bytes(row["proves"]))

    async def _actor(self, provider: str, signed: SignedIn) -> tuple[Actor, Sequence[Situation]]:
        if provider == CARD:
            return await actor_of_card(self._access, signed.claims)
        if provider == CITIZEN:
            if self._citizens is None:
                raise SignInRefused("Nothing here knows the records of citizens.")
            return await self._citizens(self._access, pivot_of(signed.claims))
        return actor_of_account(signed.claims, signed.proof), ()

    async def _provider_sign_out(self, session: str) -> str | None:
        hint = (await self._access.session(session)).hint or ""
        provider, _, id_token = hint.partition(" ")
        if provider not in self._parties:
            return None
        try:
            return await self._parties[provider].sign_out_url(id_token, return_to=self._base_url + SIGN_IN)
        except MaillageError as error:  # signing out here must not fail because the provider is away
            log.warning("provider_sign_out_failed", provider=provider, error=type(error).__name__)
            return None

    def _refused(self, why: str, *, reason: str = "") -> Response:
        log.warning("sign_in_refused", why=why)
        return RedirectResponse(f"{SIGN_IN}?refus={reason or 1}", status_code=303)


def local_path(asked: str) -> str:
    """The page to go to after sign-in: a path of ours, the home page for anything that a browser could read as elsewhere."""
    inside = asked.startswith("/") and not asked.startswith(("//", "/\\")) and asked.isprintable() and "\\" not in asked
    return asked if inside and not asked.startswith((SIGN_IN, SIGN_OUT, OWN_DOOR)) else HOME


async def _taken_row(conn: Connection, state: str, browser: str, clock: Clock) -> dict[str, Any] | None:
    row: dict[str, Any] | None = await QUERIES.take_sign_in(
        conn, state=_hash(state), browser=_hash(browser), now=clock.now()
    )  # fmt: skip
    return row


def _with_query(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def _bytes(kept: bytes | None) -> bytes | None:
    return None if kept is None else bytes(kept)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
