"""The plan for the person themself: what they said, who does what and when, and how to say that they disagree."""

from uuid import uuid4

from starlette.responses import Response

from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.http import Request, action, page, redirect
from maillage.services.coordination.forms import plan as forms
from maillage.services.coordination.forms.plan import PlanForm
from maillage.services.coordination.resources.position import AGREED, CONTESTED
from maillage.services.coordination.rules import plan as rules
from maillage.services.coordination.service import plans, positions
from maillage.services.directory import public as directory
from maillage.services.identity import public as identity
from maillage.services.rights import public as rights
from maillage.ui import render

SAID = {
    CONTESTED: "C’est noté, dans vos mots. Votre équipe en est prévenue et en parlera avec vous.",
    AGREED: "C’est noté : vous êtes d’accord avec ce plan.",
}


async def own_plan(request: Request, ctx: Context) -> Response:
    """GET /mon-plan."""
    return await _page(request, ctx, PlanForm())


async def say(request: Request, ctx: Context) -> Response:
    """POST /mon-plan/avis: `avis` is agreed or contested, `mots` what the person says, `but` the goal that is meant."""
    sent = {name: str(value) for name, value in (await request.form()).items()}
    contested = sent.get("avis") != AGREED
    form = forms.read("avis", sent, needed=("mots",) if contested else (), today=plans.today(ctx))
    if form.faults:
        return await _page(request, ctx, form, status=422)
    v = form.values
    kind = CONTESTED if contested else AGREED
    await positions.say_oneself(
        ctx, plan=v.get("plan", ""), kind=kind, words=v.get("mots", ""), about=v.get("but", ""), key=v["cle"]
    )
    return redirect(f"/mon-plan?fait={kind}")


async def _page(request: Request, ctx: Context, form: PlanForm, *, status: int = 200) -> Response:
    ctx.require(Permission.OWN_RECORD_READ)
    patient = await rights.person_of(ctx)
    own, held = ctx.actor.reference == f"Patient/{patient}", await plans.of_person(ctx, patient)
    plan = held.current
    themself = "vous" if own else "la personne"
    month = plans.today(ctx).isoformat()[:7]
    waiting = sorted((one for one in (plan.actions if plan else []) if not one.over), key=lambda one: one.due or "9")
    later = [one for one in waiting if one.due[:7] > month and one.due[:10] != (plan.review if plan else "") and not one.going]
    return render(
        request, ctx, "coordination/own_plan.html", status=status, banner=await identity.banner(ctx, patient),
        own=own, plan=plan, form=form, key=lambda: uuid4().hex,
        names={one.reference: one.name for one in await directory.circle(ctx, patient)} | {f"Patient/{patient}": themself},
        this_month=[one for one in waiting if one not in later], later=later,
        agreement=rules.agreement(plan.positions, plan.number) if plan else None,
        disagreements=rules.disagreements(plan.positions) if plan else [], may_say=ctx.actor.kind is ActorKind.PATIENT,
        said_words=SAID.get(request.query_params.get("fait", ""), ""),
    )  # fmt: skip


routes = [
    page("/mon-plan", own_plan, permission=Permission.OWN_RECORD_READ),
    action("/mon-plan/avis", say, permission=Permission.OWN_RECORD_READ),
]
