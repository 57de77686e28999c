"""The attending physician sees what the person masked from professionals: who that is, the record says now, and no member of the circle makes themself it."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import maillage.access
from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.access.masks import AUDIENCE_SYSTEM, masks
from maillage.db import Database
from maillage.errors import Forbidden, NotFound
from tests.support.people import NOON, SEED, care_team, professional

MIGRATION = Path(maillage.access.__file__).parent / "migrations" / "0010_attending.sql"
VISIBILITY = "urn:oid:1.2.250.1.213.1.1.4.13"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
GP, COLLEAGUE, NURSE = professional("gp", Role.GP), professional("colleague", Role.GP), professional("nurse", Role.NURSE)
AT_WORK = replace(professional("locum", Role.GP), situation="PractitionerRole/locum")


def a_document(id: str, *labels: tuple[str, str], person: str = "p", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference", "id": id, "status": "current", "subject": {"reference": f"Patient/{person}"},
        "type": {"coding": [{"system": "http://loinc.org", "code": "11490-0"}]}, "content": [{"attachment": {"contentType": "text/plain"}}],
        "securityLabel": [{"coding": [{"system": system, "code": code}]} for system, code in labels], **more,
    }  # fmt: skip


def a_patient(*physicians: str, id: str = "p", **more: Any) -> dict[str, Any]:
    named = {"generalPractitioner": [{"reference": one} for one in physicians]} if physicians else {}
    return {"resourceType": "Patient", "id": id, "name": [{"family": "MARTIN"}], **named, **more}


@pytest.fixture
async def record(access: Access) -> Access:
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            a_patient("Practitioner/gp"),
            care_team("p", *(f"Practitioner/{one}" for one in ("colleague", "nurse", "locum"))),
            a_document("plain", (VISIBILITY, "N")),
            a_document("masked", (VISIBILITY, "MASQUE_PS")),
            a_document("both", (VISIBILITY, "MASQUE_PS"), (CONFIDENTIALITY, "V")),
            a_document("both-ways", (CONFIDENTIALITY, "V"), (VISIBILITY, "MASQUE_PS")),
            {"resourceType": "PractitionerRole", "id": "locum", "practitioner": {"reference": "Practitioner/locum"}, "organization": {"reference": "Organization/x"}},
            {
                "resourceType": "Communication", "id": "to-nurse", "status": "completed", "subject": {"reference": "Patient/p"}, "recipient": [{"reference": "Practitioner/nurse"}],
                "meta": {"security": [{"system": VISIBILITY, "code": "MASQUE_PS"}]},
            },
            {
                "resourceType": "Communication", "id": "about", "status": "completed", "subject": {"reference": "Patient/p"},
                "category": [{"coding": [{"system": AUDIENCE_SYSTEM, "code": "circle"}]}], "about": [{"reference": "DocumentReference/masked"}],
            },
        )  # fmt: skip
    return access


async def seen(access: Access, actor: Actor) -> set[str]:
    async with access.act(actor, read_only=True) as ctx:
        kinds = ("DocumentReference", "Communication")
        return {one["id"] for kind in kinds for one in await ctx.records.find(kind, {"_count": "50"})}


async def test_the_attending_physician_sees_what_is_masked_and_what_tells_of_it(record: Access) -> None:
    assert await seen(record, GP) == {"plain", "masked", "about"}
    assert await seen(record, COLLEAGUE) == {"plain"}
    assert await seen(record, NURSE) == {"plain", "to-nurse"}


async def test_who_is_no_longer_so_sees_it_no_more(record: Access) -> None:
    async with record.act(SEED) as ctx:
        await ctx.records.write(a_patient("Practitioner/colleague"), care_team("p", "Practitioner/gp", id="second"))
    assert await seen(record, GP) == {"plain"}
    assert await seen(record, COLLEAGUE) == {"plain", "masked", "about"}


async def test_only_a_doctor_is_so(record: Access) -> None:
    async with record.act(SEED) as ctx:
        await ctx.records.write(a_patient("Practitioner/nurse", "Practitioner/gp"))
    assert await seen(record, NURSE) == {"plain", "to-nurse"}
    assert "masked" in await seen(record, GP)


async def test_a_structure_is_not_so(record: Access) -> None:
    async with record.act(SEED) as ctx:
        await ctx.records.write(a_patient("Organization/x"))
    assert await seen(record, replace(AT_WORK, situation=None)) == {"plain"}
    assert await seen(record, AT_WORK) == {"plain"}


async def test_who_is_named_by_their_function_is_so(record: Access) -> None:
    async with record.act(SEED) as ctx:
        await ctx.records.write(a_patient("PractitionerRole/locum"))
    assert await seen(record, AT_WORK) == {"plain", "masked", "about"}
    assert await seen(record, replace(AT_WORK, situation=None)) == {"plain", "masked", "about"}


async def test_it_reaches_what_another_identity_of_the_person_holds(record: Access) -> None:
    async with record.act(SEED) as ctx:
        link = [{"other": {"reference": "Patient/p"}, "type": "refer"}]
        await ctx.records.write(
            a_patient(id="source", link=link), a_document("elsewhere", (VISIBILITY, "MASQUE_PS"), person="source")
        )
    assert "elsewhere" in await seen(record, GP)
    assert "elsewhere" not in await seen(record, COLLEAGUE)


async def test_no_member_of_the_circle_makes_themself_so(record: Access) -> None:
    async with record.act(COLLEAGUE) as ctx, ctx.undone():
        assert (await ctx.records.write(a_patient("Practitioner/gp", gender="female")))["gender"] == "female"
    for named in ("Practitioner/colleague", "PractitionerRole/locum"):
        with pytest.raises(Forbidden, match="attending"):
            async with record.act(COLLEAGUE) as ctx:
                await ctx.records.write(a_patient("Practitioner/gp", named))
    async with record.act(COLLEAGUE) as ctx:
        await ctx.records.write(a_patient())  # that the person left them, they may say
    assert await seen(record, COLLEAGUE) == {"plain"}


async def test_an_outsider_does_not_learn_by_it_who_is(record: Access) -> None:
    for named in ("Practitioner/gp", "Practitioner/colleague"):
        with pytest.raises(NotFound):
            async with record.act(professional("outsider")) as ctx:
                await ctx.records.write(a_patient(named))


async def test_a_source_identity_names_nobody_for_a_record_that_has_another(record: Access) -> None:
    async with record.act(SEED) as ctx:
        await ctx.records.write(a_patient("Practitioner/colleague", id="mine"), a_patient("Practitioner/gp", id="theirs"))
    async with record.act(SEED) as ctx:
        assert await ctx.records.link_opens("mine", "p")
        assert not await ctx.records.link_opens("theirs", "p")


def test_what_is_very_restricted_is_for_its_authors_alone() -> None:
    for labels in (((VISIBILITY, "MASQUE_PS"), (CONFIDENTIALITY, "V")), ((CONFIDENTIALITY, "V"), (VISIBILITY, "MASQUE_PS"))):
        assert all("attending" not in mask.authors for mask in masks(a_document("d", *labels), NOON))
    assert [
        mask.authors for mask in masks(a_document("d", (VISIBILITY, "MASQUE_PS")), NOON) if mask.audience == "professional"
    ] == [("attending",)]


async def test_records_written_before_are_seen_so_too(record: Access, database: Database) -> None:
    consent = {
        "resourceType": "Consent", "id": "hide", "status": "active", "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"text": "choice"}], "patient": {"reference": "Patient/p"}, "policyRule": {"text": "x"},
        "provision": {"type": "deny", "data": [{"meaning": "instance", "reference": {"reference": "DocumentReference/plain"}}]},
    }  # fmt: skip
    async with record.act(SEED) as ctx:
        await ctx.records.write(a_patient("Practitioner/gp", "PractitionerRole/locum"), consent)
    after = {actor.id: await seen(record, actor) for actor in (GP, COLLEAGUE, NURSE, AT_WORK)}
    assert after[GP.id] == after[AT_WORK.id] == {"plain", "masked", "about"}
    forget = (
        b"delete from access_grant where grantee in (access_name('attending/Practitioner/gp'), access_name('attending/PractitionerRole/locum'))",
        b"delete from access_member where member = access_name('attending/Practitioner/locum')",
        b"update access_mask set authors = array_remove(authors, access_name('attending'))",
    )
    async with database.transaction() as conn:
        for statement in forget:
            await conn.execute(statement)
    assert await seen(record, GP) == set()
    migration = MIGRATION.read_bytes()
    checks = re.findall(rb"^-- verify: (.*)$", migration, re.MULTILINE)
    async with database.transaction() as conn:
        assert [list((await (await conn.execute(check)).fetchone() or {}).values()) for check in checks] == [[False]] * len(
            checks
        )
        await conn.execute(migration)
        assert [list((await (await conn.execute(check)).fetchone() or {}).values()) for check in checks] == [[True]] * len(checks)
    assert {actor.id: await seen(record, actor) for actor in (GP, COLLEAGUE, NURSE, AT_WORK)} == after
