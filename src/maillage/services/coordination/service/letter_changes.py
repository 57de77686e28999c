"""The changes to treatments that a letter at discharge asks for: shown line by line, and written only once a doctor of the circle has answered."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from maillage.access import matrix
from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.access.habilitation import DOCTOR, profession_of
from maillage.access.permissions import Permission, permits
from maillage.errors import Conflict, Forbidden, NotFound, PreconditionFailed, Unavailable
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.resources import letter_change as answers
from maillage.services.coordination.resources.treatment import CITES, cited
from maillage.services.coordination.rules import letter as rules
from maillage.services.coordination.rules.letter import Proposed
from maillage.services.coordination.service import work
from maillage.services.coordination.service.plans import Cause, Plans, Resource, of_person, to_change, today
from maillage.services.directory import public as directory
from maillage.services.documents import public as documents
from maillage.services.identity import public as identity

LETTER = "11490-0"
"""The type of a letter at discharge (JDV_J07)."""
MANY = 200
_IDS = uuid.UUID("1d0c6b5e-0a3c-4a52-8f55-7a53b8d6b0b1")
ANSWERED = "Un autre médecin a déjà répondu autrement à ce changement."


@dataclass(frozen=True, slots=True)
class Asked:
    """The changes of one letter that wait for an answer; `letter` is its DocumentReference."""

    letter: Resource
    changes: Sequence[Proposed]


async def waiting(ctx: Context, *, patient: str, held: Plans) -> list[Asked]:
    """What the letters that move the plan ask to change, to who reads treatments; nothing to anybody else."""
    if not (letters := _letters(held.causes)) or not permits(ctx.actor, Permission.DOCUMENT_READ):
        return []
    if CITES.keys() & await matrix.types_kept(ctx):
        return []
    found = [Asked(one, [change for change in await _changes(ctx, patient, one) if change.decided is None]) for one in letters]
    return [one for one in found if one.changes]


async def may_answer(ctx: Context, *, patient: str) -> bool:
    """Whether whoever acts is a doctor of the circle."""
    if profession_of(ctx.actor) != DOCTOR or not permits(ctx.actor, Permission.RECORD_WRITE):
        return False
    members = {one.reference for one in await directory.circle(ctx, patient)}
    return bool(members & {ctx.actor.reference, *ctx.actor.organizations})


async def answer(ctx: Context, *, patient: str, plan: str, key: str, version: int, accepts: bool, reason: str) -> None:
    """A doctor of the circle confirms or refuses one change (`key`), of the treatment at `version`. Forbidden, NotFound; PreconditionFailed, Conflict where
    somebody was faster; the same answer again is that answer."""
    await to_change(ctx, patient, plan)
    ctx.require(Permission.RECORD_WRITE, patient=patient)
    if not await may_answer(ctx, patient=patient):
        raise Forbidden("changes that a letter asks for are confirmed by a doctor of the circle")
    letter, change = await _one(ctx, patient, key)
    if _answered(change, accepts):
        return
    if change.version != version:
        raise PreconditionFailed("changed meanwhile")
    try:
        async with ctx.savepoint():
            await _write(ctx, patient, letter, change, accepts=accepts, reason=reason)
    except (Conflict, PreconditionFailed):
        _, now = await _one(ctx, patient, key)
        if not _answered(now, accepts):
            raise


def _answered(change: Proposed, accepts: bool) -> bool:
    """Whether this very answer was given; Conflict where it was the opposite."""
    if change.decided is not None and change.followed != accepts:
        raise Conflict("another doctor answered already", french=ANSWERED)
    return change.decided is not None


async def _write(ctx: Context, patient: str, letter: str, change: Proposed, *, accepts: bool, reason: str) -> None:
    by: Resource = {"reference": ctx.actor.reference, "display": ctx.actor.name}
    if change.held:
        made = [
            answers.changed(change, one, letter=letter, accepts=accepts, reason=reason, by=by, at=ctx.now) for one in change.alike
        ]
        await ctx.records.write_all(made)
        return
    id = str(uuid.uuid5(_IDS, f"{letter}|{patient}|{change.key}"))
    new = answers.added(change, id=id, patient=patient, letter=letter, accepts=accepts, reason=reason, by=by, at=ctx.now)
    await ctx.records.write_changes([Change(Verb.CREATE, new)])


async def ask(ctx: Context, *, patient: str, plan: str, letter: str, owner: str) -> None:
    """Asks a doctor of the circle to answer: a task of theirs, once for each letter and doctor. It names no treatment: their list may be read by others."""
    resource = await to_change(ctx, patient, plan)
    if letter not in {one["id"] for one in _letters((await of_person(ctx, patient)).causes)}:
        raise NotFound(f"DocumentReference/{letter} does not move this plan")
    asked = work.Asked(
        title="Répondre à la lettre de sortie", owner=owner, due=ctx.now + timedelta(days=2), priority="urgent", remind=None,
        description="La lettre demande des changements de traitement : à confirmer ou à refuser sur la page du plan. Rien n’est modifié avant.",
    )  # fmt: skip
    await work.create(
        ctx, id=str(uuid.uuid5(_IDS, f"{resource['id']}|{letter}|{owner}|{ctx.actor.reference}")), patient=patient, asked=asked
    )


@guard("MedicationStatement")
async def keep_statements(ctx: Context, change: Change) -> Resource:
    """As `keep_requests`."""
    return await _keep(ctx, change)


@guard("MedicationRequest")
async def keep_requests(ctx: Context, change: Change) -> Resource:
    """At every door only a doctor of the circle answers a letter at discharge: Forbidden for another person to write that a treatment was decided by it."""
    return await _keep(ctx, change)


async def _keep(ctx: Context, change: Change) -> Resource:
    resource = change.resource
    if change.verb is Verb.DELETE or ctx.actor.kind in (ActorKind.JOB, ActorKind.SYSTEM):
        return resource
    named = {one for one in cited(resource) if one.startswith("DocumentReference/")}
    if not named:
        return resource
    before = await ctx.records.before(change)
    if not (new := named - (cited(before) if before else set())):
        return resource
    ids = ",".join(sorted(one.partition("/")[2] for one in new))
    found = await ctx.records.find("DocumentReference", [("_id", ids), ("_count", str(MANY))])
    if any(documents.summary(one).type_code == LETTER for one in found):
        subject = str(resource.get("subject", {}).get("reference", "")).removeprefix("Patient/")
        if not await may_answer(ctx, patient=subject):
            raise Forbidden("what a letter at discharge asks to change is answered by a doctor of the circle")
    return resource


async def _one(ctx: Context, patient: str, key: str) -> tuple[str, Proposed]:
    for letter in _letters((await of_person(ctx, patient)).causes):
        for change in await _changes(ctx, patient, letter):
            if change.key == key:
                return f"DocumentReference/{letter['id']}", change
    raise NotFound(f"no letter asks for the change {key}")


def _letters(causes: Sequence[Cause]) -> list[Resource]:
    """The letters among what moves the plan that still stand."""
    named = [one.document for one in causes if one.document and one.document["resourceType"] == "DocumentReference"]
    return [one for one in named if one["status"] == "current" and documents.summary(one).type_code == LETTER]


async def _changes(ctx: Context, patient: str, letter: Resource) -> list[Proposed]:
    try:
        asked = await documents.treatments(ctx, letter["id"])
    except (NotFound, Unavailable):
        return []
    if not asked:
        return []
    held = await ctx.records.compartment(await identity.identities_of(ctx, patient), dict.fromkeys(CITES, MANY))
    return rules.proposed(
        f"DocumentReference/{letter['id']}", asked, [one for kind in CITES for one in held.get(kind, [])], today=today(ctx).isoformat()
    )  # fmt: skip
