"""The plan of a person: read whole, started from a template, changed one small form at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.references import as_list, local
from maillage.clock import PARIS
from maillage.errors import Conflict, Invalid, NotFound, PreconditionFailed
from maillage.services.coordination.resources import action as actions
from maillage.services.coordination.resources import goal as goals
from maillage.services.coordination.resources import plan as plans
from maillage.services.coordination.resources import position as positions
from maillage.services.coordination.resources import template
from maillage.services.coordination.resources.action import Action
from maillage.services.coordination.resources.plan import Plan
from maillage.services.coordination.rules import plan as rules
from maillage.services.directory import public as directory
from maillage.services.identity import public as identity

Resource = dict[str, Any]
MANY = ("_count", "200")
CLOSED = "Ce plan est archivé : il se lit et ne se change plus."


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a plan is to be reviewed: the task that says so, and the document that moved it, where one did."""

    task: Resource
    document: Resource | None


@dataclass(frozen=True, slots=True)
class Plans:
    """The plan that counts now (None: there is none), those before it, newest first, and why the first is to be reviewed."""

    current: Plan | None
    past: Sequence[Plan]
    causes: Sequence[Cause] = ()


def today(ctx: Context) -> date:
    """The day in Paris."""
    return ctx.now.astimezone(PARIS).date()


def _end_of(day: str) -> datetime:
    """The end of the working day of an ISO date, in Paris."""
    return datetime.combine(date.fromisoformat(day), time(18), PARIS)


async def of_person(ctx: Context, patient: str) -> Plans:
    """The plans of a person as whoever asks may see them, in four statements."""
    about = ",".join(await identity.identities_of(ctx, patient))
    includes = [("_include", f"CarePlan:{name}") for name in ("goal", "condition", "activity-reference")]
    page = await ctx.records.search("CarePlan", [("patient", about), ("_sort", "-_lastUpdated"), MANY, *includes])
    kept = [one for one in page.matches if one.get("status") != "entered-in-error"]
    ordered = sorted(kept, key=lambda one: (one.get("status") not in plans.OPEN, not plans.is_ours(one)))
    if not ordered:
        return Plans(None, [])
    first, rest = (ordered[0], ordered[1:]) if ordered[0].get("status") in plans.OPEN else (None, ordered)
    past = [whole(one, page.included, [], []) for one in rest]
    if first is None:
        return Plans(None, past)
    tasks = await ctx.records.search("Task", [("based-on", f"CarePlan/{first['id']}"), MANY, ("_include", "Task:focus")])
    said = await ctx.records.find("Communication", [("based-on", f"CarePlan/{first['id']}"), MANY])
    documents = {f"{one['resourceType']}/{one['id']}": one for one in tasks.included}
    causes = [
        Cause(one, documents.get(local(one.get("focus")) or ""))
        for one in tasks.matches
        if actions.is_review(one) and one["status"] == "requested"
    ]
    return Plans(whole(first, page.included, tasks.matches, said), past, causes)


async def read(ctx: Context, *, patient: str) -> Plans:
    """The plans of somebody whom the actor cares for or coordinates."""
    ctx.require(Permission.RECORD_READ, patient=patient)
    return await of_person(ctx, patient)


def whole(resource: Resource, named: Sequence[Resource], tasks: Sequence[Resource], said: Sequence[Resource]) -> Plan:
    """The plan with what it names, of what was read: the goals and problems (`named`), its tasks, what was said about it."""
    by_reference = {f"{one['resourceType']}/{one['id']}": one for one in [*named, *tasks]}
    found = [goals.goal_from(by_reference[one]) for one in plans.goals_named(resource) if one in by_reference]
    conditions = [by_reference[one] for one in map(local, as_list(resource.get("addresses"))) if one in by_reference]
    return plans.plan_from(
        resource,
        goals=found,
        actions=_actions(resource, by_reference, tasks),
        positions=[positions.position_from(one) for one in said if one.get("status") != "entered-in-error"],
        problems=[words for one in conditions if (words := _text(one.get("code", {})))],
    )


