"""`$lastn`: the last observations of each code (R4 observation-operation-lastn).

Codes are one group where they share a coding, however many translations lie between; a code without coding is its text.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from maillage.db import Connection
from maillage.errors import Invalid, Issue
from maillage.fhir.change import Resource, Stored
from maillage.fhir.dates import span
from maillage.fhir.index import index
from maillage.fhir.scope import Scope
from maillage.fhir.search import MAX_COUNT, SearchQuery, search

MOST = 10_000
"""Observations that one call looks at; all of them are, as the oldest may join two codes."""
_UNDATED = datetime.min.replace(tzinfo=UTC)
_Key = tuple[Any, ...]


@dataclass(slots=True)
class _Group:
    """The observations kept of one code, newest first, and all the codings by which it was met."""

    keys: set[_Key]
    kept: list[tuple[datetime, Stored]] = field(default_factory=list)


async def lastn(conn: Connection, query: SearchQuery, most: int, *, scope: Scope) -> list[Stored]:
    """The last `most` matches of each code, newest first; more where the last ones are of the same time.

    `query` is a search of Observation in the order of its date, newest first. More than `MOST` matches are Invalid.
    """
    groups: dict[_Key, _Group] = {}
    seen, page = 0, None
    while page is None or page.next:
        page = await search(conn, structs.replace(query, count=MAX_COUNT, cursor=page.next if page else None), scope=scope)
        seen += len(page.matches)
        if seen > MOST:
            message = f"more than {MOST} observations match: narrow them by code or date"
            raise Invalid(message, issues=[Issue("too-costly", message)])
        for one in page.matches:
            _take(groups, one, most)
    kept = [found for group in {id(group): group for group in groups.values()}.values() for found in group.kept]
    return [one for _, one in sorted(kept, key=lambda found: (found[0], found[1].id), reverse=True)]


def _take(groups: dict[_Key, _Group], one: Stored, most: int) -> None:
    resource = one.resource
    group = _joined(groups, _keys(resource), most)
    group.kept = _last([*group.kept, (_when(resource), one)], most)


def _joined(groups: dict[_Key, _Group], keys: set[_Key], most: int) -> _Group:
    """The one group of these codings: those that knew any of them become one."""
    met = list({id(found): found for key in keys if (found := groups.get(key))}.values())
    if len(met) == 1 and keys <= met[0].keys:
        return met[0]
    whole = _Group(keys.union(*(group.keys for group in met)))
    whole.kept = _last([found for group in met for found in group.kept], most)
    groups.update(dict.fromkeys(whole.keys, whole))
    return whole


def _last(found: list[tuple[datetime, Stored]], most: int) -> list[tuple[datetime, Stored]]:
    """The newest, with those that tie with the last of them."""
    if len(found) <= most:
        return found
    found = sorted(found, key=lambda one: one[0], reverse=True)
    oldest = found[most - 1][0]
    return found[:most] + [one for one in found[most:] if one[0] == oldest != _UNDATED]


def _keys(observation: Resource) -> set[_Key]:
    code = observation["code"]
    coded: set[_Key] = {(coding.get("system"), coding["code"]) for coding in code.get("coding", ()) if "code" in coding}
    return coded or {(None, None, code.get("text", ""))}


def _when(observation: Resource) -> datetime:
    """When the observation was made, as searches order it."""
    said = observation.get("effectiveDateTime") or observation.get("effectiveInstant")
    if said:
        return span(said)[0]
    date = index(observation).date
    return date[0] if date else _UNDATED
