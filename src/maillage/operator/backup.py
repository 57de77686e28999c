"""Backup and restore of one installation: the database and the documents, checked when they come back.

A backup is a folder: `database.dump` (pg_dump, custom format), `files/` (documents by digest, sealed as they lie), `manifest.json` (what must be there,
and the heads of the audit chains: keep it where nobody who may write in the database can change it).
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from maillage import __version__
from maillage.config import Config
from maillage.db import EmbeddedPostgres, load_queries
from maillage.errors import Damaged, SetupError
from maillage.files import BESIDE, MARKS, Keys, keys_of, verify
from maillage.operator.erasing import erase_again

MANIFEST = "manifest.json"
DUMP = "database.dump"
FORMAT = 1
QUERIES = load_queries("maillage.operator", "backup.sql")

Run = Callable[[str, Sequence[str]], None]  # runs pg_dump, pg_restore… and raises SetupError


@dataclass(frozen=True)
class Installation:
    """What is saved: the database at `dsn`, the documents in `files` (None where an object store keeps them)."""

    dsn: str
    files: Path | None
    run: Run
    keys: Keys = field(default_factory=Keys)  # those of the settings: what they open is checked


def program_runner(server: EmbeddedPostgres | None) -> Run:
    """pg_dump and its kin: the embedded server's own, or the machine's for another DSN."""

    def run(name: str, arguments: Sequence[str]) -> None:
        command = server.command(name, *arguments) if server else [name, *arguments]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError as fault:
            raise SetupError(f"{name} is not installed: it must be of the database's version or newer") from fault
        except subprocess.CalledProcessError as fault:
            raise SetupError(f"{name} failed: {(fault.stderr or '').strip()[-600:]}") from fault

    return run


def backup(installation: Installation, target: Path) -> dict[str, Any]:
    """Saves into `target` (must not exist) and answers the manifest. The service may go on: the dump is one snapshot, and documents only grow."""
    if target.exists():
        raise SetupError(f"{target} exists: a backup goes to a new folder")
    draft = target.with_name(target.name + ".partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    heads = _audit_heads(installation.dsn)
    installation.run("pg_dump", ["--format=custom", "--no-owner", f"--file={draft / DUMP}", f"--dbname={installation.dsn}"])
    copied = _copy_files(installation.files, draft / "files", installation.keys) if installation.files else 0
    manifest = {
        "format": FORMAT,
        "version": __version__,
        "documents": copied,
        "counts": _counts(installation.dsn),
        "audit_heads": heads,
    }
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=1))
    draft.rename(target)
    return manifest


def restore(installation: Installation, source: Path) -> dict[str, Any]:
    """Brings a backup into an empty database and checks it; nothing that is there already is overwritten."""
    manifest = _manifest(source)
    if _tables(installation.dsn):
        raise SetupError("the database is not empty: restore goes into a new one")
    installation.run(
        "pg_restore",
        ["--exit-on-error", "--no-owner", "--single-transaction", f"--dbname={installation.dsn}", str(source / DUMP)],
    )
    if installation.files:
        _copy_files(source / "files", installation.files, installation.keys)
    _settle(installation.dsn)
    counts = _counts(installation.dsn)
    if missing := {k: v for k, v in manifest["counts"].items() if counts.get(k, 0) < v}:
        raise SetupError(f"fewer rows came back than were saved: {missing}")
    _check_documents(installation)
    _check_audit(installation.dsn, manifest.get("audit_heads", []))
    return counts


def _manifest(source: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((source / MANIFEST).read_text())
    except (OSError, ValueError) as fault:
        raise SetupError(f"{source} is not a backup of Maillage: {fault}") from fault
    if manifest.get("format") != FORMAT:
        raise SetupError(f"{source} is of format {manifest.get('format')}, this version reads {FORMAT}")
    return manifest


def _copy_files(source: Path, target: Path, keys: Keys) -> int:
    """Documents, each with the key that lies beside it, and the marks of the operator's keys. Answers the number of documents."""
    count = 0
    for file in source.rglob("*") if source.exists() else []:
        if not file.is_file() or file.name.startswith(".") or file.name.endswith(BESIDE):
            continue
        beside = file.with_name(file.name + BESIDE)
        if file.parent != source / MARKS:
            _refuse_damaged(file, beside, keys)
            count += 1
        for one in (beside, file):
            if one.exists():
                _copy(one, target / one.relative_to(source))
    return count


