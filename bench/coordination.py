"""What the desk and the conversations of the circle cost, a row a function. `make bench-coordination`

    python -m bench.coordination [--times 40] [--streams 2000] [--regions 2000,200000]

One web worker on an embedded database. A message is written by FHIR and delivered to 50 members who each hold a stream open: when the last of them has heard, and when the
last has read it. The pages of the desk (`bench.desk`) are asked in a region of 2,000 people, then of 200,000. The reference, in the same run, is a bare NOTIFY to 50 connections that listen. Memory is what the server's processes hold of their own (Pss).
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
from bench import desk
from bench.reference import Figures, percentile
from bench.rights import doctor, serving

from maillage.access.access import Access
from maillage.access.actors import job_actor
from maillage.clock import SystemClock
from maillage.db import Database, EmbeddedPostgres, migrate
from maillage.fhir.store import Store
from maillage.files import LocalFiles

MEMBERS = 50
PERSON = "bench-person"
AT_ONCE = 10  # streams that are opened at the same time


@dataclass(frozen=True)
class Held:
    """What a row measures with: the server, its database, and a token for each member of one circle."""

    base: str
    dsn: str
    tokens: list[str]
    wanted: argparse.Namespace


async def fill(dsn: str, files: Path) -> list[str]:
    """One person and a circle of fifty doctors; their tokens."""
    doctors = [doctor(f"member-{number}") for number in range(MEMBERS)]
    async with await Database.open(dsn, size=4) as database:
        access = Access(database, store=Store(), files=LocalFiles(files), clock=SystemClock())
        async with access.act(job_actor("bench")) as ctx:
            members = [{"member": {"reference": one.reference}} for one in doctors]
            await ctx.records.write(
                {"resourceType": "Patient", "id": PERSON, "name": [{"family": "BANC"}]},
                *({"resourceType": "Practitioner", "id": one.id, "name": [{"family": one.id.upper()}]} for one in doctors),
                {"resourceType": "CareTeam", "id": "bench-team", "status": "active", "subject": {"reference": f"Patient/{PERSON}"}, "participant": members},
            )  # fmt: skip
        return [await access.issue_token(one, lifetime=timedelta(hours=1)) for one in doctors]


@asynccontextmanager
async def stream(base: str, token: str):  # type: ignore[no-untyped-def]
    """An open stream: its reader, past the first lines."""
    address = urlsplit(base)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(
        f"GET /flux HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        said = await asyncio.wait_for(reader.read(2000), 5)
        raise SystemExit(f"no stream: {head[:40]!r}… {said.decode()}")
    await reader.readuntil(b"retry: 3000\n\n")
    try:
        yield reader
    finally:
        writer.close()


async def heard(reader: asyncio.StreamReader) -> float:
    """When the next change came."""
    await reader.readuntil(b"event: change\ndata: messages\n\n")
    return time.perf_counter()


async def delivery(held: Held, figures: Figures) -> None:
    """A message is heard by fifty members, and read by them."""
    bare = await notified(held)
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(stream(held.base, token)) for token in held.tokens]
        clients = [
            await stack.enter_async_context(httpx.AsyncClient(base_url=held.base, headers={"authorization": f"Bearer {token}"}, timeout=60))
            for token in held.tokens
        ]  # fmt: skip
        heards, reads = [], []
        message = {
            "resourceType": "Communication", "status": "completed", "subject": {"reference": f"Patient/{PERSON}"}, "payload": [{"contentString": "Bonjour"}],
        }  # fmt: skip
        for number in range(held.wanted.times + 5):
            waiting = [asyncio.create_task(heard(one)) for one in readers]
            began = time.perf_counter()
            answer = await clients[0].post("/fhir/Communication", json=message)
            answer.raise_for_status()
            times = await asyncio.gather(*waiting)

            async def read(client: httpx.AsyncClient, id: str = answer.json()["id"]) -> float:
                (await client.get(f"/fhir/Communication/{id}")).raise_for_status()
                return time.perf_counter()

            opened = await asyncio.gather(*map(read, clients))
            if number >= 5:
                heards += [(at - began) * 1000 for at in times]
                reads += [(at - began) * 1000 for at in opened]
    reference = ("a bare NOTIFY to 50", percentile(bare, 95))
    figures.add("message heard by 50 members, p95", percentile(heards, 95), "ms", bound=300, reference=reference)
    figures.add("message read by all of them at once, p95", percentile(reads, 95), "ms", bound=300, reference=reference)


async def notified(held: Held) -> list[float]:
    """Milliseconds from a committed NOTIFY until each of fifty connections has it."""
    found: list[float] = []
    async with AsyncExitStack() as stack:
        listeners = [
            await stack.enter_async_context(await psycopg.AsyncConnection.connect(held.dsn, autocommit=True))
            for _ in range(MEMBERS)
        ]
        for one in listeners:
            await one.execute("listen bench_bare")
        sender = await stack.enter_async_context(await psycopg.AsyncConnection.connect(held.dsn, autocommit=True))

        async def next_of(one: psycopg.AsyncConnection[tuple[object, ...]]) -> float:
            async for _ in one.notifies(stop_after=1):
                pass
            return time.perf_counter()

        for _ in range(held.wanted.times):
            waiting = [asyncio.create_task(next_of(one)) for one in listeners]
            await asyncio.sleep(0.01)
            began = time.perf_counter()
            await sender.execute("notify bench_bare")
            found += [(at - began) * 1000 for at in await asyncio.gather(*waiting)]
    return found


async def memory(held: Held, figures: Figures) -> None:
    """What so many open streams add to the server's memory."""
    port = str(urlsplit(held.base).port)
    before = own_memory(port)
    async with AsyncExitStack() as stack:
        for start in range(0, held.wanted.streams, AT_ONCE):
            tokens = [held.tokens[number % MEMBERS] for number in range(start, min(start + AT_ONCE, held.wanted.streams))]
            await asyncio.gather(*(stack.enter_async_context(stream(held.base, token)) for token in tokens))
        await asyncio.sleep(2)
        after = own_memory(port)
    figures.add(f"server with {held.wanted.streams} open streams", after, "MB", reference=("without", before))
    figures.add(f"memory of {held.wanted.streams} open streams", after - before, "MB", bound=300)


