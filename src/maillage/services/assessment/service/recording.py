"""What follows when a response is finished, whatever the door: it is written into the record, and who asked for it is told."""

from typing import Any

from maillage.access.context import Context
from maillage.errors import Gone, Invalid, NotFound
from maillage.fhir.change import Change, Verb
from maillage.services.assessment.events import AssessmentRecorded
from maillage.services.assessment.resources import request as requests
from maillage.services.assessment.resources.assessment import RECORDED, WRONG
from maillage.services.assessment.resources.questionnaire import Form
from maillage.services.assessment.resources.response import nodes_from
from maillage.services.assessment.rules.extracting import extracted
from maillage.services.assessment.service import library
from maillage.services.messaging import public as messaging

Resource = dict[str, Any]
ANSWERED = "questionnaire-answered"
"""The kind of the notice to who asked."""
FINISHED = RECORDED | {WRONG}
WRITTEN = frozenset({"Observation", "Condition", "AllergyIntolerance", "MedicationStatement", "Procedure", "FamilyMemberHistory"})
"""Types that are written into the record of whom the response is about by themselves. Others open something, or bind somebody: who may write them carries out `$extract`."""


async def record(ctx: Context, told: AssessmentRecorded) -> None:
    """Writes what the response says as it is now; told twice, it is written once."""
    try:
        response = await ctx.records.read("QuestionnaireResponse", told.response)
        form = await library.named(ctx, response["questionnaire"])
    except (Gone, NotFound, Invalid):  # erased, or its form is not kept any more: what was written stays as it was
        return
    if response["status"] in FINISHED:
        await extract(ctx, form, response)
        await _answer_who_asked(ctx, response, patient=told.patient)


async def extract(ctx: Context, form: Form, response: Resource) -> None:
    """Writes what the response says of the record, over what an earlier version of it said; what that said and this does not is taken back."""
    made = [one for one in extracted(form, response, nodes_from(form, response)) if one["resourceType"] in WRITTEN]
    before = await ctx.records.find("Observation", {"derived-from": f"QuestionnaireResponse/{response['id']}", "_count": "200"})
    stored = {one["id"]: one for one in before}
    gone = [
        {**one, "status": WRONG}
        for id, one in stored.items()
        if id not in {each["id"] for each in made} and one["status"] != WRONG
    ]
    changes = [Change(Verb.PUT, one) for one in [*made, *gone] if not _same(one, stored.get(one["id"]))]
    if changes:
        await ctx.records.write_changes(changes)


def _same(made: Resource, stored: Resource | None) -> bool:
    return stored is not None and {**made, "meta": None} == {**stored, "meta": None}


async def _answer_who_asked(ctx: Context, response: Resource, *, patient: str) -> None:
    waiting = await ctx.records.find(
        "Task",
        {
            "code": requests.WANTED,
            "patient": f"Patient/{patient}",
            "status": f"{requests.ASKED},{requests.BEGUN}",
            "_count": "50",
        },
    )
    for task in waiting:
        asked = requests.asked_from(task)
        if asked.canonical == response["questionnaire"] and response["status"] in RECORDED:
            await ctx.records.write(requests.answered(task, response=response["id"]))
            messaging.notify(
                ctx,
                kind=ANSWERED,
                about=f"QuestionnaireResponse/{response['id']}",
                patient=patient,
                to=[asked.requester],
                sender=response.get("author", {}).get("reference"),
            )
            return
