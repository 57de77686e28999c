"""Questionnaires by FHIR: filled in beforehand, extracted, and responses that are refused with their place."""

from typing import Any

import httpx
import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.platform import Platform
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from maillage.services.assessment import operations, public
from tests.support.pages import client_of
from tests.support.people import SEED, care_team, patient, professional
from tests.support.questionnaires import FORM, URL, choice, expression

assert operations.routes == []  # declared
assert public.declared
NORA = professional("nora", Role.NURSE, name="Nora FICTIVE")
OUTSIDER = professional("other", Role.NURSE)


@pytest.fixture(autouse=True)
async def circle(access: Access) -> None:
    person = {
        "resourceType": "Patient",
        "id": "p",
        "name": [{"family": "CANEVAS", "given": ["ROGER"]}],
        "gender": "male",
        "birthDate": "1945-02-02",
    }
    async with access.act(SEED) as ctx:
        await ctx.records.write(person, *({"resourceType": "Practitioner", "id": one} for one in ("nora", "other")), FORM)
        await ctx.records.write(care_team("p", "Practitioner/nora"))


async def asked(platform: Platform, access: Access, actor: Actor, path: str, body: Any) -> httpx.Response:
    async with await client_of(create_app(platform, fhir_routes()), access, actor, accept="application/fhir+json") as client:
        return await client.post(f"/fhir/{path}".rstrip("/"), json=body)


def about(id: str = "p", **more: str) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [
        {"name": "subject", "valueReference": {"reference": f"Patient/{id}"}}, *({"name": name, "valueCanonical": value} for name, value in more.items()),
    ]}  # fmt: skip


def response(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse", "questionnaire": f"{URL}|1", "status": "completed", "subject": {"reference": "Patient/p"}, "authored": "2026-11-23T12:00:00+01:00",
        "author": {"reference": "Practitioner/nora"}, "item": [{"linkId": "marche", "item": list(items)}], **more,
    }  # fmt: skip


def said(link_id: str, **value: Any) -> dict[str, Any]:
    return {"linkId": f"marche.{link_id}", "answer": [value]}


WALKS, FALLS = said("1", valueCoding=choice("aide")), said("2", valueInteger=2)


def issues(answer: httpx.Response) -> dict[str, str]:
    return {one.get("expression", [""])[0]: one["diagnostics"] for one in answer.json()["issue"]}


@pytest.mark.parametrize("path", ["Questionnaire/$populate", "Questionnaire/marche/$populate"])
async def test_a_questionnaire_is_filled_in_with_what_the_record_says(platform: Platform, access: Access, path: str) -> None:
    answer = await asked(platform, access, NORA, path, about(canonical=URL) if "marche" not in path else about())
    assert answer.status_code == 200, answer.text
    (made,) = answer.json()["parameter"]
    assert made["name"] == "response"
    assert (made["resource"]["status"], made["resource"]["questionnaire"]) == ("in-progress", f"{URL}|1")
    (group,) = made["resource"]["item"]
    assert group["item"] == [{"linkId": "marche.ne", "text": "Né le", "answer": [{"valueDate": "1945-02-02"}]}]


async def test_nothing_is_filled_in_about_somebody_whom_one_does_not_see(platform: Platform, access: Access) -> None:
    assert (await asked(platform, access, OUTSIDER, "Questionnaire/$populate", about(canonical=URL))).status_code == 404


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"resourceType": "Parameters", "parameter": [{"name": "canonical", "valueCanonical": URL}]}, "subject"),
        (about(), "questionnaire"),
        (about(canonical=f"{URL}|7"), "QuestionnaireResponse.questionnaire"),
    ],
)
async def test_a_malformed_call_is_refused_with_its_place(platform: Platform, access: Access, body: Any, place: str) -> None:
    answer = await asked(platform, access, NORA, "Questionnaire/$populate", body)
    assert answer.status_code == 400, answer.text
    assert place in issues(answer)


async def test_a_finished_response_is_extracted_to_one_transaction(platform: Platform, access: Access) -> None:
    answer = await asked(platform, access, NORA, "QuestionnaireResponse", response(WALKS, FALLS, said("score", valueInteger=3)))
    assert answer.status_code == 201, answer.text
    id = answer.json()["id"]
    for _ in range(2):
        made = (
            await asked(platform, access, NORA, f"QuestionnaireResponse/{id}/$extract", {"resourceType": "Parameters"})
        ).json()
        (bundle,) = [one["resource"] for one in made["parameter"] if one["name"] == "return"]
        (entry,) = bundle["entry"]
        assert (entry["resource"]["code"]["coding"][0]["code"], entry["resource"]["valueInteger"]) == ("marche", 3)
        carried = await asked(platform, access, NORA, "", bundle)
        assert carried.status_code == 200, carried.text
    async with access.act(SEED) as ctx:
        assert len(await ctx.records.find("Observation", {"patient": "Patient/p", "code": "urn:maillage:score|marche"})) == 1


