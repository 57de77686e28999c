"""The shard is in every key: what deploy/citus.sql distributes can be distributed, and it names every table there is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from maillage.db import migrate
from maillage.db.migrations import discover

DDL = (Path(__file__).resolve().parents[2] / "deploy" / "citus.sql").read_text("utf-8")
DISTRIBUTED: dict[str, str] = dict(re.findall(r"create_distributed_table\('(\w+)', '(\w+)'", DDL))
TOGETHER = dict(re.findall(r"create_distributed_table\('(\w+)', '\w+', colocate_with => '(\w+)'\)", DDL))
REFERENCE = re.findall(r"create_reference_table\('(\w+)'\)", DDL)
LOCAL = re.findall(r"^-- local (\w+): \S", DDL, re.MULTILINE)

# What Citus 9 to 13 asks of a table before it distributes it, without Citus: both functions note what they were given.
STAND_IN = """
create table distributed (name regclass, by text, beside text);
create function create_distributed_table(name regclass, by text, colocate_with text) returns void language sql as
  'insert into distributed values (name, by, colocate_with)';
create function create_reference_table(name regclass) returns void language sql as 'insert into distributed values (name)';
"""

UNIQUE_INDEXES = """
select i.indrelid::regclass::text as table, i.indexrelid::regclass::text as key,
  array(select a.attname::text from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any(i.indkey[0:i.indnkeyatts - 1])) as columns
from pg_index i where i.indrelid = any(%s::regclass[]) and (i.indisunique or i.indisexclusion)
"""

FOREIGN_KEYS = """
select k.conrelid::regclass::text as from, k.confrelid::regclass::text as to,
  array(select a.attname::text from unnest(k.conkey) with ordinality c(n, place)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.n order by place) as from_columns,
  array(select a.attname::text from unnest(k.confkey) with ordinality c(n, place)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = c.n order by place) as to_columns
