"""The parts put together: what every process is made of, and the web application."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maillage import logs
from maillage.access import checking
from maillage.access.access import Access
from maillage.access.context import Context
from maillage.access.platform import Platform
from maillage.access.sessions import SessionPolicy
from maillage.access.uploads import Uploads
from maillage.clock import Clock, SystemClock
from maillage.config import Config
from maillage.connectors.clamd import clamd_of
from maillage.connectors.mail.mailer import Mailer, TransportSecurity
from maillage.connectors.transport import is_here
from maillage.db import Database, EmbeddedPostgres
from maillage.errors import SetupError
from maillage.fhir import reindexing
from maillage.fhir.store import Store
from maillage.files import keys_of, open_files
from maillage.files.kinds import media_type
from maillage.files.scanning import NoScanner
from maillage.http.health import Found, Probe, ask
from maillage.jobs.health import worker_probe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send

    from maillage.http.sign_in import Choice

SERVICES = (
    "exchange",
    "rights",
    "accounts",
    "software",
    "identity",
    "directory",
    "documents",
    "messaging",
    "assessment",
    "pathways",
    "coordination",
    "portal",
    "steering",
)
DOORS = ("pages", "operations", "ports", "jobs", "public")


@contextmanager
def database_of(config: Config) -> "Iterator[str]":
    """The DSN of this installation; the embedded server is joined (or started) for as long as it is used."""
    if config.database_url:
        yield config.database_url
        return
    with EmbeddedPostgres(config.data) as server:
        yield server.dsn


@asynccontextmanager
async def platform_of(config: Config, *, clock: Clock | None = None, patience: float = 10.0) -> AsyncIterator[Platform]:
    """The parts of a process, connected. `config.database_url` must be set (see `database_of`).

    `patience`: seconds that a caller waits for a connection before the database counts as gone.
    """
    if not config.database_url:
        raise SetupError("no database: MAILLAGE_DATABASE_URL is empty")
    clock = clock or SystemClock()
    keys = keys_of(config.files_keys, config.files_keys_file)
    files = open_files(config.files_url, folder=config.data / "files", keys=keys)
    sessions = SessionPolicy(
        idle=timedelta(seconds=config.session_idle),
        lifetime=timedelta(seconds=config.session_lifetime),
        proof=timedelta(seconds=config.session_proof),
        most=max(config.session_most, 1),
    )
    async with await Database.open(config.database_url, size=config.database_pool, patience=patience) as database:
        if config.database_replica_url:
            await database.follow(
                config.database_replica_url, size=config.database_pool, patience=config.database_replica_patience
            )
        access = Access(database, store=Store(), files=files, clock=clock, sessions=sessions, uploads=_uploads(config))
        yield Platform(config, clock, database, files, access)


def _uploads(config: Config) -> Uploads:
    types = frozenset(media_type(one) for one in config.upload_types.split(",") if one.strip())
    scanner = clamd_of(config.upload_scanner, patience=config.upload_scanner_patience) if config.upload_scanner else NoScanner()
    return Uploads(longest=config.upload_limit, most=config.upload_count, types=types, scanner=scanner)


def load_services(*doors: str) -> list[Any]:
    """Imports the named modules of every service, so that what they register is known, and answers them."""
    found = []
    for service in SERVICES:
        for door in doors or DOORS:
            name = f"maillage.services.{service}.{door}"
            if find_spec(name):
                found.append(import_module(name))
    return found


OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""A bundle of fifty resources is some 6,000 objects and a caseload of 500 people some 40,000, in no cycle: at Python's own 700 the collector walks
them while they grow."""


def keep_what_is_loaded() -> None:
    """Definitions, services, routes and templates stay for good: the collector need not walk through them again, nor so often through the rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)


def declared_routes(config: Config | None = None) -> list[Any]:
    """Every route of no service, of the services, then of the FHIR door: an operation of a service comes before the door's own interactions."""
    from maillage.http.fhir import fhir_routes
    from maillage.ui.pages import routes as own

    return [
        *own,
        *(route for module in load_services() for route in getattr(module, "routes", ())),
        *fhir_routes(max_body=(config or Config()).body_limit),
    ]


