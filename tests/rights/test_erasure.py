"""An erasure, on all the product: what was erased is in no table and no file, read by no door, and is not brought back."""

import asyncio
import contextlib
import re
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg import sql
from starlette.applications import Starlette

from maillage.access import erasures
from maillage.access.access import Access
from maillage.access.actors import Role
from maillage.access.context import Context
from maillage.access.erasing import _FORGETS, QUERIES, forgets
from maillage.access.platform import Platform
from maillage.app import load_services, web
from maillage.clock import FixedClock, SystemClock
from maillage.connectors.mail import Mailer
from maillage.db import Database
from maillage.errors import Conflict, Gone, MaillageError
from maillage.fhir import ids
from maillage.jobs import Job, JobRunner, Outside, declared_in
from maillage.services.documents import public as documents
from maillage.services.messaging.service import notices as messaging
from maillage.services.rights import jobs
from maillage.services.rights.service.erasing import QUERIES as RIGHTS
from tests.support.browser import HERE
from tests.support.explaining import looked_at
from tests.support.pages import client_of
from tests.support.people import MACHINE, SEED, care_team, officer_of, patient, professional

ZOE, GP, OFFICER = patient("zoe"), professional("gp", Role.GP), officer_of(Role.OFFICER)
MARKER = "quetzalcoatlus"
OF_IT = {"subject": {"reference": "Patient/zoe"}}
HELD = "Vos derniers soins sont trop anciens pour être gardés"

LETTER = f"""<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3" extension="e1"/>
<code code="11490-0" codeSystem="2.16.840.1.113883.6.1" displayName="Lettre de liaison à la sortie"/><title>{MARKER} 1</title>
<effectiveTime value="20261120101500+0100"/><confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><setId root="1.2.3.9"/>
<recordTarget><patientRole><id root="1.9.9" extension="IPP-7"/><patient><name><family qualifier="BR">MARTIN</family><given>ZOÉ</given>
<given qualifier="BR">ZOÉ</given></name><administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/><birthTime value="19500601"/>
</patient></patientRole></recordTarget><author><time value="20261120101500+0100"/><assignedAuthor>
<id root="1.2.250.1.71.4.2.1" extension="810100000001"/><assignedPerson><name><family>EXEMPLE</family><given>Camille</given></name>
</assignedPerson></assignedAuthor></author><custodian><assignedCustodian><representedCustodianOrganization>
<id root="1.2.250.1.71.4.2.2" extension="1330000001"/><name>CHU d'essai</name></representedCustodianOrganization></assignedCustodian></custodian>
<component><structuredBody><component><section><title>Sortie</title><text><paragraph>{MARKER}</paragraph></text>
</section></component></structuredBody></component></ClinicalDocument>""".encode()


@pytest.fixture
def app(platform: Platform) -> Starlette:
    """The whole product, in this process."""
    load_services()
    return web(platform)


@pytest.fixture
async def record(access: Access) -> str:
    """The id of the letter of Zoé, in a record with a bit of everything, some of it deleted and written several times; the marker is in each."""
    load_services()
    person = {
        "resourceType": "Patient", "id": "zoe", "gender": "female", "birthDate": "1950-06-01",
        "name": [{"use": "official", "family": "MARTIN", "given": ["ZOÉ"], "text": MARKER}],
        "identifier": [{"system": "urn:oid:1.9.9", "value": "IPP-7"}],
        "telecom": [{"system": "email", "value": f"{MARKER}@exemple.fr"}],
    }  # fmt: skip
    stay = {
        "resourceType": "Encounter", "id": "stay", "status": "finished", "class": {"code": "IMP"}, "period": {"start": "2026-11-14", "end": "2026-11-20"},
        "type": [{"text": MARKER}], **OF_IT,
    }  # fmt: skip
    glucose = {
        "resourceType": "Observation", "id": "glucose", "status": "final", "code": {"text": MARKER}, "effectiveDateTime": "2026-11-15",
        "valueQuantity": {"value": Decimal("7.31"), "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"}, **OF_IT,
    }  # fmt: skip
    wrong = {"resourceType": "Condition", "id": "wrong", "code": {"text": MARKER}, **OF_IT}
    async with access.act(SEED) as ctx:
        await ctx.records.write(person, care_team("zoe", "Practitioner/gp"), stay, glucose, wrong)
        await ctx.records.write(glucose | {"note": [{"text": f"{MARKER} encore"}]})
        await ctx.records.delete("Condition", "wrong")
    async with access.act(SEED) as ctx:
        received = await documents.receive(ctx, LETTER, origin=documents.Origin(door="mllp", source="CHU", subject="Patient/zoe"))
        await messaging.post(
            ctx, [messaging.News(document=received.document, patient="zoe", author=None, custodian=None)]
        )  # fmt: skip
    return received.document


