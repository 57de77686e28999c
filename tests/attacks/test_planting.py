"""Records that say who sees a record: nobody lets themself back in by them, speaks in the name of the person, or stands where the platform will write."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.services.rights.resources import Proof, consent_of, id_of
from tests.support.attacked import ANNE, BRUNO
from tests.support.pages import client_of
from tests.support.people import NOON, SEED, care_team, carer, professional

Resource = dict[str, Any]
FHIR = "application/fhir+json"
NURSE, EX = professional("nurse", Role.NURSE), professional("ex")
OPENED = [{"op": "replace", "path": "/status", "value": "active"}]


@pytest.fixture
async def doors(attacked: Starlette, access: Access) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    """Anne, her carer, a nurse of her circle, somebody who was in it, and Bruno: each at the FHIR door."""
    closed = care_team("anne", "Practitioner/ex", id="closed")
    async with access.act(SEED) as ctx:
        await ctx.records.write_all([{"resourceType": "Practitioner", "id": one} for one in ("nurse", "ex")])
        await ctx.records.write_all([care_team("anne", "Practitioner/nurse", id="of-nurse"), closed])
        await ctx.records.write(closed | {"status": "inactive"})
    actors = {"anne": ANNE, "carer": carer("carer-anne"), "nurse": NURSE, "ex": EX, "bruno": BRUNO}
    clients = {name: await client_of(attacked, access, actor, accept=FHIR) for name, actor in actors.items()}
    yield clients
    for client in clients.values():
        await client.aclose()


async def opens(client: httpx.AsyncClient) -> bool:
    return (await client.get("/fhir/Condition/condition-anne")).status_code == 200


async def test_who_left_does_not_come_back_by_the_circle_that_was_closed(doors: dict[str, httpx.AsyncClient]) -> None:
    ex, team = doors["ex"], care_team("anne", "Practitioner/ex", id="closed")
    transaction = {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": team, "request": {"method": "PUT", "url": "CareTeam/closed"}}]}  # fmt: skip
    again = {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"request": {"method": "DELETE", "url": "CareTeam/of-nurse"}}, {"resource": team | {"id": "new"}, "request": {"method": "PUT", "url": "CareTeam/new"}}]}  # fmt: skip
    patch = {"content-type": "application/json-patch+json"}
    for attempt in (
        ex.put("/fhir/CareTeam/closed", json=team),
        ex.put("/fhir/CareTeam/closed", json=team, headers={"if-match": 'W/"2"'}),
        ex.put("/fhir/CareTeam?_id=closed", json=team),
        ex.patch("/fhir/CareTeam/closed", json=OPENED, headers=patch),
        ex.patch("/fhir/CareTeam?_id=closed", json=OPENED, headers=patch),
        ex.post("/fhir/CareTeam", json=team),
        ex.get("/fhir/CareTeam/closed/_history/1"),
        ex.post("/fhir", json=transaction),
        ex.post("/fhir", json=again),
    ):
        answer = await attempt
        assert answer.status_code in (403, 404, 422), answer.text
    await ex.delete("/fhir/CareTeam/closed")
    assert not await opens(ex)
    assert (await doors["nurse"].put("/fhir/CareTeam/closed", json=team)).status_code == 200, "who is in the circle may"
    assert await opens(ex)


async def test_neither_the_person_nor_their_carer_writes_who_cares(doors: dict[str, httpx.AsyncClient]) -> None:
    for name in ("anne", "carer"):
        for kind, body in (
            ("CareTeam", care_team("anne", "Practitioner/ex", id="new")),
            ("EpisodeOfCare", {"status": "active", "patient": {"reference": "Patient/anne"}, "careManager": {"reference": "Practitioner/ex"}}),
            ("PractitionerRole", {"practitioner": {"reference": "Practitioner/ex"}, "organization": {"reference": "Organization/house"}}),
            ("Group", {"type": "person", "actual": True, "member": [{"entity": {"reference": "Patient/anne"}}]}),
        ):  # fmt: skip
            assert (await doors[name].post(f"/fhir/{kind}", json={"resourceType": kind, **body})).status_code == 403, (name, kind)
    assert not await opens(doors["ex"])


async def test_nobody_says_of_themself_where_they_work(doors: dict[str, httpx.AsyncClient]) -> None:
    """Who works somewhere sees those whom that place cares for."""
    role = {"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/ex"}, "organization": {"reference": "Organization/house"}}  # fmt: skip
    for name in ("ex", "nurse"):
        for verb, path in (("POST", ""), ("PUT", "/gp-house"), ("PUT", "/new")):
            body = role | ({"id": path[1:]} if path else {})
            assert (await doors[name].request(verb, f"/fhir/PractitionerRole{path}", json=body)).status_code == 403, (name, path)


def excluding(performers: list[str], how: str, **more: Any) -> Resource:
    said = consent_of(
        "anne",
        "professional",
        denied=True,
        target="Practitioner/gp",
        proof=Proof(person="Patient/anne", collector=None, how=how, at=NOON),
    )
    return {**said, "id": str(uuid4()), "performer": [{"reference": one} for one in performers], **more}


async def test_a_professional_does_not_choose_in_the_persons_own_name(doors: dict[str, httpx.AsyncClient]) -> None:
    """A choice that the person made themself is taken back by nobody else: whoever could write one would shut a colleague out for good."""
    nurse, collected = doors["nurse"], excluding(["Patient/anne", "Practitioner/nurse"], "spoken")
    assert (await nurse.put(f"/fhir/Consent/{collected['id']}", json=collected)).status_code == 201
    for performers in (["Patient/anne"], ["RelatedPerson/carer-anne"], ["Patient/anne", "RelatedPerson/carer-anne"]):
        forged = excluding(performers, "online")
        alone = {name: value for name, value in forged.items() if name != "id"}
        assert (await nurse.put(f"/fhir/Consent/{forged['id']}", json=forged)).status_code == 403, performers
        assert (await nurse.post("/fhir/Consent", json=alone)).status_code == 403, performers
        over = forged | {"id": collected["id"]}
        assert (await nurse.put(f"/fhir/Consent/{collected['id']}", json=over)).status_code == 403, performers
    own = excluding(["Patient/anne"], "online")
    assert (await doors["anne"].put(f"/fhir/Consent/{own['id']}", json=own)).status_code == 201


async def test_nobody_stands_where_the_choice_of_another_will_be_written(
    doors: dict[str, httpx.AsyncClient], access: Access
) -> None:
    """The id of a choice is made from whose it is: taken by a record of somebody else, the choice could never be written."""
    proof = Proof(person="Patient/anne", collector=None, how="online", at=NOON)
    for about, target in (("sharing", None), ("professional", "Practitioner/nurse")):
        id = id_of("anne", about, target)
        mine = excluding(["Patient/bruno"], "online", id=id, patient={"reference": "Patient/bruno"})
        free = mine | {"id": str(uuid4())}
        assert (await doors["bruno"].put(f"/fhir/Consent/{free['id']}", json=free)).status_code == 201
        assert (await doors["bruno"].put(f"/fhir/Consent/{id}", json=mine)).status_code == 404
        first = await doors["bruno"].put(f"/fhir/Consent/{id}", json=mine, headers={"if-none-match": "*"})
        assert first.status_code in (403, 404)
        for kind in ("batch", "transaction"):
            put = {"resource": mine, "request": {"method": "PUT", "url": f"Consent/{id}"}}
            await doors["bruno"].post("/fhir", json={"resourceType": "Bundle", "type": kind, "entry": [put]})
        assert (await doors["bruno"].get(f"/fhir/Consent/{id}")).status_code == 404
        async with access.act(ANNE) as ctx:
            await ctx.records.write(consent_of("anne", about, denied=True, target=target, proof=proof))
    assert not await opens(doors["nurse"])
