"""Nobody looks without leaving a line: whatever the verb, the header or the parameter by which they ask, and whatever comes of it."""

from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Actor, Role
from maillage.db import Database
from maillage.fhir import ids
from tests.support.attacked import OUTSIDER, actor_of
from tests.support.pages import client_of

GP = actor_of(Role.GP)
FHIR, HTML = "application/fhir+json", "text/html"
BATCH = {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": "Condition/condition-anne"}}]}
VERSION = {"if-none-match": 'W/"1"'}
OLD = {"if-modified-since": "Mon, 01 Jan 2035 00:00:00 GMT"}

LOOKS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("GET", "/fhir/Condition/condition-anne", {}),
    ("HEAD", "/fhir/Condition/condition-anne", {}),
    ("GET", "/fhir/Condition/condition-anne", {"headers": VERSION}),
    ("HEAD", "/fhir/Condition/condition-anne", {"headers": VERSION}),
    ("GET", "/fhir/Condition/condition-anne", {"headers": OLD}),
    ("GET", "/fhir/Condition/condition-anne?_elements=id", {}),
    ("GET", "/fhir/Condition/condition-anne?_summary=text", {}),
    ("GET", "/fhir/Condition/condition-anne?_format=xml", {}),
    ("GET", "/fhir/Condition/condition-anne/_history", {}),
    ("GET", "/fhir/Condition/condition-anne/_history/1", {}),
    ("GET", "/fhir/Condition/condition-anne/$meta", {}),
    ("GET", "/fhir/Condition/_history", {}),
    ("GET", "/fhir/_history?_count=100", {}),
    ("HEAD", "/fhir/_history?_count=100", {}),
    ("GET", "/fhir/Condition?patient=Patient/anne", {}),
    ("HEAD", "/fhir/Condition?patient=Patient/anne", {}),
    ("GET", "/fhir/Condition?patient=Patient/anne&_summary=count", {}),
    ("GET", "/fhir/Condition?patient=Patient/anne&_count=0&_total=accurate", {}),
    ("GET", "/fhir/Condition?subject:Patient._id=anne&_summary=count", {}),
    ("GET", "/fhir/Patient?_id=anne&_has:Condition:patient:_id=condition-anne", {}),
    ("GET", "/fhir/Patient?_id=anne&_has:Condition:patient:_id=condition-anne&_summary=count", {}),
    ("GET", "/fhir/Patient/anne/Condition", {}),
    ("GET", "/fhir/Patient/anne/*?_summary=count", {}),
    ("GET", "/fhir/Patient/anne/$everything", {}),
    ("POST", "/fhir/Condition/_search", {"data": {"patient": "Patient/anne"}}),
    ("POST", "/fhir/Condition/_search", {"data": {"patient": "Patient/anne", "_summary": "count"}}),
    ("POST", "/fhir", {"json": BATCH}),
    ("GET", "/patients/anne", {"headers": {"accept": HTML}}),
    ("HEAD", "/patients/anne", {"headers": {"accept": HTML}}),
    ("GET", "/patients/anne/documents", {"headers": {"accept": HTML}}),
    ("GET", "/documents/documentreference-anne", {"headers": {"accept": HTML}}),
    ("HEAD", "/documents/documentreference-anne", {"headers": {"accept": HTML}}),
)  # fmt: skip


@pytest.fixture
async def gp(attacked: Starlette, access: Access) -> Any:
    async with await client_of(attacked, access, GP, accept=FHIR) as client:
        yield client


async def lines_of_anne(database: Database, actor: Actor) -> int:
    """How often the trail of Anne names somebody."""
    asked = {"actor": actor.id, "patient": ids.key("anne")}
    async with database.transaction() as conn:
        row = await (
            await conn.execute("select count(*) as n from audit where actor = %(actor)s and %(patient)s = any(patients)", asked)
        ).fetchone()
    return int(row["n"]) if row else 0


@pytest.mark.parametrize(("verb", "path", "more"), LOOKS, ids=lambda one: one if isinstance(one, str) else "")
async def test_a_look_leaves_a_line(
    gp: httpx.AsyncClient, database: Database, verb: str, path: str, more: dict[str, Any]
) -> None:
    before = await lines_of_anne(database, GP)
    answer = await gp.request(verb, path, **more)
    assert answer.status_code in (200, 304), answer.text[:300]
    assert await lines_of_anne(database, GP) > before, (verb, path)


@pytest.mark.parametrize("path", ["/fhir/Condition/condition-anne", "/fhir/Condition/condition-anne/_history/1", "/fhir/Condition?patient=Patient/anne&_summary=count", "/patients/anne", "/documents/documentreference-anne"])  # fmt: skip
async def test_a_look_that_was_refused_leaves_one_too(attacked: Starlette, access: Access, database: Database, path: str) -> None:
    async with await client_of(attacked, access, OUTSIDER, accept=FHIR if path.startswith("/fhir") else HTML) as outsider:
        await outsider.request("GET", path)
        assert await lines_of_anne(database, OUTSIDER) == 1, path
        await outsider.request("HEAD", path)
        assert await lines_of_anne(database, OUTSIDER) == 2, path