def outside(folder: Path, clock: FixedClock) -> Outside:
    return Outside(
        mail=Mailer(address="127.0.0.1:9", sender="m@exemple.fr", clock=clock),
        base_url=HERE,
        anchor=folder,
        erasures=folder / "erasures",
    )


async def carried_out(access: Access, folder: Path, clock: FixedClock, id: str) -> None:
    await jobs.erase(Job(name="rights.erase", key="1", outside=outside(folder, clock), access=access), request=id)


async def decided(app: Starlette, access: Access, signed_in: Any, page: str) -> httpx.Response:
    """The officer erases what the page proposes, as a person would: reads it, then fills it in."""
    transport = httpx.ASGITransport(app=app)
    headers = [("accept", "text/html"), *await signed_in(OFFICER)]
    async with httpx.AsyncClient(transport=transport, base_url=HERE, headers=headers) as officer:
        shown = (await officer.get(page)).text
        token, seen = re.findall(r'name="csrf" value="(\w+)"', shown)[-1], re.findall(r'name="vu" value="(\w+)"', shown)[0]
        form = {"csrf": token, "vu": seen, "decision": "effacer", "mots": HELD, "confirmation": "EFFACER"}
        return await officer.post(page, data=form)


async def taken_up(app: Starlette, signed_in: Any, record: str) -> str:
    """The officer takes a record that the night listed: the address of the page of decision."""
    headers = [("accept", "text/html"), *await signed_in(OFFICER)]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE, headers=headers) as officer:
        token = re.findall(r'name="csrf" value="(\w+)"', (await officer.get("/conservation")).text)[-1]
        return str((await officer.post(f"/conservation/{record}", data={"csrf": token})).headers["location"])


def places_of(dsn: str, folder: Path, marker: str) -> dict[str, int]:
    """Where a word is: in which columns of which tables (as text, or as UTF-8 or base64 in bytes), in which files."""
    found: dict[str, int] = {}
    with psycopg.connect(dsn) as connection:
        columns = connection.execute(
            "select table_name, column_name, data_type from information_schema.columns c join information_schema.tables t using (table_schema, table_name)"
            " where table_schema = 'public' and t.table_type = 'BASE TABLE' and data_type <> 'boolean'"
        ).fetchall()
        for table, column, kind in columns:
            text = sql.SQL("encode({}, 'escape')" if kind == "bytea" else "{}::text").format(sql.Identifier(column))
            query = sql.SQL("select count(*) from {} where {} ilike {}").format(
                sql.Identifier(table), text, sql.Literal(f"%{marker}%")
            )
            row = connection.execute(query).fetchone()
            assert row is not None
            if row[0]:
                found[f"{table}.{column}"] = row[0]
    for file in folder.rglob("*"):
        if file.is_file() and marker.encode() in file.read_bytes():
            found["files"] = found.get("files", 0) + 1
    return found


