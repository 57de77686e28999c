"""The heads of the trail kept outside of the database: one file a night, written once, each read again by every verification."""

import asyncio
import os
from datetime import UTC
from pathlib import Path

from maillage.access.chain import Head, KeptHeads
from maillage.config import Config
from maillage.errors import Invalid, SetupError

PATTERN = "heads-*.json"


def folder_of(config: Config) -> Path:
    """Where the heads are kept: better a folder that the database's own account cannot write in, or a store that is written once."""
    return Path(config.audit_heads) if config.audit_heads else config.data / "audit-heads"


async def keep(folder: Path, heads: KeptHeads) -> Path:
    """Writes them to a new file, on the disk before this returns. SetupError where the folder cannot be written in."""
    return await asyncio.to_thread(write, folder / f"heads-{heads.at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.json", heads)


async def kept(folder: Path) -> list[Head]:
    """All heads that were kept there, none where nothing was. SetupError for a file that is not one of ours or cannot be read."""
    return await asyncio.to_thread(_kept, folder)


def write(file: Path, heads: KeptHeads) -> Path:
    """A new file: one that is there is a SetupError, as nothing kept is ever written over."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as opened:
            opened.write(heads.written())
            opened.flush()
            os.fsync(opened.fileno())
    except FileExistsError:
        raise SetupError(f"{file} exists: heads are never written over") from None
    except OSError as fault:
        raise SetupError(f"the heads of the trail cannot be kept: {fault}") from fault
    return file


def read(file: Path) -> list[Head]:
    """The heads of one file; SetupError as `kept`."""
    try:
        return KeptHeads.parse(file.read_bytes()).heads
    except (OSError, Invalid) as fault:
        raise SetupError(f"{file}: {fault}") from fault


def _kept(folder: Path) -> list[Head]:
    return [head for file in sorted(folder.glob(PATTERN)) for head in read(file)]
