"""Where the person and the members stand about a plan: agreement collected with its proof, refusal, disagreement, answers. Nothing is written over."""

from typing import Any

from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.services.coordination.events import PlanContested
from maillage.services.coordination.resources import plan as plans
from maillage.services.coordination.resources import position as positions
from maillage.services.coordination.resources.position import AGREED, ANSWERED, CONTESTED, KINDS, MEDIA, REFUSED, SETTLED
from maillage.services.coordination.service.plans import to_change
from maillage.services.directory import public as directory
from maillage.services.rights import public as rights

Resource = dict[str, Any]


async def collect(
    ctx: Context, *, patient: str, plan: str, kind: str, of: str, medium: str, words: str, proof: str, about: str, key: str
) -> None:
    """What the person (or a carer, by reference) said about the plan to whoever writes it down: AGREED, REFUSED or CONTESTED, and how."""
    resource = await to_change(ctx, patient, plan)
    if kind not in (AGREED, REFUSED, CONTESTED) or medium not in MEDIA or medium == "ELECTRONIC":
        raise Invalid.at("accord", "says whether the person agrees, and how that was said")
    names = {f"Patient/{patient}": ""} | {
        one.reference: one.name for one in await directory.circle(ctx, patient) if one.kind == "person"
    }
    if of not in names:
        raise Invalid.at("qui", "the person, or a carer of the circle")
    if proof:
        await ctx.records.read("DocumentReference", proof.removeprefix("DocumentReference/"))
    await _write(
        ctx, resource, kind=kind, words=words, of=of, of_name=names[of], medium=medium, about=_about(resource, about), key=key,
        proof=f"DocumentReference/{proof.removeprefix('DocumentReference/')}" if proof else "",
    )  # fmt: skip


async def contest(ctx: Context, *, patient: str, plan: str, words: str, about: str, key: str) -> None:
    """A member of the circle disagrees, in their own name."""
    resource = await to_change(ctx, patient, plan)
    await _write(ctx, resource, kind=CONTESTED, words=words, about=_about(resource, about), key=key)


async def answer(ctx: Context, *, patient: str, plan: str, to: str, words: str, settled: bool, key: str) -> None:
    """Answers what somebody said (`to`: id of their Communication), or says how it was settled."""
    resource = await to_change(ctx, patient, plan)
    said = await ctx.records.read("Communication", to)
    if f"CarePlan/{plan}" not in [one.get("reference") for one in said.get("basedOn", [])]:
        raise NotFound(f"Communication/{to} is not about this plan")
    await _write(ctx, resource, kind=SETTLED if settled else ANSWERED, words=words, answers=to, key=key)


async def say_oneself(ctx: Context, *, plan: str, kind: str, words: str, about: str, key: str) -> None:
    """The person says online that they agree, or what they disagree with. Their carers read the plan, and say nothing in their name."""
    ctx.require(Permission.OWN_RECORD_READ)
    patient = await rights.person_of(ctx)
    if ctx.actor.kind is not ActorKind.PATIENT:
        raise Forbidden("a carer says nothing in the name of the person")
    if kind not in (AGREED, CONTESTED):
        raise Invalid.at("avis", "the person agrees, or says what they disagree with")
    resource = await ctx.records.read("CarePlan", plan)
    if resource["subject"].get("reference") != f"Patient/{patient}" or resource["status"] not in plans.OPEN:
        raise NotFound(f"CarePlan/{plan} is not their plan")
    await _write(ctx, resource, kind=kind, words=words, medium="ELECTRONIC", about=_about(resource, about), key=key)


async def _write(
    ctx: Context, resource: Resource, *, kind: str, words: str, key: str, of: str = "", of_name: str = "", medium: str = "",
    about: str | None = None, answers: str | None = None, proof: str = "",
) -> None:  # fmt: skip
    if await ctx.records.find("Communication", [("identifier", f"{positions.KEY}|{key}")]):
        return
    patient = str(resource["subject"]["reference"]).removeprefix("Patient/")
    said = positions.new_position(
        plan=resource["id"], number=plans.number_of(resource), patient=patient, kind=kind, words=words, sender=ctx.actor.reference,
        sender_name=ctx.actor.name, of=of or None, of_name=of_name, medium=medium, about=about, answers=answers, proof=proof, at=ctx.now,
        key=key,
    )  # fmt: skip
    written = await ctx.records.write(said)
    if kind in (CONTESTED, REFUSED):
        ctx.announce(PlanContested(plan=resource["id"], patient=patient, position=written["id"]))


def _about(resource: Resource, about: str) -> str | None:
    """The goal that is meant, None for the plan as a whole."""
    return about if about in plans.goals_named(resource) else None


__all__ = ["KINDS", "answer", "collect", "contest", "say_oneself"]
