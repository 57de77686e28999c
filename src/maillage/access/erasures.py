"""What was erased, listed outside of the database: a restore of an older backup erases it again. Names of resources only, never their contents."""

import asyncio
import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from maillage.config import Config
from maillage.errors import SetupError

PATTERN = "erased-*.ndjson"


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """Resources (references) of the record of a Patient (its id) that were erased because of a request."""

    request: str
    record: str
    names: list[str]


def folder_of(config: Config) -> Path:
    """Where the lists are: better not where the backups of the database are made from, nor on its disk."""
    return Path(config.erasures) if config.erasures else config.data / "erasures"


async def keep(folder: Path, request: str, *, record: str, names: Sequence[str]) -> None:
    """Adds to the list of a request; on the disk before this returns. SetupError where the folder cannot be written in."""
    if names:
        await asyncio.to_thread(
            _append, folder / f"erased-{request}.ndjson", Listed(request=request, record=record, names=list(names))
        )


def kept(folder: Path) -> list[Listed]:
    """All that was listed there; a line whose writer died says nothing. SetupError for a file that cannot be read."""
    return [one for file in sorted(folder.glob(PATTERN)) for one in _read(file)]


def _append(file: Path, listed: Listed) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("ab") as opened:
            opened.write(b"\n" + msgspec.json.encode(listed) + b"\n")  # begins a line, whatever a writer that died left
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as fault:
        raise SetupError(f"what is erased cannot be listed: {fault}") from fault


def _read(file: Path) -> Iterator[Listed]:
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as fault:
        raise SetupError(f"{file}: {fault}") from fault
    for line in filter(None, lines):
        with contextlib.suppress(msgspec.DecodeError):
            yield msgspec.json.decode(line, type=Listed)
