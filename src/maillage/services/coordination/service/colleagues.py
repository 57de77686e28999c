"""Who works with whoever acts: the people of their organisations, and whom a task about a person can be given to."""

from dataclasses import dataclass
from typing import Any

from maillage.access.context import Context
from maillage.access.periods import span
from maillage.access.references import local
from maillage.services.directory import public as directory
from maillage.ui.words import person_name

MANY = ("_count", "500")


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person or a team that work can be given to: "Practitioner/3" or "Organization/5"."""

    reference: str
    name: str
    words: str = ""

    @property
    def fhir(self) -> dict[str, str]:
        """As a FHIR reference."""
        return {"reference": self.reference, "display": self.name} if self.name else {"reference": self.reference}


def oneself(ctx: Context) -> Somebody:
    """Whoever acts."""
    return Somebody(ctx.actor.reference or "", ctx.actor.name, "moi")


async def colleagues(ctx: Context) -> list[Somebody]:
    """The teams of whoever acts, then the people who work in them now, by name; in one statement. Nobody where they are of no organisation."""
    if not ctx.actor.organizations:
        return []
    asked = [("organization", ",".join(ctx.actor.organizations)), ("active", "true"), MANY]
    includes = [("_include", "PractitionerRole:practitioner"), ("_include", "PractitionerRole:organization")]
    page = await ctx.records.search("PractitionerRole", [*asked, *includes])
    now = {local(one.get("practitioner")) for one in page.matches if _works(one, ctx)}
    teams = [
        Somebody(f"Organization/{one['id']}", str(one.get("name", "")), "Équipe")
        for one in page.included
        if one["resourceType"] == "Organization" and f"Organization/{one['id']}" in ctx.actor.organizations
    ]
    people = [
        Somebody(f"Practitioner/{one['id']}", name_of(one), "Collègue")
        for one in page.included
        if one["resourceType"] == "Practitioner" and f"Practitioner/{one['id']}" in now
    ]
    return [*sorted(teams, key=lambda one: one.name), *sorted(people, key=lambda one: one.name)]


async def takers(ctx: Context, patient: str) -> list[Somebody]:
    """Whom a task about this person can be given to: oneself, one's teams and colleagues, the professionals of the circle; each once."""
    members = [
        Somebody(one.reference, one.name, one.title or "Cercle de soins")
        for one in await directory.circle(ctx, patient)
        if one.reference.startswith(("Practitioner/", "Organization/"))
    ]
    found: dict[str, Somebody] = {}
    for one in (oneself(ctx), *await colleagues(ctx), *members):
        found.setdefault(one.reference, one)
    return [one for one in found.values() if one.reference]


async def is_near(ctx: Context, who: str, *, patient: str) -> bool:
    """Whether somebody ("Practitioner/3", "PractitionerRole/4") or a team is whoever acts, works with them, or is of the person's circle, by themself or by
    a place where they work."""
    names = {who}
    if who.startswith("Practitioner"):
        asked = ("_id", who.partition("/")[2]) if who.startswith("PractitionerRole/") else ("practitioner", who)
        for role in await ctx.records.find("PractitionerRole", [asked, ("active", "true"), ("_count", "100")]):
            names |= {name for name in (local(role.get("practitioner")), local(role.get("organization"))) if name}
    if not names.isdisjoint({ctx.actor.reference, ctx.actor.situation, *ctx.actor.organizations}):
        return True
    around = {name for one in await directory.circle(ctx, patient) for name in (one.reference, one.role, one.organization)}
    return not names.isdisjoint({*around, *(one.reference for one in await colleagues(ctx))})


def name_of(practitioner: dict[str, Any]) -> str:
    """A Practitioner as pages name them."""
    names = practitioner.get("name") or [{}]
    return str(names[0].get("text") or person_name(names))


def _works(role: dict[str, Any], ctx: Context) -> bool:
    since, until = span(role.get("period"))
    return (since is None or since <= ctx.now) and (until is None or ctx.now < until)
