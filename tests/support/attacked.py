"""The whole web application on a fresh database, as those who attack it see it: every route, two people's records, one actor of each role."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from starlette.applications import Starlette

from maillage import ui
from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.platform import Platform
from maillage.app import declared_routes
from maillage.http.app import create_app
from maillage.services.identity import public as identity
from maillage.services.messaging.resources import notice as messaging
from tests.support.people import MACHINE, NOON, SEED, care_team, carer, officer_of, patient, professional

Resource = dict[str, Any]

ANNE, BRUNO = patient("anne"), patient("bruno")
OUTSIDER = professional("outsider")
STRANGERS = {
    "a professional of another circle": OUTSIDER,
    "another patient": BRUNO,
    "the carer of another patient": carer("carer-bruno"),
    "a steward": officer_of(Role.STEWARD),
    "an operator": officer_of(Role.OPERATOR),
    "the officer": officer_of(Role.OFFICER),
    "the agency": officer_of(Role.ARS),
    "an administrator": officer_of(Role.ADMINISTRATOR),
    "a machine without a scope for it": replace(MACHINE, id="narrow", scopes=frozenset({"system/Practitioner.rs"})),
}
"""Those to whom nothing opens Anne's record."""


def actor_of(role: Role) -> Actor:
    """Someone who plays this role and stands in the circle of Anne where the role can."""
    if role is Role.PATIENT:
        return ANNE
    if role is Role.CARER:
        return carer("carer-anne")
    if role is Role.SYSTEM:
        return MACHINE
    if role in (Role.STEWARD, Role.OPERATOR, Role.OFFICER, Role.ARS, Role.ADMINISTRATOR, Role.EDITOR):
        return officer_of(role)
    return replace(professional("gp", role), id=f"psc:{role}")


def records_of(person: str, text: str) -> list[Resource]:
    """One of each kind that pages show of a person, with this text wherever somebody may write freely."""
    subject = {"subject": {"reference": f"Patient/{person}"}}
    said = {"text": text}
    active = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]}

    def one(kind: str, **more: Any) -> Resource:
        return {"resourceType": kind, "id": f"{kind.lower()}-{person}", **more}

    about = {"focus": {"reference": f"DocumentReference/documentreference-{person}"}, "authoredOn": NOON.isoformat()}
    return [
        one("Encounter", status="in-progress", **{"class": {"code": "IMP", "display": text}}, reasonCode=[said], **subject),
        one("Condition", code=said, note=[said], **subject),
        one("AllergyIntolerance", clinicalStatus=active, code=said, patient=subject["subject"]),
        one("Observation", status="final", code=said, valueString=text, **subject),
        one("MedicationStatement", status="active", medicationCodeableConcept=said, **subject),
        one("CarePlan", status="active", intent="plan", title=text, description=text, **subject),
        one("Task", status="requested", intent="order", description=text, code=said, note=[said], **about, **{"for": subject["subject"]}),
        one("Communication", status="completed", payload=[{"contentString": text}], topic=said, **subject),
        one(
            "DocumentReference", status="current", date=NOON.isoformat(), description=text, type={"text": text, "coding": [{"system": "http://loinc.org", "code": "11490-0", "display": text}]},
            author=[{"display": text, "reference": "Practitioner/gp"}], custodian={"display": text},
            content=[{"attachment": {"title": text, "contentType": "text/plain", "data": "Qm9uam91cg=="}}], **subject,
        ),
    ]  # fmt: skip


