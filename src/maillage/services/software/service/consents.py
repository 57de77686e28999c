"""The person is asked whether an application may act for them; what they said yes to, and taking it back."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from maillage.access import delegations
from maillage.access.actors import GUARDED_ROLES, Actor, ActorKind
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.delegations import Delegation
from maillage.access.permissions import Permission, permits
from maillage.access.scopes import LETTERS
from maillage.access.tokens import hashed
from maillage.errors import Forbidden, Gone, NotFound
from maillage.services.software.rules import requests
from maillage.services.software.rules.refusals import Refused, Untrusted
from maillage.services.software.rules.requests import Asked
from maillage.services.software.service import granting
from maillage.services.software.service.registry import QUERIES, Software, approved, named

PEOPLE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is put before the person. `patient` is the record it is about, by id; None where it must be picked first, or is about none."""

    software: Software
    asked: Asked
    scopes: tuple[str, ...]
    about_one: bool
    patient: str | None
    launched: bool

    @property
    def lasting(self) -> bool:
        """Whether it goes on when they are away."""
        return "offline_access" in self.scopes


async def addressee(ctx: Context, found: dict[str, str]) -> Software:
    """The software that asks, with an address of its own. Untrusted otherwise: nothing is sent anywhere then."""
    software = await approved(ctx, found.get("client_id", ""))
    if software is None or not software.for_people:
        raise Untrusted(
            "invalid_request", "unknown client_id", french="Cette application n’est pas enregistrée ici, ou ne l’est plus."
        )
    if found.get("redirect_uri") not in software.redirects:
        raise Untrusted(
            "invalid_request", "unknown redirect_uri", french="L’adresse de retour n’est pas celle que l’application a déclarée."
        )
    return software


async def wanted(ctx: Context, software: Software, found: dict[str, str], *, base: str, tells: bool) -> Wanted:
    """What it asks for, cut to what it may have. Refused with what it is told. `tells`: whether this installation says who somebody is."""
    asked = requests.asked(found, bases=(base,))
    letters = LETTERS if permits(ctx.actor, Permission.FHIR_WRITE) else granting.READING
    given = granting.given(asked.scopes, software.scopes, levels=granting.PEOPLE, letters=letters)
    given = tuple(one for one in given if (tells or one not in granting.SIGN_IN) and (asked.launch or one != "launch"))
    if not granting.on_records(given) and "openid" not in given:
        raise Refused("invalid_scope", "none of these scopes can be given")
    about_one = bool(asked.launch) or granting.needs_patient(given)
    patient = await _patient(ctx, software, asked) if about_one else None
    return Wanted(
        software=software, asked=asked, scopes=given, about_one=about_one, patient=patient, launched=bool(asked.launch)
    )  # fmt: skip


async def _patient(ctx: Context, software: Software, asked: Asked) -> str | None:
    """The person it is about: of the launch, oneself, or whom one picked; None where nobody was picked yet."""
    if asked.launch:
        row = await ctx.run(QUERIES.launch, hash=hashed(asked.launch), client=software.id, actor=ctx.actor.id, now=ctx.now)
        if row is None:
            raise Refused("invalid_request", "launch is unknown, expired, used, or of somebody else")
        return str(row)
    if ctx.actor.kind is ActorKind.PATIENT:
        return (ctx.actor.reference or "").removeprefix("Patient/") or None
    if not asked.patient:
        return None
    return asked.patient if await person(ctx, asked.patient) is not None else None


async def person(ctx: Context, id: str) -> dict[str, Any] | None:
    """Somebody whom the actor may see; None otherwise."""
    try:
        return await ctx.records.read("Patient", id)
    except (NotFound, Gone):
        return None


async def people(ctx: Context, text: str) -> Sequence[dict[str, Any]]:
    """Those whom the actor may see, by the beginning of their names; at most PEOPLE, by name. Identities that refer to another are left out."""
    words = [("name", word.replace("\\", "").replace(",", "\\,").replace("$", "").replace("|", "")) for word in text.split()[:5]]
    found = await ctx.records.find(
        "Patient", [*[(name, word) for name, word in words if word], ("_sort", "family"), ("_count", str(PEOPLE))]
    )
    return [one for one in found if not any(link.get("type") in ("refer", "replaced-by") for link in one.get("link", []))]


async def allow(ctx: Context, wanted: Wanted, *, session: UUID | None, proved: datetime) -> str:
    """The person says yes: a code that the application exchanges within a minute."""
    ctx.require(Permission.SOFTWARE_ALLOW)
    if wanted.about_one and wanted.patient is None:
        raise Refused("invalid_request", "nobody was picked")
    if wanted.launched and not await ctx.run(
        QUERIES.use_launch, hash=hashed(wanted.asked.launch), client=wanted.software.id, actor=ctx.actor.id, now=ctx.now
    ):
        raise Refused("invalid_request", "launch was used meanwhile")
    lent = lent_by(ctx.actor, wanted)
    away = wanted.lasting
    delegation = await delegations.delegate(
        ctx, lent, session=None if away else session, lifetime=requests.AWAY if away else requests.SESSION_BOUND
    )
    code = secrets.token_urlsafe(32)
    await ctx.run(
        QUERIES.add_code, hash=hashed(code), delegation=delegation, client=wanted.software.id, redirect_uri=wanted.asked.redirect_uri,
        challenge=wanted.asked.challenge, nonce=wanted.asked.nonce, proved=proved, expires=ctx.now + requests.CODE_LIFE,
    )  # fmt: skip
    ctx.trace(Action.CREATE, "software-consent", wanted.software.id, query=f"scope={' '.join(wanted.scopes)}")
    return code


def lent_by(actor: Actor, wanted: Wanted) -> Actor:
    """Who the application acts as: the person, without what sees all identities, traces or accounts, within the scopes. Forbidden for nothing left."""
    roles = actor.roles - GUARDED_ROLES
    if not roles or actor.client is not None:
        raise Forbidden("this function is not lent to applications")
    about = f"Patient/{wanted.patient}" if wanted.patient else None
    return replace(actor, roles=roles, scopes=frozenset(wanted.scopes), client=wanted.software.id, patient=about)


async def refuse(ctx: Context, wanted: Wanted) -> None:
    """The person says no."""
    ctx.trace(Action.CREATE, "software-consent", wanted.software.id, refused=True)


async def allowed(ctx: Context) -> Sequence[tuple[Delegation, Software]]:
    """What the actor lets software do, the last said first."""
    found = await delegations.delegations_of(ctx)
    register = await named(ctx, {one.client for one in found})
    return [(one, register[one.client]) for one in found if one.client in register]


async def withdraw(ctx: Context, delegation: UUID) -> None:
    """It ends now, with its tokens. NotFound where it is none of theirs."""
    client = await delegations.take_back(ctx, delegation)
    ctx.trace(Action.DELETE, "software-consent", client)


async def open_on(ctx: Context, software: Software, patient: str) -> str:
    """A software is opened on a record: what it is given to tell us so. NotFound for a record that the actor does not see."""
    ctx.require(Permission.SOFTWARE_ALLOW, patient=patient)
    await ctx.records.read("Patient", patient)
    launch = secrets.token_urlsafe(32)
    await ctx.run(
        QUERIES.add_launch, hash=hashed(launch), client=software.id, actor=ctx.actor.id, patient=patient, expires=ctx.now + requests.LAUNCH_LIFE
    )  # fmt: skip
    return launch
