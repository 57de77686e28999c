"""`maillage import`: FHIR resources from NDJSON files, through the guarded door like every other write."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from maillage.access.actors import Actor, ActorKind, Role
from maillage.app import database_of, load_services, platform_of
from maillage.config import Config
from maillage.errors import MaillageError, SetupError
from maillage.fhir import json

BATCH = 200
IMPORTER = Actor(
    id="system:import", kind=ActorKind.SYSTEM, name="maillage import", roles=frozenset({Role.SYSTEM}), scopes=frozenset({"system/*.*"})
)  # fmt: skip


def import_resources(config: Config, files: Sequence[Path]) -> int:
    """Imports each file in batches, each all or nothing; a fault names file and line, and what came before it stays."""
    with database_of(config) as dsn:
        return asyncio.run(_import(replace(config, database_url=dsn, database_pool=2), files))


async def _import(config: Config, files: Sequence[Path]) -> int:
    load_services()
    async with platform_of(config) as platform:
        for path in files:
            count = 0
            for batch in _batches(path):
                try:
                    async with platform.access.act(IMPORTER, door="fhir") as ctx:
                        await ctx.records.write(*(resource for _, resource in batch))
                except MaillageError as fault:
                    raise SetupError(f"{path}, lines {batch[0][0]} to {batch[-1][0]}: {fault.message}") from fault
                count += len(batch)
            print(f"{path} : {count} ressources")
    return 0


def _batches(path: Path) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    batch: list[tuple[int, dict[str, Any]]] = []
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    batch.append((number, _resource(path, number, line)))
                if len(batch) == BATCH:
                    yield batch
                    batch = []
    except OSError as fault:
        raise SetupError(f"{path}: {fault.strerror}") from fault
    if batch:
        yield batch


def _resource(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        return json.loads(line)
    except MaillageError as fault:
        raise SetupError(f"{path}, line {number}: {fault.message}") from fault
