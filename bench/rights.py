"""What rights and the trail cost: each call over HTTP, against the same call on the store beneath `access/`, in turns, in one run. `make bench-rights`.

A region of synthetic patients with ten observations each, a doctor with 50 of them (and one of 300 observations, `everything_long`) and one with 5,000. Two servers of one web worker each
on one database: the product, and the product on the bare store (`bench.beneath`). A cost is the share of the rate that is lost, the median of neighbouring turns. The last
line compares the searches of the two doctors.
"""

import argparse
import asyncio
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
from bench.fhir import LOADER
from bench.main_job import ROOT, UNBOUNDED
from bench.reference import Figures, loader, percentile, until_it_answers
from bench.store import LOINC, new_ids, observation, patient, territory

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role, job_actor
from maillage.clock import SystemClock
from maillage.db import Database, EmbeddedPostgres, migrate
from maillage.fhir import json
from maillage.fhir.change import Resource
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.serving import AT_ONCE, BACKLOG

FEW, MANY = 50, 5_000
LONG, HELD = "bench-long", 300  # someone followed for years, and how many measures their record holds
NARROW, WIDE = 45, 15  # percent of the rate that single reads and narrow searches may lose, and writes, bundles and $everything


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


class Calls:
    """What one doctor asks of one server, on one connection."""

    def __init__(self, client: Any, known: list[str]) -> None:
        self._client, self._known = client, known

    async def read(self, r: random.Random) -> None:
        await self._ask("GET", f"/fhir/Patient/{r.choice(self._known)}", 200)

    async def search(self, r: random.Random) -> None:
        answer = await self._ask("GET", f"/fhir/Observation?{newest(r.choice(self._known))}", 200)
        assert b'"entry"' in answer

    async def everything(self, r: random.Random) -> None:
        await self._ask("GET", f"/fhir/Patient/{r.choice(self._known)}/$everything", 200)

    async def everything_long(self, r: random.Random) -> None:
        answer = await self._ask("GET", f"/fhir/Patient/{LONG}/$everything", 200)
        assert answer.count(b'"Observation"') >= HELD

    async def create(self, r: random.Random) -> None:
        await self._ask("POST", "/fhir/Observation", 201, measured(r, self._known))

    async def bundle(self, r: random.Random) -> None:
        await self._ask("POST", "/fhir", 200, fifty(r, self._known))

    async def _ask(self, method: str, path: str, expected: int, body: Resource | None = None) -> bytes:
        sent = json.dumps(body) if body is not None else None
        status, _, answer = await self._client.req(method, path, sent)
        if status != expected:
            raise SystemExit(f"{method} {path}: {status} {answer[:300]!r}")
        return bytes(answer)


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


@dataclass(frozen=True)
class Server:
    """Where a doctor asks, and about whom."""

    base: str
    token: str
    known: list[str]

    def calls(self, load: ModuleType) -> Calls:
        return Calls(load.Client(self.base, self.token), self.known)


async def rate(load: ModuleType, server: Server, name: str, seconds: float, connections: int) -> tuple[float, list[float]]:
    """Calls a second, and the milliseconds of each."""
    spans: list[float] = []
    end = time.perf_counter() + seconds

    async def client(seed: int) -> None:
        r, work = random.Random(seed + time.time_ns()), getattr(server.calls(load), name)
        while (start := time.perf_counter()) < end:
            await work(r)
            spans.append((time.perf_counter() - start) * 1000)

    await asyncio.gather(*(client(seed) for seed in range(connections)))
    return len(spans) / seconds, spans


@dataclass(frozen=True)
class Turns:
    """What servers did in turns, side by side: the rate of each turn, and the milliseconds of every call."""

    rates: list[list[float]]
    spans: list[list[float]]

    def rate(self, place: int) -> float:
        """The median of one server's turns."""
        return statistics.median(self.rates[place])

    def lost(self) -> float:
        """The share of the first server's rate that the second loses: the median of neighbouring turns, as the machine itself drifts."""
        return statistics.median(1 - within / without for without, within in zip(*self.rates, strict=True))

    def p95(self, place: int) -> float:
        """The 95th percentile of one server's milliseconds."""
        return percentile(self.spans[place], 95)


async def in_turns(load: ModuleType, servers: list[Server], name: str, wanted: argparse.Namespace) -> Turns:
    """Each server `turns` times, for so many seconds, now one first and now the other."""
    found = Turns([[] for _ in servers], [[] for _ in servers])
    for server in servers:
        await rate(load, server, name, 0.5, wanted.connections)
    for turn in range(wanted.turns):
        for place, server in list(enumerate(servers))[:: -1 if turn % 2 else 1]:
            reached, taken = await rate(load, server, name, wanted.seconds, wanted.connections)
            found.rates[place].append(reached)
            found.spans[place].extend(taken)
    return found


