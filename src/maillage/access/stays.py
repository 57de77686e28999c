"""What belongs to a stay that is kept from legal representatives is kept from them with it, whenever it is written (CSP L1111-5)."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from maillage.access.choices import hidings
from maillage.access.grants import QUERIES, Written, as_json
from maillage.access.references import as_list, local
from maillage.db import Connection
from maillage.fhir import ids

Resource = dict[str, Any]
STAY = "Encounter"


async def keep_with_stays(conn: Connection, written: Iterable[Written]) -> None:
    """After `derive`: one statement where resources of a stay, or something about a stay, were written, and none otherwise."""
    below: list[dict[str, Any]] = []
    marked: set[UUID] = set()
    for one in written:
        if one.resource is None:
            continue
        row = {"rt": ids.number(one.type), "id": ids.key(one.id)}
        below += [row | {"stay": stay} for stay in stays_named(one.resource)]
        marked |= set(_marked(one))
    if below or marked:
        await QUERIES.keep(conn, below=as_json(below), stays=sorted(marked))


def stays_named(resource: Resource) -> set[UUID]:
    """The keys of the Encounters that a resource says it belongs to."""
    said = [*as_list(resource.get("encounter")), *as_list(_context(resource).get("encounter")), *as_list(resource.get("partOf"))]
    said += as_list(resource.get("target")) if resource["resourceType"] == "Provenance" else []
    return {ids.key(one.removeprefix("Encounter/")) for one in map(local, said) if one and one.startswith("Encounter/")}


def _context(resource: Resource) -> Resource:
    context = resource.get("context")
    return context if isinstance(context, dict) else {}


def _marked(one: Written) -> Iterator[UUID]:
    if one.resource is None:
        return
    if one.type == STAY and not (one.first and "meta" not in one.resource):
        yield ids.key(one.id)
    if one.type == "Consent":
        yield from (
            ids.key(hiding.record.removeprefix("Encounter/"))
            for hiding in hidings(one.resource)
            if hiding.record.startswith("Encounter/")
        )
