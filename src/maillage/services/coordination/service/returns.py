"""« Ce qui a changé pendant votre absence »: what others did meanwhile with what whoever acts had or asked for, and what came new."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.clock import PARIS
from maillage.db import load_queries
from maillage.services.coordination.resources import task as tasks
from maillage.services.coordination.resources.task import Step, Task

QUERIES = load_queries("maillage.services.coordination")
TOLD_FOR = timedelta(days=14)
"""How long after their return somebody is told."""
NEWEST, MANY = ("_sort", "-_lastUpdated"), ("_count", "200")


@dataclass(frozen=True, slots=True)
class Changed:
    """A task, or an alert, with what others said and did about it meanwhile; `new` where it came meanwhile."""

    task: Task
    alert: bool
    new: bool
    steps: list[Step]


@dataclass(frozen=True, slots=True)
class Return:
    """The absence that ended, or goes on, and what changed in it, the last first. `patients` are the persons by id."""

    since: date
    until: date
    substitute: str
    changes: list[Changed]
    patients: dict[str, dict[str, Any]]


async def absence(ctx: Context) -> tuple[date, date, str] | None:
    """The absence of whoever acts that goes on or ended in the last days: first and last day, and the reference of the substitute."""
    day = ctx.now.astimezone(PARIS).date()
    row = await ctx.run(QUERIES.last_absence, person=ctx.actor.reference or "", day=day, back=day - TOLD_FOR)
    return (row["since"], row["until"], row["substitute"] or "") if row else None


async def read(ctx: Context) -> Return | None:
    """What changed during the last absence of whoever acts; None where there was none lately."""
    ctx.require(Permission.TASK_READ)
    found = await absence(ctx)
    if found is None:
        return None
    since, until, substitute = found
    begin, end = datetime.combine(since, time(), PARIS), datetime.combine(until + timedelta(days=1), time(), PARIS)
    owners = ",".join(one for one in (ctx.actor.reference, substitute) if one)
    resources: dict[str, Any] = {}
    patients: dict[str, Any] = {}
    for by, who in (("owner", owners), ("requester", ctx.actor.reference or "")):
        page = await ctx.records.search("Task", [(by, who), NEWEST, MANY, ("_include", "Task:patient")])
        resources |= {one["id"]: one for one in page.matches if tasks.is_planned(one)}
        patients |= {one["id"]: one for one in page.included}
    changes = [_changed(one, begin, end, me=ctx.actor.name) for one in resources.values()]
    told = [one for one in changes if (one.steps or one.new) and one.task.patient in patients]
    return Return(since, until, substitute, sorted(told, key=_last, reverse=True), patients)


def _changed(resource: dict[str, Any], begin: datetime, end: datetime, *, me: str) -> Changed:
    task = tasks.task_from(resource)
    steps = [one for one in tasks.steps_of(resource) if one.at and begin <= one.at < end and one.by != me]
    return Changed(task, tasks.is_alert(resource), begin <= task.planned < end, steps)


def _last(one: Changed) -> datetime:
    return max([step.at for step in one.steps if step.at], default=one.task.planned)
