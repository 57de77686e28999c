"""The web process and PostgreSQL killed without warning while transactions come in: each bundle is there wholly or not at all."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest

from maillage.access import chain
from maillage.access.access import Access
from maillage.clock import SystemClock
from maillage.db import Connection, Database, migrate
from maillage.fhir import json
from maillage.fhir.change import Operation
from maillage.fhir.past import Past
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from tests.support.naive_search import Naive, reference_to
from tests.support.people import MACHINE
from tests.support.processes import Killable, Server, free_port

Resource = dict[str, Any]
STORE, ALL = Store(), Scope.all()
CLIENTS = 4
MARK = "urn:killed"
UCUM = "http://unitsofmeasure.org"


@dataclass
class Site:
    """The processes under test, where they answer and a token that opens the door."""

    server: Server
    web: Killable
    base: str
    token: str

    @property
    def parts(self) -> tuple[Server | Killable, ...]:
        return (self.server, self.web)


@dataclass
class Sent:
    """Bundles by number: those that were sent, those that were answered with 200, and how many requests had no answer."""

    sent: set[int] = field(default_factory=set)
    done: set[int] = field(default_factory=set)
    unanswered: int = 0


@pytest.fixture
async def site(scratch: Path, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    server = Server(scratch / f"kill-{abs(hash(request.node.name)) % 100_000}")
    server.start()
    migrate(server.embedded.dsn)
    address = f"127.0.0.1:{free_port()}"
    settings = {
        "MAILLAGE_DATA": str(tmp_path),
        "MAILLAGE_DATABASE_URL": server.embedded.dsn,
        "MAILLAGE_WEB": address,
        "MAILLAGE_BASE_URL": f"http://{address}",
    }
    async with await Database.open(server.embedded.dsn, size=1) as database:
        access = Access(database, store=STORE, files=LocalFiles(tmp_path / "files"), clock=SystemClock())
        token = await access.issue_token(MACHINE, lifetime=timedelta(hours=1))
    web = Killable("serve", settings, tmp_path / "web.log")
    web.start()
    yield Site(server, web, f"http://{address}/fhir", token)
    web.stop()
    server.stop()


def resent(number: int) -> bool:
    """Every second bundle is sent until it is answered; it creates only what is not there yet."""
    return number % 2 == 1


def patient(number: int, place: int, **more: Any) -> Resource:
    return {"resourceType": "Patient", "identifier": [mark(number, place)], "name": [{"family": f"Famille{number}"}], **more}


def observation(number: int, place: int, subject: str, **more: Any) -> Resource:
    return {
        "resourceType": "Observation",
        "status": "final",
        "identifier": [mark(number, place)],
        "code": {"coding": [{"system": "http://loinc.org", "code": f"29463-{place}"}]},
        "subject": {"reference": subject},
        "effectiveDateTime": f"2026-{number % 12 + 1:02}-{place + 1:02}",
        "valueQuantity": {"value": number * 10 + place, "system": UCUM, "code": "kg"},
        **more,
    }


def mark(number: int, place: int) -> Resource:
    return {"system": MARK, "value": f"{number}-{place}"}


def bundle(number: int, client: int) -> Resource:
    """A patient, six measures of theirs, a measure and a patient of the client's own; the client's measure before is deleted."""
    urn = f"urn:uuid:00000000-0000-4000-8000-{number:012}"
    own, before = f"Observation/c{client}-{number}", f"Observation?identifier={MARK}|{number - CLIENTS}-7"
    made = [patient(number, 0), *(observation(number, place, urn) for place in range(1, 7))]
    entries = [entry("POST", one["resourceType"], one) for one in made]
    entries[0]["fullUrl"] = urn
    if resent(number):
        for place, one in enumerate(entries):
            one["request"]["ifNoneExist"] = f"identifier={MARK}|{number}-{place}"
    entries += [
        entry("PUT", own, observation(number, 7, urn, id=own.rpartition("/")[2])),
        entry("PUT", f"Patient/own{client}", patient(number, 8, id=f"own{client}")),
        entry("DELETE", before),
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def entry(method: str, url: str, resource: Resource | None = None) -> Resource:
    return {"request": {"method": method, "url": url}} | ({} if resource is None else {"resource": resource})


async def send(site: Site, sent: Sent, client: int, numbers: list[int]) -> None:
    """One client: its bundles one after the other."""
    headers = {"authorization": f"Bearer {site.token}", "content-type": "application/fhir+json"}
    async with httpx.AsyncClient(headers=headers, timeout=30) as http:
        for number in numbers:
            content = json.dumps(bundle(number, client))
            while not await answered(http, site.base, sent, number, content) and resent(number):
                await asyncio.sleep(0.05)


async def answered(http: httpx.AsyncClient, base: str, sent: Sent, number: int, content: bytes) -> bool:
    """Whether the bundle was done, as far as its client knows."""
    if not sent.sent & {number}:
        await reachable(http, base)
    sent.sent.add(number)
    try:
        answer = await http.post(base, content=content)
    except httpx.TransportError:
        sent.unanswered += 1
        return False
    assert answer.status_code in (200, 503), f"{number}: {answer.status_code} {answer.text}"
    sent.done |= {number} if answer.status_code == 200 else set()
    return answer.status_code == 200


async def reachable(http: httpx.AsyncClient, base: str) -> None:
    """A bundle that is sent once is sent when somebody listens: else it would prove nothing."""
    async with asyncio.timeout(60):
        while True:
            try:
                if (await http.get(f"{base}/metadata")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)


async def kill_now_and_then(site: Site, sent: Sent, dice: random.Random, every: tuple[int, int]) -> None:
    """Kill one part, then the other, each after some bundles more were done and a moment later, in the middle of one; start it again."""
    for part in cycle(dice.sample(site.parts, 2)):
        until = len(sent.done) + dice.randint(*every)
        while len(sent.done) < until:
            await asyncio.sleep(0.001)
        await asyncio.sleep(dice.uniform(0, 0.03))
        await asyncio.to_thread(part.kill)
        await asyncio.to_thread(part.start)


async def survives(site: Site, *, how_many: int, seed: int, every: tuple[int, int]) -> None:
    dice, sent = random.Random(seed), Sent()
    async with asyncio.timeout(60 + how_many), asyncio.TaskGroup() as group:
        trouble = group.create_task(kill_now_and_then(site, sent, dice, every))
        clients = [
            group.create_task(send(site, sent, client, list(range(client + 1, how_many + 1, CLIENTS))))
            for client in range(CLIENTS)
        ]
        await asyncio.gather(*clients)
        trouble.cancel()
    await asyncio.to_thread(site.server.start)
    async with await Database.open(site.server.embedded.dsn, size=2) as database:
        async with database.transaction() as conn:
            await check(conn, sent, how_many)
        assert (await chain.verify(database)).holds
    kills = [part.kills for part in site.parts]
    assert sum(kills) > 0, "nothing was killed: the bundles went too fast"
    print(f"{how_many} bundles, killed {kills}, unanswered {sent.unanswered}, done {len(sent.done)}")


async def check(conn: Connection, sent: Sent, how_many: int) -> None:
    """What must be true whatever was killed."""
    assert sent.sent == set(range(1, how_many + 1))
    assert {number for number in sent.sent if resent(number)} <= sent.done
    current = [one for kind in ("Patient", "Observation") for one in await everything(conn, kind)]
    past = await versions(conn)
    present = {number: [is_there(number, place, past) for place in range(10)] for number in sorted(sent.sent)}
    assert {number: places for number, places in present.items() if len(set(places)) > 1} == {}
    assert sent.done <= {number for number, places in present.items() if places[0]}
    assert all(times == 1 for number in sent.sent for times in made(current, number).values())
    check_history(current, past)
    await check_searches(conn, current)


def made(current: list[Resource], number: int) -> dict[str, int]:
    """How often each of a bundle's creations is there."""
    values = [one["identifier"][0]["value"] for one in current]
    return {value: values.count(value) for value in values if value.partition("-")[0] == str(number)}


