"""The support of somebody by a coordination team: opened by an accepted request, ended by its closure."""

import uuid
from typing import Any

from maillage.access.context import Context
from maillage.access.references import local
from maillage.services.coordination.resources import circle as circles
from maillage.services.coordination.resources import episode as resources
from maillage.services.coordination.resources import support
from maillage.services.coordination.rules.support import Source, State
from maillage.services.coordination.service import circle_guard as _guards
from maillage.services.coordination.service import support_telling, teams
from maillage.services.directory import public as directory
from maillage.services.rights import public as rights

Resource = dict[str, Any]
OPEN_TASKS = "requested,received,accepted,ready,in-progress,on-hold"
OPPOSED = "La personne s’oppose à la coordination : l’appui ne commence pas"
keep_circles = _guards.keep_circles


async def open_for(ctx: Context, *, request: str, referent: str | None) -> None:
    """For jobs: the episode of an accepted request, once, and its team and referent in the person's circle; it goes on where it was closed.

    What the person agreed to is then their choice (a Consent); where they refuse coordination since, nothing opens and the request is closed with that reason.
    Where another team hands over, that team's support ends with it.
    """
    resource = await ctx.records.read("ServiceRequest", request)
    asked = support.request_from(resource)
    follows = referent if referent and referent.startswith("Practitioner/") else None
    known = await ctx.records.find("EpisodeOfCare", {"identifier": f"{resources.OF_REQUEST}|{request}"})
    if known and known[0]["status"] == "active":
        return
    if not await _agreed(ctx, asked):
        await _close(ctx, request, reason="refusal", words=OPPOSED)
        return
    new = resources.reopened(known[0]) if known else resources.episode_for(
        request=request, patient=asked.patient, team=asked.team, team_name=asked.team_name, referent=follows, at=ctx.now
    )  # fmt: skip
    await ctx.records.write(new, await _circle_with(ctx, asked.patient, asked.team, asked.team_name, follows))
    if asked.requester != f"Patient/{asked.patient}":
        await ctx.records.write(support_telling.message_to_the_person(asked, at=ctx.now))
    before = support.handed_over_by(resource)
    if before:
        await _close(ctx, before, reason="handed-over", words="Relais pris par une autre équipe")


async def _agreed(ctx: Context, asked: support.Request) -> bool:
    """Keeps what the request says that the person agreed to as their own choice; False where they refuse."""
    said = asked.agreement
    online = said is not None and said.how == "online"
    return await rights.note_agreement(
        ctx,
        asked.patient,
        "coordination",
        how=said.how if said else "spoken",
        at=said.at if said else asked.asked,
        person=asked.requester if online and asked.source in (Source.PERSON, Source.FAMILY) else None,
        collector=None if online else (said.collector if said else None) or asked.requester or None,
    )


async def _close(ctx: Context, request: str, *, reason: str, words: str) -> None:
    tasks = await ctx.records.find("Task", {"focus": f"ServiceRequest/{request}", "status": State.ACCEPTED.value})
    for task in filter(support.is_answer, tasks):
        await ctx.records.write(support.closed(task, reason=reason, words=words, by=None, name="Maillage", at=ctx.now))


async def end_for(ctx: Context, *, request: str, task: str) -> None:
    """For jobs: what a closed request had opened ends, once: the episode, the tasks of the team that are left, the team and its people in the circle. A death is noted on the person."""
    answer = await ctx.records.read("Task", task)
    resource = await ctx.records.read("ServiceRequest", request)
    asked, reason = support.request_from(resource), support.closure_of(answer)
    if answer.get("status") != State.CLOSED.value:
        return
    episodes = await ctx.records.find("EpisodeOfCare", {"identifier": f"{resources.OF_REQUEST}|{request}"})
    leaving = {
        asked.team,
        *(one.reference for one in await teams.colleagues(ctx, asked.team)),
        *await teams.roles_in(ctx, asked.team),
    }
    around = await ctx.records.find("CareTeam", {"patient": f"Patient/{asked.patient}", "status": "active"})
    changed = [resources.ended(one, reason=reason, at=ctx.now) for one in episodes if one["status"] != "finished"]
    changed += [left for team in around if (left := circles.without(team, leaving, ctx.now)) != team]
    changed += await _left_tasks(ctx, asked.patient, asked.team)
    if resource.get("status") == "active":
        changed.append({**resource, "status": "completed"})
    if reason == "death":
        changed += await _deceased(ctx, asked.patient, support.died_of(answer))
    await ctx.records.write_all(changed)


async def _left_tasks(ctx: Context, patient: str, team: str) -> list[Resource]:
    """The tasks that a team leaves behind of which nothing was said (`closing.close` asks; another software may not): nobody would see them any more."""
    found = await ctx.records.find(
        "Task", {"patient": f"Patient/{patient}", "owner": team, "status": OPEN_TASKS, "_count": "200"}
    )
    return [one | {"status": "cancelled", "statusReason": {"text": resources.END}} for one in found if not support.is_answer(one)]


async def follow_referent(ctx: Context, *, patient: str, member: str) -> None:
    """For jobs: who manages the open supports of the team in which a referent works is this referent. One of no supporting team changes nothing."""
    practitioner, team = await teams.of_member(ctx, member)
    held = [one for one in await of_person(ctx, patient) if one["status"] == "active" and resources.team_of(one) == team]
    moved = [one | {"careManager": {"reference": practitioner}} for one in held if local(one.get("careManager")) != practitioner]
    if practitioner and moved:
        await ctx.records.write_all(moved)


async def _deceased(ctx: Context, patient: str, day: str) -> list[Resource]:
    """The person, whose death is noted where it was not, with its day where that is said; a date that is there stays."""
    person = await ctx.records.read("Patient", patient)
    if person.get("deceasedDateTime") or (person.get("deceasedBoolean") and not day):
        return []
    alive = {name: value for name, value in person.items() if name != "deceasedBoolean"}
    return [{**alive, **({"deceasedDateTime": day} if day else {"deceasedBoolean": True})}]


async def _circle_with(ctx: Context, patient: str, team: str, team_name: str, referent: str | None) -> Resource:
    """The circle of a person with a team, and who of it follows them."""
    joining = [circles.participant_for(team, team_name, role={"text": "Équipe de coordination"}, at=ctx.now)]
    if referent:
        person = await ctx.records.read("Practitioner", referent.removeprefix("Practitioner/"))
        name = directory.display_name(person)
        joining.append(
            circles.participant_for(
                await teams.role_of(ctx, referent, team),
                name,
                role=circles.part_for(circles.REFERENT, "Référent de coordination"),
                at=ctx.now,
            )
        )
    there = circles.main_circle(await ctx.records.find("CareTeam", {"patient": f"Patient/{patient}", "status": "active"}))
    if there:
        return circles.with_participants(there, joining, ctx.now)
    named = await ctx.records.read("Patient", patient)
    return circles.circle_for(id=str(uuid.uuid4()), patient=patient, name=_name(named), participants=joining, at=ctx.now)


def _name(patient: Resource) -> str:
    name: Resource = next(iter(patient.get("name", [])), {})
    return str(name.get("text") or " ".join([*name.get("given", [])[:1], name.get("family", "")]).strip())


async def of_person(ctx: Context, patient: str) -> list[Resource]:
    """The episodes of coordination of a person, newest first."""
    found = await ctx.records.find("EpisodeOfCare", {"patient": f"Patient/{patient}", "_sort": "-date", "_count": "50"})
    return [one for one in found if resources.is_episode(one)]
