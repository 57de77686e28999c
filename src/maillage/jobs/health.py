"""What `/health` says of the workers: alive, how far behind, and what they set aside."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from maillage.clock import Clock
from maillage.db import Database, load_queries

QUERIES = load_queries("maillage.jobs")
SILENT_AFTER = timedelta(seconds=20)
LATE_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerState:
    """A part of `/health`: whether someone works and keeps up, in words and in figures."""

    ok: bool
    detail: str
    measures: Mapping[str, float]


def worker_probe(database: Database, clock: Clock) -> Callable[[], Awaitable[WorkerState]]:
    """A probe that reads the last heartbeat, the lag of every reaction and the count of what was set aside."""

    async def probe() -> WorkerState:
        now = clock.now()
        async with database.transaction() as conn:
            seen = await QUERIES.last_heartbeat(conn)
            behind = await QUERIES.behind(conn)
            aside = await QUERIES.dead_letter_count(conn)
            failed = await QUERIES.failed_tasks(conn)
        oldest = [row["oldest"] for row in behind if row["oldest"] is not None]
        lag = max((now - min(oldest), timedelta(0))) if oldest else timedelta(0)
        alive = seen is not None and now - seen < SILENT_AFTER
        measures = {
            "lag_seconds": lag.total_seconds(),
            "events_waiting": float(sum(row["waiting"] for row in behind)),
            "events_set_aside": float(aside),
            "tasks_failed": float(failed),
        }
        return WorkerState(ok=alive and lag < LATE_AFTER, detail=_words(alive, lag, aside), measures=measures)

    return probe


def _words(alive: bool, lag: timedelta, aside: int) -> str:
    if not alive:
        return "Aucun traitement en cours : le processus « worker » ne donne pas signe de vie."
    late = f"retard de {lag.total_seconds():.0f} s" if lag >= LATE_AFTER else "à jour"
    if aside == 0:
        return f"Au travail, {late}."
    return f"Au travail, {late} ; événements mis de côté : {aside}."
