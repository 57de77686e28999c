"""Many writers at once: no update is lost, no conditional creation makes a second one, whatever the order in which they come."""

import asyncio
import random
from base64 import b64encode
from collections import Counter
from typing import Any

import httpx
import pytest

from maillage.access.access import Access
from maillage.errors import Conflict, NotFound, PreconditionFailed
from maillage.fhir import json
from maillage.fhir.bundle import Done
from maillage.fhir.change import Resource
from maillage.fhir.holding import MAX_VALUES
from tests.conformance.test_conformance_door import a_patient, app, machine, send
from tests.support.people import MACHINE

__all__ = ["app", "machine"]

SYSTEM = "urn:oid:1.2.3"
PATCH = "application/json-patch+json"


def numbered(*numbers: int, **more: Any) -> dict[str, Any]:
    return a_patient(identifier=[{"system": SYSTEM, "value": str(n)} for n in numbers], **more)


def conditional(number: int) -> str:
    return f"identifier={SYSTEM}|{number}"


async def test_creations_under_one_condition_make_one_resource(machine: httpx.AsyncClient) -> None:
    writers = [send(machine, "POST", "/Patient", numbered(1), if_none_exist=conditional(1)) for _ in range(30)]
    done = await asyncio.gather(*writers)
    assert Counter(one.status_code for one in done) == {201: 1, 200: 29}
    assert len({one.json()["id"] for one in done}) == 1


@pytest.mark.parametrize(
    "criteria",
    [f"identifier={SYSTEM}|1,{SYSTEM}|2", f"identifier={SYSTEM}|", "family=pat-trois", "identifier=1&gender:missing=true"],
)
async def test_conditions_that_say_the_same_in_other_words_exclude_each_other(machine: httpx.AsyncClient, criteria: str) -> None:
    conditions = [criteria, conditional(1), conditional(2), criteria] * 6
    done = await asyncio.gather(*(send(machine, "POST", "/Patient", numbered(1, 2), if_none_exist=one) for one in conditions))
    assert Counter(one.status_code for one in done) == {201: 1, 200: 23}


async def test_updates_and_transactions_under_one_condition_make_one_resource(machine: httpx.AsyncClient) -> None:
    url = f"Patient?{conditional(1)}"
    entries = [{"resource": numbered(n), "request": {"method": "PUT", "url": f"Patient?{conditional(n)}"}} for n in (1, 2)]
    bundles = [{"resourceType": "Bundle", "type": "transaction", "entry": entries[:: 1 if n % 2 else -1]} for n in range(12)]
    done = await asyncio.gather(
        *(send(machine, "PUT", f"/{url}", numbered(1)) for _ in range(12)), *(send(machine, "POST", "", one) for one in bundles)
    )
    assert {one.status_code for one in done} <= {200, 201}, [one.text for one in done if one.status_code > 201]
    for number, writes in ((1, 24), (2, 12)):
        found = (await send(machine, "GET", f"/Patient?{conditional(number)}")).json()["entry"]
        assert [one["resource"]["meta"]["versionId"] for one in found] == [str(writes)]


async def test_batches_with_the_same_conditions_in_other_orders_do_not_wait_for_each_other(machine: httpx.AsyncClient) -> None:
    entries = [
        {"resource": numbered(n), "request": {"method": "POST", "url": "Patient", "ifNoneExist": conditional(n)}}
        for n in range(8)
    ]
    bundles = [{"resourceType": "Bundle", "type": "batch", "entry": entries[:: 1 if n % 2 else -1]} for n in range(10)]
    done = await asyncio.gather(*(send(machine, "POST", "", one) for one in bundles))
    told = Counter(entry["response"]["status"][:3] for one in done for entry in one.json()["entry"])
    assert told == {"201": 8, "200": 72}


