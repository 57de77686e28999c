"""`maillage audit`: what an operator reads when the trail holds, and when it does not."""

import asyncio
import os
from pathlib import Path

import psycopg
import pytest

from maillage.access.actors import job_actor
from maillage.app import platform_of
from maillage.cli import main
from maillage.config import Config


@pytest.fixture
def installation(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A trail of a few lines, and the settings of whoever operates."""

    async def work() -> None:
        async with platform_of(Config(database_url=dsn, data=tmp_path)) as platform:
            for n in range(3):
                async with platform.access.act(job_actor("tests")) as ctx:
                    await ctx.records.write({"resourceType": "Organization", "name": str(n)})

    asyncio.run(work())
    for name in [name for name in os.environ if name.startswith("MAILLAGE_")]:
        monkeypatch.delenv(name)  # those of the tests are no settings
    monkeypatch.setenv("MAILLAGE_DATABASE_URL", dsn)
    monkeypatch.setenv("MAILLAGE_DATA", str(tmp_path))
    return dsn


def cut(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute(
            "delete from audit a using (select chain, max(n) as n from audit_batch group by chain) b where a.chain = b.chain and a.batch = b.n"
        )
        connection.execute("delete from audit_batch b where n = (select max(n) from audit_batch o where o.chain = b.chain)")


def test_a_tail_that_was_cut_is_named_once_the_heads_were_exported(
    installation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heads = tmp_path / "elsewhere" / "heads.json"
    assert main(["audit", "verify"]) == 0
    assert "3 lignes, 3 maillons, 0 têtes gardées dehors" in capsys.readouterr().out
    assert main(["audit", "heads", "--to", str(heads)]) == 0
    assert main(["audit", "heads"]) == 0
    assert '"format": "maillage-audit-heads-1"' in capsys.readouterr().out
    assert main(["audit", "verify", "--heads", str(heads)]) == 0
    cut(installation)
    assert main(["audit", "verify"]) == 0
    capsys.readouterr()
    assert main(["audit", "verify", "--heads", str(heads), "--lanes", "1"]) == 1
    said = capsys.readouterr().out
    assert "LA CHAÎNE EST ROMPUE" in said
    assert "the end of the chain was cut" in said


def test_bad_heads_are_told_and_nothing_is_written_over(
    installation: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "notes.json"
    file.write_text("{}")
    assert main(["audit", "verify", "--heads", str(file)]) == 1
    assert "notes.json" in capsys.readouterr().err
    assert main(["audit", "heads", "--to", str(file)]) == 1
    assert file.read_text() == "{}"
    with pytest.raises(SystemExit):
        main(["audit", "verify", "--lanes", "99"])
