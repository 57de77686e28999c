"""Tasks: planned by a protocol, listed by deadline, done by someone."""

from datetime import datetime
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.services.coordination import rules
from maillage.services.coordination.events import TaskDone, TaskPlanned
from maillage.services.coordination.resources import task as resources
from maillage.services.coordination.resources.task import DONE, REQUESTED, TASK_SYSTEM, Task
from maillage.services.directory import public as directory
from maillage.services.pathways import public as pathways

PAGE = "200"


async def plan(ctx: Context, *, protocol: str, action: str, patient: str, focus: str, due: datetime) -> dict[str, Any] | None:
    """Gives a protocol's action to the coordination team of the person's circle; None where no team supports them.

    The same return home is planned once, whether the letter or the end of the stay was heard first, and however often.
    """
    team = rules.team_of(await directory.circle(ctx, patient))
    if team is None:
        return None
    code = f"{protocol}/{action}"
    same = await ctx.records.find("Task", [("patient", patient), ("code", f"{TASK_SYSTEM}|{code}"), ("_count", PAGE)])
    if rules.already_planned([resources.task_from(t) for t in same if resources.is_planned(t)], now=ctx.now):
        return None
    words = pathways.action(protocol, action)
    written: dict[str, Any] = await ctx.records.write(
        resources.task_for(
            patient=patient, owner=team, code=code, title=words.label, description=words.description, focus=focus, due=due,
            at=ctx.now, origin=rules.origin_of(protocol, action, patient, focus),
        )
    )  # fmt: skip
    ctx.announce(TaskPlanned(task=written["id"], patient=patient, owner=team))
    return written


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


async def of_teams(ctx: Context, *, done: bool = False) -> tuple[list[Task], dict[str, dict[str, Any]]]:
    """The tasks of the teams of whoever acts, by deadline, and the people they are about by id."""
    ctx.require(Permission.TASK_READ)
    owners = [*ctx.actor.organizations, *([ctx.actor.reference] if ctx.actor.reference else [])]
    if not owners:
        return [], {}
    page = await ctx.records.search(
        "Task",
        [("owner", ",".join(owners)), ("status", DONE if done else REQUESTED), ("_count", PAGE), ("_include", "Task:patient")],
    )
    tasks = [resources.task_from(r) for r in page.matches if resources.is_planned(r)]
    return sorted(tasks, key=lambda t: t.due, reverse=done), {r["id"]: r for r in page.included}
