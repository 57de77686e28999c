"""Invitations into a circle by a link in a letter: sent, opened by who was invited, confirmed where that was not known, taken back."""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NoReturn

from maillage.access import emergency
from maillage.access.access import Access
from maillage.access.actors import CIRCLE_ROLES, ActorKind, job_actor
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.erasing import Erased, forgets
from maillage.access.permissions import Permission, permits
from maillage.access.tokens import hashed
from maillage.db import load_queries
from maillage.errors import Conflict, Forbidden, Gone, Invalid, NotFound
from maillage.fhir.dates import ZONE
from maillage.fhir.national import IDNPS, RPPS
from maillage.services.accounts import public as accounts
from maillage.services.coordination.events import InvitationMoved
from maillage.services.coordination.resources.circle import PARTS
from maillage.services.coordination.rules import invitations as rules
from maillage.services.coordination.rules.invitations import Invitation, InvitationState, Refused, invitation_of
from maillage.services.coordination.service import circles
from maillage.services.directory import public as directory
from maillage.ui.words import person_name

QUERIES = load_queries("maillage.services.coordination")
READING = job_actor("coordination/invite")
"""Reads the name of the person for who is known to be invited, before they see the record."""
TRACED = "invitation"


@dataclass(frozen=True, slots=True)
class Shown:
    """What whoever opens a link is shown: who invites, and (only to somebody who is known to be the invited) whom it is about."""

    invitation: Invitation
    person: str


async def of_record(ctx: Context, patient: str) -> Sequence[Invitation]:
    """The invitations into the circle of somebody whose record is open to whoever reads, newest first."""
    ctx.require(Permission.CIRCLE_WRITE, patient=patient)
    await ctx.records.read("Patient", patient)
    return [invitation_of(row) for row in await ctx.run(QUERIES.invitations, patient=patient)]


async def waiting(ctx: Context, patient: str) -> list[Invitation]:
    """Those that nobody has accepted yet, for whoever may change the circle; none for others."""
    if not permits(ctx.actor, Permission.CIRCLE_WRITE):
        return []
    return [one for one in await of_record(ctx, patient) if one.waits(ctx.now)]


async def invite(ctx: Context, patient: str, *, email: str, rpps: str = "", part: str = "", until: date | None = None) -> str:
    """Sends a link to a professional's address; the id of the invitation. It opens nothing before who was invited says yes.

    Invalid, with its place, for what is none; Conflict where this address waits already, or too many do.
    """
    ctx.require(Permission.CIRCLE_WRITE, patient=patient)
    await ctx.records.read("Patient", patient)
    inviter = ctx.actor.reference
    if inviter is None:
        raise Forbidden("who invites has a name in the directory")
    await _refuse_in_emergency(ctx, patient)
    address, number = rules.email_of(email), rules.rpps_of(rpps) if rpps.strip() else None
    if address is None:
        raise Invalid.at("adresse", "not an e-mail address")
    if rpps.strip() and number is None:
        raise Invalid.at("rpps", "an RPPS has eleven digits")
    if part and part not in PARTS:
        raise Invalid.at("part", f"the part is one of {', '.join(PARTS)}")
    if until is not None and until < ctx.now.astimezone(ZONE).date():
        raise Invalid.at("jusqu", "the last day is past")
    counted = await ctx.run(
        QUERIES.waiting_invitations,
        patient=patient,
        email=address,
        inviter=inviter,
        now=ctx.now,
        since=ctx.now - timedelta(days=1),
    )
    if counted["known"]:
        raise Conflict("this address has an invitation that waits")
    if counted["waiting"] >= rules.MOST_WAITING or counted["sent"] >= rules.MOST_A_DAY:
        raise Conflict("too many invitations wait")
    id = str(uuid.uuid4())
    await ctx.run(
        QUERIES.add_invitation, id=id, patient=patient, email=address, rpps=number, invited=await _known(ctx, address, number), part=part, until=until,
        inviter=inviter, inviter_name=ctx.actor.name, now=ctx.now, expires=ctx.now + rules.LIFE,
    )  # fmt: skip
    ctx.trace(Action.CREATE, TRACED, id, patient=patient)
    ctx.announce(InvitationMoved(invitation=id))
    return id


async def send_again(ctx: Context, patient: str, id: str) -> None:
    """A new link in a new letter; the one before opens nothing any more. NotFound where it no longer waits."""
    one = await _held(ctx, patient, id)
    await _refuse_in_emergency(ctx, patient)
    if (
        await ctx.run(
            QUERIES.renew_invitation, id=one.id, patient=patient, now=ctx.now, expires=ctx.now + rules.LIFE, by=_who(ctx)
        )
        is None
    ):
        raise NotFound("this invitation no longer waits")
    ctx.trace(Action.UPDATE, TRACED, one.id, patient=patient, query="renvoi")
    ctx.announce(InvitationMoved(invitation=one.id))


