"""The streams of a process: who is told, and how they end."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from maillage import serving
from maillage.access.actors import Actor, ActorKind, Role
from maillage.db import Database
from maillage.errors import Unavailable
from maillage.http.live import MOST_STREAMS, Live, closed_when_told_to_stop


def actor(name: str, *organizations: str) -> Actor:
    return Actor(
        id=name, kind=ActorKind.PROFESSIONAL, name=name, roles=frozenset({Role.NURSE}), reference=f"Practitioner/{name}",
        organizations=organizations,
    )  # fmt: skip


@pytest.fixture
def live(dsn: str) -> Live:
    return Live(Database(dsn))


@pytest.fixture
def stopped() -> Iterator[list[int]]:
    """The signals that a server's own handler received."""
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))
    yield received
    signal.signal(signal.SIGTERM, before)


async def test_a_notice_reaches_the_person_the_organisation_or_everyone(live: Live) -> None:
    with live.stream_of(actor("nora", "Organization/cabinet")) as nora, live.stream_of(actor("paul")) as paul:
        live.deliver("nouveautes Practitioner/nora")
        live.deliver("taches Organization/cabinet")
        live.deliver("reprise *")
        assert await nora.next(0.01) == ["nouveautes", "reprise", "taches"]
        assert await paul.next(0.01) == ["reprise"]
        assert await paul.next(0.01) == []


async def test_a_page_that_was_closed_leaves_nothing_behind(live: Live) -> None:
    with live.stream_of(actor("nora")):
        pass
    live.deliver("nouveautes Practitioner/nora")
    assert live._streams == {}


async def test_no_more_streams_are_opened_than_a_process_can_hold(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maillage.http.live.MOST_STREAMS", 1)
    with live.stream_of(actor("nora")):
        with pytest.raises(Unavailable):
            with live.stream_of(actor("paul")):
                pass


async def test_streams_end_when_the_process_is_told_to_stop_and_the_server_is_told_too(live: Live, stopped: list[int]) -> None:
    with closed_when_told_to_stop(live), live.stream_of(actor("nora")) as stream:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(stream.next(5), 5)
        assert stream.closed
    assert stopped == [signal.SIGTERM]
    os.kill(os.getpid(), signal.SIGTERM)
    assert stopped == [signal.SIGTERM, signal.SIGTERM], "its own handler is back"


def test_a_worker_answers_pages_besides_all_the_streams_it_may_hold() -> None:
    assert serving.AT_ONCE >= MOST_STREAMS + 500
