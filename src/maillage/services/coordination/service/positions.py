"""Where the person and the members stand about a plan: agreement collected with its proof, refusal, disagreement, answers. Nothing is written over."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from maillage.access import matrix
from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Forbidden, Invalid, NotFound
from maillage.services.coordination.events import PlanContested
from maillage.services.coordination.resources import plan as plans
from maillage.services.coordination.resources import position as positions
from maillage.services.coordination.resources import telling
from maillage.services.coordination.resources.position import AGREED, ANSWERED, CONTESTED, KINDS, MEDIA, REFUSED, SETTLED
from maillage.services.coordination.resources.representation import needs_proof, represents
from maillage.services.coordination.service.plans import to_change
from maillage.services.coordination.service.plans import today as to_date
from maillage.services.directory import public as directory
from maillage.services.messaging import public as messaging
from maillage.services.rights import public as rights

Resource = dict[str, Any]
PROOF = "Preuve d’une position sur le plan"
MOST = "50"


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody whose words about the plan can be noted; `represents`: they say yes or no for the person, `proof`: with the act that names them."""

    reference: str
    name: str
    represents: bool = False
    proof: bool = False


async def collect(
    ctx: Context, *, patient: str, plan: str, kind: str, of: str, medium: str, words: str, proof: str = "", files: Sequence[messaging.File] = (),
    about: str, key: str,
) -> None:  # fmt: skip
    """What the person (or somebody who represents or helps them, by reference) said about the plan to whoever writes it down: AGREED, REFUSED or CONTESTED, and
    how. `proof` is a document of the record, or one of `files` (bytes as sent) that becomes one. The guard (`words_guard`) says who may say what."""
    resource = await to_change(ctx, patient, plan)
    if kind not in (AGREED, REFUSED, CONTESTED) or medium not in MEDIA or medium == "ELECTRONIC":
        raise Invalid.at("accord", "says whether the person agrees, and how that was said")
    names = {f"Patient/{patient}": ""} | {one.reference: one.name for one in await speakers(ctx, patient)}
    if of not in names:
        raise Invalid.at("qui", "the person, who represents them, or a carer of theirs")
    if files:
        ((proof, _),) = await messaging.keep(ctx, files[:1], patient=patient, key=key, readers=messaging.Readers(), words=PROOF)
    await _write(
        ctx, resource, kind=kind, words=words, of=of, of_name=names[of], medium=medium, about=_about(resource, about), key=key,
        proof=f"DocumentReference/{proof.removeprefix('DocumentReference/')}" if proof else "",
    )  # fmt: skip


async def speakers(ctx: Context, patient: str, circle: Sequence[directory.Member] | None = None) -> list[Speaker]:
    """Whose words about the plan can be noted beside the person's: who represents them today, and the carers of their circle."""
    if "RelatedPerson" in await matrix.types_kept(ctx):
        return []
    today = to_date(ctx).isoformat()
    found = await ctx.records.find("RelatedPerson", {"patient": f"Patient/{patient}", "active": "true", "_count": MOST})
    named = {f"RelatedPerson/{one['id']}": one for one in found}
    told = [
        Speaker(reference, telling.name(one), True, needs_proof(one))
        for reference, one in named.items()
        if represents(one, today=today)
    ]
    known = {one.reference for one in told}
    circle = await directory.circle(ctx, patient) if circle is None else circle
    members = [one for one in circle if one.kind == "person" and one.reference not in known]
    return [*told, *(Speaker(one.reference, one.name) for one in members)]


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


__all__ = ["KINDS", "Speaker", "answer", "collect", "contest", "say_oneself", "speakers"]
