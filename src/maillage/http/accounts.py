"""Who signed in, as an actor of the platform: what the provider proved, joined with what the directory knows."""

from collections.abc import Mapping
from typing import Any

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role, job_actor
from maillage.access.context import Context
from maillage.connectors.psc import Carded, Cardless, carded, cardless
from maillage.errors import Forbidden
from maillage.fhir.national import IDNPS, RPPS

_KINDS = {Role.PATIENT: ActorKind.PATIENT, Role.CARER: ActorKind.CARER}
_SIGN_IN = job_actor("sign-in")


async def actor_of_card(access: Access, claims: Mapping[str, Any]) -> Actor:
    """The professional of a Pro Santé Connect sign-in. Raises Forbidden for one whom the region's directory does not know."""
    person = carded(claims)
    async with access.act(_SIGN_IN, read_only=True) as ctx:
        practitioner = await _practitioner(ctx, person)
        organizations = await _organizations(ctx, practitioner)
    return Actor(
        id=practitioner,
        kind=ActorKind.PROFESSIONAL,
        name=person.name,
        roles=frozenset({person.role}),
        profession=person.profession,
        reference=practitioner,
        organizations=organizations,
    )


def actor_of_account(claims: Mapping[str, Any], proof: Mapping[str, Any]) -> Actor:
    """The person of a sign-in without a card: the account itself says for which record it was opened."""
    person: Cardless = cardless(claims, proof)
    return Actor(
        id=person.reference or person.subject,
        kind=_KINDS.get(person.role, ActorKind.PROFESSIONAL),
        name=person.name,
        roles=frozenset({person.role}),
        reference=person.reference,
        organizations=person.organizations,
    )


async def _practitioner(ctx: Context, person: Carded) -> str:
    sought = [f"{IDNPS}|{person.idnps}", *([f"{RPPS}|{person.rpps}"] if person.rpps else [])]
    found = await ctx.records.find("Practitioner", {"identifier": ",".join(sought), "active": "true"})
    if len(found) != 1:
        raise Forbidden("This professional is not in the region's directory, or is there more than once.")
    return f"Practitioner/{found[0]['id']}"


async def _organizations(ctx: Context, practitioner: str) -> tuple[str, ...]:
    roles = await ctx.records.find("PractitionerRole", {"practitioner": practitioner, "active": "true"})
    return tuple(sorted({role["organization"]["reference"] for role in roles if "organization" in role}))
