"""« Depuis votre visite »: what others wrote in a record since whoever looks said that they had seen it. Opening says nothing; saying can be taken back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.access.permissions import Permission
from maillage.db import load_queries
from maillage.fhir.record import Changed, Place
from maillage.services.coordination.resources import changes
from maillage.services.coordination.resources.changes import Fact
from maillage.services.identity import public as identity

QUERIES = load_queries("maillage.services.coordination")
TYPES = (
    "AllergyIntolerance", "Appointment", "CarePlan", "CareTeam", "ClinicalImpression", "Communication", "Condition", "Coverage",
    "DocumentReference", "Encounter", "EpisodeOfCare", "Flag", "Goal", "Immunization", "MedicationRequest", "MedicationStatement", "Observation",
    "Patient", "Procedure", "QuestionnaireResponse", "RelatedPerson", "ServiceRequest", "Task",
)  # fmt: skip
FIRST_VISIT = timedelta(days=30)
"""How far back is told to who never said that they had seen a record."""
MOST = 60


@dataclass(frozen=True, slots=True)
class Since:
    """What changed for whoever looks. `since` is when they said « vu », None if never; `now` is the place to say it of; `undoable`: their last « vu » can be
    taken back; `more`: more was written than is told."""

    since: Place | None
    now: Place
    facts: list[Fact]
    more: bool
    undoable: bool

    @property
    def marks(self) -> dict[str, Fact]:
        """The facts by the reference of what changed."""
        return {fact.line.reference: fact for fact in self.facts}


async def since_visit(ctx: Context, *, patient: str, identities: Sequence[str], types: Sequence[str] = TYPES) -> Since:
    """What others changed in a record (`identities`: it, and what is linked to it), the last first. In two statements, three where something did."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    row = await ctx.run(QUERIES.seen, reader=_reader(ctx), patient=identities[0])
    since = Place(row["at"], row["horizon"]) if row else None
    now, found = await ctx.records.changed(identities, types, since=since or Place(ctx.now - FIRST_VISIT), most=MOST)
    facts = [fact for one in found if (fact := _fact(one, patient)) is not None]
    return Since(since, now, facts, len(found) == MOST, row is not None)


async def mark(ctx: Context, *, patient: str, until: str) -> None:
    """Whoever acts has seen the record until a place in the log, that of the page they saw; one before the last, or to come, changes nothing.

    NotFound where they may not see the record, Invalid for no place.
    """
    ctx.require(Permission.RECORD_READ, patient=patient)
    place = Place.of(until)
    record = await _record(ctx, patient)
    await ctx.run(QUERIES.mark_seen, reader=_reader(ctx), patient=record, at=place.at, horizon=place.horizon)


async def lately(ctx: Context, *, most: int) -> list[str]:
    """The ids of the people whose record whoever acts last said that they had seen, the last first; of some of them they may see nothing any more."""
    ctx.require(Permission.PATIENT_SEARCH)
    return [str(row["patient"]) for row in await ctx.run(QUERIES.seen_lately, reader=_reader(ctx), most=most)]


async def take_back(ctx: Context, *, patient: str) -> None:
    """Takes the last « vu » back; where there is none, nothing happens."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    await ctx.run(QUERIES.take_seen_back, reader=_reader(ctx), patient=await _record(ctx, patient))


@forgets
async def forget_seen(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """Who had seen a record that is erased, and what people whose record is had seen. No document of ours is unnamed by it."""
    patients = [one.id for one in erased if one.type == "Patient"]
    readers = [one.name for one in erased if one.type in ("Patient", "RelatedPerson")]
    if patients or readers:
        await ctx.run(QUERIES.forget_seen, patients=patients, readers=readers)
    return []


def _fact(one: Changed, patient: str) -> Fact | None:
    now = one.now.resource if one.now.body is not None else None
    return changes.fact(one.before.resource if one.before else None, now, written=one.now.updated, patient=patient)


async def _record(ctx: Context, patient: str) -> str:
    """The record that a Patient id means. NotFound where whoever acts may not see that Patient."""
    await ctx.records.read("Patient", patient)
    return (await identity.identities_of(ctx, patient))[0]


def _reader(ctx: Context) -> str:
    return ctx.actor.reference or ctx.actor.id
