"""What holds of every note of the liaison notebook, whatever the door: who writes signs, and nobody else changes it or takes it away."""

from typing import Any

from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.access.references import local
from maillage.errors import Forbidden
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.resources.note import is_note

Resource = dict[str, Any]
AT_HOME = frozenset({ActorKind.PATIENT, ActorKind.CARER})
PEOPLE = AT_HOME | {ActorKind.PROFESSIONAL}


@guard("DocumentReference")
async def keep_notes(ctx: Context, change: Change) -> Resource:
    """Forbidden to a person to write a note in another's name, to change or to delete another's; who is no professional writes over nothing but their notes."""
    resource = change.resource
    if ctx.actor.kind not in PEOPLE:
        return resource
    before = await ctx.records.before(change)
    if before and ctx.actor.kind in AT_HOME and not is_note(before):
        raise Forbidden("a document is not written over by a note")
    if is_note(before) and not _own(ctx, before):
        raise Forbidden("a note is changed, and taken back, by who wrote it")
    if change.verb is not Verb.DELETE and is_note(resource) and resource.get("author") and not _own(ctx, resource):
        raise Forbidden.at("DocumentReference.author", "a note is signed by who writes it")
    return resource


@guard("Media")
async def keep_photographs(ctx: Context, change: Change) -> Resource:
    """Forbidden to who is no professional to write over a photograph that is not theirs, or to join one to a note that is not."""
    if ctx.actor.kind not in AT_HOME:
        return change.resource
    before = await ctx.records.before(change)
    if before and local(before.get("operator")) != ctx.actor.reference:
        raise Forbidden("a photograph is taken back by who took it")
    for part in map(local, change.resource.get("partOf", [])):
        kind, _, id = (part or "").partition("/")
        note = await ctx.records.before(Change.delete(kind, id))  # as it stands: a look of ours is nobody's access
        if note and not _own(ctx, note):
            raise Forbidden.at("Media.partOf", "a photograph is joined to one's own note")
    return change.resource


def _own(ctx: Context, note: Resource) -> bool:
    names = {ctx.actor.reference, ctx.actor.situation, *ctx.actor.organizations}
    return not names.isdisjoint(map(local, note.get("author", [])))
