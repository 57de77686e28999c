"""Backup and restore: what was there comes back, checked, into another server; nothing is overwritten."""

import json
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from maillage import events
from maillage.access import chain, erasures
from maillage.access.actors import Actor, ActorKind, Role
from maillage.app import platform_of
from maillage.config import Config
from maillage.db import EmbeddedPostgres, migrate
from maillage.errors import Gone, SetupError
from maillage.operator.backup import Installation, backup, program_runner, restore
from maillage.operator.erasing import from_lists
from maillage.services.documents.events import DocumentDeleted

SYSTEM = Actor(
    id="system:test", kind=ActorKind.SYSTEM, name="test", roles=frozenset({Role.SYSTEM}), scopes=frozenset({"system/*.*"})
)
PERSON = {"resourceType": "Patient", "name": [{"family": "PAT-TROIS", "given": ["Dominique"]}], "birthDate": "1979-03-28"}


@pytest.fixture
def folder(scratch: Path) -> Path:
    return scratch / uuid4().hex[:8]


def installation(server: EmbeddedPostgres, config: Config) -> Installation:
    return Installation(server.dsn, config.data / "files", program_runner(server))


async def test_what_was_saved_comes_back_and_the_service_goes_on(folder: Path) -> None:
    old, new = Config(data=folder / "old"), Config(data=folder / "new")
    saved = folder / "backup"
    with EmbeddedPostgres(old.data) as server:
        migrate(server.dsn)
        async with platform_of(replace(old, database_url=server.dsn)) as platform:
            digest = await platform.files.put(b"a letter")
            async with platform.access.act(SYSTEM, door="fhir") as ctx:
                person = await ctx.records.write(PERSON)
                ctx.announce(DocumentDeleted(document="a", patient=person["id"]))
        manifest = backup(installation(server, old), saved)
    assert manifest["documents"] == 1

    with EmbeddedPostgres(new.data) as server:
        counts = restore(installation(server, new), saved)
        assert counts["res"] == manifest["counts"]["res"] == 1
        assert migrate(server.dsn) == []
        async with platform_of(replace(new, database_url=server.dsn)) as platform:
            assert await platform.files.get(digest) == b"a letter"
            async with platform.access.act(SYSTEM, door="fhir") as ctx:
                assert await ctx.records.read("Patient", person["id"]) == person
                ctx.announce(DocumentDeleted(document="b", patient=person["id"]))
            assert (await chain.verify(platform.database)).holds
            async with platform.database.transaction() as connection:
                read = await events.read(connection, after=events.START, kinds=[DocumentDeleted.kind])
            assert [one.event.document for one in read] == ["a", "b"]


async def test_what_was_erased_since_a_backup_does_not_come_back(folder: Path) -> None:
    old, new = Config(data=folder / "old"), Config(data=folder / "new", erasures=str(folder / "elsewhere"))
    saved, marker = folder / "backup", b"quetzalcoatlus"
    with EmbeddedPostgres(old.data) as server:
        migrate(server.dsn)
        config = replace(old, database_url=server.dsn)
        async with platform_of(config) as platform:
            async with platform.access.act(SYSTEM, door="fhir") as ctx:
                person = await ctx.records.write(PERSON)
                letter = await ctx.records.write(
                    {
                        "resourceType": "Basic",
                        "code": {"text": marker.decode()},
                        "subject": {"reference": f"Patient/{person['id']}"},
                    }
                )
        backup(installation(server, old), saved)
    await erasures.keep(folder / "elsewhere", "r1", record=person["id"], names=[f"Basic/{letter['id']}"])
    (folder / "elsewhere" / "erased-r1.ndjson").open("ab").write(b'{"request":"r1","rec')  # a writer that died
    await erasures.keep(folder / "elsewhere", "r1", record=person["id"], names=["Basic/was-never-here"])

    with EmbeddedPostgres(new.data) as server:
        restore(installation(server, new), saved)
        config = replace(new, database_url=server.dsn)
        assert await from_lists(config) == (2, 1)
        assert await from_lists(config) == (2, 0)
        async with platform_of(config) as platform, platform.access.act(SYSTEM, door="fhir") as ctx:
            assert await ctx.records.read("Patient", person["id"]) == person
            with pytest.raises(Gone):
                await ctx.records.read("Basic", letter["id"])
        with psycopg.connect(server.dsn) as connection:
            for column in ("res.body", "ver.was", "words.words"):
                table, name = column.split(".")
                found = connection.execute(f"select count(*) from {table} where {name}::text like '%quetzalcoatlus%'").fetchone()
                assert found == (0,), column


async def test_a_backup_never_overwrites_and_a_restore_asks_for_an_empty_database(folder: Path) -> None:
    config = Config(data=folder / "data")
    with EmbeddedPostgres(config.data) as server:
        migrate(server.dsn)
        here = installation(server, config)
        backup(here, folder / "first")
        with pytest.raises(SetupError, match="exists"):
            backup(here, folder / "first")
        with pytest.raises(SetupError, match="not empty"):
            restore(here, folder / "first")


async def test_a_trail_that_was_changed_in_the_dump_stops_the_restore(folder: Path) -> None:
    old, new = Config(data=folder / "old"), Config(data=folder / "new")
    saved = folder / "backup"
    with EmbeddedPostgres(old.data) as server:
        migrate(server.dsn)
        async with (
            platform_of(replace(old, database_url=server.dsn)) as platform,
            platform.access.act(SYSTEM, door="fhir") as ctx,
        ):
            await ctx.records.write(PERSON)
        heads = backup(installation(server, old), saved)["audit_heads"]
        assert [head["n"] for head in heads] == [1]
    manifest = json.loads((saved / "manifest.json").read_text())
    manifest["audit_heads"][0]["hash"] = "0" * 64
    (saved / "manifest.json").write_text(json.dumps(manifest))
    with EmbeddedPostgres(new.data) as server, pytest.raises(SetupError, match="link 1 of chain"):
        restore(installation(server, new), saved)


async def test_a_damaged_document_stops_the_restore(folder: Path) -> None:
    old, new = Config(data=folder / "old"), Config(data=folder / "new")
    with EmbeddedPostgres(old.data) as server:
        migrate(server.dsn)
        async with platform_of(replace(old, database_url=server.dsn)) as platform:
            digest = await platform.files.put(b"a letter")
        backup(installation(server, old), folder / "saved")
    (folder / "saved" / "files" / digest[:2] / digest[2:4] / digest).write_bytes(b"another letter")
    with EmbeddedPostgres(new.data) as server, pytest.raises(SetupError, match="damaged"):
        restore(installation(server, new), folder / "saved")


def test_a_folder_that_is_no_backup_is_refused(folder: Path) -> None:
    folder.mkdir()
    with pytest.raises(SetupError, match="not a backup"):
        restore(Installation("dbname=nowhere", None, lambda *_: None), folder)


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(SetupError, match="pg_nothing is not installed"):
        program_runner(None)("pg_nothing", [])


def test_the_dump_is_written_by_whoever_runs_it(folder: Path) -> None:
    """Started by root, the server's account cannot write everywhere: the dump is made by the caller, over the socket."""
    closed = folder / "closed"
    closed.mkdir(parents=True, mode=0o700)
    with EmbeddedPostgres(folder / "data") as server:
        migrate(server.dsn)
        backup(Installation(server.dsn, None, program_runner(server)), closed / "saved")
    assert (closed / "saved" / "database.dump").stat().st_size > 1000
