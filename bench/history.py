"""History and deletions against current reads: a resource of many versions beside one of one, a type before and after many deletions.

    python -m bench.history [--versions 1000] [--deleted 20000]

One connection, one read after the other, durable settings, and the autovacuum that the schema asks for. Figures are medians of the same run;
the ratio says what history or deletions cost.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from urllib.parse import parse_qsl

from bench.store import LOINC, new_ids, observation, patient, territory

from maillage.db import Connection, Database, EmbeddedPostgres, migrate
from maillage.fhir.change import Change, Verb
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.store import Store

STORE = Store()
ALL = Scope.all()
BATCH = 500
Read = Callable[[Connection], Awaitable[object]]


async def medians(database: Database, reads: Sequence[Read], times: int) -> list[float]:
    """Milliseconds of each read, the reads in turn."""
    spans: list[list[float]] = [[] for _ in reads]
    async with database.reading() as conn:
        for _ in range(times):
            for read, found in zip(reads, spans, strict=True):
                start = time.perf_counter()
                await read(conn)
                found.append(time.perf_counter() - start)
    return [statistics.median(one) * 1000 for one in spans]


def by_id(kind: str, id: str) -> Read:
    return lambda conn: STORE.read_raw(conn, kind, id, scope=ALL)


def search(url: str) -> Read:
    kind, _, query = url.partition("?")
    return lambda conn: STORE.search_raw(conn, parse(kind, parse_qsl(query)), scope=ALL)


async def write(database: Database, changes: Sequence[Change]) -> None:
    for start in range(0, len(changes), BATCH):
        async with database.transaction() as conn:
            await STORE.write_raw(conn, changes[start : start + BATCH], scope=ALL)


async def versions(database: Database, many: int, r: random.Random) -> None:
    """Reading one resource of `many` versions and one of a single one: at once, in turn."""
    old, young = new_ids(2, r)
    for id, count in ((young, 1), (old, many)):
        for _ in range(count):
            await write(database, [Change(Verb.PUT, patient(r, id))])
    one, of_many = await medians(database, [by_id("Patient", young), by_id("Patient", old)], 1_000)
    say("read by id, 1 version", one)
    say(f"read by id, {many} versions", of_many, one)


async def deletions(database: Database, many: int, r: random.Random) -> None:
    """The same reads before and after `many` newer resources of the type, in the same records, came and went."""
    patients = new_ids(500, r)
    async with database.transaction() as conn:
        await STORE.load(conn, [one | {"id": one.get("id") or new_ids(1, r)[0]} for one in territory(patients, r)])
    kept = new_ids(1, r)[0]
    await write(database, [Change(Verb.PUT, observation(r, patients[0], LOINC[0]) | {"id": kept})])
    reads = {
        "read by id": by_id("Observation", kept),
        "Observation?patient&code&_sort=-date": search(f"Observation?patient={patients[0]}&code={LOINC[0]}&_sort=-date&_count=20"),
        "Observation?code&_sort=-date": search(f"Observation?code=http://loinc.org|{LOINC[0]}&_sort=-date&_count=20"),
        "Observation?code&date window": search(f"Observation?code=http://loinc.org|{LOINC[0]}&date=ge2024-03-01&date=lt2024-04-01&_count=20"),
        "Observation?_sort=-_lastUpdated": search("Observation?_sort=-_lastUpdated&_count=20"),
    }  # fmt: skip
    before = await medians(database, list(reads.values()), 300)
    gone = new_ids(many, r)
    for start in range(0, many, 10_000):
        async with database.transaction() as conn:
            some = gone[start : start + 10_000]
            await STORE.load(conn, (observation(r, r.choice(patients), r.choice(LOINC)) | {"id": id} for id in some))
    await write(database, [Change.delete("Observation", id) for id in gone])
    after = await medians(database, list(reads.values()), 300)
    for name, least, most in zip(reads, before, after, strict=True):
        say(f"{name}, none deleted", least)
        say(f"{name}, {many} deleted", most, least)


def say(name: str, milliseconds: float, reference: float | None = None) -> None:
    ratio = f"{milliseconds / reference:6.2f} of that" if reference else ""
    print(f"{name:60} {milliseconds:8.3f} ms {ratio}", flush=True)


async def bench(dsn: str, many_versions: int, deleted: int) -> None:
    r = random.Random(11)
    async with await Database.open(dsn, size=2) as database:
        await versions(database, many_versions, r)
        await deletions(database, deleted, r)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--versions", type=int, default=1_000)
    options.add_argument("--deleted", type=int, default=20_000)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlg-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder)) as server:
            migrate(server.dsn)
            asyncio.run(bench(server.dsn, chosen.versions, chosen.deleted))


if __name__ == "__main__":
    main()
