"""Whether searches stay flat: the median of each at 16 and 64 times the data against that at 10,000 patients. `make bench-growth`.

    python -m bench.growth [--patients 10000] [--factors 16,64] [--seconds 1] [--only TEXT] [--data FOLDER]

Starts its own PostgreSQL with the settings of production, loads patients with ten observations each through the product's own bulk load
(COPY), measures with one connection, then adds clones (bench/clones.py) and measures again: the same questions, in the same order, each
asked once before it is timed. Looks at the free disk first, leaves out the sizes that would not fit and says which was the largest. Nothing
else should use the cores. Ends with 1 when a median grew by more than 1.3.

`5 patients`, `5000 patients`: asked by a professional to whom the records give so many patients, all of the first 10,000.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from bench import clones
from bench.reference import percentile
from bench.searches import LIMITED, Ask, Known, Question, asked, others, searches
from bench.store import LOINC, STORE, new_ids, observation, patient

from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.grants import grantee
from maillage.access.visibility import visible_to
from maillage.clock import SystemClock
from maillage.db import Database, EmbeddedPostgres, migrate
from maillage.fhir.change import Resource
from maillage.fhir.scope import Scope

FLAT = 1.3
QUESTIONS = 100  # different ones a search
CIRCLES = (5, 5_000)
ORGANISATIONS, PRACTITIONERS = 20, 50
PIECE = 500  # patients a transaction of the load
RESERVE = 6 * 2**30  # bytes of disk beside the tables: the log of PostgreSQL, and sorting for the indexes


@dataclass(frozen=True, slots=True)
class Timing:
    """Median and 95th percentile in milliseconds, and how many resources an answer has."""

    p50: float
    p95: float
    found: float


Timings = dict[str, Timing]


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--patients", type=int, default=10_000)
    options.add_argument("--factors", default="16,64", help="sizes to grow to, as multiples of the first")
    options.add_argument("--seconds", type=float, default=1.0, help="how long each search is measured")
    options.add_argument("--only", default="", help="searches whose name holds this")
    options.add_argument("--data", type=Path, default=Path("/tmp"), help="where the folder of the server is made, and removed")
    chosen = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mlf-", dir=chosen.data))
    folder.chmod(0o755)
    try:
        with EmbeddedPostgres(folder) as server:
            migrate(server.dsn)
            return run(server.dsn, folder, chosen)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(dsn: str, folder: Path, chosen: argparse.Namespace) -> int:
    known = asyncio.run(load(dsn, chosen.patients))
    clones.prepare(dsn)
    base = asyncio.run(measure(dsn, known, chosen.seconds, chosen.only))
    one, size, grown = clones.size(dsn), 1, 0
    for factor in map(int, chosen.factors.split(",")):
        if (needed := one * (factor - size) + RESERVE) > (free := shutil.disk_usage(folder).free):
            print(
                f"{factor} times the data would need {needed / 2**30:.0f} GB of disk, and {free / 2**30:.0f} GB are free: left out"
            )
            break
        took = clones.grow(dsn, size, factor - 1)
        size = factor
        print(
            f"grown to {size * chosen.patients} patients: rows {took.rows:.0f} s, indexes and statistics {took.indexes:.0f} s",
            flush=True,
        )
        timings = asyncio.run(measure(dsn, known, chosen.seconds, chosen.only))
        grown += report(base, timings, size * chosen.patients)
    print(f"largest size reached: {size * chosen.patients} patients, {clones.size(dsn) / 2**30:.1f} GB; above {FLAT}: {grown}")
    return 1 if grown or size == 1 else 0


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
            await STORE.load(conn, [*organisations, *practitioners])
        for start in range(0, patients, PIECE):
            people = [_patient(id, organisations, practitioners, r) for id in new_ids(min(PIECE, patients - start), r)]
            async with database.transaction() as conn:
                await STORE.load(conn, _records(people, practitioners, r))
            known += people
    _circles(dsn, known)
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("vacuum analyze")
    return Known(known, organisations, begun)


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


async def measure(dsn: str, known: Known, seconds: float, only: str) -> Timings:
    """Every search whose name holds `only`, for everyone and for people who see some patients."""
    timings: Timings = {}
    async with await Database.open(dsn, size=1, longest=600) as database:
        for name, scope, asks in _measures(known):
            if only in name:
                timings[name] = await timed(database, scope, asks, seconds)
    return timings


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
    spans: list[float] = []
    found = counted = 0
    async with database.reading() as conn:
        end = time.perf_counter() + seconds
        for ask in asks:
            found += await ask(conn, scope)
            counted += 1
            if time.perf_counter() > end:
                break
        end = time.perf_counter() + seconds
        while not spans or time.perf_counter() < end:
            for ask in asks[:counted]:
                began = time.perf_counter()
                await ask(conn, scope)
                spans.append((time.perf_counter() - began) * 1000)
                if time.perf_counter() > end:
                    break
    return Timing(percentile(spans, 50), percentile(spans, 95), found / counted)


def report(base: Timings, timings: Timings, patients: int) -> int:
    """Prints a table; how many searches are not flat."""
    print(
        f"\n| at {patients} patients | p50 ms | p95 ms | resources | p50 of the first size | ratio |\n|---|---|---|---|---|---|"
    )
    grown = 0
    for name, one in timings.items():
        ratio = one.p50 / base[name].p50
        grown += ratio > FLAT
        said = f"{ratio:.2f}" + (" GREW" if ratio > FLAT else "")
        print(
            f"| {name} | {one.p50:.2f} | {one.p95:.2f} | {one.found:.1f} (first: {base[name].found:.1f}) | {base[name].p50:.2f} | {said} |"
        )
    return grown


if __name__ == "__main__":
    raise SystemExit(main())
