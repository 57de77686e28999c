"""Whose records somebody with a proven identity opens: their own, and those of the people they help."""

from collections.abc import Sequence
from typing import Any

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role, job_actor
from maillage.access.context import Context
from maillage.access.habilitation.carers import REPRESENTATIVE, scope_of
from maillage.access.sessions import Situation, acting
from maillage.connectors.franceconnect import Pivot
from maillage.connectors.psc import SignInRefused
from maillage.services.identity import public as identity
from maillage.services.identity.public import Traits, normal_name
from maillage.services.portal import rules
from maillage.ui.words import given_name, of

CITIZENS = job_actor("portal/sign-in")
UNKNOWN_PLACE = "99999"


async def records_of(access: Access, pivot: Pivot) -> tuple[Actor, Sequence[Situation]]:
    """Who signs in with this identity: their own record and those of the people they help, the first of which they open until they choose.

    Raises SignInRefused (reason "dossier") where none, or more than one, is theirs by the strict traits exactly: nothing is guessed.
    """
    async with access.act(CITIZENS, read_only=True) as ctx:
        own = await _own_record(ctx, pivot)
        helped = await _helped(ctx, pivot)
    found = [
        *([Situation(reference=f"Patient/{own}", organization="", name="Mon dossier", role=Role.PATIENT)] if own else []),
        *helped,
    ]
    if not found:
        raise SignInRefused("No record, or several, have exactly these traits.", reason="dossier")
    first = found[0]
    actor = Actor(
        id=first.reference, kind=ActorKind.PATIENT, name=pivot.name, roles=frozenset({first.role}), reference=first.reference
    )
    return acting(actor, first), found


async def _own_record(ctx: Context, pivot: Pivot) -> str | None:
    """The one record of these traits; None where its place of birth is known and another."""
    traits = Traits(
        birth_name=pivot.birth_name, given_names=pivot.given_names, first_given=pivot.first_given, birth_date=pivot.birth_date, sex=pivot.sex,
        birth_place=pivot.birth_place,
    )  # fmt: skip
    record = await identity.record_known_by(ctx, traits)
    if record is None:
        return None
    known = identity.claim_of(await ctx.records.read("Patient", record)).traits
    exact = all(
        normal_name(mine) == normal_name(theirs)
        for mine, theirs in ((traits.birth_name, known.birth_name), (traits.first_given, known.first_given))
    )
    places = {place for place in (known.birth_place, pivot.birth_place) if place and place != UNKNOWN_PLACE}
    return record if exact and (known.birth_date, known.sex) == (pivot.birth_date, pivot.sex) and len(places) == 1 else None


async def _helped(ctx: Context, pivot: Pivot) -> list[Situation]:
    """Those whose RelatedPerson has this name and birth date, and helps today."""
    name, given, today = normal_name(pivot.birth_name), normal_name(pivot.first_given), ctx.now.date().isoformat()
    asked = {"birthdate": pivot.birth_date, "name": pivot.birth_name, "active": "true"}
    found = await ctx.records.find("RelatedPerson", asked)
    helping = [
        one
        for one in found
        if scope_of(one) and rules.helps(one, name=name, given=given, birth_date=pivot.birth_date, today=today)
    ]
    people = {str(one["patient"]["reference"]): one for one in helping}
    ids = ",".join(reference.partition("/")[2] for reference in people)
    named = (
        {f"Patient/{one['id']}": identity.claim_of(one).traits for one in await ctx.records.find("Patient", {"_id": ids})}
        if ids
        else {}
    )
    return [
        Situation(
            reference=f"RelatedPerson/{one['id']}", organization="", role=_role(one),
            name=f"Dossier {of(_said(named[reference]))} {named[reference].birth_name}",
        )
        for reference, one in people.items() if reference in named
    ]  # fmt: skip


def _said(traits: Traits) -> str:
    """The given name that they use, or their first."""
    return traits.used_given or given_name(traits.first_given)


def _role(related: dict[str, Any]) -> Role:
    scope = scope_of(related)
    return Role.REPRESENTATIVE if scope and scope.code == REPRESENTATIVE else Role.CARER
