"""Requests that nobody means, at the FHIR door: never a 500, no answer over a second, every refusal says what and where, and nothing is written by it."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.platform import Platform
from maillage.db import Database
from maillage.fhir import json, xml
from maillage.fhir.change import Change, Verb
from maillage.fhir.scope import Scope
from maillage.fhir.store import Store
from maillage.fhir.validation import validate
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from tests.support import hostile_bodies, hostile_queries
from tests.support.asgi import Answer, Asked, ask
from tests.support.people import MACHINE

LONGEST = 1.0
"""Seconds that any answer may take. One that was late is asked for again: the machine may have been busy with something else."""
BODY_LIMIT = 1_000_000
SAID = re.compile(
    r"line \d+|byte \d+|Content-Type|Accept|If-[A-Z][a-z]+|_format|not JSON|not XML|not UTF-8|send UTF-8|nested deeper|a JSON object is expected"
    r"|not the name of|unknown here|no compartment|is not in the compartment| at most, not "
)
"""What is wrong before there is an element or a parameter to name: the place in the text, or the header."""


def sampled(examples: int) -> Any:
    """A test of so many examples, always the same."""
    return settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), print_blob=True,
    )  # fmt: skip


def explored(examples: int) -> Any:
    """A test of so many examples, new ones each time."""
    return settings(sampled(examples), derandomize=False)


@dataclass
class Fuzzed:
    """The door under test, and what it answered by status."""

    app: Starlette
    token: str
    written: Callable[[], Any]
    statuses: dict[int, int] = field(default_factory=dict)

    async def holds(self, asked: Asked) -> None:
        """Asks, and checks what must be true of every answer."""
        for _ in range(3):
            before = await self.written()
            answer = await asyncio.wait_for(ask(self.app, asked, token=self.token), 60)
            if answer.seconds < LONGEST:
                break
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        assert answer.seconds < LONGEST, (asked, answer.seconds)
        assert answer.status < 500, (asked, answer.body)
        if answer.status >= 400:
            check_refusal(asked, answer)
            assert await self.written() == before, (asked, "a refused request wrote")
        elif answer.headers.get("content-type", "").startswith("application/fhir+"):
            read(answer)


def read(answer: Answer) -> dict[str, Any]:
    return xml.loads(answer.body) if "xml" in answer.headers["content-type"] else json.loads(answer.body)


def check_refusal(asked: Asked, answer: Answer) -> None:
    assert answer.headers["content-type"].startswith("application/fhir+"), (asked, answer)
    outcome = read(answer)
    assert outcome["resourceType"] == "OperationOutcome", (asked, answer)
    validate(outcome)
    for issue in outcome["issue"]:
        assert len(issue["diagnostics"]) > 10, (asked, issue)
        if answer.status in (400, 422) and not issue.get("expression"):
            assert SAID.search(issue["diagnostics"]), (asked, answer.status, issue)


@pytest.fixture
async def fuzzed(platform: Platform, access: Access, database: Database) -> AsyncIterator[Fuzzed]:
    async with database.transaction() as conn:
        await Store().write(conn, [Change(Verb.PUT, one) for one in WORLD], scope=Scope.all())

    async def written() -> Any:
        async with database.reading() as conn:
            return await (await conn.execute("select count(*) from res union all select count(*) from ver")).fetchall()

    made = Fuzzed(
        create_app(platform, fhir_routes(max_body=BODY_LIMIT)),
        await access.issue_token(MACHINE, lifetime=timedelta(days=1)),
        written,
    )
    yield made
    print(made.statuses)


def world() -> list[dict[str, Any]]:
    """A few resources of each searched kind, that refer to each other."""
    to_patient = {"reference": "Patient/p1"}
    code = {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Fréquence"}], "text": "Pouls"}
    mg = {"value": 5, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    return [
        {"resourceType": "Patient", "id": "p1", "name": [{"family": "Martin", "given": ["Éloïse"]}], "birthDate": "2024-02", "gender": "female",
         "link": [{"other": {"reference": "Patient/p2"}, "type": "seealso"}], "meta": {"profile": ["http://a.org/p"]}},
        {"resourceType": "Patient", "id": "p2", "identifier": [{"system": "urn:oid:1.2", "value": "1"}], "active": True},
        *({"resourceType": "Observation", "id": f"o{i}", "status": "final", "code": code, "subject": to_patient, "effectiveDateTime": "2024-02-29",
           "valueQuantity": mg, "hasMember": [{"reference": f"Observation/o{i + 1}"}]} for i in range(1, 5)),
        {"resourceType": "Location", "id": "l1", "position": {"latitude": 48.8, "longitude": 2.3}, "partOf": {"reference": "Location/l2"}},
        {"resourceType": "Location", "id": "l2", "name": "Rez-de-chaussée"},
        {"resourceType": "List", "id": "l1", "status": "current", "mode": "working", "subject": to_patient, "entry": [{"item": to_patient}]},
        {"resourceType": "Condition", "id": "c1", "subject": to_patient, "code": code, "onsetRange": {"low": mg, "high": mg}},
        {"resourceType": "RiskAssessment", "id": "r1", "status": "final", "subject": to_patient, "prediction": [{"probabilityDecimal": 0.5}]},
        {"resourceType": "MolecularSequence", "id": "m1", "coordinateSystem": 0, "variant": [{"start": 5}]},
        {"resourceType": "Encounter", "id": "e1", "status": "finished", "class": {"code": "AMB"}, "subject": to_patient},
        {"resourceType": "ValueSet", "id": "v1", "url": "http://a.org/p", "status": "active"},
    ]  # fmt: skip


WORLD = world()


REQUESTS = st.one_of(
    hostile_queries.searches(),
    hostile_queries.searches(),
    hostile_bodies.bundles(),
    hostile_bodies.json_bodies(),
    hostile_bodies.xml_bodies(),
    hostile_bodies.patches(),
    hostile_bodies.headed(),
)


@sampled(450)
@given(asked=REQUESTS)
async def test_requests_that_nobody_means_are_answered_or_refused(fuzzed: Fuzzed, asked: Asked) -> None:
    await fuzzed.holds(asked)


@pytest.mark.long
@explored(50_000)
@given(asked=REQUESTS)
async def test_fifty_thousand_requests_that_nobody_means_are_answered_or_refused(fuzzed: Fuzzed, asked: Asked) -> None:
    await fuzzed.holds(asked)