def own_memory(port: str) -> float:
    """Megabytes (Pss) of the server on this port and its children."""
    arguments = {path.parent: path.read_bytes().split(b"\0") for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()}
    serving_it = {path.name for path, words in arguments.items() if b"granian" in words and port.encode() in words}
    parents = {path.name: _parent(path) for path in arguments}
    family = serving_it | {name for name, parent in parents.items() if parent in serving_it}
    lines = [
        line
        for name in family
        for line in (Path("/proc") / name / "smaps_rollup").read_text().splitlines()
        if line.startswith("Pss:")
    ]
    return sum(int(line.split()[1]) for line in lines) / 1024


def _parent(process: Path) -> str:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        return ""


async def pages(held: Held, figures: Figures, files: Path) -> None:
    """The pages of the desk, as the region grows."""
    begun, before = 0, dict[str, float]()
    for region in held.wanted.regions:
        tokens = await desk.settle(held.dsn, files, region=region, begun=begun)
        before = await desk.pages(held.base, tokens, figures, region=region, times=held.wanted.times, before=before)
        begun = region


ROWS: tuple[Callable[[Held, Figures], Awaitable[None]], ...] = (delivery, memory)


def main() -> int:
    """`python -m bench.coordination [--times N] [--streams N]`"""
    options = argparse.ArgumentParser(prog="make bench-coordination", description=__doc__)
    options.add_argument("--times", type=int, default=40)
    options.add_argument("--streams", type=int, default=2_000)
    options.add_argument("--regions", type=lambda text: [int(one) for one in text.split(",")], default=[2_000, 200_000])
    wanted = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlg-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "data") as server:
            migrate(server.dsn)
            tokens = asyncio.run(fill(server.dsn, folder / "files"))
            with serving("maillage.app:application", server.dsn, folder) as base:
                figures = Figures()
                for row in ROWS:
                    asyncio.run(row(Held(base, server.dsn, tokens, wanted), figures))
                asyncio.run(pages(Held(base, server.dsn, tokens, wanted), figures, folder / "files"))
                print(figures.text())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
