"""What people do with tasks: ask for one, take it, give it, accept or refuse it, put it off, cancel it, do it, open it again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.clock import PARIS, in_paris
from maillage.db import load_queries
from maillage.errors import Conflict, Invalid, NotFound, PreconditionFailed
from maillage.services.coordination.events import ReminderSet, TaskDone, TaskGiven
from maillage.services.coordination.resources import task as resources
from maillage.services.coordination.resources.task import Step, Task
from maillage.services.coordination.rules import tasks as rules
from maillage.services.coordination.service.absences import replaced, substitutes, told
from maillage.services.coordination.service.colleagues import Somebody, colleagues, oneself, takers
from maillage.services.messaging.public import notify, settle

QUERIES = load_queries("maillage.services.coordination")
MANY = "500"
GIVEN, ANSWERED, REMINDED = "task", "task-answer", "task-reminder"
"""Kinds of notices: a task given, what came of one that was asked for, a reminder."""

Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A task as its form says it. `owner` is a reference, `checks` the steps of its list."""

    title: str
    description: str
    due: datetime
    priority: str
    owner: str
    remind: datetime | None
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Held:
    """One task, the person, what was said about it, whom it can be given to."""

    task: Task
    patient: Resource
    steps: list[Step]
    takers: list[Somebody]


async def create(ctx: Context, *, id: str, patient: str, asked: Asked) -> Resource:
    """Asks for something to be done for a person. `id` is the one that the form carries: sent again, it is the same task."""
    ctx.require(Permission.TASK_WRITE, patient=patient)
    await ctx.run(QUERIES.hold_task, id=id)
    if known := await ctx.records.find("Task", [("_id", id)]):
        return known[0]
    if fault := rules.date_fault(asked.due, ctx.now):
        raise Invalid.at("Task.restriction.period.end", fault)
    owner = _among(await takers(ctx, patient), asked.owner)
    resource = resources.todo_for(
        id=id, patient=patient, title=asked.title, description=asked.description, due=asked.due, priority=asked.priority,
        owner=owner.fhir, requester=oneself(ctx).fhir, at=ctx.now, remind=asked.remind,
    )  # fmt: skip
    written: Resource = await ctx.records.write(resources.with_checks(resource, [(what, False) for what in asked.checks]))
    tell_of_new(ctx, written)
    _set_reminder(ctx, written)
    return written


async def one(ctx: Context, *, task: str) -> Held:
    """A task as its page shows it."""
    ctx.require(Permission.TASK_READ)
    resource = await _ours(ctx, task)
    held = resources.task_from(resource)
    patient = await ctx.records.read("Patient", held.patient)
    return Held(held, patient, resources.steps_of(resource), await told(ctx, await takers(ctx, held.patient)))


async def take(ctx: Context, *, task: str, version: str = "") -> Resource:
    """Whoever acts makes it theirs, and says so to the others."""
    me = oneself(ctx)
    return await _step(ctx, task, version, words="Prise", status=rules.ACCEPTED, owner=me)


async def give(ctx: Context, *, task: str, version: str, to: str, words: str = "") -> Resource:
    """Gives it to somebody else, who accepts or refuses."""
    ctx.require(Permission.TASK_WRITE)
    held = resources.task_from(await _ours(ctx, task))
    other = _among(await takers(ctx, held.patient), to)
    said = f"Confiée à {other.name}" + (f" : {words}" if words else "")
    return await _step(ctx, task, version, words=said, status=rules.REQUESTED, owner=other)


async def answer(ctx: Context, *, task: str, version: str, accepts: bool, words: str = "") -> Resource:
    """Whom it was given to says yes, or no with the reason."""
    if accepts:
        return await _step(ctx, task, version, words="Acceptée", status=rules.ACCEPTED)
    return await _step(ctx, task, version, words=f"Refusée : {words}", status=rules.REJECTED, reason=words)


async def postpone(ctx: Context, *, task: str, version: str, due: datetime, words: str) -> Resource:
    """Another deadline, and why."""
    if fault := rules.date_fault(due, ctx.now):
        raise Invalid.at("Task.restriction.period.end", fault)
    day = in_paris(due).strftime("%d/%m/%Y")
    return await _step(ctx, task, version, words=f"Reportée au {day} : {words}", due=due)