async def test_a_record_past_its_retention_is_erased_from_every_table_and_file(
    app: Starlette, access: Access, database: Database, clock: FixedClock, record: str, signed_in: Any, tmp_path: Path
) -> None:
    before = places_of(database.dsn, tmp_path, MARKER)
    assert {"identity_person.birth_name"} <= places_of(database.dsn, tmp_path, "MARTIN").keys()
    assert {"res.body", "ver.was", "words.words", "files", "res.str"} <= before.keys(), before
    clock.advance(timedelta(days=21 * 366))
    async with access.act(SEED) as ctx:
        await jobs.look_at_retentions.handler(ctx)
    page = await taken_up(app, signed_in, "zoe")
    assert (await decided(app, access, signed_in, page)).headers["location"].startswith("/demandes?vue=repondues")
    assert places_of(database.dsn, tmp_path, MARKER) == before, "nothing is erased before the job"
    id = page.split("/")[2]
    await carried_out(access, tmp_path, clock, id)
    assert places_of(database.dsn, tmp_path, MARKER) == {}
    assert places_of(database.dsn, tmp_path, "MARTIN") == {}, "nor who they were"
    # the trail stays, and says what was erased and why
    async with database.reading() as conn:
        lines = await (
            await conn.execute("select type, id from audit where action = 'D' and query = %s", [f"erased={id}"])
        ).fetchall()
    assert {("Patient", "zoe"), ("DocumentReference", record), ("Observation", "glucose"), ("Condition", "wrong")} <= {
        (one["type"], one["id"]) for one in lines
    }
    # every door
    async with await client_of(app, access, MACHINE, accept="application/fhir+json") as machine:
        for path in (f"DocumentReference/{record}", "Observation/glucose", "Patient/zoe", "Observation/glucose/_history/1"):
            assert (await machine.get(f"/fhir/{path}")).status_code in (404, 410), path
        assert (await machine.get("/fhir/Observation/glucose")).status_code == 410
        for search in (f"Patient?_content={MARKER}", "Observation?value-quantity=7.31", "Observation?subject=Patient/zoe", "Encounter?date=2026-11-15",
                       "Encounter?_revinclude=Observation:encounter", f"DocumentReference?_id={record}", "Communication?category=notification"):  # fmt: skip
            assert "entry" not in (await machine.get(f"/fhir/{search}")).json(), search
        for history in ("Observation/glucose/_history", "Observation/_history", "_history"):
            answer = await machine.get(f"/fhir/{history}")
            assert (answer.status_code, MARKER in answer.text) == (200, False)
        put = await machine.put("/fhir/Observation/glucose", json=_again())
        assert (put.status_code, "was erased" in put.text) == (409, True)
    async with await client_of(app, access, GP, accept="application/fhir+json") as gp:
        assert (await gp.get("/fhir/Observation/glucose")).status_code == 404  # whose it was is forgotten with it
    with pytest.raises(Conflict):
        async with access.act(SEED) as ctx:
            await documents.receive(ctx, LETTER, origin=documents.Origin(door="mllp", source="CHU"))
    # again, as after a kill -9 behind the commit
    await carried_out(access, tmp_path, clock, id)


async def test_what_people_left_about_a_record_by_using_it_goes_with_it(
    app: Starlette, access: Access, database: Database, clock: FixedClock, record: str, signed_in: Any, tmp_path: Path
) -> None:
    """That somebody saw it, read a conversation about it, wants no e-mail by night; the forms that led to it."""
    for actor, page, path, more in (
        (GP, "/patients/zoe", "/patients/zoe/vu", {}),
        (GP, "/patients/zoe/messages/nouveau", "/patients/zoe/messages", {"sujet": "Plaie", "message": "Bonjour"}),
        (ZOE, "/mes-notifications", "/mes-notifications", {"debut": "21:00", "fin": "07:00"}),
    ):
        headers = [("accept", "text/html"), *await signed_in(actor)]
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE, headers=headers) as client:
            text = (await client.get(page)).text
            form = re.findall(rf'<form[^>]*action="{path}".*?</form>', text, re.DOTALL)[0]
            hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
            sent = await client.post(path, data=hidden | more)
            assert sent.status_code == 303, (path, sent.text[-2000:])
    used = ("coordination_seen.", "messaging_read.", "messaging_quiet.", "form_sent.")

    def left() -> set[str]:
        found = places_of(database.dsn, tmp_path, "zoe") | places_of(database.dsn, tmp_path, conversation)
        return {one for one in found if one.startswith(used)}

    async with access.act(SEED) as ctx:
        (said,) = await ctx.records.find("Communication", [("category", "urn:maillage:communication|conversation")])
    conversation = str(said["id"])
    assert {one.partition(".")[0] + "." for one in left()} == set(used)
    page = await whole_record_decided(app, access, clock, signed_in)
    await carried_out(access, tmp_path, clock, page.split("/")[2])
    assert left() == set()


def _again() -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "glucose", "status": "final", "code": {"text": "x"}, **OF_IT}