def _refuse_damaged(file: Path, beside: Path, keys: Keys) -> None:
    try:
        verify(file.name, file.read_bytes(), beside.read_bytes() if beside.exists() else None, keys)
    except Damaged as fault:
        raise SetupError(f"the document {file.name} is damaged in {file.parents[2]}") from fault


def _copy(file: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True, exist_ok=True)
    if not copy.exists():
        shutil.copyfile(file, copy)


def _tables(dsn: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(QUERIES.text("tables").encode()).fetchall()
    return [name for (name,) in found]


def _counts(dsn: str) -> dict[str, int]:
    with psycopg.connect(dsn) as connection:
        counts = {}
        for name in _tables(dsn):
            row = connection.execute(sql.SQL(QUERIES.text("count_rows")).format(table=sql.Identifier(name))).fetchone()
            counts[name] = row[0] if row else 0
    return counts


SETTLE = ("settle_cursors", "settle_dead_letters", "settle_events", "settle_versions")


def _settle(dsn: str) -> None:
    """Transaction numbers restart in the new cluster: cursors and logs must not compare with the old ones."""
    with psycopg.connect(dsn) as connection:
        for name in SETTLE:
            connection.execute(QUERIES.text(name).encode())


def _check_documents(installation: Installation) -> None:
    if installation.files is None:
        return
    with psycopg.connect(installation.dsn) as connection:
        for (name,) in connection.execute(QUERIES.text("document_digests").encode()):
            if not (installation.files / name[:2] / name[2:4] / name).exists():
                raise SetupError(f"the document {name} is named by a record but did not come back")


def _audit_heads(dsn: str) -> list[dict[str, Any]]:
    """The last link of each chain, before the dump: its links all come after them or are they."""
    with psycopg.connect(dsn, row_factory=dict_row) as connection:
        return connection.execute(QUERIES.text("audit_heads").encode()).fetchall()


def _check_audit(dsn: str, heads: Sequence[dict[str, Any]]) -> None:
    with psycopg.connect(dsn) as connection:
        for head in heads:
            row = connection.execute(QUERIES.text("audit_link").encode(), {"chain": head["chain"], "n": head["n"]}).fetchone()
            if row is None or row[0] != head["hash"]:
                raise SetupError(f"link {head['n']} of chain {head['chain']} of the trail is not the one that was saved")


def save(config: Config, target: Path) -> int:
    """`maillage backup FOLDER`."""
    with _installation(config) as installation:
        manifest = backup(installation, target.resolve())
    rows = sum(manifest["counts"].values())
    print(f"maillage: {target} : {rows} lignes, {manifest['documents']} documents")
    return 0


def bring_back(config: Config, source: Path) -> int:
    """`maillage restore FOLDER`: then what was erased since is erased again."""
    with _installation(config) as installation:
        counts = restore(installation, source.resolve())
        print(f"maillage: {sum(counts.values())} lignes restaurées et vérifiées")
        return erase_again(replace(config, database_url=installation.dsn))


@contextmanager
def _installation(config: Config) -> Iterator[Installation]:
    files = None if config.files_url else config.data / "files"
    keys = keys_of(config.files_keys, config.files_keys_file)
    if config.database_url:
        yield Installation(config.database_url, files, program_runner(None), keys)
        return
    with EmbeddedPostgres(config.data) as server:
        yield Installation(server.dsn, files, program_runner(server), keys)
