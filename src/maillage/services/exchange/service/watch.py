"""The health of the connectors: MLLP sources by what they sent, and the lines that other services add."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.db import Database, load_queries
from maillage.services.exchange import rules

QUERIES = load_queries("maillage.services.exchange")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """One line of the page. `state`: "good", "watch" or "bad"; `fact` in French, with what to do when it is not good."""

    name: str
    kind: str
    state: str
    fact: str
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """What a source sent: messages of the last hour and day, refused ones of the day, and what waits in quarantine."""

    source: str
    state: str
    last_at: datetime
    hour: int
    day: int
    refused: int
    waiting: int


Probe: TypeAlias = Callable[[Context], Awaitable[Sequence[Connector]]]

_probes: list[Probe] = []


def watches(probe: Probe) -> Probe:
    """Registers a probe whose lines stand on the page of the connectors. It must answer within a second and never raise
    for what it watches: a connector that fails is a line with the state "bad"."""
    if probe not in _probes:
        _probes.append(probe)
    return probe


async def sources(ctx: Context) -> list[SourceHealth]:
    """The MLLP sources of the last 30 days, the latest first."""
    ctx.require(Permission.CONNECTORS_READ)
    rows = await ctx.run(QUERIES.sources, now=ctx.now)
    return [
        SourceHealth(**row, state=rules.source_state(last_at=row["last_at"], waiting=row["waiting"], now=ctx.now)) for row in rows
    ]


async def connectors(ctx: Context) -> list[Connector]:
    """The lines of all registered probes."""
    ctx.require(Permission.CONNECTORS_READ)
    return [line for probe in _probes for line in await probe(ctx)]


async def flow(database: Database, *, now: datetime) -> dict[str, float]:
    """Counts of the last hour and of the quarantine, for `/metrics`: who reads them is nobody in particular."""
    async with database.transaction() as conn:
        row = await QUERIES.flow(conn, now=now)
    return {name: float(value) for name, value in row.items()}
