"""`maillage files encrypt` and `maillage files rotate-keys`: while the platform goes on, and again from where they were when they are interrupted."""

import asyncio
from collections.abc import Awaitable, Callable

from maillage.config import Config
from maillage.errors import Damaged, SetupError
from maillage.files import StoredFiles, keys_of, open_files

TOLD_EACH = 1_000

Act = Callable[[str], Awaitable[bool]]


def encrypt(config: Config) -> int:
    """Seals what was stored before there were keys. Status 1 where a document is not what it is named: it is left as it is."""
    files = _sealing(config)
    changed, damaged = asyncio.run(_over_all(files, files.seal_stored, "chiffrés"))
    print(f"maillage: {changed} documents chiffrés")
    return _told(damaged)


def rotate(config: Config) -> int:
    """Wraps each data key by the current key. Status 1 where one cannot be opened: the old keys are then still needed."""
    files = _sealing(config)
    current = keys_of(config.files_keys, config.files_keys_file).current
    changed, damaged = asyncio.run(_over_all(files, files.wrap_anew, "clés changées"))
    print(f"maillage: {changed} documents passés à la clé {current}")
    if not damaged:
        for id in asyncio.run(_left(files, current)):
            print(f"maillage: la clé {id} ne sert plus, elle peut quitter les réglages")
    return _told(damaged)


def _sealing(config: Config) -> StoredFiles:
    keys = keys_of(config.files_keys, config.files_keys_file)
    if not keys.current:
        raise SetupError("no key: set MAILLAGE_FILES_KEYS or MAILLAGE_FILES_KEYS_FILE")
    return open_files(config.files_url, folder=config.data / "files", keys=keys)


async def _over_all(files: StoredFiles, act: Act, words: str) -> tuple[int, list[str]]:
    """How many documents were changed, and those that could not be."""
    await files.used_keys()
    seen, changed, damaged = 0, 0, []
    async for name in files.documents():
        try:
            changed += await act(name)
        except Damaged as fault:
            damaged.append(fault.message)
        seen += 1
        if seen % TOLD_EACH == 0:
            print(f"… {seen} documents vus, {changed} {words}", flush=True)
    return changed, damaged


async def _left(files: StoredFiles, current: str) -> list[str]:
    """The old keys, which seal nothing any more: forgotten."""
    old = [id for id in await files.used_keys() if id != current]
    for id in old:
        await files.forget_key(id)
    return old


def _told(damaged: list[str]) -> int:
    for message in damaged:
        print(f"FAUTE  {message}")
    return 1 if damaged else 0
