"""Questionnaires that a person, or who helps them, is asked to answer: asked by a professional, filled in from a link, finished when they like."""

import uuid
from dataclasses import dataclass, replace
from typing import Any

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Conflict, Gone, Invalid, NotFound, PreconditionFailed
from maillage.fhir.change import Change, Verb
from maillage.services.assessment.forms import answers as forms
from maillage.services.assessment.resources import assessment as resources
from maillage.services.assessment.resources import request as requests
from maillage.services.assessment.resources.assessment import OPEN
from maillage.services.assessment.resources.request import Asked
from maillage.services.assessment.resources.response import nodes_from
from maillage.services.assessment.rules.filling import filled
from maillage.services.assessment.rules.populating import populated
from maillage.services.assessment.service import assessments, library
from maillage.services.assessment.service.assessments import Assessment
from maillage.services.identity import public as identity
from maillage.services.rights import public as rights

Resource = dict[str, Any]
_IDS = uuid.UUID("6f1f4a30-4f52-4e0f-9a5c-0f6c5f1f2c63")
MOST = "50"


@dataclass(frozen=True, slots=True)
class Mine:
    """What waits for an answer, and what was answered; `own` where the reader is the person."""

    waiting: list[Asked]
    answered: list[Asked]
    own: bool


async def ask(ctx: Context, *, patient: str, url: str, key: str) -> str:
    """Asks the person to answer a form; the id of the Task. Sent twice with one `key`, it is asked once."""
    ctx.require(Permission.RECORD_WRITE, patient=patient)
    form = library.to_begin(await library.named(ctx, url))
    if not form.for_the_person:
        raise Invalid.at("questionnaire", f"{form.title} is answered by a professional")
    try:
        id = str(uuid.uuid5(_IDS, f"{uuid.UUID(key)}|{patient}|{ctx.actor.reference}"))
    except ValueError:
        raise Invalid.at("cle", "the key of a form is a UUID") from None
    task = requests.task_for(
        id=id, patient=patient, canonical=form.canonical, title=form.title, by=assessments.author(ctx), at=ctx.now.isoformat(timespec="seconds")
    )  # fmt: skip
    try:
        async with ctx.savepoint():
            await ctx.records.write_changes([Change(Verb.CREATE, task)])
    except (Conflict, PreconditionFailed):
        await _task(ctx, patient, id)
    return id


async def take_back(ctx: Context, *, patient: str, id: str) -> None:
    """The person need not answer any more."""
    ctx.require(Permission.RECORD_WRITE, patient=patient)
    task = await _task(ctx, patient, id)
    if requests.asked_from(task).open:
        await ctx.records.write({**task, "status": requests.TAKEN_BACK})


async def asked_of(ctx: Context, patient: str) -> list[Asked]:
    """What a person was asked and has not answered."""
    found = await ctx.records.find(
        "Task",
        {
            "code": requests.WANTED,
            "patient": f"Patient/{patient}",
            "status": f"{requests.ASKED},{requests.BEGUN}",
            "_count": MOST,
        },
    )
    return [requests.asked_from(one) for one in found]


async def mine(ctx: Context) -> Mine:
    """What the reader, or the person whom they help, is asked."""
    ctx.require(Permission.OWN_RECORD_READ)
    whose = await rights.person_of(ctx)
    found = [
        requests.asked_from(one)
        for one in await ctx.records.find(
            "Task", {"code": requests.WANTED, "patient": f"Patient/{whose}", "_sort": "-authored-on", "_count": MOST}
        )
    ]
    return Mine(
        [one for one in found if one.open], [one for one in found if one.response], ctx.actor.reference == f"Patient/{whose}"
    )


async def open_(ctx: Context, *, id: str) -> tuple[Asked, Assessment]:
    """A request and the form with what is answered so far, which is kept with the first answer. Gone where it was taken back."""
    ctx.require(Permission.OWN_RECORD_READ)
    patient = await rights.person_of(ctx)
    asked = requests.asked_from(await _task(ctx, patient, id))
    if asked.status == requests.TAKEN_BACK:
        raise Gone("this was asked and taken back", french="Cette demande a été annulée : il n’y a plus rien à remplir.")
    stored = await _stored(ctx, patient, asked)
    if stored and stored["status"] != OPEN:
        asked = replace(asked, status=requests.ANSWERED, response=stored["id"])
    return asked, await _assessment(ctx, patient, asked, stored)


async def save(ctx: Context, *, id: str, version: str, sent: forms.Sent, finish: bool) -> tuple[Asked, Assessment, bool]:
    """Writes what was answered, as `assessments.save` does, in the name of who answers."""
    ctx.require(Permission.QUESTIONNAIRE_OWN)
    patient = await rights.person_of(ctx)
    asked = requests.asked_from(await _task(ctx, patient, id))
    stored = await _stored(ctx, patient, asked)
    if not asked.open or (stored and stored["status"] != OPEN):
        raise Conflict("this was answered, or taken back", french="Ce questionnaire n’attend plus de réponse.")
    if stored is None:
        held = await _assessment(ctx, patient, asked, None)
        new = resources.new(
            held.form, held.done.nodes, id=_response_id(asked), patient=patient, by=assessments.author(ctx), at=ctx.now
        )
        try:
            async with ctx.savepoint():
                await ctx.records.write_changes([Change(Verb.CREATE, new)])
        except (Conflict, PreconditionFailed):
            pass  # begun on another screen at the same instant
        version = version or "1"
    held, written = await assessments.saved(
        ctx, patient=patient, id=_response_id(asked), version=version, sent=sent, finish=finish
    )
    return asked, held, written


async def _assessment(ctx: Context, patient: str, asked: Asked, stored: Resource | None) -> Assessment:
    form = await library.named(ctx, asked.canonical)
    known = await assessments.known_of(ctx, form, patient)
    nodes = nodes_from(form, stored) if stored else populated(form, known=known, now=ctx.now)[0]
    response = stored or {"id": "", "status": OPEN, "meta": {"versionId": ""}}
    return Assessment(await identity.banner(ctx, patient), response, form, filled(form, nodes, known=known, now=ctx.now))


async def _stored(ctx: Context, patient: str, asked: Asked) -> Resource | None:
    try:
        return await assessments.response_of(ctx, patient, asked.response or _response_id(asked))
    except NotFound:
        return None


def _response_id(asked: Asked) -> str:
    return str(uuid.uuid5(_IDS, f"response|{asked.id}"))


async def _task(ctx: Context, patient: str, id: str) -> Resource:
    task = await ctx.records.read("Task", id)
    own = {f"Patient/{one}" for one in await identity.identities_of(ctx, patient)}
    if not requests.is_asked(task) or task.get("for", {}).get("reference") not in own:
        raise NotFound(f"Task/{id} asks nothing of this person")
    return task