@pytest.mark.parametrize(
    ("sent", "status", "place"),
    [
        (response(WALKS, FALLS, said("score", valueInteger=4)), 422, "QuestionnaireResponse.item(marche.score)"),
        (response(WALKS), 422, "QuestionnaireResponse.item(marche.2)"),
        (response(WALKS, said("2", valueInteger=99)), 422, "QuestionnaireResponse.item(marche.2)"),
        (
            response(said("1", valueCoding={"system": "urn:test", "code": "vole"}), FALLS),
            422,
            "QuestionnaireResponse.item(marche.1)",
        ),
        (response(WALKS, said("2", valueString="deux")), 400, "QuestionnaireResponse.item(marche).item(marche.2).answer"),
        (response(WALKS, said("9", valueInteger=1)), 400, "QuestionnaireResponse.item(marche).item(marche.9)"),
        (response(WALKS, FALLS, questionnaire=f"{URL}|2"), 400, "QuestionnaireResponse.questionnaire"),
    ],
    ids=["wrong score", "missing", "out of bounds", "not offered", "wrong type", "unknown item", "other version"],
)
async def test_a_response_that_is_not_what_was_asked_is_refused_with_its_place(
    platform: Platform, access: Access, sent: dict[str, Any], status: int, place: str
) -> None:
    answer = await asked(platform, access, NORA, "QuestionnaireResponse", sent)
    assert answer.status_code == status, answer.text
    assert place in issues(answer)
    async with access.act(SEED) as ctx:
        assert await ctx.records.find("QuestionnaireResponse", {"patient": "Patient/p"}) == []


async def test_drafts_and_responses_to_forms_that_are_not_known_here_are_taken_as_they_come(
    platform: Platform, access: Access
) -> None:
    assert (
        await asked(platform, access, NORA, "QuestionnaireResponse", response(WALKS, status="in-progress"))
    ).status_code == 201
    other = response(said("9", valueString="x"), questionnaire="https://autre.example/Questionnaire/q|1")
    assert (await asked(platform, access, NORA, "QuestionnaireResponse", other)).status_code == 201


async def test_a_person_changes_their_own_draft_and_nothing_else(platform: Platform, access: Access) -> None:
    roger = patient("p")
    async with await client_of(create_app(platform, fhir_routes()), access, roger, accept="application/fhir+json") as client:
        mine = response(WALKS, status="in-progress", author={"reference": "Patient/p"})
        draft = (await client.post("/fhir/QuestionnaireResponse", json=mine)).json()
        async with await client_of(create_app(platform, fhir_routes()), access, NORA, accept="application/fhir+json") as nora:
            assert (
                await nora.put(f"/fhir/QuestionnaireResponse/{draft['id']}", json=draft | {"item": response(FALLS)["item"]})
            ).status_code == 409
        sent = {**draft, "status": "completed", "item": response(WALKS, FALLS)["item"]}
        assert (await client.put(f"/fhir/QuestionnaireResponse/{draft['id']}", json=sent)).status_code == 200
        assert (
            await client.put(f"/fhir/QuestionnaireResponse/{draft['id']}", json={**sent, "status": "amended"})
        ).status_code == 409
        assert (await client.delete(f"/fhir/QuestionnaireResponse/{draft['id']}")).status_code in (403, 409)
    theirs = (await asked(platform, access, NORA, "QuestionnaireResponse", response(WALKS, status="in-progress"))).json()
    async with await client_of(create_app(platform, fhir_routes()), access, roger, accept="application/fhir+json") as client:
        taken = {**theirs, "author": {"reference": "Patient/p"}}
        assert (await client.put(f"/fhir/QuestionnaireResponse/{theirs['id']}", json=taken)).status_code == 403
        assert (await client.post("/fhir/QuestionnaireResponse", json=response(WALKS, status="in-progress"))).status_code == 403


async def test_expressions_that_never_settle_are_told_and_give_no_answer(platform: Platform, access: Access) -> None:
    other = "%resource.item.where(linkId='{}').answer.value"
    loop = FORM | {"id": "tourne", "url": f"{URL}-tourne", "item": [
        {"linkId": name, "type": "integer", "readOnly": True, "extension": [expression(f"iif({other.format(of)}.exists(), {other.format(of)} + 1, 0)")]} for name, of in (("a", "b"), ("b", "a"))
    ]}  # fmt: skip
    body = about() | {"parameter": [*about()["parameter"], {"name": "questionnaire", "resource": loop}]}
    made = (await asked(platform, access, NORA, "Questionnaire/$populate", body)).json()["parameter"]
    (issue, *_) = next(one["resource"]["issue"] for one in made if one["name"] == "issues")
    assert (issue["severity"], issue["expression"]) == ("warning", ["a"])
    assert "item" not in next(one["resource"] for one in made if one["name"] == "response")
