"""Tasks: planned by a protocol, listed by deadline, done by someone."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.fhir.search import parse
from maillage.services.coordination import rules
from maillage.services.coordination.events import TaskDone, TaskPlanned
from maillage.services.coordination.resources import task as resources
from maillage.services.coordination.resources.caseload import Due, due_from
from maillage.services.coordination.resources.task import DONE, REQUESTED, TASK_SYSTEM, Task
from maillage.services.coordination.rules.tasks import OPEN
from maillage.services.directory import public as directory
from maillage.services.pathways import public as pathways
from maillage.services.pathways.events import ActionDue

PAGE = "1000"


async def plan(ctx: Context, actions: Sequence[ActionDue]) -> list[dict[str, Any]]:
    """Gives each protocol's action to the coordination team of the person's circle, and answers the tasks: none where no team supports them.

    The same return home is planned once, whether the letter or the end of the stay was heard first, and however often.
    """
    circles = await directory.circles(ctx, {one.patient for one in actions})
    # Of one action and person the first counts: what is planned now is the same return home.
    wanted = {(one.patient, rules.code_of(one.protocol, one.action)): one for one in reversed(actions)}
    teams = {key: team for key in wanted if (team := rules.team_of(circles[key[0]]))}
    planned = await _planned_of(ctx, teams)
    new = [key for key in teams if not rules.already_planned(planned.get(key, ()), now=ctx.now)]
    written = await ctx.records.write_all(_task_for(wanted[key], owner=teams[key], at=ctx.now) for key in new)
    for (patient, _), task in zip(new, written, strict=True):
        ctx.announce(TaskPlanned(task=task["id"], patient=patient, owner=task["owner"]["reference"]))
    return written


async def _planned_of(ctx: Context, wanted: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[Task]]:
    """The tasks that protocols planned for these people, newest first, by person and code; those of other codes may come with them."""
    if not wanted:
        return {}
    patients, codes = ({one[place] for one in wanted} for place in (0, 1))
    about = [("patient", ",".join(sorted(patients))), ("code", ",".join(f"{TASK_SYSTEM}|{code}" for code in sorted(codes)))]
    found = await ctx.records.find("Task", [*about, ("_sort", "-authored-on"), ("_count", "1000")])
    planned: dict[tuple[str, str], list[Task]] = {}
    for task in map(resources.task_from, filter(resources.is_planned, found)):
        planned.setdefault((task.patient, task.code), []).append(task)
    return planned


def _task_for(one: ActionDue, *, owner: str, at: datetime) -> dict[str, Any]:
    words = pathways.action(one.protocol, one.action)
    return resources.task_for(
        patient=one.patient, owner=owner, code=rules.code_of(one.protocol, one.action), title=words.label, description=words.description,
        focus=one.focus, due=one.due, at=at, origin=rules.origin_of(one.protocol, one.action, one.patient, one.focus),
    )  # fmt: skip


async def mark(ctx: Context, *, task: str, done: bool) -> dict[str, Any]:
    """Says that a task is done, or takes that back; a task that is already so stays as it is."""
    ctx.require(Permission.TASK_WRITE)
    resource = await ctx.records.read("Task", task)
    status = DONE if done else REQUESTED
    if resource["status"] == status:
        return resource
    written: dict[str, Any] = await ctx.records.write(resources.with_status(resource, status, by=ctx.actor.reference, at=ctx.now))
    ctx.announce(TaskDone(task=task, patient=resource["for"]["reference"].removeprefix("Patient/"), done=done))
    return written


async def due_of_teams(ctx: Context) -> list[Due]:
    """The tasks that are still to do of whoever acts and of their teams, by the few fields that a list of people needs."""
    ctx.require(Permission.TASK_READ)
    owners = [*ctx.actor.organizations, *([ctx.actor.reference] if ctx.actor.reference else [])]
    if not owners:
        return []
    asked = [("owner", ",".join(owners)), ("status", ",".join(OPEN)), ("_count", PAGE)]
    return due_from((await ctx.records.search_raw(parse("Task", asked))).matches)
