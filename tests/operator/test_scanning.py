"""What the operator's scanner knows is kept by no door, in each one's own words; and nothing is kept that it has not looked at (OWASP ASVS 5.0, V5.4.3)."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from maillage.access.access import Access
from maillage.access.platform import Platform
from maillage.access.uploads import Uploads
from maillage.app import load_services
from maillage.clock import FixedClock
from maillage.config import Config
from maillage.connectors.clamd import clamd_of
from maillage.connectors.clamd.emulator import Daemon, emulated_clamd
from maillage.connectors.clamd.emulator.daemon import FOUND, KNOWN
from maillage.connectors.mllp.client import Client
from maillage.connectors.mllp.letter import letter
from maillage.db import Database
from maillage.errors import SetupError
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.http.app import create_app
from maillage.http.fhir import fhir_routes
from maillage.operator.checks import CHECKS
from maillage.operator.imports import import_resources
from maillage.services.exchange.ports import mllp_door
from tests.support.letters import discharge_letter
from tests.support.pages import client_of
from tests.support.people import MACHINE, NOON

EICAR = b"".join(KNOWN)
EVIL, GOOD = base64.b64encode(EICAR).decode(), base64.b64encode(b"a letter").decode()
CDA = "application/hl7-cda+xml"
JSON = {"content-type": "application/fhir+json"}


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
async def scanned(database: Database, dsn: str, tmp_path: Path, clock: FixedClock, daemon: Daemon) -> AsyncIterator[Platform]:
    """A platform whose files are looked at, and a scanner that can be told to be slow."""
    load_services()
    async with emulated_clamd(daemon) as address:
        uploads = Uploads(scanner=clamd_of(address, patience=2.0))
        files = LocalFiles(tmp_path / "files")
        access = Access(database, store=Store(), files=files, clock=clock, uploads=uploads)
        config = Config(data=tmp_path, database_url=dsn, mllp="127.0.0.1:0", upload_scanner=address, upload_scanner_patience=2.0)
        yield Platform(config, clock, database, files, access)


async def kept(platform: Platform) -> dict[str, int]:
    """How much of each there is: resources, versions, documents."""
    async with platform.database.transaction() as conn:
        counts = {}
        for table in ("res", "ver", "documents_identity"):
            row = await (await conn.execute(f"select count(*) as n from {table}".encode())).fetchone()
            counts[table] = int(row["n"]) if row else -1
    return counts | {"files": len([one async for one in platform.files.documents()])}  # type: ignore[attr-defined]


def letter_with(data: str) -> bytes:
    """A letter (CDA) one of whose images is this."""
    image = f'<observationMedia classCode="OBS" moodCode="EVN" ID="i1"><value mediaType="image/png" representation="B64">{data}</value></observationMedia>'
    entry = f"<entry>{image}</entry></section>".encode()
    return discharge_letter("Sortie").replace(b"</section>", entry, 1)


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    entries = [{"resource": one, "request": {"method": "POST", "url": one["resourceType"]}} for one in resources]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def asked(data: str) -> list[tuple[str, str, Any, dict[str, str]]]:
    """Each way to send these bytes by HTTP: method, address, body, headers."""
    binary = {"resourceType": "Binary", "contentType": "text/plain", "data": data}
    attached = {"attachment": {"contentType": "text/plain", "data": data}}
    reference = {"resourceType": "DocumentReference", "status": "current", "content": [attached]}
    person = {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"family": "ESSAI"}],
        "photo": [{"contentType": "text/plain", "data": data}],
    }
    basic = {"resourceType": "Basic", "code": {"text": "x"}}
    cda = {"attachment": {"contentType": CDA, "data": base64.b64encode(letter_with(data)).decode()}}
    return [
        ("POST", "/fhir/Binary", base64.b64decode(data), {"content-type": "text/plain"}),
        ("POST", "/fhir/Binary", json.dumps(binary), JSON),
        ("POST", "/fhir/DocumentReference", json.dumps(reference), JSON),
        ("POST", "/fhir/DocumentReference", json.dumps({**reference, "content": [cda]}), JSON),
        ("PUT", "/fhir/Patient/p1", json.dumps(person), JSON),
        ("POST", "/fhir", json.dumps(bundle(basic, binary)), JSON),
        ("POST", "/fhir", json.dumps(bundle(basic, {**reference, "content": [attached, attached]})), JSON),
    ]  # fmt: skip


@pytest.fixture
async def machine(scanned: Platform) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(scanned, fhir_routes())
    async with await client_of(app, scanned.access, MACHINE, accept="application/fhir+json") as client:
        yield client


async def test_by_http_what_is_known_is_refused_with_its_place_and_nothing_of_it_is_kept(
    scanned: Platform, machine: httpx.AsyncClient
) -> None:
    for method, address, body, headers in asked(EVIL):
        answer = await machine.request(method, address, content=body, headers=headers)
        issue = answer.json()["issue"][0]
        assert (answer.status_code, issue["code"]) == (422, "security"), (address, answer.text)
        assert FOUND in issue["diagnostics"]
        assert issue["expression"][0], address
        assert await kept(scanned) == {"res": 0, "ver": 0, "documents_identity": 0, "files": 0}, address
    for method, address, body, headers in asked(GOOD):
        assert (await machine.request(method, address, content=body, headers=headers)).status_code in (200, 201), address
    assert (await kept(scanned))["files"] == 1


async def test_by_http_nothing_is_taken_that_was_not_looked_at(
    scanned: Platform, machine: httpx.AsyncClient, daemon: Daemon
) -> None:
    daemon.delay = 30
    for method, address, body, headers in (asked(GOOD)[0], asked(GOOD)[3], asked(GOOD)[5]):
        answer = await machine.request(method, address, content=body, headers=headers)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (503, "transient"), address
        assert int(answer.headers["retry-after"]) >= 1
    assert await kept(scanned) == {"res": 0, "ver": 0, "documents_identity": 0, "files": 0}
    basic = {"resourceType": "Basic", "code": {"text": "no file in it"}}
    assert (await machine.post("/fhir/Basic", json=basic)).status_code == 201
    daemon.delay = 0
    assert (
        await machine.request(*asked(GOOD)[0][:2], content=b"a letter", headers={"content-type": "text/plain"})
    ).status_code == 201


async def answer_to(client: Client, content: bytes) -> tuple[str, str, str, str]:
    answer = await client.send(content)
    error = answer.segment("ERR")
    return (
        (answer.value("MSA-1"), error.whole(2), error.value("3.1"), error.value("8"))
        if error
        else (answer.value("MSA-1"), "", "", "")
    )


async def test_by_mllp_a_letter_that_carries_it_is_refused_where_it_stands_and_kept_apart(
    scanned: Platform, daemon: Daemon
) -> None:
    async with mllp_door(scanned) as (host, port), await Client.connect(host, port) as client:
        code, place, error, words = await answer_to(client, message(letter_with(EVIL)))
        assert (code, place, error) == ("AE", "OBX^1^5^1^5", "102")
        assert FOUND in words
        assert "malveillant" in words
        assert await kept(scanned) == {"res": 0, "ver": 0, "documents_identity": 0, "files": 0}
        daemon.delay = 30
        code, _, error, words = await answer_to(client, message(letter_with(GOOD)))
        assert (code, error) == ("AE", "207")
        assert "réessayez plus tard" in words
        assert (await kept(scanned))["files"] == 0
        daemon.delay = 0
        assert (await answer_to(client, message(letter_with(GOOD))))[0] == "AA"
        assert (await kept(scanned))["files"] == 1
    async with scanned.database.transaction() as conn:
        rows = await (await conn.execute("select id from exchange_quarantine")).fetchall()
    assert len(rows) == 2, "both are there to be looked at, as they came"


def message(document: bytes) -> bytes:
    return letter(document, control_id=uuid4().hex[:12], at=NOON)


async def test_by_import_nothing_of_a_batch_that_holds_it_is_kept(scanned: Platform, tmp_path: Path) -> None:
    path = tmp_path / "resources.ndjson"
    basic = {"resourceType": "Basic", "code": {"text": "x"}}
    evil = {"resourceType": "Binary", "contentType": "text/plain", "data": EVIL}
    path.write_text("\n".join(json.dumps(one) for one in (basic, evil)))
    with pytest.raises(SetupError, match=f"lines 1 to 2: .*{FOUND}"):
        await asyncio.to_thread(import_resources, scanned.config, [path])
    assert (await kept(scanned))["res"] == 0
    path.write_text(json.dumps(basic))
    assert await asyncio.to_thread(import_resources, scanned.config, [path]) == 0
    assert (await kept(scanned))["res"] == 1


async def test_the_check_says_whether_files_are_looked_at(scanned: Platform, daemon: Daemon) -> None:
    part = dict(CHECKS)["antivirus"]
    assert "EMULATOR" in await part(scanned)
    assert "ne sont pas examinés" in await part(replace(scanned, config=Config()))
    daemon.says = b"HTTP/1.1 400 UNKNOWN COMMAND"
    with pytest.raises(SetupError):
        await part(scanned)
