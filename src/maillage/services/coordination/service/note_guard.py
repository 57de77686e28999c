"""What holds of every note of the liaison notebook, whatever the door: who writes signs, and nobody else changes it or takes it away."""

from typing import Any

from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.access.references import local
from maillage.errors import Forbidden, Gone, NotFound
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.resources.note import is_note

Resource = dict[str, Any]


@guard("DocumentReference")
async def keep_notes(ctx: Context, change: Change) -> Resource:
    """Forbidden to a professional to write a note in another's name, to change or to delete another's."""
    resource = change.resource
    if ctx.actor.kind is not ActorKind.PROFESSIONAL:
        return resource
    before = await _before(ctx, change)
    if is_note(before) and not _own(ctx, before):
        raise Forbidden("a note is changed, and taken back, by who wrote it")
    if change.verb is not Verb.DELETE and is_note(resource) and resource.get("author") and not _own(ctx, resource):
        raise Forbidden.at("DocumentReference.author", "a note is signed by who writes it")
    return resource


async def _before(ctx: Context, change: Change) -> Resource:
    if "id" not in change.resource or change.verb is Verb.CREATE:
        return {}
    try:
        return await ctx.records.read("DocumentReference", change.resource["id"])
    except (NotFound, Gone):
        return {}


def _own(ctx: Context, note: Resource) -> bool:
    names = {ctx.actor.reference, ctx.actor.situation, *ctx.actor.organizations}
    return not names.isdisjoint(map(local, note.get("author", [])))
