"""Alerts: raised once, taken by somebody or told to the next, dealt with or set aside with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.references import local
from maillage.errors import PreconditionFailed
from maillage.services.coordination.resources import alert as resources
from maillage.services.coordination.resources import episode as episodes
from maillage.services.coordination.resources import task as tasks
from maillage.services.coordination.resources.alert import Alert, Why
from maillage.services.coordination.rules import alerts as rules
from maillage.services.coordination.rules import team_of
from maillage.services.coordination.rules.tasks import ACCEPTED, CANCELLED, DONE, REQUESTED
from maillage.services.coordination.service.absences import replaced, substitutes
from maillage.services.coordination.service.colleagues import colleagues, oneself
from maillage.services.directory import public as directory
from maillage.services.messaging.public import notify, settle

Resource = dict[str, Any]
CODE = f"{tasks.TASK_SYSTEM}|{tasks.ALERT}"
SUPERVISOR = ("urn:maillage:role", "supervisor")
"""Code of the PractitionerRole of who is responsible for a team."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Alerts, the most pressing first, and the people they are about by id."""

    alerts: list[Alert]
    patients: dict[str, Resource]


async def raise_alert(
    ctx: Context, *, key: str, patient: str, code: str, title: str, level: int, why: Why, about: str = "", to: str = ""
) -> str:
    """Raises an alert about a person, and answers its id. The same `key` is one alert, however often; one that is over is raised anew.

    `to` ("Practitioner/4") is whom it concerns first; without, the referent of the coordination, else the team. `about` is the record that says so.
    """
    over, flags = key, await ctx.records.find("Flag", [("_id", resources.flag_id(key))])
    while flags and flags[0].get("status") != "active":
        over = f"{over}#{flags[0]['meta']['versionId']}"
        flags = await ctx.records.find("Flag", [("_id", resources.flag_id(over))])
    if not flags:
        await ctx.records.write(resources.flag_for(
            key=over, patient=patient, code=code, title=title, level=level, why=why, about=about, to=to, at=ctx.now, author=ctx.actor.reference,
        ))  # fmt: skip
    return resources.flag_id(over)


async def begin(ctx: Context, *, flag: str) -> None:
    """Puts an alert before whom it concerns. By a job, once however often it is asked."""
    found = await ctx.records.find("Flag", [("_id", flag)])
    if not found or found[0].get("status") != "active" or await ctx.records.find("Task", [("_id", resources.task_id(flag))]):
        return
    alert = resources.alert_from(found[0], None)
    await _tell_next(ctx, resources.task_for(alert, at=ctx.now), found[0], patient=alert.patient)


async def end(ctx: Context, *, flag: str) -> None:
    """An alert is over: its task waits for nobody any more. By a job."""
    settle(ctx, about=f"Flag/{flag}")
    for task in await ctx.records.find("Task", [("_id", resources.task_id(flag)), ("status", REQUESTED)]):
        await ctx.records.write({**task, "status": CANCELLED, "statusReason": {"text": "L’alerte est levée"}})


async def escalate(ctx: Context) -> int:
    """Tells somebody else of each alert that nobody took within its delay; how many. By a job; each step once, also where the job is killed."""
    page = await ctx.records.search(
        "Task", [("code", CODE), ("status", REQUESTED), ("_count", "1000"), ("_include", "Task:focus")]
    )
    flags = {f"Flag/{one['id']}": one for one in page.included}
    told = 0
    for task in page.matches:
        flag = flags.get(local(task.get("focus")) or "")
        until = resources.alert_from(flag, task).until if flag else None
        if flag is None or flag.get("status") != "active" or until is None or until > ctx.now:
            continue
        try:
            async with ctx.savepoint():
                told += await _tell_next(ctx, task, flag, patient=resources.alert_from(flag, task).patient)
        except PreconditionFailed:  # somebody took it this very moment
            continue
    return told


async def listed(ctx: Context, *, over: bool = False) -> Listed:
    """The alerts that are before whoever acts, their team, and those for whom they stand in."""
    ctx.require(Permission.TASK_READ)
    owners = {*ctx.actor.organizations, *(one.reference for one in await colleagues(ctx)), *await replaced(ctx)}
    owners |= {ctx.actor.reference} if ctx.actor.reference else set()
    if not owners:
        return Listed([], {})
    status = f"{DONE},{CANCELLED}" if over else f"{REQUESTED},{ACCEPTED}"
    asked = [("code", CODE), ("owner", ",".join(sorted(owners))), ("status", status), ("_count", "200")]
    page = await ctx.records.search(
        "Task", [*asked, ("_sort", "-_lastUpdated"), ("_include", "Task:focus"), ("_include", "Task:patient")]
    )
    flags = {f"Flag/{one['id']}": one for one in page.included if one["resourceType"] == "Flag"}
    found = [resources.alert_from(flag, task) for task in page.matches if (flag := flags.get(local(task.get("focus")) or ""))]
    people = {one["id"]: one for one in page.included if one["resourceType"] == "Patient"}
    return Listed(sorted(found, key=lambda one: (not one.waiting, one.level)), people)


