"""The guards of what says who sees a record by the person's own will: a choice is about one's own record, and only the person takes it back; only the
person, or the officer for a legal representative, says what somebody of theirs sees."""

from maillage.access.actors import ActorKind
from maillage.access.choices import hidings
from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.access.habilitation.carers import REPRESENTATIVE, scope_of
from maillage.errors import Forbidden, Gone, Invalid, NotFound
from maillage.fhir import ids
from maillage.fhir.change import Change, Verb
from maillage.services.rights.resources import Resource, authority_of, made_by_the_person
from maillage.services.rights.service.carers import is_of_a_minor, refuse_unless_in_their_name

DATA = "Consent.provision.data.reference"


@guard("Consent")
async def keep_choices(ctx: Context, change: Change) -> Resource:
    """Forbidden to professionals where the person made the choice themself, or would seem to have; Invalid where it hides what is not in the record it is about."""
    resource = change.resource
    if ctx.actor.kind in (ActorKind.JOB, ActorKind.SYSTEM):
        return resource
    if ctx.actor.kind is ActorKind.PROFESSIONAL:
        if change.verb is not Verb.CREATE:
            await _refuse_taking_back(ctx, str(resource["id"]))
        if change.verb is not Verb.DELETE and made_by_the_person(resource):
            raise Forbidden("a choice that the person did not make themself says who collected it (Consent.performer)")
    if ctx.actor.kind is ActorKind.CARER:
        await refuse_unless_in_their_name(ctx, resource.get("patient", {}).get("reference", "").removeprefix("Patient/"))
    if change.verb is not Verb.DELETE:
        await _refuse_other_records(ctx, resource)
    return resource


@guard("RelatedPerson")
async def keep_carers(ctx: Context, change: Change) -> Resource:
    """Forbidden to say, or to change, what somebody sees of a record: but to its person, and to them not about legal representatives."""
    resource = change.resource
    if ctx.actor.kind in (ActorKind.JOB, ActorKind.SYSTEM):
        return resource
    stored = await _stored(ctx, resource.get("id"))
    if ctx.actor.kind is ActorKind.PATIENT:
        await _refuse_representing(ctx, resource, stored)
    elif _opening(stored) != (None if change.verb is Verb.DELETE else _opening(resource)):
        raise Forbidden("what somebody sees of a record is for its person to say")
    return resource


async def _refuse_representing(ctx: Context, resource: Resource, stored: Resource) -> None:
    if authority_of(stored) or authority_of(resource):
        raise Forbidden("a legal representative is named, and ended, by the data protection officer")
    if (
        resource.get("patient", {}).get("reference") != ctx.actor.reference
        or stored.get("patient", resource["patient"]) != resource["patient"]
    ):
        raise Forbidden("one names carers of one's own record")
    scope = scope_of(resource)
    if scope and scope.code == REPRESENTATIVE and await is_of_a_minor(ctx, str(ctx.actor.reference).removeprefix("Patient/")):
        raise Forbidden("a minor is represented by those who have parental authority")


async def _stored(ctx: Context, id: str | None) -> Resource:
    try:
        return await ctx.records.read("RelatedPerson", id) if id else {}
    except (NotFound, Gone):
        return {}


_TRAITS = ("patient", "active", "period", "name", "birthDate")
"""Who signs in as this carer, for whom, and until when."""


def _opening(related: Resource) -> tuple[object, ...] | None:
    """All that decides what somebody sees as this RelatedPerson; None where it is nothing."""
    scope = scope_of(related)
    return (scope.code, authority_of(related), *(related.get(name) for name in _TRAITS)) if scope else None


async def _refuse_taking_back(ctx: Context, id: str) -> None:
    try:
        stored = await ctx.records.read("Consent", id)
    except NotFound:
        return
    if made_by_the_person(stored):
        raise Forbidden("the person made this choice themself: only they take it back")


async def _refuse_other_records(ctx: Context, consent: Resource) -> None:
    patient = consent.get("patient", {}).get("reference", "").removeprefix("Patient/")
    for hiding in hidings(consent):
        kind, _, id = hiding.record.partition("/")
        if kind not in ids.TYPES:
            raise Invalid.at(DATA, f"{kind} is no type of R4")
        try:
            stored = await ctx.records.read_raw(kind, id)
        except NotFound:
            raise Invalid.at(DATA, f"{hiding.record} is not in this record") from None
        own = ctx.actor.kind in (ActorKind.PATIENT, ActorKind.CARER)  # who sees their own identities and no others
        if stored.patient is None or (not own and stored.patient != ids.key(patient)):
            raise Invalid.at(DATA, f"{hiding.record} is not in this record")
