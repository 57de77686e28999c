"""`maillage files`, `maillage check` and a backup where documents are sealed."""

import base64
import os
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from maillage.app import platform_of
from maillage.cli import main
from maillage.config import Config
from maillage.db import EmbeddedPostgres, migrate
from maillage.errors import SetupError
from maillage.files import LocalFiles, keys_of
from maillage.operator.backup import Installation, _copy_files, backup, program_runner, restore
from maillage.operator.checks import _check

OLD, NEW = (f"{id}:{base64.b64encode(id.encode() * 8).decode()}" for id in ("2025", "2026"))


def run(monkeypatch: pytest.MonkeyPatch, data: Path, keys: str, *arguments: str) -> int:
    for name in [name for name in os.environ if name.startswith("MAILLAGE_TEST_")]:
        monkeypatch.delenv(name)  # the command knows settings, not those of tests
    monkeypatch.setenv("MAILLAGE_DATA", str(data))
    monkeypatch.setenv("MAILLAGE_FILES_KEYS", keys)
    return main(["files", *arguments])


async def filled(data: Path, keys: str = "") -> list[str]:
    files = LocalFiles(data / "files", keys_of(keys))
    return [await files.put(f"letter {n}".encode()) for n in range(3)]


def test_without_a_key_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, "", "encrypt") == 1
    assert "MAILLAGE_FILES_KEYS" in capsys.readouterr().err


@pytest.fixture
async def plain(tmp_path: Path) -> list[str]:
    return await filled(tmp_path)


@pytest.fixture
async def sealed(tmp_path: Path) -> list[str]:
    return await filled(tmp_path, OLD)


def test_what_was_stored_before_is_sealed_once(
    tmp_path: Path, plain: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, OLD, "encrypt") == 0
    assert "3 documents chiffrés" in capsys.readouterr().out
    assert run(monkeypatch, tmp_path, OLD, "encrypt") == 0
    assert "0 documents chiffrés" in capsys.readouterr().out
    assert not [one for one in (tmp_path / "files").rglob("*") if one.is_file() and b"letter" in one.read_bytes()]


def test_a_damaged_document_is_named_and_does_not_stop_the_others(
    tmp_path: Path, plain: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "files" / plain[0][:2] / plain[0][2:4] / plain[0]).write_bytes(b"changed")
    assert run(monkeypatch, tmp_path, OLD, "encrypt") == 1
    told = capsys.readouterr().out
    assert "2 documents chiffrés" in told
    assert plain[0] in told


def test_keys_are_changed_and_the_old_one_may_leave(
    tmp_path: Path, sealed: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, NEW, "rotate-keys") == 1
    assert "'2025'" in capsys.readouterr().err
    assert run(monkeypatch, tmp_path, f"{NEW},{OLD}", "rotate-keys") == 0
    told = capsys.readouterr().out
    assert "3 documents passés à la clé 2026" in told
    assert "la clé 2025 ne sert plus" in told
    assert run(monkeypatch, tmp_path, NEW, "rotate-keys") == 0


async def test_a_check_tells_a_missing_key_and_a_backup_brings_sealed_documents_back(
    scratch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = scratch / uuid4().hex[:8]
    old, new = (Config(data=folder / name, files_keys=OLD) for name in ("old", "new"))
    with EmbeddedPostgres(old.data) as server:
        migrate(server.dsn)
        at = replace(old, database_url=server.dsn)
        async with platform_of(at) as platform:
            name = await platform.files.put(b"a letter")
        await _check(at)
        assert "bien   chiffrement : clé 2025" in capsys.readouterr().out
        for keys in (NEW, ""):
            await _check(replace(at, files_keys=keys))
            assert "FAUTE  chiffrement : documents are sealed with the key '2025'" in capsys.readouterr().out
        here = Installation(server.dsn, old.data / "files", program_runner(server), keys_of(OLD))
        assert backup(here, folder / "saved")["documents"] == 1
    assert not [one for one in (folder / "saved" / "files").rglob("*") if one.is_file() and b"a letter" in one.read_bytes()]
    with EmbeddedPostgres(new.data) as server:
        restore(Installation(server.dsn, new.data / "files", program_runner(server)), folder / "saved")
        async with platform_of(replace(new, database_url=server.dsn)) as platform:
            assert await platform.files.get(name) == b"a letter"
    kept = next(one for one in (folder / "saved" / "files").rglob(name))
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.raises(SetupError, match="damaged"):
        _copy_files(folder / "saved" / "files", folder / "again", keys_of(OLD))
