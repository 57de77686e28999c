"""What holds at every door of what is said about a plan, or about a meeting: each speaks for themself, of the person it is about, and it stays as it was said."""

from typing import Any

from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.access.references import as_list, local
from maillage.clock import PARIS
from maillage.errors import Conflict, Forbidden, Issue, Unprocessable
from maillage.fhir.change import Change, Verb
from maillage.services.coordination.resources import meeting as meetings
from maillage.services.coordination.resources import position as positions
from maillage.services.coordination.resources.position import AGREED, CONTESTED, MEDIA, REFUSED
from maillage.services.coordination.resources.representation import needs_proof, represents
from maillage.services.identity import public as identity

Resource = dict[str, Any]
WRONG = "entered-in-error"
OF_PLAN, OF_MEETING = positions.CATEGORY, meetings.CATEGORY
PROOF = "DocumentReference"
MEETING = "Appointment"
ABOUT = {OF_PLAN: "CarePlan", OF_MEETING: MEETING}
CONCLUDED = "this meeting is concluded and its report is written: what is said after it would stand in none"


@guard("Communication")
async def keep_words(ctx: Context, change: Change) -> Resource:
    """Conflict to change or delete what was said (`entered-in-error` it may become); Forbidden in another's name; Unprocessable of another person's plan."""
    resource = change.resource
    if ctx.actor.kind is ActorKind.JOB:
        return resource
    before = await ctx.records.before(change)
    if kind := _kind(before):
        if (
            change.verb is Verb.DELETE
            or _but_for_its_status(resource) != _but_for_its_status(before)
            or resource["status"] not in (before["status"], WRONG)
        ):
            raise Conflict(
                "what was said stays as it was said: say something else, or that this was written by mistake (entered-in-error)"
            )
    elif change.verb is not Verb.DELETE and (kind := _kind(resource)):
        await _refuse_other_record(ctx, resource, ABOUT[kind])
        await _refuse_other_speaker(ctx, resource, kind)
    return resource


def _kind(resource: Resource) -> str:
    codings = [coding for concept in as_list(resource.get("category")) for coding in concept.get("coding", [])]
    return next(
        (str(one["code"]) for one in codings if one.get("system") == positions.CATEGORY_SYSTEM and one.get("code") in ABOUT), ""
    )


def _but_for_its_status(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if name not in ("meta", "status", "text")}


async def _refuse_other_record(ctx: Context, resource: Resource, kind: str) -> None:
    """It would show to whoever follows both people, in the plan of the other."""
    subject = local(resource.get("subject")) or ""
    own = {f"Patient/{one}" for one in await identity.identities_of(ctx, subject.removeprefix("Patient/"))}
    named = [(kind, "basedOn", one) for one in as_list(resource.get("basedOn"))]
    named += [(PROOF, "payload", one.get("contentReference")) for one in as_list(resource.get("payload"))]
    for kind, place, reference in ((kind, place, local(one)) for kind, place, one in named):
        if not reference or not reference.startswith(f"{kind}/"):
            continue
        found = await ctx.records.find(kind, {"_id": reference.partition("/")[2]})
        about = {local(one.get("subject")) for one in found} | {
            local(p.get("actor")) for one in found for p in one.get("participant", [])
        }
        if not own & about:
            raise _wrong(place, f"{reference} is not about {subject}")
        if kind == MEETING and any(one.get("status") == meetings.HELD for one in found):
            raise Conflict(
                CONCLUDED,
                french="Cette concertation est conclue, et son compte rendu est fait : écrivez au cercle, ou réunissez-le à nouveau.",
            )


async def _refuse_other_speaker(ctx: Context, resource: Resource, kind: str) -> None:
    """The person says where they stand, online; of what they said otherwise a professional notes how. Carers say nothing in their name."""
    said = positions.position_from(resource)
    if ctx.actor.kind is ActorKind.CARER or (ctx.actor.kind is ActorKind.PATIENT and kind == OF_MEETING):
        raise Forbidden("what is said about a plan is said by the person, and by professionals")
    if kind == OF_MEETING:
        return
    own = said.of in ("", said.by, ctx.actor.reference)
    if ctx.actor.kind is ActorKind.PATIENT:
        if not own or said.kind not in (AGREED, CONTESTED, REFUSED):
            raise Forbidden("the person says whether they agree, in their own name")
        return
    if own:
        return
    if said.kind not in (AGREED, CONTESTED, REFUSED) or said.medium == "ELECTRONIC" or said.medium not in MEDIA:
        raise _wrong(
            "medium",
            "of what somebody else said, say how they did: FACE, PHONE or WRITTEN; online (ELECTRONIC) they say it themself",
        )
    person = str(local(resource.get("subject")))
    if said.of != person:
        await _refuse_who_does_not_represent(ctx, said, person)


async def _refuse_who_does_not_represent(ctx: Context, said: positions.Position, person: str) -> None:
    """Whoever helps the person may contest in their own name; yes and no are the person's, or those of who represents them, with the act that says so."""
    kind, _, id = said.of.partition("/")
    found = await ctx.records.find("RelatedPerson", {"_id": id, "patient": person}) if kind == "RelatedPerson" else []
    if not found:
        raise _wrong("extension", "whose position it is: the person, or a carer of theirs")
    if said.kind == CONTESTED:
        return
    if not represents(found[0], today=ctx.now.astimezone(PARIS).date().isoformat()):
        raise _wrong("extension", "yes or no to a plan is said by the person, or by who represents them by law at that time")
    if needs_proof(found[0]) and not said.proof.startswith("DocumentReference/"):
        raise _wrong("payload", "join the act by which they represent the person (contentReference to a DocumentReference)")


def _wrong(name: str, text: str) -> Unprocessable:
    return Unprocessable(text, issues=[Issue("business-rule", text, f"Communication.{name}")])
