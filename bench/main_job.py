"""The main job, measured: letters a second through MLLP, the time until the GP sees them, memory, start times.

    python -m bench.main_job [--seconds 60] [--rate 20] [--json FILE]

Starts its own `maillage demo` in a temporary folder, and nothing else should use the cores. Latencies count from the instant at which a
letter was due, so that a queue shows. Machines differ: each figure stands beside a raw reference measured in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from bench.reference import Figures, durable_insert, empty_route, percentile

from maillage.connectors.mllp.client import Client
from maillage.connectors.mllp.letter import Sender, letter, renumbered
from maillage.db import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("MAILLAGE_TEST_SHARED", ROOT.parent / "shared"))
TEMPLATE = SHARED / "specs" / "data" / "cda" / "selection" / "LDL-SES_2022.01.xml"
SOURCES = 4
VERBS = ("serve", "worker", "mllp")
UNBOUNDED = {"MAILLAGE_RATE_PEOPLE": "0", "MAILLAGE_RATE_STRANGERS": "0"}  # a bench asks more often than people may
TITLE = "Lettre de liaison du banc"


@dataclass
class Demo:
    """A running `maillage demo`."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    seconds: float

    def token(self, role: str) -> str:
        return next(str(persona["token"]) for persona in self.ready["personas"] if persona["role"] == role)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def resident(self) -> dict[str, float]:
        """Resident MB of the web, worker and MLLP processes, by verb."""
        return {verb: sum(one.memory_info().rss for one in found) / 1e6 for verb, found in self._processes().items()}

    def worked(self) -> dict[str, float]:
        """Seconds of processor that these processes have used so far, by verb."""
        return {verb: sum(sum(one.cpu_times()[:2]) for one in found) for verb, found in self._processes().items()}

    def _processes(self) -> dict[str, list[psutil.Process]]:
        found: dict[str, list[psutil.Process]] = {}
        for child in psutil.Process(self.process.pid).children(recursive=True):
            verb = next((verb for verb in VERBS if _is(child, verb)), None)
            if verb:
                found.setdefault(verb, []).append(child)
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--json", type=Path)
    wanted = parser.parse_args()
    if not TEMPLATE.exists():
        print(f"the official letter {TEMPLATE.name} is not beside this checkout", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="mlb-", dir="/tmp"))
    folder.chmod(0o755)
    figures = Figures()
    try:
        measure(folder, figures, wanted)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(figures.text())
    if wanted.json:
        wanted.json.write_text(json.dumps(figures.values, indent=1))
    return 0


def measure(folder: Path, figures: Figures, wanted: argparse.Namespace) -> None:
    demo = start_demo(folder, "--scale", str(wanted.scale))
    figures.add("new data folder, default seed, to ready", demo.seconds, "s", bound=40)
    demo.stop()
    demo = start_demo(folder, "--scale", str(wanted.scale))
    figures.add("next start to ready", demo.seconds, "s", bound=10)
    try:
        with EmbeddedPostgres(folder / "data") as server:
            insert = durable_insert(server.dsn)
            empty = empty_route()
            figures.add("reference: one durable insert, p95", percentile(insert, 95), "ms")
            figures.add("reference: empty Starlette route, p95", percentile(empty, 95), "ms")
            asyncio.run(main_job(demo, figures, wanted, percentile(insert, 95)))
            figures.add("resident memory, web + worker + MLLP", sum(demo.resident().values()), "MB", bound=450)
            for verb, value in sorted(demo.resident().items()):
                figures.add(f"resident memory, {verb}", value, "MB")
            asyncio.run(record_page(demo, figures, percentile(empty, 95)))
    finally:
        demo.stop()


