"""Forms that are sent again: carried out once, whatever was lost on the way."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role
from maillage.access.context import Context
from maillage.access.permissions import Permission
from maillage.access.platform import Platform
from maillage.clock import FixedClock, SystemClock
from maillage.config import Config
from maillage.db import Database
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.http import Request, action, redirect
from maillage.http.app import create_app
from maillage.http.csrf import masked
from maillage.http.once import KEPT, fresh_key

DOOR = "http://door.example"
FILES = {"photo": ("plaie.jpg", b"\xff\xd8 one", "image/jpeg")}


def writer(name: str) -> Actor:
    """Somebody who may write what is of no patient."""
    roles = frozenset({Role.SYSTEM, Role.NURSE})
    return Actor(id=name, kind=ActorKind.SYSTEM, name=name, roles=roles, reference=f"Device/{name}", scopes=("system/*.*",))


async def note(request: Request, ctx: Context) -> Response:
    """Writes what was sent, and leads to it; `faute` answers a page, `panne` dies when all is written, `ailleurs` sets a cookie."""
    form = await request.form()
    text = str(form.get("note", ""))
    if text == "faute":
        return PlainTextResponse("Il manque un mot", status_code=422)
    written = await ctx.records.write({"resourceType": "Organization", "name": text})
    if text == "panne":
        raise ZeroDivisionError
    led = redirect(f"/notes/{written['id']}")
    if text == "ailleurs":
        led.set_cookie("a", "b")
    return led


@pytest.fixture
def platform(database: Database, tmp_path: Path) -> Platform:
    clock, files = FixedClock(SystemClock().now()), LocalFiles(tmp_path)
    return Platform(Config(base_url=DOOR), clock, database, files, Access(database, store=Store(), files=files, clock=clock))


class Sender:
    """Somebody with a page open."""

    def __init__(self, platform: Platform, session: str) -> None:
        routes = [action(path, note, permission=Permission.SIGNED_IN) for path in ("/notes", "/autres")]
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(create_app(platform, routes)), base_url=DOOR)
        self.client.cookies.set("maillage", session)
        self._session = session

    async def send(
        self, key: str, text: str, *, to: str = "/notes", files: dict[str, tuple[str, bytes, str]] | None = None
    ) -> httpx.Response:
        return await self.client.post(to, data={"csrf": masked(self._session), "envoi": key, "note": text}, files=files)


@pytest.fixture
async def nora(platform: Platform) -> AsyncIterator[Sender]:
    sender = Sender(platform, await platform.access.sign_in(writer("nora")))
    async with sender.client:
        yield sender


async def names(platform: Platform) -> list[str]:
    async with platform.access.act(writer("nora")) as ctx:
        return sorted(one["name"] for one in await ctx.records.find("Organization"))


async def kept(platform: Platform) -> int:
    async with platform.database.transaction() as conn:
        row = await (await conn.execute("select count(*) as n from form_sent")).fetchone()
        return int(row["n"]) if row else 0


async def test_a_form_whose_answer_was_lost_is_sent_again_and_leads_to_the_same_place(nora: Sender, platform: Platform) -> None:
    key = fresh_key()
    first, again = await nora.send(key, "vu"), await nora.send(key, "vu")
    assert first.status_code == again.status_code == 303
    assert first.headers["location"] == again.headers["location"]
    assert await names(platform) == ["vu"]


async def test_the_same_form_sent_twice_at_once_is_carried_out_once(nora: Sender, platform: Platform) -> None:
    key = fresh_key()
    answers = await asyncio.gather(*(nora.send(key, "vu") for _ in range(6)))
    assert len({one.headers["location"] for one in answers}) == 1
    assert await names(platform) == ["vu"]


async def test_another_page_another_text_another_file_another_address_is_another_act(nora: Sender, platform: Platform) -> None:
    key = fresh_key()
    await nora.send(key, "un")
    await nora.send(key, "deux")
    await nora.send(fresh_key(), "un")
    await nora.send(key, "un", to="/autres")
    await nora.send(key, "photo", files=FILES)
    await nora.send(key, "photo", files=FILES)
    await nora.send(key, "photo", files={"photo": ("plaie.jpg", b"\xff\xd8 two", "image/jpeg")})
    assert await names(platform) == ["deux", "photo", "photo", "un", "un", "un"]


async def test_the_key_of_somebody_is_no_key_of_another(nora: Sender, platform: Platform) -> None:
    key = fresh_key()
    mine = await nora.send(key, "vu")
    other = Sender(platform, await platform.access.sign_in(writer("lise")))
    async with other.client:
        theirs = await other.send(key, "vu")
    assert mine.headers["location"] != theirs.headers["location"]
    assert await names(platform) == ["vu", "vu"]


async def test_what_died_before_its_end_is_carried_out_by_the_next_sending(nora: Sender, platform: Platform) -> None:
    key = fresh_key()
    assert [(await nora.send(key, "panne")).status_code for _ in range(2)] == [500, 500]
    assert (await names(platform), await kept(platform)) == ([], 0), "neither the act nor its key"
    assert (await nora.send(key, "vu")).status_code == 303


async def test_a_page_of_faults_and_what_is_shown_once_are_answered_anew(nora: Sender, platform: Platform) -> None:
    key = fresh_key()
    assert [(await nora.send(key, "faute")).status_code for _ in range(2)] == [422, 422]
    first, again = await nora.send(key, "ailleurs"), await nora.send(key, "ailleurs")
    assert "set-cookie" in again.headers
    assert first.headers["location"] != again.headers["location"]
    assert await kept(platform) == 0


async def test_a_form_without_a_key_is_taken_each_time(nora: Sender, platform: Platform) -> None:
    for key in ("", "x" * 65):
        await nora.send(key, "vu")
    assert (await names(platform), await kept(platform)) == (["vu", "vu"], 0)


async def test_keys_are_forgotten_after_days(nora: Sender, platform: Platform) -> None:
    key = fresh_key()
    await nora.send(key, "vu")
    platform.clock.advance(KEPT + timedelta(minutes=1))
    session = await platform.access.sign_in(writer("nora"))
    late = Sender(platform, session)
    async with late.client:
        await late.send(fresh_key(), "autre")
    assert await kept(platform) == 1, "only the new one"