def _actions(resource: Resource, by_reference: dict[str, Resource], tasks: Sequence[Resource]) -> list[Action]:
    """What the plan lists, in its order, then the tasks that name the plan and that it does not list."""
    found: dict[str, Action] = {}
    for place, activity in enumerate(resource.get("activity", [])):
        named = local(activity.get("reference"))
        if "detail" in activity and not plans.is_alert(activity):
            one = actions.from_activity(activity, place=place)
            found[one.key] = one
        elif named in by_reference:
            read_by = {"Task": actions.from_task, "ServiceRequest": actions.from_request}.get(named.partition("/")[0])
            if read_by:
                found[named] = read_by(by_reference[named])
    for task in tasks:
        if not actions.is_review(task):
            found.setdefault(f"Task/{task['id']}", actions.from_task(task))
    return [one for one in found.values() if one.status != "entered-in-error"]


def _text(concept: Resource) -> str:
    return str(
        concept.get("text") or next((coding["display"] for coding in concept.get("coding", []) if "display" in coding), "")
    )


async def start(ctx: Context, *, patient: str, model: str, key: str) -> str:
    """Starts a plan from a template of the region (`model`); its id. A person has one open plan: Conflict where there is one already."""
    ctx.require(Permission.PLAN_WRITE, patient=patient)
    proposed = template.templates().get(model)
    if proposed is None:
        raise Invalid.at("modele", f"no template {model}")
    open_ = [
        one
        for one in await ctx.records.find("CarePlan", [("patient", patient), ("category", plans.CATEGORY), MANY])
        if one["status"] in plans.OPEN
    ]
    if again := next((one for one in open_ if _made_by(one, key)), None):
        return str(again["id"])
    if open_:
        raise Conflict(
            "this person has a plan already", french="Cette personne a déjà un plan : ouvrez-le, ou archivez-le d’abord."
        )
    day = today(ctx)
    plan = plans.new_plan(
        patient=patient, title=proposed.title, author=ctx.actor.reference, name=ctx.actor.name,
        review=template.in_months(day, rules.USUAL_REVIEW).isoformat(), at=ctx.now, key=key,
    )  # fmt: skip
    made = {
        aim.id: goals.new_goal(
            patient=patient, words=aim.words, measure=aim.measure, due=template.in_months(day, aim.months).isoformat(), at=ctx.now,
            key=f"{key}-{aim.id}",
        )
        for aim in proposed.aims
    }  # fmt: skip
    written = dict(zip(made, await ctx.records.write_all(made.values()), strict=True))
    for one in written.values():
        plan = plans.with_goal(plan, f"Goal/{one['id']}")
    for place, step in enumerate(proposed.steps):
        goal = f"Goal/{written[step.aim]['id']}" if step.aim in written else None
        plan = plans.with_activity(
            plan,
            actions.unfilled_activity(key=f"{key}-{place}", what=step.words, how="", due=template.due_of(step, day), goal=goal),
        )
    return str((await ctx.records.write(plan))["id"])


async def describe(ctx: Context, *, patient: str, plan: str, version: int, synthesis: str, alert: str, review: str) -> None:
    """Another synthesis, alert procedure or day of review. PreconditionFailed where somebody changed the plan meanwhile."""
    resource = await to_change(ctx, patient, plan)
    refuse_other(resource, version)
    await ctx.records.write(plans.described(resource, synthesis=synthesis, alert=alert, review=review))


async def say(ctx: Context, *, patient: str, plan: str, words: str, collected: str, goal: str, version: int, key: str) -> None:
    """What counts for the person, in their words: said for the first time, or (`goal`, `version`) said anew."""
    resource = await to_change(ctx, patient, plan)
    if goal:
        known = await _goal(ctx, resource, goal)
        refuse_other(known, version)
        await ctx.records.write(goals.reworded(known, words=words, collected=collected))
        return
    made = goals.new_goal(
        patient=patient, words=words, said_by=f"Patient/{patient}", own_words=True, collected=collected, at=ctx.now, key=key
    )
    await _add_goal(ctx, resource, made, key)