from pg_constraint k where k.contype = 'f' and (k.conrelid = any(%s::regclass[]) or k.confrelid = any(%s::regclass[]))
"""


@pytest.fixture
def catalog(dsn: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        yield connection


def rows(catalog: psycopg.Connection[dict[str, Any]], statement: str, *values: Any) -> list[dict[str, Any]]:
    return catalog.execute(statement.encode(), values).fetchall()


def test_every_table_is_in_one_list(catalog: psycopg.Connection[dict[str, Any]]) -> None:
    """A new table is to be judged: is it distributed with the patient, on every node, or on one?"""
    tables = [
        row["relname"]
        for row in rows(
            catalog, "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
        )
    ]
    assert sorted([*DISTRIBUTED, *REFERENCE, *LOCAL]) == sorted(tables)


def test_every_unique_key_holds_the_shard(catalog: psycopg.Connection[dict[str, Any]]) -> None:
    keys = rows(catalog, UNIQUE_INDEXES, list(DISTRIBUTED))
    assert {key["table"] for key in keys} >= {"res", "ver", "access_grant"}
    assert not [key for key in keys if DISTRIBUTED[key["table"]] not in key["columns"]]


def test_every_foreign_key_holds_the_shard_of_both_sides(catalog: psycopg.Connection[dict[str, Any]]) -> None:
    """Of distributed tables that stand together only: between others Citus knows no foreign keys."""
    for key in rows(catalog, FOREIGN_KEYS, list(DISTRIBUTED), list(DISTRIBUTED)):
        assert {key["from"], key["to"]} <= set(DISTRIBUTED), key
        pairs = zip(key["from_columns"], key["to_columns"], strict=True)
        assert (DISTRIBUTED[key["from"]], DISTRIBUTED[key["to"]]) in pairs, key


def test_a_key_without_the_shard_would_be_seen(catalog: psycopg.Connection[dict[str, Any]]) -> None:
    catalog.execute("create unique index wrong on res (rt, id)")
    assert [key["key"] for key in rows(catalog, UNIQUE_INDEXES, ["res"]) if "shard" not in key["columns"]] == ["wrong"]


def test_the_tables_are_distributed_by_a_patient_or_an_id(catalog: psycopg.Connection[dict[str, Any]]) -> None:
    """Never by type. Citus takes neither a generated column nor a null, and no trigger on a distributed table."""
    for table, column in DISTRIBUTED.items():
        found = rows(
            catalog,
            "select atttypid::regtype::text as type, attnotnull as filled, attgenerated::text as made from pg_attribute where attrelid = %s::regclass and attname = %s",
            table,
            column,
        )
        assert found == [{"type": "uuid", "filled": True, "made": ""}], table
    assert rows(catalog, "select tgname from pg_trigger where tgrelid = any(%s::regclass[])", [*DISTRIBUTED, *REFERENCE]) == []


def test_what_a_read_joins_stands_together() -> None:
    beside_res = dict.fromkeys(("hot", "refs", "amount", "words", "access_grant", "access_author"), "res")
    assert beside_res | {"res": "none", "ver": "none"} == TOGETHER


def test_the_file_runs_and_mends_what_an_older_process_wrote(catalog: psycopg.Connection[dict[str, Any]]) -> None:
    catalog.execute(STAND_IN.encode())
    old_process_writes(catalog)
    catalog.execute(DDL.encode())
    assert {row["name"] for row in rows(catalog, "select name::text from distributed")} == {*DISTRIBUTED, *REFERENCE}
    assert rows(catalog, SHARDS) == [{"right": True}] * 4
    with pytest.raises(psycopg.errors.CheckViolation):
        catalog.execute("update res set shard = gen_random_uuid()")


SHARDS = """
select shard = '00000000-0000-0000-0000-0000000000aa' as right from res union all select shard = '00000000-0000-0000-0000-0000000000aa' from hot
union all select shard = '00000000-0000-0000-0000-0000000000aa' from refs union all select shard = '00000000-0000-0000-0000-0000000000aa' from amount
"""


def old_process_writes(connection: psycopg.Connection[Any]) -> None:
    """Rows of an observation of the patient …aa, as Maillage wrote them before it knew shards."""
    connection.execute(
        """
        insert into res (rt, id, version, updated, patient, d0, body, tok, has)
        values (96, '00000000-0000-0000-0000-0000000000bb', 1, now(), '00000000-0000-0000-0000-0000000000aa', '-infinity', '{}', '{}', '{}');
        insert into ver (at, rt, id, version, op, patient)
        values (now(), 96, '00000000-0000-0000-0000-0000000000bb', 1, 'c', '00000000-0000-0000-0000-0000000000aa');
        insert into hot (k, d0, id, rt, patient)
        values (1, now(), '00000000-0000-0000-0000-0000000000bb', 96, '00000000-0000-0000-0000-0000000000aa');
        insert into refs (src, dst, p, st, dt)
        values ('00000000-0000-0000-0000-0000000000bb', '00000000-0000-0000-0000-0000000000cc', 1, 96, 108);
        insert into amount (k, lo, hi, tok, id, rt) values (1, 1, 1, '{}', '00000000-0000-0000-0000-0000000000bb', 96)
        """
    )


def test_a_filled_database_gets_its_shards(postgres: str) -> None:
    """From the schema before, with rows in it; and a process of the version before goes on writing."""
    name = "before_the_shard"
    with psycopg.connect(make_conninfo(postgres, dbname="postgres"), autocommit=True) as server:
        server.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            dsn = make_conninfo(postgres, dbname=name)
            last = {"maillage.fhir": 2, "maillage.operator": 1}
            migrate(dsn, [one for one in discover() if one.number <= last.get(one.owner, one.number)])
            with psycopg.connect(dsn, row_factory=dict_row) as connection:
                old_process_writes(connection)
            assert "maillage.fhir 0003 shard" in [one.label for one in migrate(dsn)]
            with psycopg.connect(dsn, row_factory=dict_row) as connection:
                assert rows(connection, SHARDS) == [{"right": True}] * 4
                connection.execute("delete from res; delete from ver; delete from hot; delete from refs; delete from amount")
                old_process_writes(connection)
        finally:
            server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
