"""What is no value, in every search parameter of every type: refused or found nowhere, never an error of ours, and nothing is changed by it."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.db import Database
from maillage.fhir.definitions import resource_types, search_parameters
from tests.support.pages import client_of
from tests.support.people import MACHINE

INJECTED = (
    "' or '1'='1", "'; drop table res; --", "';select pg_sleep(3)--", "') or 1=1 --", "x' union select null,null--", "\\' or 1=1 --", "%' or '%'='", "$$; select 1; $$",
    "1) or (1=1", "/*", "*/ or 1=1 /*", "\u02bc or 1=1 --", "\uff07 or 1=1 --", "{{7*7}}", "${jndi:ldap://x}", "%s%s%s%n", "%(x)s", ":x::text", "{0}", "../../etc/passwd",
    "a\u0000b", "\u0000", "e\u0301" * 50, "\U0001f9ec", "\u202e", "a" * 6_000, "Patient/' or 1=1 --", "http://x|' or 1=1 --", "ge' or 1=1 --", "2024' or 1=1 --",
)  # fmt: skip
MODIFIERS = ("", ":exact", ":contains", ":text", ":not", ":missing", ":of-type", ":identifier", ":below", ":in", ":' or 1=1 --")
RESULTS = (
    "_sort", "_count", "_total", "_include", "_revinclude", "_has:Observation:subject:code", "_filter", "_text", "_content", "_list", "_cursor", "_elements",
    "_summary", "_lastUpdated", "_id", "_type",
)  # fmt: skip
NOTHING_FOUND = "or 1=1"
SLOW = 2.5
"""Seconds: a value that is run would sleep longer."""


def parameters() -> Iterator[tuple[str, str]]:
    for kind in resource_types():
        yield from ((kind, code) for code in search_parameters(kind))


async def tried(client: httpx.AsyncClient, kind: str, name: str, value: str) -> None:
    started = time.monotonic()
    answer = await client.get(f"/fhir/{kind}", params={"_count": "1", name: value})
    assert answer.status_code in (200, 400, 404, 414, 422), (kind, name, value[:60], answer.text[:500])
    assert time.monotonic() - started < SLOW, (kind, name, value)
    if (
        answer.status_code == 200
        and NOTHING_FOUND in value
        and not name.startswith("_")
        and not name.endswith((":missing", ":not"))
    ):
        assert answer.json().get("entry", []) == [], (kind, name, value)
    for word in ("psycopg", "syntax error at", "Traceback", "SQLSTATE"):
        assert word not in answer.text.replace(value, ""), (kind, name, value)


async def tables(database: Database) -> Any:
    async with database.transaction() as conn:
        return await (await conn.execute("select count(*) as n, (select count(*) from res) as held from pg_tables")).fetchone()


async def test_a_value_that_is_sql_in_parameters_of_each_type(attacked: Starlette, access: Access, database: Database) -> None:
    before = await tables(database)
    async with await client_of(attacked, access, MACHINE, accept="application/fhir+json") as client:
        for number, (kind, code) in list(enumerate(parameters()))[::8]:
            await tried(client, kind, code, INJECTED[number % len(INJECTED)])
    assert await tables(database) == before


@pytest.mark.long
async def test_every_value_and_modifier_in_each_parameter_of_each_type(
    attacked: Starlette, access: Access, database: Database
) -> None:
    before = await tables(database)
    async with await client_of(attacked, access, MACHINE, accept="application/fhir+json") as client:
        for number, (kind, code) in enumerate(parameters()):
            for value in INJECTED:
                await tried(client, kind, code, value)
            for modifier in MODIFIERS:
                await tried(client, kind, f"{code}{modifier}", INJECTED[number % len(INJECTED)])
    assert await tables(database) == before


async def test_a_value_that_is_sql_in_the_parameters_of_results(attacked: Starlette, access: Access) -> None:
    async with await client_of(attacked, access, MACHINE, accept="application/fhir+json") as client:
        for value in INJECTED:
            for name in (*RESULTS, value):
                await tried(client, "Patient", name, value)
