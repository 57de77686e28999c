"""The MLLP door on real sockets and a real database: answers, quarantine, order, patience."""

import asyncio
import hashlib
import resource as system
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from maillage.access.access import Access
from maillage.access.context import Context
from maillage.access.platform import Platform
from maillage.clock import SystemClock
from maillage.config import Config
from maillage.connectors.mllp.client import Client
from maillage.connectors.mllp.er7 import Message
from maillage.connectors.mllp.framing import framed
from maillage.connectors.mllp.tls import client_context
from maillage.db import Database
from maillage.errors import Conflict, Invalid, SetupError, Unavailable
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.services.exchange.ports import mllp_door
from maillage.services.exchange.public import Handled, Refused, handles, needed
from maillage.services.exchange.service import routes
from tests.support.certificates import Authority

Door = AbstractAsyncContextManager[Client]


class Ward:
    """A handler of messages TST^T01 and TST^T02: writes a Patient, and does what a test asks of it before or after."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.faults: list[Exception] = []
        self.pause = 0.0
        self.store = False

    async def receive(self, ctx: Context, message: Message) -> Handled:
        await asyncio.sleep(self.pause)
        self.seen.append(message.control_id)
        written = await ctx.records.write(
            {"resourceType": "Patient", "name": [{"family": needed(message, "PID-5.1")}], "birthDate": "1979-03-28"}
        )
        if self.store:
            await ctx.files.put(message.raw)
        if self.faults:
            raise self.faults.pop(0)
        if message.value("PID-8") == "X":
            raise Refused.at("PID-8", "le sexe « X » n'est pas connu", error="103")
        reference = f"Patient/{written['id']}"
        return Handled(patient=reference, records=(reference,))


@pytest.fixture
def ward() -> Iterator[Ward]:
    ward = Ward()
    handles("TST^T01", "TST^T02")(ward.receive)
    yield ward
    del routes._handlers["TST^T01"], routes._handlers["TST^T02"]


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """A pool that says soon that the database is gone, as the MLLP process opens it."""
    async with await Database.open(dsn, size=6, patience=1) as opened:
        yield opened


@pytest.fixture
def platform(database: Database, tmp_path: Path) -> Access:
    return Access(database, store=Store(), files=LocalFiles(tmp_path / "files"), clock=SystemClock())


@asynccontextmanager
async def door(access: Access, database: Database, **settings: Any) -> AsyncIterator[int]:
    config = replace(Config(mllp="127.0.0.1:0", mllp_database_patience=3.0), **settings)
    async with mllp_door(Platform(config, SystemClock(), database, access._files, access)) as (_, port):
        yield port


@pytest.fixture
async def port(platform: Access, database: Database, ward: Ward) -> AsyncIterator[int]:
    async with door(platform, database) as listening:
        yield listening


@pytest.fixture
async def client(port: int) -> AsyncIterator[Client]:
    async with await Client.connect("127.0.0.1", port) as connected:
        yield connected


def tst(
    control_id: str = "1", *, family: str = "NOËL", sex: str = "F", source: str = "RIS|HOP", event: str = "T01", more: str = ""
) -> bytes:
    return (
        f"MSH|^~\\&|{source}|PFI|REG|20260101||TST^{event}|{control_id}|P|2.6|||||FRA|UNICODE UTF-8\r"
        f"PID|1||3||{family}^Zoé||19790328|{sex}\r{more}"
    ).encode()


async def rows(database: Database, sql: str, *values: object) -> list[dict[str, Any]]:
    async with database.transaction() as connection:
        return await (await connection.execute(sql.encode(), values)).fetchall()


async def messages(database: Database) -> list[dict[str, Any]]:
    return await rows(database, "select * from exchange_message order by id")


async def quarantine(database: Database) -> list[dict[str, Any]]:
    return await rows(database, "select * from exchange_quarantine order by received_at, id")


async def patients(database: Database) -> int:
    [row] = await rows(database, "select count(*) as n from res")
    return int(row["n"])


async def test_an_accepted_message_is_recorded_with_what_it_wrote(client: Client, database: Database) -> None:
    answer = await client.send(tst("42"))
    assert (answer.value("MSA-1"), answer.value("MSA-2"), answer.value("MSH-3")) == ("AA", "42", "PFI")
    [line] = await messages(database)
    assert (line["state"], line["code"], line["source"], line["control_id"], line["type"]) == (
        "accepted",
        "AA",
        "RIS|HOP",
        "42",
        "TST^T01",
    )
    assert bytes(line["sha256"]) == hashlib.sha256(tst("42")).digest()
    assert line["records"] == [line["patient"]]
    assert await patients(database) == 1
    assert await quarantine(database) == []


async def test_a_refused_message_leaves_nothing_but_its_original(client: Client, database: Database) -> None:
    answer = await client.send(tst(sex="X"))
    assert answer.value("MSA-1") == "AE"
    assert [answer.value(f"ERR-2.{n}") for n in (1, 2, 3)] == ["PID", "1", "8"]
    assert answer.value("ERR-3") == "103"
    assert await patients(database) == 0
    [kept] = await quarantine(database)
    assert bytes(kept["original"]) == tst(sex="X")
    assert (kept["segment"], kept["field"], kept["error"], kept["reason"], kept["state"]) == ("PID", 8, "103", "refused", "open")
    assert [line["code"] for line in await messages(database)] == ["AE"]


@pytest.mark.parametrize(
    ("content", "code", "error", "segment"),
    [
        (b"not a message", "AE", "100", "MSH"),
        (tst(event="T99"), "AR", "201", "MSH"),
        (tst().replace(b"TST^T01", b"SIU^S12"), "AR", "200", "MSH"),
        (tst().replace(b"|2.6|", b"|2.3|"), "AR", "203", "MSH"),
        (tst().replace("Zoé".encode(), b"Zo\xe9"), "AE", "102", "MSH"),
        (tst(more="PID|2||4||DURAND\r"), "AE", "100", "PID"),
        (tst(family=""), "AE", "101", "PID"),
    ],
)
async def test_each_refusal_names_its_error_and_keeps_the_original(
    client: Client, database: Database, content: bytes, code: str, error: str, segment: str
) -> None:
    answer = await client.send(content)
    assert (answer.value("MSA-1"), answer.value("ERR-3"), answer.value("ERR-2")) == (code, error, segment)
    [kept] = await quarantine(database)
    assert bytes(kept["original"]) == content
    assert await patients(database) == 0


async def test_the_same_bytes_again_get_the_first_answer_and_write_nothing(
    client: Client, database: Database, ward: Ward
) -> None:
    first = await client.exchange(framed(tst()))
    assert await client.exchange(framed(tst())) == first
    assert await client.exchange(framed(tst())) == first
    assert ward.seen == ["1"]
    [line] = await messages(database)
    assert line["repeated"] == 2
    assert await patients(database) == 1


async def test_the_same_control_id_with_other_bytes_is_handled_and_flagged(client: Client, database: Database) -> None:
    for family in ("A", "B"):
        assert (await client.send(tst("015", family=family))).value("MSA-1") == "AA"
    assert [line["same_control_id"] for line in await messages(database)] == [False, True]
    assert await patients(database) == 2


async def test_the_same_bytes_on_eight_connections_at_once_are_accepted_once(port: int, database: Database) -> None:
    clients = [await Client.connect("127.0.0.1", port) for _ in range(8)]
    answers = await asyncio.gather(*(one.exchange(framed(tst())) for one in clients))
    for one in clients:
        await one.close()
    assert len(set(answers)) == 1
    assert len(await messages(database)) == await patients(database) == 1


async def test_a_refused_message_sent_again_is_tried_again_and_kept_once(client: Client, database: Database) -> None:
    for _ in range(3):
        assert (await client.send(tst(sex="X"))).value("MSA-1") == "AE"
    [kept] = await quarantine(database)
    assert kept["arrivals"] == 3


async def test_order_is_kept_within_a_source_whatever_the_connections(port: int, database: Database, ward: Ward) -> None:
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
    ward.pause = 0.005
    for number in range(64):
        _, writer = connections[number % 8]
        writer.write(framed(tst(f"{number:03}")))
        await asyncio.sleep(0.001)
    async with asyncio.timeout(20):
        for reader, _ in connections:
            for _ in range(8):
                assert b"MSA|AA|" in await reader.readuntil(b"\x1c\r")
    for _, writer in connections:
        writer.close()
    assert ward.seen == [f"{number:03}" for number in range(64)]
    assert [line["control_id"] for line in await messages(database)] == ward.seen


async def test_sources_do_not_wait_for_each_other(port: int, ward: Ward) -> None:
    ward.pause = 0.3
    clients = [await Client.connect("127.0.0.1", port) for _ in range(4)]
    async with asyncio.timeout(1.0):
        await asyncio.gather(*(one.send(tst(source=f"APP{n}|HOP")) for n, one in enumerate(clients)))
    for one in clients:
        await one.close()


async def test_a_fault_of_ours_is_answered_207_and_kept(client: Client, database: Database, ward: Ward) -> None:
    ward.faults = [KeyError("NOËL Zoé"), Invalid("the resource is invalid")]
    for control_id in ("1", "2"):
        answer = await client.send(tst(control_id))
        assert (answer.value("MSA-1"), answer.value("ERR-3")) == ("AE", "207")
        assert "NOËL" not in answer.value("ERR-8")
    assert [kept["reason"] for kept in await quarantine(database)] == ["failed", "failed"]
    assert await patients(database) == 0
    assert (await client.send(tst("3"))).value("MSA-1") == "AA"


async def test_a_lost_race_is_run_again(client: Client, database: Database, ward: Ward) -> None:
    ward.faults = [Conflict("someone else was faster"), Unavailable("a blink")]
    assert (await client.send(tst())).value("MSA-1") == "AA"
    assert ward.seen == ["1", "1", "1"]
    assert await patients(database) == 1
    assert await quarantine(database) == []


async def test_a_full_document_store_is_answered_207_and_the_original_is_in_the_database(
    client: Client, database: Database, ward: Ward
) -> None:
    ward.store = True
    limit = system.getrlimit(system.RLIMIT_FSIZE)
    message = tst(more="NTE|1||" + "x" * 50_000 + "\r")
    system.setrlimit(system.RLIMIT_FSIZE, (10_000, limit[1]))
    try:
        answer = await client.send(message)
    finally:
        system.setrlimit(system.RLIMIT_FSIZE, limit)
    assert (answer.value("MSA-1"), answer.value("ERR-3")) == ("AE", "207")
    [kept] = await quarantine(database)
    assert bytes(kept["original"]) == message
    assert await patients(database) == 0
    assert (await client.send(message)).value("MSA-1") == "AA"


async def test_a_truncated_message_is_kept_and_nothing_is_written(port: int, database: Database) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(framed(tst())[:-20])
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    async with asyncio.timeout(5):
        while not (kept := await quarantine(database)):
            await asyncio.sleep(0.02)
    assert (kept[0]["reason"], kept[0]["source"], kept[0]["code"]) == ("truncated", "RIS|HOP", None)
    assert tst().startswith(bytes(kept[0]["original"]))
    assert await messages(database) == []


async def test_a_message_outside_any_frame_is_kept_and_a_scanner_is_not(client: Client, database: Database) -> None:
    await client.exchange(b"GET / HTTP/1.1\r\n\r\n" + framed(tst("1")))
    await client.exchange(tst("2") + framed(tst("3")))
    [kept] = await quarantine(database)
    assert (kept["reason"], kept["control_id"]) == ("unframed", "2")


async def test_a_message_of_50_MB_is_taken_and_a_longer_one_refused_with_what_was_read(
    platform: Access, database: Database, ward: Ward
) -> None:
    big = tst("big", more="NTE|1||" + "x" * 50_000_000 + "\r")
    async with door(platform, database) as port, await Client.connect("127.0.0.1", port) as client:
        assert (await client.send(big)).value("MSA-1") == "AA"
    async with door(platform, database, mllp_frame_limit=10_000_000) as port:
        async with await Client.connect("127.0.0.1", port) as client:
            answer = await client.send(big.replace(b"|big|", b"|too|"))
            assert (answer.value("MSA-1"), answer.value("MSA-2"), answer.value("ERR-3")) == ("AR", "too", "207")
            with pytest.raises(Unavailable):
                await client.answer()
    [kept] = await quarantine(database)
    assert kept["reason"] == "oversize"
    assert 10_000_000 < len(bytes(kept["original"])) < 10_200_000
    assert [line["code"] for line in await messages(database)] == ["AA", "AR"]


async def test_a_message_that_stalls_for_as_long_as_is_configured_is_given_up_and_kept(
    platform: Access, database: Database, ward: Ward
) -> None:
    async with door(platform, database, mllp_stall=0.1) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x0b" + tst("slow"))
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
    [kept] = await quarantine(database)
    assert (kept["reason"], kept["control_id"]) == ("truncated", "slow")


async def test_the_answers_that_the_sender_does_not_want_are_not_sent(client: Client, database: Database) -> None:
    never = tst("1").replace(b"|2.6|||||", b"|2.6|||NE|NE|")
    commit = tst("2").replace(b"|2.6|||||", b"|2.6|||AL|NE|")
    assert b"MSA|CA|2" in await client.exchange(framed(never) + framed(commit))
    assert [line["code"] for line in await messages(database)] == ["AA", "AA"]


async def test_a_certificate_sends_only_as_its_own_source(
    platform: Access, database: Database, ward: Ward, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.sign("door")
    settings = {
        "mllp_tls_certificate": str(certificate),
        "mllp_tls_key": str(key),
        "mllp_tls_client_ca": str(authority.path),
        "mllp_sources": "CHU-X=RIS|HOP",
    }
    own, own_key = authority.sign("CHU-X")
    tls = client_context(authority=authority.path, certificate=own, key=own_key)
    async with door(platform, database, **settings) as port, await Client.connect("127.0.0.1", port, tls=tls) as client:
        assert (await client.send(tst("1"))).value("MSA-1") == "AA"
        answer = await client.send(tst("2", source="LABO|HOP"))
        assert [answer.value(path) for path in ("MSA-1", "ERR-3", "ERR-2")] == ["AR", "204", "MSH"]


@pytest.fixture
async def gone(dsn: str) -> AsyncIterator[Any]:
    """Takes the test's database away, and gives it back."""
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    admin = await psycopg.AsyncConnection.connect(dsn.replace(f"dbname={name}", "dbname=postgres"), autocommit=True)

    async def switch(*, on: bool) -> None:
        await admin.execute(f'alter database "{name}" with allow_connections {on}'.encode())
        if not on:
            await admin.execute(b"select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))

    async with admin:
        yield switch
        await switch(on=True)


async def test_a_message_waits_for_a_database_that_is_gone_for_a_while(
    port: int, database: Database, gone: Any, ward: Ward
) -> None:
    async with await Client.connect("127.0.0.1", port) as client:
        assert (await client.send(tst("1"))).value("MSA-1") == "AA"
        await gone(on=False)
        waiting = asyncio.create_task(client.send(tst("2")))
        await asyncio.sleep(1)
        assert not waiting.done()
        await gone(on=True)
        assert (await waiting).value("MSA-1") == "AA"
    assert [line["control_id"] for line in await messages(database)] == ["1", "2"]


async def test_a_database_that_stays_away_leaves_the_message_unanswered(port: int, database: Database, gone: Any) -> None:
    async with await Client.connect("127.0.0.1", port) as client:
        await gone(on=False)
        with pytest.raises(Unavailable):
            await client.send(tst("1"))
    await gone(on=True)
    async with await Client.connect("127.0.0.1", port) as client:
        assert (await client.send(tst("1"))).value("MSA-1") == "AA"
    assert await patients(database) == len(await messages(database)) == 1


async def test_a_stop_answers_what_is_in_hand(platform: Access, database: Database, ward: Ward) -> None:
    ward.pause = 0.3
    async with door(platform, database) as port:
        client = await Client.connect("127.0.0.1", port)
        answer = asyncio.create_task(client.send(tst()))
        await asyncio.sleep(0.1)
    assert (await answer).value("MSA-1") == "AA"
    await client.close()
    assert await patients(database) == 1


@pytest.mark.parametrize("given", [{}, {"mllp_tls_certificate": "x"}, {"mllp_tls_client_ca": "x"}])
async def test_senders_are_named_only_where_they_show_a_certificate(
    platform: Any, database: Database, given: dict[str, str]
) -> None:
    with pytest.raises(SetupError, match="MAILLAGE_MLLP_SOURCES needs"):
        async with door(platform, database, mllp_sources="CHU-X=RIS|HOP", **given):
            pytest.fail("the door opened")
