"""People trying to get in where they have no business, and getting in where they have."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from maillage.access import audit, chain
from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.context import Context
from maillage.access.guards import _GUARDS, guard
from maillage.access.permissions import Permission
from maillage.clock import FixedClock
from maillage.db import Database
from maillage.errors import Conflict, Forbidden, Gone, InsufficientScope, Invalid, NotFound, PreconditionFailed
from maillage.fhir.change import Change, Verb
from maillage.fhir.past import Past
from tests.support.people import MACHINE, SEED, care_team, carer, officer_of, patient, professional, sees

Resource = dict[str, Any]

TRE_A07 = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
NURSE = professional("nurse", Role.NURSE)
OUTSIDER = professional("outsider")
PERSON = patient("p")


def a_patient(id: str = "p", **more: Any) -> Resource:
    return {"resourceType": "Patient", "id": id, "name": [{"family": f"Famille-{id}"}], "birthDate": "1979-03-28", **more}


def a_condition(id: str | None = "c", patient: str = "p", **more: Any) -> Resource:
    named = {"id": id} if id else {}
    code = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "E11"}]}
    return {"resourceType": "Condition", **named, "subject": {"reference": f"Patient/{patient}"}, "code": code, **more}


def a_document(id: str = "d", label: str | None = None, author: str = "Practitioner/author") -> Resource:
    security = {"securityLabel": [{"coding": [{"system": TRE_A07, "code": label}]}]} if label else {}
    return {
        "resourceType": "DocumentReference",
        "id": id,
        "status": "current",
        "subject": {"reference": "Patient/p"},
        "author": [{"reference": author}],
        "content": [{"attachment": {"contentType": "text/plain"}}],
        **security,
    }


@pytest.fixture
async def seeded(access: Access) -> Access:
    """Patient p, cared for by the nurse; patient q, cared for by nobody here; a condition each."""
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            a_patient("p"), a_patient("q"), care_team("p", "Practitioner/nurse"), a_condition("c", "p"), a_condition("cq", "q")
        )
    return access


async def seed(access: Access, *resources: Resource) -> None:
    async with access.act(SEED) as ctx:
        for resource in resources:
            await ctx.records.write(resource)


async def reads(access: Access, actor: Actor, kind: str, id: str) -> bool:
    try:
        async with access.act(actor, read_only=True) as ctx:
            return bool(await ctx.records.read(kind, id))
    except NotFound:
        return False


async def found(access: Access, actor: Actor, kind: str, **params: str) -> list[str]:
    async with access.act(actor, read_only=True) as ctx:
        page = await ctx.records.search(kind, {name.replace("__", ":"): value for name, value in params.items()})
    return sorted(f"{r['resourceType']}/{r['id']}" for r in [*page.matches, *page.included])


# — an outsider —


async def test_the_circle_reads_and_an_outsider_finds_nothing(seeded: Access) -> None:
    assert await reads(seeded, NURSE, "Condition", "c")
    assert not await reads(seeded, OUTSIDER, "Condition", "c")
    assert not await reads(seeded, OUTSIDER, "Patient", "p")


async def test_an_outsider_is_told_the_same_of_a_record_that_exists_and_one_that_does_not(seeded: Access) -> None:
    said = []
    for id in ("c", "nothing"):
        with pytest.raises(NotFound) as refusal:
            async with seeded.act(OUTSIDER, read_only=True) as ctx:
                await ctx.records.read("Condition", id)
        said.append(refusal.value.message.replace(id, ""))
    assert said[0] == said[1]


async def test_an_outsider_finds_nothing_by_search(seeded: Access) -> None:
    assert await found(seeded, OUTSIDER, "Patient", family="Famille-p") == []
    assert await found(seeded, OUTSIDER, "Condition", code="E11") == []
    assert await found(seeded, OUTSIDER, "Condition", patient="p") == []
    assert await found(seeded, NURSE, "Condition", code="E11") == ["Condition/c"]
    assert await found(seeded, NURSE, "Patient") == ["Patient/p"]


async def test_an_outsider_cannot_reach_a_patient_by_include(seeded: Access) -> None:
    await seed(
        seeded,
        {"resourceType": "Practitioner", "id": "open"},
        a_patient("r", generalPractitioner=[{"reference": "Practitioner/open"}]),
    )
    assert await found(seeded, OUTSIDER, "Practitioner", _revinclude="Patient:general-practitioner") == ["Practitioner/open"]
    async with seeded.act(SEED) as ctx:
        await ctx.records.write(a_condition("cross", "p", asserter={"reference": "Patient/q"}))
    assert await found(seeded, NURSE, "Condition", _id="cross", _include="Condition:asserter") == ["Condition/cross"]


async def test_an_outsider_learns_nothing_by_a_chain(seeded: Access) -> None:
    assert await found(seeded, OUTSIDER, "Condition", **{"patient.family": "Famille-p"}) == []
    await seed(
        seeded,
        {"resourceType": "Practitioner", "id": "open"},
        a_patient("r", generalPractitioner=[{"reference": "Practitioner/open"}]),
    )
    assert await found(seeded, OUTSIDER, "Practitioner", **{"_has:Patient:general-practitioner:family": "Famille-r"}) == []
    assert await found(seeded, SEED, "Practitioner", **{"_has:Patient:general-practitioner:family": "Famille-r"}) == [
        "Practitioner/open"
    ]


async def test_an_outsider_learns_nothing_by_a_total(seeded: Access) -> None:
    for actor, total in ((OUTSIDER, 0), (NURSE, 1), (SEED, 2)):
        async with seeded.act(actor, read_only=True) as ctx:
            page = await ctx.records.search("Condition", {"code": "E11", "_total": "accurate"})
        assert page.total == total


async def test_an_outsider_reads_no_history(seeded: Access) -> None:
    with pytest.raises(NotFound):
        async with seeded.act(OUTSIDER, read_only=True) as ctx:
            await ctx.records.history("Condition", "c")
    with pytest.raises(NotFound):
        async with seeded.act(OUTSIDER, read_only=True) as ctx:
            await ctx.records.vread_raw("Condition", "c", 1)
    async with seeded.act(OUTSIDER, read_only=True) as ctx:
        assert (await ctx.records.history("Condition", past=Past(total=True))).total == 0
        assert (await ctx.records.history(past=Past(total=True))).total == 0
        assert await ctx.records.histories(["Condition/c"], count=9) == {"Condition/c": []}
    async with seeded.act(NURSE, read_only=True) as ctx:
        assert len((await ctx.records.histories(["Condition/c"], count=9))["Condition/c"]) == 1


async def test_an_outsider_does_not_learn_that_a_record_was_deleted(seeded: Access) -> None:
    async with seeded.act(NURSE) as ctx:
        await ctx.records.delete("Condition", "c")
    with pytest.raises(NotFound):
        async with seeded.act(OUTSIDER, read_only=True) as ctx:
            await ctx.records.read("Condition", "c")
    with pytest.raises(Gone):
        async with seeded.act(NURSE, read_only=True) as ctx:
            await ctx.records.read("Condition", "c")


async def test_an_outsider_writes_nothing_for_the_patient(seeded: Access) -> None:
    for refused, change in (
        (Forbidden, a_condition(None, "p")),
        (NotFound, a_condition("c", "p", meta={"versionId": "1"})),
        (Forbidden, a_condition("c", "p")),
        (Forbidden, care_team("p", "Practitioner/outsider", id="mine")),
        (Forbidden, care_team("p", "Practitioner/outsider")),
        (NotFound, a_patient("p", meta={"versionId": "1"}, generalPractitioner=[{"reference": "Practitioner/outsider"}])),
    ):
        with pytest.raises(refused):
            async with seeded.act(OUTSIDER) as ctx:
                await ctx.records.write(change)
    with pytest.raises(NotFound):
        async with seeded.act(OUTSIDER) as ctx:
            await ctx.records.delete("Condition", "c")
    assert not await reads(seeded, OUTSIDER, "Patient", "p")


async def test_nobody_lets_themself_in_through_the_directory(seeded: Access) -> None:
    await seed(seeded, care_team("q", "Organization/hospital"))
    role = {
        "resourceType": "PractitionerRole",
        "practitioner": {"reference": "Practitioner/outsider"},
        "organization": {"reference": "Organization/hospital"},
    }
    with pytest.raises(Forbidden):
        async with seeded.act(OUTSIDER) as ctx:
            await ctx.records.write(role)


async def test_nobody_lets_themself_in_by_a_link_between_patients(seeded: Access) -> None:
    link = {"link": [{"type": "refer", "other": {"reference": "Patient/q"}}]}
    for change in (
        {k: v for k, v in (a_patient() | link).items() if k != "id"},
        a_patient("p") | link | {"meta": {"versionId": "1"}},
    ):
        with pytest.raises(Forbidden, match="steward"):
            async with seeded.act(NURSE) as ctx:
                await ctx.records.write(change)
    assert not await reads(seeded, NURSE, "Patient", "q")


async def test_nobody_chooses_the_id_of_a_patient_to_open_an_old_compartment(seeded: Access) -> None:
    await seed(seeded, a_condition("orphan", "ghost"))
    mine = a_patient("ghost", generalPractitioner=[{"reference": "Practitioner/outsider"}])
    for refused, change in ((NotFound, Change(Verb.PUT, mine)), (Forbidden, Change(Verb.CREATE, mine))):
        with pytest.raises(refused):
            async with seeded.act(OUTSIDER) as ctx:
                await ctx.records.write_changes([change])
    assert not await reads(seeded, OUTSIDER, "Condition", "orphan")


async def test_the_circle_puts_the_patient_it_sees(seeded: Access) -> None:
    async with seeded.act(NURSE) as ctx:
        written = await ctx.records.write(a_patient("p", gender="female"))
    assert (written["gender"], written["meta"]["versionId"]) == ("female", "2")


async def test_a_record_cannot_be_moved_to_a_patient_one_cannot_see(seeded: Access) -> None:
    with pytest.raises(Forbidden):
        async with seeded.act(NURSE) as ctx:
            await ctx.records.write(a_condition("c", "q", meta={"versionId": "1"}))


async def test_a_record_cannot_be_taken_out_of_everybodys_sight(seeded: Access) -> None:
    nobodys = a_condition("c", "p", meta={"versionId": "1"}) | {"subject": {"reference": "Group/g"}}
    with pytest.raises(Forbidden, match="record of a patient"):
        async with seeded.act(NURSE) as ctx:
            await ctx.records.write(nobodys)


async def test_a_professional_admits_a_new_patient_and_sees_them(seeded: Access) -> None:
    mine = {k: v for k, v in a_patient(generalPractitioner=[{"reference": "Practitioner/outsider"}]).items() if k != "id"}
    async with seeded.act(OUTSIDER) as ctx:
        created = await ctx.records.write(mine)
    assert await reads(seeded, OUTSIDER, "Patient", created["id"])
    assert not await reads(seeded, NURSE, "Patient", created["id"])


# — leaving the circle —


async def test_a_team_whose_time_is_over_lets_nobody_in(seeded: Access, clock: FixedClock) -> None:
    await seed(seeded, care_team("p", "Practitioner/nurse", period={"end": "2026-11-23T13:00:00Z"}))
    assert await reads(seeded, NURSE, "Condition", "c")
    clock.advance(timedelta(hours=2))
    assert not await reads(seeded, NURSE, "Condition", "c")
    assert await found(seeded, NURSE, "Condition", code="E11") == []


async def test_a_member_removed_from_the_team_is_out_at_once(seeded: Access) -> None:
    async with seeded.act(NURSE, read_only=True) as ctx:
        assert await ctx.records.read("Condition", "c")
        await seed(seeded, care_team("p"))
        with pytest.raises(NotFound):
            await ctx.records.read("Condition", "c")


async def test_a_colleague_whose_role_ended_is_out_whatever_their_session_says(seeded: Access) -> None:
    colleague = Actor(
        id="psc:x",
        kind=ActorKind.PROFESSIONAL,
        name="X",
        roles=frozenset({Role.HOSPITAL}),
        reference="Practitioner/x",
        organizations=("Organization/hospital",),
    )
    role = {
        "resourceType": "PractitionerRole",
        "id": "role",
        "practitioner": {"reference": "Practitioner/x"},
        "organization": {"reference": "Organization/hospital"},
    }
    await seed(seeded, care_team("p", "Organization/hospital"), role)
    assert await reads(seeded, colleague, "Condition", "c")
    await seed(seeded, role | {"active": False})
    assert not await reads(seeded, colleague, "Condition", "c")


async def test_a_hospital_sees_while_the_stay_lasts(seeded: Access) -> None:
    doctor = professional("doctor", Role.HOSPITAL)
    stay = {
        "resourceType": "Encounter",
        "id": "stay",
        "status": "in-progress",
        "class": {"code": "IMP"},
        "subject": {"reference": "Patient/p"},
        "participant": [{"individual": {"reference": "Practitioner/doctor"}}],
    }
    await seed(seeded, stay)
    assert await reads(seeded, doctor, "Condition", "c")
    await seed(seeded, stay | {"status": "finished"})
    assert not await reads(seeded, doctor, "Condition", "c")


# — the patient and their carer —


async def test_a_patient_reads_their_own_record_and_no_other(seeded: Access) -> None:
    assert await found(seeded, PERSON, "Condition") == ["Condition/c"]
    assert await reads(seeded, PERSON, "Patient", "p")
    assert not await reads(seeded, PERSON, "Condition", "cq")
    assert not await reads(seeded, PERSON, "Patient", "q")


async def test_a_patient_writes_only_in_their_own_name_and_nothing_clinical(seeded: Access) -> None:
    message = {"resourceType": "Communication", "status": "completed", "subject": {"reference": "Patient/p"}}
    async with seeded.act(PERSON) as ctx:
        await ctx.records.write(message | {"sender": {"reference": "Patient/p"}})
    for refused in (
        a_condition(None, "p"),
        message | {"subject": {"reference": "Patient/q"}},
        message | {"sender": {"reference": "Practitioner/nurse"}},
        message | {"sender": {"display": "Dr nurse"}},
        message | {"sender": {"identifier": {"system": "https://rpps.esante.gouv.fr", "value": "10000000001"}}},
        a_patient("p", meta={"versionId": "1"}),
        care_team("p", "Practitioner/outsider", id="mine"),
    ):
        with pytest.raises(Forbidden):
            async with seeded.act(PERSON) as ctx:
                await ctx.records.write(refused)


async def test_the_newest_of_a_record_come_in_one_statement_and_only_what_is_visible(seeded: Access) -> None:
    await seed(seeded, a_document("d", "INVISIBLE_PATIENT"), a_document("e"))
    async with seeded.act(PERSON, read_only=True) as ctx:
        found = await ctx.records.compartment(["p", "q"], {"Condition": 5, "DocumentReference": 5})
    assert {kind: [r["id"] for r in resources] for kind, resources in found.items()} == {
        "Condition": ["c"],
        "DocumentReference": ["e"],
    }


async def test_a_carer_sees_while_they_are_one(seeded: Access) -> None:
    relation = {"resourceType": "RelatedPerson", "id": "daughter", "patient": {"reference": "Patient/p"}, **sees("whole")}
    await seed(seeded, relation)
    assert await reads(seeded, carer("daughter"), "Condition", "c")
    await seed(seeded, relation | {"period": {"end": "2026-11-01"}})
    assert not await reads(seeded, carer("daughter"), "Condition", "c")


async def test_what_is_kept_from_the_patient_leaves_no_trace_for_them(seeded: Access) -> None:
    await seed(
        seeded, {"resourceType": "RelatedPerson", "id": "daughter", "patient": {"reference": "Patient/p"}, **sees("whole")}
    )
    await seed(
        seeded, a_document("d1"), a_document("d2", "INVISIBLE_PATIENT"), a_document("d3", "INVISIBLE_REPRESENTANTS_LEGAUX")
    )
    assert await found(seeded, PERSON, "DocumentReference") == ["DocumentReference/d1", "DocumentReference/d3"]
    assert await found(seeded, carer("daughter"), "DocumentReference") == ["DocumentReference/d1"]
    assert len(await found(seeded, NURSE, "DocumentReference")) == 3
    async with seeded.act(PERSON, read_only=True) as ctx:
        page = await ctx.records.search("DocumentReference", {"patient": "p", "_total": "accurate"})
        assert page.total == 2
        with pytest.raises(NotFound):
            await ctx.records.history("DocumentReference", "d2")


async def test_what_is_masked_to_professionals_is_left_to_its_author_and_the_patient(seeded: Access) -> None:
    await seed(seeded, care_team("p", "Practitioner/nurse", "Practitioner/author"), a_document("d", "MASQUE_PS"))
    assert not await reads(seeded, NURSE, "DocumentReference", "d")
    assert await reads(seeded, professional("author", Role.GP), "DocumentReference", "d")
    assert await reads(seeded, PERSON, "DocumentReference", "d")
    await seed(seeded, a_document("d"))
    assert await reads(seeded, NURSE, "DocumentReference", "d")


async def test_a_masked_document_stays_masked_after_its_deletion(seeded: Access) -> None:
    await seed(seeded, a_document("d", "MASQUE_PS"))
    async with seeded.act(SEED) as ctx:
        await ctx.records.delete("DocumentReference", "d")
    with pytest.raises(NotFound):
        async with seeded.act(NURSE, read_only=True) as ctx:
            await ctx.records.history("DocumentReference", "d")


@pytest.mark.parametrize(
    "telling",
    [
        {"resourceType": "Communication", "about": [{"reference": "DocumentReference/d"}]},
        {"resourceType": "Communication", "payload": [{"contentReference": {"reference": "DocumentReference/d/_history/1"}}]},
        {"resourceType": "Task", "intent": "plan", "focus": {"reference": "DocumentReference/d"}, "description": "le résultat"},
    ],
)
async def test_what_tells_of_a_hidden_document_is_hidden_with_it(seeded: Access, telling: Resource) -> None:
    kind = telling["resourceType"]
    about = {"for": {"reference": "Patient/p"}} if kind == "Task" else {"subject": {"reference": "Patient/p"}}
    telling = {**telling, "id": "t", "status": "completed", **about}
    await seed(seeded, care_team("p", "Practitioner/nurse", "Practitioner/author"), a_document("d", "MASQUE_PS"), telling)
    assert not await reads(seeded, NURSE, kind, "t")
    assert await found(seeded, NURSE, kind) == []
    assert await reads(seeded, professional("author", Role.GP), kind, "t")
    assert await reads(seeded, PERSON, kind, "t")
    await seed(seeded, a_document("d"))
    assert await reads(seeded, NURSE, kind, "t")
    await seed(seeded, a_document("d", "INVISIBLE_PATIENT"))
    assert await reads(seeded, NURSE, kind, "t")
    assert not await reads(seeded, PERSON, kind, "t")
    await seed(seeded, {**telling, "language": "fr"})
    assert not await reads(seeded, PERSON, kind, "t")


async def test_a_masked_document_is_not_opened_by_writing_over_its_deletion(seeded: Access) -> None:
    async with seeded.act(SEED) as ctx:
        await ctx.records.write(a_document("d", "MASQUE_PS"))
        await ctx.records.delete("DocumentReference", "d")
    with pytest.raises(NotFound):
        async with seeded.act(NURSE) as ctx:
            await ctx.records.write_changes([Change(Verb.PUT, a_document("d"))])
    with pytest.raises(NotFound):
        async with seeded.act(NURSE) as ctx:
            await ctx.records.history("DocumentReference", "d")
    async with seeded.act(SEED) as ctx:
        written = await ctx.records.write_changes([Change(Verb.PUT, a_document("d", "MASQUE_PS"))])
    assert written[0].version == 3


# — those who work for the platform —


async def test_a_steward_says_who_a_person_is_and_not_who_cares_for_them(seeded: Access) -> None:
    steward, gp = officer_of(Role.STEWARD), [{"reference": "Practitioner/outsider"}]
    for refused in (a_patient("p", generalPractitioner=gp), a_patient("n", managingOrganization={"reference": "Organization/o"})):
        with pytest.raises(Forbidden, match="cares"):
            async with seeded.act(steward) as ctx:
                await ctx.records.write(refused)
    await seed(seeded, a_patient("p", generalPractitioner=gp))
    async with seeded.act(steward) as ctx:
        assert (await ctx.records.write(a_patient("p", generalPractitioner=gp, gender="female")))["gender"] == "female"


async def test_a_steward_sees_every_identity_and_nothing_clinical(seeded: Access) -> None:
    steward = officer_of(Role.STEWARD)
    assert await found(seeded, steward, "Patient") == ["Patient/p", "Patient/q"]
    assert await found(seeded, steward, "Condition") == []
    assert await found(seeded, steward, "Patient", _revinclude="Condition:patient") == ["Patient/p", "Patient/q"]


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.OFFICER, Role.ARS])
async def test_operator_officer_and_agency_see_the_directory_and_no_person(seeded: Access, role: Role) -> None:
    await seed(seeded, {"resourceType": "Organization", "id": "o", "name": "Hôpital"})
    assert await found(seeded, officer_of(role), "Organization") == ["Organization/o"]
    assert await found(seeded, officer_of(role), "Patient") == []
    assert await found(seeded, officer_of(role), "Condition") == []


async def test_a_machine_does_what_its_scopes_say(seeded: Access) -> None:
    reader = Actor(
        id="reader",
        kind=ActorKind.SYSTEM,
        name="R",
        roles=frozenset({Role.SYSTEM}),
        scopes=frozenset({"system/Patient.rs", "system/Task.write"}),
    )
    assert await found(seeded, MACHINE, "Condition") == ["Condition/c", "Condition/cq"]
    assert await found(seeded, reader, "Patient") == ["Patient/p", "Patient/q"]
    with pytest.raises(InsufficientScope):
        await found(seeded, reader, "Condition")
    assert await found(seeded, reader, "Patient", _revinclude="Condition:patient") == ["Patient/p", "Patient/q"]
    with pytest.raises(Forbidden, match="scopes"):
        async with seeded.act(reader) as ctx:
            await ctx.records.write(a_patient("new"))


async def test_an_actor_whom_nothing_lets_in_sees_nothing(seeded: Access) -> None:
    nobody = Actor(id="x", kind=ActorKind.SYSTEM, name="X", roles=frozenset({Role.SYSTEM}))
    with pytest.raises(InsufficientScope):
        await found(seeded, nobody, "Patient")
    stranger = Actor(id="y", kind=ActorKind.PROFESSIONAL, name="Y", roles=frozenset({Role.GP}))
    assert await found(seeded, stranger, "Patient") == []


# — the trail —


async def trail_of(access: Access, database: Database, patient_id: str, *kinds: ActorKind) -> list[Resource]:
    async with database.transaction() as conn:
        return await audit.of_patient(conn, patient_id, kinds=kinds or audit.PEOPLE)


async def test_every_access_leaves_a_line_in_the_persons_trail(seeded: Access, database: Database) -> None:
    async with seeded.act(NURSE, door="page", read_only=True) as ctx:
        await ctx.records.read("Condition", "c")
        await ctx.records.search("Condition", {"code": "E11"})
    async with seeded.act(NURSE) as ctx:
        created = await ctx.records.write(a_condition(None, "p"))
        await ctx.records.delete("Condition", "c", version=1)
    lines = await trail_of(seeded, database, "p")
    assert {(line["action"], line["type"], line["id"]) for line in lines} == {
        ("R", "Condition", "c"),
        ("E", "Condition", None),
        ("C", "Condition", created["id"]),
        ("D", "Condition", "c"),
    }
    assert {line["name"] for line in lines} == {NURSE.name}


async def test_a_refused_attempt_is_in_the_trail_of_the_right_person(seeded: Access, database: Database) -> None:
    await reads(seeded, OUTSIDER, "Condition", "c")
    (line,) = await trail_of(seeded, database, "p")
    assert (line["name"], line["outcome"]) == (OUTSIDER.name, audit.Outcome.REFUSED)


async def test_a_missing_permission_is_refused_and_told(seeded: Access, database: Database) -> None:
    with pytest.raises(Forbidden, match=r"inbox\.read"):
        async with seeded.act(PERSON) as ctx:
            ctx.require(Permission.INBOX_READ)
    async with database.transaction() as conn:
        cursor = await conn.execute("select type, outcome from audit where actor = %s", [PERSON.id])
        assert await cursor.fetchall() == [{"type": "inbox.read", "outcome": "4"}]


async def test_jobs_and_machines_are_in_the_trail_like_people(seeded: Access, database: Database) -> None:
    assert {line["name"] for line in await trail_of(seeded, database, "p", ActorKind.JOB)} == {"tests/seed"}
    async with seeded.act(MACHINE, read_only=True) as ctx:
        await ctx.records.read("Condition", "c")
    assert [line["name"] for line in await trail_of(seeded, database, "p", ActorKind.SYSTEM)] == [MACHINE.name]


async def test_without_a_trail_there_is_no_access(seeded: Access, database: Database) -> None:
    async with database.transaction() as conn:
        await conn.execute("alter table audit_batch rename to elsewhere")
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with seeded.act(NURSE) as ctx:
            await ctx.records.write(a_condition("new", "p"))
    async with database.transaction() as conn:
        await conn.execute("alter table elsewhere rename to audit_batch")
    assert not await reads(seeded, NURSE, "Condition", "new")


async def test_without_a_trail_no_entry_of_a_batch_is_written_either(seeded: Access, database: Database) -> None:
    entry = {"resource": a_condition("new", "p"), "request": {"method": "PUT", "url": "Condition/new"}}
    async with database.transaction() as conn:
        await conn.execute("alter table audit_batch rename to elsewhere")
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with seeded.act(NURSE) as ctx:
            await ctx.records.transaction({"resourceType": "Bundle", "type": "batch", "entry": [entry]})
    async with database.transaction() as conn:
        await conn.execute("alter table elsewhere rename to audit_batch")
    assert not await reads(seeded, NURSE, "Condition", "new")


async def test_without_a_trail_nothing_is_read_either(seeded: Access, database: Database) -> None:
    async with database.transaction() as conn:
        await conn.execute("alter table audit_batch rename to elsewhere")
    with pytest.raises(psycopg.ProgrammingError, match="audit_batch"):
        await reads(seeded, NURSE, "Condition", "c")


async def test_an_id_that_no_table_can_hold_is_refused_and_told(seeded: Access, database: Database) -> None:
    for id in ("a\0b", "x" * 5_000, "é"):
        assert not await reads(seeded, NURSE, "Condition", id)
    async with database.transaction() as conn:
        cursor = await conn.execute("select count(*) as refused from audit where actor = %s and outcome = '4'", [NURSE.id])
        assert await cursor.fetchone() == {"refused": 3}


async def test_what_failed_is_undone_but_not_forgotten(seeded: Access, database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with seeded.act(NURSE) as ctx:
            await ctx.records.write(a_condition("new", "p"))
            raise RuntimeError
    assert not await reads(seeded, SEED, "Condition", "new")
    outcomes = [line["outcome"] for line in await trail_of(seeded, database, "p") if line["id"] == "new"]
    assert outcomes == [audit.Outcome.FAILED]


async def test_the_chains_hold_after_all_that(seeded: Access, database: Database) -> None:
    for actor in (NURSE, OUTSIDER, PERSON):
        await reads(seeded, actor, "Condition", "c")
    assert (await chain.verify(database)).holds


# — the context —


async def test_a_door_that_reads_cannot_write(seeded: Access, database: Database) -> None:
    async def write(ctx: Context) -> None:
        await ctx.records.write(a_condition(None, "p"))

    async def sql(ctx: Context) -> None:
        await ctx._conn.execute("delete from access_grant")

    attempts: list[tuple[type[Exception], Callable[[Context], Awaitable[None]]]] = [
        (RuntimeError, write),
        (psycopg.errors.ReadOnlySqlTransaction, sql),
    ]
    for refused, attempt in attempts:
        with pytest.raises(refused):
            async with seeded.act(SEED, read_only=True) as ctx:
                await attempt(ctx)
    assert await reads(seeded, NURSE, "Condition", "c")


async def test_a_writer_who_read_an_older_version_loses(seeded: Access) -> None:
    async with seeded.act(NURSE) as ctx:
        read = await ctx.records.read("Condition", "c")
        await ctx.records.write(read)
    with pytest.raises(PreconditionFailed):
        async with seeded.act(NURSE) as ctx:
            await ctx.records.write(read)


async def test_several_records_are_written_together_or_not_at_all(seeded: Access) -> None:
    with pytest.raises(Forbidden):
        async with seeded.act(NURSE) as ctx:
            await ctx.records.write(a_condition("one", "p"), a_condition("two", "q"))
    assert not await reads(seeded, SEED, "Condition", "one")


def a_bundle(*resources: Resource, kind: str = "transaction") -> Resource:
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {"fullUrl": f"urn:uuid:{n}", "resource": r, "request": {"method": "POST", "url": r["resourceType"]}}
            for n, r in enumerate(resources)
        ],
    }


def without_id(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if name != "id"}


async def test_a_transaction_bundle_admits_a_patient_with_their_record(seeded: Access) -> None:
    newcomer = without_id(a_patient(generalPractitioner=[{"reference": "Practitioner/outsider"}]))
    fact = without_id(a_condition()) | {"subject": {"reference": "urn:uuid:0"}}
    async with seeded.act(OUTSIDER, door="fhir") as ctx:
        answer = await ctx.records.transaction(a_bundle(newcomer, fact))
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201 Created", "201 Created"]
    id = answer["entry"][1]["response"]["location"].split("/")[1]
    assert await reads(seeded, OUTSIDER, "Condition", id)
    assert not await reads(seeded, NURSE, "Condition", id)


async def test_a_refused_entry_undoes_the_transaction_and_is_named(seeded: Access) -> None:
    with pytest.raises(Forbidden) as refusal:
        async with seeded.act(NURSE, door="fhir") as ctx:
            await ctx.records.transaction(a_bundle(a_condition(None, "p"), a_condition(None, "q")))
    assert (refusal.value.issues[0].expression or "").startswith("Bundle.entry[1]")
    assert await found(seeded, NURSE, "Condition") == ["Condition/c"]


async def test_a_batch_reads_only_what_the_actor_sees(seeded: Access) -> None:
    urls = ["Condition/c", "Condition/cq", "Condition?code=E11", "Patient?_id=q"]
    batch = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": url}} for url in urls]}
    async with seeded.act(NURSE, door="fhir") as ctx:
        answer = await ctx.records.transaction(batch)
    seen = [entry.get("resource", {}) for entry in answer["entry"]]
    assert [seen[0].get("id"), seen[1].get("id"), len(seen[2]["entry"]), len(seen[3].get("entry", []))] == ["c", None, 1, 0]


async def test_an_import_opens_records_like_any_other_write(access: Access, database: Database) -> None:
    async with access.act(SEED) as ctx:
        assert (
            await ctx.records.load(
                [a_patient(), care_team("p", "Practitioner/nurse"), a_condition(), a_document("d", "MASQUE_PS")]
            )
            == 4
        )
    assert await reads(access, NURSE, "Condition", "c")
    assert not await reads(access, NURSE, "DocumentReference", "d")
    assert [line["type"] for line in await trail_of(access, database, "p", ActorKind.JOB)] == ["Bundle"]
    with pytest.raises(Forbidden, match="import"):
        async with access.act(NURSE) as ctx:
            await ctx.records.load([a_patient("q")])


async def test_an_invalid_record_is_refused_at_every_door(seeded: Access) -> None:
    with pytest.raises(Invalid):
        async with seeded.act(SEED) as ctx:
            await ctx.records.write({"resourceType": "Condition", "surprise": True})


async def test_a_guard_completes_or_refuses_at_every_door(seeded: Access) -> None:
    @guard("Condition")
    async def only_diabetes(ctx: Context, change: Change) -> Resource:
        code = change.resource.get("code", {}).get("coding", [{}])[0].get("code")
        if change.verb is not Verb.DELETE and code != "E11":
            raise Conflict("only diabetes here")
        return {**change.resource, "recordedDate": "2026-11-23"}

    try:
        async with seeded.act(NURSE) as ctx:
            assert (await ctx.records.write(a_condition(None, "p")))["recordedDate"] == "2026-11-23"
        with pytest.raises(Conflict, match="diabetes"):
            async with seeded.act(NURSE) as ctx:
                await ctx.records.write(a_condition(None, "p", code={"text": "other"}))
    finally:
        _GUARDS["Condition"].remove(only_diabetes)


async def test_what_was_looked_for_before_it_was_made_is_no_refusal_in_the_trail_of_the_person(
    seeded: Access, database: Database
) -> None:
    async with seeded.act(NURSE) as ctx:
        with pytest.raises(NotFound):
            await ctx.records.read("Condition", "new")
        await ctx.records.write(a_condition("new"))
    with pytest.raises(NotFound):
        async with seeded.act(OUTSIDER) as ctx:
            await ctx.records.read("Condition", "new")
    async with database.transaction() as conn:
        lines = await audit.of_patient(conn, "p")
    assert [one["reference"] for one in lines if one["outcome"] != audit.Outcome.DONE] == [OUTSIDER.reference]
    assert any(one["action"] == "C" and one["id"] == "new" and one["reference"] == NURSE.reference for one in lines)
