"""Refused messages: read, corrected and replayed, dismissed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from maillage.access.access import Access
from maillage.access.actors import Actor, ActorKind, Role, job_actor
from maillage.access.context import Context
from maillage.clock import FixedClock
from maillage.connectors.mllp.er7 import Message
from maillage.db import Database
from maillage.errors import Conflict, Forbidden, Invalid, NotFound
from maillage.fhir.store import Store
from maillage.files import LocalFiles
from maillage.services.exchange.public import Handled, Refused, handles
from maillage.services.exchange.resources.sheets import editable
from maillage.services.exchange.service import quarantine, routes, watch
from maillage.services.exchange.service.receiving import Arrival, Outcome, receive

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def someone(role: Role) -> Actor:
    return Actor(id=f"staff:{role}", kind=ActorKind.PROFESSIONAL, name=str(role), roles=frozenset({role}))


STEWARD, OPERATOR, GP = someone(Role.STEWARD), someone(Role.OPERATOR), someone(Role.GP)


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    async def admit(ctx: Context, message: Message) -> Handled:
        if message.value("PID-8") == "X":
            raise Refused.at("PID-8", "le sexe « X » n'est pas connu", error="103")
        written = await ctx.records.write({"resourceType": "Patient", "name": [{"family": message.value("PID-5.1")}]})
        return Handled(records=(f"Patient/{written['id']}",))

    handles("TST^T03")(admit)
    yield
    del routes._handlers["TST^T03"]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def access(database: Database, tmp_path: Path, clock: FixedClock) -> Access:
    return Access(database, store=Store(), files=LocalFiles(tmp_path / "files"), clock=clock)


def tst(control_id: str = "1", *, sex: str = "X") -> bytes:
    return (
        f"MSH|^~\\&|RIS|HOP|PFI|REG|20260101||TST^T03|{control_id}|P|2.6|||||FRA|UNICODE UTF-8\r"
        f"PID|1||3||NOËL^Zoé||19790328|{sex}\r"
    ).encode()


async def sent(access: Access, content: bytes) -> Outcome:
    return await receive(access, Arrival(content=content, peer="test", at=access.clock.now()))


async def only_entry(access: Access) -> quarantine.Detail:
    async with access.act(STEWARD, read_only=True) as ctx:
        [entry] = await quarantine.entries(ctx)
        return await quarantine.detail(ctx, entry.id)


async def codes(database: Database) -> list[tuple[str, str]]:
    async with database.transaction() as connection:
        cursor = await connection.execute(b"select state, code from exchange_message order by id")
        return [(row["state"], row["code"]) for row in await cursor.fetchall()]


async def replayed(access: Access, entry: str, text: str) -> quarantine.Attempt:
    async with access.act(STEWARD) as ctx:
        return await quarantine.replay(ctx, access, entry_id=entry, text=text)


async def test_a_refused_message_waits_with_its_original_place_and_reason(access: Access) -> None:
    await sent(access, tst())
    found = await only_entry(access)
    assert found.original == tst()
    assert (str(found.entry.place), found.entry.error, found.entry.source) == ("PID-8", "103", "RIS|HOP")
    assert found.entry.text == "le sexe « X » n'est pas connu"
    assert found.attempts == ()


async def test_a_corrected_message_is_accepted_once_and_the_original_kept(access: Access, database: Database) -> None:
    await sent(access, tst())
    found = await only_entry(access)
    attempt = await replayed(access, found.entry.id, editable(found.original).replace("|X", "|F"))
    assert (attempt.number, attempt.code, attempt.actor) == (1, "AA", "staff:steward")
    async with access.act(STEWARD) as ctx:
        after = await quarantine.detail(ctx, found.entry.id)
        assert (after.entry.state, after.entry.closed_by, after.original) == ("replayed", "staff:steward", tst())
        assert await quarantine.entries(ctx) == []
    assert await codes(database) == [("replayed", "AE"), ("accepted", "AA")]


async def test_a_sender_who_sends_the_original_again_gets_the_answer_of_its_correction(
    access: Access, database: Database
) -> None:
    await sent(access, tst())
    found = await only_entry(access)
    await replayed(access, found.entry.id, editable(found.original).replace("|X", "|F"))
    again = await sent(access, tst())
    assert (again.code, b"MSA|AA|1" in again.answer) == ("AA", True)
    assert len(await codes(database)) == 2


async def test_a_correction_that_is_refused_again_is_kept_as_an_attempt(access: Access) -> None:
    await sent(access, tst())
    found = await only_entry(access)
    for text in (editable(found.original), editable(found.original).replace("TST^T03", "TST^T77")):
        await replayed(access, found.entry.id, text)
    after = await only_entry(access)
    assert [(one.number, one.code, one.place) for one in after.attempts] == [(1, "AE", "PID-8"), (2, "AR", "MSH-9.2")]
    assert after.entry.state == "open"


async def test_the_same_text_is_accepted_when_it_was_we_who_failed(access: Access, database: Database) -> None:
    broken = routes._handlers.pop("TST^T03")
    await sent(access, tst(sex="F"))
    routes._handlers["TST^T03"] = broken
    found = await only_entry(access)
    assert (await replayed(access, found.entry.id, editable(found.original))).code == "AA"
    assert (await sent(access, tst(sex="F"))).code == "AA"
    assert [code for _, code in await codes(database)] == ["AR", "AA"]


async def test_a_message_is_dismissed_with_a_reason_and_only_once(access: Access, database: Database) -> None:
    await sent(access, tst())
    found = await only_entry(access)
    async with access.act(STEWARD) as ctx:
        with pytest.raises(Invalid):
            await quarantine.dismiss(ctx, entry_id=found.entry.id, reason="  ")
        await quarantine.dismiss(ctx, entry_id=found.entry.id, reason="message d'essai")
        with pytest.raises(Conflict):
            await quarantine.dismiss(ctx, entry_id=found.entry.id, reason="encore")
    with pytest.raises(Conflict):
        await replayed(access, found.entry.id, "x")
    assert await codes(database) == [("dismissed", "AE")]
    async with access.act(STEWARD) as ctx:
        [closed] = await quarantine.entries(ctx, state="dismissed")
        assert closed.closed_reason == "message d'essai"


async def test_the_list_is_paged_latest_first(access: Access, clock: FixedClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "PAGE", 3)
    for number in range(5):
        await sent(access, tst(str(number)))
    async with access.act(OPERATOR) as ctx:
        first = await quarantine.entries(ctx)
        second = await quarantine.entries(ctx, after=first[-1])
    assert len(first) == 3
    assert sorted(entry.control_id for entry in first + second) == list("01234")


async def test_only_those_who_keep_the_flows_see_the_quarantine(access: Access) -> None:
    await sent(access, tst())
    found = await only_entry(access)
    async with access.act(GP) as ctx:
        with pytest.raises(Forbidden):
            await quarantine.entries(ctx)
        with pytest.raises(Forbidden):
            await quarantine.detail(ctx, found.entry.id)
        with pytest.raises(Forbidden):
            await quarantine.replay(ctx, access, entry_id=found.entry.id, text="x")


async def test_who_reads_replays_or_dismisses_an_original_is_in_the_trail(
    access: Access, database: Database, clock: FixedClock
) -> None:
    await sent(access, tst())
    found = await only_entry(access)
    clock.advance(timedelta(minutes=1))
    await replayed(access, found.entry.id, editable(found.original))
    clock.advance(timedelta(minutes=1))
    async with access.act(STEWARD) as ctx:
        await quarantine.dismiss(ctx, entry_id=found.entry.id, reason="essai")
    async with database.transaction() as connection:
        cursor = await connection.execute(b"select actor, action from audit where type = 'quarantine' order by at")
        traced = [(row["actor"], row["action"]) for row in await cursor.fetchall()]
    assert traced == [("staff:steward", "R"), ("staff:steward", "E"), ("staff:steward", "U")]


@pytest.mark.parametrize("name", ["x", "00000000-0000-0000-0000-000000000000"])
async def test_an_unknown_entry_is_not_found(access: Access, name: str) -> None:
    async with access.act(STEWARD) as ctx:
        with pytest.raises(NotFound):
            await quarantine.detail(ctx, name)


async def test_the_health_of_a_source_tells_what_came_and_what_waits(access: Access) -> None:
    await sent(access, tst("1", sex="F"))
    await sent(access, tst("2"))
    async with access.act(OPERATOR) as ctx:
        [source] = await watch.sources(ctx)
    figures: dict[str, Any] = {"hour": source.hour, "day": source.day, "refused": source.refused, "waiting": source.waiting}
    assert figures == {"hour": 2, "day": 2, "refused": 1, "waiting": 1}
    assert (source.source, source.state) == ("RIS|HOP", "watch")


async def test_other_services_add_their_connectors(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_probes", [])

    async def mail(ctx: Context) -> list[watch.Connector]:
        return [watch.Connector(name="Courrier", kind="SMTP", state="bad", fact="Ne répond pas depuis 10 min")]

    watch.watches(mail)
    watch.watches(mail)
    async with access.act(OPERATOR) as ctx:
        [line] = await watch.connectors(ctx)
    assert line.name == "Courrier"


@pytest.mark.parametrize("sent_again", [False, True], ids=["replayed", "sent again"])
async def test_what_a_message_became_is_erased_with_its_texts(access: Access, database: Database, sent_again: bool) -> None:
    await sent(access, tst("other"))
    await sent(access, tst())
    async with access.act(STEWARD, read_only=True) as ctx:
        [entry] = [one for one in await quarantine.entries(ctx) if one.control_id == "1"]
        text = editable((await quarantine.detail(ctx, entry.id)).original)
    if sent_again:
        async with access.act(STEWARD) as ctx:
            await quarantine.dismiss(ctx, entry_id=entry.id, reason="renvoyé par l'établissement")
        await sent(access, tst(sex="F"))
    else:
        assert (await replayed(access, entry.id, text.replace("|X", "|F"))).code == "AA"
    async with database.reading() as connection:
        rows = await (
            await connection.execute(
                "select unnest(records) as name from exchange_message where state in ('accepted', 'replayed')"
            )
        ).fetchall()
    [name] = {row["name"] for row in rows}

    async def texts() -> list[str]:
        async with database.reading() as connection:
            cursor = await connection.execute(
                "select control_id from exchange_quarantine where position(convert_to('Zoé', 'UTF8') in original) > 0"
                " union all select 'attempt' from exchange_attempt where position(convert_to('Zoé', 'UTF8') in content) > 0"
            )
            return sorted(row["control_id"] for row in await cursor.fetchall())

    assert "1" in await texts()
    async with access.act(job_actor("tests/erase")) as ctx:
        await ctx.records.erasing.erase("p", [("Patient", name.removeprefix("Patient/"))], because="r")
    assert await texts() == ["other"]