def is_there(number: int, place: int, past: dict[str, list[Resource | None]]) -> bool:
    """Whether an entry of a bundle was done, by the versions that are kept: what it wrote, or that it deleted."""
    client = (number - 1) % CLIENTS
    if place < 9:
        wanted = mark(number, place)
        return any(one is not None and one["identifier"] == [wanted] for listed in past.values() for one in listed)
    before = past.get(f"Observation/c{client}-{number - CLIENTS}")
    if before is None:  # nothing was there to delete
        return is_there(number, 0, past)
    return before[0] is None


async def everything(conn: Connection, kind: str) -> list[Resource]:
    """Every current resource of a type."""
    found: list[Resource] = []
    cursor: str | None = None
    while True:
        query = parse(kind, [("_count", "500"), *([("_cursor", cursor)] if cursor else [])])
        page = await STORE.search(conn, query, scope=ALL)
        found += page.matches
        if (cursor := page.next) is None:
            return found


async def versions(conn: Connection) -> dict[str, list[Resource | None]]:
    """By `Type/id` every version, newest first; None is a deletion."""
    found: dict[str, list[Resource | None]] = {}
    for kind in ("Patient", "Observation"):
        cursor: str | None = None
        while True:
            page = await STORE.history(conn, kind=kind, scope=ALL, past=Past(count=500, cursor=cursor))
            for one in page.versions:
                gone = one.operation is Operation.DELETE
                found.setdefault(f"{one.type}/{one.id}", []).append(None if gone else one.resource)
            if (cursor := page.next) is None:
                break
    return found


