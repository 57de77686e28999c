"""`$document`: a Composition and every resource that it names, as one Bundle (R4 composition-operation-document, documents.html)."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import uuid4

from maillage.db import Connection, fetch, load_queries
from maillage.errors import Gone, Issue, NotFound, Unprocessable
from maillage.fhir import ids, json
from maillage.fhir.change import Resource, Stored, instant
from maillage.fhir.reading import read, stored, vread
from maillage.fhir.scope import Scope

QUERIES = load_queries("maillage.fhir.operations")
MOST = 2_000
"""Resources that one document may name."""
_Name = tuple[str, str, int | None]
"""Type, id, and the version where the reference names one."""


async def document(conn: Connection, id: str, *, scope: Scope, base: str) -> list[Stored]:
    """The Composition, then each resource that it names, once, in the order of their names in it. `base`: this server's own address.

    One that is not here, or not to be seen, or elsewhere is Unprocessable, with its place: a document without it would not say so.
    """
    composition = await read(conn, "Composition", id, scope=scope)
    named = dict(_named(composition.resource, base))
    if len(named) > MOST:
        raise Unprocessable(
            f"the composition names more than {MOST} resources", issues=[Issue("too-costly", f"more than {MOST}")]
        )
    found = await _current(conn, [name for name in named if name[2] is None], scope)
    found |= await _versions(conn, [name for name in named if name[2] is not None], scope)
    missing = [Issue("not-found", f"{kind}/{key} is not known", place) for (kind, key, _), place in _left(named, found)]
    if missing:
        raise Unprocessable("the document cannot be whole: what its composition names is not all here", issues=missing)
    parts = [composition, *(found[name] for name in named)]
    return list({(one.type, one.id, one.version): one for one in parts}.values())


def bundle(parts: list[Stored], *, base: str, at: datetime) -> bytes:
    """The Bundle of type document, made at that time, with an identifier of its own."""
    head = {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid4()}"},
        "type": "document",
        "timestamp": instant(at),
    }
    entries = [
        b'{"fullUrl":"' + f"{base}/{one.type}/{one.id}".encode() + b'","resource":' + (one.body or b"") + b"}" for one in parts
    ]
    return json.dumps(head)[:-1] + b',"entry":[' + b",".join(entries) + b"]}"


def _left(named: dict[_Name, str], found: dict[_Name, Stored]) -> list[tuple[_Name, str]]:
    return [(name, place) for name, place in named.items() if name not in found]


async def _current(conn: Connection, names: list[_Name], scope: Scope) -> dict[_Name, Stored]:
    types, keys = [ids.number(kind) for kind, _, _ in names], [ids.key(id) for _, id, _ in names]
    parameters = {"types": types, "ids": keys, **scope.params}
    rows = await fetch(conn, _several(scope.sql("r")), parameters, binary=True)
    return {(one.type, one.id, None): one for one in map(stored, rows)}


async def _versions(conn: Connection, names: list[_Name], scope: Scope) -> dict[_Name, Stored]:
    found: dict[_Name, Stored] = {}
    for kind, id, version in names:
        with suppress(NotFound, Gone):
            found[kind, id, version] = await vread(conn, kind, id, version or 0, scope=scope)
    return found


@lru_cache(maxsize=64)
def _several(seen: str) -> bytes:
    return QUERIES.text("several").replace("{r}", seen).encode()


def _named(composition: Resource, base: str) -> Iterator[tuple[_Name, str]]:
    """What the composition refers to, each with the first place where it does."""
    seen: set[_Name] = set()
    for place, reference in _references(composition, "Composition"):
        if reference.startswith("#"):
            continue
        name = _name(reference.removeprefix(f"{base}/"))
        if name is None:
            message = f"{reference} is not a resource of this server"
            raise Unprocessable(f"{place}: {message}", issues=[Issue("not-supported", message, place)])
        if name not in seen:
            seen.add(name)
            yield name, place


def _references(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for i, one in enumerate(value):
            yield from _references(one, f"{place}[{i}]")
    elif isinstance(value, dict):
        if isinstance(reference := value.get("reference"), str):
            yield f"{place}.reference", reference
        for key, below in value.items():
            yield from _references(below, f"{place}.{key}")


def _name(reference: str) -> _Name | None:
    match reference.split("/"):
        case [kind, id] if kind in ids.TYPES and ids.legal(id):
            return kind, id, None
        case [kind, id, "_history", version] if kind in ids.TYPES and ids.legal(id) and version.isdecimal() and len(version) < 10:
            return kind, id, int(version)
    return None