async def fill(dsn: str, files: Path, patients: int) -> tuple[dict[str, str], list[str]]:
    """The region, and the two doctors with their patients; their tokens."""
    r = random.Random(7)
    ids = new_ids(patients, r)
    async with await Database.open(dsn, size=4) as database:
        access = Access(database, store=Store(), files=LocalFiles(files), clock=SystemClock())
        teams = [*followed([*ids[:FEW], LONG], "few"), *followed(ids[:MANY], "many")]
        long = [patient(r, LONG), *(observation(r, LONG, LOINC[n % 5]) for n in range(HELD))]
        for start in range(0, patients, 5_000):
            async with access.act(job_actor("bench")) as ctx:
                await ctx.records.load(
                    [one | {"id": one.get("id") or new_ids(1, r)[0]} for one in territory(ids[start : start + 5_000], r)]
                )
        async with access.act(job_actor("bench")) as ctx:
            own = [*long, *teams]
            await ctx.records.load([{"id": id} | one for one, id in zip(own, new_ids(len(own), r), strict=True)])
        async with database.autocommit() as conn:
            await conn.execute("vacuum analyze")
        return {name: await access.issue_token(doctor(name), lifetime=timedelta(hours=2)) for name in ("few", "many")}, ids


@contextmanager
def serving(application: str, dsn: str, data: Path) -> Iterator[str]:
    """One web worker with this application, once it answers: its address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")} | UNBOUNDED
    environment |= {
        "MAILLAGE_DATABASE_URL": dsn,
        "MAILLAGE_DATA": str(data),
        "MAILLAGE_DEMO": "true",
        "MAILLAGE_RATE_MACHINES": "0",
    }
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "asgi",
        "--factory",
        "--no-access-log",
        "--backlog",
        str(BACKLOG),
        "--backpressure",
        str(AT_ONCE),
        "--port",
        str(port),
        application,
    ]
    with (data / f"{application.partition(':')[0]}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                until_it_answers(client)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


async def assert_apart(load: ModuleType, above: str, beneath: str, token: str, stranger: str) -> None:
    """That one server asks whose patient it is, and the other does not: else nothing is compared."""
    for base, expected in ((above, 404), (beneath, 200)):
        for path in (f"/fhir/Patient/{stranger}", f"/fhir/Patient/{stranger}/$everything"):
            status, _, answer = await load.Client(base, token).req("GET", path, None)
            if status != expected:
                raise SystemExit(f"{base} GET {path}: {status}, not {expected}: {answer[:300]!r}")
        _, _, answer = await load.Client(base, token).req("GET", f"/fhir/Observation?{newest(stranger)}", None)
        if (b'"entry"' in answer) is not (expected == 200):
            raise SystemExit(f"{base}: what a stranger's record holds: {answer[:300]!r}")


async def bench(
    load: ModuleType, above: str, beneath: str, tokens: dict[str, str], ids: list[str], wanted: argparse.Namespace
) -> Figures:
    await assert_apart(load, above, beneath, tokens["few"], ids[-1])
    figures, known = Figures(), ids[:FEW]
    few = Server(above, tokens["few"], known)
    for name, most in (
        ("read", NARROW), ("search", NARROW), ("everything", WIDE), ("everything_long", WIDE), ("create", WIDE), ("bundle", WIDE),
    ):  # fmt: skip
        turns = await in_turns(load, [Server(beneath, tokens["few"], known), few], name, wanted)
        figures.add(f"{name}, beneath", turns.rate(0), "a second")
        figures.add(f"{name}, above", turns.rate(1), "a second")
        figures.add(f"{name}: lost to rights and trail", 100 * turns.lost(), "% of the rate", bound=most)
    many = Server(above, tokens["many"], ids[:MANY])
    turns = await in_turns(load, [few, many], "search", wanted)
    less, more = turns.p95(0), turns.p95(1)
    figures.add(f"search p95 with {MANY} patients", more, "ms", bound=1.5 * less, reference=(f"that with {FEW}", less))
    return figures


def main() -> int:
    """`python -m bench.rights [--patients N] [--seconds S] [--turns T]`"""
    options = argparse.ArgumentParser(prog="make bench-rights", description=__doc__)
    options.add_argument("--patients", type=int, default=20_000)
    options.add_argument("--seconds", type=float, default=1)
    options.add_argument("--turns", type=int, default=15)
    options.add_argument("--connections", type=int, default=8)
    wanted = options.parse_args()
    if not LOADER.exists():
        print(f"the loader {LOADER.name} is not beside this checkout", file=sys.stderr)
        return 1
    load = loader(LOADER)
    with tempfile.TemporaryDirectory(prefix="mlg-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "data") as server:
            migrate(server.dsn)
            tokens, ids = asyncio.run(fill(server.dsn, folder / "files", wanted.patients))
            with (
                serving("maillage.app:application", server.dsn, folder) as above,
                serving("bench.beneath:application", server.dsn, folder) as beneath,
            ):
                print(asyncio.run(bench(load, above, beneath, tokens, ids, wanted)).text())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
