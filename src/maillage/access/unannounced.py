"""Documents that wait to be announced to the person: kept from them a month at most (`masks.ANNOUNCED_WITHIN`; CSP R1111-53)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from maillage.access.actors import ActorKind
from maillage.access.audit import Action
from maillage.access.grants import QUERIES
from maillage.access.masks import ANNOUNCED_WITHIN
from maillage.access.permissions import Permission
from maillage.access.references import grantee
from maillage.errors import Forbidden
from maillage.fhir import ids

if TYPE_CHECKING:
    from maillage.access.context import Context

REMINDED_AFTER = timedelta(days=14)
"""Without an announcement by then, the person is told to see a professional (CSP R1111-53), and the author is reminded."""
MOST = 200


@dataclass(frozen=True, slots=True)
class Unannounced:
    """A document (id of its DocumentReference) and when it opens to its person."""

    document: str
    opens: datetime

    @property
    def deposited(self) -> datetime:
        """When it was first kept from them."""
        return self.opens - ANNOUNCED_WITHIN


async def of_author(ctx: "Context") -> list[Unannounced]:
    """Those that whoever acts wrote, the next to open first. Forbidden to who writes none."""
    ctx.require(Permission.DOCUMENT_WRITE)
    if ctx.actor.reference is None:
        return []
    ctx.trace(Action.EXECUTE, "DocumentReference", None, query="unannounced")
    return await _found(ctx, author=ctx.actor.reference)


async def overdue(ctx: "Context") -> list[Unannounced]:
    """All that waited for `REMINDED_AFTER`: for jobs."""
    if ctx.actor.kind is not ActorKind.JOB:
        raise Forbidden("the documents of everybody are looked through by jobs only")
    return await _found(ctx, waited=REMINDED_AFTER)


async def any_overdue(ctx: "Context", patient: str) -> bool:
    """Whether something waits for the person themself since `REMINDED_AFTER` (id of their Patient): no more is said of it. False for anybody else."""
    if ctx.actor.reference != f"Patient/{patient}":
        return False
    ctx.require(Permission.OWN_RECORD_READ, patient=patient)
    return bool(await _found(ctx, patient=patient, waited=REMINDED_AFTER))


async def _found(
    ctx: "Context", *, author: str | None = None, patient: str | None = None, waited: timedelta = timedelta(0)
) -> list[Unannounced]:
    rows = await ctx.run(
        QUERIES.unannounced, now=ctx.now, before=ctx.now + ANNOUNCED_WITHIN - waited, count=MOST,
        author=grantee(author) if author else None, patient=ids.key(patient) if patient else None,
    )  # fmt: skip
    return [Unannounced(row["document"], row["until"]) for row in rows]
