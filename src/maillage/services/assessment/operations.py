"""FHIR: a questionnaire filled in beforehand, and what a response says of the record (SDC 3.0.0: `$populate`, `$extract`). Neither writes anything."""

from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.errors import Issue, NotFound
from maillage.fhir import json
from maillage.fhir.outcome import outcome
from maillage.fhir.validation import validate
from maillage.http import Request
from maillage.http.fhir import answers, operation
from maillage.http.fhir.catalogue import add
from maillage.http.fhir.operation import Level, Operation, Parameter, refused
from maillage.http.routes import Declared
from maillage.services.assessment.resources.questionnaire import Form, form_from
from maillage.services.assessment.resources.response import items_from, nodes_from
from maillage.services.assessment.rules.extracting import extracted
from maillage.services.assessment.rules.filling import filled
from maillage.services.assessment.rules.populating import populated
from maillage.services.assessment.service import library
from maillage.services.assessment.service.assessments import known_of

Resource = dict[str, Any]
POPULATE = (
    Parameter("subject", "Reference", "The person it is about: `Patient/id`.", required=True),
    Parameter("questionnaire", "Questionnaire", "The questionnaire, where it is none of those known here."),
    Parameter("canonical", "canonical", "The url of one that is known here, with its version or without."),
)
EXTRACT = (
    Parameter("questionnaire-response", "QuestionnaireResponse", "The finished response, to a questionnaire that is known here."),
)


async def populate(request: Request, ctx: Context) -> Response:
    """Parameters: `response`, a QuestionnaireResponse in progress; `issues` for what could not be filled in."""
    id = request.path_params.get("id")
    sent = await operation.sent(request, POPULATE)
    form = await _asked(ctx, id, sent)
    patient = _person(sent)
    ctx.records.views.require("r", "Questionnaire")
    known = await known_of(ctx, form, patient)
    nodes, doubts = populated(form, known=known, now=ctx.now)
    done = filled(form, nodes, known=known, now=ctx.now)
    response = {
        "resourceType": "QuestionnaireResponse", "questionnaire": form.canonical, "status": "in-progress", "subject": {"reference": f"Patient/{patient}"},
        "authored": ctx.now.isoformat(timespec="seconds"), **({"item": items} if (items := items_from(done.nodes)) else {}),
    }  # fmt: skip
    return _answer("response", response, {**doubts, **done.doubts})


async def _asked(ctx: Context, id: Any, sent: operation.Sent) -> Form:
    canonical = sent.get("canonical")
    if id and (canonical is not None or sent.whole.keys() - {"subject"}):
        raise refused("questionnaire", "the address names the questionnaire already")
    if id:
        return form_from(await _questionnaire(ctx, str(id)))
    if (canonical is None) == ("questionnaire" not in sent.whole):
        raise refused("questionnaire", "give either a questionnaire or the canonical of one")
    if canonical is not None:
        return await library.named(ctx, canonical)
    validate(sent.whole["questionnaire"])
    return form_from(sent.whole["questionnaire"])


async def _questionnaire(ctx: Context, id: str) -> Resource:
    """A Questionnaire of the store, else that of the library by its id."""
    try:
        return await ctx.records.read("Questionnaire", id)
    except NotFound:
        shipped = next((dict(form.source) for form in library.library().values() if form.id == id), None)
        if shipped is None:
            raise
        return shipped


def _person(sent: operation.Sent) -> str:
    kind, _, id = str(sent.whole.get("subject", {}).get("reference", "")).partition("/")
    if kind != "Patient" or not id:
        raise refused("subject", "a Reference to a Patient is expected: Patient/id")
    return id


async def extract(request: Request, ctx: Context) -> Response:
    """Parameters: `return`, a transaction of what the response says of the record; carried out twice it writes once."""
    id = request.path_params.get("id")
    sent = await operation.sent(request, EXTRACT, itself="" if id else "QuestionnaireResponse")
    if id and sent.whole:
        raise refused("questionnaire-response", "the address names the response already")
    response = (
        await ctx.records.read("QuestionnaireResponse", str(id))
        if id
        else sent.whole.get("resource") or sent.whole.get("questionnaire-response")
    )
    if response is None:
        raise refused("questionnaire-response", "a QuestionnaireResponse is expected")
    validate(response)
    form = await library.named(ctx, response.get("questionnaire", ""))
    made = extracted(form, response, nodes_from(form, response))
    entries = [_entry(one) for one in made]
    return _answer("return", {"resourceType": "Bundle", "type": "transaction", **({"entry": entries} if entries else {})}, {})


def _entry(resource: Resource) -> Resource:
    """Written over what the same place of the same response said before: a client chooses no id of the platform's."""
    kind, (identifier,) = resource["resourceType"], resource["identifier"]
    whole = {name: value for name, value in resource.items() if name != "id"}
    return {
        "resource": whole,
        "request": {"method": "PUT", "url": f"{kind}?identifier={identifier['system']}|{identifier['value']}"},
    }


def _answer(name: str, resource: Resource, doubts: dict[str, str]) -> Response:
    told = [{"name": name, "resource": resource}]
    if doubts:
        issues = [Issue("not-found", f"{where}: {why}", where, "warning") for where, why in doubts.items()]
        told.append({"name": "issues", "resource": outcome(issues)})
    return answers.fhir(json.dumps({"resourceType": "Parameters", "parameter": told}))


add(
    Operation(
        "populate", "Fill in a questionnaire beforehand", "SDC 3.0.0 Questionnaire/$populate: what the record says of a person, to the questions that ask for it; what whoever asks may not see is left empty.",
        "Questionnaire", (Level.TYPE, Level.INSTANCE), populate, POPULATE, "Parameters", by_get=False,
    ),
    Operation(
        "extract", "What a response says of the record", "SDC 3.0.0 QuestionnaireResponse/$extract: Observations of the scores and of the items that say so, and resources by definitions, as a transaction that is not carried out.",
        "QuestionnaireResponse", (Level.TYPE, Level.INSTANCE), extract, EXTRACT, "Parameters", by_get=True,
    ),
)  # fmt: skip
routes: list[Declared] = []  # those of the catalogue are the FHIR door's