async def confirm(ctx: Context, patient: str, id: str) -> None:
    """Whoever invites says that who opened the link is whom they meant: they are in the circle from now on. NotFound where nobody waits for it."""
    one = await _held(ctx, patient, id)
    if one.state is not InvitationState.OPENED or not one.opener_role:
        raise NotFound("nobody waits to be confirmed")
    await circles.add(ctx, patient, one.opener_role, version="", part=one.part, until=one.until, words=_by(one))
    await _move(ctx, one, InvitationState.JOINED)


async def take_back(ctx: Context, patient: str, id: str) -> None:
    """The invitation is worth nothing from now on; who joined by it leaves the circle in the same instant."""
    one = await _held(ctx, patient, id)
    if one.state is InvitationState.REVOKED:
        return
    if one.state is InvitationState.JOINED and one.opener_role:
        try:
            await circles.remove(ctx, patient, one.opener_role, words="invitation retirée", version="")
        except NotFound:  # who left meanwhile, or was removed
            ctx.trace(Action.READ, TRACED, one.id, patient=patient)
    await _move(ctx, one, InvitationState.REVOKED)


async def opened(ctx: Context, access: Access, *, secret: str = "", id: str = "") -> Shown:
    """What a link (its `secret`), or a notice (`id`, for who is known to be invited), leads to; looking uses nothing up.

    Gone for a link that is unknown, used, taken back or too old: it is the same answer. Forbidden, in the trail of the person, to who is not invited.
    """
    one = await _found(ctx, secret=secret, id=id)
    await _refuse_others(ctx, one)
    if not one.bound:
        return Shown(one, "")
    async with access.act(READING, read_only=True, door=ctx.door) as platform:
        person = await platform.records.read("Patient", one.patient)
    return Shown(one, person_name(person.get("name", [])))


async def accept(ctx: Context, *, secret: str = "", id: str = "") -> Invitation:
    """Who was invited says yes, once: known, they are in the circle in a moment; not known, whoever invites confirms them. Refuses as `opened`."""
    one = await _found(ctx, secret=secret, id=id)
    await _refuse_others(ctx, one)
    role = await _place_of(ctx)
    if role is None:
        _refuse(ctx, one, Refused.NO_PLACE)
    state = InvitationState.ACCEPTED if one.bound else InvitationState.OPENED
    taken = await ctx.run(
        QUERIES.take_invitation,
        id=one.id,
        state=state,
        opener=ctx.actor.reference,
        role=role,
        name=await _words_for(ctx),
        now=ctx.now,
    )
    if taken is None:
        raise Gone("this invitation was opened by somebody else meanwhile")
    ctx.trace(Action.UPDATE, TRACED, one.id, patient=one.patient, query=state)
    ctx.announce(InvitationMoved(invitation=one.id))
    return invitation_of(await ctx.run(QUERIES.invitation, id=one.id))


@forgets
async def forget_invitations(ctx: Context, erased: Sequence[Erased]) -> list[str]:
    """Invitations into the circles of records that are erased."""
    if patients := [one.id for one in erased if one.type == "Patient"]:
        await ctx.run(QUERIES.forget_invitations, patients=patients)
    return []


async def new_link(ctx: Context, id: str) -> tuple[Invitation, str] | None:
    """For the errand that mails it: a new secret, of which its hash is kept; None where the invitation no longer waits."""
    secret = secrets.token_urlsafe(32)
    if await ctx.run(QUERIES.set_invitation_link, id=id, hash=hashed(secret), now=ctx.now) is None:
        return None
    return invitation_of(await ctx.run(QUERIES.invitation, id=id)), secret


async def undelivered(ctx: Context, id: str) -> None:
    """For the errand: the mail server refused the address; whoever invites reads it on the page."""
    row = await ctx.run(QUERIES.invitation_held, id=id)
    if row and row["state"] == InvitationState.SENT:
        await ctx.run(QUERIES.move_invitation, id=id, state=InvitationState.UNDELIVERED, now=ctx.now, by=ctx.actor.id)


async def _refuse_in_emergency(ctx: Context, patient: str) -> None:
    """The circle that an invitation leads to is written by a job: what no guard would let them write is refused here."""
    if not await emergency.stays_open(ctx, patient, ctx.actor):
        raise Forbidden(
            "a record that was opened in an emergency does not let one say who else sees it",
            french="Ce dossier vous est ouvert en urgence seulement : son cercle invite, pas vous.",
        )


