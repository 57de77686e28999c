"""What was asked of somebody who no longer sees the person goes back to who asked, else to the team that coordinates: it waits for nobody who cannot do it."""

from typing import Any

from maillage.access.context import Context
from maillage.services.coordination.resources import task as resources
from maillage.services.coordination.resources.task import Task
from maillage.services.coordination.rules import tasks as rules
from maillage.services.coordination.rules import team_of
from maillage.services.directory import public as directory
from maillage.services.messaging.public import notify, settle

BACK = "task-back"
"""Kind of notice: a task that came back to who asked for it."""
PEOPLE = "Practitioner/"
MANY = "500"

Resource = dict[str, Any]


async def of_person(ctx: Context, patient: str) -> None:
    """For jobs: hands back the open tasks about a person whose owners no longer see them. Who asked is told; alerts have their own way."""
    asked = {"patient": f"Patient/{patient}", "status": ",".join(rules.OPEN), "_count": MANY}
    found = [one for one in await ctx.records.find("Task", asked) if resources.is_planned(one) and not resources.is_alert(one)]
    held = [(one, resources.task_from(one)) for one in found if one["owner"]["reference"].startswith(PEOPLE)]
    names = {name for _, task in held for name in (task.owner, task.requester) if name.startswith(PEOPLE)}
    if not names:
        return
    here = await _who_see(ctx, names, patient)
    circle = await directory.circle(ctx, patient)
    for resource, task in held:
        to = _taker(task, here, None if resource.get("meta", {}).get("security") else team_of(circle))
        if task.owner not in here and to:
            await _hand_back(ctx, resource, task, to)


async def _who_see(ctx: Context, names: set[str], patient: str) -> set[str]:
    known = await directory.professionals(ctx, names)
    readers = [
        (directory.reader(known[one]) if one in known else directory.somebody(one), "Patient", patient) for one in sorted(names)
    ]
    return {name for name, sees in zip(sorted(names), await ctx.records.seen_by(readers), strict=True) if sees}


def _taker(task: Task, here: set[str], team: str | None) -> str | None:
    """Who asked, where they still see the person; else the team, of what is not kept from it."""
    return task.requester if task.requester in here and task.requester != task.owner else team


async def _hand_back(ctx: Context, resource: Resource, task: Task, to: str) -> None:
    name = task.requester_name if to == task.requester else ""
    words = f"{task.owner_name or 'Qui l’avait'} ne suit plus la personne : revient à {name or 'l’équipe de coordination'}"
    note = {"authorString": "Maillage", "time": ctx.now.isoformat(timespec="seconds"), "text": words}
    owner = {"reference": to, **({"display": name} if name else {})}
    written = await ctx.records.write(
        resource | {"owner": owner, "status": rules.REQUESTED, "note": [*resource.get("note", []), note]}
    )
    about = f"Task/{task.id}"
    settle(ctx, about=about)
    notify(
        ctx,
        kind=BACK,
        about=about,
        patient=task.patient,
        to=[to],
        key=f"{task.id}#{written['meta']['versionId']}",
        sender=task.owner,
    )