async def one_message_decided(app: Starlette, access: Access, signed_in: Any, *, write: bool = True) -> str:
    """Zoé wrote a message with the marker, asked for its erasure, and the officer decided so: the id of the request."""
    message = {
        "resourceType": "Communication", "id": "said", "status": "completed", "sender": {"reference": "Patient/zoe"}, "payload": [{"contentString": f"{MARKER}-said"}],
        "sent": "2026-11-20T10:00:00+01:00", **OF_IT,
    }  # fmt: skip
    async with access.act(SEED) as ctx:
        if write:
            await ctx.records.write(message)
    headers = [("accept", "text/html"), *await signed_in(ZOE)]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE, headers=headers) as zoe:
        token = re.findall(r'name="csrf" value="(\w+)"', (await zoe.get("/mes-demandes/effacement")).text)[-1]
        form = {"csrf": token, "mots": "Je ne veux plus que cela se lise", "quoi": "Communication/said"}
        assert (await zoe.post("/mes-demandes/effacement", data=form)).status_code == 303
    headers = [("accept", "text/html"), *await signed_in(OFFICER)]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE, headers=headers) as officer:
        page = re.findall(r'href="(/demandes/[0-9a-f-]{36}/effacement)"', (await officer.get("/demandes")).text)[-1]
    assert (await decided(app, access, signed_in, page)).status_code == 303
    return str(page.split("/")[2])


async def test_one_thing_goes_and_nothing_else_of_the_record(
    app: Starlette, access: Access, database: Database, clock: FixedClock, record: str, signed_in: Any, tmp_path: Path
) -> None:
    before = places_of(database.dsn, tmp_path, MARKER)
    id = await one_message_decided(app, access, signed_in)
    assert "res.body" in places_of(database.dsn, tmp_path, f"{MARKER}-said")
    await carried_out(access, tmp_path, clock, id)
    assert places_of(database.dsn, tmp_path, f"{MARKER}-said") == {}
    assert places_of(database.dsn, tmp_path, MARKER) == before


async def test_who_writes_at_the_same_instant_brings_nothing_back(
    app: Starlette, access: Access, database: Database, clock: FixedClock, record: str, signed_in: Any, tmp_path: Path
) -> None:
    id = await one_message_decided(app, access, signed_in)

    async def put(number: int) -> str:
        again = {
            "resourceType": "Communication", "id": "said", "status": "completed", "sender": {"reference": "Patient/zoe"},
            "payload": [{"contentString": f"{MARKER}-said {number}"}], **OF_IT,
        }  # fmt: skip
        try:
            async with access.act(SEED) as ctx:
                await ctx.records.write(again)
        except MaillageError as refusal:
            return type(refusal).__name__
        return "written"

    assert await put(0) == "written"
    writers = [asyncio.create_task(put(number)) for number in range(1, 12)]
    await carried_out(access, tmp_path, clock, id)
    said = await asyncio.gather(*writers)
    assert set(said) <= {"written", "Conflict"}
    assert await put(99) == "Conflict"
    assert places_of(database.dsn, tmp_path, f"{MARKER}-said") == {}, said


IN_A_PROCESS = """
import asyncio, sys
from datetime import datetime
from pathlib import Path
from maillage.access import erasures
from maillage.clock import FixedClock
from maillage.app import load_services, platform_of
from maillage.config import Config
from maillage.connectors.mail import Mailer
from maillage.jobs import Job, JobRunner, Outside, declared_in
from maillage.services.rights import jobs

async def main(dsn, data, request, now):
    load_services()
    config = Config(data=Path(data), database_url=dsn)
    async with platform_of(config, clock=FixedClock(datetime.fromisoformat(now))) as platform:
        mail = Mailer(address="127.0.0.1:9", sender="m@exemple.fr", clock=platform.clock)
        outside = Outside(mail=mail, base_url="http://x", anchor=Path(data), erasures=erasures.folder_of(config))
        await jobs.erase(Job(name="rights.erase", key="1", outside=outside, access=platform.access), request=request)

asyncio.run(main(*sys.argv[1:]))
"""


async def killed_while(dsn: str, folder: Path, request: str, clock: FixedClock, blocked: str) -> None:
    """The job in a process of its own, killed by -9 once it waits for what this statement holds."""
    with psycopg.connect(dsn) as holder:
        holder.execute(blocked.encode())
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", IN_A_PROCESS, dsn, str(folder), request, clock.now().isoformat()
        )
        for _ in range(600):
            with psycopg.connect(dsn, autocommit=True) as looking:
                waits = looking.execute(
                    "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
                ).fetchone()
            if waits and waits[0]:
                break
            await asyncio.sleep(0.05)
        assert waits not in (None, (0,)), "it never came there"
        process.kill()
        await process.wait()


