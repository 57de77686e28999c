"""What asks for the review of a plan: a return home, a disagreement, the day that was said. Each becomes one task of the team; nothing in the plan is changed."""

from datetime import timedelta
from typing import Any

from maillage.access.context import Context
from maillage.access.references import local
from maillage.services.coordination.events import PlanContested, TaskPlanned
from maillage.services.coordination.resources import action as actions
from maillage.services.coordination.resources import plan as plans
from maillage.services.coordination.rules import plan as rules
from maillage.services.coordination.rules import team_of
from maillage.services.coordination.service.plans import MANY, today
from maillage.services.coordination.service.watching import review_is_late
from maillage.services.directory import public as directory
from maillage.services.pathways.events import ActionDue

Resource = dict[str, Any]

RETURN_HOME = "return-home"
_OF_A_RETURN = ("DocumentReference/", "Encounter/")


async def after_return(ctx: Context, due: ActionDue) -> None:
    """The person came home from hospital: `focus` is the letter, or the stay that ended. One return asks once, whichever is heard first."""
    if due.protocol != RETURN_HOME or (plan := await _open_plan(ctx, due.patient)) is None:
        return
    asked = [one for one in await _asked(ctx, plan) if (local(one.get("focus")) or "").startswith(_OF_A_RETURN)]
    if any(local(one.get("focus")) == due.focus for one in asked):
        return
    letter = due.focus.startswith("DocumentReference/")
    if known := next((one for one in asked if letter and (local(one.get("focus")) or "").startswith("Encounter/")), None):
        await ctx.records.write(known | {"focus": {"reference": due.focus}})
        return
    if asked and not letter:
        return
    why = "La personne est rentrée de l’hôpital : traitements, aides et objectifs sont à revoir avec elle."
    await _ask(ctx, plan, focus=due.focus, why=why)


async def after_disagreement(ctx: Context, event: PlanContested) -> None:
    """Somebody disagrees with the plan: what they said is to be looked at with them."""
    plan = await _open_plan(ctx, event.patient)
    focus = f"Communication/{event.position}"
    if plan is None or plan["id"] != event.plan or any(local(one.get("focus")) == focus for one in await _asked(ctx, plan)):
        return
    await _ask(ctx, plan, focus=focus, why="Un désaccord est noté : il est à reprendre avec celui qui l’a dit.")


async def remind(ctx: Context) -> None:
    """Each open plan whose review is near gets its task, once for each day of review; where that day passed, an alert."""
    until = (today(ctx) + rules.REMIND_BEFORE).isoformat()
    cursor: str | None = None
    while True:
        asked = [("category", plans.CATEGORY), ("status", "active"), ("date", f"le{until}"), ("_count", "100")]
        page = await ctx.records.search("CarePlan", [*asked, *([("_cursor", cursor)] if cursor else [])])
        for resource in page.matches:
            plan = plans.plan_from(resource)
            if rules.to_remind(plan, today(ctx)):
                await _remind(ctx, resource)
                if plan.review[:10] < today(ctx).isoformat():
                    await review_is_late(ctx, plan=plan, patient=str(resource["subject"]["reference"]).removeprefix("Patient/"))
        if (cursor := page.next) is None:
            return


async def _remind(ctx: Context, plan: Resource) -> None:
    day = str(plan["period"]["end"])[:10]
    origin = f"plan-review-{plan['id']}-{day}"
    if not await ctx.records.find("Task", [("identifier", f"{actions.ORIGIN_SYSTEM}|{origin}")]):
        await _ask(ctx, plan, focus=f"CarePlan/{plan['id']}", why="La date de revue du plan approche.", origin=origin)


async def _open_plan(ctx: Context, patient: str) -> Resource | None:
    found = await ctx.records.find("CarePlan", [("patient", patient), ("category", plans.CATEGORY), ("status", "active"), MANY])
    return next(iter(found), None)


async def _asked(ctx: Context, plan: Resource) -> list[Resource]:
    found = await ctx.records.find("Task", [("based-on", f"CarePlan/{plan['id']}"), ("status", "requested"), MANY])
    return [one for one in found if actions.is_review(one)]


async def _ask(ctx: Context, plan: Resource, *, focus: str, why: str, origin: str = "") -> None:
    patient = str(plan["subject"]["reference"]).removeprefix("Patient/")
    owner = team_of(await directory.circle(ctx, patient)) or local(plan.get("author"))
    if owner is None:
        return
    within: timedelta = rules.REVIEW_AFTER
    task = actions.review_task(
        plan=plan["id"], patient=patient, focus=focus, owner=owner, why=why, due=ctx.now + within, at=ctx.now,
        origin=origin or f"plan-review-{plan['id']}-{focus}",
    )  # fmt: skip
    written = await ctx.records.write(task)
    ctx.announce(TaskPlanned(task=written["id"], patient=patient, owner=owner))
