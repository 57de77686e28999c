"""The matrix: which class each profession reads, as shipped, as stored, and as the filter obeys it."""

import csv
from io import StringIO
from typing import Any

import pytest

from maillage.access import habilitation
from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.habilitation import class_of_document, classes, default_cells, profession_of, professions
from maillage.db import Database
from maillage.errors import NotFound
from maillage.fhir import definitions, ids
from tests.support.people import SEED, care_team, professional

LOINC = "http://loinc.org"
ROLE = {"coordination": Role.COORDINATOR, "social": Role.SOCIAL_WORKER}

# Written by hand from COORDINATION.md §2 and the words of the ADR, not from matrix.csv: who reads what, for those columns that it speaks of.
EXPECTED = """
class,doctor,nurse,fitter,coordination,social
identity,1,1,1,1,1
circle,1,1,1,1,1
coordination,1,1,0,1,1
treatment,1,1,0,1,0
clinical,1,1,0,1,0
letter,1,1,0,1,0
biology,1,1,0,1,0
prescription,1,1,1,1,0
care-plan,1,1,0,1,1
psychiatry,1,1,0,0,0
genetics,1,0,0,0,0
social,1,1,0,1,1
wishes,1,1,0,1,0
unsorted,1,1,0,1,0
"""


def a_document(id: str, code: str) -> dict[str, Any]:
    return {
        "resourceType": "DocumentReference",
        "id": id,
        "status": "current",
        "subject": {"reference": "Patient/p"},
        "type": {"coding": [{"system": LOINC, "code": code}]},
        "content": [{"attachment": {"contentType": "application/pdf", "url": "urn:example"}}],
    }


def somebody(profession: str) -> Actor:
    """A member of the circle of that column of the matrix."""
    code = next(iter(sorted(next(one for one in professions() if one.code == profession).codes)), None)
    return Actor(
        id=profession,
        kind=ActorKind.PROFESSIONAL,
        name=profession,
        roles=frozenset({ROLE.get(profession, Role.PROFESSIONAL)}),
        profession=code,
        reference=f"Practitioner/{profession}",
    )


def test_every_type_is_in_one_class_or_sorted_by_row() -> None:
    typed = [name for one in classes() for name in one.types]
    assert sorted(typed) == sorted(set(definitions.resource_types()) - habilitation.BY_ROW)
    documents = [code for one in classes() for code in one.documents]
    assert len(documents) == len(set(documents))
    assert not set(documents) & set(definitions.resource_types())


def test_a_document_of_an_unknown_type_is_unsorted() -> None:
    assert class_of_document(a_document("d", "68599-0")) == "psychiatry"
    assert class_of_document(a_document("d", "00000-0")) == "unsorted"
    assert class_of_document({"resourceType": "DocumentReference"}) == "unsorted"


@pytest.mark.parametrize(
    ("roles", "code", "column"),
    [
        ({Role.PROFESSIONAL}, "21", "pharmacist"),
        ({Role.PROFESSIONAL}, "00", "other"),
        ({Role.HOSPITAL}, "60", "nurse"),
        ({Role.HOSPITAL}, None, "doctor"),
        ({Role.COORDINATOR}, "60", "coordination"),
        ({Role.COORDINATOR, Role.NURSE}, None, "nurse"),
        ({Role.SOCIAL_WORKER}, None, "social"),
        ({Role.PATIENT}, None, None),
        ({Role.STEWARD}, None, None),
    ],
)
def test_who_reads_as_which_profession(roles: set[Role], code: str | None, column: str | None) -> None:
    actor = Actor(id="x", kind=ActorKind.PROFESSIONAL, name="X", roles=frozenset(roles), profession=code)
    assert profession_of(actor) == column


async def test_the_database_starts_with_the_matrix_as_shipped(database: Database) -> None:
    async with database.reading() as conn:
        rows = await (await conn.execute(b"select profession, class, reads from access_matrix")).fetchall()
        kinds = await (await conn.execute(b"select class, types from access_class")).fetchall()
    assert {(row["profession"], row["class"], row["reads"]) for row in rows} == set(default_cells())
    assert {row["class"]: set(row["types"]) for row in kinds} == {
        one.code: {ids.number(name) for name in one.types} for one in classes()
    }


async def test_each_member_of_a_circle_reads_the_classes_of_their_profession(access: Access) -> None:
    samples = {one.code: sorted(one.documents)[0] for one in classes() if one.documents} | {"unsorted": "00000-0"}
    wanted = {row.pop("class"): row for row in csv.DictReader(StringIO(EXPECTED.strip()))}
    columns = list(wanted["identity"])
    team = care_team("p", *[f"Practitioner/{column}" for column in columns])
    typed = {"clinical": "Condition", "treatment": "MedicationStatement", "coordination": "Flag"}
    async with access.act(SEED) as ctx:
        await ctx.records.write_all([
            {"resourceType": "Patient", "id": "p"},
            team,
            *[a_document(one, code) for one, code in samples.items()],
            {"resourceType": "Condition", "id": "clinical", "subject": {"reference": "Patient/p"}},
            {"resourceType": "MedicationStatement", "id": "treatment", "status": "active", "medicationCodeableConcept": {"text": "x"},
             "subject": {"reference": "Patient/p"}},
            {
                "resourceType": "Flag", "id": "coordination", "status": "active", "code": {"text": "x"},
                "subject": {"reference": "Patient/p"},
            },
        ])  # fmt: skip
    seen: dict[str, dict[str, str]] = {}
    for column in columns:
        async with access.act(somebody(column), read_only=True) as ctx:
            found = await ctx.records.search("DocumentReference", {"patient": "Patient/p", "_count": "100", "_total": "accurate"})
            documents = {one["id"] for one in found.matches}
            assert found.total == len(documents)
            read = documents | {name for name, kind in typed.items() if await ctx.records.find(kind, {"patient": "Patient/p"})}
            everything = {one["id"] for one in (await ctx.records.search("Patient", {"_id": "p", "_revinclude": "*"})).included}
            assert everything & (samples.keys() | typed.keys()) == read
        for name in samples.keys() - documents:
            with pytest.raises(NotFound):
                async with access.act(somebody(column), read_only=True) as ctx:
                    await ctx.records.read("DocumentReference", name)
        for name in wanted.keys() & (samples.keys() | typed.keys()):
            seen.setdefault(name, {})[column] = "1" if name in read else "0"
    assert seen == {name: row for name, row in wanted.items() if name in seen}


async def test_an_edited_cell_binds_at_once(access: Access, database: Database) -> None:
    nurse = professional("nurse", Role.NURSE)
    async with access.act(SEED) as ctx:
        await ctx.records.write_all(
            [{"resourceType": "Patient", "id": "p"}, care_team("p", "Practitioner/nurse"), a_document("d", "51969-4")]
        )
    async with access.act(nurse, read_only=True) as ctx:
        assert not await ctx.records.find("DocumentReference", {"patient": "Patient/p"})
    async with database.transaction() as conn:
        await conn.execute(b"update access_matrix set reads = true where profession = 'nurse' and class = 'genetics'")
    async with access.act(nurse, read_only=True) as ctx:
        assert [one["id"] for one in await ctx.records.find("DocumentReference", {"patient": "Patient/p"})] == ["d"]
