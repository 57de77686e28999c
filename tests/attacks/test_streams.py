"""Open pages that listen: they hear of a list that changed, never what or of whom; and nothing once whoever listens has no more to hear."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from maillage.access import sessions
from maillage.access.access import Access
from maillage.db import Database
from maillage.errors import Unavailable
from maillage.http import live as module
from maillage.http.live import Live
from maillage.services.messaging.tests.test_messaging_conversations import (
    CLAUDE,
    GP,
    NURSE,
    WHOLE,
    ZOE,
    answered,
    begun,
    circle_of,
    territory,
)
from tests.support.people import SEED

__all__ = ["territory"]


@pytest.fixture
async def live(database: Database) -> AsyncIterator[Live]:
    live = Live(database)
    await live.start()
    await asyncio.wait_for(live.listening.wait(), 10)
    yield live
    await live.stop()


@pytest.fixture
def heard(live: Live, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """All that the database passed on, as it came."""
    found: list[str] = []
    passed = live.deliver
    monkeypatch.setattr(live, "deliver", lambda payload: (found.append(payload), passed(payload))[1])
    return found


async def test_who_left_the_circle_hears_of_its_conversations_no_more(territory: None, access: Access, live: Live) -> None:
    with live.stream_of(NURSE) as nurse, live.stream_of(GP) as gp, live.stream_of(ZOE) as zoe:
        thread = await begun(access, GP, WHOLE)
        assert await nurse.next(5) == ["messages"]
        async with access.act(SEED) as ctx:
            await ctx.records.write(circle_of("Practitioner/gp"))
        await nurse.next(0.2)
        await gp.next(0.2), await zoe.next(0.2)
        await answered(access, thread, ZOE, "Merci")
        assert "messages" in await gp.next(5)
        assert await nurse.next(0.5) == []


@pytest.fixture
async def listening(
    application: Any, access: Access, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[str, AsyncIterator[str]]]:
    """The session of the nurse, and what a page of hers hears that is open: lines that are not silence."""
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.05)
    app = application()
    sent: asyncio.Queue[bytes] = asyncio.Queue()
    secret = await access.sign_in(NURSE)
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "path": "/flux", "raw_path": b"/flux",
        "root_path": "", "query_string": b"", "client": ("127.0.0.1", 1), "server": ("maillage.test", 80),
        "headers": [(b"host", b"maillage.test"), (b"cookie", f"maillage={secret}".encode())],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await sent.put(message.get("body", b""))

    async def lines() -> AsyncIterator[str]:
        while True:
            for line in (await asyncio.wait_for(sent.get(), 5)).decode().splitlines():
                if line and not line.startswith((":", "retry")):
                    yield line

    app.state.live = Live(access._database)
    task = asyncio.create_task(app(scope, receive, send))
    while b"retry" not in await asyncio.wait_for(sent.get(), 5):
        pass
    yield secret, lines()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("how", ["signed out everywhere", "works elsewhere", "is somebody's carer now"])
async def test_who_ended_their_session_or_acts_as_another_hears_no_more(
    territory: None, access: Access, listening: tuple[str, AsyncIterator[str]], how: str
) -> None:
    secret, lines = listening
    assert await access.still_open(secret, NURSE)
    elsewhere = {"works elsewhere": replace(NURSE, organizations=("Organization/autre",)), "is somebody's carer now": CLAUDE}
    if how in elsewhere:
        await access.work_elsewhere(secret, elsewhere[how])
    else:
        async with access.act(SEED) as ctx:
            assert await sessions.end_all(ctx, NURSE.id) == 1
    assert [await anext(lines), await anext(lines)] == ["event: fin", "data: session"]


async def test_a_topic_is_a_word_and_tells_of_nobody(territory: None, access: Access, live: Live, heard: list[str]) -> None:
    thread = await begun(access, GP, WHOLE, "Zoé MARTIN a de la fièvre")
    for one in (ZOE, CLAUDE, NURSE):
        await answered(access, thread, one, "Secretaire")
    async with asyncio.timeout(5):
        while len(heard) < 4:
            await asyncio.sleep(0.02)
    told = [re.fullmatch(r"([a-z]+) (\*|[A-Za-z]+/[A-Za-z0-9.-]+)", one) for one in heard]
    assert all(told), heard
    assert {one[1] for one in told if one} <= {"messages", "nouveautes", "taches"}


async def test_nobody_takes_all_the_streams_of_a_process(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_OF_ONE", 3)
    opened = [live.stream_of(GP) for _ in range(3)]
    for one in opened:
        one.__enter__()
    with pytest.raises(Unavailable), live.stream_of(GP):
        pass
    with live.stream_of(NURSE):
        pass
    opened.pop().__exit__(None, None, None)
    with live.stream_of(GP):
        pass
