"""What holds at every door of a response to a form that is known here: it answers that version, within its bounds, and its scores are what the answers make."""

from collections.abc import Mapping, Sequence
from typing import Any

from maillage.access.actors import ActorKind
from maillage.access.context import Context
from maillage.access.guards import guard
from maillage.access.references import local
from maillage.errors import Conflict, Forbidden, Issue, NotFound, Unprocessable
from maillage.fhir.change import Change, Verb
from maillage.services.assessment.events import AssessmentRecorded
from maillage.services.assessment.resources.assessment import OPEN, RECORDED, is_the_persons
from maillage.services.assessment.resources.questionnaire import Form, Value
from maillage.services.assessment.resources.response import Node, every, nodes_from
from maillage.services.assessment.rules import checking
from maillage.services.assessment.rules.filling import filled, wrong
from maillage.services.assessment.rules.values import number
from maillage.services.assessment.service import library
from maillage.services.assessment.service.assessments import known_of
from maillage.services.assessment.service.recording import FINISHED

Resource = dict[str, Any]
ASKED = (ActorKind.PATIENT, ActorKind.CARER)


@guard("QuestionnaireResponse")
async def keep_answers(ctx: Context, change: Change) -> Resource:
    """Invalid for another version of a form than those known; Unprocessable, by linkId, for a finished response that misses an answer, has one that may not be, or a
    score that its answers do not make. Responses to forms that are not known here, and drafts, are as they come."""
    resource = change.resource
    if ctx.actor.kind in ASKED:
        await _refuse_what_was_sent(ctx, change)
    elif ctx.actor.kind is ActorKind.PROFESSIONAL:
        await _refuse_the_persons(ctx, change)
    if change.verb is Verb.DELETE or "questionnaire" not in resource or ctx.actor.kind is ActorKind.JOB:
        return resource
    try:
        form = await library.named(ctx, resource["questionnaire"])
    except NotFound:
        return resource
    nodes = nodes_from(form, resource)
    if resource["status"] in RECORDED:
        await _refuse_wrong(ctx, form, resource, nodes)
    await _tell(ctx, change, form)
    return resource


async def _refuse_what_was_sent(ctx: Context, change: Change) -> None:
    """Who is no professional answers in their own name, changes only a draft of theirs, and takes nothing back that was sent."""
    before = await ctx.records.before(change)
    if not before:
        return
    if local(before.get("author")) != ctx.actor.reference:
        raise Forbidden("these are somebody else's answers")
    if before["status"] != OPEN or change.verb is Verb.DELETE:
        raise Conflict("what was sent stays as it was sent: say to your team what is wrong in it")


async def _refuse_the_persons(ctx: Context, change: Change) -> None:
    """What a person, or who helps them, is answering is not written in for them."""
    before = await ctx.records.before(change) or {}
    if before.get("status") == OPEN and is_the_persons(before):
        raise Conflict(
            "the person is answering this: it is not written in for them", french="La personne est en train d’y répondre."
        )


async def _tell(ctx: Context, change: Change, form: Form) -> None:
    """What is finished, corrected or taken out is announced once for each such version."""
    resource = change.resource
    before = await ctx.records.before(change) or {}
    states = (str(before.get("status", "")), str(resource["status"]))
    patient = local(resource.get("subject")) or ""
    if (
        states[1] in FINISHED
        and (states[0] in FINISHED or states[1] in RECORDED)
        and patient.startswith("Patient/")
        and "id" in resource
    ):
        ctx.announce(
            AssessmentRecorded(response=resource["id"], patient=patient.removeprefix("Patient/"), url=form.url, status=states[1])
        )


async def _refuse_wrong(ctx: Context, form: Form, resource: Resource, nodes: Sequence[Node]) -> None:
    patient = str(resource.get("subject", {}).get("reference", "")).removeprefix("Patient/")
    known = await known_of(ctx, form, patient) if patient else {}
    done = filled(form, tuple(nodes), known=known, now=ctx.now)
    named = {node.name: node.item.link_id for node in every(done.nodes)}
    faults = {**checking.faults(done), **checking.missing(done), **wrong(form, done, known=known, now=ctx.now)}
    issues = [
        Issue("business-rule", words, f"QuestionnaireResponse.item({named.get(name, '')})") for name, words in faults.items()
    ]
    issues += _unlike(nodes, done.nodes)
    if issues:
        raise Unprocessable("this response is not what its questionnaire asks", issues=issues)


def _unlike(said: Sequence[Node], made: Sequence[Node]) -> list[Issue]:
    """The computed answers that were sent and are not what the others make."""
    computed = {node.name: node for node in every(tuple(made))}
    return [
        Issue(
            "business-rule",
            f"the answers make {_text(computed[node.name].answers)}, not {_text(node.answers)}",
            f"QuestionnaireResponse.item({node.item.link_id})",
        )
        for node in every(tuple(said))
        if node.item.calculated and node.answers and not _same(node.answers, computed[node.name].answers)
    ]


def _same(one: Sequence[Value], other: Sequence[Value]) -> bool:
    return len(one) == len(other) and all(_plain(a) == _plain(b) for a, b in zip(one, other, strict=True))


def _plain(value: Value) -> Any:
    (said,) = value.values()
    measured = number(said)
    if measured is not None:
        return measured, said.get("code") if isinstance(said, Mapping) else None
    return (said.get("system"), said.get("code")) if isinstance(said, Mapping) else said


def _text(answers: Sequence[Value]) -> str:
    return ", ".join(str(_plain(one)) for one in answers) or "nothing"
