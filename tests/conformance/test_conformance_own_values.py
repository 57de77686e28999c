"""Every official example is found by its own values: each search parameter of R4 that it has a value for, as a FHIRPath engine reads the definitions."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from maillage.db import Connection, Database
from maillage.errors import Invalid
from maillage.fhir import ids, json
from maillage.fhir.change import Change, Verb
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.store import Store
from tests.conformance.test_conformance_examples import REFUSED
from tests.support.naive_values_of import is_searchable, searches_of

Resource = dict[str, Any]
STORE, ALL = Store(), Scope.all()
HEAVY = 150_000
"""Bytes of an example that is left to the long run."""
PARTS = 6


def examples(shared_data: Path, *, every: int, first: int, most: int) -> Iterator[Resource]:
    """Every so manyth accepted example, once by type and id."""
    met = set()
    with tarfile.open(shared_data / "fhir-r4" / "hl7.fhir.r4.examples-4.0.1.tgz") as archive:
        for number, member in enumerate(archive):
            name = member.name.rpartition("/")[2].removesuffix(".json")
            if number % every != first or not member.name.endswith(".json") or member.size > most or name in REFUSED:
                continue
            file = archive.extractfile(member)
            resource = json.loads(file.read()) if file else {}
            place = (resource.get("resourceType"), resource.get("id"))
            if all(place) and ids.legal(place[1]) and place not in met:
                met.add(place)
                yield resource


async def not_found(conn: Connection, resource: Resource) -> list[tuple[str, str, str]]:
    """The searches by its own values that do not find it, and why."""
    faults = []
    kind, id = resource["resourceType"], resource["id"]
    for name, value in sorted({pair for pair in searches_of(resource) if pair[0] != "_lastUpdated" and is_searchable(pair)}):
        try:
            page = await STORE.search(conn, parse(kind, [(name, value), ("_id", id)]), scope=ALL)
        except Invalid as refusal:
            faults.append((name, value, refusal.message))
        else:
            if [one["id"] for one in page.matches] != [id]:
                faults.append((name, value, "not found"))
    return faults


async def check(database: Database, resources: Iterator[Resource], *, least: int) -> None:
    wrong, searched = {}, 0
    async with database.transaction() as conn:
        for resource in resources:
            await STORE.write(conn, [Change(Verb.PUT, resource)], scope=ALL)
            if faults := await not_found(conn, resource):
                wrong[f"{resource['resourceType']}/{resource['id']}"] = faults
            searched += 1
    assert not wrong, "\n".join(f"{place}: {faults}" for place, faults in wrong.items())
    assert searched > least


@pytest.mark.conformance
async def test_a_sample_of_the_examples_is_found_by_its_own_values(database: Database, shared_data: Path) -> None:
    await check(database, examples(shared_data, every=80, first=0, most=HEAVY // 3), least=50)


@pytest.mark.conformance
@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
async def test_every_example_is_found_by_its_own_values(database: Database, shared_data: Path, part: int) -> None:
    await check(database, examples(shared_data, every=PARTS, first=part, most=10**9), least=800)
