"""What rights and the trail cost: each call through `access/` against the same call on the store beneath, in turns, in one run. `make bench-rights`.

A region of synthetic patients with ten observations each, a doctor with 50 of them and one with 5,000. One process, a few at a time. A cost is the share of
the rate that is lost. The last lines compare the searches of the two doctors.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from bench.reference import Figures, percentile
from bench.store import LOINC, new_ids, observation, territory

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role, job_actor
from maillage.clock import FixedClock
from maillage.db import Database, EmbeddedPostgres, migrate
from maillage.fhir import json, validation
from maillage.fhir.bundle import StoreDoor, process
from maillage.fhir.change import Change, Resource, Verb
from maillage.fhir.gathering import GatheredReads
from maillage.fhir.operations.everything import Everything, everything
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.store import Store
from maillage.files import LocalFiles

STORE, ALL = Store(), Scope.all()
FEW, MANY = 50, 5_000
NARROW, WIDE = 0.45, 0.15  # the most that single reads and narrow searches may lose, and writes, bundles and $everything
Work = Callable[[random.Random], Awaitable[Any]]


def doctor(id: str) -> Actor:
    return Actor(
        id=id, kind=ActorKind.PROFESSIONAL, name=id, roles=frozenset({Role.GP}), reference=f"Practitioner/{id}", profession="10"
    )


def followed(patients: list[str], id: str) -> Iterator[Resource]:
    """A care team for each of these patients."""
    for one in patients:
        member = {"member": {"reference": f"Practitioner/{id}"}}
        yield {
            "resourceType": "CareTeam",
            "status": "active",
            "subject": {"reference": f"Patient/{one}"},
            "participant": [member],
        }


def newest(id: str) -> str:
    return f"patient={id}&code=http://loinc.org|{LOINC[0]}&_sort=-date&_count=20"


class Beneath:
    """The calls on the store itself."""

    def __init__(self, database: Database, known: list[str]) -> None:
        self._database, self._known, self._reads = database, known, GatheredReads(database)

    async def read(self, r: random.Random) -> None:
        async with self._database.reading() as conn:
            await self._reads.read_raw(conn, "Patient", r.choice(self._known), scope=ALL)

    async def search(self, r: random.Random) -> None:
        async with self._database.reading() as conn:
            query = parse("Observation", parse_qsl(newest(r.choice(self._known))))
            assert (await STORE.search_raw(conn, query, scope=ALL)).matches

    async def everything(self, r: random.Random) -> None:
        async with self._database.reading() as conn:
            assert (await everything(conn, Everything("Patient", r.choice(self._known)), scope=ALL)).matches

    async def create(self, r: random.Random) -> None:
        async with self._database.transaction() as conn:
            one = measured(r, self._known)
            validation.validate(one)
            await STORE.write_raw(conn, [Change(Verb.CREATE, one)], scope=ALL)

    async def bundle(self, r: random.Random) -> None:
        async with self._database.transaction() as conn:
            bundle = fifty(r, self._known)
            for entry in bundle["entry"]:
                validation.validate(entry["resource"])
            await process(bundle, StoreDoor(conn, ALL, STORE))


class Above:
    """The same through the guarded door, as one doctor."""

    def __init__(self, access: Access, actor: Actor, known: list[str]) -> None:
        self._access, self._actor, self._known = access, actor, known

    async def read(self, r: random.Random) -> None:
        async with self._access.act(self._actor, read_only=True) as ctx:
            await ctx.records.read_raw("Patient", r.choice(self._known))

    async def search(self, r: random.Random) -> None:
        async with self._access.act(self._actor, read_only=True) as ctx:
            assert (await ctx.records.search_raw(parse("Observation", parse_qsl(newest(r.choice(self._known)))))).matches

    async def everything(self, r: random.Random) -> None:
        async with self._access.act(self._actor, read_only=True) as ctx:
            assert (await ctx.records.operations.everything(Everything("Patient", r.choice(self._known)))).matches

    async def create(self, r: random.Random) -> None:
        async with self._access.act(self._actor) as ctx:
            await ctx.records.write_changes([Change(Verb.CREATE, measured(r, self._known))])

    async def bundle(self, r: random.Random) -> None:
        async with self._access.act(self._actor) as ctx:
            await ctx.records.transaction(fifty(r, self._known))


def measured(r: random.Random, known: list[str], code: str = LOINC[0], to: str = "") -> Resource:
    """An Observation as it comes off the wire, its numbers as written."""
    made: Resource = json.loads(json.dumps(observation(r, to or r.choice(known), code)))
    return made


def fifty(r: random.Random, known: list[str]) -> Resource:
    to = r.choice(known)
    entries = [
        {"resource": measured(r, known, LOINC[n % 5], to), "request": {"method": "POST", "url": "Observation"}} for n in range(50)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


async def rate(work: Work, seconds: float, connections: int) -> tuple[float, list[float]]:
    """Calls a second, and the milliseconds of each."""
    spans: list[float] = []
    end = time.perf_counter() + seconds

    async def client(seed: int) -> None:
        r = random.Random(seed + time.time_ns())
        while (start := time.perf_counter()) < end:
            await work(r)
            spans.append((time.perf_counter() - start) * 1000)

    await asyncio.gather(*(client(seed) for seed in range(connections)))
    return len(spans) / seconds, spans


async def in_turns(works: list[Work], seconds: float, connections: int, turns: int = 3) -> list[tuple[float, float]]:
    """For each work the median rate of its turns and the 95th percentile of its milliseconds."""
    rates: list[list[float]] = [[] for _ in works]
    spans: list[list[float]] = [[] for _ in works]
    for work in works:
        await rate(work, 0.5, connections)
    for _ in range(turns):
        for place, work in enumerate(works):
            found, taken = await rate(work, seconds, connections)
            rates[place].append(found)
            spans[place] += taken
    return [(statistics.median(found), percentile(taken, 95)) for found, taken in zip(rates, spans, strict=True)]


async def bench(dsn: str, files: Path, patients: int, seconds: float, connections: int) -> Figures:
    r, figures = random.Random(7), Figures()
    ids = new_ids(patients, r)
    clock = FixedClock(datetime(2026, 11, 23, 12, tzinfo=UTC))
    async with await Database.open(dsn, size=connections) as database:
        access = Access(database, store=STORE, files=LocalFiles(files), clock=clock)
        teams = [*followed(ids[:FEW], "few"), *followed(ids[:MANY], "many")]
        for start in range(0, patients, 5_000):
            async with access.act(job_actor("bench")) as ctx:
                await ctx.records.load(
                    [one | {"id": one.get("id") or new_ids(1, r)[0]} for one in territory(ids[start : start + 5_000], r)]
                )
        async with access.act(job_actor("bench")) as ctx:
            await ctx.records.load([team | {"id": id} for team, id in zip(teams, new_ids(len(teams), r), strict=True)])
        async with database.autocommit() as conn:
            await conn.execute("vacuum analyze")
        known = ids[:FEW]
        beneath, above = Beneath(database, known), Above(access, doctor("few"), known)
        for name, most in (("read", NARROW), ("search", NARROW), ("everything", WIDE), ("create", WIDE), ("bundle", WIDE)):
            measured = await in_turns([getattr(beneath, name), getattr(above, name)], seconds, connections)
            (without, _), (within, _) = measured
            figures.add(f"{name}, beneath", without, "a second")
            figures.add(f"{name}, above", within, "a second")
            figures.add(
                f"{name}: lost to rights and trail",
                1 - within / without,
                "of the rate",
                bound=most,
                reference=("beneath", without),
            )
        few, many = Above(access, doctor("few"), ids[:FEW]), Above(access, doctor("many"), ids[:MANY])
        (_, less), (_, more) = await in_turns([few.search, many.search], seconds, connections)
        figures.add(f"search p95 with {MANY} patients", more, "ms", bound=1.5 * less, reference=(f"that with {FEW}", less))
    return figures


def main() -> None:
    """`python -m bench.rights [--patients N] [--seconds S]`"""
    options = argparse.ArgumentParser(prog="make bench-rights", description=__doc__)
    options.add_argument("--patients", type=int, default=20_000)
    options.add_argument("--seconds", type=float, default=2)
    options.add_argument("--connections", type=int, default=8)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlg-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "data") as server:
            migrate(server.dsn)
            files = Path(folder) / "files"
            print(asyncio.run(bench(server.dsn, files, chosen.patients, chosen.seconds, chosen.connections)).text())


if __name__ == "__main__":
    main()
