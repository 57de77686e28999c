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


@guard("DocumentReference")
async def keep_notes(ctx: Context, change: Change) -> Resource:
    """Forbidden to a professional to write a note in another's name, to change or to delete another's."""
    resource = change.resource
    if ctx.actor.kind is not ActorKind.PROFESSIONAL:
        return resource
    before = await ctx.records.before(change)
    if is_note(before) and not _own(ctx, before):
        raise Forbidden("a note is changed, and taken back, by who wrote it")
    if change.verb is not Verb.DELETE and is_note(resource) and resource.get("author") and not _own(ctx, resource):
        raise Forbidden.at("DocumentReference.author", "a note is signed by who writes it")
    return resource


def _own(ctx: Context, note: Resource) -> bool:
    names = {ctx.actor.reference, ctx.actor.situation, *ctx.actor.organizations}
    return not names.isdisjoint(map(local, note.get("author", [])))