def check_history(current: list[Resource], past: dict[str, list[Resource | None]]) -> None:
    """The newest version is the current one, and none is missing before it."""
    assert {place: listed[0] for place, listed in past.items() if listed[0] is not None} == {
        reference_to(one): one for one in current
    }
    for place, listed in past.items():
        numbers = [int(one["meta"]["versionId"]) for one in reversed(listed) if one is not None]
        assert len(listed) - numbers[-1] in (0, 1) if listed[0] is None else numbers == list(range(1, len(listed) + 1)), place


async def check_searches(conn: Connection, current: list[Resource]) -> None:
    """Every value is found in the index where the bodies have it, and nowhere else."""
    naive = Naive(current, set())
    asked = {(one["resourceType"], *pair) for one in current for pair in values_of(one)}
    for kind, name, value in sorted(asked):
        page = await STORE.search(conn, parse(kind, [(name, value), ("_count", "1000")]), scope=ALL)
        expected = [reference_to(one) for one in naive.search(kind, [(name, value)])]
        assert sorted(map(reference_to, page.matches)) == sorted(expected), (kind, name, value)


def values_of(one: Resource) -> list[tuple[str, str]]:
    identifier = ("identifier", "{system}|{value}".format(**one["identifier"][0]))
    if one["resourceType"] == "Patient":
        return [identifier, ("family", one["name"][0]["family"])]
    quantity, coding = one["valueQuantity"], one["code"]["coding"][0]
    return [
        identifier,
        ("value-quantity", f"{quantity['value']}|{UCUM}|kg"),
        ("code", f"{coding['system']}|{coding['code']}"),
        ("date", one["effectiveDateTime"]),
        ("subject", one["subject"]["reference"]),
    ]


async def test_transactions_are_whole_or_absent_after_processes_were_killed(site: Site) -> None:
    await survives(site, how_many=12, seed=4, every=(4, 6))


@pytest.mark.long
async def test_three_hundred_transactions_are_whole_or_absent_after_processes_were_killed(site: Site) -> None:
    await survives(site, how_many=300, seed=11, every=(6, 30))
