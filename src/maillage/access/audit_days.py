"""The trail of one span of time, for the job that looks for what is unusual: who read whom, when, and what the two have in common.

It reads the lines of the span and the names of those in them, for jobs only; what it compares leaves one line in the trail.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from maillage.access.actors import ActorKind
from maillage.access.audit import Action
from maillage.access.references import grantee
from maillage.db import load_queries
from maillage.errors import Forbidden
from maillage.fhir import ids

if TYPE_CHECKING:
    from maillage.access.context import Context

QUERIES = load_queries("maillage.access")
Rows = list[dict[str, Any]]


class Span:
    """Of the trail, what was done from `since` to before `until`. Forbidden to whoever is no job."""

    def __init__(self, ctx: "Context", since: datetime, until: datetime) -> None:
        if ctx.actor.kind is not ActorKind.JOB:
            raise Forbidden("the accesses of a day are compared by the platform's own job only")
        ctx.trace(Action.EXECUTE, "AuditEvent", None, query=f"compared&date=ge{since.isoformat()}")
        self._ctx = ctx
        self._span = {"since": since, "until": until}

    async def readings(self) -> Rows:
        """A row for each professional and record that they opened."""
        rows: Rows = await self._ctx.run(QUERIES.day_readings, **self._span)
        return rows

    async def hours(self) -> Rows:
        """A row for each professional and hour in which they read."""
        rows: Rows = await self._ctx.run(QUERIES.day_hours, **self._span)
        return rows

    async def opened_again(self) -> Rows:
        """Records opened in an emergency more than once within thirty days; `ended` says that another relation had ended before."""
        rows: Rows = await self._ctx.run(QUERIES.day_again, **self._span)
        for row in rows:
            row["ended"] = await self._ctx.run(
                QUERIES.ended_before, patient=row["patient"], grantee=grantee(row["reference"]), at=row["since"]
            )
        return rows

    async def traits(self, kind: str, keys: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
        """Id, names and addresses of these Patients or Practitioners, by key."""
        rows = await self._ctx.run(QUERIES.traits_of, rt=ids.number(kind), keys=sorted(keys))
        return {row["key"]: row for row in rows}

    async def professionals(self, organizations: Sequence[str]) -> Rows:
        """The names of those who act for these organisations ("Organization/3"), with the key of the organisation."""
        rows: Rows = await self._ctx.run(
            QUERIES.professionals_of, rt=ids.number("Practitioner"), practitioner=ids.edge("PractitionerRole", "practitioner"),
            organization=ids.edge("PractitionerRole", "organization"), keys=[key_of(one) for one in organizations],
        )  # fmt: skip
        return rows


def key_of(reference: str) -> UUID:
    """The key of what a reference like "Practitioner/12" names."""
    return ids.key(reference.rpartition("/")[2])
