"""Documents sealed where they lie: no plain byte on the disk, every change seen, keys changed while others read."""

import asyncio
import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from maillage.errors import Damaged, Invalid, MaillageError, NotFound, SetupError, Unavailable
from maillage.files import Keys, LocalFiles, ObjectFiles, digest, keys_of
from maillage.files.sealing import MAGIC, PIECE, new_data_key, seal, unseal

OLD, NEW = (f"{id}:{base64.b64encode(id.encode() * 8).decode()}" for id in ("2025", "2026"))
LETTER = b"<ClinicalDocument>Dominique PAT-TROIS</ClinicalDocument>"


@pytest.fixture
def keys() -> Keys:
    return keys_of(OLD)


def stored(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file())


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7])
@pytest.mark.parametrize("cut", [1_000, PIECE, 10 * PIECE])
def test_what_is_sealed_opens_whatever_its_length_and_the_pieces_it_comes_in(length: int, cut: int) -> None:
    plain, key = os.urandom(length), new_data_key()
    pieces = [plain[at : at + cut] for at in range(0, length, cut)]
    sealed = b"".join(seal(pieces, key, "name"))
    assert b"".join(unseal([sealed[at : at + cut] for at in range(0, len(sealed), cut)], key, "name")) == plain
    assert len(sealed) == len(MAGIC) + length + 16 * max(1, -(-length // PIECE))


def test_a_long_document_is_sealed_piece_by_piece() -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(1_000):
            taken += 1
            yield b"0" * PIECE

    sealed = seal(pieces(), new_data_key(), "name")
    for _ in range(10):
        next(sealed)
    assert taken <= 12


def test_every_change_of_a_sealed_document_is_seen() -> None:
    plain, key = os.urandom(3 * PIECE + 100), new_data_key()
    sealed = b"".join(seal([plain], key, "name"))
    size, at = PIECE + 16, len(MAGIC)
    one, two, three, four = (
        sealed[at : at + size],
        sealed[at + size : at + 2 * size],
        sealed[at + 2 * size : at + 3 * size],
        sealed[at + 3 * size :],
    )
    assert MAGIC + one + two + three + four == sealed
    changed = [
        MAGIC + two + one + three + four, MAGIC + one + one + three + four, MAGIC + one + two + four, MAGIC + one + two + three, MAGIC + one, MAGIC,
        MAGIC + one + two + three + four[:-1], sealed + b"0", sealed + four, MAGIC + four, MAGIC + one + two + three[:-1] + bytes([three[-1] ^ 1]) + four,
    ]  # fmt: skip
    for content in changed:
        with pytest.raises(Damaged):
            b"".join(unseal([content], key, "name"))
    for other_key, other_name in ((new_data_key(), "name"), (key, "other")):
        with pytest.raises(Damaged):
            b"".join(unseal([sealed], other_key, other_name))


@pytest.mark.parametrize(
    "text", ["x", "a:b", f"a b{OLD[4:]}", f":{OLD[5:]}", f"{OLD},{OLD}", "2025:" + base64.b64encode(b"0" * 16).decode()]
)
def test_what_is_no_key_stops_the_start(text: str) -> None:
    with pytest.raises(SetupError, match="MAILLAGE_FILES_KEYS"):
        keys_of(text)


def test_keys_come_from_a_file_and_are_printed_nowhere(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(f"{NEW}\n{OLD}\n")
    found = keys_of("", str(tmp_path / "keys"))
    assert (found.current, set(found.by_id)) == ("2026", {"2025", "2026"})
    assert OLD[5:] not in repr(found)
    with pytest.raises(SetupError, match="FILES_KEYS_FILE"):
        keys_of("", str(tmp_path / "absent"))


async def test_no_plain_byte_is_on_the_disk(tmp_path: Path, keys: Keys) -> None:
    files = LocalFiles(tmp_path, keys)
    name = await files.put(LETTER)
    assert await files.get(name) == LETTER
    assert name == digest(LETTER)
    for path in stored(tmp_path):
        assert b"PAT-TROIS" not in path.read_bytes()
        assert base64.b64decode(OLD[5:]) not in path.read_bytes()


async def test_without_keys_documents_lie_as_they_came(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path)
    name = await files.put(LETTER)
    assert [path.read_bytes() for path in stored(tmp_path)] == [LETTER]
    assert await files.get(name) == LETTER
    assert await files.used_keys() == []


async def test_each_document_has_a_key_of_its_own(tmp_path: Path, keys: Keys) -> None:
    files = LocalFiles(tmp_path, keys)
    first, second = await files.put(LETTER), await files.put(LETTER + b" ")
    paths = {path.name: path for path in stored(tmp_path)}
    assert paths[f"{first}.key"].read_bytes() != paths[f"{second}.key"].read_bytes()
    paths[f"{first}.key"].write_bytes(paths[f"{second}.key"].read_bytes())
    with pytest.raises(Damaged):
        await files.get(first)


async def test_a_document_changed_where_it_lies_is_not_given(tmp_path: Path, keys: Keys) -> None:
    for files in (LocalFiles(tmp_path / "sealed", keys), LocalFiles(tmp_path / "plain")):
        name, other = await files.put(LETTER), await files.put(b"another letter")
        paths = {path.name: path for path in stored(files.folder)}
        honest = paths[name].read_bytes()
        for content in (
            honest[:-1],
            honest + b" ",
            honest[:30] + b"\0" + honest[31:],
            b"",
            b"<ClinicalDocument/>",
            paths[other].read_bytes(),
        ):
            paths[name].write_bytes(content)
            with pytest.raises(Damaged):
                await files.get(name)


async def test_a_plain_document_put_in_place_of_a_sealed_one_is_not_given(tmp_path: Path, keys: Keys) -> None:
    files = LocalFiles(tmp_path, keys)
    name = await files.put(LETTER)
    next(path for path in stored(tmp_path) if path.name == name).write_bytes(b"what an intruder wrote")
    with pytest.raises(Damaged):
        await files.get(name)


async def test_a_document_that_only_begins_like_a_sealed_one_is_given(tmp_path: Path, keys: Keys) -> None:
    name = await LocalFiles(tmp_path).put(MAGIC + LETTER)
    files = LocalFiles(tmp_path, keys)
    assert await files.get(name) == MAGIC + LETTER
    await files._data_key(name)  # as `encrypt` does first, before it was interrupted
    assert await files.get(name) == MAGIC + LETTER


async def test_a_missing_or_another_key_is_told(tmp_path: Path, keys: Keys) -> None:
    name = await LocalFiles(tmp_path, keys).put(LETTER)
    without = LocalFiles(tmp_path, keys_of(NEW))
    with pytest.raises(Unavailable, match="2025"):
        await without.get(name)
    with pytest.raises(SetupError, match="2025"):
        await without.used_keys()
    other = LocalFiles(tmp_path, keys_of(f"2025:{NEW[5:]}"))
    with pytest.raises(Damaged):
        await other.get(name)
    with pytest.raises(SetupError, match="another"):
        await other.used_keys()


async def test_what_was_stored_before_is_sealed_and_what_is_damaged_is_left(tmp_path: Path, keys: Keys) -> None:
    plain = LocalFiles(tmp_path)
    names = [await plain.put(f"letter {n}".encode()) for n in range(5)]
    path = next(path for path in stored(tmp_path) if path.name == names[0])
    path.write_bytes(b"changed")
    files = LocalFiles(tmp_path, keys)
    assert [name async for name in files.documents()] == sorted(names, key=lambda one: (one[:2], one[2:4], one))
    with pytest.raises(Damaged):
        await files.seal_stored(names[0])
    assert path.read_bytes() == b"changed"
    assert [await files.seal_stored(name) for name in names[1:]] == [True] * 4
    assert [await files.seal_stored(name) for name in names[1:]] == [False] * 4
    assert [await files.get(name) for name in names[1:]] == [f"letter {n}".encode() for n in range(1, 5)]
    assert all(b"letter" not in one.read_bytes() for one in stored(tmp_path))


async def test_a_key_is_changed_without_touching_a_document(tmp_path: Path, keys: Keys) -> None:
    name = await LocalFiles(tmp_path, keys).put(LETTER)
    path = next(path for path in stored(tmp_path) if path.name == name)
    before = (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
    both = LocalFiles(tmp_path, keys_of(f"{NEW},{OLD}"))
    assert await both.get(name) == LETTER
    assert await both.wrap_anew(name)
    assert not await both.wrap_anew(name)
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) == before
    assert sorted(await both.used_keys()) == ["2025", "2026"]
    await both.forget_key("2025")
    alone = LocalFiles(tmp_path, keys_of(NEW))
    assert await alone.get(name) == LETTER
    assert await alone.used_keys() == ["2026"]


async def test_the_same_document_put_by_many_at_once_is_one_that_opens(tmp_path: Path, keys: Keys) -> None:
    many = [LocalFiles(tmp_path, keys) for _ in range(20)]
    names = set(await asyncio.gather(*(files.put(LETTER * 10_000) for files in many)))
    assert len(names) == 1
    assert await many[0].get(names.pop()) == LETTER * 10_000
    assert [path.name for path in stored(tmp_path) if path.name.startswith(".")] == []


async def test_an_object_store_keeps_them_the_same_way(keys: Keys) -> None:
    files = ObjectFiles("memory:///", keys)
    name = await files.put(LETTER)
    assert (await files.put(LETTER), await files.get(name), await files.exists(name)) == (name, LETTER, True)
    assert b"PAT-TROIS" not in await files._blobs.read(name)
    assert [one async for one in files.documents()] == [name]
    assert await files.used_keys() == ["2025"]
    files._keys, files._marked = keys_of(f"{NEW},{OLD}"), False
    assert await files.wrap_anew(name)
    assert await files.get(name) == LETTER
    assert sorted(await files.used_keys()) == ["2025", "2026"]
    await files.forget_key("2025")
    assert await files.used_keys() == ["2026"]
    with pytest.raises(NotFound):
        await files.get("0" * 64)


@pytest.mark.parametrize("name", ["", "..", "a" * 64 + "\n", "A" * 64, "0" * 63, "../" + "0" * 61, "keys/2025"])
async def test_a_name_that_is_no_digest_reads_nothing(tmp_path: Path, keys: Keys, name: str) -> None:
    with pytest.raises(Invalid):
        await LocalFiles(tmp_path, keys).get(name)


async def test_what_lies_beside_a_document_and_is_no_key_is_told(tmp_path: Path, keys: Keys) -> None:
    files = LocalFiles(tmp_path, keys)
    name = await files.put(LETTER)
    beside = next(path for path in stored(tmp_path) if path.name == f"{name}.key")
    for kept in (
        b"",
        b"{}",
        b"[]",
        json.dumps({"key": "2025", "data": "!"}).encode(),
        json.dumps({"key": "2025", "data": ""}).encode(),
    ):
        beside.write_bytes(kept)
        with pytest.raises(MaillageError):
            await files.get(name)


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
@pytest.mark.parametrize("where", ["folder", "objects"])
async def test_what_is_removed_is_gone_with_its_key_and_may_be_removed_again(
    tmp_path: Path, keys: Keys, where: str, sealed: bool
) -> None:
    given = keys if sealed else None
    files = LocalFiles(tmp_path, given) if where == "folder" else ObjectFiles(tmp_path.as_uri(), given)
    other, letter = await files.put(b"another letter"), await files.put(LETTER)
    assert await files.get(letter) == LETTER
    await files.remove(letter)
    await files.remove(letter)
    assert not await files.exists(letter)
    assert not [one for one in stored(tmp_path) if letter in one.name]
    assert await files.get(other) == b"another letter"
    assert await files.get(await files.put(LETTER)) == LETTER