def start_demo(folder: Path, *options: str, settings: Mapping[str, str] | None = None) -> Demo:
    """A demo of its own, with the settings (MAILLAGE_…) given and no others; its log is `demo.log` beside its data."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "maillage.cli", "demo", "--json", "--port", "0", "--data", str(folder / "data"), *options]
    environment = (
        {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")} | UNBOUNDED | dict(settings or {})
    )
    with (folder / "demo.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=environment)
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"maillage demo ended with {process.wait()}")
    return Demo(process, json.loads(line), time.perf_counter() - began)


async def main_job(demo: Demo, figures: Figures, wanted: argparse.Namespace, insert: float) -> None:
    """Letters at a steady rate, each timed from when it was due to its AA and to its line in the GP's inbox page."""
    total = int(wanted.seconds * wanted.rate)
    template = TEMPLATE.read_bytes()
    contents = [_numbered_letter(template, number) for number in range(total)]
    due: dict[int, float] = {}
    answered: dict[int, float] = {}
    seen: dict[int, float] = {}
    codes: list[str] = []
    host, _, port = demo.ready["mllp"].rpartition(":")
    queues: list[asyncio.Queue[int | None]] = [asyncio.Queue() for _ in range(SOURCES)]

    async def hospital(source: int) -> None:
        async with await Client.connect(host, int(port)) as client:
            while (number := await queues[source].get()) is not None:
                answer = await client.send(contents[number])
                answered[number] = time.perf_counter()
                codes.append(answer.value("MSA-1"))

    watching = asyncio.create_task(watch_inbox(demo, seen))
    await asyncio.sleep(1)
    before = demo.worked()
    hospitals = [asyncio.create_task(hospital(source)) for source in range(SOURCES)]
    began = time.perf_counter()
    for number in range(total):
        due[number] = began + number / wanted.rate
        await asyncio.sleep(max(0, due[number] - time.perf_counter()))
        queues[number % SOURCES].put_nowait(number)
    for queue in queues:
        queue.put_nowait(None)
    await asyncio.gather(*hospitals)
    took = time.perf_counter() - began
    await _all_seen(seen, total)
    watching.cancel()
    after = demo.worked()

    acknowledged = [(answered[number] - due[number]) * 1000 for number in answered]
    visible = [(seen[number] - due[number]) * 1000 for number in seen]
    figures.add("letters sent", total, "")
    figures.add("letters a second", total / took, "")
    figures.add("letters without AA", total - codes.count("AA"), "", bound=0)
    for rank, bound in ((50, None), (95, 60.0), (99, None)):
        figures.add(f"AA, p{rank}", percentile(acknowledged, rank), "ms", bound=bound, reference=("one durable insert", insert))
    for rank, bound in ((50, None), (95, 1000.0), (99, None)):
        figures.add(f"seen in the GP's inbox page, p{rank}", percentile(visible, rank), "ms", bound=bound)
    figures.add("letters never seen in the inbox", total - len(seen), "", bound=0)
    for verb in VERBS:
        figures.add(f"processor per letter, {verb}", (after[verb] - before[verb]) * 1000 / total, "ms")


async def watch_inbox(demo: Demo, seen: dict[int, float]) -> None:
    """The GP's page, fetched when the live stream says that something is new, at most eight times a second."""
    headers = {"Authorization": f"Bearer {demo.token('gp')}", "Accept": "text/html"}
    news = asyncio.Event()
    async with httpx.AsyncClient(base_url=demo.ready["web"], headers=headers, timeout=30) as client:

        async def listen() -> None:
            async with client.stream("GET", "/flux", timeout=None) as stream:
                async for line in stream.aiter_lines():
                    if line.startswith("data"):
                        news.set()

        listening = asyncio.create_task(listen())
        try:
            while True:
                await news.wait()
                news.clear()
                page = await client.get("/nouveautes")
                page.raise_for_status()
                now = time.perf_counter()
                for number in re.findall(rf"{TITLE} (\d+)", page.text):
                    seen.setdefault(int(number), now)
                await asyncio.sleep(0.125)
        finally:
            listening.cancel()


async def record_page(demo: Demo, figures: Figures, empty: float) -> None:
    """The record of the official patient, who now has far more than 200 documents."""
    headers = {"Authorization": f"Bearer {demo.token('gp')}", "Accept": "text/html"}
    async with httpx.AsyncClient(base_url=demo.ready["web"], headers=headers, timeout=30) as client:
        found = await client.get(
            "/fhir/Patient", params={"identifier": "279035121518989"}, headers={"Accept": "application/fhir+json"}
        )
        patient = found.json()["entry"][0]["resource"]["id"]
        for name, address in (("record page", f"/patients/{patient}"), ("documents page", f"/patients/{patient}/documents")):
            taken = []
            for _ in range(150):
                began = time.perf_counter()
                page = await client.get(address)
                taken.append((time.perf_counter() - began) * 1000)
                page.raise_for_status()
            reference = ("an empty route", empty)
            figures.add(f"{name}, whole request, p50", percentile(taken, 50), "ms", reference=reference)
            figures.add(f"{name}, whole request, p95", percentile(taken, 95), "ms", bound=80, reference=reference)
            statements = page.headers.get("x-sql-statements")
            if statements:
                figures.add(f"{name}, SQL statements", float(statements), "", bound=12)


def _numbered_letter(template: bytes, number: int) -> bytes:
    """A letter of its own: identifiers, and a title that tells its number."""
    cda = renumbered(template, number)
    cda = re.sub(rb"<title>[^<]*</title>", f"<title>{TITLE} {number}</title>".encode(), cda, count=1)
    sender = Sender("DPI", f"HOPITAL-{number % SOURCES}")
    return letter(cda, control_id=f"B{number}", at=datetime.now(UTC), sender=sender)


async def _all_seen(seen: dict[int, float], total: int) -> None:
    until = time.perf_counter() + 20
    while len(seen) < total and time.perf_counter() < until:
        await asyncio.sleep(0.1)


def _is(process: psutil.Process, verb: str) -> bool:
    """Whether this is the process `maillage <verb>` or one below it (granian's workers bear another command line)."""
    return any(re.search(rf"maillage.*\b{verb}\b", " ".join(one.cmdline())) for one in (process, *process.parents()))


if __name__ == "__main__":
    raise SystemExit(main())
