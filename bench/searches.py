"""The searches that must stay flat as a store grows: the same questions about the same 10,000 patients, whatever else there is.

What only one patient has (an identifier, a name with a date of birth) is found once at every size; what many have fills its page at
every size. A total is asked only where the number of matches does not grow, since counting costs what it counts.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from bench.store import FAMILIES, LOINC

from maillage.db import Connection
from maillage.fhir.change import Resource
from maillage.fhir.operations.everything import Everything, everything
from maillage.fhir.past import Past
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.store import Store

STORE = Store()
Ask = Callable[[Connection, Scope], Awaitable[int]]
"""Runs one question; answers how many resources came back."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the questions are about: patients with their traits, and when the first of them were written."""

    patients: list[Resource]
    organisations: list[Resource]
    begun: datetime


Question = Callable[[random.Random], str]


def searches(known: Known) -> dict[str, Question]:
    """Each search by its shape; a question is a URL below the base."""

    def one(r: random.Random) -> Resource:
        return r.choice(known.patients)

    def traits(r: random.Random) -> str:
        patient = one(r)
        return f"family={patient['name'][0]['family']}&birthdate={patient['birthDate']}"

    def code(r: random.Random) -> str:
        return f"http://loinc.org|{r.choice(LOINC)}"

    def days(r: random.Random, count: int) -> str:
        first = date(2023, 1, 1) + timedelta(days=r.randrange(1_000))
        return f"date=ge{first}&date=lt{first + timedelta(days=count)}"

    def identifier(r: random.Random) -> str:
        return "|".join(one(r)["identifier"][0].values())

    def organisation(r: random.Random) -> str:
        return str(r.choice(known.organisations)["name"])

    def filtered(patient: Resource) -> str:
        return f'Patient?_filter=family eq "{patient["name"][0]["family"]}" and birthdate eq {patient["birthDate"]}'

    def since(r: random.Random) -> str:
        return (known.begun - timedelta(hours=r.randrange(1, 12))).isoformat().replace("+", "%2B")

    return {
        "Patient?identifier": lambda r: f"Patient?identifier={identifier(r)}",
        "Patient?family&birthdate": lambda r: f"Patient?{traits(r)}",
        "Patient?family&birthdate&_total": lambda r: f"Patient?{traits(r)}&_total=accurate",
        "Patient?name": lambda r: f"Patient?name={r.choice(FAMILIES)}",
        "Patient?name&birthdate (a year)": lambda r: f"Patient?name={r.choice(FAMILIES)}&birthdate={r.randrange(1931, 2019)}",
        "Patient?birthdate&_has:Observation:patient:code": lambda r: (
            f"Patient?birthdate={one(r)['birthDate']}&_has:Observation:patient:code={r.choice(LOINC)}"
        ),
        "Patient?_has:Observation:patient:code": lambda r: f"Patient?_has:Observation:patient:code={r.choice(LOINC)}",
        "Patient?organization.name": lambda r: f"Patient?organization.name={organisation(r)}",
        "Patient?organization": lambda r: f"Patient?organization={one(r)['managingOrganization']['reference']}",
        "Patient + _include + _revinclude": lambda r: (
            f"Patient?{traits(r)}&_include=Patient:organization&_revinclude=Observation:subject"
        ),
        "Patient?_lastUpdated": lambda r: f"Patient?_lastUpdated=ge{since(r)}",
        "Patient?_sort=-_lastUpdated": lambda r: "Patient?_sort=-_lastUpdated",
        "Patient?_sort=birthdate": lambda r: "Patient?_sort=birthdate",
        "Patient?family&birthdate&_sort=given": lambda r: f"Patient?{traits(r)}&_sort=given",
        "Patient?_filter": lambda r: filtered(one(r)),
        "Observation?patient&code&_sort=-date&_count=20": lambda r: (
            f"Observation?patient={one(r)['id']}&code={code(r)}&_sort=-date&_count=20"
        ),
        "Observation?patient&_total": lambda r: f"Observation?patient={one(r)['id']}&_total=accurate",
        "Observation?code": lambda r: f"Observation?code={code(r)}",
        "Observation?code&date + _include": lambda r: (
            f"Observation?code={code(r)}&{days(r, 3)}&_include=Observation:subject&_count=20"
        ),
        "Observation?code&date (a month)": lambda r: f"Observation?code={code(r)}&{days(r, 30)}",
        "Observation?date (a day)": lambda r: f"Observation?{days(r, 1)}",
        "Observation?code&value-quantity": lambda r: f"Observation?code={code(r)}&value-quantity=gt{r.randrange(300) / 10}",
        "Observation?value-quantity": lambda r: (
            f"Observation?value-quantity=gt{r.randrange(300) / 10}|http://unitsofmeasure.org|u"
        ),
        "Observation?value-quantity (one value)": lambda r: f"Observation?value-quantity={r.randrange(500) / 10}",
        "Observation?code-value-quantity": lambda r: f"Observation?code-value-quantity={code(r)}$gt{r.randrange(300) / 10}",
        "Observation?_lastUpdated": lambda r: f"Observation?_lastUpdated=ge{since(r)}",
        "Observation?patient.identifier&code": lambda r: f"Observation?patient.identifier={identifier(r)}&code={code(r)}",
        "Location?near": lambda r: f"Location?near={r.uniform(45.4, 46.1):.3f}|{r.uniform(4.5, 5.2):.3f}|15|km",
        "Observation?_filter": lambda r: f"Observation?_filter=code eq {code(r)} and value-quantity gt {r.randrange(300) / 10}",
    }