async def cancel(ctx: Context, *, task: str, version: str, words: str) -> Resource:
    """It need not be done any more, and why."""
    return await _step(ctx, task, version, words=f"Annulée : {words}", status=rules.CANCELLED, reason=words)


async def finish(ctx: Context, *, task: str, version: str, words: str = "") -> Resource:
    """It was done, with what came of it."""
    said = await _step(ctx, task, version, words=f"Faite : {words}" if words else "Faite", status=rules.DONE, result=words)
    ctx.announce(TaskDone(task=task, patient=_patient(said), done=True))
    return said


async def reopen(ctx: Context, *, task: str, version: str, words: str = "") -> Resource:
    """It is to be done after all."""
    said = await _step(ctx, task, version, words=f"Rouverte : {words}" if words else "Rouverte", status=rules.REQUESTED)
    ctx.announce(TaskDone(task=task, patient=_patient(said), done=False))
    return said


async def edit(ctx: Context, *, task: str, version: str, asked: Asked) -> Resource:
    """Other words, deadline, priority or reminder, as the form says them."""
    return await _step(ctx, task, version, words="Modifiée", asked=asked)


async def check(ctx: Context, *, task: str, version: str, done: Collection[int]) -> Resource:
    """Which steps of its list were done, by their place."""
    known = resources.checks_of(await _ours(ctx, task))
    checks = [(what, place in done) for place, (what, _) in enumerate(known)]
    words = f"Étapes faites : {sum(one for _, one in checks)} sur {len(checks)}"
    return await _step(ctx, task, version, words=words, checks=checks)


async def remind(ctx: Context, *, task: str, at: str) -> bool:
    """Puts a reminder before who has the task now, where it is still to do and its reminder still stands. By a job; once."""
    found = await ctx.records.find("Task", [("_id", task)])
    if not found or not resources.is_planned(found[0]):
        return False
    held = resources.task_from(found[0])
    if not held.open or held.remind is None or held.remind.isoformat() != datetime.fromisoformat(at).isoformat():
        return False
    notify(ctx, kind=REMINDED, about=f"Task/{task}", patient=held.patient, to=[held.owner], key=f"{task}@{at}")
    return True


async def tell_owner(ctx: Context, given: TaskGiven) -> None:
    """Puts a task before whom it was given to. By a job."""
    about, key = f"Task/{given.task}", f"{given.task}#{given.version}"
    away = await substitutes(ctx, [given.owner])
    to = [given.owner, *away.values()]
    notify(ctx, kind=GIVEN, about=about, patient=given.patient, to=to, key=key, sender=given.sender)


async def mine(ctx: Context, *, view: str) -> tuple[list[Task], dict[str, Resource]]:
    """The tasks of one view, by deadline, and the people they are about: `mes`, `equipe`, `retard`, `semaine`, `demandees`, `faites`, or both mine and my team's."""
    ctx.require(Permission.TASK_READ)
    me = [ctx.actor.reference] if ctx.actor.reference else []
    if view in ("", "mes"):
        me += await replaced(ctx)
    owners = me if view in ("mes", "demandees") else [*ctx.actor.organizations, *me]
    if view in ("equipe", "retard", "semaine"):
        owners = [*owners, *(one.reference for one in await colleagues(ctx) if one.reference not in owners)]
    if not owners:
        return [], {}
    status = rules.DONE if view == "faites" else ",".join((*rules.OPEN, *([rules.REJECTED] if view == "demandees" else [])))
    by = "requester" if view == "demandees" else "owner"
    found = await _all(ctx, [(by, ",".join(owners)), ("status", status), ("_include", "Task:patient")], ended=view == "faites")
    tasks = [resources.task_from(one) for one in found[0] if resources.is_planned(one) and not resources.is_alert(one)]
    kept = [one for one in tasks if _in_view(one, view, ctx.now)]
    return sorted(kept, key=lambda one: one.due, reverse=view == "faites"), {one["id"]: one for one in found[1]}


async def _all(ctx: Context, asked: list[tuple[str, str]], *, ended: bool) -> tuple[list[Resource], list[Resource]]:
    """Five hundred at most: the newest where they have ended, else all that are open."""
    sort = [("_sort", "-_lastUpdated")] if ended else []
    page = await ctx.records.search("Task", [*asked, *sort, ("_count", MANY)])
    return page.matches, page.included