def coordination_of(person: str, text: str) -> list[Resource]:
    """One of each kind that coordination and its conversations write, with this text wherever somebody may write freely."""
    who, gp = {"reference": f"Patient/{person}"}, {"reference": "Practitioner/gp", "display": text}
    subject, said = {"subject": who}, {"text": text}
    when, day = NOON.isoformat(), NOON.date().isoformat()

    def of(system: str, code: str) -> Resource:
        return {"coding": [{"system": f"urn:maillage:{system}", "code": code, "display": text}], "text": text}

    def one(kind: str, name: str, **more: Any) -> Resource:
        return {"resourceType": kind, "id": f"{name}-{person}", **more}

    def spoken(name: str, code: str, **more: Any) -> Resource:
        words = {"payload": [{"contentString": text}], "topic": said, "sender": gp, "sent": when}
        return one(
            "Communication", name, status="completed", category=[of("communication", code)], **{**words, **more}, **subject
        )

    plan, period = {"reference": f"CarePlan/plan-{person}"}, {"start": day, "end": "2027-01-01"}
    note = [{"text": text, "authorString": text, "time": when}]
    return [
        spoken("talk", "conversation", extension=[{"url": "urn:maillage:mention", "valueReference": gp}], priority="urgent"),
        spoken("opinion", "opinion"),
        spoken("contact", "contact", medium=[{"text": text}], recipient=[{"display": text}]),
        spoken("position", "plan-position", basedOn=[plan], topic=of("plan-position", "contested"), about=[plan]),
        one(
            "CarePlan", "plan", status="active", intent="plan", category=[of("plan", "ppcs")], title=text, description=text, period=period, author=gp, note=note,
            goal=[{"reference": f"Goal/goal-{person}"}], activity=[{"detail": {"status": "not-started", "description": text, "code": said, "performer": [gp]}}], **subject,
        ),
        one(
            "Goal", "goal", lifecycleStatus="active", description=said, expressedBy=who, note=note, statusReason=text, outcomeCode=[said],
            target=[{"measure": said, "detailString": text, "dueDate": "2027-01-01"}], **subject,
        ),
        one(
            "Task", "todo", status="requested", intent="order", code=of("task", "todo"), description=text, owner=gp, requester=gp, note=note, authoredOn=when,
            restriction={"period": {"end": when}}, statusReason=said, output=[{"type": said, "valueString": text}], **{"for": who},
        ),
        one("Flag", "alert", status="active", category=[of("alert", "alert")], code=said, period=period, author=gp, **subject),
        one(
            "EpisodeOfCare", "episode", status="active", type=[of("episode", "coordination")], patient=who, period=period,
            managingOrganization={"reference": "Organization/house", "display": text}, careManager=gp,
        ),
        one(
            "ServiceRequest", "aid", status="active", intent="order", category=[of("request", "aid")], code=said, performer=[{"display": text}], requester=gp,
            patientInstruction=text, insurance=[{"display": text}], note=note, occurrencePeriod=period, **subject,
        ),
        one("Coverage", "right", status="active", type=of("right", "apa"), beneficiary=who, payor=[{"display": text}], period=period),
        one(
            "QuestionnaireResponse", "home", status="completed", questionnaire="urn:maillage:questionnaire|home", authored=when, author=gp,
            item=[{"linkId": "housing", "text": text, "answer": [{"valueString": text}]}], **subject,
        ),
        one(
            "Appointment", "meeting", status="booked", description=text, comment=text, start=when, end=when, serviceType=[of("meeting", "concertation")],
            participant=[{"actor": who, "status": "accepted"}, {"actor": gp, "status": "accepted"}],
        ),
        one("Condition", "wound", category=[of("condition", "wound")], code=said, bodySite=[said], note=note, **subject),
        one(
            "DocumentReference", "note", status="current", date=when, author=[gp], content=[{"attachment": {"contentType": "text/plain", "title": text, "data": _base64(text)}}],
            type={"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_R234-TypeNote/FHIR/TRE-R234-TypeNote", "code": "OBS", "display": text}]}, **subject,
        ),
    ]  # fmt: skip


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def person_of(id: str, text: str) -> list[Resource]:
    """A patient, their carer, and their circle with the general practitioner."""
    name = [{"family": text, "given": [text], "text": text}]
    where = [{"text": text, "line": [text], "city": text}]
    who = {"resourceType": "Patient", "id": id, "name": name, "gender": "female", "birthDate": "1979-03-28", "address": where}
    helps: Resource = {
        "resourceType": "RelatedPerson", "id": f"carer-{id}", "active": True, "patient": {"reference": f"Patient/{id}"},
        "name": name, "relationship": [{"text": text}],
    }  # fmt: skip
    known = who | {"telecom": [{"system": "phone", "value": text}], "contact": [{"name": name[0]}]}
    circle = care_team(id, *([] if id == "bruno" else ["Practitioner/gp"]), name=text)
    return [identity.as_regional(known, f"R-{id}"), helps, circle]


def professionals(text: str) -> list[Resource]:
    """The general practitioner and their house."""
    return [
        {"resourceType": "Organization", "id": "house", "name": text, "address": [{"city": text, "line": [text]}]},
        {"resourceType": "Practitioner", "id": "gp", "name": [{"family": text, "given": [text]}], "qualification": [{"code": {"text": text}}]},
        {
            "resourceType": "PractitionerRole", "id": "gp-house", "active": True, "practitioner": {"reference": "Practitioner/gp", "display": text},
            "organization": {"reference": "Organization/house", "display": text}, "specialty": [{"text": text}],
        },
    ]  # fmt: skip


async def write_world(access: Access, text: str = "Secretaire") -> None:
    """Anne, whose record the general practitioner and the carer may open, and Bruno, whom nobody follows."""
    notice = messaging.notice_for(
        document="documentreference-anne", patient="anne", recipient="Practitioner/gp", sender=None, at=NOON
    )
    async with access.act(SEED) as ctx:
        await ctx.records.write_all([*professionals(text), *person_of("anne", text), *person_of("bruno", "Autre")])
        await ctx.records.write_all([*records_of("anne", text), *records_of("bruno", "Autre"), notice])
        await ctx.records.write_all([*coordination_of("anne", text), *coordination_of("bruno", "Autre")])


def whole_application(platform: Platform) -> Starlette:
    """What `maillage serve` answers with, without limits on the rate."""
    unlimited = replace(platform, config=replace(platform.config, rate_people=0, rate_strangers=0))
    return create_app(unlimited, declared_routes(unlimited.config), render=ui.render, static=ui.BUILD)


@pytest.fixture
async def attacked(platform: Platform, access: Access) -> Starlette:
    """The whole application, and Anne's and Bruno's records."""
    await write_world(access)
    return whole_application(platform)
