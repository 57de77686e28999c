"""What a steward decides: the same person (link), a new one (promote), and the way back (undo)."""

from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Conflict, NotFound
from maillage.services.identity.events import IdentityLinked, IdentityPromoted, IdentityUnlinked
from maillage.services.identity.resources import patients
from maillage.services.identity.service.people import QUERIES


async def link(ctx: Context, *, case_id: int, record: str) -> None:
    """The waiting identity is this regional record: it refers to it, and what was filed under it shows with the record."""
    ctx.require(Permission.IDENTITY_STEWARD)
    case = await _open(ctx, case_id)
    source = await ctx.records.read("Patient", case["patient"])
    await _must_be_record(ctx, record, case["patient"])
    if await ctx.run(QUERIES.linked_to, patient=case["patient"]):
        raise Conflict("other identities refer to this one: undo their links first")
    await ctx.records.write(patients.linked(source, record))
    await _decide(ctx, case_id, "linked", record)
    ctx.announce(IdentityLinked(source=case["patient"], record=record))


async def promote(ctx: Context, *, case_id: int) -> str:
    """The waiting identity is a person of their own: it becomes a regional record; answers its number.

    Raises Conflict when a record with the same INS is there already.
    """
    ctx.require(Permission.IDENTITY_STEWARD)
    case = await _open(ctx, case_id)
    source = await ctx.records.read("Patient", case["patient"])
    number: str = await ctx.run(QUERIES.next_number)
    await ctx.records.write(patients.as_regional(source, number))
    await _decide(ctx, case_id, "promoted", case["patient"])
    ctx.announce(IdentityPromoted(patient=case["patient"]))
    return number


async def undo(ctx: Context, *, case_id: int) -> None:
    """Takes a decision back: the identity waits again, nothing of what happened is erased from the history.

    Raises Conflict when other identities were linked to the record that the decision created.
    """
    ctx.require(Permission.IDENTITY_STEWARD)
    case = await ctx.run(QUERIES.case_for_decision, id=case_id)
    if case is None or case["state"] not in ("linked", "promoted"):
        raise NotFound(f"no decision of a steward on the case {case_id}")
    patient = await ctx.records.read("Patient", case["patient"])
    if case["state"] == "promoted":
        if await ctx.run(QUERIES.linked_to, patient=case["patient"]):
            raise Conflict("other identities refer to this record: undo their links first")
        await ctx.records.write(patients.as_source_again(patient))
    else:
        await ctx.records.write(patients.unlinked(patient))
    await ctx.run(QUERIES.reopen_case, id=case_id)
    ctx.announce(IdentityUnlinked(source=case["patient"], record=case["record"]))


async def can_undo(ctx: Context) -> bool:
    """Whether this steward has a decision to take back."""
    ctx.require(Permission.IDENTITY_STEWARD)
    return await ctx.run(QUERIES.last_decision, by=ctx.actor.id) is not None


async def undo_last(ctx: Context) -> int:
    """Takes back the last decision of this steward; answers its case. NotFound when there is none."""
    ctx.require(Permission.IDENTITY_STEWARD)
    case = await ctx.run(QUERIES.last_decision, by=ctx.actor.id)
    if case is None:
        raise NotFound("this steward has no decision to undo")
    await undo(ctx, case_id=case["id"])
    return int(case["id"])


async def _open(ctx: Context, case_id: int) -> dict[str, Any]:
    case: dict[str, Any] | None = await ctx.run(QUERIES.case_for_decision, id=case_id)
    if case is None:
        raise NotFound(f"no case {case_id}")
    if case["state"] != "open":
        raise Conflict(f"the case {case_id} was decided already ({case['state']})")
    return case


async def _must_be_record(ctx: Context, record: str, source: str) -> None:
    if record == source or await ctx.run(QUERIES.record_of, patient=record) != record:
        raise Conflict(f"Patient/{record} is not a regional record to link to")


async def _decide(ctx: Context, case_id: int, state: str, record: str) -> None:
    await ctx.run(QUERIES.decide_case, id=case_id, state=state, at=ctx.now, by=ctx.actor.id, record=record)
