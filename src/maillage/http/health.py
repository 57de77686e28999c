"""`/health`: whether each part of the platform works, for machines (JSON) and operators (a short page in French)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Protocol

import msgspec
import structlog
from starlette.responses import Response

from maillage.db import Database, load_queries
from maillage.files import Files
from maillage.http.faults import plain_page
from maillage.http.request import Request

log = structlog.get_logger(__name__)

QUERIES = load_queries("maillage.http")
PATIENCE = 2.0


class Part(Protocol):
    """The state of one part, in whatever class its owner has. `detail` is a sentence in French; `measures` are for `/metrics`."""

    @property
    def ok(self) -> bool: ...

    @property
    def detail(self) -> str: ...

    @property
    def measures(self) -> Mapping[str, float]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A `Part` that a probe of this package found."""

    ok: bool
    detail: str
    measures: Mapping[str, float] = field(default_factory=dict)


Probe = Callable[[], Awaitable[Part]]


@dataclass(frozen=True, slots=True)
class Health:
    """What all probes found. The platform can serve while its vital parts are up; otherwise it is degraded or down."""

    parts: dict[str, Part]
    vital: frozenset[str]

    @property
    def status(self) -> str:
        """`ok`, `degraded` (a part is down) or `down` (a vital one is)."""
        if any(not self.parts[name].ok for name in self.vital):
            return "down"
        return "ok" if all(part.ok for part in self.parts.values()) else "degraded"


class Probes:
    """The registry of probes: each part of the platform adds its own."""

    def __init__(self) -> None:
        self._probes: dict[str, Probe] = {}
        self._vital: set[str] = set()

    def add(self, name: str, probe: Probe, *, vital: bool = False) -> None:
        """Register the probe of a part; without a `vital` part the platform cannot answer at all."""
        self._probes[name] = probe
        if vital:
            self._vital.add(name)

    async def look(self) -> Health:
        """Ask every probe at once (`ask`)."""
        found = await asyncio.gather(*(ask(name, probe) for name, probe in self._probes.items()))
        return Health(dict(zip(self._probes, found, strict=True)), frozenset(self._vital))


async def ask(name: str, probe: Probe) -> Part:
    """The state of one part; one whose probe fails or is slower than PATIENCE seconds is down."""
    try:
        return await asyncio.wait_for(probe(), PATIENCE)
    except TimeoutError:
        return Found(ok=False, detail=f"Pas de réponse en {PATIENCE:.0f} s.")
    except Exception as error:  # noqa: BLE001  # a process edge: whatever a probe meets is its part's state
        log.warning("probe_failed", part=name, error=type(error).__name__)
        return Found(ok=False, detail=f"En panne ({type(error).__name__}).")


def database_probe(database: Database) -> Probe:
    """A statement on a pooled connection, and how busy the pool is."""

    async def probe() -> Found:
        async with database.transaction() as conn:
            await QUERIES.ping(conn)
        statistics = database.statistics()
        kept = (
            "pool_size",
            "pool_available",
            "requests_waiting",
            "requests_errors",
            *(n for n in statistics if n.startswith("replica_")),
        )
        return Found(ok=True, detail="La base répond.", measures={name: float(statistics.get(name, 0)) for name in kept})

    return probe


def files_probe(files: Files) -> Probe:
    """A byte written to the document store, read again and removed."""

    async def probe() -> Found:
        await files.probe()
        return Found(ok=True, detail="Les documents peuvent être écrits et lus.")

    return probe


async def answer_health(request: Request, ctx: None) -> Response:
    """GET /health: 200 while the platform can answer, 503 when a vital part is down."""
    health = await request.app.state.probes.look()
    status = 503 if health.status == "down" else 200
    if request.wants_html:
        return _page(request, health, status)
    parts = {
        name: {
            "status": "ok" if part.ok else "down",
            "detail": part.detail,
            **({"measures": part.measures} if part.measures else {}),
        }
        for name, part in health.parts.items()
    }
    return Response(
        msgspec.json.encode({"status": health.status, "parts": parts}), status_code=status, media_type="application/json"
    )


_TITLES = {"ok": "Tout fonctionne", "degraded": "Une partie ne fonctionne pas", "down": "La plateforme ne peut pas répondre"}
_NAMES = {
    "database": "Base de données",
    "files": "Documents",
    "worker": "Traitements",
    "search": "Recherche",
    "trail": "Trace des accès",
    "mail": "Messagerie",
    "mllp": "Réception HL7 (MLLP)",
}
TEMPLATE = "health.html"


def _page(request: Request, health: Health, status: int) -> Response:
    render = request.app.state.render
    title = _TITLES[health.status]
    if render is None:
        lines = (f"<li>{escape(_NAMES.get(name, name))} : {escape(part.detail)}</li>" for name, part in health.parts.items())
        return plain_page(title, f"<ul>{''.join(lines)}</ul>", status=status)
    response: Response = render(request, None, TEMPLATE, title=title, names=_NAMES, parts=health.parts)
    response.status_code = status
    return response
