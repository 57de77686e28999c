"""The end of a support: why, what is said of it to those who stay, and what becomes of what was still to do."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.references import local
from maillage.errors import Invalid, NotFound
from maillage.services.coordination.resources import episode as resources
from maillage.services.coordination.resources import support as requests
from maillage.services.coordination.rules.support import CLOSURES, FEWEST, MOST, State
from maillage.services.coordination.service import episodes
from maillage.services.coordination.service.support import OF_SUPPORT
from maillage.services.coordination.service.teams import Team, coordination_teams, own_teams
from maillage.services.directory import public as directory

Resource = dict[str, Any]
OPEN_TASKS = "requested,received,accepted,ready,in-progress,on-hold"
DROPPED, HANDED = "abandon", "medecin"
REPORT = {"system": "http://loinc.org", "code": "11490-0", "display": "Physician Discharge summary"}


@dataclass(frozen=True, slots=True)
class Support:
    """One support of a person: its episode, whether whoever reads is of its team, what is left to do by it."""

    episode: Resource
    own: bool
    tasks: tuple[Resource, ...] = ()


async def of_person(ctx: Context, patient: str) -> list[Support]:
    """The supports of a person, newest first."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    mine = await own_teams(ctx)
    found = []
    for one in await episodes.of_person(ctx, patient):
        team = resources.team_of(one)
        tasks = await _open_tasks(ctx, patient, team) if team in mine and one["status"] == "active" else []
        found.append(Support(one, team in mine, tuple(tasks)))
    return found


async def other_teams(ctx: Context, team: str) -> list[Team]:
    """To whom a team may hand over."""
    return [one for one in await coordination_teams(ctx) if one.reference != team]


async def close(ctx: Context, patient: str, episode: str, *, reason: str, report: str, decided: Mapping[str, str]) -> None:
    """Ends a support for a reason of `CLOSURES`, with the report that those who stay read; `decided` says of each open task DROPPED or HANDED.

    Invalid, with its place, for a task that nothing was decided about. The reaction to it ends the episode and the team's sight.
    """
    ctx.require(Permission.SUPPORT_TRIAGE, patient=patient)
    held = await ctx.records.read("EpisodeOfCare", episode)
    team = resources.team_of(held)
    if not resources.is_episode(held) or local(held.get("patient")) != f"Patient/{patient}" or team not in await own_teams(ctx):
        raise NotFound(f"EpisodeOfCare/{episode} is no support of this person by whoever acts")
    if reason not in CLOSURES:
        raise Invalid.at("motif", f"the reason is one of {', '.join(CLOSURES)}")
    if not FEWEST <= len(report) <= 10 * MOST:
        raise Invalid.at("bilan", "the report takes a sentence at least")
    tasks = await _open_tasks(ctx, patient, team)
    if any(decided.get(task["id"]) not in (DROPPED, HANDED) for task in tasks):
        raise Invalid.at("taches", "say of each open task what becomes of it")
    physician = await directory.general_practitioner(ctx, patient)
    if physician is None and HANDED in decided.values():
        raise Invalid.at("taches", "the person has no general practitioner to take a task")
    answer = await _answer_of(ctx, held)
    ended = requests.closed(
        answer, reason=reason, words=CLOSURES[reason], by=ctx.actor.reference, name=ctx.actor.name, at=ctx.now
    )
    owner = {"reference": physician.reference, "display": physician.name} if physician else None
    await ctx.records.write_all(
        [*(_settled(task, decided[task["id"]], owner) for task in tasks), _report(ctx, patient, held, reason, report), ended]
    )


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


async def _answer_of(ctx: Context, episode: Resource) -> Resource:
    request = resources.request_of(episode)
    found = await ctx.records.find("Task", {"focus": f"ServiceRequest/{request}", "code": OF_SUPPORT}) if request else []
    if not found:
        raise NotFound(f"EpisodeOfCare/{episode['id']} was opened by no request: end it by its own status")
    return found[0]


async def _open_tasks(ctx: Context, patient: str, team: str) -> list[Resource]:
    found = await ctx.records.find(
        "Task", {"patient": f"Patient/{patient}", "owner": team, "status": OPEN_TASKS, "_count": "200"}
    )
    return [one for one in found if not requests.is_answer(one)]


def _settled(task: Resource, decision: str, physician: Resource | None) -> Resource:
    if decision == HANDED and physician:
        return {**task, "owner": physician}
    return {**task, "status": "cancelled", "statusReason": {"text": "Fin de l’appui à la coordination"}}


def _report(ctx: Context, patient: str, episode: Resource, reason: str, words: str) -> Resource:
    """What the team leaves behind, as a document of the record."""
    title = "Bilan de fin d’appui à la coordination"
    text = f"{title}\nMotif : {CLOSURES[reason]}\n\n{words}\n\n{ctx.actor.name}\n"
    attachment = {
        "contentType": "text/plain; charset=utf-8",
        "language": "fr-FR",
        "title": title,
        "data": base64.b64encode(text.encode()).decode(),
    }
    author = [{"reference": ctx.actor.reference, "display": ctx.actor.name}] if ctx.actor.reference else []
    return {
        "resourceType": "DocumentReference",
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
