"""The guard of every Consent write: a choice is about one's own record, and what the person said themself only they take back."""

from maillage.access.actors import ActorKind
from maillage.access.choices import hidings
from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.fhir import ids
from maillage.fhir.change import Change, Verb
from maillage.services.rights.resources import Resource, made_by_the_person

DATA = "Consent.provision.data.reference"


@guard("Consent")
async def keep_choices(ctx: Context, change: Change) -> Resource:
    """Forbidden to professionals where the person made the choice themself; Invalid where it hides what is not in the record it is about."""
    resource = change.resource
    if ctx.actor.kind in (ActorKind.JOB, ActorKind.SYSTEM):
        return resource
    if ctx.actor.kind is ActorKind.PROFESSIONAL and change.verb is not Verb.CREATE:
        await _refuse_taking_back(ctx, str(resource["id"]))
    if change.verb is not Verb.DELETE:
        await _refuse_other_records(ctx, resource)
    return resource


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
        own = ctx.actor.kind is ActorKind.PATIENT  # who sees their own identities and no others
        if stored.patient is None or (not own and stored.patient != ids.key(patient)):
            raise Invalid.at(DATA, f"{hiding.record} is not in this record")
