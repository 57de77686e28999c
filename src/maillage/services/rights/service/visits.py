"""Who looked at a record, as its person reads it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from maillage.access.actors import ActorKind, Role
from maillage.access.audit import PEOPLE, Position, software_of
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.software import names_of_software
from maillage.errors import Forbidden
from maillage.services.rights import rules
from maillage.services.rights.rules import Line, Visit
from maillage.services.rights.service.carers import sees_the_trail

LINES = 200
MACHINES = (ActorKind.SYSTEM, ActorKind.JOB)


@dataclass(frozen=True, slots=True)
class Visits:
    """A page of visits, newest first. `organizations` gives names by reference, `software` by client id; `next` is the cursor of the page after."""

    visits: list[Visit]
    organizations: dict[str, str]
    next: str | None
    software: dict[str, str] = field(default_factory=dict)


async def who_looked(
    ctx: Context, patient: str, *, before: str | None = None, machines: bool = False, lines: int = LINES
) -> Visits:
    """Who touched the record of this patient ("12" of Patient/12), without the reader's own visits.

    Forbidden to whoever may not read it; NotFound when it is not a record of theirs.
    """
    ctx.require(Permission.OWN_ACCESS_READ, patient=patient)
    await _refuse_who_sees_a_part(ctx)
    kinds = (*PEOPLE, *MACHINES) if machines else PEOPLE
    position = Position.parse(before) if before else None
    rows = await ctx.records.trail(patient, kinds=kinds, leaving_out=ctx.actor.reference, before=position, count=lines)
    found = rules.visits((_line(row, patient) for row in rows), await _titles(ctx, rows))
    last = rows[-1] if len(rows) == lines else None
    following = str(Position(last["at"], last["chain"], last["batch"], last["place"])) if last else None
    organizations = await names_of(ctx, {o for visit in found for o in visit.organizations})
    software = await names_of_software(ctx, {visit.software for visit in found if visit.software})
    return Visits(found, organizations, following, software)


async def who_opened(ctx: Context, patient: str, document: str) -> list[Visit]:
    """Who opened one document of this patient (id of its DocumentReference), newest first, without the reader's own visits."""
    ctx.require(Permission.OWN_ACCESS_READ, patient=patient)
    await _refuse_who_sees_a_part(ctx)
    rows = await ctx.records.trail(patient, leaving_out=ctx.actor.reference, document=document, count=LINES)
    return rules.visits((_line(row, patient) for row in rows), {})


async def person_of(ctx: Context) -> str:
    """Whose record the actor reads as their own: the patient themself, or the person a carer cares for; the id of the Patient."""
    kind, _, id = (ctx.actor.reference or "").partition("/")
    if kind == "Patient":
        return id
    if kind == "RelatedPerson" and ctx.actor.has(Role.CARER):
        relation = await ctx.records.read("RelatedPerson", id)
        return str(relation["patient"]["reference"]).removeprefix("Patient/")
    raise Forbidden("this page is that of a patient or of a carer")


async def _refuse_who_sees_a_part(ctx: Context) -> None:
    if not await sees_the_trail(ctx):
        raise Forbidden("this carer was not let see who looked at the record")


async def _titles(ctx: Context, rows: Iterable[dict[str, Any]]) -> dict[str, str]:
    """The titles of the documents named in these lines that the reader may see; of the others nothing is said."""
    named = {row["id"] for row in rows if row["type"] == "DocumentReference" and row["id"] and row["outcome"] == "0"}
    documents = (
        await ctx.records.find("DocumentReference", {"_id": ",".join(sorted(named)), "_count": str(LINES)}) if named else []
    )
    return {document["id"]: rules.title_of(document) for document in documents}


async def names_of(ctx: Context, references: Collection[str]) -> dict[str, str]:
    """The names of organisations by reference ("Organization/3")."""
    ids = sorted(reference.removeprefix("Organization/") for reference in references)
    found = await ctx.records.find("Organization", {"_id": ",".join(ids), "_count": str(len(ids))}) if ids else []
    return {f"Organization/{one['id']}": one.get("name", "") for one in found}


def _line(row: dict[str, Any], patient: str) -> Line:
    return Line(
        at=row["at"],
        actor=row["actor"],
        kind=row["kind"],
        name=row["name"],
        roles=tuple(row["roles"]),
        organizations=tuple(row["organizations"]),
        purpose=row["purpose"],
        action=row["action"],
        type=row["type"],
        id=row["id"],
        query=row["query"],
        outcome=row["outcome"],
        own=row["reference"] == f"Patient/{patient}",
        software=software_of(row["door"]),
    )
