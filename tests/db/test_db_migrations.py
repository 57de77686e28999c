"""Migrations: applied once, verified, resumable, refused on a newer schema."""

from pathlib import Path

import psycopg
import pytest

from maillage.db import migrate, pending
from maillage.db.migrations import Migration, discover, read
from maillage.errors import SetupError


def change(number: int, sql: str, verify: str = "select true") -> Migration:
    return Migration("maillage.tests", number, "x", f"-- verify: {verify}\n{sql}")


def with_ours(*changes: Migration) -> list[Migration]:
    return [*discover(), *changes]


def test_a_migration_is_applied_once_and_in_order(dsn: str) -> None:
    todo = with_ours(change(1, "create table t (a int);"), change(2, "alter table t add b int;"))
    assert [m.number for m in migrate(dsn, todo)] == [1, 2]
    assert migrate(dsn, todo) == []
    assert pending(dsn, todo) == []


def test_a_migration_that_did_not_do_what_it_says_stops_the_start_and_leaves_nothing(dsn: str) -> None:
    todo = with_ours(change(1, "create table t (a int);", verify="select to_regclass('other') is not null"))
    with pytest.raises(SetupError, match="did not do what it says"):
        migrate(dsn, todo)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("select to_regclass('t')").fetchone() == (None,)
    assert len(pending(dsn, todo)) == 1


def test_what_failed_is_resumed_where_it_stopped(dsn: str) -> None:
    with pytest.raises(SetupError):
        migrate(dsn, with_ours(change(1, "create table t (a int);"), change(2, "nonsense;")))
    assert [
        m.number for m in migrate(dsn, with_ours(change(1, "create table t (a int);"), change(2, "create table u (a int);")))
    ] == [2]


def test_a_newer_schema_is_refused(dsn: str) -> None:
    migrate(dsn, with_ours(change(1, "create table t (a int);")))
    with pytest.raises(SetupError, match="use a newer Maillage"):
        migrate(dsn)


def test_an_edited_migration_is_refused(dsn: str) -> None:
    migrate(dsn, with_ours(change(1, "create table t (a int);")))
    with pytest.raises(SetupError, match="was edited"):
        migrate(dsn, with_ours(change(1, "create table t (b int);")))


def test_one_outside_a_transaction_is_run_again_when_it_was_cut_short(dsn: str) -> None:
    half = change(
        1,
        "-- transaction: none\ncreate index concurrently if not exists i on migration (at)",
        "select to_regclass('i') is not null",
    )
    broken = change(1, "-- transaction: none\nselect 1/0", "select to_regclass('i') is not null")
    with pytest.raises(SetupError):
        migrate(dsn, with_ours(broken))
    assert len(migrate(dsn, with_ours(half))) == 1


def test_a_lock_held_by_another_stops_it_in_time(dsn: str) -> None:
    migrate(dsn, with_ours(change(1, "create table t (a int);")))
    with psycopg.connect(dsn) as other:
        other.execute("lock table t in access exclusive mode")
        with pytest.raises(SetupError, match="lock timeout"):
            migrate(
                dsn,
                with_ours(change(1, "create table t (a int);"), change(2, "set lock_timeout='50ms'; alter table t add c int;")),
            )


def test_names_gaps_and_missing_checks_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0002_later.sql").write_text("-- verify: select true\nselect 1")
    with pytest.raises(SetupError, match="expected number 0001"):
        read("x", tmp_path)
    (tmp_path / "0002_later.sql").rename(tmp_path / "1_x.sql")
    with pytest.raises(SetupError, match="not named like"):
        read("x", tmp_path)
    (tmp_path / "1_x.sql").rename(tmp_path / "0001_x.sql")
    (tmp_path / "0001_x.sql").write_text("select 1")
    with pytest.raises(SetupError, match="verify"):
        read("x", tmp_path)


def test_a_migration_may_stand_for_a_file_of_an_installed_package(tmp_path: Path) -> None:
    (tmp_path / "0001_queue.sql").write_text("-- verify: select true\n-- include: procrastinate/sql/schema.sql\n")
    (migration,) = read("maillage.tests", tmp_path)
    assert "CREATE TABLE procrastinate_jobs" in migration.sql


def test_a_migration_may_leave_out_statements_of_such_a_file(tmp_path: Path) -> None:
    include = "-- verify: select true\n-- include: procrastinate/sql/schema.sql without "
    (tmp_path / "0001_queue.sql").write_text(f"{include}^CREATE TABLE procrastinate_jobs \\(\n")
    (migration,) = read("maillage.tests", tmp_path)
    assert "CREATE TABLE procrastinate_jobs (" not in migration.sql
    assert "CREATE TABLE procrastinate_workers" in migration.sql
    (tmp_path / "0001_queue.sql").write_text(f"{include}^CREATE TABLE no_such_table\n")
    with pytest.raises(SetupError, match="has nothing like"):
        read("maillage.tests", tmp_path)
