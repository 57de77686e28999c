"""The searches that must stay flat as a store grows: the same questions about the same 10,000 patients, whatever else there is.

What only one patient has (an identifier, a name with a date of birth) is found once at every size; what many have fills its page at
every size. A total is asked only where the number of matches does not grow, since counting costs what it counts.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
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

SEARCHES = {
    "Patient?identifier": "Patient?identifier={identifier}",
    "Patient?family&birthdate": "Patient?{traits}",
    "Patient?family&birthdate&_total": "Patient?{traits}&_total=accurate",
    "Patient?name": "Patient?name={family}",
    "Patient?name&birthdate (a year)": "Patient?name={family}&birthdate={year}",
    "Patient?birthdate&_has:Observation:patient:code": "Patient?birthdate={birthdate}&_has:Observation:patient:code={loinc}",
    "Patient?_has:Observation:patient:code": "Patient?_has:Observation:patient:code={loinc}",
    "Patient?organization.name": "Patient?organization.name={organisation}",
    "Patient?organization": "Patient?organization={managing}",
    "Patient + _include + _revinclude": "Patient?{traits}&_include=Patient:organization&_revinclude=Observation:subject",
    "Patient?_lastUpdated": "Patient?_lastUpdated=ge{since}",
    "Patient?_sort=-_lastUpdated": "Patient?_sort=-_lastUpdated",
    "Patient?_sort=birthdate": "Patient?_sort=birthdate",
    "Patient?family&birthdate&_sort=given": "Patient?{traits}&_sort=given",
    "Patient?_filter": "Patient?_filter={filter}",
    "Observation?patient&code&_sort=-date&_count=20": "Observation?patient={patient}&code={code}&_sort=-date&_count=20",
    "Observation?patient&_total": "Observation?patient={patient}&_total=accurate",
    "Observation?code": "Observation?code={code}",
    "Observation?code&date + _include": "Observation?code={code}&{three_days}&_include=Observation:subject&_count=20",
    "Observation?code&date (a month)": "Observation?code={code}&{thirty_days}",
    "Observation?date (a day)": "Observation?{a_day}",
    "Observation?code&value-quantity": "Observation?code={code}&value-quantity=gt{value}",
    "Observation?value-quantity": "Observation?value-quantity=gt{value}|http://unitsofmeasure.org|u",
    "Observation?value-quantity (one value)": "Observation?value-quantity={any_value}",
    "Observation?code-value-quantity": "Observation?code-value-quantity={code}$gt{value}",
    "Observation?_lastUpdated": "Observation?_lastUpdated=ge{since}",
    "Observation?patient.identifier&code": "Observation?patient.identifier={identifier}&code={code}",
    "Location?near": "Location?near={latitude}|{longitude}|15|km",
    "Observation?_filter": "Observation?_filter=code eq {code} and value-quantity gt {value}",
}
"""Each search by its shape, as a URL below the base in which `Drawn` fills in the values."""


class Drawn:
    """What is asked for, drawn each time anew."""

    def __init__(self, known: Known, r: random.Random) -> None:
        def days(count: int) -> str:
            first = date(2023, 1, 1) + timedelta(days=r.randrange(1_000))
            return f"date=ge{first}&date=lt{first + timedelta(days=count)}"

        def patient() -> Resource:
            return r.choice(known.patients)

        self._drawing: dict[str, Callable[[], Any]] = {
            "patient": lambda: patient()["id"],
            "identifier": lambda: "|".join(patient()["identifier"][0].values()),
            "birthdate": lambda: patient()["birthDate"],
            "managing": lambda: patient()["managingOrganization"]["reference"],
            "traits": lambda: "family={}&birthdate={}".format(*_traits(patient())),
            "filter": lambda: 'family eq "{}" and birthdate eq {}'.format(*_traits(patient())),
            "family": lambda: r.choice(FAMILIES),
            "year": lambda: r.randrange(1931, 2019),
            "organisation": lambda: r.choice(known.organisations)["name"],
            "since": lambda: (known.begun - timedelta(hours=r.randrange(1, 12))).isoformat().replace("+", "%2B"),
            "loinc": lambda: r.choice(LOINC),
            "code": lambda: f"http://loinc.org|{r.choice(LOINC)}",
            "a_day": lambda: days(1),
            "three_days": lambda: days(3),
            "thirty_days": lambda: days(30),
            "value": lambda: r.randrange(300) / 10,
            "any_value": lambda: r.randrange(500) / 10,
            "latitude": lambda: f"{r.uniform(45.4, 46.1):.3f}",
            "longitude": lambda: f"{r.uniform(4.5, 5.2):.3f}",
        }

    def __getitem__(self, name: str) -> str:
        return str(self._drawing[name]())


def _traits(patient: Resource) -> tuple[str, str]:
    return patient["name"][0]["family"], patient["birthDate"]


def searches(known: Known) -> dict[str, Question]:
    """Each search by its shape; a question is a URL below the base."""
    return {name: partial(_question, known, form) for name, form in SEARCHES.items()}


def _question(known: Known, form: str, r: random.Random) -> str:
    return form.format_map(Drawn(known, r))


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
