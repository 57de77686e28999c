"""A store made many times larger: its rows copied out once and copied in again under other ids, as a region with more of the same.

A clone has its own ids everywhere (keys, references, texts), its own values of what only few resources share (identifiers, telephone
numbers), other dates of birth and earlier times of writing. So a search for one of these finds as much as before, and a search for what
many share finds more. The rest of a text (the date of birth, meta) stays that of the original: no search reads it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg
from psycopg import sql

from maillage.fhir import ids

TABLES = ("res", "ver", "refs", "hot", "amount", "words")
"""What the clones fill. A table of the store that is missing here would stay small: `check` refuses."""
NOT_OF_A_RESOURCE = ("schema_migration",)
RARE = 3  # resources that share a token at most, for it to be of one of them
SPREAD = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: an odd number whose multiples look random
KEYS = ("id", "patient", "shard", "src", "dst")
GENERATED = ("seq", "xid")

PREPARE = """
create function grown(base uuid, n int) returns uuid language sql immutable as
$$ select overlay(md5(base::text || n) placing '4' from 13 for 1)::uuid $$;
create unlogged table base_res as
with rare as materialized (select t from res, unnest(tok) t group by t having count(*) <= {rare}),
own as materialized (select r.id, array_agg(t) as own from res r, unnest(r.tok) t where t in (select t from rare) group by r.id),
named as materialized (select src as id, array_agg(distinct dst) as named from refs group by src)
select r.*, coalesce(o.own, '{{}}') as own,
  array(select t from unnest(r.tok) t except select unnest(o.own)) as shared,
  array_remove(array[r.id, nullif(r.patient, r.id)] || n.named, null) as named
from res r left join own o on o.id = r.id left join named n on n.id = r.id;
"""


@dataclass(frozen=True, slots=True)
class Grown:
    """What a growth took, in seconds: the rows, and the indexes with the statistics."""

    rows: float
    indexes: float


def prepare(dsn: str) -> None:
    """Keeps the rows of the store as it is now, as what clones are made of."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        _check(conn)
        conn.execute("set work_mem = '256MB'")
        conn.execute(PREPARE.format(rare=RARE).encode())
        for table in TABLES[1:]:
            conn.execute(sql.SQL("create unlogged table {} as select * from {}").format(_base(table), sql.Identifier(table)))


def grow(dsn: str, first: int, last: int) -> Grown:
    """Adds the clones numbered `first` to `last`; without indexes, which are made anew after, then statistics and visibility.

    The tables are not logged from then on: they are read only, and writing them a second time to the log would take as long again.
    """
    began = time.perf_counter()
    with psycopg.connect(dsn, autocommit=True) as conn, psycopg.connect(dsn, autocommit=True) as source:
        conn.execute("set maintenance_work_mem = '1GB'; set work_mem = '64MB'; set max_parallel_maintenance_workers = 2")
        indexes = _dropped(conn)
        for table in TABLES:
            conn.execute(sql.SQL("alter table {} set unlogged").format(sql.Identifier(table)))
            columns = _columns(conn, table)
            for n in range(first, last + 1):
                _copy(source, conn, table, columns, n)
        copied = time.perf_counter()
        for index in indexes:
            conn.execute(index.encode())
        conn.execute(f"vacuum analyze {', '.join(TABLES)}".encode())
    return Grown(copied - began, time.perf_counter() - copied)


def size(dsn: str) -> int:
    """Bytes of the tables that grow, with their indexes."""
    with psycopg.connect(dsn) as conn:
        row = conn.execute(
            "select sum(pg_total_relation_size(one::regclass)) from unnest(%s::text[]) one", [list(TABLES)]
        ).fetchone()
    assert row is not None
    return int(row[0])


def _check(conn: psycopg.Connection) -> None:
    """Every table that has a row a resource must be among those that grow."""
    found = conn.execute(
        "select distinct c.table_name from information_schema.columns c join pg_class p on p.oid = c.table_name::regclass"
        " where c.table_schema = current_schema and c.column_name = 'shard' and p.reltuples <> 0 and c.table_name <> all(%s)",
        [[*TABLES, *NOT_OF_A_RESOURCE]],
    ).fetchall()
    if found:
        raise SystemExit(f"bench/clones.py does not know the tables {', '.join(row[0] for row in found)}")


def _copy(source: psycopg.Connection, target: psycopg.Connection, table: str, columns: list[str], n: int) -> None:
    """One clone of one table, from one connection to the other, as the server writes it."""
    taken = sql.SQL(", ").join(sql.SQL(_value(table, column).format(n=n, spread=_spread(n))) for column in columns)
    out = sql.SQL("copy (select {} from {}) to stdout (format binary)").format(taken, _base(table))
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    into = sql.SQL("copy {} ({}) from stdin (format binary)").format(sql.Identifier(table), names)
    with source.cursor().copy(out) as reading, target.cursor().copy(into) as writing:
        for data in reading:
            writing.write(data)


def _value(table: str, column: str) -> str:
    """What a clone `{n}` has in a column."""
    if column in KEYS:
        return f"grown({column}, {{n}})"
    if column in ("updated", "at"):
        return f"{column} - {{n}} * interval '1 day'"
    if table == "res" and column in ("d0", "d1"):
        return f"case when rt = {ids.number('Patient')} then {column} + {{n}} * interval '41 days' else {column} end"
    if table == "res" and column == "tok":
        return "shared || array(select t # {spread} from unnest(own) t)"
    if table == "res" and column == "body":
        return _text("body", 1)
    return column


def _text(text: str, place: int) -> str:
    """A text with the ids that it names replaced by those of the clone: its own, its patient's and one or two more."""
    if place > 3:
        return text
    key = f"named[{place}]"
    return (
        _text(f"coalesce(replace({text}, {key}::text, grown({key}, {{n}})::text), {text})", place + 1)
        if place == 1
        else (_text(f"replace({text}, coalesce({key}::text, ''), coalesce(grown({key}, {{n}})::text, ''))", place + 1))
    )


def _spread(n: int) -> int:
    return (n * SPREAD) % 2**63


def _columns(conn: psycopg.Connection, table: str) -> list[str]:
    rows = conn.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum",
        [table],
    ).fetchall()
    return [row[0] for row in rows if row[0] not in GENERATED]


def _dropped(conn: psycopg.Connection) -> list[str]:
    """Drops the keys and indexes of the tables; the statements that make them again."""
    keys = conn.execute(
        "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
        " where contype = 'p' and conrelid = any(%s::regclass[])",
        [list(TABLES)],
    ).fetchall()
    made = []
    for table, name, definition in keys:
        conn.execute(f"alter table {table} drop constraint {name}".encode())
        made.append(f"alter table {table} add constraint {name} {definition}")
    others = conn.execute(
        "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index where indrelid = any(%s::regclass[])",
        [list(TABLES)],
    ).fetchall()
    for name, definition in others:
        conn.execute(f"drop index {name}".encode())
        made.append(definition)
    return made


def _base(table: str) -> sql.Identifier:
    return sql.Identifier(f"base_{table}")
