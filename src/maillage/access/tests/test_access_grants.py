"""What records say of who may see whom, and what the database keeps of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.grants import (
    Grant,
    Membership,
    Written,
    derive,
    memberships,
    of_care_team,
    of_encounter,
    of_episode,
    of_patient,
    of_related_person,
    read_from,
)
from maillage.access.habilitation.carers import CARER_SCOPE
from maillage.access.masks import Mask, masks
from maillage.access.references import grantee, local
from maillage.access.visibility import visible_to
from maillage.db import Connection, Database
from maillage.fhir import ids

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NURSE = Actor(
    id="n", kind=ActorKind.PROFESSIONAL, name="Nadia Test", roles=frozenset({Role.NURSE}), reference="Practitioner/nadia"
)


def ref(reference: str) -> dict[str, str]:
    return {"reference": reference}


def team(*members: dict[str, Any], id: str = "t", patient: str = "p", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "CareTeam",
        "id": id,
        "status": "active",
        "subject": ref(f"Patient/{patient}"),
        "participant": list(members),
        **more,
    }


def role(practitioner: str, organization: str, id: str = "r", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "PractitionerRole",
        "id": id,
        "practitioner": ref(practitioner),
        "organization": ref(organization),
        **more,
    }


def patient(id: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, **more}


async def written(conn: Connection, *resources: dict[str, Any], of: str | None = "p") -> None:
    rows = [
        Written(r["resourceType"], r["id"], r, ids.key(r["id"] if r["resourceType"] == "Patient" else of) if of else None)
        for r in resources
    ]
    await derive(conn, read_from(rows, NOW))


async def sees(
    conn: Connection, actor: Actor, patient_id: str, *, row: str = "x", kind: str = "Condition", at: datetime = NOW
) -> bool:
    scope = visible_to(actor, at)
    text = f"select {scope.sql('r')} as seen from (select %(rt)s::int2 as rt, %(id)s::uuid as id, %(patient)s::uuid as patient) r"
    cursor = await conn.execute(
        text.encode(), {**scope.params, "rt": ids.number(kind), "id": ids.key(row), "patient": ids.key(patient_id)}
    )
    found = await cursor.fetchone()
    return bool(found and found["seen"])


def test_a_care_team_lets_its_members_in_for_their_time() -> None:
    period = {"start": "2026-01-01", "end": "2026-06-30"}
    grants = list(of_care_team(team({"member": ref("Practitioner/a"), "period": period}, {"member": ref("Organization/o")})))
    assert [g.grantee for g in grants] == ["Practitioner/a", "Organization/o"]
    assert grants[0].until == datetime(2026, 6, 30, 22, tzinfo=UTC)  # the end of that day in France
    assert grants[1] == Grant("Organization/o")


def test_the_period_of_the_team_bounds_that_of_a_member() -> None:
    ending = team({"member": ref("Practitioner/a"), "period": {"end": "2027-01-01"}}, period={"end": "2026-12-01T00:00:00Z"})
    assert next(of_care_team(ending)).until == datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC)


def test_a_team_that_is_not_active_lets_nobody_in() -> None:
    for status in ("proposed", "suspended", "inactive", "entered-in-error"):
        assert not list(of_care_team(team({"member": ref("Practitioner/a")}, status=status)))


def test_references_that_are_not_records_of_ours_let_nobody_in() -> None:
    assert local(ref("Practitioner/1/_history/2")) == "Practitioner/1"
    for other in (
        {"identifier": {"value": "1"}},
        ref("#one"),
        ref("urn:uuid:1"),
        ref("https://elsewhere/Practitioner/1"),
        {},
        None,
    ):
        assert local(other) is None


def test_an_episode_lets_in_only_while_it_is_open() -> None:
    open_one = {"resourceType": "Encounter", "id": "e", "status": "in-progress", "serviceProvider": ref("Organization/h")}
    assert list(of_encounter(open_one)) == [Grant("Organization/h")]
    assert not list(of_encounter({**open_one, "status": "finished"}))
    episode = {"resourceType": "EpisodeOfCare", "id": "e", "status": "active", "managingOrganization": ref("Organization/dac")}
    assert list(of_episode(episode)) == [Grant("Organization/dac")]
    assert not list(of_episode({**episode, "status": "finished"}))


def test_a_patient_lets_in_themself_their_doctor_and_the_keeper_of_the_record() -> None:
    one = patient("p", generalPractitioner=[ref("Practitioner/gp")], managingOrganization=ref("Organization/o"))
    assert [g.grantee for g in of_patient(one)] == ["Patient/p", "Practitioner/gp", "Organization/o", "attending/Practitioner/gp"]


def test_a_carer_who_is_no_longer_active_is_out() -> None:
    carer = {
        "resourceType": "RelatedPerson",
        "id": "c",
        "patient": ref("Patient/p"),
        "extension": [{"url": CARER_SCOPE, "valueCode": "whole"}],
    }
    assert list(of_related_person(carer)) == [Grant("RelatedPerson/c")]
    assert not list(of_related_person({**carer, "active": False}))


def test_a_role_makes_a_member_of_an_organisation() -> None:
    assert list(memberships(role("Practitioner/a", "Organization/o"))) == [
        Membership("Practitioner/a", "Organization/o"),
        Membership("Practitioner/a", "PractitionerRole/r"),
    ]
    assert not list(memberships(role("Practitioner/a", "Organization/o", active=False)))


def test_visibility_labels_say_from_whom_a_document_is_kept() -> None:
    system = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
    label = [{"coding": [{"system": system, "code": "INVISIBLE_PATIENT"}, {"system": "other", "code": "MASQUE_PS"}]}]
    document = {"resourceType": "DocumentReference", "id": "d", "securityLabel": label, "author": [ref("Practitioner/a")]}
    who, month = ("Practitioner/a",), NOW + timedelta(days=30)
    assert masks(document, NOW) == [Mask("carer", who, month), Mask("class:unsorted", who), Mask("patient", who, month)]


async def test_a_member_of_the_team_sees_and_nobody_else(database: Database) -> None:
    async with database.transaction() as conn:
        await written(conn, team({"member": ref("Practitioner/nadia")}))
        assert await sees(conn, NURSE, "p")
        assert not await sees(conn, NURSE, "other")


async def test_a_colleague_of_an_organisation_sees_until_their_role_ends(database: Database) -> None:
    async with database.transaction() as conn:
        await written(conn, team({"member": ref("Organization/o")}))
        assert not await sees(conn, NURSE, "p")
        await written(conn, role("Practitioner/nadia", "Organization/o"), of=None)
        assert await sees(conn, NURSE, "p")
        await written(conn, role("Practitioner/nadia", "Organization/o", active=False), of=None)
        assert not await sees(conn, NURSE, "p")


async def test_time_ends_a_sight_without_anybody_writing(database: Database) -> None:
    async with database.transaction() as conn:
        await written(conn, team({"member": ref("Practitioner/nadia"), "period": {"end": "2026-11-22T13:00:00Z"}}))
        assert await sees(conn, NURSE, "p")
        assert not await sees(conn, NURSE, "p", at=NOW.replace(hour=14))


async def test_a_team_written_again_says_only_what_it_says_now(database: Database) -> None:
    async with database.transaction() as conn:
        await written(conn, team({"member": ref("Practitioner/nadia")}))
        await written(conn, team({"member": ref("Practitioner/else")}))
        assert not await sees(conn, NURSE, "p")


async def test_a_deleted_team_says_nothing(database: Database) -> None:
    async with database.transaction() as conn:
        await written(conn, team({"member": ref("Practitioner/nadia")}))
        await derive(conn, read_from([Written("CareTeam", "t", None, ids.key("p"))], NOW))
        assert not await sees(conn, NURSE, "p")


async def test_what_one_record_says_another_does_not_take_back(database: Database) -> None:
    async with database.transaction() as conn:
        await written(conn, team({"member": ref("Practitioner/nadia")}), team({"member": ref("Practitioner/nadia")}, id="t2"))
        await written(conn, team(id="t2"))
        assert await sees(conn, NURSE, "p")


async def test_linked_identities_share_one_circle_whichever_was_written_first(database: Database) -> None:
    async with database.transaction() as conn:
        await written(conn, patient("p"), patient("source"), team({"member": ref("Practitioner/nadia")}))
        assert not await sees(conn, NURSE, "source")
        await written(conn, patient("source", link=[{"type": "refer", "other": ref("Patient/p")}]))
        assert await sees(conn, NURSE, "source")
        await written(conn, patient("third", link=[{"type": "refer", "other": ref("Patient/p")}]))
        assert await sees(conn, NURSE, "third")
        doctor = Actor(id="d", kind=ActorKind.PROFESSIONAL, name="D", roles=frozenset({Role.GP}), reference="Practitioner/d")
        await written(conn, team({"member": ref("Practitioner/d")}, id="t3", patient="third"), of="third")
        assert [await sees(conn, doctor, who) for who in ("p", "source", "third")] == [True, True, True]


async def test_an_unlinked_identity_keeps_its_own_circle_only(database: Database) -> None:
    async with database.transaction() as conn:
        await written(conn, patient("p"), team({"member": ref("Practitioner/nadia")}))
        await written(conn, patient("source", link=[{"type": "refer", "other": ref("Patient/p")}]))
        await written(conn, patient("source"))
        assert not await sees(conn, NURSE, "source")
        assert await sees(conn, NURSE, "p")


async def test_a_masked_row_is_hidden_from_its_audience_but_not_from_its_author(database: Database) -> None:
    system = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
    document = {
        "resourceType": "DocumentReference",
        "id": "d",
        "securityLabel": [{"coding": [{"system": system, "code": "MASQUE_PS"}]}],
        "author": [ref("Practitioner/author")],
    }
    author = Actor(id="a", kind=ActorKind.PROFESSIONAL, name="A", roles=frozenset({Role.GP}), reference="Practitioner/author")
    person = Actor(id="p", kind=ActorKind.PATIENT, name="P", roles=frozenset({Role.PATIENT}), reference="Patient/p")
    async with database.transaction() as conn:
        await written(conn, patient("p"), team({"member": ref("Practitioner/nadia")}, {"member": ref("Practitioner/author")}))
        await written(conn, document)
        assert [await sees(conn, who, "p", row="d", kind="DocumentReference") for who in (NURSE, author, person)] == [
            False,
            True,
            True,
        ]
        await written(conn, {**document, "securityLabel": []})
        assert await sees(conn, NURSE, "p", row="d", kind="DocumentReference")


async def test_ids_of_two_types_never_meet(database: Database) -> None:
    async with database.transaction() as conn:
        await written(conn, team({"member": ref("Organization/nadia")}))
        assert not await sees(conn, NURSE, "p")
        assert grantee("Organization/nadia") != grantee("Practitioner/nadia")


async def test_linking_and_granting_at_once_lose_no_grant(database: Database) -> None:
    async with database.transaction() as linking:
        await written(linking, patient("source", link=[{"type": "refer", "other": ref("Patient/p")}]))
        async with database.transaction() as granting:
            await granting.execute("set local lock_timeout = '200ms'")
            try:
                await written(granting, team({"member": ref("Practitioner/nadia")}))
            except psycopg.errors.LockNotAvailable:
                waited = True
                await granting.rollback()
            else:
                waited = False
    assert waited, "a grant must wait for the link being written, or it would not know of it"