async def add_goal(
    ctx: Context, *, patient: str, plan: str, words: str, measure: str, target: str, due: str, by_the_person: bool, key: str
) -> None:
    """One more goal; `by_the_person`: it is theirs."""
    resource = await to_change(ctx, patient, plan)
    made = goals.new_goal(
        patient=patient, words=words, measure=measure, target=target, due=due,
        said_by=f"Patient/{patient}" if by_the_person else ctx.actor.reference, at=ctx.now, key=key,
    )  # fmt: skip
    await _add_goal(ctx, resource, made, key)


async def _add_goal(ctx: Context, resource: Resource, made: Resource, key: str) -> None:
    if await ctx.records.find("Goal", [("identifier", f"{goals.KEY}|{key}")]):
        return
    written = await ctx.records.write(made)
    await ctx.records.write(plans.with_goal(resource, f"Goal/{written['id']}"))


async def change_goal(
    ctx: Context, *, patient: str, plan: str, goal: str, version: int, words: str, measure: str, target: str, due: str
) -> None:
    """Other words for a goal. PreconditionFailed where somebody changed it meanwhile."""
    resource = await _goal(ctx, await to_change(ctx, patient, plan), goal)
    refuse_other(resource, version)
    await ctx.records.write(goals.reworded(resource, words=words, measure=measure, target=target, due=due))


async def end_goal(ctx: Context, *, patient: str, plan: str, goal: str, outcome: str, reason: str) -> None:
    """Says what became of a goal (`goals.OUTCOMES`): it stays in the plan, with why."""
    resource = await _goal(ctx, await to_change(ctx, patient, plan), goal)
    await ctx.records.write(goals.ended(resource, outcome=outcome, reason=reason, at=ctx.now))


async def add_action(
    ctx: Context, *, patient: str, plan: str, what: str, how: str, due: str, goal: str, owner: str, key: str
) -> None:
    """One more action; without an owner it is « à pourvoir ». Who has it finds it in their tasks."""
    resource = await to_change(ctx, patient, plan)
    aim = goal if goal in plans.goals_named(resource) else None
    if not owner:
        if all(activity.get("id") != key for activity in resource.get("activity", [])):
            made = actions.unfilled_activity(key=key, what=what, how=how, due=due, goal=aim)
            await ctx.records.write(plans.with_activity(resource, made))
        return
    if not await ctx.records.find("Task", [("identifier", f"{actions.ORIGIN_SYSTEM}|plan-{key}")]):
        await _give(ctx, resource, what=what, how=how, due=due, goal=aim, owner=owner, key=key)


async def _give(
    ctx: Context, resource: Resource, *, what: str, how: str, due: str, goal: str | None, owner: str, key: str, instead: str = ""
) -> None:
    """Writes the task of an action and lists it in the plan, at the place of the activity that it is there `instead` of."""
    patient = str(resource["subject"]["reference"]).removeprefix("Patient/")
    names = {f"Patient/{patient}": "La personne elle-même"} | {
        one.reference: one.name for one in await directory.circle(ctx, patient)
    }
    if owner not in names:
        raise Invalid.at("qui", "the one who has an action is in the circle, or the person")
    until = (
        due
        or str(resource.get("period", {}).get("end", ""))[:10]
        or template.in_months(today(ctx), rules.USUAL_REVIEW).isoformat()
    )
    task = actions.task_of(
        plan=resource["id"], patient=patient, key=key, what=what, how=how, due=_end_of(until), goal=goal, owner=owner,
        name=names[owner], requester=ctx.actor.reference, at=ctx.now,
    )  # fmt: skip
    written = await ctx.records.write(task)
    named = {"reference": {"reference": f"Task/{written['id']}"}}
    listed = resource.get("activity", [])
    places = [named if instead and activity.get("id") == instead else activity for activity in listed]
    await ctx.records.write(plans.with_activities(resource, places if instead else [*listed, named]))


