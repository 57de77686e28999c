"""The end of a support: why, what is said of it to those who stay, and what becomes of what was still to do."""

import base64
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.references import local
from maillage.errors import Invalid, NotFound
from maillage.fhir.dates import ZONE
from maillage.services.coordination.resources import episode as resources
from maillage.services.coordination.resources import goal as goals
from maillage.services.coordination.resources import support as requests
from maillage.services.coordination.resources.plan import Plan, is_ours
from maillage.services.coordination.rules.support import CLOSURES, FEWEST, MOST, State
from maillage.services.coordination.service import episodes, plans
from maillage.services.coordination.service.support import OF_SUPPORT
from maillage.services.coordination.service.teams import Team, coordination_teams, own_teams
from maillage.services.directory import public as directory
from maillage.services.messaging import public as messaging

Resource = dict[str, Any]
ENDED = "support-ended"
"""Kind of the notice that puts the report before the general practitioner and the circle."""
DROPPED, HANDED = "abandon", "medecin"
ARCHIVED, KEPT = "archive", "continue"
REPORT = {"system": "http://loinc.org", "code": "11490-0", "display": "Physician Discharge summary"}


@dataclass(frozen=True, slots=True)
class Support:
    """One support of a person: its episode, whether whoever reads is of its team, what is left to do by it, the plan that goes on and its goals."""

    episode: Resource
    own: bool
    tasks: tuple[Resource, ...] = ()
    plan: Plan | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What is said at the end of a support: a reason of `CLOSURES`, the report, what becomes of each open task (DROPPED or HANDED, by id), of each goal
    that is pursued (of `goals.OUTCOMES`, by id; "active": the circle goes on with it) and of the plan (ARCHIVED or KEPT); when the person died."""

    reason: str
    report: str
    tasks: Mapping[str, str]
    goals: Mapping[str, str] = field(default_factory=dict)
    plan: str = ""
    died: date | None = None


async def of_person(ctx: Context, patient: str) -> list[Support]:
    """The supports of a person, newest first."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    mine = await own_teams(ctx)
    found = []
    for one in await episodes.of_person(ctx, patient):
        team = resources.team_of(one)
        if team not in mine or one["status"] != "active":
            found.append(Support(one, team in mine))
            continue
        found.append(Support(one, True, tuple(await _open_tasks(ctx, patient, team)), await _open_plan(ctx, patient)))
    return found


async def other_teams(ctx: Context, team: str) -> list[Team]:
    """To whom a team may hand over."""
    return [one for one in await coordination_teams(ctx) if one.reference != team]


async def close(ctx: Context, patient: str, episode: str, said: Ending) -> None:
    """Ends a support, with the report that those who stay read.

    Invalid, with its place, for a task, a goal or a plan that nothing was decided about, or a death out of sense. The reaction to it ends the episode and the team's sight.
    """
    ctx.require(Permission.SUPPORT_TRIAGE, patient=patient)
    held = await ctx.records.read("EpisodeOfCare", episode)
    team = resources.team_of(held)
    if not resources.is_episode(held) or local(held.get("patient")) != f"Patient/{patient}" or team not in await own_teams(ctx):
        raise NotFound(f"EpisodeOfCare/{episode} is no support of this person by whoever acts")
    await _refuse(ctx, patient, said)
    tasks = await _open_tasks(ctx, patient, team)
    if any(said.tasks.get(task["id"]) not in (DROPPED, HANDED) for task in tasks):
        raise Invalid.at("taches", "say of each open task what becomes of it")
    physician = await directory.general_practitioner(ctx, patient)
    if physician is None and HANDED in said.tasks.values():
        raise Invalid.at("taches", "the person has no general practitioner to take a task")
    plan = await _open_plan(ctx, patient)
    changed = _plan_after(plan, said, ctx) if plan else []
    answer = await _answer_of(ctx, held)
    ended = requests.closed(
        answer, reason=said.reason, words=CLOSURES[said.reason], by=ctx.actor.reference, name=ctx.actor.name, at=ctx.now, died=said.died
    )  # fmt: skip
    owner = {"reference": physician.reference, "display": physician.name} if physician else None
    settled = [_settled(task, said.tasks[task["id"]], owner) for task in tasks]
    report = _report(ctx, patient, held, said, plan)
    around = [one.reference for one in await directory.circle(ctx, patient) if one.reference != team]
    await ctx.records.write_all([*settled, *changed, report, ended])
    messaging.notify(ctx, kind=ENDED, about=f"DocumentReference/{report['id']}", patient=patient, to=around)


async def _refuse(ctx: Context, patient: str, said: Ending) -> None:
    if said.reason not in CLOSURES:
        raise Invalid.at("motif", f"the reason is one of {', '.join(CLOSURES)}")
    if not FEWEST <= len(said.report) <= 10 * MOST:
        raise Invalid.at("bilan", "the report takes a sentence at least")
    if said.died is None:
        return
    if said.reason != "death":
        raise Invalid.at("deces", "a death is dated where the support ends by it")
    born = str((await ctx.records.read("Patient", patient)).get("birthDate", ""))
    if not born <= said.died.isoformat() <= ctx.now.astimezone(ZONE).date().isoformat():
        raise Invalid.at("deces", "somebody dies after their birth, and not in days to come")