LIMITED = (
    "Patient?family&birthdate",
    "Patient?name",
    "Patient?organization.name",
    "Patient?_lastUpdated",
    "Observation?patient&code&_sort=-date&_count=20",
    "Observation?code",
    "Observation?code&date + _include",
    "Observation?date (a day)",
    "Observation?value-quantity",
)
"""The searches that are also asked by people who see only some patients."""


def asked(question: str) -> Ask:
    """A search by its URL."""
    kind, _, text = question.partition("?")
    params = parse_qsl(text)

    async def run(conn: Connection, scope: Scope) -> int:
        page = await STORE.search_raw(conn, parse(kind, params), scope=scope)
        return len(page.matches) + len(page.included)

    return run


def others(known: Known) -> dict[str, Callable[[random.Random], Ask]]:
    """What is read otherwise than by a search of one type."""

    def a_patient(r: random.Random) -> str:
        return str(r.choice(known.patients)["id"])

    def read(r: random.Random) -> Ask:
        id = a_patient(r)

        async def run(conn: Connection, scope: Scope) -> int:
            await STORE.read_raw(conn, "Patient", id, scope=scope)
            return 1

        return run

    def record(r: random.Random) -> Ask:
        id = a_patient(r)

        async def run(conn: Connection, scope: Scope) -> int:
            page = await everything(conn, Everything("Patient", id), scope=scope)
            return len(page.matches) + len(page.included)

        return run

    def compartment(r: random.Random) -> Ask:
        within, code = ("Patient", a_patient(r)), r.choice(LOINC)

        async def run(conn: Connection, scope: Scope) -> int:
            query = parse("Observation", [("code", f"http://loinc.org|{code}")], within=within)
            return len((await STORE.search_raw(conn, query, scope=scope)).matches)

        return run

    def versions(**what: Any) -> Callable[[random.Random], Ask]:
        def of(r: random.Random) -> Ask:
            asked = {**what, **({"id": a_patient(r)} if "id" in what else {})}

            async def run(conn: Connection, scope: Scope) -> int:
                return len((await STORE.history(conn, scope=scope, past=Past(count=20), **asked)).versions)

            return run

        return of

    return {
        "Patient/id": read,
        "Patient/id/$everything": record,
        "Patient/id/Observation?code": compartment,
        "Patient/id/_history": versions(kind="Patient", id=""),
        "Patient/_history": versions(kind="Patient"),
        "_history": versions(),
    }
