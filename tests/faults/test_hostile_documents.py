"""Documents made to harm, in real messages on a real socket: refused with the place, kept, and the next letter is taken."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest

from maillage.access.access import Access
from maillage.access.platform import Platform
from maillage.clock import SystemClock
from maillage.config import Config
from maillage.connectors.mllp.client import Client
from maillage.connectors.mllp.letter import letter
from maillage.db import Database
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.services.exchange.ports import mllp_door
from tests.support.letters import discharge_letter

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
SECONDS = 5.0  # that a refusal may take, however the document would grow
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
DECLARED = {
    "a billion laughs": f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>',
    "an entity of quadratic growth": f'<!DOCTYPE x [<!ENTITY l11 "{"h" * 200_000}">]>',
    "a file of the server": '<!DOCTYPE x [<!ENTITY l11 SYSTEM "file://SECRET">]>',
    "an address of the network": '<!DOCTYPE x [<!ENTITY l11 SYSTEM "http://LISTENER/e">]>',
    "a definition of elsewhere": '<!DOCTYPE x SYSTEM "http://LISTENER/d" [<!ENTITY l11 "x">]>',
    "a parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://LISTENER/p"> %p; <!ENTITY l11 "x">]>',
}


@pytest.fixture
async def client(database: Database, tmp_path: Path) -> AsyncIterator[Client]:
    for service in ("identity", "documents"):
        import_module(f"maillage.services.{service}.ports")
    files = LocalFiles(tmp_path / "files")
    access = Access(database, store=Store(), files=files, clock=SystemClock())
    config = Config(mllp="127.0.0.1:0")
    async with mllp_door(Platform(config, SystemClock(), database, files, access)) as (_, port):
        async with await Client.connect("127.0.0.1", port) as connected:
            yield connected


@asynccontextmanager
async def listener() -> AsyncIterator[tuple[str, list[bytes]]]:
    """An address of the network, and what was asked of it."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


def carrying(content: bytes, control_id: str) -> bytes:
    """The message of an honest letter with other bytes where its document was."""
    honest = discharge_letter("Lettre honnête")
    message = letter(honest, control_id=control_id, at=AT)
    held = base64.b64encode(honest)
    assert held in message
    return message.replace(held, base64.b64encode(content))


def told_to(declaration: str) -> str:
    """A letter with this declaration, whose title uses what it declares."""
    cda = discharge_letter("Entité").decode().replace("<title>Entité", "<title>&l11;", 1)
    return cda.replace("<ClinicalDocument", f"{declaration}<ClinicalDocument", 1)


async def refused(client: Client, database: Database, content: bytes, control_id: str) -> bytes:
    """The refusal of a document, whose message is then in the quarantine as it came."""
    message = carrying(content, control_id)
    answer = await asyncio.wait_for(client.send(message), SECONDS)
    assert (answer.value("MSA-1"), answer.value("MSA-2")) == ("AE", control_id)
    assert answer.value("ERR-2.1") == "OBX"
    async with database.transaction() as conn:
        kept = await (
            await conn.execute("select original from exchange_quarantine where control_id = %s", [control_id])
        ).fetchall()
    assert [bytes(one["original"]) for one in kept] == [message]
    return answer.raw


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("harm", DECLARED)
async def test_a_document_that_declares_entities_is_refused_and_nothing_of_them_is_read(
    client: Client, database: Database, tmp_path: Path, harm: str, encoding: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("what no hospital may read")
    async with listener() as (address, asked):
        declaration = DECLARED[harm].replace("SECRET", str(secret)).replace("LISTENER", address)
        content = told_to(declaration).replace("UTF-8", encoding.upper(), 1).encode(encoding)
        answer = await refused(client, database, content, "harm")
    assert b"no hospital may read" not in answer
    assert asked == []
    honest = letter(discharge_letter("Suivante"), control_id="next", at=AT)
    assert (answer := await client.send(honest)).value("MSA-1") == "AA", answer.raw


@pytest.mark.parametrize(
    "content", [b"<a>" * 100_000, b"<ClinicalDocument xmlns='urn:hl7-org:v3'>" + b"<a>" * 5_000, b"<" * 1_000_000]
)
async def test_a_document_that_is_only_depth_is_refused(client: Client, database: Database, content: bytes) -> None:
    await refused(client, database, content, "deep")
