"""Bodies made to fill a memory or a stack, and addresses made to be fetched: refused at once, and nothing is asked of anybody."""

import asyncio
import base64
import gzip
import io
import re
import time
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
import pytest
from starlette.applications import Starlette

import maillage
from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.http.csrf import masked
from maillage.http.request import MOST_FIELDS, MOST_FILES
from tests.support.asgi import Asked, ask
from tests.support.attacked import actor_of
from tests.support.pages import client_of
from tests.support.people import MACHINE, SEED

SECONDS = 3.0  # of the processor: others may be at work on the machine
PATIENCE = 60.0
JSON, XML = "application/fhir+json", "application/fhir+xml"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
BODIES = {
    "arrays in arrays": (JSON, b'{"resourceType":"Basic","code":' + b"[" * 500_000),
    "objects in objects": (JSON, b'{"resourceType":"Basic","extension":' * 100_000),
    "extensions in extensions": (JSON, b'{"resourceType":"Basic","code":{"text":"x"},"extension":[' + b'{"url":"u","extension":[' * 2_000 + b"]}" * 2_000 + b"]}"),
    "a number without end": (JSON, b'{"resourceType":"Observation","valueQuantity":{"value":' + b"9" * 1_000_000 + b"}}"),
    "an exponent without end": (JSON, b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1e999999999}}'),
    "a hundred thousand names": (JSON, b'{"resourceType":"Basic",' + b",".join(b'"a%d":1' % n for n in range(100_000)) + b"}"),
    "elements in elements": (XML, b'<Basic xmlns="http://hl7.org/fhir">' + b"<extension>" * 200_000),
    "a billion laughs": (XML, f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]><Basic xmlns="http://hl7.org/fhir"><id value="&l11;"/></Basic>'.encode()),
    "an entity of quadratic growth": (XML, f'<!DOCTYPE x [<!ENTITY a "{"h" * 100_000}">]><Basic xmlns="http://hl7.org/fhir"><id value="{"&a;" * 1_000}"/></Basic>'.encode()),
    "a file of the server": (XML, b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Basic xmlns="http://hl7.org/fhir"><code><text value="&a;"/></code></Basic>'),
    "an attribute without end": (XML, b'<Basic xmlns="http://hl7.org/fhir"><id value="' + b"a" * 12_000_000 + b'"/></Basic>'),
}  # fmt: skip


@pytest.fixture
async def machine(attacked: Starlette, access: Access) -> AsyncIterator[httpx.AsyncClient]:
    async with await client_of(attacked, access, MACHINE, accept=JSON) as client:
        yield client


def grown() -> float:
    return psutil.Process().memory_info().rss / 1e6


async def test_a_body_made_to_grow_is_refused_soon_and_in_little_memory(machine: httpx.AsyncClient) -> None:
    for what, (kind, body) in BODIES.items():
        before, began = grown(), time.process_time()
        answer = await asyncio.wait_for(machine.post("/fhir/Basic", content=body, headers={"content-type": kind}), PATIENCE)
        assert time.process_time() - began < SECONDS, what
        assert 400 <= answer.status_code < 500, what
        assert "root:" not in answer.text, what
        assert len(answer.content) < 100_000, what
        assert grown() - before < 400, what


async def test_a_body_that_is_packed_is_not_unpacked(machine: httpx.AsyncClient, attacked: Starlette, access: Access) -> None:
    packed = gzip.compress(b'{"resourceType":"Basic","code":{"text":"' + b"a" * 50_000_000 + b'"}}')
    for coding in ("gzip", "deflate", "br", "gzip, gzip"):
        before = grown()
        headers = {"content-type": JSON, "content-encoding": coding}
        assert (await machine.post("/fhir/Basic", content=packed, headers=headers)).status_code in (400, 415), coding
        assert grown() - before < 100, coding
    form = Asked(
        "POST", b"/connexion", (("content-encoding", "gzip"), ("content-type", "application/x-www-form-urlencoded")), packed
    )
    assert (await ask(attacked, form, token=await access.issue_token(actor_of(Role.GP), lifetime=timedelta(hours=1)))).status in (
        403,
        405,
    )


async def test_an_archive_that_is_stored_is_given_back_as_it_came(machine: httpx.AsyncClient) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../etc/cron.d/evil", b"0" * 20_000_000)
    before = grown()
    binary = {"resourceType": "Binary", "contentType": "application/zip", "data": base64.b64encode(held.getvalue()).decode()}
    made = await machine.post("/fhir/Binary", json=binary)
    assert made.status_code == 201
    back = await machine.get(f"/fhir/Binary/{made.json()['id']}", headers={"accept": "application/zip"})
    assert back.content == held.getvalue()
    assert grown() - before < 100


