"""Who signed in, as an actor of the platform: what the provider proved, joined with what the directory knows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role, job_actor
from maillage.access.context import Context
from maillage.access.sessions import Situation, acting
from maillage.connectors.psc import Carded, Cardless, Practice, carded, cardless
from maillage.connectors.psc.tokens import SignInRefused
from maillage.fhir.national import FINESS, IDNPS, IDNST, RPPS, SIRET

Resource = dict[str, Any]
_KINDS = {Role.PATIENT: ActorKind.PATIENT, Role.CARER: ActorKind.CARER}
_SIGN_IN = job_actor("sign-in")


async def actor_of_card(access: Access, claims: Mapping[str, Any]) -> tuple[Actor, Sequence[Situation]]:
    """The professional of a Pro Santé Connect sign-in, and the places that they work in, for the first of which they act until they choose.

    A place is one that both the register (their activities) and the region's directory (an active PractitionerRole) know. Where there is none,
    they act with the role of the sector that the provider named, for all their organisations.
    Raises SignInRefused for one whom the directory does not know (reason "annuaire").
    """
    person = carded(claims)
    async with access.act(_SIGN_IN, read_only=True) as ctx:
        practitioner = await _practitioner(ctx, person)
        roles, organizations = await _memberships(ctx, practitioner)
    situations = list(_situations(person.practices, roles, organizations))
    actor = Actor(
        id=practitioner,
        kind=ActorKind.PROFESSIONAL,
        name=person.name,
        roles=frozenset({person.role, *([Role.REGULATOR] if person.regulates else [])}),
        profession=person.profession,
        reference=practitioner,
        organizations=tuple(sorted({_organization(role) for role in roles if "organization" in role})),
    )
    return (acting(actor, situations[0]) if situations else actor), situations


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
        raise SignInRefused("This professional is not in the region's directory, or is there more than once.", reason="annuaire")
    return f"Practitioner/{found[0]['id']}"


async def _memberships(ctx: Context, practitioner: str) -> tuple[list[Resource], list[Resource]]:
    asked = [("practitioner", practitioner), ("active", "true"), ("_include", "PractitionerRole:organization"), ("_count", "100")]
    page = await ctx.records.search("PractitionerRole", asked)
    return page.matches, page.included


def _situations(
    practices: Iterable[Practice], roles: Sequence[Resource], organizations: Iterable[Resource]
) -> Iterator[Situation]:
    """A place is named by its identifiers; by its very name where the register has none."""
    places = {f"Organization/{one['id']}": one for one in organizations}
    taken = set()
    for practice in practices:
        for role in roles:
            place = places.get(_organization(role))
            if place is None or role["id"] in taken or not _is_at(practice, place):
                continue
            taken.add(role["id"])
            yield Situation(
                reference=f"PractitionerRole/{role['id']}",
                organization=_organization(role),
                name=str(place.get("name") or practice.name),
                role=practice.role,
                profession=practice.profession,
            )


def _is_at(practice: Practice, place: Resource) -> bool:
    numbers = {(FINESS, practice.finess), (IDNST, f"1{practice.finess}")} if practice.finess else set()
    numbers |= {(SIRET, practice.siret), (IDNST, f"3{practice.siret}")} if practice.siret else set()
    if not numbers:
        return bool(practice.name) and str(place.get("name", "")).casefold() == practice.name.casefold()
    return any((one.get("system"), one.get("value")) in numbers for one in place.get("identifier", []))


def _organization(role: Resource) -> str:
    return str(role.get("organization", {}).get("reference", ""))
