"""Calls and visits that were made: said once by who made them, and the last one of each person."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid
from maillage.services.coordination.resources import contact as resources
from maillage.services.coordination.resources.contact import Contact
from maillage.services.coordination.resources.task import Task
from maillage.services.coordination.service import work
from maillage.services.coordination.service.colleagues import oneself
from maillage.services.directory import public as directory
from maillage.services.identity import public as identity
from maillage.ui.words import person_name

MOST = "50"
FAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Said:
    """A contact as its form says it. `with_whom` is a reference, empty where `other` names somebody; `incoming`: they called; `then` is what is to be done
    after it, and `by` when."""

    means: str
    with_whom: str
    other: str
    subject: str
    result: str
    at: datetime
    reached: bool
    incoming: bool = False
    then: str = ""
    by: datetime | None = None


async def of_person(ctx: Context, patient: str, *, most: str = MOST) -> list[Contact]:
    """The calls and visits about somebody, the last first."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    people = ",".join(await identity.identities_of(ctx, patient))
    asked = [("patient", people), ("category", resources.SEARCHED), ("_sort", "-sent"), ("_count", most)]
    found = await ctx.records.find("Communication", asked)
    return [one for resource in found if (one := resources.contact_from(resource)) is not None]


async def last(ctx: Context, identities: Collection[str], *, newest: Sequence[dict[str, Any]], read: int) -> Contact | None:
    """The last contact of somebody known by these ids, of whom the `newest` Communications were read, `read` of them at most; asked for only where it is older."""
    found = [
        one for resource in newest if resources.is_contact(resource) and (one := resources.contact_from(resource)) and one.reached
    ]
    if not found and len(newest) >= read:
        asked = [
            ("patient", ",".join(identities)),
            ("category", resources.SEARCHED),
            ("status", resources.MADE),
            ("_sort", "-sent"),
            ("_count", "1"),
        ]
        found = [one for resource in await ctx.records.find("Communication", asked) if (one := resources.contact_from(resource))]
    return max(found, key=lambda one: one.at, default=None)


async def last_of(ctx: Context, patients: Collection[str]) -> dict[str, Contact]:
    """The last contact within a year of each of these people, in one statement."""
    if not patients:
        return {}
    asked = [
        ("patient", ",".join(sorted(patients))), ("category", resources.SEARCHED), ("status", resources.MADE),
        ("sent", f"ge{(ctx.now - FAR).date()}"), ("_sort", "-sent"), ("_count", "1000"),
    ]  # fmt: skip
    last: dict[str, Contact] = {}
    for resource in await ctx.records.find("Communication", asked):
        if one := resources.contact_from(resource):
            last.setdefault(one.patient, one)
    return last


async def with_whom(ctx: Context, patient: str) -> list[tuple[str, str]]:
    """Whom one may have talked to about somebody: themself, those of their circle; reference and name."""
    person = await ctx.records.read("Patient", patient)
    circle = await directory.circle(ctx, patient)
    others = [
        (one.reference, ", ".join(filter(None, (one.name, one.title)))) for one in circle if one.reference != ctx.actor.reference
    ]
    return [(f"Patient/{patient}", f"{person_name(person.get('name', []))}, la personne"), *others]


async def say(ctx: Context, *, patient: str, said: Said, key: str = "") -> None:
    """Whoever acts says that they called or were called, with whom, and what came of it; what is to be done after it is a task of theirs (`key`: its id)."""
    ctx.require(Permission.TASK_WRITE, patient=patient)
    known = dict(await with_whom(ctx, patient))
    if said.with_whom and said.with_whom not in known:
        raise Invalid.at(
            "Communication.recipient", "one talks to the person, to somebody of their circle, or to somebody who is named"
        )
    name = said.other or known[said.with_whom].removesuffix(", la personne")
    other = {"display": name} if said.other else {"reference": said.with_whom, "display": name}
    await ctx.records.write(resources.contact_for(
        patient=patient, means=said.means, by=oneself(ctx).fhir, with_whom=other, subject=said.subject, result=said.result, at=said.at,
        reached=said.reached, incoming=said.incoming,
    ))  # fmt: skip
    if said.then and said.by:
        asked = work.Asked(
            title=said.then, description=said.result, due=said.by, priority="routine", owner=oneself(ctx).reference, remind=None
        )
        await work.create(ctx, id=key, patient=patient, asked=asked)


async def of_task(ctx: Context, task: Task, *, result: str) -> None:
    """The call that a task asked for: to the person, on the telephone, now."""
    said = Said("PHONE", f"Patient/{task.patient}", "", task.title, result, ctx.now, reached=True)
    await say(ctx, patient=task.patient, said=said)
