"""The register: asking to be in it, the administrator's decision, and looking one up."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec

from maillage.access import delegations
from maillage.access.actors import Actor, ActorKind, Role, job_actor
from maillage.access.audit import Action
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.software import tells_software
from maillage.access.tokens import hashed
from maillage.db import load_queries
from maillage.errors import Conflict, Invalid, NotFound, TooMany
from maillage.services.software.rules.registration import BACKEND, CODE, Described

QUERIES = load_queries("maillage.services.software")
REGISTERING = job_actor("software/register")
PAGE = 50
WAITING, APPROVED, REFUSED, SUSPENDED = "waiting", "approved", "refused", "suspended"
BEFORE = {APPROVED: [WAITING, REFUSED, SUSPENDED], REFUSED: [WAITING], SUSPENDED: [APPROVED]}
"""From which states an administrator leads to each."""
LONGEST_REMARK = 500
DAY = timedelta(days=1)
MOST_WAITING, MOST_HERE, MOST_MINE = 500, 20, 20


@dataclass(frozen=True, slots=True)
class Software:
    """A registered software, or one that waits to be; `secret` is a hash. See the table for the rest."""

    id: str
    name: str
    editor: str
    contact: str
    method: str
    secret: bytes | None
    grants: tuple[str, ...]
    redirects: tuple[str, ...]
    launch_uri: str
    scopes: tuple[str, ...]
    jwks: Mapping[str, Any] | None
    jwks_uri: str
    state: str
    asked: datetime
    asked_by: str | None
    origin: str | None
    decided: datetime | None
    decided_by: str | None
    remark: str

    @property
    def reference(self) -> str:
        """What the trail calls it."""
        return f"Device/{self.id}"

    @property
    def for_people(self) -> bool:
        """Whether people are asked to let it act for them."""
        return CODE in self.grants

    @property
    def by_itself(self) -> bool:
        """Whether it acts with nobody before it."""
        return BACKEND in self.grants

    def actor(self, scopes: Collection[str] = ()) -> Actor:
        """The software itself, as it acts."""
        return Actor(
            id=f"client:{self.id}", kind=ActorKind.SYSTEM, name=self.name, roles=frozenset({Role.SYSTEM}), reference=self.reference,
            scopes=frozenset(scopes), client=self.id,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Registered:
    """What whoever asked is told, this once: `secret` in plain, None where there is none."""

    id: str
    secret: str | None
    state: str


async def register(ctx: Context, found: Described, *, by: str | None, origin: str | None, at_once: bool = False) -> Registered:
    """A software waits to be approved; `at_once` where all data are synthetic. TooMany where this address, or editor, asks too often."""
    row = await ctx.run(QUERIES.asked_lately, origin=origin, by=by, since=ctx.now - DAY)
    if row["mine"] >= MOST_MINE or (by is None and (row["here"] >= MOST_HERE or row["waiting"] >= MOST_WAITING)):
        raise TooMany("too many registrations wait, or came from here today", wait=3600)
    id, secret = str(uuid4()), secrets.token_urlsafe(32) if found.method == "client_secret_basic" else None
    state = APPROVED if at_once else WAITING
    await ctx.run(
        QUERIES.add_software, id=id, name=found.name, editor=found.editor, contact=found.contact, method=found.method,
        secret=hashed(secret) if secret else None, grants=list(found.grants), redirects=list(found.redirects), launch_uri=found.launch_uri,
        scopes=list(found.scopes), jwks=msgspec.json.encode(found.jwks).decode() if found.jwks else None, jwks_uri=found.jwks_uri,
        state=state, now=ctx.now, by=by, origin=origin,
    )  # fmt: skip
    ctx.trace(Action.CREATE, "software", id)
    return Registered(id, secret, state)


async def decide(ctx: Context, id: str, state: str, *, remark: str = "") -> None:
    """The administrator approves, refuses or suspends. What is suspended holds no token any more, at once.

    Conflict where it is in no state that leads there, Invalid for a refusal or suspension without its reason.
    """
    ctx.require(Permission.SOFTWARE_MANAGE)
    remark = " ".join(remark.split())[:LONGEST_REMARK]
    if state not in BEFORE:
        raise Invalid.at("state", "approved, refused or suspended")
    if state != APPROVED and not remark:
        raise Invalid.at("remark", "say why")
    await software(ctx, id)
    if not await ctx.run(QUERIES.decide, id=id, state=state, before=BEFORE[state], now=ctx.now, by=ctx.actor.id, remark=remark):
        raise Conflict("somebody decided otherwise meanwhile")
    if state != APPROVED:
        await delegations.end_of_client(ctx, id)
    ctx.trace(Action.UPDATE, "software", id, query=f"state={state}")


async def software(ctx: Context, id: str) -> Software:
    """One, whatever its state; NotFound."""
    row = await ctx.run(QUERIES.software, id=id)
    if row is None:
        raise NotFound("no software by this id")
    return _software(row)


async def approved(ctx: Context, id: str) -> Software | None:
    """One that counts now; None for any other text."""
    row = await ctx.run(QUERIES.software, id=id) if 0 < len(id) <= 64 and id.isprintable() else None
    return _software(row) if row and row["state"] == APPROVED else None


async def named(ctx: Context, ids: Collection[str]) -> dict[str, Software]:
    """Some by their ids, those that there are."""
    rows = await ctx.run(QUERIES.software_named, ids=sorted(ids)) if ids else []
    return {row["id"]: _software(row) for row in rows}


@tells_software
async def names(ctx: Context, ids: Collection[str]) -> dict[str, str]:
    """What some are called, for whoever tells of the trail."""
    return {id: one.name for id, one in (await named(ctx, ids)).items()}


async def in_state(ctx: Context, state: str, *, after: str = "") -> Sequence[Software]:
    """A page for the administrator, the last asked first, after one of them."""
    ctx.require(Permission.SOFTWARE_MANAGE)
    last = await software(ctx, after) if after else None
    rows = await ctx.run(
        QUERIES.all_software, state=state, after=last.asked if last else None, after_id=last.id if last else "", count=PAGE
    )
    return [_software(row) for row in rows]


async def mine(ctx: Context) -> Sequence[Software]:
    """What this editor asked for."""
    ctx.require(Permission.SOFTWARE_OWN)
    return [_software(row) for row in await ctx.run(QUERIES.software_of, by=ctx.actor.id)]


async def own(ctx: Context, id: str) -> Software:
    """One that this editor asked for; NotFound for those of others."""
    ctx.require(Permission.SOFTWARE_OWN)
    found = await software(ctx, id)
    if found.asked_by != ctx.actor.id:
        raise NotFound("no software by this id")
    return found


async def new_secret(ctx: Context, id: str) -> str:
    """A new secret for one's own software, shown this once; its tokens end. Conflict where it proves itself otherwise."""
    found, secret = await own(ctx, id), secrets.token_urlsafe(32)
    if not await ctx.run(QUERIES.change_secret, id=found.id, by=ctx.actor.id, secret=hashed(secret)):
        raise Conflict("this software has no secret")
    await delegations.end_of_client(ctx, found.id)
    ctx.trace(Action.UPDATE, "software", found.id, query="secret")
    return secret


async def launchable(ctx: Context) -> Sequence[Software]:
    """What may be opened from a person's record."""
    return [_software(row) for row in await ctx.run(QUERIES.launchable)]


async def calls(ctx: Context, one: Software, *, count: int = 50) -> Sequence[dict[str, Any]]:
    """What it did lately, newest first: when, what operation, on what type, how it ended. Nothing of anybody's record."""
    rows: list[dict[str, Any]] = await ctx.run(QUERIES.calls, reference=one.reference, door=f"fhir {one.id}", count=count)
    return rows


def _software(row: dict[str, Any]) -> Software:
    lists = {name: tuple(row[name]) for name in ("grants", "redirects", "scopes")}
    return Software(**{**row, **lists, "secret": bytes(row["secret"]) if row["secret"] is not None else None})