async def of_record(ctx: Context, flags: Sequence[Resource], *, most: int) -> list[Alert]:
    """The most pressing of the Flags of a record that are active, each with its Task where whoever looks sees it. One statement where there is any."""
    shown = sorted(
        (one for one in flags if one.get("status") == "active"), key=lambda one: resources.alert_from(one, None).level
    )[:most]
    asked = ",".join(resources.task_id(one["id"]) for one in shown)
    tasks_of = {one["id"]: one for one in await ctx.records.find("Task", [("_id", asked)])} if asked else {}
    return [resources.alert_from(one, tasks_of.get(resources.task_id(one["id"]))) for one in shown]


async def take(ctx: Context, *, flag: str, version: str = "") -> None:
    """Whoever acts takes the alert: nobody else is told of it any more."""
    await _answer(ctx, flag, version, status=ACCEPTED, words="Prise en charge")
    settle(ctx, about=f"Flag/{flag}")


async def close(ctx: Context, *, flag: str, version: str = "", words: str) -> None:
    """What was done about it; the alert is over."""
    await _answer(ctx, flag, version, status=DONE, words=f"Traitée : {words}", result=words)
    await _end_flag(ctx, flag)


async def set_aside(ctx: Context, *, flag: str, version: str = "", words: str) -> None:
    """It is not followed, and why; the alert is over."""
    await _answer(ctx, flag, version, status=CANCELLED, words=f"Non suivie : {words}", reason=words)
    await _end_flag(ctx, flag)


async def _answer(ctx: Context, flag: str, version: str, *, status: str, words: str, reason: str = "", result: str = "") -> None:
    ctx.require(Permission.TASK_WRITE)
    task = await ctx.records.read("Task", resources.task_id(flag))
    if version and version != task["meta"]["versionId"]:
        raise PreconditionFailed(f"the alert was answered meanwhile: it is at version {task['meta']['versionId']}")
    me = oneself(ctx).fhir
    said = tasks.changed(task, by=me, at=ctx.now, words=words, status=status, reason=reason, result=result)
    await ctx.records.write({**said, "owner": me})


async def _end_flag(ctx: Context, flag: str) -> None:
    stored = await ctx.records.read("Flag", flag)
    await ctx.records.write(resources.ended(stored, at=ctx.now))


async def _tell_next(ctx: Context, task: Resource, flag: Resource, *, patient: str) -> int:
    """One step further, in the transaction of its notice: 1, or 0 where everybody was told."""
    chain, names = await _chain(ctx, flag, patient)
    before, known = resources.step_of(task), resources.told_of(task)
    found = rules.next_step(chain, after=before, told=known)
    if found is None:
        return 0
    step, who = found
    name = names.get(who, "")
    to = name or rules.WORDS[step]
    words = f"Sans réponse : {to} est prévenu" if known else f"Alerte mise devant {to}"
    level = resources.alert_from(flag, None).level
    until = ctx.now + rules.level_of(level).delay
    await ctx.records.write(resources.told(task, step=step, who=who, name=name, words=words, at=ctx.now, until=until))
    notify(ctx, kind="alert", about=f"Flag/{flag['id']}", patient=patient, to=[who], key=f"{flag['id']}#{step}")
    return 1


async def _chain(ctx: Context, flag: Resource, patient: str) -> tuple[rules.Chain, dict[str, str]]:
    """Whom each step tells of an alert about this person today, with their names."""
    circle = await directory.circle(ctx, patient)
    episodes_ = [
        one
        for one in await ctx.records.find("EpisodeOfCare", {"patient": f"Patient/{patient}", "status": "active"})
        if episodes.is_episode(one)
    ]
    referent = next((one for episode in episodes_ if (one := local(episode.get("careManager")))), "")
    team = next((one for episode in episodes_ if (one := episodes.team_of(episode))), "") or team_of(circle) or ""
    first = resources.first_of(flag)
    away = await substitutes(ctx, [first, referent])
    substitute = away.get(first) or away.get(referent) or ""
    supervisor = await _supervisor(ctx, team) if team else ""
    chain = [("first", "" if first in away else first), ("substitute", substitute), ("referent", "" if referent in away else referent),
             ("team", team), ("supervisor", supervisor)]  # fmt: skip
    return [(step, who) for step, who in chain if who], {one.reference: one.name for one in circle}


async def _supervisor(ctx: Context, team: str) -> str:
    roles = await ctx.records.find("PractitionerRole", {"organization": team, "role": "|".join(SUPERVISOR), "active": "true"})
    return next((who for one in roles if (who := local(one.get("practitioner")))), "")