def web(platform: Platform) -> Any:
    """The web application on a platform: every service's routes and the FHIR door."""
    from maillage import ui
    from maillage.http.app import create_app

    if platform.config.demo and not is_here(platform.config.base_url):
        raise SetupError("MAILLAGE_DEMO is for this machine alone: MAILLAGE_BASE_URL is an address that others reach")
    static = Path(ui.__file__).parent / "static" / "build"
    probes: dict[str, Probe] = {
        "worker": worker_probe(platform.database, platform.clock),
        "mail": mailer_of(platform).probe,
        "mllp": _mllp_probe(platform),
        "search": search_probe(platform.database),
        "trail": trail_probe(platform.database, platform.clock),
    }
    _watch(probes)
    return create_app(
        platform,
        declared_routes(platform.config),
        render=ui.render,
        static=static,
        probes=probes,
        choices=_personas() if platform.config.demo else (),
        citizens=_records_of_citizens(),
    )


def _records_of_citizens() -> Any:
    from maillage.services.portal.public import records_of

    return records_of


def mailer_of(platform: Platform) -> Mailer:
    """The SMTP client of this installation."""
    config = platform.config
    return Mailer(
        address=config.smtp, sender=config.mail_from, clock=platform.clock, security=TransportSecurity(config.smtp_tls),
        user=config.smtp_user, password=config.smtp_password,
    )  # fmt: skip


def _personas() -> "list[Choice]":
    """Whom the demonstration offers at sign-in."""
    from maillage.demo.personas import PERSONAS, granted_role
    from maillage.http.sign_in import CARD, CARDLESS, CITIZEN, Choice

    return [
        Choice(
            id=one.id, name=one.name, title=one.title, role=granted_role(one), provider=CITIZEN if one.birth else CARD if one.card else CARDLESS
        )
        for one in PERSONAS
        if one.role != "system"
    ]  # fmt: skip


def _mllp_probe(platform: Platform) -> Probe:
    """Whether the MLLP door accepts a connection, and how much comes through it."""
    from maillage.services.exchange.public import flow

    async def probe() -> Found:
        host, _, port = platform.config.mllp.rpartition(":")
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            return Found(ok=False, detail="La porte HL7v2 ne répond pas : démarrer le processus « mllp ».")
        writer.close()
        measures = await flow(platform.database, now=platform.clock.now())
        return Found(ok=True, detail="La porte HL7v2 répond.", measures=measures)

    return probe


def search_probe(database: Database) -> Probe:
    """Whether every resource is found by the rules of this version."""

    async def probe() -> Found:
        async with database.transaction() as conn:
            indexed = await reindexing.state(conn)
        if indexed.current:
            return Found(ok=True, detail="Les index de recherche sont à jour.")
        return Found(ok=False, detail="À réindexer : une recherche peut ne pas tout trouver. Lancer « maillage reindex ».")

    return probe


VERIFIED_WITHIN = timedelta(hours=36)


def trail_probe(database: Database, clock: Clock) -> Probe:
    """Whether the trail held when it was last verified, and that it was verified lately."""

    async def probe() -> Found:
        async with database.transaction() as conn:
            check = await checking.last(conn)
        if check is None:
            return Found(ok=True, detail="La trace des accès sera vérifiée cette nuit pour la première fois.")
        age = clock.now() - check.at
        measures = {"entries": float(check.entries), "broken": float(check.broken), "age_seconds": age.total_seconds()}
        if check.broken:
            return Found(
                ok=False, detail="La trace des accès ne tient plus : lancer « maillage audit verify ».", measures=measures
            )
        if age > VERIFIED_WITHIN:
            return Found(ok=False, detail="La trace des accès n’a pas été vérifiée la nuit dernière.", measures=measures)
        return Found(ok=True, detail="La trace des accès tient.", measures=measures)

    return probe


WATCHED = {"worker": ("Travaux différés", "processus"), "mail": ("Courriel", "SMTP"), "mllp": ("Porte HL7v2", "MLLP")}


def _watch(probes: Mapping[str, Probe]) -> None:
    """The same parts as lines of the operator's page « Connecteurs »."""
    from maillage.services.exchange.public import Connector, watches

    @watches
    async def lines(_: Context) -> list[Connector]:
        found = await asyncio.gather(*(ask(name, probes[name]) for name in WATCHED))
        return [
            Connector(name=name, kind=kind, state="good" if part.ok else "bad", fact=part.detail)
            for (name, kind), part in zip(WATCHED.values(), found, strict=True)
        ]


class Web:
    """The ASGI application of one web worker: opens its platform when the server starts it, closes it when it stops."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._inner: Any = None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "lifespan":
            await self._inner(scope, receive, send)
            return
        async with platform_of(self._config) as platform:
            self._inner = web(platform)
            keep_what_is_loaded()
            await self._inner(scope, receive, send)


def application() -> Web:
    """The factory that each web worker calls; its settings are in the environment."""
    config = Config.from_env(os.environ)
    logs.configure(config.log_level, process="web")
    return Web(config)