async def whole_record_decided(app: Starlette, access: Access, clock: FixedClock, signed_in: Any) -> str:
    """Zoé's record has reached the end of its time and the officer decided that it goes: the page of the decision."""
    clock.advance(timedelta(days=21 * 366))
    async with access.act(SEED) as ctx:
        await jobs.look_at_retentions.handler(ctx)
    page = await taken_up(app, signed_in, "zoe")
    assert (await decided(app, access, signed_in, page)).status_code == 303
    return page


async def test_a_job_that_is_killed_leaves_all_or_nothing_and_is_taken_up(
    app: Starlette, access: Access, database: Database, clock: FixedClock, record: str, signed_in: Any, tmp_path: Path
) -> None:
    page = await whole_record_decided(app, access, clock, signed_in)
    id = page.split("/")[2]
    before = places_of(database.dsn, tmp_path, MARKER)
    await killed_while(database.dsn, tmp_path, id, clock, "lock table access_unnamed in access exclusive mode")
    assert places_of(database.dsn, tmp_path, MARKER) == before, "killed within the transaction: nothing is erased"
    async with database.transaction() as conn:
        await conn.execute("insert into access_unnamed (sha256) values (%s)", ["0" * 64])
    await killed_while(database.dsn, tmp_path, id, clock, "select from access_unnamed for update")
    assert places_of(database.dsn, tmp_path, MARKER) == {"files": before["files"]}, "killed behind it: the bytes are still owed"
    await carried_out(access, tmp_path, clock, id)
    assert places_of(database.dsn, tmp_path, MARKER) == {}
    async with database.reading() as conn:
        row = await (await conn.execute("select state from rights_request where id = %s", [id])).fetchone()
    assert row == {"state": "erased"}


async def test_linked_identities_go_together_and_who_shares_nothing_with_them_stays(
    app: Starlette, access: Access, database: Database, clock: FixedClock, record: str, signed_in: Any, tmp_path: Path
) -> None:
    async with access.act(SEED) as ctx:
        await ctx.records.write(
            {"resourceType": "Patient", "id": "source", "name": [{"text": MARKER}], "link": [{"other": {"reference": "Patient/zoe"}, "type": "refer"}]},
            {"resourceType": "Observation", "id": "theirs", "status": "final", "code": {"text": MARKER}, "subject": {"reference": "Patient/source"}},
            {"resourceType": "Patient", "id": "neighbour", "birthDate": "1960-01-01"},
            {"resourceType": "Observation", "id": "stays", "status": "final", "code": {"text": "stays"}, "effectiveDateTime": "2040-01-01",
             "subject": {"reference": "Patient/neighbour"}},
        )  # fmt: skip
    clock.advance(timedelta(days=21 * 366))
    async with access.act(SEED) as ctx:
        await jobs.look_at_retentions.handler(ctx)
    async with database.reading() as conn:
        listed = await (await conn.execute("select record from rights_retention")).fetchall()
    [one] = [row["record"] for row in listed if row["record"] in ("zoe", "source")]
    assert "neighbour" not in {row["record"] for row in listed}
    page = await taken_up(app, signed_in, one)
    assert (await decided(app, access, signed_in, page)).status_code == 303
    await carried_out(access, tmp_path, clock, page.split("/")[2])
    assert places_of(database.dsn, tmp_path, MARKER) == {}
    async with access.act(SEED, read_only=True) as ctx:
        assert (await ctx.records.read("Observation", "stays"))["code"] == {"text": "stays"}


