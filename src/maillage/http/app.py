"""The web application of one process: every declared route behind the wrapper, and what they share."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Self

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from maillage.access.access import Access
from maillage.access.permissions import Permission
from maillage.access.platform import Platform
from maillage.clock import Clock
from maillage.config import PREFIX, Config
from maillage.connectors import franceconnect
from maillage.connectors.psc import Provider, RelyingParty
from maillage.connectors.psc.relying_party import PSC_ACR, PSC_SCOPE, origin
from maillage.connectors.transport import is_private
from maillage.errors import Invalid, MaillageError, NotFound, SetupError
from maillage.http import searches
from maillage.http.built import BuiltFiles
from maillage.http.certificates import certificates_of
from maillage.http.cors import OtherSites
from maillage.http.envelope import Envelope
from maillage.http.faults import MethodNotAllowed, Render, answer_fault
from maillage.http.headers import security_headers
from maillage.http.health import Probe, Probes, answer_health, database_probe, files_probe
from maillage.http.live import Live, answer_live, closed_when_told_to_stop
from maillage.http.metrics import Metrics, answer_metrics
from maillage.http.origins import trusted
from maillage.http.rates import Limits, Rates
from maillage.http.request import Request
from maillage.http.routes import Declared, bare, stream
from maillage.http.segments import RoutesBySegment
from maillage.http.sign_in import CARD, CARDLESS, CITIZEN, Choice, Citizens, SignIn
from maillage.http.visitors import Visitors
from maillage.http.wrapper import Answer, mounted


def create_app(
    platform: Platform,
    routes: Iterable[Declared],
    *,
    render: Render | None = None,
    static: Path | None = None,
    probes: Mapping[str, Probe] | None = None,
    choices: Sequence[Choice] = (),
    citizens: Citizens | None = None,
) -> Starlette:
    """The application that serves these routes and the platform's own (sign-in, live notices, health, metrics, static files).

    `render` is `ui.render`, `static` the folder of built files (their names carry a hash, they are cached for a year),
    `probes` adds parts to `/health`, `choices` offers personas at sign-in, `citizens` finds the records of a citizen.
    Things that routes need are on `request.app.state`: `platform`, `visitors`, `live`, `probes`, `metrics`.
    """
    config = platform.config
    secure = config.base_url.startswith("https:")
    proxies = trusted(config.proxies)
    certificates = certificates_of(config, proxies)
    visitors = Visitors(platform.access, secure=secure, lifetime=config.session_lifetime, certificates=certificates)
    parties = relying_parties(config, platform.clock)
    live = Live(platform.database)
    sign_in = SignIn(
        database=platform.database, access=platform.access, clock=platform.clock, visitors=visitors, parties=parties,
        base_url=config.base_url, choices=choices, render=render, citizens=citizens,
    )  # fmt: skip
    declared = [*own_routes(), *sign_in.routes(), *routes]
    metrics = Metrics()
    origins = sorted({origin(party.provider.issuer) for party in parties.values()})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await live.start()
        with closed_when_told_to_stop(live):
            yield
        await live.stop()
        for party in parties.values():
            await party.close()

    routes_by_segment = _mounted(declared, platform.access, visitors, render, static)
    security = security_headers(secure=secure, sign_in_origins=origins)
    app = _Application(routes_by_segment, Envelope(OtherSites(routes_by_segment), metrics=metrics, security=security), lifespan)
    app.state.platform = platform
    app.state.declared = declared
    app.state.render = render
    app.state.visitors = visitors
    app.state.live = live
    app.state.rates = Rates(Limits(people=config.rate_people, machines=config.rate_machines, strangers=config.rate_strangers))
    app.state.proxies = proxies
    app.state.metrics = metrics
    app.state.probes = _probes(platform, probes or {})
    return app


class _Application(Starlette):
    """Starlette, for what starts with the process and ends with it. A request goes through its envelope to the routes at once: Starlette's
    own layers around them answer what an endpoint raises, which `Answer` has done, at a tenth of what a read costs."""

    def __init__(self, routes: RoutesBySegment, requests: ASGIApp, lifespan: Lifespan[Self]) -> None:
        super().__init__(routes=[routes], lifespan=lifespan)
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await (self._requests if scope["type"] == "http" else self.router)(scope, receive, send)


def relying_parties(config: Config, clock: Clock) -> dict[str, RelyingParty]:
    """The clients of the identity providers that the operator configured; none without an issuer."""
    found = []
    for name in ("psc_issuer", "psc_discovery", "cardless_issuer", "citizen_issuer", "citizen_discovery"):
        if (address := getattr(config, name)) and not is_private(address):
            raise SetupError(
                f"{PREFIX}{name.upper()} is spoken to without TLS: who is on the way could say who signs in; use https"
            )
    if config.citizen_issuer:
        found.append(Provider(
            name=CITIZEN, issuer=config.citizen_issuer, discovery=config.citizen_discovery, client_id=config.citizen_client_id,
            client_secret=config.citizen_client_secret, scope=franceconnect.SCOPE, acr=franceconnect.ACR, sign_out_state=True,
        ))  # fmt: skip
    if config.psc_issuer:
        found.append(Provider(
            name=CARD, issuer=config.psc_issuer, discovery=config.psc_discovery, client_id=config.psc_client_id,
            client_secret=config.psc_client_secret, scope=PSC_SCOPE, acr=PSC_ACR,
        ))  # fmt: skip
        found.append(Provider(
            name=CARDLESS, issuer=config.cardless_issuer or config.psc_issuer, client_id=config.cardless_client_id,
            client_secret=config.cardless_client_secret, scope="openid profile",
        ))  # fmt: skip
    return {provider.name: RelyingParty(provider, clock) for provider in found}


def own_routes() -> list[Declared]:
    """The routes of the platform itself, sign-in apart."""
    return [
        bare("/health", answer_health),
        bare("/metrics", answer_metrics),
        *searches.routes,
        stream("/flux", answer_live, permission=Permission.SIGNED_IN),
    ]


def _mounted(
    declared: Iterable[Declared], access: Access, visitors: Visitors, render: Render | None, static: Path | None
) -> RoutesBySegment:
    routes: list[Route | Mount] = [mounted(one, Answer(one, access=access, visitors=visitors, render=render)) for one in declared]
    if static is not None:
        routes.append(Mount("/static", BuiltFiles(directory=static), name="static"))
    return RoutesBySegment(routes, unrouted=partial(_unrouted, render))


def _probes(platform: Platform, more: Mapping[str, Probe]) -> Probes:
    probes = Probes()
    probes.add("database", database_probe(platform.database), vital=True)
    probes.add("files", files_probe(platform.files))
    for name, probe in more.items():
        probes.add(name, probe)
    return probes


def _unrouted(render: Render | None, scope: Scope, error: HTTPException) -> Response:
    return answer_fault(Request(scope), _fault_of(error), render)


def _fault_of(error: HTTPException) -> MaillageError:
    if error.status_code == 405:
        return MethodNotAllowed("This address does not answer that method.")
    if error.status_code == 404:
        return NotFound("Nothing at this address.")
    return Invalid(f"The request was refused ({error.status_code}).")
