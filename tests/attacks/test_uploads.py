"""Bodies of forms that never end, come a byte at a time, or are made to fill a memory; and files that are nothing, or have the name of a header."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psutil
import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette

from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.http import limits
from maillage.http.csrf import masked
from maillage.http.routes import API_BODY, PAGE_BODY
from maillage.services.messaging import pages
from maillage.services.messaging.tests.test_messaging_conversations import GP, begun, territory
from tests.support.asgi import Asked, ask
from tests.support.attacked import actor_of
from tests.support.browser import HERE
from tests.support.people import MACHINE

__all__ = ["territory"]
Receive = Callable[[], Awaitable[dict[str, Any]]]
MULTIPART = ("content-type", "multipart/form-data; boundary=x")
URLENCODED = ("content-type", "application/x-www-form-urlencoded")
FHIR = ("content-type", "application/fhir+json")
PATIENCE, SECONDS, MEGABYTES = 30.0, 4.0, 150
DOORS = [(b"/situation", MULTIPART), (b"/situation", URLENCODED), (b"/fhir/Basic", FHIR), (b"/fhir", FHIR), (b"/fhir/Patient/_search", URLENCODED)]  # fmt: skip
FIELD = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
FILE = b'--x\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\nContent-Type: text/plain\r\n\r\n%s\r\n'


def coming(piece: bytes, *, first: bytes = b"", pause: float = 0.0) -> Receive:
    """A body that goes on for ever."""
    begins = [first]

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": begins.pop() if begins else piece, "more_body": True}

    return receive


@pytest.fixture
async def token(access: Access) -> Callable[[bytes], Awaitable[str]]:
    async def of(target: bytes) -> str:
        actor = MACHINE if target.startswith(b"/fhir") else actor_of(Role.GP)
        return await access.issue_token(actor, lifetime=timedelta(hours=1))

    return of


async def test_a_body_without_end_is_cut_where_it_is_too_long(attacked: Starlette, token: Any) -> None:
    before, began = psutil.Process().memory_info().rss, time.process_time()
    for target, kind in DOORS:
        for piece in (b"a=" + b"b" * 65_534, FIELD % (b"n", b"v" * 60_000)):
            asked = Asked("POST", target, (kind,))
            answer = await asyncio.wait_for(ask(attacked, asked, token=await token(target), receive=coming(piece)), PATIENCE)
            assert answer.status in (400, 413), target
    assert time.process_time() - began < SECONDS
    assert (psutil.Process().memory_info().rss - before) / 1e6 < MEGABYTES


async def test_who_sends_a_byte_now_and_then_is_answered_and_holds_up_nobody(
    attacked: Starlette, token: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of one door are more than there are connections to the database."""
    monkeypatch.setattr(limits, "PATIENCE", 1.5)
    sent = []
    for target, kind in DOORS:
        first = (FIELD % (b"n", b"v")).removesuffix(b"\r\n") if kind == MULTIPART else b""
        key = await token(target)
        for pause in (0.05, 3600.0) * 6:
            slow = ask(attacked, Asked("POST", target, (kind,)), token=key, receive=coming(b"a", first=first, pause=pause))
            sent.append(asyncio.create_task(slow))
    await asyncio.sleep(0.3)
    assert not any(one.done() for one in sent)
    body = b'{"resourceType":"Basic","code":{"text":"x"}}'
    other = ask(attacked, Asked("POST", b"/fhir/Basic", (FHIR,), body), token=await token(b"/fhir"))
    assert (await asyncio.wait_for(other, 5)).status == 201
    answers = await asyncio.wait_for(asyncio.gather(*sent), PATIENCE)
    assert {one.status for one in answers} == {408}
    assert {one.headers["connection"] for one in answers} == {"close"}


async def test_what_comes_slowly_and_steadily_comes_whole(
    attacked: Starlette, token: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PATIENCE", 0.3)
    pieces = [b'{"resourceType":"Basic","code":{"text":"', *[b"a" * 600] * 8, b'"}}']

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.1)
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    answer = await ask(attacked, Asked("POST", b"/fhir/Basic", (FHIR,)), token=await token(b"/fhir"), receive=receive)
    assert answer.status == 201
    assert answer.seconds > 0.9, "longer than a body of no bytes has"


MADE = {
    "thousands of fields": FIELD % (b"a", b"b") * 15_000,
    "thousands of empty parts": b"--x\r\n\r\n\r\n" * 100_000,
    "thousands of files": FILE % (b"a", b"b") * 8_000,
    "thousands of files of no byte": FILE % (b"a", b"") * 8_000,
    "a field with an endless name": FIELD % (b"n" * (PAGE_BODY - 200), b"v"),
    "a file with an endless name": FILE % (b"n" * (PAGE_BODY - 200), b"v"),
    "a part of endless headers": b"--x\r\n" + b"X-A: b\r\n" * 100_000,
    "a part of one endless header": b"--x\r\nX-A: " + b"b" * (PAGE_BODY - 100),
    "a part with a parameter said over and over": b"--x\r\nContent-Disposition: form-data" + b'; name="a"' * 80_000 + b"\r\n\r\nv\r\n--x--",
    "an opening without end": b"-" * (PAGE_BODY - 10),
    "quotes without end": b'--x\r\nContent-Disposition: form-data; name="' + b'\\"' * 500_000,
}  # fmt: skip


