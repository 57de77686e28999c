"""Reactions: documents that waited for a steward reach people once it is known whose they are."""

from maillage.access.context import Context
from maillage.jobs import reaction
from maillage.services.documents.service import telling
from maillage.services.identity.events import IdentityLinked, IdentityPromoted


@reaction(IdentityLinked)
async def tell_what_waited(ctx: Context, event: IdentityLinked) -> None:
    """A source identity refers to a regional record: its documents are told as if they came now."""
    await telling.tell(ctx, identity=event.source, record=event.record)


@reaction(IdentityPromoted)
async def tell_of_a_new_person(ctx: Context, event: IdentityPromoted) -> None:
    """A source identity became a record: likewise."""
    await telling.tell(ctx, identity=event.patient, record=event.patient)