async def test_more_conditions_than_the_server_has_locks_for_hold_their_type(machine: httpx.AsyncClient) -> None:
    entries = [
        {"resource": numbered(n), "request": {"method": "POST", "url": "Patient", "ifNoneExist": conditional(n)}}
        for n in range(MAX_VALUES + 1)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    done = await asyncio.gather(*(send(machine, "POST", "", bundle) for _ in range(3)))
    told = Counter(entry["response"]["status"][:3] for one in done for entry in one.json()["entry"])
    assert told == {"201": MAX_VALUES + 1, "200": 2 * (MAX_VALUES + 1)}


async def test_patches_at_the_same_time_are_all_kept(machine: httpx.AsyncClient) -> None:
    await send(machine, "PUT", "/Patient/p", a_patient(id="p", telecom=[{"system": "other", "value": "0"}]))
    patches = [
        json.dumps([{"op": "add", "path": "/telecom/-", "value": {"system": "other", "value": str(n)}}]) for n in range(1, 30)
    ]
    done = await asyncio.gather(*(send(machine, "PATCH", "/Patient/p", one, content_type=PATCH) for one in patches))
    assert {one.status_code for one in done} == {200}
    kept = (await send(machine, "GET", "/Patient/p")).json()["telecom"]
    assert sorted(int(one["value"]) for one in kept) == list(range(30))


class Counters:
    """Writers that each add one to counters kept in resources, each time in another way, and what came of it.

    A counter is a Basic found by its identifier; its value is the code. A refusal (409, 412) must have changed nothing.
    """

    def __init__(self, access: Access, keys: int) -> None:
        self.access = access
        self.keys = keys
        self.added: Counter[int] = Counter()
        self.made: Counter[int] = Counter()
        self.refused = 0

    async def run(self, *, operations: int, writers: int, seed: int) -> None:
        dice = random.Random(seed)
        await asyncio.gather(*(self._write(random.Random(dice.random()), operations // writers) for _ in range(writers)))

    async def _write(self, dice: random.Random, operations: int) -> None:
        for _ in range(operations):
            key, way = dice.randrange(self.keys), dice.choice((self._make, self._update, self._update, self._patch, self._unmake))
            try:
                await way(key)
            except (Conflict, PreconditionFailed, NotFound):
                self.refused += 1

    async def _make(self, key: int) -> None:
        done = await self._carried_out("POST", "Basic", a_counter(key, 0), ifNoneExist=conditional(key))
        self.made[key] += done.status.startswith("201")

    async def _update(self, key: int) -> None:
        """Reads, adds one, and writes over that version only."""
        old = await self._found(key)
        new = a_counter(key, value_of(old) + 1, id=old["id"])
        await self._carried_out("PUT", f"Basic/{old['id']}", new, ifMatch=f'W/"{old["meta"]["versionId"]}"')
        self.added[key] += 1

    async def _patch(self, key: int) -> None:
        """Adds one if the value is still the one that was read, whichever version that is in."""
        old = value_of(await self._found(key))
        operations = [
            {"op": "test", "path": "/code/text", "value": str(old)},
            {"op": "replace", "path": "/code/text", "value": str(old + 1)},
        ]
        data = b64encode(json.dumps(operations)).decode()
        await self._carried_out(
            "PATCH", f"Basic?{conditional(key)}", {"resourceType": "Binary", "contentType": PATCH, "data": data}
        )
        self.added[key] += 1

    async def _unmake(self, key: int) -> None:
        """Deletes a counter that was just made and never counted, so that creations keep coming."""
        old = await self._found(key)
        if value_of(old) == 0:
            await self._carried_out("DELETE", f"Basic/{old['id']}", None, ifMatch=f'W/"{old["meta"]["versionId"]}"')
            self.made[key] -= 1

    async def _found(self, key: int) -> Resource:
        async with self.access.act(MACHINE, read_only=True) as ctx:
            found = await ctx.records.find("Basic", [("identifier", f"{SYSTEM}|{key}")])
        assert len(found) < 2, f"counter {key} was made twice"
        if not found:
            raise NotFound("not made yet")
        return found[0]

    async def _carried_out(self, method: str, url: str, resource: Resource | None, **conditions: str) -> Done:
        entry = {"request": {"method": method, "url": url, **conditions}, **({"resource": resource} if resource else {})}
        async with self.access.act(MACHINE, door="fhir") as ctx:
            return await ctx.records.carry_out(entry)


def a_counter(key: int, value: int, **more: Any) -> Resource:
    identifier = [{"system": SYSTEM, "value": str(key)}]
    return {"resourceType": "Basic", "identifier": identifier, "code": {"text": str(value)}, **more}


def value_of(counter: Resource) -> int:
    return int(counter["code"]["text"])


@pytest.mark.parametrize("operations", [1_000, pytest.param(50_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("seed", [1, 2])
async def test_no_update_is_lost_and_nothing_is_made_twice_in_any_order(access: Access, operations: int, seed: int) -> None:
    counters = Counters(access, keys=6 if operations < 10_000 else 40)
    await counters.run(operations=operations, writers=12, seed=seed)
    async with access.act(MACHINE, read_only=True) as ctx:
        found = await ctx.records.find("Basic", [("_count", "1000")])
    kept = Counter({int(one["identifier"][0]["value"]): value_of(one) for one in found})
    assert +kept == +counters.added
    assert dict.fromkeys((int(one["identifier"][0]["value"]) for one in found), 1) == {
        k: n for k, n in counters.made.items() if n
    }
    assert len(found) == counters.made.total()
    assert counters.added.total() > operations // 20
    assert counters.refused > operations // 100
