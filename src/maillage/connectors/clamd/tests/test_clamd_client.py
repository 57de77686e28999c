"""The client of clamd against its emulator, over real sockets: what is found, what is not, and whoever has not looked is not believed."""

import asyncio
from pathlib import Path

import pytest

from maillage.connectors.clamd import clamd_of
from maillage.connectors.clamd.client import AT_ONCE, PIECE
from maillage.connectors.clamd.emulator import Daemon, emulated_clamd
from maillage.connectors.clamd.emulator.daemon import FOUND, KNOWN
from maillage.connectors.listening import free_port
from maillage.errors import SetupError, Unavailable

EICAR = b"".join(KNOWN)


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


async def test_a_known_file_is_found_by_name_and_others_are_not(daemon: Daemon, scratch: Path) -> None:
    for path in (None, scratch / "clamd.ctl"):
        async with emulated_clamd(daemon, path=path) as address:
            clamd = clamd_of(address, patience=5)
            assert await clamd.found(b"a letter") is None
            assert await clamd.found(EICAR) == FOUND
            assert await clamd.found(b"") is None
            assert "EMULATOR" in await clamd.version(), "it says that it is none"


async def test_a_long_file_arrives_whole(daemon: Daemon) -> None:
    async with emulated_clamd(daemon) as address:
        clamd = clamd_of(address, patience=20)
        for length in (PIECE - 1, PIECE, PIECE + 1, 20_000_000):
            assert await clamd.found(b"\0" * length) is None
        assert daemon.looked == [PIECE - 1, PIECE, PIECE + 1, 20_000_000]
        split = b"\0" * (PIECE - 10) + EICAR
        assert await clamd.found(split) == FOUND, "also across two pieces"


@pytest.mark.parametrize(
    "said", [b"stream: Can't open file ERROR", b"", b"OK", b"stream: OKAY", b"INSTREAM size limit exceeded. ERROR", b"stream: ok"]
)
async def test_an_answer_that_is_neither_ok_nor_found_lets_nothing_through(said: bytes) -> None:
    async with emulated_clamd(Daemon(says=b"stream: OK")) as address:
        assert await clamd_of(address, patience=5).found(b"a letter") is None
    async with emulated_clamd(Daemon(says=said)) as address:
        with pytest.raises(Unavailable) as fault:
            await clamd_of(address, patience=5).found(b"a letter")
    assert "plus tard" in fault.value.french


async def test_a_file_longer_than_it_takes_was_not_looked_at() -> None:
    async with emulated_clamd(Daemon(longest=1_000)) as address:
        assert await clamd_of(address, patience=5).found(b"\0" * 1_000) is None
        for length in (1_001, 5_000_000):
            with pytest.raises(Unavailable):
                await clamd_of(address, patience=5).found(b"\0" * length)


async def test_who_is_away_or_slow_is_waited_for_so_long(daemon: Daemon) -> None:
    away = clamd_of(f"clamd://127.0.0.1:{free_port('127.0.0.1')}", patience=5)
    with pytest.raises(Unavailable):
        await away.found(b"a letter")
    with pytest.raises(Unavailable):
        await clamd_of("clamd:///nowhere/clamd.ctl", patience=5).found(b"a letter")
    daemon.delay = 30
    async with emulated_clamd(daemon) as address:
        async with asyncio.timeout(5):
            with pytest.raises(Unavailable, match="TimeoutError"):
                await clamd_of(address, patience=0.2).found(b"a letter")


async def test_so_many_are_looked_at_at_once(daemon: Daemon) -> None:
    async with emulated_clamd(daemon) as address:
        clamd = clamd_of(address, patience=10)
        answers = await asyncio.gather(*(clamd.found(EICAR if n % 3 == 0 else b"x") for n in range(4 * AT_ONCE)))
    assert [one == FOUND for one in answers] == [n % 3 == 0 for n in range(4 * AT_ONCE)]


async def test_a_name_is_only_a_name() -> None:
    async with emulated_clamd(Daemon(says=b"stream: Evil\r\n<script>\x1b FOUND")) as address:
        found = await clamd_of(address, patience=5).found(b"x")
    assert found is not None
    assert not set(found) & set("\r\n<>\x1b ")


@pytest.mark.parametrize(
    "setting",
    [
        "clamd",
        "http://127.0.0.1:3310",
        "clamd://127.0.0.1",
        "clamd://",
        "clamd:///",
        "clamd://h:x",
        "clamd://h:1/p",
        "clamd://u@h:1",
    ],
)
def test_what_is_no_address_stops_the_start(setting: str) -> None:
    assert clamd_of("clamd://127.0.0.1:3310", patience=1)
    with pytest.raises(SetupError, match="MAILLAGE_UPLOAD_SCANNER"):
        clamd_of(setting, patience=1)
