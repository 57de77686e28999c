"""By FHIR too, what somebody wrote stays theirs: the words and notes of a task, a note of the notebook, a file that was joined to a message."""

from typing import Any
from uuid import uuid4

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.errors import Conflict, Forbidden, Invalid
from maillage.services.coordination.resources.note import note_for
from maillage.services.coordination.resources.task import todo_for
from maillage.services.coordination.tests.test_coordination_tasks import EVE, GP, LISE, PAUL, territory
from maillage.services.messaging.resources.attachment import document_for
from maillage.services.messaging.resources.message import Readers
from tests.support.people import NOON, SEED, professional

__all__ = ["territory"]
Resource = dict[str, Any]
STRANGER = {"reference": "Practitioner/stranger", "display": "Quelqu’un"}


def signed(actor: Actor) -> dict[str, str]:
    return {"reference": str(actor.reference), "display": actor.name}


async def written(access: Access, by: Actor, resource: Resource) -> Resource:
    async with access.act(by, door="fhir") as ctx:
        stored: Resource = await ctx.records.write(resource)
    return stored


async def refused(access: Access, by: Actor, resource: Resource, *why: type[Exception]) -> None:
    with pytest.raises(why):
        await written(access, by, resource)


@pytest.fixture
async def task(territory: None, access: Access) -> Resource:
    """One that the GP asks of Lise, who said something of it."""
    async with access.act(SEED) as ctx:
        await ctx.records.write({"resourceType": "Practitioner", "id": "stranger", "name": [{"family": "X"}]})
    made = todo_for(
        id=str(uuid4()), patient="anne", title="Appeler la pharmacie", description="", due=NOON, priority="routine", owner=signed(LISE),
        requester=signed(GP), at=NOON, remind=None,
    )  # fmt: skip
    asked = await written(access, GP, made)
    said = {"authorReference": signed(LISE), "time": NOON.isoformat(), "text": "Appelée, pas de réponse"}
    return await written(access, LISE, asked | {"note": [said]})


async def test_nobody_signs_a_task_for_another_or_takes_their_words_away(access: Access, task: Resource) -> None:
    forged = {"authorReference": signed(GP), "time": NOON.isoformat(), "text": "J’annule tout"}
    await refused(access, LISE, {name: value for name, value in task.items() if name != "note"}, Conflict)
    for change in (
        {"note": [task["note"][0] | {"text": "Rien"}]},
        {"note": [*task["note"], forged]},
        {"requester": signed(PAUL)},
    ):
        await refused(access, LISE, task | change, Forbidden, Conflict)
    mine = {"authorReference": signed(LISE), "time": NOON.isoformat(), "text": "Rappelée"}
    after = await written(access, LISE, task | {"note": [*task["note"], mine], "status": "accepted"})
    given = await written(access, LISE, after | {"requester": signed(LISE), "owner": signed(PAUL)})
    assert [one["text"] for one in given["note"]] == ["Appelée, pas de réponse", "Rappelée"]


async def test_a_task_is_given_to_nobody_outside_of_circle_and_team(access: Access, task: Resource) -> None:
    """Whoever has a task sees it, whatever else they see."""
    await refused(access, LISE, task | {"owner": STRANGER, "requester": signed(LISE)}, Invalid)
    new = {name: value for name, value in task.items() if name not in ("id", "meta", "note")}
    await refused(access, GP, new | {"owner": STRANGER}, Invalid)
    await written(access, GP, new | {"owner": {"reference": "Organization/other"}})
    async with access.act(professional("stranger"), read_only=True) as ctx:
        assert await ctx.records.find("Task") == []


async def test_a_note_of_the_notebook_is_its_authors(territory: None, access: Access) -> None:
    note = await written(
        access, GP, note_for("Plaie propre", kind="OBS", patient="anne", by="Practitioner/gp", name="GP", at=NOON)
    )
    other = note_for("Plaie sale", kind="OBS", patient="anne", by="Practitioner/gp", name="GP", at=NOON)
    for change in ({"content": other["content"]}, {"author": [signed(EVE)]}, {"status": "entered-in-error"}):
        await refused(access, EVE, note | change, Forbidden)
    with pytest.raises(Forbidden):
        async with access.act(EVE, door="fhir") as ctx:
            await ctx.records.delete("DocumentReference", note["id"])
    await refused(access, EVE, other, Forbidden)  # nor is one written in another's name
    assert (await written(access, GP, note | {"status": "entered-in-error"}))["status"] == "entered-in-error"


async def test_a_file_of_a_conversation_is_its_authors(territory: None, access: Access) -> None:
    made = document_for(
        id=str(uuid4()), patient="anne", author="Practitioner/gp", at=NOON.isoformat(), title="Photo", kind="text/plain", content=b"x",
        readers=Readers(professionals=True),
    )  # fmt: skip
    joined = await written(access, GP, made)
    opened = {name: value for name, value in joined.items() if name != "category"}
    for change in (opened, joined | {"content": [{"attachment": {"title": "Autre"}}]}, joined | {"author": [signed(EVE)]}):
        await refused(access, EVE, change, Forbidden)
    assert (await written(access, GP, joined | {"description": "Pied gauche"}))["description"] == "Pied gauche"
