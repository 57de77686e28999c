"""What is asked within a conversation is a task like any other: of its owner's list, reminded, answered, late where it is late."""

from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.errors import Invalid
from maillage.services.coordination.resources import task as resources
from maillage.services.coordination.rules import tasks as rules
from maillage.services.coordination.service import work
from maillage.services.coordination.service.colleagues import oneself, takers
from maillage.services.messaging.public import WISH, Wish, answers, asks

TITLES = {"measure": "Mesure demandée", "todo": "Action demandée", "opinion": "Avis demandé"}
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"


@asks
async def ask(ctx: Context, wish: Wish) -> None:
    """Writes the task of a wish. It is kept from those who do not read the conversation: R of one for care, V of one among some (HL7 v3 Confidentiality)."""
    ctx.require(Permission.TASK_WRITE, patient=wish.patient)
    if fault := rules.date_fault(wish.due, ctx.now):
        raise Invalid.at("pour_le", fault)
    owner = next((one for one in await takers(ctx, wish.patient) if one.reference == wish.owner), None)
    if owner is None:
        raise Invalid.at("a_qui", "Choisissez quelqu’un du cercle.")
    task = resources.todo_for(
        id=wish.task, patient=wish.patient, title=TITLES[wish.kind], description=wish.words, due=wish.due, priority="routine", owner=owner.fhir,
        requester=oneself(ctx).fhir, at=ctx.now, remind=None,
    ) | {"focus": {"reference": f"Communication/{wish.message}"}, "reasonCode": {"coding": [{"system": WISH, "code": wish.kind}]}}  # fmt: skip
    if wish.readers.chosen or wish.readers.care_only:
        task["meta"] = {"security": [{"system": CONFIDENTIALITY, "code": "V" if wish.readers.chosen else "R"}]}
    work.tell_of_new(ctx, await ctx.records.write(task))


@answers
async def answer(ctx: Context, task: str, words: str) -> None:
    """Ends the task, where it is still open."""
    resource = await ctx.records.read("Task", task)
    if resource["status"] in rules.OPEN:
        await work.finish(ctx, task=task, version="", words=words)