async def give(ctx: Context, *, patient: str, plan: str, key: str, owner: str) -> None:
    """Gives an action that nobody has to somebody: it becomes a task of theirs."""
    resource = await to_change(ctx, patient, plan)
    waiting = next((one for one in resource.get("activity", []) if one.get("id") == key and "detail" in one), None)
    if waiting is None:
        raise NotFound(f"no action {key} that waits for somebody")
    one = actions.from_activity(waiting, place=0)
    await _give(ctx, resource, what=one.what, how=one.how, due=one.due[:10], goal=one.goal, owner=owner, key=key, instead=key)


async def move(ctx: Context, *, patient: str, plan: str, key: str, status: str) -> None:
    """Says where an action stands (`actions.MOVES`)."""
    resource = await to_change(ctx, patient, plan)
    if key.startswith("Task/"):
        task = await ctx.records.read("Task", key.removeprefix("Task/"))
        if f"CarePlan/{plan}" not in [local(one) for one in task.get("basedOn", [])]:
            raise NotFound(f"{key} is no action of this plan")
        await ctx.records.write(task | {"status": status, "lastModified": ctx.now.isoformat(timespec="seconds")})
        return
    if all(activity.get("id") != key for activity in resource.get("activity", [])):
        raise NotFound(f"no action {key} in this plan")
    moved = [
        activity | {"detail": activity["detail"] | {"status": status}}
        if activity.get("id") == key and "detail" in activity
        else activity
        for activity in resource["activity"]
    ]
    await ctx.records.write(plans.with_activities(resource, moved))


async def reviewed(ctx: Context, *, patient: str, plan: str, review: str) -> None:
    """The plan was looked at again: what asked for that is done, and it is looked at next on `review` (an ISO day)."""
    resource = await to_change(ctx, patient, plan)
    found = await ctx.records.find("Task", [("based-on", f"CarePlan/{plan}"), ("status", "requested"), MANY])
    done = [
        one | {"status": "completed", "executionPeriod": {"end": ctx.now.isoformat(timespec="seconds")}}
        for one in found
        if actions.is_review(one)
    ]
    period = {**resource.get("period", {}), "end": review}
    await ctx.records.write_all([resource | {"period": period}, *done])


async def archive(ctx: Context, *, patient: str, plan: str, version: int) -> None:
    """The plan is over: it stays to be read, and changes no more."""
    resource = await to_change(ctx, patient, plan)
    refuse_other(resource, version)
    await ctx.records.write(resource | {"status": "completed"})


async def to_change(ctx: Context, patient: str, plan: str) -> Resource:
    """The CarePlan of this person, for a verb that changes it. Forbidden, NotFound, Conflict (archived)."""
    ctx.require(Permission.PLAN_WRITE, patient=patient)
    resource = await ctx.records.read("CarePlan", plan)
    whose = str(resource["subject"].get("reference", "")).removeprefix("Patient/")
    if whose != patient and whose not in await identity.identities_of(ctx, patient):
        raise NotFound(f"CarePlan/{plan} is not of this person")
    if resource["status"] not in plans.OPEN:
        raise Conflict("this plan is archived", french=CLOSED)
    return resource


async def _goal(ctx: Context, plan: Resource, goal: str) -> Resource:
    if f"Goal/{goal}" not in plans.goals_named(plan):
        raise NotFound(f"Goal/{goal} is not in this plan")
    return await ctx.records.read("Goal", goal)


def refuse_other(resource: Resource, version: int) -> None:
    """Raises PreconditionFailed where a resource is not at the version that its form read."""
    if int(resource["meta"]["versionId"]) != version:
        raise PreconditionFailed("changed meanwhile", french="Quelqu’un d’autre a changé ce texte entre-temps.")


def _made_by(plan: Resource, key: str) -> bool:
    return any(one.get("value") == key for one in plan.get("identifier", []))