def _in_view(task: Task, view: str, now: datetime) -> bool:
    if view == "retard":
        return task.due < now
    if view == "semaine":
        monday = now.astimezone(PARIS).date() - timedelta(days=now.astimezone(PARIS).weekday())
        return in_paris(task.due).date() < monday + timedelta(days=7)
    return True


async def _ours(ctx: Context, task: str) -> Resource:
    """A task of coordination whose deadline and words can be read; NotFound for any other."""
    resource = await ctx.records.read("Task", task)
    if not resources.is_planned(resource):
        raise NotFound(f"Task/{task} is none of coordination")
    return resource


async def _step(
    ctx: Context, task: str, version: str, *, words: str, status: str = "", owner: Somebody | None = None, reason: str = "", result: str = "",
    due: datetime | None = None, asked: Asked | None = None, checks: Sequence[tuple[str, bool]] | None = None,
) -> Resource:  # fmt: skip
    """One move of a task, from the version that its form was made of: PreconditionFailed where somebody was faster."""
    ctx.require(Permission.TASK_WRITE)
    resource = await _ours(ctx, task)
    if version and version != resource["meta"]["versionId"]:
        raise PreconditionFailed(f"Task/{task} is at version {resource['meta']['versionId']}, not {version}")
    if status and not rules.may_become(resource["status"], status):
        raise Conflict(
            f"a task that is {resource['status']} does not become {status}",
            french=f"Cette tâche est « {rules.STATES[resource['status']]} » : ce n’est plus possible.",
        )
    before = resources.task_from(resource)
    if asked is not None:
        resource = _worded(resource, asked)
    if checks is not None:
        resource = resources.with_checks(resource, checks)
    said = resources.changed(
        resource, by=oneself(ctx).fhir, at=ctx.now, words=words, status=status, owner=owner.fhir if owner else None, reason=reason, result=result,
    )  # fmt: skip
    written: Resource = await ctx.records.write(resources.with_due(said, due) if due else said)
    _tell(ctx, before, written, given=owner is not None)
    return written


def _worded(resource: Resource, asked: Asked) -> Resource:
    code = {**resource["code"], "text": asked.title}
    said = resources.with_reminder(
        resources.with_due({**resource, "code": code, "priority": asked.priority}, asked.due), asked.remind
    )
    done = dict(resources.checks_of(resource))
    said = resources.with_checks(said, [(what, done.get(what, False)) for what in asked.checks])
    others = {name: value for name, value in said.items() if name != "description"}
    return others | ({"description": asked.description} if asked.description else {})


def _tell(ctx: Context, before: Task, written: Resource, *, given: bool) -> None:
    """Who is told of a move: the new owner, who asked once it is answered or ended; it leaves the inbox of who had it."""
    task = resources.task_from(written)
    if given or not task.open:
        settle(ctx, about=f"Task/{task.id}")
    if given:
        tell_of_new(ctx, written)
    elif task.status != before.status and task.requester and task.requester != ctx.actor.reference:
        notify(
            ctx,
            kind=ANSWERED,
            about=f"Task/{task.id}",
            patient=task.patient,
            to=[task.requester],
            key=f"{task.id}#{task.version}",
        )
    if task.remind != before.remind:
        _set_reminder(ctx, written)


def tell_of_new(ctx: Context, written: Resource) -> None:
    """Says to its owner that a task is theirs now, where another asked for it."""
    task = resources.task_from(written)
    if task.owner != ctx.actor.reference:
        ctx.announce(
            TaskGiven(task=task.id, patient=task.patient, owner=task.owner, version=task.version, sender=ctx.actor.reference)
        )


def _set_reminder(ctx: Context, written: Resource) -> None:
    task = resources.task_from(written)
    if task.remind is not None and task.remind > ctx.now:
        ctx.announce(ReminderSet(task=task.id, at=task.remind.isoformat()))


def _among(people: Sequence[Somebody], reference: str) -> Somebody:
    found = next((one for one in people if one.reference == reference), None)
    if found is None:
        raise Invalid.at("Task.owner", "a task is given to oneself, a colleague, a team, or somebody of the circle")
    return found


def _patient(resource: Resource) -> str:
    return str(resource["for"]["reference"]).removeprefix("Patient/")
