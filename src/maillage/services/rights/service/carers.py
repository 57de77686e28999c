"""Who sees a record because its person named them: named, shown, taken back; and what a carer is told of their own sight."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.habilitation.carers import REPRESENTATIVE, CarerScope, carer_scopes, reads_the_trail, scope_of
from maillage.access.permissions import Permission
from maillage.clock import PARIS
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.services.rights import rules
from maillage.services.rights.resources import authority_of, related_person_of
from maillage.services.rights.rules.carers import Naming, is_minor

MOST = 100
_IDS = uuid.UUID("0c1f9a0e-6a55-4a5f-8c0e-5d6f8d8b2a10")
"""Names from which the ids of carers are made: the same person named again is the same RelatedPerson, with what they may see now."""


@dataclass(frozen=True, slots=True)
class Carer:
    """Somebody who sees a record now, or from a day on: what of it, until which day (None: until it is taken back); `authority` of a legal representative."""

    id: str
    name: str
    link: str
    scope: CarerScope
    last_day: date | None
    authority: str | None


async def carers_of(ctx: Context, patient: str) -> Sequence[Carer]:
    """Those who see this record by name, as its person may read them."""
    ctx.require(Permission.CARERS_NAME, patient=patient)
    found = await ctx.records.find("RelatedPerson", {"patient": f"Patient/{patient}", "active": "true", "_count": str(MOST)})
    shown = [one for one in map(_carer, found) if one]
    return [one for one in shown if one.last_day is None or one.last_day >= today(ctx)]


async def name_carer(ctx: Context, patient: str, naming: Naming) -> None:
    """From now on this relative sees what the scope says, with their own FranceConnect identity. Forbidden but to the person themself; Invalid for a
    scope that is none, or for a minor who would be represented by whom they choose."""
    ctx.require(Permission.CARERS_NAME, patient=patient)
    _refuse_others(ctx, patient)
    if naming.scope not in carer_scopes():
        raise Invalid.at("acces", f"{naming.scope} is none of {', '.join(carer_scopes())}")
    if naming.scope == REPRESENTATIVE and await is_of_a_minor(ctx, patient):
        raise Invalid.at("acces", "a minor is represented by those who have parental authority")
    traits = f"{naming.family}|{naming.given}|{naming.birth_date}".casefold()
    id = str(uuid.uuid5(_IDS, f"{patient}|{traits}"))
    await ctx.records.write(related_person_of(id, patient, naming, since=today(ctx)))


async def end_carer(ctx: Context, patient: str, id: str) -> None:
    """From now on this carer sees nothing. NotFound where there is none; Forbidden for a legal representative, whom the officer named."""
    ctx.require(Permission.CARERS_NAME, patient=patient)
    _refuse_others(ctx, patient)
    related = await ctx.records.read("RelatedPerson", id)
    if related["patient"].get("reference") != f"Patient/{patient}" or scope_of(related) is None:
        raise NotFound(f"no carer {id} of this record")
    await ctx.records.write(related | {"active": False})


async def is_of_a_minor(ctx: Context, patient: str) -> bool:
    """Whether the record is that of somebody under eighteen."""
    born = (await ctx.records.read("Patient", patient)).get("birthDate", "")
    return is_minor(date.fromisoformat(born) if len(born) == len("2000-01-01") else None, today(ctx))


async def own_sight(ctx: Context) -> Carer | None:
    """What whoever acts was named to see, where they are a carer; None for the person themself. NotFound once it has ended."""
    if ctx.actor.kind is not ActorKind.CARER:
        return None
    return _carer(await _own(ctx))


async def sees_the_trail(ctx: Context) -> bool:
    """Whether whoever acts in their own space sees who looked: the person, and the carers who see all of the record."""
    return ctx.actor.kind is not ActorKind.CARER or reads_the_trail(await _own(ctx))


async def refuse_unless_in_their_name(ctx: Context, patient: str) -> None:
    """Forbidden to whoever is neither the person nor, at this instant, somebody who acts in their name."""
    if ctx.actor.reference == f"Patient/{patient}":
        return
    own = await _own(ctx) if ctx.actor.kind is ActorKind.CARER else {}
    scope = scope_of(own)
    if own.get("patient", {}).get("reference") != f"Patient/{patient}" or scope is None or scope.code != REPRESENTATIVE:
        raise Forbidden("this is for the person, or for who acts in their name")


def today(ctx: Context) -> date:
    """The day, as the region counts it."""
    return ctx.now.astimezone(PARIS).date()


async def _own(ctx: Context) -> dict[str, Any]:
    return await ctx.records.read("RelatedPerson", (ctx.actor.reference or "").removeprefix("RelatedPerson/"))


def _refuse_others(ctx: Context, patient: str) -> None:
    if ctx.actor.reference != f"Patient/{patient}":
        raise Forbidden("only the person themself names who helps them")


def _carer(related: dict[str, Any]) -> Carer | None:
    scope = scope_of(related)
    if scope is None or not related.get("active", True):
        return None
    ends = related.get("period", {}).get("end")
    links = (one.get("text", "") for one in related.get("relationship", []))
    return Carer(
        related["id"], rules.name_of(related), next(filter(None, links), ""), scope,
        date.fromisoformat(ends[:10]) if ends else None, authority_of(related),
    )  # fmt: skip
