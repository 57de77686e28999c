"""Read marks by FHIR say and hear what the page says and hears: `Communication/$readers`, `Communication/$mark-read`."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.platform import Platform
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from maillage.services.messaging import operations
from maillage.services.messaging.resources.message import Readers
from maillage.services.messaging.service import messages, threads
from tests.support.pages import client_of
from tests.support.people import MACHINE, SEED, care_team, patient, professional

assert operations.MARK  # declared
GP = professional("gp", name="Dr Camille EXEMPLE")
NURSE = professional("nurse", Role.NURSE, name="Nora FICTIVE")
LISE = professional("lise", Role.COORDINATOR, name="Lise ESSAI")
OUTSIDER, ZOE = professional("outsider", Role.GP), patient("zoe")


@pytest.fixture(autouse=True)
async def circle(access: Access) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "zoe", "name": [{"use": "official", "family": "MARTIN", "given": ["ZOÉ"]}], "gender": "female", "birthDate": "1950-02-03"},
            *({"resourceType": "Practitioner", "id": one.id.removeprefix("psc:"), "name": [{"text": one.name}]} for one in (GP, NURSE, LISE)),
            care_team("zoe", "Practitioner/gp", "Practitioner/nurse", "Practitioner/lise"),
        )  # fmt: skip


async def begun(access: Access, readers: Readers = Readers()) -> str:  # noqa: B008 - frozen
    async with access.act(GP) as ctx:
        return await messages.begin(
            ctx, patient="zoe", key=str(uuid4()), topic="Plaie", text="Qui passe demain ?", readers=readers
        )


async def asked(platform: Platform, access: Access, actor: Actor, path: str, body: Any = None) -> httpx.Response:
    async with await client_of(create_app(platform, fhir_routes()), access, actor, accept="application/fhir+json") as client:
        return await (client.get(f"/fhir/{path}") if body is None else client.post(f"/fhir/{path}", json=body))


def said(read: bool | None = None) -> dict[str, Any]:
    return {"resourceType": "Parameters"} | ({} if read is None else {"parameter": [{"name": "read", "valueBoolean": read}]})


def who(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    parts = [{part["name"]: part for part in one["part"]} for one in answer.json().get("parameter", [])]
    assert all(one["until"]["valueInstant"] for one in parts)
    return [one["who"]["valueReference"]["reference"] for one in parts]


async def new(access: Access, actor: Actor) -> int:
    async with access.act(actor, read_only=True) as ctx:
        return await threads.unread(ctx)


async def test_a_software_says_that_its_user_read_and_the_page_and_the_sender_know(platform: Platform, access: Access) -> None:
    thread = await begun(access)
    assert who(await asked(platform, access, GP, f"Communication/{thread}/$readers")) == ["Practitioner/gp"], (
        "who writes has read"
    )
    assert await new(access, NURSE) == 1
    assert who(await asked(platform, access, NURSE, f"Communication/{thread}/$mark-read", said())) == ["Practitioner/nurse"]
    assert await new(access, NURSE) == 0
    async with access.act(LISE) as ctx:
        await threads.mark(ctx, thread, read=True)
    answer = await asked(platform, access, GP, f"Communication/{thread}/$readers")
    assert who(answer) == ["Practitioner/gp", "Practitioner/lise", "Practitioner/nurse"]
    named = [one["part"][0]["valueReference"].get("display") for one in answer.json()["parameter"]]
    assert named == ["Dr Camille EXEMPLE", "Lise ESSAI", "Nora FICTIVE"]
    assert who(await asked(platform, access, NURSE, f"Communication/{thread}/$mark-read", said(read=False))) == []
    assert await new(access, NURSE) == 1


async def test_of_another_ones_message_one_knows_ones_own_mark_alone(platform: Platform, access: Access) -> None:
    thread = await begun(access)
    for actor in (NURSE, LISE):
        await asked(platform, access, actor, f"Communication/{thread}/$mark-read", said(read=True))
    assert who(await asked(platform, access, NURSE, f"Communication/{thread}/$readers")) == ["Practitioner/nurse"]


async def test_who_read_before_an_answer_has_not_read_the_answer(platform: Platform, access: Access, clock: Any) -> None:
    thread = await begun(access)
    await asked(platform, access, LISE, f"Communication/{thread}/$mark-read", said())
    clock.advance(timedelta(seconds=1))
    async with access.act(NURSE) as ctx:
        answer = await messages.reply(ctx, thread=thread, key=str(uuid4()), text="Moi, à 9 h")
    assert who(await asked(platform, access, NURSE, f"Communication/{answer}/$readers")) == ["Practitioner/nurse"]
    assert who(await asked(platform, access, LISE, f"Communication/{answer}/$mark-read", said())) == ["Practitioner/lise"]
    assert "Practitioner/lise" in who(await asked(platform, access, NURSE, f"Communication/{answer}/$readers"))


@pytest.mark.parametrize("code", ["$readers", "$mark-read"])
async def test_who_does_not_see_a_conversation_learns_and_says_nothing_of_it(
    platform: Platform, access: Access, code: str
) -> None:
    thread = await begun(access, Readers(care_only=True, professionals=True))
    body = said() if code == "$mark-read" else None
    assert (await asked(platform, access, NURSE, f"Communication/{thread}/{code}", body)).status_code == 200
    for actor in (LISE, OUTSIDER, ZOE):
        there = await asked(platform, access, actor, f"Communication/{thread}/{code}", body)
        nowhere = await asked(platform, access, actor, f"Communication/{uuid4()}/{code}", body)
        assert there.status_code == nowhere.status_code == 404


async def test_only_people_read_and_what_is_said_wrongly_is_refused(platform: Platform, access: Access) -> None:
    thread = await begun(access)
    assert (await asked(platform, access, MACHINE, f"Communication/{thread}/$mark-read", said())).status_code == 403
    wrong = {"resourceType": "Parameters", "parameter": [{"name": "read", "valueString": "peut-être"}]}
    unknown = {"resourceType": "Parameters", "parameter": [{"name": "reader", "valueString": "Practitioner/nurse"}]}
    for body in (wrong, unknown):
        answer = await asked(platform, access, GP, f"Communication/{thread}/$mark-read", body)
        assert (answer.status_code, answer.json()["resourceType"]) == (400, "OperationOutcome")
    async with access.act(SEED) as ctx:
        contact = await ctx.records.write(
            {
                "resourceType": "Communication",
                "status": "completed",
                "subject": {"reference": "Patient/zoe"},
                "category": [{"coding": [{"system": "urn:maillage:communication", "code": "contact"}]}],
            }
        )
    async with access.act(SEED) as ctx:
        bare = {name: value for name, value in contact.items() if name not in ("id", "meta")}
        part = await ctx.records.write({**bare, "partOf": [{"reference": f"Communication/{thread}"}]})
    for one in (contact, part):
        for code, body in (("$readers", None), ("$mark-read", said())):
            answer = await asked(platform, access, GP, f"Communication/{one['id']}/{code}", body)
            assert answer.status_code == 404, "a call is no conversation, wherever it stands"


@pytest.mark.parametrize(("scopes", "readers", "mark"), [("rus", 200, 200), ("rs", 200, 403), ("", 403, 403)])
async def test_a_software_does_what_its_scopes_open(
    platform: Platform, access: Access, scopes: str, readers: int, mark: int
) -> None:
    thread = await begun(access)
    held = f"patient/Communication.{scopes}" if scopes else "patient/Observation.rs"
    through = replace(NURSE, client="app", patient="Patient/zoe", id=f"nurse:{scopes}", scopes=frozenset({held}))
    assert (await asked(platform, access, through, f"Communication/{thread}/$readers")).status_code == readers
    assert (await asked(platform, access, through, f"Communication/{thread}/$mark-read", said())).status_code == mark


async def test_the_operations_are_told_of(platform: Platform, access: Access) -> None:
    statement = (await asked(platform, access, GP, "metadata")).json()
    of_messages = next(one for one in statement["rest"][0]["resource"] if one["type"] == "Communication")
    assert {"readers", "mark-read"} <= {one["name"] for one in of_messages["operation"]}
    definition = (await asked(platform, access, GP, "OperationDefinition/Communication-mark-read")).json()
    assert (definition["affectsState"], definition["parameter"][0]["name"]) == (True, "read")
