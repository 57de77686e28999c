"""Professionals who may be invited into the circle of somebody, and what the worker does with an invitation."""

from typing import Any

from maillage.access.access import Access
from maillage.access.actors import Actor, job_actor
from maillage.fhir.national import RPPS
from maillage.services.coordination import jobs
from maillage.services.coordination.events import InvitationMoved
from maillage.services.coordination.rules.invitations import Invitation
from maillage.services.coordination.service import invitations
from maillage.services.messaging.events import MatterTold
from maillage.services.messaging.jobs import put_before
from tests.support.people import SEED
from tests.support.teams import GP, works, write_teams

MAILING = job_actor("tests/mail")
NUMBER = {"outsider": "10009999901", "other": "10009999919"}


async def write_people(access: Access) -> None:
    """Two professionals outside of the circle, with their numbers and places; one has an address that the directory knows."""
    await write_teams(access)
    async with access.act(SEED) as ctx:
        for one, number in NUMBER.items():
            person: dict[str, Any] = await ctx.records.read("Practitioner", one)
            mail = {"telecom": [{"system": "email", "value": f"{one}@exemple.fr"}]} if one == "outsider" else {}
            await ctx.records.write(person | mail | {"identifier": [{"system": RPPS, "value": number}]})
        await ctx.records.write(works("outsider", "autre"), works("gp", "autre"))


async def invite(access: Access, actor: Actor = GP, *, email: str = "inconnu@exemple.fr", **more: Any) -> str:
    """An invitation that was sent, and followed by the worker; its id."""
    async with access.act(actor) as ctx:
        id = await invitations.invite(ctx, "p", email=email, **more)
    await follow(access, id)
    return id


async def follow(access: Access, id: str) -> None:
    """What the worker does when an invitation moved."""
    async with access.act(SEED) as ctx:
        await jobs.follow_the_invitation.handler(ctx, InvitationMoved(invitation=id))
        told = [event for event in ctx.announced if isinstance(event, MatterTold)]
    async with access.act(SEED) as ctx:
        for one in told:
            await put_before.handler(ctx, one)


async def link(access: Access, id: str) -> str:
    """The secret of the letter."""
    async with access.act(MAILING) as ctx:
        made = await invitations.new_link(ctx, id)
    assert made is not None
    return made[1]


async def accept(access: Access, actor: Actor, *, secret: str = "", id: str = "") -> Invitation:
    async with access.act(actor) as ctx:
        taken = await invitations.accept(ctx, secret=secret, id=id)
    await follow(access, taken.id)
    return taken


async def states(access: Access) -> list[str]:
    async with access.act(GP, read_only=True) as ctx:
        return [str(one.state) for one in await invitations.of_record(ctx, "p")]