@pytest.mark.parametrize("what", MADE)
async def test_a_form_made_to_be_long_to_read_is_refused_soon_in_little_memory(
    attacked: Starlette, access: Access, what: str
) -> None:
    secret = await access.sign_in(actor_of(Role.GP))
    headers = {"content-type": MULTIPART[1], "accept": "text/html"}
    async with AsyncClient(transport=ASGITransport(attacked), base_url=HERE, cookies={"maillage": secret}) as client:
        for what, made in MADE.items():
            body = (made + b"\r\n--x--\r\n")[:PAGE_BODY]
            before, began = psutil.Process().memory_info().rss, time.process_time()
            answer = await asyncio.wait_for(client.post("/situation", content=body, headers=headers), PATIENCE)
            assert answer.status_code in (400, 403), what
            assert time.process_time() - began < SECONDS, what
            assert (psutil.Process().memory_info().rss - before) / 1e6 < MEGABYTES, what
        right = (
            MADE["thousands of fields"][: len(FIELD % (b"a", b"b")) * 10]
            + FIELD % (b"csrf", masked(secret).encode())
            + b"--x--\r\n"
        )
        assert (await client.post("/situation", content=right, headers=headers)).status_code == 422, "read, and no place chosen"


async def test_a_boundary_that_is_none_is_refused(attacked: Starlette, access: Access) -> None:
    key = await access.issue_token(actor_of(Role.GP), lifetime=timedelta(hours=1))
    for boundary in ("", "x" * 100_000, "é", '"', "x; boundary=y", "\x00"):
        kind = ("content-type", f"multipart/form-data; boundary={boundary}")
        asked = Asked("POST", b"/situation", (kind,), MADE["thousands of files"])
        assert (await asyncio.wait_for(ask(attacked, asked, token=key), PATIENCE)).status in (400, 422), boundary[:20]


async def test_a_length_that_is_not_that_of_the_body_is_not_believed(attacked: Starlette, token: Any) -> None:
    body, key = b'{"resourceType":"Basic","code":{"text":"x"}}', await token(b"/fhir")
    for length in ("0", "1", "99999999999", "-1", "x", "1e3", "9" * 5_000):
        asked = Asked("POST", b"/fhir/Basic", (FHIR, ("content-length", length)), body)
        answer = await asyncio.wait_for(ask(attacked, asked, token=key), PATIENCE)
        assert answer.status == (413 if length.startswith("99") else 201), length[:20]
    long = Asked("POST", b"/fhir/Basic", (FHIR, ("content-length", "1")), b"a" * (API_BODY + 1))
    assert (await asyncio.wait_for(ask(attacked, long, token=key), PATIENCE)).status == 413


NAMED = (
    ("vide.pdf", b"", 422),
    ("vide.jpg", b"", 422),
    ("a\r\nSet-Cookie: x=y.txt", b"texte", 303),
    ('a"; filename="b.exe', b"texte", 303),
    ("a\x00b.txt", b"texte", 303),
)


async def test_a_file_of_nothing_or_with_the_name_of_a_header_does_no_harm(
    territory: None, access: Access, application: Any
) -> None:
    secret, thread = await access.sign_in(GP), await begun(access)
    page = {"accept": "text/html"}
    async with AsyncClient(transport=ASGITransport(application(pages)), base_url=HERE, cookies={"maillage": secret}) as client:
        for name, content, status in NAMED:
            fields = {"csrf": masked(secret), "cle": str(uuid4()), "message": "Voyez"}
            body = b"".join(FIELD % (key.encode(), value.encode()) for key, value in fields.items())
            head = (
                f'--x\r\nContent-Disposition: form-data; name="fichiers"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'
            )
            body += head.encode() + content + b"\r\n--x--\r\n"
            answer = await client.post(f"/messages/{thread}", content=body, headers=page | {"content-type": MULTIPART[1]})
            assert answer.status_code == status, name
            assert "set-cookie" not in answer.headers, name
            assert (await client.get(f"/messages/{thread}", headers=page)).status_code == 200, name
            if status != 303:
                continue
            async with access.act(GP, read_only=True) as ctx:
                found = await ctx.records.find("DocumentReference", {"_count": "50"})
            kept = max(found, key=lambda one: one["meta"]["lastUpdated"])
            assert not set(kept["content"][0]["attachment"]["title"]) & set("\r\n\x00"), name
            file = await client.get(f"/messages/pieces/{kept['id']}")
            assert (file.status_code, file.content) == (200, content), name
            assert file.headers["content-type"] == "application/octet-stream", name
            assert "x=y" not in file.headers.get("set-cookie", ""), name
