"""Who may see nothing of a record learns nothing of it at the FHIR door, and what they try leaves its trace and no effect."""

from typing import Any

import httpx
import pytest

from maillage.access.access import Access
from maillage.db import Database
from tests.conformance.test_conformance_door import FHIR, an_observation, app, machine, send, told
from tests.conformance.test_conformance_operation_entries import answered, entry
from tests.conformance.test_conformance_operations import record
from tests.support.pages import client_of
from tests.support.people import professional

__all__ = ["app", "machine", "record"]


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_a_deletion_of_what_one_may_not_see_leaves_its_line(
    app: Any, access: Access, database: Database, record: httpx.AsyncClient, kind: str
) -> None:
    async with await client_of(app, access, professional("outsider"), accept=FHIR) as outsider:
        found = await answered(outsider, kind, entry("DELETE", "Observation/01"), entry("DELETE", "Observation/none"))
    assert [one["response"]["status"] for one in found] == ["204 No Content", "204 No Content"]
    async with database.reading() as conn:
        lines = await (
            await conn.execute(
                "select id, outcome, cardinality(patients) as named from audit where actor = 'psc:outsider' order by id"
            )
        ).fetchall()
    assert [tuple(line.values()) for line in lines] == [("01", "4", 1), ("none", "4", 0)]
    assert (await send(record, "GET", "/Observation/01")).status_code == 200


async def test_what_a_batch_refuses_announces_nothing(
    app: Any, access: Access, database: Database, record: httpx.AsyncClient
) -> None:
    async with database.reading() as conn:
        before = await (await conn.execute("select count(*) as events from event")).fetchone()
    patient = {"resourceType": "Patient", "id": "p", "active": False}
    async with await client_of(app, access, professional("outsider"), accept=FHIR) as outsider:
        (refused,) = await answered(outsider, "batch", entry("PUT", "Patient/p", patient))
    assert refused["response"]["status"] == "404"
    async with database.reading() as conn:
        after = await (await conn.execute("select count(*) as events from event")).fetchone()
    assert after == before


async def test_an_id_that_is_taken_in_a_hidden_record_is_answered_as_one_that_is_not(
    app: Any, access: Access, record: httpx.AsyncClient
) -> None:
    async with await client_of(app, access, professional("outsider"), accept=FHIR) as outsider:
        taken, fresh = [
            await send(outsider, "PUT", f"/Observation/{id}", an_observation("Patient/p", id=id)) for id in ("01", "fresh")
        ]
    assert (taken.status_code, fresh.status_code) == (403, 403)
    assert told(taken).replace("01", "fresh") == told(fresh)


async def test_a_write_that_is_only_tried_tells_an_outsider_no_more(app: Any, access: Access, record: httpx.AsyncClient) -> None:
    async with await client_of(app, access, professional("outsider"), accept=FHIR) as outsider:
        taken, fresh = [
            await send(outsider, "POST", f"/Observation/{id}/$validate?mode=update", an_observation("Patient/p", id=id))
            for id in ("01", "fresh")
        ]
    assert taken.json()["issue"][0]["code"] == "forbidden"
    assert told(taken).replace("01", "fresh") == told(fresh)


@pytest.mark.parametrize("name", ["name", "name:exact", "family:contains", "_filter", "organization.name", "identifier"])
async def test_a_text_that_no_database_holds_is_refused_by_name(machine: httpx.AsyncClient, name: str) -> None:
    refused = await send(machine, "GET", f"/Patient?{name}=a%00b")
    assert refused.status_code == 400
    assert name in told(refused)
    assert "U+0000" in told(refused)


@pytest.mark.parametrize("query", ["birthdate=2023-02-30", "_text=-", "name:foo=x", "_filter=zz", "_has:Foo:x:y=1"])
async def test_a_lenient_search_does_not_leave_out_what_is_wrong(machine: httpx.AsyncClient, query: str) -> None:
    refused = await send(machine, "GET", f"/Patient?{query}", prefer="handling=lenient")
    assert refused.status_code == 400, refused.text
    told(refused)


async def test_one_wrong_text_refuses_one_entry_of_a_batch(machine: httpx.AsyncClient) -> None:
    wrong, right = await answered(machine, "batch", entry("GET", "Patient?name=%00"), entry("GET", "Patient?name=x"))
    assert (wrong["response"]["status"], right["response"]["status"]) == ("400", "200 OK")