async def test_the_binary_of_an_attachment_goes_with_what_names_it_and_not_with_one_of_two(
    app: Starlette, access: Access, clock: FixedClock, record: str, signed_in: Any, tmp_path: Path
) -> None:
    def said(id: str, *binaries: str) -> dict[str, Any]:
        attached = [{"contentAttachment": {"contentType": "text/plain", "url": f"Binary/{one}"}} for one in binaries]
        return {
            "resourceType": "Communication",
            "id": id,
            "status": "completed",
            "sender": {"reference": "Patient/zoe"},
            "payload": attached,
            **OF_IT,
        }

    async with access.act(SEED) as ctx:
        for one in ("own", "former", "shared", "others"):
            await ctx.records.write({"resourceType": "Binary", "id": one, "contentType": "text/plain", "data": "cXVldHphbA=="})
        await ctx.records.write(said("said", "former"), said("kept", "shared", "others"))
        await ctx.records.write(said("said", "own", "shared"))
    id = await one_message_decided(app, access, signed_in, write=False)
    await carried_out(access, tmp_path, clock, id)
    async with access.act(SEED, read_only=True) as ctx:
        for one in ("shared", "others"):
            assert (await ctx.records.read("Binary", one))["id"] == one
        for one in ("own", "former"):
            with pytest.raises(Gone, match="erased"):
                await ctx.records.read("Binary", one)


async def test_care_that_is_written_meanwhile_undoes_the_erasure_of_a_record(
    app: Starlette, access: Access, database: Database, clock: FixedClock, record: str, signed_in: Any, tmp_path: Path
) -> None:
    page = await whole_record_decided(app, access, clock, signed_in)
    before = places_of(database.dsn, tmp_path, MARKER)
    late = {"resourceType": "Observation", "id": "late", "status": "final", "code": {"text": "x"}, **OF_IT}

    @forgets
    async def meanwhile(ctx: Context, erased: Any) -> list[str]:
        """Another process writes, and commits, while the job is at work."""
        async with access.act(SEED) as other:
            await other.records.write(late)
        return []

    try:
        with pytest.raises(Conflict, match="meanwhile"):
            await carried_out(access, tmp_path, clock, page.split("/")[2])
    finally:
        _FORGETS.remove(meanwhile)
    assert places_of(database.dsn, tmp_path, MARKER) == before
    await carried_out(access, tmp_path, clock, page.split("/")[2])
    assert places_of(database.dsn, tmp_path, MARKER) == before
    assert (await decided(app, access, signed_in, page)).status_code == 303, "the officer is asked again, and reads what is new"
    await carried_out(access, tmp_path, clock, page.split("/")[2])
    assert places_of(database.dsn, tmp_path, MARKER) == {}


async def test_a_night_reads_as_much_of_a_large_region_as_of_a_small_one(access: Access, database: Database) -> None:
    people = [{"resourceType": "Patient", "id": f"p{number}", "birthDate": "1950-01-01"} for number in range(4_000)]
    async with access.act(SEED) as ctx:
        await ctx.records.load(people)
    statements = {
        "next_records": {"rt": ids.number("Patient"), "after": UUID(int=0), "count": 100},
        "retentions_ended": {"today": "2026-11-23", "after": None, "count": 50},
    }
    async with database.transaction() as conn:
        await conn.execute(
            "insert into rights_retention (record, until, last_care, found) select n::text, '2020-01-01'::date + n, '2000-01-01', '2026-01-01'"
            " from generate_series(1, 4000) n"
        )
        await conn.execute("analyze res, rights_retention")
        for name, parameters in statements.items():
            text = (QUERIES if name == "next_records" else RIGHTS).text(name).encode()
            row = await (await conn.execute(b"explain (analyze, format json) " + text, parameters)).fetchone()
            assert row is not None
            seen = sum(looked_at(next(iter(row.values()))[0]["Plan"]))
            assert seen <= 4 * parameters["count"], (name, seen)


async def test_the_worker_does_what_was_decided_by_itself(
    app: Starlette, access: Access, database: Database, clock: FixedClock, record: str, signed_in: Any, tmp_path: Path
) -> None:
    reactions, tasks = declared_in(load_services("jobs"))
    runner = JobRunner(
        database=database, access=access, clock=SystemClock(), outside=outside(tmp_path, clock), reactions=reactions, tasks=tasks
    )
    id = await one_message_decided(app, access, signed_in)
    working = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(60):
            while await state_of(database, id) != "erased":
                await asyncio.sleep(0.1)
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working
    assert places_of(database.dsn, tmp_path, f"{MARKER}-said") == {}
    listed = [one for one in erasures.kept(tmp_path / "erasures") if one.request == id]
    assert [(one.record, one.names) for one in listed] == [("zoe", ["Communication/said"])]


async def state_of(database: Database, id: str) -> str:
    async with database.reading() as conn:
        row = await (await conn.execute("select state from rights_request where id = %s", [id])).fetchone()
    assert row is not None
    return str(row["state"])
