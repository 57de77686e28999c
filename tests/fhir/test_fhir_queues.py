"""What waits for someone is found by a key of its own, and answers what a plain reading of the resources answers."""

import itertools
import random

import pytest

from maillage.db import Database
from maillage.fhir import ids
from maillage.fhir.change import Change, Resource, Verb
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.search.drivers import Drive
from maillage.fhir.search.plan import plan
from maillage.fhir.store import Store

STORE = Store()
PEOPLE = ["Practitioner/d", "Practitioner/e", "Organization/d"]
STATES = ["in-progress", "completed"]
P_ONLY = Scope("({row}.patient = any(%(access_mine)s::uuid[]))", {"access_mine": [ids.key("p")]})
Params = list[tuple[str, str]]


def communication(world: random.Random, number: int) -> Resource:
    resource: Resource = {
        "resourceType": "Communication",
        "id": f"c{number}",
        "status": world.choice(STATES),
        "recipient": [{"reference": one} for one in world.sample(PEOPLE, world.choice([1, 1, 2]))],
        "subject": {"reference": f"Patient/{world.choice('pq')}"},
    }
    return resource | ({"sent": f"2024-0{world.randint(1, 9)}-01T10:00:00Z"} if world.random() < 0.8 else {})


def reads(one: Resource, params: dict[str, str]) -> bool:
    """Whether the resource answers the parameters that this test uses."""
    return (
        {"reference": params["recipient"]} in one["recipient"]
        and one["status"] == params["status"].rpartition("|")[2]
        and one.get("sent", "") >= params.get("sent", "").removeprefix("ge")
        and ("sent" not in params or "sent" in one)
        and one["subject"]["reference"] == params.get("subject:Patient", one["subject"]["reference"])
    )


async def all_pages(database: Database, params: Params, scope: Scope) -> tuple[list[Resource], set[int | None]]:
    """The matches of every page, three at a time, and the totals that were said."""
    matches: list[Resource] = []
    totals: set[int | None] = set()
    cursor: Params = []
    while True:
        query = parse("Communication", [*params, ("_sort", "-sent"), ("_count", "3"), ("_total", "accurate"), *cursor])
        async with database.transaction() as conn:
            page = await STORE.search(conn, query, scope=scope)
        matches += page.matches
        totals.add(page.total)
        if not page.next:
            return matches, totals
        cursor = [("_cursor", page.next)]


@pytest.mark.parametrize("seed", [7, 8])
async def test_a_queue_answers_what_a_plain_reading_answers(database: Database, seed: int) -> None:
    world = random.Random(seed)
    resources = [communication(world, number) for number in range(60)]
    async with database.transaction() as conn:
        await STORE.write(conn, [Change(Verb.PUT, one) for one in resources], scope=Scope.all())
        for one in world.sample(resources, 20):
            one["status"] = world.choice(STATES)
            await STORE.write(conn, [Change(Verb.PUT, one)], scope=Scope.all())
    mores: list[Params] = [[], [("sent", "ge2024-05")], [("subject:Patient", "Patient/q")]]
    for to, status, more in itertools.product(PEOPLE, STATES, mores):
        params = [("recipient", to), ("status", status), *more]
        for scope, mine in ((Scope.all(), "pq"), (P_ONLY, "p")):
            expected = [one for one in resources if reads(one, dict(params)) and one["subject"]["reference"][-1] in mine]
            matches, totals = await all_pages(database, params, scope)
            assert sorted(one["id"] for one in matches) == sorted(one["id"] for one in expected), params
            assert [one.get("sent", "") for one in matches] == sorted((one.get("sent", "") for one in expected), reverse=True)
            assert totals == {len(expected)}


@pytest.mark.parametrize(
    ("params", "drive"),
    [
        ([("recipient", "Practitioner/d"), ("status", "completed")], Drive.HOT),
        ([("recipient:Practitioner", "d"), ("status", "completed"), ("_sort", "-sent")], Drive.HOT),
        ([("recipient", "d"), ("status", "completed")], Drive.FEW),
        ([("recipient", "Practitioner/d,Practitioner/e"), ("status", "completed")], Drive.FEW),
        ([("recipient", "Practitioner/d"), ("status", "completed,in-progress")], Drive.FEW),
        ([("recipient", "Practitioner/d"), ("status:not", "completed")], Drive.FEW),
        ([("recipient", "Practitioner/d"), ("status", "completed"), ("_sort", "_id")], Drive.FEW),
    ],
)
def test_a_queue_drives_a_search_of_its_shape_alone(params: Params, drive: Drive) -> None:
    assert plan(parse("Communication", params)).drive is drive
