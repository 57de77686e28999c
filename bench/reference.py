"""What the machine does at its best, measured in the same run as what is measured: a durable insert, an empty route, and how to say it."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import httpx
import psycopg

EMPTY_APP = """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
async def empty(request): return PlainTextResponse("x" * 1900)
app = Starlette(routes=[Route("/", empty)])
"""


@dataclass
class Figures:
    """What was measured: (name, figure, bound, ratio to the reference) and the raw values."""

    lines: list[tuple[str, str, str, str]] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        bound: float | None = None,
        least: bool = False,
        reference: tuple[str, float] | None = None,
    ) -> None:
        """One line. The value is to be at most `bound`, or at least with `least`."""
        kept = bound is None or (value >= bound if least else value <= bound)
        said = "" if bound is None else f"{'≥' if least else '≤'} {bound:g} {unit}: {'held' if kept else 'MISSED'}"
        ratio = f"{value / reference[1]:.2f} × {reference[0]}" if reference and reference[1] else ""
        self.lines.append((name, f"{value:.1f} {unit}".strip(), said, ratio))
        self.values[name] = round(value, 3)

    def text(self) -> str:
        """A table in Markdown."""
        rows = [("what", "measured", "bound", "ratio"), ("---",) * 4, *self.lines]
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def percentile(values: list[float], rank: int) -> float:
    """The value below which `rank` percent lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * rank // 100)] if ordered else float("nan")


def durable_insert(dsn: str, times: int = 400) -> list[float]:
    """Milliseconds of a committed single-row insert on this server."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table if not exists bench_reference (id bigint generated always as identity, body text)")
        taken = [
            _timed(lambda: connection.execute("insert into bench_reference (body) values (%s)", ("x" * 1000,)))
            for _ in range(times)
        ]
        connection.execute("drop table bench_reference")
    return taken


def empty_route(times: int = 400) -> list[float]:
    """Milliseconds of an empty Starlette route on granian, one request at a time."""
    with _empty_server(workers=1) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        return [_timed(lambda: client.get("/")) for _ in range(times)]


def empty_rate(path: Path, *, workers: int, connections: int = 16, seconds: float = 4) -> float:
    """Requests a second of a route that answers 1.9 KB from memory, on granian, asked by the client of this load generator."""
    load = loader(path)
    with _empty_server(workers) as port:

        async def ask(until: float) -> int:
            client, answered = load.Client(f"http://127.0.0.1:{port}", ""), 0
            while time.perf_counter() < until:
                status, _, _ = await client.req("GET", "/")
                answered += status == 200
            return answered

        async def all_ask() -> float:
            until = time.perf_counter() + seconds
            return sum(await asyncio.gather(*(ask(until) for _ in range(connections)))) / seconds

        return asyncio.run(all_ask())


def loader(path: Path) -> ModuleType:
    """The load generator as a module."""
    spec = importlib.util.spec_from_file_location("fhir_load", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path.name} is no Python module")
    load = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(load)
    return load


@contextmanager
def _empty_server(workers: int) -> Iterator[int]:
    """The empty route, on a port of its own, once it answers."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        (Path(folder) / "empty_app.py").write_text(EMPTY_APP)
        command = [
            sys.executable, "-m", "granian", "--interface", "asgi", "--workers", str(workers), "--port", str(port), "empty_app:app",
        ]  # fmt: skip
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
                until_it_answers(client)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def until_it_answers(client: httpx.Client) -> None:
    """Wait for a server that was just started; SystemExit after 20 s."""
    until = time.perf_counter() + 20
    while time.perf_counter() < until:
        try:
            client.get("/")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the server never answered")
