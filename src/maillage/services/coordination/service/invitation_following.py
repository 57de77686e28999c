"""What follows an invitation, by jobs: its Task and notices, the letter, and the circle that who was known to be invited joins."""

from collections.abc import Mapping
from typing import Any

from maillage.access import emergency
from maillage.access.actors import Actor
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.references import local
from maillage.services.coordination.resources.invitation import INVITATION, task_for
from maillage.services.coordination.rules.invitations import Invitation, InvitationState, invitation_of
from maillage.services.coordination.service import circles
from maillage.services.coordination.service.invitations import QUERIES, TRACED
from maillage.services.directory import public as directory
from maillage.services.messaging import public as messaging

INVITED, TO_CONFIRM = "circle-invitation", "circle-invitation-opened"


async def follow(ctx: Context, id: str) -> bool:
    """Whether a letter is to leave. However often it is told, it does what the invitation's state asks for."""
    row = await ctx.run(QUERIES.invitation_held, id=id)
    if row is None:
        return False
    one = invitation_of(row)
    if one.state is InvitationState.ACCEPTED:
        one = await _let_in(ctx, one)
    await ctx.records.write(task_for(one))
    about = f"Task/{one.id}"
    if one.state is InvitationState.SENT and one.invited:
        messaging.notify(
            ctx,
            kind=INVITED,
            about=about,
            patient=one.patient,
            to=[one.invited],
            key=f"{about}#{one.expires:%Y%m%d}",
            sender=one.inviter,
        )
    elif one.state is InvitationState.OPENED:
        messaging.notify(
            ctx, kind=TO_CONFIRM, about=about, patient=one.patient, to=[one.inviter], key=f"{about}#opened", sender=one.opener
        )
    elif one.state in (InvitationState.JOINED, InvitationState.REVOKED):
        messaging.settle(ctx, about=about)
    return one.state is InvitationState.SENT


async def _let_in(ctx: Context, one: Invitation) -> Invitation:
    """Who accepted is in the circle, where whoever invited them still sees the record: nobody is let in by somebody who is out."""
    known = (await directory.professionals(ctx, [one.inviter])).get(one.inviter)
    may = known is not None and await _may_let_in(ctx, directory.reader(known), one.patient)
    if may and one.opener_role:
        await circles.add(
            ctx,
            one.patient,
            one.opener_role,
            version="",
            part=one.part,
            until=one.until,
            words=f", invité par {one.inviter_name}",
        )
    state = InvitationState.JOINED if may else InvitationState.REVOKED
    await ctx.run(QUERIES.move_invitation, id=one.id, state=state, now=ctx.now, by=ctx.actor.id)
    ctx.trace(Action.UPDATE, TRACED, one.id, patient=one.patient, query=state, refused=not may)
    return invitation_of(await ctx.run(QUERIES.invitation, id=one.id))


async def _may_let_in(ctx: Context, inviter: Actor, patient: str) -> bool:
    """Whether they see the record now, and not by an emergency alone."""
    sees = (await ctx.records.seen_by([(inviter, "Patient", patient)]))[0]
    return sees and await emergency.stays_open(ctx, patient, inviter)


@messaging.renders(INVITED)
def words_of_an_invitation(resource: Mapping[str, Any]) -> messaging.Words:
    """« Invitation à un cercle de soins », from whom; of whom it is about its page tells."""
    return messaging.Words(
        "Invitation à un cercle de soins",
        "À accepter ou à laisser",
        _inviter(resource),
        f"/invitation?numero={_number(resource)}",
    )


@messaging.renders(TO_CONFIRM)
def words_of_an_opening(resource: Mapping[str, Any]) -> messaging.Words:
    """Somebody opened the link: are they whom one meant?"""
    patient = (local(resource.get("for")) or "").removeprefix("Patient/")
    return messaging.Words("Invitation ouverte : confirmez qui l’a ouverte", address=f"/patients/{patient}/cercle/membres")


def _inviter(resource: Mapping[str, Any]) -> str:
    return str(resource.get("requester", {}).get("display", ""))


def _number(resource: Mapping[str, Any]) -> str:
    return next((str(one.get("value")) for one in resource.get("identifier", []) if one.get("system") == INVITATION), "")