async def _open_plan(ctx: Context, patient: str) -> Plan | None:
    """The plan of coordination that goes on, as far as whoever acts reads plans."""
    current = (await plans.of_person(ctx, patient)).current
    return current if current and is_ours(current.resource) else None


def _plan_after(plan: Plan, said: Ending, ctx: Context) -> list[Resource]:
    """The goals with what became of them, and the plan where it is over."""
    if said.plan not in (ARCHIVED, KEPT):
        raise Invalid.at("plan", "say what becomes of the plan")
    if any(said.goals.get(goal.id) not in goals.OUTCOMES for goal in plan.pursued):
        raise Invalid.at("objectifs", "say of each goal what became of it")
    going_on = [goal for goal in plan.pursued if said.goals[goal.id] == "active"]
    if going_on and said.plan == ARCHIVED:
        raise Invalid.at("plan", "a plan with a goal that goes on is not archived")
    words = f"{resources.END} : {CLOSURES[said.reason].lower()}"
    over = [
        goals.ended(goal.resource, outcome=said.goals[goal.id], reason=words, at=ctx.now)
        for goal in plan.pursued
        if goal not in going_on
    ]
    return [*over, *([plan.resource | {"status": "completed"}] if said.plan == ARCHIVED else [])]


async def reopen(ctx: Context, request: str) -> None:
    """Takes up again a support that was closed, by those of its team, from its request: they see that, and no more of the record."""
    ctx.require(Permission.SUPPORT_TRIAGE)
    found = await ctx.records.find(
        "Task", {"focus": f"ServiceRequest/{request}", "code": OF_SUPPORT, "status": State.CLOSED.value}
    )
    if not found:
        raise NotFound(f"ServiceRequest/{request} has no closed support")
    await ctx.records.write(
        requests.moved(found[0], State.ACCEPTED, words="Appui repris", by=ctx.actor.reference, name=ctx.actor.name, at=ctx.now)
    )


@messaging.renders(ENDED)
def words_of_the_report(resource: Mapping[str, Any]) -> messaging.Words:
    """That the support of a team ended, from whom, and its report."""
    by = next((str(one.get("display", "")) for one in resource.get("author", [])), "")
    return messaging.Words(resources.END, str(resource.get("description", "")), by, f"/documents/{resource['id']}")


async def _answer_of(ctx: Context, episode: Resource) -> Resource:
    request = resources.request_of(episode)
    found = await ctx.records.find("Task", {"focus": f"ServiceRequest/{request}", "code": OF_SUPPORT}) if request else []
    if not found:
        raise NotFound(f"EpisodeOfCare/{episode['id']} was opened by no request: end it by its own status")
    return found[0]


async def _open_tasks(ctx: Context, patient: str, team: str) -> list[Resource]:
    found = await ctx.records.find(
        "Task", {"patient": f"Patient/{patient}", "owner": team, "status": episodes.OPEN_TASKS, "_count": "200"}
    )
    return [one for one in found if not requests.is_answer(one)]


def _settled(task: Resource, decision: str, physician: Resource | None) -> Resource:
    if decision == HANDED and physician:
        return {**task, "owner": physician}
    return {**task, "status": "cancelled", "statusReason": {"text": resources.END}}


def _report(ctx: Context, patient: str, episode: Resource, said: Ending, plan: Plan | None) -> Resource:
    """What the team leaves behind, as a document of the record."""
    title = "Bilan de fin d’appui à la coordination"
    aims = [f"- {goal.words} : {goals.OUTCOMES[said.goals[goal.id]][2].lower()}" for goal in plan.pursued] if plan else []
    listed = "\n".join(["Objectifs du plan", *aims, ""]) + "\n" if aims else ""
    text = f"{title}\nMotif : {CLOSURES[said.reason]}\n\n{said.report}\n\n{listed}{ctx.actor.name}\n"
    attachment = {
        "contentType": "text/plain; charset=utf-8",
        "language": "fr-FR",
        "title": title,
        "data": base64.b64encode(text.encode()).decode(),
    }
    author = [{"reference": ctx.actor.reference, "display": ctx.actor.name}] if ctx.actor.reference else []
    return {
        "resourceType": "DocumentReference",
        "id": str(uuid.uuid4()),
        "status": "current",
        "type": {"coding": [REPORT], "text": title},
        "subject": {"reference": f"Patient/{patient}"},
        "date": ctx.now.isoformat(timespec="seconds"),
        "author": author,
        "custodian": episode["managingOrganization"],
        "description": title,
        "content": [{"attachment": attachment}],
        "context": {"encounter": [{"reference": f"EpisodeOfCare/{episode['id']}"}]},
    }
