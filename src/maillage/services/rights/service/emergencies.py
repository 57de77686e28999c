"""Break-glass: opening a record in an emergency, what the person is told of it, the officer's review."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from maillage.access import emergency
from maillage.access.actors import CARE_ROLES, ActorKind
from maillage.access.context import Context
from maillage.access.emergency import Emergency, Reason, Verdict
from maillage.errors import NotFound
from maillage.services.rights.events import EmergencyOpened
from maillage.services.rights.service.visits import names_of

TOLD = timedelta(days=30)
"""How long the person finds an opening on their first page; afterwards it stays among those who saw the record."""


@dataclass(frozen=True, slots=True)
class Openings:
    """Openings with the names of the organisations by reference; the id after which the next page begins."""

    found: Sequence[Emergency]
    organizations: dict[str, str]
    next: UUID | None

    def houses(self, one: Emergency) -> str:
        """The organisations for which whoever opened it acted, by name."""
        return ", ".join(filter(None, (self.organizations.get(reference) for reference in one.organizations)))


NO_OPENINGS = Openings((), {}, None)
"""What is shown of openings to who is not told of them."""


async def open_in_emergency(ctx: Context, record: str, *, reason: Reason, words: str) -> None:
    """Opens the record (id of a Patient) to whoever acts and tells the person. Errors: `access.emergency.open_record`."""
    opening = await emergency.open_record(ctx, record, reason=reason, words=words)
    ctx.announce(EmergencyOpened(opening=str(opening), patient=record))


async def open_for_call(ctx: Context, record: str, *, number: str) -> None:
    """The same for the doctor who regulates a call. Errors: `access.emergency.open_call`."""
    opening = await emergency.open_call(ctx, record, number=number)
    ctx.announce(EmergencyOpened(opening=str(opening), patient=record))


async def close_emergency(ctx: Context, record: str) -> None:
    """Ends it before its time."""
    await emergency.close_record(ctx, record)


async def emergency_until(ctx: Context, record: str) -> datetime | None:
    """Until when whoever acts has this record open in an emergency, None when they have not (one statement, for those who could)."""
    if ctx.actor.kind is not ActorKind.PROFESSIONAL or not ctx.actor.has(*CARE_ROLES):
        return None
    return await emergency.open_until(ctx, record)


async def emergencies_of(ctx: Context, record: str) -> Openings:
    """Those of the last thirty days, newest first: for the person and their carer."""
    found = await emergency.of_person(ctx, record, since=ctx.now - TOLD)
    return Openings(found, await names_of(ctx, {o for one in found for o in one.organizations}), None)


async def waiting(ctx: Context, *, reviewed: bool, after: str = "") -> Openings:
    """A page for the officer: those to review, or those reviewed. `after` is the id at which the page before ended."""
    found = await emergency.to_review(ctx, reviewed=reviewed, before=_id(after) if after else None)
    names = await names_of(ctx, {o for one in found for o in one.organizations})
    return Openings(found, names, found[-1].id if len(found) == emergency.PAGE else None)


async def review(ctx: Context, id: str, *, verdict: Verdict, remark: str) -> None:
    """The officer's word on one. NotFound, or Invalid, as `access.emergency.review` says."""
    await emergency.review(ctx, _id(id), verdict=verdict, remark=remark)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"no opening has the id {text!r}") from None
