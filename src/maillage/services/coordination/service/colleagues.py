"""Who works with whoever acts: the people of their organisations, and whom a task about a person can be given to."""

from collections.abc import Collection
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
    """Whether somebody ("Practitioner/3", "PractitionerRole/4") or a team is no stranger (`strangers`)."""
    return not await strangers(ctx, {who}, patient=patient)


async def strangers(ctx: Context, who: Collection[str], *, patient: str) -> list[str]:
    """Those of these people and teams who are not whoever acts, do not work with them, and are not of the person's circle, by themselves or by a place where they
    work. In at most four statements."""
    names = {one: {one} for one in who}
    for prefix, asked in (("PractitionerRole/", "_id"), ("Practitioner/", "practitioner")):
        ids = sorted(one.removeprefix(prefix) for one in who if one.startswith(prefix))
        for role in await ctx.records.find("PractitionerRole", [(asked, ",".join(ids)), ("active", "true"), MANY]) if ids else ():
            place, person = f"PractitionerRole/{role['id']}", local(role.get("practitioner"))
            known = names[place] if asked == "_id" else names[str(person)]
            known |= {name for name in (person, local(role.get("organization"))) if name}
    own = {ctx.actor.reference, ctx.actor.situation, *ctx.actor.organizations}
    far = [one for one in names if names[one].isdisjoint(own)]
    if not far:
        return []
    around = {name for one in await directory.circle(ctx, patient) for name in (one.reference, one.role, one.organization)}
    around |= {one.reference for one in await colleagues(ctx)}
    return sorted(one for one in far if names[one].isdisjoint(around))


def name_of(practitioner: dict[str, Any]) -> str:
    """A Practitioner as pages name them."""
    names = practitioner.get("name") or [{}]
    return str(names[0].get("text") or person_name(names))


def _works(role: dict[str, Any], ctx: Context) -> bool:
    since, until = span(role.get("period"))
    return (since is None or since <= ctx.now) and (until is None or ctx.now < until)
