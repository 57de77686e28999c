"""Processes killed without warning while letters come in: every AA exists exactly once, every refusal has its original."""

import asyncio
import base64
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from maillage.connectors.mllp.client import Client
from maillage.connectors.mllp.letter import Sender, letter, renumbered
from maillage.db import migrate
from maillage.errors import MaillageError
from tests.support.processes import Killable, Server, free_port

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
SOURCES = 4
SPOILT_EVERY = 10


@dataclass
class Site:
    """The processes under test and how to reach them."""

    server: Server
    mllp: Killable
    worker: Killable
    port: int

    @property
    def parts(self) -> tuple[Server | Killable, ...]:
        return (self.server, self.mllp, self.worker)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.server.embedded.dsn, row_factory=dict_row) as connection:
            return connection.execute(sql.encode()).fetchall()


@dataclass
class Post:
    """What was sent and the answers that came: control id → MSA-1."""

    content: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    again: int = 0

    @property
    def good(self) -> set[str]:
        return {name for name in self.content if not name.startswith("X")}

    @property
    def spoilt(self) -> set[str]:
        return set(self.content) - self.good


@pytest.fixture
async def site(scratch: Path, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    server = Server(scratch / f"faults-{abs(hash(request.node.name)) % 100_000}")
    server.start()
    migrate(server.embedded.dsn)
    port = free_port()
    settings = {
        "MAILLAGE_DATA": str(tmp_path),
        "MAILLAGE_DATABASE_URL": server.embedded.dsn,
        "MAILLAGE_MLLP": f"127.0.0.1:{port}",
        "MAILLAGE_MLLP_DATABASE_PATIENCE": "30",
    }
    made = Site(
        server, Killable("mllp", settings, tmp_path / "mllp.log"), Killable("worker", settings, tmp_path / "worker.log"), port
    )
    made.mllp.start()
    made.worker.start()
    yield made
    made.mllp.stop()
    made.worker.stop()
    server.stop()


def letters(template: bytes, how_many: int) -> Post:
    """Letters of four hospitals; one in ten has no document in its OBX-5 and must be refused."""
    post = Post()
    for number in range(how_many):
        spoilt = number % SPOILT_EVERY == SPOILT_EVERY - 1
        name = f"{'X' if spoilt else 'L'}{number}"
        cda = renumbered(template, number)
        content = letter(cda, control_id=name, at=AT, sender=Sender("DPI", f"HOPITAL-{number % SOURCES}"))
        if spoilt:
            content = content.replace(base64.b64encode(cda), base64.b64encode(f"ce n'est pas un document {number}".encode()))
        post.content[name] = content
    return post


async def deliver(post: Post, names: list[str], port: int) -> None:
    """As a hospital does: the next letter when the last is answered; the same bytes again when no answer came."""
    client: Client | None = None
    for name in names:
        while name not in post.answers:
            try:
                client = client or await Client.connect("127.0.0.1", port, timeout=60)
                post.answers[name] = (await client.send(post.content[name])).value("MSA-1")
            except MaillageError:
                post.again += 1
                client = None
                await asyncio.sleep(0.1)
    if client is not None:
        await client.close()


async def listening(port: int) -> None:
    """Returns when the door accepts a connection: what is sent before is refused by the machine, not by the door."""
    async with asyncio.timeout(30):
        while True:
            try:
                await (await Client.connect("127.0.0.1", port, timeout=5)).close()
            except MaillageError:
                await asyncio.sleep(0.1)
            else:
                return


async def kill_now_and_then(site: Site, post: Post, dice: random.Random, every: tuple[int, int]) -> None:
    """Kill a part chosen by chance after some letters more were answered, start it again, and so on until cancelled."""
    answered = 0
    while True:
        answered = len(post.answers) + dice.randint(*every)
        while len(post.answers) < answered:
            await asyncio.sleep(0.002)
        part = dice.choice(site.parts)
        await asyncio.to_thread(part.kill)
        await asyncio.sleep(dice.uniform(0, 0.5))
        await asyncio.to_thread(part.start)


async def deliver_all(site: Site, post: Post, meanwhile: Callable[[], Any], *, seconds: float) -> None:
    queues = [[name for number, name in enumerate(post.content) if number % SOURCES == source] for source in range(SOURCES)]
    async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
        trouble = group.create_task(meanwhile())
        deliveries = [group.create_task(deliver(post, queue, site.port)) for queue in queues]
        await asyncio.wait(deliveries)
        trouble.cancel()


def check(site: Site, post: Post) -> None:
    """What must be true whatever was killed."""
    assert {name for name, code in post.answers.items() if code == "AA"} == post.good
    assert {name for name, code in post.answers.items() if code == "AE"} == post.spoilt
    accepted = Counter(row["control_id"] for row in site.rows("select control_id from exchange_message where code = 'AA'"))
    assert accepted == dict.fromkeys(post.good, 1)
    kept = {
        row["control_id"]: bytes(row["original"]) for row in site.rows("select control_id, original from exchange_quarantine")
    }
    assert {name: kept[name] for name in post.spoilt} == {name: post.content[name] for name in post.spoilt}
    told = Counter(
        row["document"]
        for row in site.rows("select payload->>'document' as document from event where kind = 'documents.DocumentReceived'")
    )
    assert len(told) == len(post.good)
    assert set(told.values()) <= {1}


@pytest.fixture
def template(shared_data: Path) -> bytes:
    return (shared_data / "cda" / "selection" / "LDL-SES_2022.01.xml").read_bytes()


async def _survives(site: Site, template: bytes, *, how_many: int, seed: int, every: tuple[int, int]) -> None:
    dice = random.Random(seed)
    post = letters(template, how_many)
    await deliver_all(site, post, lambda: kill_now_and_then(site, post, dice, every), seconds=60 + 3 * how_many)
    await asyncio.to_thread(site.server.start)
    check(site, post)
    kills = {type(part).__name__ + getattr(part, "verb", ""): part.kills for part in site.parts}
    assert sum(kills.values()) > 0, "nothing was killed: the letters went too fast"
    print(f"{how_many} letters, killed {kills}, sent again {post.again}")


async def test_sixty_letters_survive_processes_killed_at_random(site: Site, template: bytes) -> None:
    await _survives(site, template, how_many=60, seed=20261123, every=(5, 12))


@pytest.mark.long
async def test_two_thousand_letters_survive_processes_killed_at_random(site: Site, template: bytes) -> None:
    await _survives(site, template, how_many=2000, seed=7, every=(20, 60))


@pytest.mark.long
async def test_letters_wait_for_a_database_that_is_gone_for_ten_seconds(site: Site, template: bytes) -> None:
    post = letters(template, 40)
    await listening(site.port)

    async def gone() -> None:
        while len(post.answers) < 8:
            await asyncio.sleep(0.002)
        await asyncio.to_thread(site.server.kill)
        await asyncio.sleep(10)
        await asyncio.to_thread(site.server.start)
        await asyncio.Event().wait()

    await deliver_all(site, post, gone, seconds=180)
    assert site.server.kills == 1, "the letters went too fast"
    check(site, post)
    assert post.again == 0
