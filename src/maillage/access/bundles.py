"""Bundles through the guarded door: each entry is filtered, checked and left in the trail as if it came alone."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from maillage.db import Connection
from maillage.errors import Unsupported
from maillage.fhir.change import Change, Stored
from maillage.fhir.search import parse

if TYPE_CHECKING:
    from maillage.access.records import Records

Resource = dict[str, Any]


class RecordsDoor:
    """What `fhir.bundle.process` works through, for one actor (its protocol `Door`)."""

    def __init__(self, records: "Records", conn: Connection) -> None:
        self._records = records
        self._conn = conn

    async def find(self, kind: str, params: Sequence[tuple[str, str]]) -> list[str]:
        """The ids of at most two visible matches."""
        page = await self._records.search_raw(replace(parse(kind, params), count=2))
        return [match.id for match in page.matches]

    async def write_changes(self, changes: Sequence[Change]) -> list[Stored]:
        """All or none, as one write of the actor's."""
        return await self._records.write_changes(changes)

    async def get(self, url: str) -> Resource:
        """A resource, or the searchset of a search, by relative URL."""
        path, _, query = url.partition("?")
        match path.split("/"):
            case [kind, id] if not query:
                return await self._records.read(kind, id)
            case [kind]:
                page = await self._records.search(kind, parse_qsl(query, keep_blank_values=True))
                entries = [_entry(match, "match") for match in page.matches] + [_entry(one, "include") for one in page.included]
                return {"resourceType": "Bundle", "type": "searchset", "entry": entries}
        raise Unsupported(f"GET {url} is not supported in bundles")

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """What is written inside is undone when it raises, and nothing else."""
        return self._conn.transaction()


def _entry(resource: Resource, mode: str) -> Resource:
    return {"resource": resource, "search": {"mode": mode}}
