"""Coordination teams of the territory, and who works in them now, as the directory says."""

from dataclasses import dataclass

from maillage.access.context import Context
from maillage.access.references import local
from maillage.services.directory import public as directory

COORDINATION = "SA57"
"""TRE_R02: a structure whose mission is to coordinate care. A CPTS (SA63) answers no request about a person."""


@dataclass(frozen=True, slots=True)
class Team:
    """A coordination team: reference of its Organization, name."""

    reference: str
    name: str


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody of a team: reference of their Practitioner, name."""

    reference: str
    name: str


async def coordination_teams(ctx: Context) -> list[Team]:
    """Every coordination team of the territory, by name."""
    found = await ctx.records.find("Organization", {"type": f"{directory.SECTORS}|{COORDINATION}", "_count": "200"})
    return sorted((Team(f"Organization/{one['id']}", str(one.get("name", ""))) for one in found), key=lambda one: one.name)


async def own_teams(ctx: Context) -> list[str]:
    """The references of the organisations in which whoever acts works now."""
    if not ctx.actor.reference or not ctx.actor.reference.startswith("Practitioner/"):
        return []
    roles = await ctx.records.find("PractitionerRole", {"practitioner": ctx.actor.reference, "active": "true", "_count": "100"})
    here = [one for one in roles if ctx.actor.situation in (None, f"PractitionerRole/{one['id']}")]
    return sorted({place for one in here if _now(one, ctx) and (place := local(one.get("organization")))})


async def works_in(ctx: Context, practitioner: str, organization: str) -> bool:
    """Whether somebody ("Practitioner/3") works in an organisation now."""
    if not practitioner.startswith("Practitioner/"):
        return False
    asked = {"practitioner": practitioner, "organization": organization, "active": "true"}
    return any(_now(one, ctx) for one in await ctx.records.find("PractitionerRole", asked))


async def colleagues(ctx: Context, organization: str) -> list[Colleague]:
    """Who works in an organisation now, by name."""
    asked = {"organization": organization, "active": "true", "_include": "PractitionerRole:practitioner", "_count": "200"}
    page = await ctx.records.search("PractitionerRole", asked)
    now = {local(one.get("practitioner")) for one in page.matches if _now(one, ctx)}
    people = [one for one in page.included if f"Practitioner/{one['id']}" in now]
    return sorted(
        (Colleague(f"Practitioner/{one['id']}", directory.display_name(one)) for one in people), key=lambda one: one.name
    )


async def role_of(ctx: Context, practitioner: str, organization: str) -> str:
    """As whom somebody is in a circle (the national profile wants their PractitionerRole); themself where they have none there."""
    asked = {"practitioner": practitioner, "organization": organization, "active": "true"}
    found = [one for one in await ctx.records.find("PractitionerRole", asked) if _now(one, ctx)]
    return f"PractitionerRole/{found[0]['id']}" if found else practitioner


async def of_member(ctx: Context, member: str) -> tuple[str, str]:
    """Who a member of a circle is, and in which organisation they are in it: references, "" where it is nobody's role."""
    kind, _, id = member.partition("/")
    role = next(iter(await ctx.records.find("PractitionerRole", {"_id": id})), {}) if kind == "PractitionerRole" else {}
    return local(role.get("practitioner")) or "", local(role.get("organization")) or ""


async def roles_in(ctx: Context, organization: str) -> list[str]:
    """The references of the PractitionerRoles of an organisation."""
    return [
        f"PractitionerRole/{one['id']}"
        for one in await ctx.records.find("PractitionerRole", {"organization": organization, "_count": "200"})
    ]


def _now(role: dict[str, object], ctx: Context) -> bool:
    period = role.get("period")
    today = ctx.now.date().isoformat()
    return not isinstance(period, dict) or period.get("start", "")[:10] <= today <= (period.get("end", "")[:10] or "9999")
