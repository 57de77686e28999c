"""Legal representatives: the officer says who, having seen the proof; a reaction lets them in, since the officer sees no record."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from maillage.access.audit import Action
from maillage.access.births import birth_date_of
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.clock import PARIS
from maillage.db import load_queries
from maillage.errors import Invalid, NotFound
from maillage.services.rights.events import GuardianEnded, GuardianNamed
from maillage.services.rights.resources import related_person_of
from maillage.services.rights.rules.carers import PARENTAL, Naming, is_minor, last_day_of_guardian
from maillage.services.rights.service.carers import today

QUERIES = load_queries("maillage.services.rights")
PAGE = 50


@dataclass(frozen=True, slots=True)
class Guardians:
    """A page of them, newest first; the id after which the next page begins."""

    found: Sequence[dict[str, Any]]
    next: UUID | None


async def name_guardian(ctx: Context, record: str, naming: Naming, *, authority: str, proof: str) -> None:
    """Somebody represents the person of this record (id of a Patient) from now on; a parent until the person is of age.

    Invalid (at `dossier`, `titre`) where there is no such record, or a parent is named for somebody of age.
    """
    ctx.require(Permission.GUARDIANS_NAME)
    try:
        born = await birth_date_of(ctx, record, permission=Permission.GUARDIANS_NAME)
    except NotFound:
        raise Invalid.at("dossier", f"no record {record}") from None
    if authority == PARENTAL and not is_minor(born, today(ctx)):
        raise Invalid.at("titre", "parental authority ends at eighteen")
    id = uuid4()
    await ctx.run(
        QUERIES.name_guardian, id=id, record=record, family=naming.family, given=naming.given, birth_date=naming.birth_date,
        authority=authority, proof=proof, last_day=last_day_of_guardian(authority, born, naming.last_day), named=ctx.now, named_by=ctx.actor.name,
    )  # fmt: skip
    ctx.trace(Action.CREATE, "RelatedPerson", str(id), patient=record, query=f"guardian={authority}")
    ctx.announce(GuardianNamed(guardian=str(id)))


async def end_guardian(ctx: Context, id: str) -> None:
    """A legal representative is none any more. NotFound where there is none of this id who is."""
    ctx.require(Permission.GUARDIANS_NAME)
    row = await _row(ctx, id)
    if not await ctx.run(QUERIES.end_guardian, id=row["id"], now=ctx.now, by=ctx.actor.name):
        raise NotFound(f"no legal representative {id} who is one still")
    ctx.trace(Action.UPDATE, "RelatedPerson", id, patient=row["record"], query="guardian=ended")
    ctx.announce(GuardianEnded(guardian=id))


async def guardians(ctx: Context, *, after: str = "") -> Guardians:
    """A page for the officer."""
    ctx.require(Permission.GUARDIANS_NAME)
    ctx.trace(Action.EXECUTE, "RelatedPerson", None, query="guardians")
    found = await ctx.run(QUERIES.guardians, after=_id(after) if after else None, count=PAGE)
    return Guardians(found, found[-1]["id"] if len(found) == PAGE else None)


async def let_in(ctx: Context, id: str) -> None:
    """Writes the RelatedPerson of one who was named, as it stands now: for the reaction."""
    row = await _row(ctx, id)
    naming = Naming(
        family=row["family"], given=row["given"], birth_date=row["birth_date"], link="", scope="representative", last_day=row["last_day"]
    )  # fmt: skip
    since = row["named"].astimezone(PARIS).date()
    related = related_person_of(id, row["record"], naming, since=since, authority=(row["authority"], row["proof"]))
    await ctx.records.write(related | {"active": row["ended"] is None})


async def _row(ctx: Context, id: str) -> dict[str, Any]:
    row: dict[str, Any] | None = await ctx.run(QUERIES.guardian, id=_id(id))
    if row is None:
        raise NotFound(f"no legal representative {id}")
    return row


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"no legal representative has the id {text!r}") from None
