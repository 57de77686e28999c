"""Who was given many records reads them page after page: all that they may read alone, once each, patient after patient."""

from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from maillage.access.access import Access
from maillage.access.actors import Actor
from maillage.access.visibility import visible_to
from maillage.db import Connection, Database
from maillage.errors import NotFound
from maillage.fhir import ids
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.search.orders import BY_PATIENT
from maillage.fhir.search.plan import plan
from maillage.fhir.store import Store
from tests.support.people import NOON, SEED, care_team, professional

Resource = dict[str, Any]
STORE = Store()
DOCTOR, NURSE = professional("doctor"), professional("nurse")
PATIENTS, EACH = 45, 5
PAST, FUTURE = {"period": {"end": "2026-11-22"}}, {"period": {"start": "2026-11-25"}}
DATES = ("2024-03-31T10:00:00Z", None, "2024-03-31T10:00:00Z", "2023-05-01", "2025-02")


def a_patient(n: int) -> Resource:
    keeper = {"reference": f"Organization/keeper{n % 2}"}
    return {"resourceType": "Patient", "id": f"p{n}", "name": [{"family": f"Martin{n % 2}"}], "managingOrganization": keeper}


def observations(n: int) -> list[Resource]:
    return [
        {
            "resourceType": "Observation",
            "id": f"o{n}-{place}",
            "status": "final",
            "code": {"coding": [{"system": "s", "code": f"c{place % 2}"}]},
            "subject": {"reference": f"Patient/p{n}"},
            "valueQuantity": {"value": place, "system": "http://unitsofmeasure.org", "code": "kg"},
            **({"effectiveDateTime": date} if date else {}),
        }
        for place, date in enumerate(DATES)
    ]


def teams(n: int) -> list[Resource]:
    """Of the doctor (some twice), of two organisations they act for, of a nurse who acts for nobody, and of what is over or has not begun."""
    given = (
        (n % 3 == 0, "Practitioner/doctor", {}),
        (n % 6 == 0, "Practitioner/doctor", {}),
        (n % 3 == 1 or n % 4 == 0, "Organization/clinic", {}),
        (n % 5 == 2, "Organization/network", {}),
        (n % 5 == 1, "Organization/left", {}),
        *[(n % 4 < 2, "Practitioner/nurse", {})] * 2,
        (n % 2 == 0, "Practitioner/doctor", PAST),
        (n % 7 < 2, "Organization/clinic", FUTURE),
    )
    return [care_team(f"p{n}", to, id=f"t{n}-{place}", **when) for place, (held, to, when) in enumerate(given) if held]


def a_role(organisation: str, **more: Any) -> Resource:
    return {
        "resourceType": "PractitionerRole",
        "id": organisation,
        "practitioner": {"reference": "Practitioner/doctor"},
        "organization": {"reference": f"Organization/{organisation}"},
        **more,
    }


async def seed(access: Access) -> None:
    people = range(PATIENTS)
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            *({"resourceType": "Organization", "id": f"keeper{n}", "name": f"Maison{n}"} for n in range(2)),
            a_role("clinic"),
            a_role("network"),
            a_role("left", **PAST),
            *map(a_patient, people),
            *(team for n in people for team in teams(n)),
            *(one for n in people for one in observations(n)),
        )


async def test_who_has_two_roles_in_an_organisation_is_given_its_records_once(access: Access, database: Database) -> None:
    await seed(access)
    async with access.act(SEED) as ctx:
        await ctx.records.write(a_role("clinic") | {"id": "another"})
    scope = visible_to(DOCTOR, NOON)
    async with database.transaction() as conn:
        given = scope.given(f"'{UUID(int=0)}'::uuid", "1000")
        found = await (await conn.execute(given.encode(), scope.params)).fetchall()
    by_the_clinic_only = ids.key("p1")
    assert [row["patient"] for row in found].count(by_the_clinic_only) == 1


async def by_pages(conn: Connection, kind: str, params: list[tuple[str, str]], count: int, scope: Scope) -> list[Resource]:
    query, found = parse(kind, [*params, ("_count", str(count))]), list[Resource]()
    for _ in range(PATIENTS * EACH):
        page = await STORE.search(conn, query, scope=scope)
        found += page.matches
        if page.next is None:
            return found
        query = replace(query, cursor=page.next)
    raise AssertionError("paging does not end")


async def read_alone(conn: Connection, among: list[Resource], scope: Scope) -> list[Resource]:
    """What single reads give of these resources."""
    given = []
    for one in among:
        try:
            given.append(await STORE.read(conn, one["resourceType"], one["id"], scope=scope))
        except NotFound:
            continue
    return given


def by_patient(resource: Resource) -> tuple[UUID, str, UUID]:
    """The place of a resource in the order (patient, date, id): what has no date comes first."""
    patient = resource["subject"]["reference"].removeprefix("Patient/") if "subject" in resource else resource["id"]
    return ids.key(patient), resource.get("effectiveDateTime", ""), ids.key(resource["id"])


SEARCHES: tuple[tuple[str, list[tuple[str, str]]], ...] = (
    ("Observation", [("code", "s|c0")]),
    ("Observation", [("value-quantity", "gt1")]),
    ("Observation", []),
    ("Patient", [("name", "martin1")]),
    ("Patient", [("organization.name", "maison1")]),
    ("Patient", []),
)


@pytest.mark.parametrize("few", [1_000, 4])
@pytest.mark.parametrize("actor", [DOCTOR, NURSE], ids=["with organisations", "alone"])
async def test_who_was_given_many_records_finds_page_by_page_what_they_read_alone(
    access: Access, database: Database, monkeypatch: pytest.MonkeyPatch, actor: Actor, few: int
) -> None:
    """Whether or not a list of few matches comes before the records; nothing is in order but what was asked for in order."""
    for name, value in (("given.RECORDS_AT_FIRST", 3), ("given.RECORDS_AT_MOST", 6), ("given.GLANCE", 5), ("matches.FEW", few)):
        monkeypatch.setattr(f"maillage.fhir.search.{name}", value)
    await seed(access)
    scope = visible_to(actor, NOON)
    async with database.transaction() as conn:
        await conn.execute(b"set local enable_sort = off; set local enable_indexscan = off; set local enable_indexonlyscan = off")
        for kind, params in SEARCHES:
            found = await by_pages(conn, kind, params, 2, scope)
            everyones = await by_pages(conn, kind, params, 1_000, Scope.all())
            alone = await read_alone(conn, everyones, scope)
            assert 0 < len(alone) < len(everyones)
            assert plan(parse(kind, params), circled=scope.circled(ids.number(kind))).order == BY_PATIENT
            assert [one["id"] for one in found] == [one["id"] for one in sorted(alone, key=by_patient)], (kind, params)
