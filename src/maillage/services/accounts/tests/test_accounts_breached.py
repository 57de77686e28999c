"""A password that others have lost opens no account: by the list that is shipped, and by the operator's file, asked where it lies."""

from hashlib import sha1
from pathlib import Path

import pytest

from maillage.errors import SetupError, Unavailable
from maillage.services.accounts.rules import passwords
from maillage.services.accounts.service.breached import Breached, shipped

LOST = [f"phrase volée numéro {n}" for n in range(3_000)]


def digest(password: str) -> str:
    return sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def file_of(folder: Path, found: list[str], *, end: str = "\r\n", counts: bool = True) -> Path:
    path = folder / "breached.txt"
    lines = sorted(digest(one) + (f":{n * 7919 + 1}" if counts else "") for n, one in enumerate(found))
    path.write_bytes((end.join(lines) + (end if counts else "")).encode())
    return path


@pytest.mark.parametrize(("end", "counts"), [("\r\n", True), ("\n", True), ("\n", False)])
async def test_each_password_of_the_file_is_found_and_no_other(tmp_path: Path, end: str, counts: bool) -> None:
    breached = Breached(file_of(tmp_path, LOST, end=end, counts=counts))
    assert [one for one in LOST if not await breached.holds(one)] == []
    assert [one for one in LOST[:300] if await breached.holds(f"{one}.")] == []
    assert not await Breached(None).holds(LOST[0])


@pytest.mark.parametrize("many", [1, 2, 3, 5])
async def test_a_short_file_is_read_whole(tmp_path: Path, many: int) -> None:
    breached = Breached(file_of(tmp_path, LOST[:many]))
    assert [await breached.holds(one) for one in LOST[: many + 1]] == [True] * many + [False]


async def test_a_list_is_shipped_that_the_rules_do_not_know() -> None:
    assert len(shipped()) > 200
    for known in ("justinbieber", "1qaz2wsx3edc", "JustinBieber", "counterstrike"):
        assert passwords.refusal(known) is None, "the rules alone would take it"
        assert await Breached(None).holds(known)


async def test_a_file_that_is_none_is_told_and_sets_nothing(tmp_path: Path) -> None:
    assert Breached(None).probe() is None
    good = Breached(file_of(tmp_path, LOST))
    assert (good.probe() or 0) > 100_000
    away = Breached(tmp_path / "away")
    with pytest.raises(SetupError, match="BREACHED"):
        away.probe()
    with pytest.raises(Unavailable):
        await away.holds(LOST[0])
    for text in (b"", b"hello\n" * 1_000, b"\n".join(reversed((tmp_path / "breached.txt").read_bytes().split(b"\r\n")))):
        (tmp_path / "wrong").write_bytes(text)
        with pytest.raises(SetupError, match="sorted"):
            Breached(tmp_path / "wrong").probe()
