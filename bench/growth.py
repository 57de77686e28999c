"""Whether searches stay flat: the median of each at 16 and 64 times the data against that at 10,000 patients. `make bench-growth`.

    python -m bench.growth [--patients 10000] [--factors 16,64] [--seconds 1] [--only TEXT] [--data FOLDER]

Loads patients with ten observations each through the product's own bulk load (COPY) into a PostgreSQL of its own with the settings of
production, copies its folder, adds clones to the copy (bench/clones.py, without the server's log of writes, which no read looks at), and asks
both stores the same questions in turn, one after the other over one connection each: what else runs on the machine slows both. Each
question is asked once before it is timed. Looks at the free disk first, leaves out the sizes that would not fit and says which was the
largest. Ends with 1 when a median grew by more than 1.3.

`5 patients`, `5000 patients`: asked by a professional to whom the records give so many patients, all of the first 10,000.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import cycle
from pathlib import Path

import psycopg
from bench import clones
from bench.reference import percentile
from bench.searches import LIMITED, Ask, Known, Question, asked, others, searches
from bench.store import LOINC, STORE, new_ids, observation, patient

from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.references import grantee
from maillage.access.visibility import visible_to
from maillage.clock import SystemClock
from maillage.db import Database, EmbeddedPostgres, migrate
from maillage.fhir.change import Resource
from maillage.fhir.scope import Scope

FLAT = 1.3
QUESTIONS = 100  # different ones a search
CIRCLES = (5, 5_000)
ORGANISATIONS, PRACTITIONERS, PLACES = 20, 50, 1_000
PIECE = 500  # patients a transaction of the load
RESERVE = 6 * 2**30  # bytes of disk beside the tables: the log of PostgreSQL, and sorting for the indexes
LOADING = """
fsync = off
wal_level = minimal
max_wal_senders = 0
autovacuum = off
"""


@dataclass(frozen=True, slots=True)
class Timing:
    """Median and 95th percentile in milliseconds, and how many resources an answer has."""

    p50: float
    p95: float
    found: float


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--patients", type=int, default=10_000)
    options.add_argument("--factors", default="16,64", help="sizes to grow to, as multiples of the first")
    options.add_argument("--seconds", type=float, default=2.0, help="how long each search is measured")
    options.add_argument("--only", default="", help="searches whose name holds this")
    options.add_argument("--data", type=Path, default=Path("/tmp"), help="where the folder of the servers is made, and removed")
    chosen = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mlf-", dir=chosen.data))
    folder.chmod(0o755)
    try:
        return run(folder, chosen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(folder: Path, chosen: argparse.Namespace) -> int:
    known, size, grown = prepare(folder, chosen.patients), 1, 0
    with started(folder / "first") as first, started(folder / "grown") as server:
        one = clones.size(first.dsn)
        for factor in map(int, chosen.factors.split(",")):
            if (needed := one * (factor - size) + RESERVE) > (free := shutil.disk_usage(folder).free):
                print(
                    f"{factor} times the data would need {needed / 2**30:.0f} GB of disk, and {free / 2**30:.0f} GB are free: left out"
                )
                break
            took = clones.grow(server.dsn, size, factor - 1)
            size = factor
            print(
                f"grown to {size * chosen.patients} patients, {clones.size(server.dsn) / 2**30:.1f} GB: rows {took.rows:.0f} s, indexes and statistics {took.indexes:.0f} s",
                flush=True,
            )
            grown += report(
                asyncio.run(measure([first.dsn, server.dsn], known, chosen.seconds, chosen.only)), size * chosen.patients
            )
        print(
            f"largest size reached: {size * chosen.patients} patients, {clones.size(server.dsn) / 2**30:.1f} GB; above {FLAT}: {grown}"
        )
    return 1 if grown or size == 1 else 0


def prepare(folder: Path, patients: int) -> Known:
    """A store of the first size in the folder `first`, and a copy that is to grow in `grown`."""
    (folder / "first").mkdir(mode=0o755)
    with started(folder / "first") as server:
        migrate(server.dsn)
        known = asyncio.run(load(server.dsn, patients))
        clones.prepare(server.dsn)
    subprocess.run(["cp", "-a", str(folder / "first"), str(folder / "grown")], check=True)
    return known


def started(data: Path) -> EmbeddedPostgres:
    """The server of a folder. Rows are added and counted by the benchmark alone: nothing is to be kept should the machine fail."""
    return EmbeddedPostgres(data, settings=LOADING)


async def load(dsn: str, patients: int) -> Known:
    """The first patients with their observations, written over several transactions; and who may see some of them."""
    r = random.Random(11)
    organisations: list[Resource] = [
        {"resourceType": "Organization", "id": id, "active": True, "name": f"Service {n} — CHU Exemple"}
        for n, id in enumerate(new_ids(ORGANISATIONS, r))
    ]
    practitioners: list[Resource] = [
        {"resourceType": "Practitioner", "id": id, "active": True, "name": [{"family": f"Dupont {n}"}]}
        for n, id in enumerate(new_ids(PRACTITIONERS, r))
    ]
    known: list[Resource] = []
    begun = SystemClock().now()
    async with await Database.open(dsn, size=1, longest=600) as database:
        async with database.transaction() as conn:
            await STORE.load(conn, [*organisations, *practitioners, *(_place(n, r) for n in range(PLACES))])
        for start in range(0, patients, PIECE):
            people = [_patient(id, organisations, practitioners, r) for id in new_ids(min(PIECE, patients - start), r)]
            async with database.transaction() as conn:
                await STORE.load(conn, _records(people, practitioners, r))
            known += people
    _circles(dsn, known)
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("vacuum analyze")
    return Known(known, organisations, begun)


def _place(n: int, r: random.Random) -> Resource:
    """Somewhere within a degree of Lyon: about thirty within ten kilometres of any of them."""
    at = {side: round(middle + r.uniform(-0.5, 0.5), 4) for side, middle in (("latitude", 45.75), ("longitude", 4.85))}
    return {"resourceType": "Location", "id": new_ids(1, r)[0], "status": "active", "name": f"Cabinet {n}", "position": at}


def _patient(id: str, organisations: list[Resource], practitioners: list[Resource], r: random.Random) -> Resource:
    return patient(r, id) | {
        "generalPractitioner": [{"reference": f"Practitioner/{r.choice(practitioners)['id']}"}],
        "managingOrganization": {"reference": f"Organization/{r.choice(organisations)['id']}"},
    }


def _records(people: list[Resource], practitioners: list[Resource], r: random.Random) -> Iterator[Resource]:
    for person in people:
        yield person
        for n in range(10):
            performer = [{"reference": f"Practitioner/{r.choice(practitioners)['id']}"}]
            yield observation(r, person["id"], LOINC[n % 5]) | {"performer": performer}


def _circles(dsn: str, patients: list[Resource]) -> None:
    """Gives some of the patients to one professional for each size of a circle."""
    with psycopg.connect(dsn) as conn:
        for size in CIRCLES:
            for one in random.Random(size).sample(patients, min(size, len(patients))):
                conn.execute(
                    "insert into access_grant (patient, grantee, via, origin) values (%s, %s, %s, %s)",
                    [one["id"], grantee(_professional(size)), one["id"], one["id"]],
                )


def _professional(size: int) -> str:
    return f"Practitioner/sees-{size}"


def _scopes(at: datetime) -> dict[str, Scope]:
    actors = {
        f"{size} patients": Actor(
            id=f"professional:{size}",
            kind=ActorKind.PROFESSIONAL,
            name="Dr Exemple",
            roles=frozenset({Role.GP}),
            reference=_professional(size),
        )
        for size in CIRCLES
    }
    return {name: visible_to(actor, at) for name, actor in actors.items()}


async def measure(dsns: Sequence[str], known: Known, seconds: float, only: str) -> dict[str, list[Timing]]:
    """Every search whose name holds `only`, for everyone and for people who see some patients, on each of the stores."""
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(await Database.open(dsn, size=1, longest=600)) for dsn in dsns]
        return {name: await compared(databases, scope, asks, seconds) for name, scope, asks in _measures(known) if only in name}


def _measures(known: Known) -> Iterator[tuple[str, Scope, list[Ask]]]:
    by_url = {name: _searched(question) for name, question in searches(known).items()}
    for name, made in (by_url | others(known)).items():
        yield name, Scope.all(), _drawn(made)
    for who, scope in _scopes(SystemClock().now()).items():
        for name in LIMITED:
            yield f"{name}, {who}", scope, _drawn(by_url[name])


def _searched(question: Question) -> Callable[[random.Random], Ask]:
    return lambda r: asked(question(r))


def _drawn(made: Callable[[random.Random], Ask]) -> list[Ask]:
    """The same questions each time."""
    r = random.Random(5)
    return [made(r) for _ in range(QUESTIONS)]


async def timed(database: Database, scope: Scope, asks: list[Ask], seconds: float) -> Timing:
    """All questions once (as far as the time goes), then timed in turn."""
    return (await compared([database], scope, asks, seconds))[0]


async def compared(databases: Sequence[Database], scope: Scope, asks: list[Ask], seconds: float) -> list[Timing]:
    """Each question of one database after the other: once (as far as the time goes), then timed in turn."""
    found, spans = [0] * len(databases), [list[float]() for _ in databases]
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(database.reading()) for database in databases]
        counted, end = 0, time.perf_counter() + seconds
        while counted < len(asks) and (not counted or time.perf_counter() < end):
            for place, conn in enumerate(connections):
                found[place] += await asks[counted](conn, scope)
            counted += 1
        end = time.perf_counter() + seconds
        for ask in cycle(asks[:counted]):
            for place, conn in enumerate(connections):
                began = time.perf_counter()
                await ask(conn, scope)
                spans[place].append((time.perf_counter() - began) * 1000)
            if time.perf_counter() > end:
                break
    return [Timing(percentile(one, 50), percentile(one, 95), many / counted) for one, many in zip(spans, found, strict=True)]


def report(timings: dict[str, list[Timing]], patients: int) -> int:
    """Prints a table; how many searches are not flat."""
    print(
        f"\n| at {patients} patients | p50 ms | p95 ms | resources | p50 of the first size | ratio |\n|---|---|---|---|---|---|"
    )
    grown = 0
    for name, (first, one) in timings.items():
        ratio = one.p50 / first.p50
        grown += ratio > FLAT
        said = f"{ratio:.2f}" + (" GREW" if ratio > FLAT else "")
        print(
            f"| {name} | {one.p50:.2f} | {one.p95:.2f} | {one.found:.1f} (first: {first.found:.1f}) | {first.p50:.2f} | {said} |",
            flush=True,
        )
    return grown


if __name__ == "__main__":
    raise SystemExit(main())
