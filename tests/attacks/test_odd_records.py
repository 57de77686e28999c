"""What FHIR allows and nobody expects: one such record breaks no page of those who follow the person, nor the list of a whole team."""

from typing import Any

import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from tests.support.attacked import actor_of
from tests.support.pages import client_of
from tests.support.people import SEED

Resource = dict[str, Any]
ABOUT = {"subject": {"reference": "Patient/anne"}}
ENDS = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
    "9999-12-31",
    "0001",
)
OF_RECORD = (
    "", "/chronologie", "/recherche?q=bout", "/plan", "/concertations", "/cahier", "/semaine", "/situation-de-vie", "/constantes", "/appui",
    "/cercle/membres", "/messages", "/documents",
)  # fmt: skip
OF_TEAM = (
    "/file-active?vue=",
    "/file-active.csv",
    "/taches",
    "/taches?vue=equipe",
    "/alertes",
    "/messages",
    "/tournee",
    "/nouveautes",
)


def coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def at(moment: str) -> list[Resource]:
    """Of each type one at this moment, as far as FHIR lets it be written."""
    instant = moment if "T" in moment else f"{moment[:4]}-12-31T23:59:59Z"
    types = "https://mos.esante.gouv.fr/NOS/TRE_R234-TypeNote/FHIR/TRE-R234-TypeNote"
    return [
        {"resourceType": "DocumentReference", "status": "current", "date": instant, "content": [{"attachment": {"title": "bout", "creation": moment}}],
         "type": coded(types, "OBS"), **ABOUT},
        {"resourceType": "Communication", "status": "completed", "category": [coded("urn:maillage:communication", "conversation")], "sent": moment,
         "payload": [{"contentString": "bout"}], **ABOUT},
        {"resourceType": "Communication", "status": "completed", "category": [coded("urn:maillage:communication", "opinion")], "sent": moment,
         "payload": [{"contentString": "bout"}], **ABOUT},
        {"resourceType": "Task", "status": "requested", "intent": "order", "code": {**coded("urn:maillage:task", "todo"), "text": "bout"},
         "for": {"reference": "Patient/anne"}, "authoredOn": instant, "owner": {"reference": "Practitioner/gp"},
         "restriction": {"period": {"end": instant}}},
        {"resourceType": "ClinicalImpression", "status": "completed", "date": moment, "summary": "bout", **ABOUT},
        {"resourceType": "Observation", "status": "final", "code": coded("http://loinc.org", "29463-7"), "effectiveDateTime": moment,
         "valueQuantity": {"value": 60, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}, **ABOUT},
        {"resourceType": "Appointment", "status": "booked", "start": instant, "end": instant, "description": "bout",
         "serviceType": [coded("urn:maillage:meeting", "concertation")], "participant": [{"actor": ABOUT["subject"], "status": "accepted"}, {"actor": {"reference": "Practitioner/gp"}, "status": "accepted"}]},
        {"resourceType": "EpisodeOfCare", "status": "active", "type": [coded("urn:maillage:episode", "coordination")],
         "patient": ABOUT["subject"], "period": {"start": moment}},
        {"resourceType": "Flag", "status": "active", "category": [coded("urn:maillage:alert", "alert")], "code": {"text": "bout"},
         "period": {"start": moment}, **ABOUT},
        {"resourceType": "Goal", "lifecycleStatus": "active", "description": {"text": "bout"}, "startDate": moment[:10],
         "target": [{"dueDate": moment[:10]}], **ABOUT},
    ]  # fmt: skip


BARE: list[Resource] = [
    {"resourceType": "RelatedPerson", "active": True, "patient": ABOUT["subject"], "telecom": [{"system": "phone", "use": "mobile"}],
     "relationship": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "HPOWATT"}]}]},
    {"resourceType": "EpisodeOfCare", "status": "active", "type": [coded("urn:maillage:episode", "coordination")], "patient": ABOUT["subject"],
     "managingOrganization": {"reference": "Organization/dac"}},
    {"resourceType": "Task", "status": "requested", "intent": "order", "for": ABOUT["subject"], "owner": {"reference": "Organization/dac"}},
    {"resourceType": "Appointment", "status": "proposed", "serviceType": [coded("urn:maillage:meeting", "concertation")],
     "participant": [{"actor": ABOUT["subject"], "status": "accepted"}]},
    {"resourceType": "CarePlan", "status": "active", "intent": "plan", "category": [coded("urn:maillage:plan", "ppcs")], **ABOUT},
    {"resourceType": "Flag", "status": "active", "category": [coded("urn:maillage:alert", "alert")], "code": {"text": "x"}, **ABOUT},
]  # fmt: skip
"""The least that may be written of some types."""


async def looked_at(app: Starlette, access: Access, actor: Actor) -> list[tuple[str, int]]:
    async with await client_of(app, access, actor) as client:
        answers = [
            (path, (await client.get(path)).status_code) for path in (*(f"/patients/anne{end}" for end in OF_RECORD), *OF_TEAM)
        ]
    assert ("/patients/anne", 200) in answers
    return [one for one in answers if one[1] >= 500]


@pytest.mark.parametrize("moment", [*ENDS, "bare"])
async def test_one_odd_record_breaks_no_page(attacked: Starlette, access: Access, moment: str) -> None:
    async with access.act(SEED) as ctx:
        if moment == "bare":
            doctor = await ctx.records.read("Practitioner", "gp")
            await ctx.records.write(doctor | {"telecom": [{"system": system} for system in ("phone", "email")]})
        for one in BARE if moment == "bare" else at(moment):
            await ctx.records.write(one)
    for role in (Role.GP, Role.COORDINATOR):
        assert await looked_at(attacked, access, actor_of(role)) == [], role