async def test_a_form_of_many_fields_or_files_is_refused(attacked: Starlette, access: Access) -> None:
    secret = await access.sign_in(actor_of(Role.GP))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(attacked), base_url="http://maillage.test") as client:
        client.headers["cookie"] = f"maillage={secret}"
        token = {"csrf": masked(secret)}
        fields = {f"a{n}": "x" for n in range(MOST_FIELDS)}
        files = [(f"f{n}", (f"{n}.txt", b"x")) for n in range(MOST_FILES + 1)]
        assert (await client.post("/situation", data=token)).status_code == 422  # read, and no place chosen
        for sent in ({"data": fields | token}, {"data": token, "files": files}, {"data": fields | token, "files": files[:1]}):
            assert (await asyncio.wait_for(client.post("/situation", **sent), PATIENCE)).status_code == 400
        broken = {"content-type": "multipart/form-data; boundary=x"}
        for body in (b"", b"--x", b"--x\r\nContent-Disposition: form-data\r\n\r\n", b"--x\r\n" * 1_000, b"\0" * 1_000):
            answer = await client.post("/situation", content=body, headers=broken)
            assert answer.status_code in (400, 403), body[:20]


async def test_an_address_that_a_record_names_is_not_fetched(machine: httpx.AsyncClient, access: Access) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/fetched"
    named = [
        {"resourceType": "Subscription", "status": "requested", "reason": "x", "criteria": "Patient?", "channel": {"type": "rest-hook", "endpoint": url}},
        {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": {"url": url}}], "subject": {"reference": "Patient/anne"}},
        {"resourceType": "Patient", "id": "anne", "photo": [{"url": url}], "implicitRules": url},
        {"resourceType": "Basic", "code": {"text": "x"}, "meta": {"profile": [url], "source": url}, "subject": {"reference": url}},
        {"resourceType": "Endpoint", "status": "active", "connectionType": {"code": "x"}, "payloadType": [{"text": "x"}], "address": url},
        {"resourceType": "ValueSet", "status": "active", "url": url, "compose": {"include": [{"system": url, "valueSet": [url]}]}},
    ]  # fmt: skip
    async with server:
        for one in named:
            await machine.post(f"/fhir/{one['resourceType']}", json=one)
            await machine.post(f"/fhir/{one['resourceType']}/$validate?profile={url}", json=one)
        for query in (f"Patient?_query={url}", f"Observation?code:in={url}", f"Patient?link={url}", f"Basic?_profile={url}"):
            await machine.get(f"/fhir/{query}")
        wanted = {
            "resourceType": "Bundle",
            "type": "batch",
            "entry": [{"fullUrl": url, "request": {"method": "GET", "url": url}}],
        }
        await machine.post("/fhir", json=wanted)
        async with access.act(SEED) as ctx:
            await ctx.records.read("Patient", "anne")
    assert asked == []


CALLS_OUT = {
    "app.py": "whether the MLLP door answers, for /health",
    "connectors/listening.py": "an emulator waits for its own door",
    "connectors/clamd/client.py": "the scanner of the settings",
    "connectors/mail/mailer.py": "the mail server of the settings",
    "connectors/mllp/client.py": "what `maillage send` sends to",
    "connectors/outgoing.py": "the keys of a registered software, and the push services of the settings, at a public address that is checked and held to",
    "connectors/psc/relying_party.py": "the identity providers of the settings",
    "operator/children.py": "whether a process that the demonstration started listens",
    "operator/checks.py": "the parts of the settings, for `maillage check`",
    "operator/sending.py": "what `maillage send` sends to",
    "files/blobs.py": "the object store of the settings",
}
"""What opens a connection to elsewhere, and to where: an address of the settings, or by `outgoing`, none that a record or a request names."""


def test_what_calls_out_is_known() -> None:
    brought = r"^\s*(?:import|from) (?:httpx|aiosmtplib|urllib\.request|requests|aiohttp|obstore)\b"
    calls = re.compile(rf"{brought}|open_connection\(|open_unix_connection\(|create_connection\(", re.MULTILINE)
    root = Path(maillage.__file__).parent
    sources = (one for one in root.rglob("*.py") if "tests" not in one.parts and "emulator" not in one.parts)
    found = {str(one.relative_to(root)) for one in sources if calls.search(one.read_text(encoding="utf-8"))}
    assert found == set(CALLS_OUT)