async def _held(ctx: Context, patient: str, id: str) -> Invitation:
    """An invitation into a circle that whoever acts may change, which nobody else moves meanwhile; NotFound otherwise."""
    ctx.require(Permission.CIRCLE_WRITE, patient=patient)
    await ctx.records.read("Patient", patient)
    row = await ctx.run(QUERIES.invitation_held, id=_uuid(id))
    if row is None or row["patient"] != patient:
        raise NotFound("no such invitation in this record")
    return invitation_of(row)


async def _move(ctx: Context, one: Invitation, state: InvitationState) -> None:
    await ctx.run(QUERIES.move_invitation, id=one.id, state=state, now=ctx.now, by=_who(ctx))
    ctx.trace(Action.UPDATE, TRACED, one.id, patient=one.patient, query=state)
    ctx.announce(InvitationMoved(invitation=one.id))


async def _found(ctx: Context, *, secret: str, id: str) -> Invitation:
    row = await ctx.run(QUERIES.invitation_of_link, hash=hashed(secret), now=ctx.now) if secret else None
    if row is None and id and not secret:
        row = await ctx.run(QUERIES.invitation, id=_uuid(id))
        if row and (row["state"] != InvitationState.SENT or row["expires"] <= ctx.now or row["invited"] != ctx.actor.reference):
            row = None  # by its number it opens to who is known to be invited, and to nobody else
    if row is None:
        ctx.trace(Action.READ, TRACED, None, refused=True)
        raise Gone("this link is unknown, was used, was taken back, or is too old")
    return invitation_of(row)


async def _refuse_others(ctx: Context, one: Invitation) -> None:
    actor = ctx.actor
    if (
        actor.kind is not ActorKind.PROFESSIONAL
        or not (actor.reference or "").startswith("Practitioner/")
        or not actor.has(*CIRCLE_ROLES)
    ):
        _refuse(ctx, one, Refused.NOT_PROFESSIONAL)
    numbers = await _numbers(ctx) if one.invited is None and one.rpps else frozenset()
    if not rules.may_open(one, str(actor.reference), numbers):
        _refuse(ctx, one, Refused.OTHER)


def _refuse(ctx: Context, one: Invitation, why: Refused) -> NoReturn:
    ctx.trace(Action.READ, TRACED, one.id, patient=one.patient, query=why, refused=True)
    raise Forbidden(why)


async def _known(ctx: Context, email: str, rpps: str | None) -> str | None:
    """Who is invited, where the number or the address says it for certain: whoever has this number, the account of this address, the only one of the directory."""
    if rpps is not None:
        found = await directory.find_practitioner(ctx, rpps=rpps)
        return f"Practitioner/{found['id']}" if found else None
    account = await accounts.account_by_email(ctx, email)
    if account is not None and account.reference:
        return account.reference
    same = await ctx.records.find("Practitioner", {"email": email, "_count": "2"})
    return f"Practitioner/{same[0]['id']}" if len(same) == 1 else None


async def _numbers(ctx: Context) -> frozenset[str]:
    person = await ctx.records.read("Practitioner", str(ctx.actor.reference).partition("/")[2])
    said = [(one.get("system"), str(one.get("value", ""))) for one in person.get("identifier", [])]
    return frozenset(
        value if system == RPPS else value[1:]
        for system, value in said
        if system == RPPS or (system == IDNPS and value[:1] == "8")
    )


async def _place_of(ctx: Context) -> str | None:
    """As whom whoever acts joins: the place they work in now, else the first of those of the directory."""
    if ctx.actor.situation:
        return ctx.actor.situation
    roles = await ctx.records.find(
        "PractitionerRole", {"practitioner": str(ctx.actor.reference), "active": "true", "_count": "100"}
    )
    return next((f"PractitionerRole/{one['id']}" for one in roles), None)


async def _words_for(ctx: Context) -> str:
    """Who opened it, so that whoever invites knows whether it is whom they meant: name, profession, place, number."""
    reference = str(ctx.actor.reference)
    known = (await directory.professionals(ctx, [reference])).get(reference)
    numbers = ", ".join(f"RPPS {one}" for one in sorted(await _numbers(ctx)))
    said = (known.name, known.title, known.organization_name, numbers) if known else (ctx.actor.name, numbers)
    return ", ".join(filter(None, said))


def _by(one: Invitation) -> str:
    return f", invité par {one.inviter_name}"


def _who(ctx: Context) -> str:
    return ctx.actor.reference or ctx.actor.id


def _uuid(id: str) -> str:
    try:
        return str(uuid.UUID(id))
    except ValueError:
        raise NotFound("no such invitation") from None
