"""Care circles as the national profile CDS (ANS, 2.0.1) asks of those who create, look for and manage them.

The published example of a creation is itself faulty: it is refused with every reason, and taken once those places are mended here.
"""

import copy
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.services.coordination.rules.support import State
from tests.support.pages import client_of
from tests.support.people import MACHINE, SEED
from tests.support.profiles import Profiles
from tests.support.teams import LISE, answer, by_outsider, write_teams

Resource = dict[str, Any]
PROFILE = "https://interop.esante.gouv.fr/ig/fhir/cds/StructureDefinition/cds-ihe-careteam"
TEST_INS = {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "184102906412227"}


@pytest.fixture
def published(shared_data: Path) -> Resource:
    """The published transaction that creates a circle."""
    found: Resource = json.loads(
        (shared_data / "fr-profiles-examples/cds/Bundle-cds-bundle-transaction-creation-example.json").read_text()
    )
    return found


@pytest.fixture
async def editor(attacked: Starlette, access: Access) -> httpx.AsyncClient:
    return await client_of(attacked, access, MACHINE, accept="application/fhir+json")


def without_translations(bundle: Resource) -> Resource:
    mended = copy.deepcopy(bundle)
    for entry in mended["entry"]:
        for name in ("_name", "_alias"):
            entry["resource"].pop(name, None)
    return mended


def with_references_that_match(bundle: Resource) -> Resource:
    """References name the fullUrl of what the bundle creates."""
    names = {f"{one['resource']['resourceType']}/{one['resource']['id']}": one["fullUrl"] for one in bundle["entry"]}
    text = json.dumps(bundle)
    for reference, url in names.items():
        text = text.replace(f'"reference": "{reference}"', f'"reference": "{url}"')
    mended: Resource = json.loads(text)
    return mended


