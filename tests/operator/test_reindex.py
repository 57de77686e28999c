"""`maillage reindex`, and what says that it is needed."""

import asyncio

import pytest

from maillage.app import search_probe
from maillage.config import Config
from maillage.db import Database
from maillage.fhir.change import Change, Verb
from maillage.fhir.scope import Scope
from maillage.fhir.store import Store
from maillage.operator.checks import check, migrate_database
from maillage.operator.reindexing import reindex


def test_an_operator_is_told_to_reindex_and_how_far_it_is(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(database_url=dsn)

    async def age() -> None:
        async with await Database.open(dsn, size=1) as database, database.transaction() as conn:
            await Store().write(
                conn,
                [Change(Verb.CREATE, {"resourceType": "Basic", "code": {"text": str(n)}}) for n in range(3)],
                scope=Scope.all(),
            )
            await conn.execute(b"update indexing set rules = 'of the version before'")

    async def health() -> tuple[bool, str]:
        async with await Database.open(dsn, size=1) as database:
            found = await search_probe(database)()
            return found.ok, found.detail

    def said_of_search() -> str:
        check(config)
        return next(line for line in capsys.readouterr().out.splitlines() if " recherche : " in line)

    migrate_database(config)
    assert said_of_search() == "bien   recherche : index à jour"
    asyncio.run(age())
    migrate_database(config)
    assert said_of_search() == "FAUTE  recherche : à réindexer : 3 resources may be indexed by older rules: run maillage reindex"
    ok, detail = asyncio.run(health())
    assert not ok
    assert "maillage reindex" in detail

    assert reindex(config) == 0
    assert capsys.readouterr().out == "3 ressources réindexées ; la recherche est à jour\n"
    assert said_of_search() == "bien   recherche : index à jour"
    assert asyncio.run(health())[0]


def test_what_cannot_be_reindexed_is_counted_and_told(dsn: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = Config(database_url=dsn)

    async def spoil() -> None:
        async with await Database.open(dsn, size=1) as database, database.transaction() as conn:
            made = [Change(Verb.PUT, {"resourceType": "Basic", "id": f"b{n}", "code": {"text": "x"}}) for n in range(3)]
            await Store().write(conn, made, scope=Scope.all())
            await conn.execute(b"""update res set body = replace(body, '"code":', '"code"') where body like '%"b1"%'""")

    migrate_database(config)
    asyncio.run(spoil())
    capsys.readouterr()
    assert reindex(config) == 1
    said = capsys.readouterr().out
    assert "resource=Basic/b1" in said
    assert said.endswith("2 ressources réindexées, 1 non réindexées (« not_indexed » du journal les nomme)\n")
    assert check(config) == 1
    told = "à réindexer : 1 resources could not be indexed: maillage reindex names them in its log"
    assert told in capsys.readouterr().out
