"""The store against the raw limits: the same bytes through plain tables, in the same run. `make bench-store`.

Synthetic patients with ten observations each, durable settings, one process, a few connections. Prints one line a measure: operations a
second, median latency, and the ratio to the raw statement where there is one. `--patients 10000,50000` shows whether searches stay flat.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

from maillage.db import Connection, Database, EmbeddedPostgres, migrate
from maillage.fhir import ids, json
from maillage.fhir.bundle import StoreDoor, process
from maillage.fhir.change import Change, Resource, Verb
from maillage.fhir.operations.everything import Everything, everything
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.store import Store

STORE = Store()
ALL = Scope.all()
LOINC = ["8867-4", "8480-6", "29463-7", "8310-5", "2339-0"]
FAMILIES = [
    f"{a}{b}{c}"
    for a in ("Mar", "Du", "Le", "Rou", "Gi")
    for b in ("ti", "ran", "go", "bois", "mar")
    for c in ("n", "d", "ff", "ette")
]
Work = Callable[[Connection, random.Random], Awaitable[Any]]


def patient(r: random.Random, id: str) -> Resource:
    family = r.choice(FAMILIES)
    return {
        "resourceType": "Patient", "id": id, "active": True, "gender": r.choice(["male", "female"]),
        "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": str(r.randrange(10**13))},
                       {"system": "https://chu.example/ipp", "value": str(r.randrange(10**9))}],
        "name": [{"use": "official", "family": family, "given": ["Camille", "Dominique"], "text": f"Camille {family}"}],
        "birthDate": f"{r.randrange(1930, 2020)}-{r.randrange(1, 13):02}-{r.randrange(1, 28):02}",
        "telecom": [{"system": "phone", "value": f"06{r.randrange(10**8):08}"}],
        "address": [{"line": ["1 rue de la République", "Bâtiment B, 2e étage"], "city": "Lyon", "postalCode": "69003", "country": "FRA"}],
        "generalPractitioner": [{"reference": f"Practitioner/{r.randrange(50)}"}],
        "managingOrganization": {"reference": f"Organization/{r.randrange(20)}"},
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">' + "Personne synthétique. " * 30 + "</div>"},
    }  # fmt: skip


def observation(r: random.Random, patient_id: str, code: str) -> Resource:
    day = f"{r.randrange(2023, 2026)}-{r.randrange(1, 13):02}-{r.randrange(1, 28):02}"
    return {
        "resourceType": "Observation", "status": "final",
        "identifier": [{"system": "https://chu.example/obs", "value": f"{r.getrandbits(96):x}"}],
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "subject": {"reference": f"Patient/{patient_id}"},
        "effectiveDateTime": f"{day}T{r.randrange(24):02}:{r.randrange(60):02}:00+01:00", "performer": [{"reference": f"Practitioner/{r.randrange(50)}"}],
        "valueQuantity": {"value": r.randrange(500) / 10, "unit": "u", "system": "http://unitsofmeasure.org", "code": "u"},
        "note": [{"text": "Mesure réalisée au repos, patient assis, à l'arrivée dans le service. " * 5}],
    }  # fmt: skip


def territory(patients: list[str], r: random.Random) -> Iterator[Resource]:
    for id in patients:
        yield patient(r, id)
        for n in range(10):
            yield observation(r, id, LOINC[n % 5])


def new_ids(count: int, r: random.Random) -> list[str]:
    return [str(UUID(int=r.getrandbits(128), version=4)) for _ in range(count)]


async def timed(database: Database, work: Work, seconds: float, connections: int) -> tuple[float, float]:
    """Operations a second and the median in milliseconds of `work`, each in a transaction of its own."""
    spans: list[float] = []
    end = time.perf_counter() + seconds

    async def client(seed: int) -> None:
        r = random.Random(seed + time.time_ns())
        while (start := time.perf_counter()) < end:
            async with database.transaction() as conn:
                await work(conn, r)
            spans.append(time.perf_counter() - start)

    await asyncio.gather(*(client(seed) for seed in range(connections)))
    return len(spans) / seconds, statistics.median(spans) * 1000


Measure = tuple[Work, Work | None, int]
"""The work, the raw work it is compared with, and how many resources it writes."""


def writes(patients: list[Resource]) -> dict[str, Measure]:
    async def raw_insert(conn: Connection, r: random.Random) -> None:
        body = json.dumps(observation(r, r.choice(patients)["id"], LOINC[0])).decode()
        await conn.execute("insert into raw (id, body) values (%s, %s)", [UUID(int=r.getrandbits(128)), body], prepare=True)

    async def create(conn: Connection, r: random.Random) -> None:
        await STORE.write_raw(conn, [Change(Verb.CREATE, observation(r, r.choice(patients)["id"], LOINC[0]))], scope=ALL)

    async def create_patient(conn: Connection, r: random.Random) -> None:
        await STORE.write_raw(conn, [Change(Verb.CREATE, patient(r, new_ids(1, r)[0]))], scope=ALL)

    async def update(conn: Connection, r: random.Random) -> None:
        known = r.choice(patients)
        kept = {name: known[name] for name in ("name", "birthDate", "identifier")}
        await STORE.write_raw(conn, [Change(Verb.PUT, patient(r, known["id"]) | kept)], scope=ALL)

    async def transaction(conn: Connection, r: random.Random) -> None:
        id = new_ids(1, r)[0]
        posts = [patient(r, id), *(observation(r, "x", code) for code in LOINC * 10)][:50]
        for one in posts[1:]:
            one["subject"] = {"reference": f"urn:uuid:{id}"}
        entries: list[dict[str, Any]] = [
            {"resource": one, "request": {"method": "POST", "url": one["resourceType"]}} for one in posts
        ]
        entries[0]["fullUrl"] = f"urn:uuid:{id}"
        await process({"resourceType": "Bundle", "type": "transaction", "entry": entries}, StoreDoor(conn, ALL, STORE))

    return {
        "create Observation": (create, raw_insert, 1),
        "create Patient": (create_patient, raw_insert, 1),
        "update Patient": (update, raw_insert, 1),
        "transaction of 50": (transaction, None, 50),
    }


def reads(patients: list[Resource]) -> dict[str, Measure]:
    async def raw_read(conn: Connection, r: random.Random) -> None:
        cursor = await conn.execute("select body from raw where id = %s", [UUID(r.choice(patients)["id"])], prepare=True)
        assert await cursor.fetchone()

    async def read(conn: Connection, r: random.Random) -> None:
        await STORE.read_raw(conn, "Patient", r.choice(patients)["id"], scope=ALL)

    async def whole_record(conn: Connection, r: random.Random) -> None:
        assert len((await everything(conn, Everything("Patient", r.choice(patients)["id"]), scope=ALL)).matches) > 10

    def identifier(r: random.Random) -> str:
        return "Patient?identifier=" + "|".join(r.choice(patients)["identifier"][0].values())

    def traits(r: random.Random) -> str:
        known = r.choice(patients)
        return f"Patient?family={known['name'][0]['family']}&birthdate={known['birthDate']}"

    def newest(r: random.Random) -> str:
        return f"Observation?patient={r.choice(patients)['id']}&code=http://loinc.org|{r.choice(LOINC)}&_sort=-date&_count=20"

    def window(r: random.Random) -> str:
        month, day = f"{r.randrange(2023, 2026)}-{r.randrange(1, 13):02}", r.randrange(1, 27)
        dates = f"date=ge{month}-{day:02}&date=lt{month}-{day + 1:02}"
        return f"Observation?code=http://loinc.org|{r.choice(LOINC)}&{dates}&_include=Observation:subject&_count=20"

    def referred(r: random.Random) -> str:
        return f"Patient?birthdate={r.choice(patients)['birthDate']}&_has:Observation:patient:code={LOINC[0]}"

    return {
        "read by id": (read, raw_read, 1),
        "Patient?identifier": (found(identifier), raw_read, 1),
        "Patient?family&birthdate": (found(traits), raw_read, 1),
        "Observation?patient&code&_sort=-date": (found(newest), raw_read, 1),
        "Observation?code&date window&_include": (found(window), raw_read, 1),
        "Patient?birthdate&_has": (found(referred), raw_read, 1),
        "Patient/$everything": (whole_record, raw_read, 1),
    }


def found(url: Callable[[random.Random], str]) -> Work:
    """A search by URL that must find something."""

    async def run(conn: Connection, r: random.Random) -> None:
        kind, _, query = url(r).partition("?")
        page = await STORE.search_raw(conn, parse(kind, parse_qsl(query)), scope=ALL)
        assert page.matches or "date=ge" in query

    return run


async def load(database: Database, resources: list[Resource]) -> float:
    """Resources a second of the bulk path, statistics included."""
    start = time.perf_counter()
    async with database.transaction() as conn:
        await STORE.load(conn, resources)
    return len(resources) / (time.perf_counter() - start)


async def raw_load(database: Database, resources: list[Resource]) -> float:
    """Rows a second of a plain COPY of the same JSON."""
    start = time.perf_counter()
    async with database.transaction() as conn:
        await conn.execute("create table if not exists raw (id uuid primary key, body text not null)")
        async with conn.cursor() as cursor, cursor.copy("copy raw (id, body) from stdin") as copy:
            for one in resources:
                await copy.write_row((ids.key(one["id"]), json.dumps(one).decode()))
    return len(resources) / (time.perf_counter() - start)


async def bench(dsn: str, sizes: list[int], seconds: float, connections: int, only: str) -> None:
    r = random.Random(7)
    known: list[Resource] = []
    async with await Database.open(dsn, size=connections) as database:
        for size in sizes:
            fresh = new_ids(size - len(known), r)
            resources = [one | {"id": one.get("id") or new_ids(1, r)[0]} for one in territory(fresh, r)]
            raw, ours = await raw_load(database, resources), await load(database, resources)
            print(
                f"\n{size} patients, {size * 11} resources\n{'bulk load':50} {ours:9.0f}/s            {ours / raw:6.2f} of COPY ({raw:.0f}/s)"
            )
            known += [one for one in resources if one["resourceType"] == "Patient"]
            measures = {**reads(known[: sizes[0]]), **writes(known[: sizes[0]])}
            for name, (work, raw_work, per) in measures.items():
                if only not in name:
                    continue
                await timed(database, work, seconds / 4, connections)
                rate, median = await timed(database, work, seconds, connections)
                ratio = f"{rate / (await timed(database, raw_work, seconds / 2, connections))[0]:6.2f} of raw" if raw_work else ""
                print(f"{name:50} {rate * per:9.0f}/s {median:7.2f} ms {ratio}", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--patients", default="2000,10000", help="sizes to measure at, growing")
    options.add_argument("--seconds", type=float, default=3.0, help="how long each measure runs")
    options.add_argument("--connections", type=int, default=8)
    options.add_argument("--only", default="", help="measures whose name holds this")
    options.add_argument("--dsn", help="an empty database to use instead of an embedded server of its own")
    chosen = options.parse_args()
    sizes = [int(size) for size in chosen.patients.split(",")]
    if chosen.dsn:
        migrate(chosen.dsn)
        asyncio.run(bench(chosen.dsn, sizes, chosen.seconds, chosen.connections, chosen.only))
        return
    with tempfile.TemporaryDirectory(prefix="mlg-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder)) as server:
            migrate(server.dsn)
            asyncio.run(bench(server.dsn, sizes, chosen.seconds, chosen.connections, chosen.only))


if __name__ == "__main__":
    main()