def with_a_test_ins(bundle: Resource) -> Resource:
    mended = copy.deepcopy(bundle)
    for entry in mended["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["resource"]["identifier"][0] |= TEST_INS
    return mended


async def told(editor: httpx.AsyncClient, bundle: Resource) -> tuple[int, list[str]]:
    """The status, and the places that the OperationOutcome names."""
    answer = await editor.post("/fhir", json=bundle)
    body = answer.json()
    issues = body.get("issue", [])
    return answer.status_code, [f"{one.get('expression', [''])[0]}: {one.get('diagnostics', '')}" for one in issues]


async def test_the_published_creation_is_refused_with_its_reasons_and_taken_once_mended(
    editor: httpx.AsyncClient, published: Resource
) -> None:
    status, places = await told(editor, published)
    assert (status, [one.partition(": ")[0] for one in places]) == (
        400,
        [f"Bundle.entry[{entry}].resource.{name}.extension[0].extension[1].value.ofType(string)" for entry, name in ((0, "name"), (1, "name"), (1, "alias[0]"))],
    )  # fmt: skip

    bundle = without_translations(published)
    status, places = await told(editor, bundle)
    assert (status, [one.partition(": ")[0].removeprefix("Bundle.entry[0].resource.") for one in places]) == (
        422, ["subject", "participant[0].member", "participant[1].member", "managingOrganization[0]"],
    )  # fmt: skip

    bundle = with_references_that_match(bundle)
    status, places = await told(editor, bundle)
    assert (status, places) == (422, ["Bundle.entry[2].resource.identifier[0]: the key of this INS is wrong"])
    assert "entry" not in (await editor.get("/fhir/CareTeam?identifier=http://fake-identifier.fr|1")).json()

    assert await told(editor, with_a_test_ins(bundle)) == (200, [])
    circle = (await editor.get("/fhir/CareTeam?identifier=http://fake-identifier.fr|1")).json()["entry"][0]["resource"]
    assert (await editor.get(f"/fhir/{circle['subject']['reference']}")).status_code == 200


@pytest.fixture
async def circle(editor: httpx.AsyncClient) -> Resource:
    """A circle that an editor wrote (RESTful creation), of somebody who is here."""
    sent = {
        "resourceType": "CareTeam", "meta": {"profile": [PROFILE]}, "identifier": [{"system": "urn:cds", "value": "one"}], "status": "active", "name": "Cercle",
        "category": [{"coding": [{"system": "http://loinc.org", "code": "LA28865-6"}]}], "subject": {"reference": "Patient/anne"},
        "period": {"start": "2024-01-10", "end": "2031-01-10"}, "managingOrganization": [{"reference": "Organization/house"}],
        "participant": [{"member": {"reference": "PractitionerRole/gp-house"}, "period": {"start": "2024-02-01", "end": "2030-06-30"}}],
    }  # fmt: skip
    answer = await editor.post("/fhir/CareTeam", json=sent, headers={"prefer": "return=representation"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json() if answer.content else (await editor.get(answer.headers["location"])).json())


@pytest.mark.parametrize(
    ("asked", "other"),
    [
        ("identifier=urn:cds|one", "identifier=urn:cds|two"), ("start=2024-01-10", "start=2025-01-10"), ("end=ge2031-01-01", "end=lt2031-01-01"),
        ("participant-start=2024-02-01", "participant-start=gt2024-02-01"), ("participant-end=2030-06-30", "participant-end=2031-01-10"),
        ("managingOrganization=Organization/house", "managingOrganization=Organization/other"), ("status=active", "status=inactive"),
        ("category=http://loinc.org|LA28865-6", "category=LA28866-4"), ("participant=PractitionerRole/gp-house", "participant=PractitionerRole/none"),
        ("patient=Patient/anne", "patient=Patient/bruno"),
    ],
)  # fmt: skip
async def test_a_consumer_finds_a_circle_by_each_parameter_of_the_guide(
    editor: httpx.AsyncClient, circle: Resource, asked: str, other: str
) -> None:
    for query, expected in ((asked, True), (other, False)):
        found = (await editor.get(f"/fhir/CareTeam?{query}&_count=100")).json()
        assert (circle["id"] in [one["resource"]["id"] for one in found.get("entry", [])]) is expected, query


async def test_a_manager_reads_each_version_of_a_circle(editor: httpx.AsyncClient, circle: Resource) -> None:
    address = f"/fhir/CareTeam/{circle['id']}"
    changed = await editor.put(address, json={**circle, "name": "Cercle, revu"})
    assert changed.status_code == 200, changed.text
    assert (await editor.get(f"{address}/_history/1")).json()["name"] == "Cercle"
    assert [one["resource"]["name"] for one in (await editor.get(f"{address}/_history")).json()["entry"]] == [
        "Cercle, revu",
        "Cercle",
    ]
    stranger = {**circle, "participant": [*circle["participant"], {"member": {"reference": "Practitioner/nobody"}}]}
    assert (await editor.put(address, json=stranger)).status_code == 422


async def test_a_manager_changes_a_circle_by_the_transaction_of_the_guide(
    editor: httpx.AsyncClient, circle: Resource, shared_data: Path
) -> None:
    child = "urn:uuid:5e7e2f1c-4d0a-4f4e-9c55-0d2c4f0b7a10"
    role = {
        "coding": [
            {"system": "https://mos.esante.gouv.fr/NOS/TRE_R260-HL7RoleClass/FHIR/TRE-R260-HL7RoleClass", "code": "CAREGIVER"}
        ]
    }
    daughter = {
        "resourceType": "RelatedPerson", "meta": {"profile": [PROFILE.replace("cds-ihe-careteam", "cds-fr-related-person")]}, "active": True,
        "identifier": [{"system": "urn:cds", "value": "daughter"}], "patient": {"reference": "Patient/anne"}, "relationship": [role],
        "name": [{"family": "MARTIN", "given": ["Ana"]}], "telecom": [{"system": "phone", "value": "0639980001"}],
    }  # fmt: skip
    joined = {"member": {"reference": child}, "role": [role], "period": {"start": "2026-11-01"}}
    changed = {**circle, "participant": [*circle["participant"], joined]}
    update = {"method": "PUT", "url": f"CareTeam/{circle['id']}", "ifMatch": f'W/"{circle["meta"]["versionId"]}"'}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": f"https://editeur.example/fhir/CareTeam/{circle['id']}", "resource": changed, "request": update},
        {"fullUrl": child, "resource": daughter, "request": {"method": "POST", "url": "RelatedPerson"}},
    ]}  # fmt: skip
    profiles = Profiles(shared_data)
    assert profiles.faults(bundle, PROFILE.replace("cds-ihe-careteam", "cds-bundle-transaction-maj")) == []
    unnamed = copy.deepcopy(bundle)
    unnamed["entry"][1]["resource"].pop("telecom")
    assert profiles.faults(unnamed, PROFILE.replace("cds-ihe-careteam", "cds-bundle-transaction-maj"))
    assert await told(editor, bundle) == (200, [])
    now = (await editor.get(f"/fhir/CareTeam/{circle['id']}")).json()
    members = [one["member"]["reference"] for one in now["participant"]]
    assert (len(members), members[1].startswith("RelatedPerson/")) == (2, True)
    assert (await editor.get(f"/fhir/{members[1]}")).json()["name"][0]["family"] == "MARTIN"
    status, _ = await told(editor, bundle)
    assert status == 412, "the circle was read again before it is changed again"
    assert len((await editor.get("/fhir/RelatedPerson?identifier=urn:cds|daughter")).json()["entry"]) == 1, "nothing half-written"


async def test_the_circle_that_an_accepted_request_opens_is_one_of_the_national_profile(
    access: Access, shared_data: Path
) -> None:
    await write_teams(access)
    async with access.act(SEED) as ctx:
        await ctx.records.delete("CareTeam", "team-p")
    await answer(access, LISE, await by_outsider(access), State.ACCEPTED)
    async with access.act(SEED) as ctx:
        (circle,) = await ctx.records.find("CareTeam", {"patient": "Patient/p"})
    profiles = Profiles(shared_data)
    assert profiles.faults(circle, PROFILE) == []
    assert profiles.faults({name: value for name, value in circle.items() if name != "identifier"}, PROFILE) == [
        "CareTeam.identifier: 0 of 1..1"
    ]
    assert {one["member"]["reference"].partition("/")[0] for one in circle["participant"]} <= {
        "PractitionerRole",
        "RelatedPerson",
        "Organization",
    }
