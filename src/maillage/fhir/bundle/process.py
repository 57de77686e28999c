"""Carries out the requests of a bundle: a transaction wholly or not at all, a batch entry by entry."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import parse_qsl
from uuid import uuid4

from maillage.db import Connection
from maillage.errors import Invalid, Issue, MaillageError, PreconditionFailed, Unsupported
from maillage.fhir.bundle.entries import METHODS, Entry, at, entries_of
from maillage.fhir.bundle.references import conditional, rewritten
from maillage.fhir.change import Change, Resource, Stored, Verb, instant
from maillage.fhir.outcome import outcome
from maillage.fhir.scope import Scope
from maillage.fhir.search import parse
from maillage.fhir.store import Store


class Door(Protocol):
    """What a bundle is carried out through: the guarded records of an actor, or the bare store."""

    async def find(self, kind: str, params: Sequence[tuple[str, str]]) -> list[str]:
        """The ids of the resources that match; two are enough to know that there is more than one."""
        ...

    async def write_changes(self, changes: Sequence[Change]) -> list[Stored]:
        """Writes all or none. A fault of the i-th change has issues whose expression begins with `change[i]`."""
        ...

    async def get(self, url: str) -> Resource:
        """The answer to a GET of a bundle: a resource or a searchset, by its relative URL."""
        ...

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """What is written inside is undone when it raises, and nothing else."""
        ...


@dataclass(slots=True)
class StoreDoor:
    """The bare store in one transaction and scope."""

    conn: Connection
    scope: Scope
    store: Store

    async def find(self, kind: str, params: Sequence[tuple[str, str]]) -> list[str]:
        page = await self.store.search_raw(self.conn, replace(parse(kind, params), count=2), scope=self.scope)
        return [match.id for match in page.matches]

    async def write_changes(self, changes: Sequence[Change]) -> list[Stored]:
        return await self.store.write_raw(self.conn, changes, scope=self.scope)

    async def get(self, url: str) -> Resource:
        path, _, query = url.partition("?")
        match path.split("/"):
            case [kind, id] if not query:
                return await self.store.read(self.conn, kind, id, scope=self.scope)
            case [kind]:
                page = await self.store.search(self.conn, parse(kind, parse_qsl(query)), scope=self.scope)
                matches = [{"resource": one, "search": {"mode": "match"}} for one in page.matches]
                included = [{"resource": one, "search": {"mode": "include"}} for one in page.included]
                return {"resourceType": "Bundle", "type": "searchset", "entry": matches + included}
        raise Unsupported(f"GET {url} is not supported in bundles")

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        return self.conn.transaction()


async def process(bundle: Resource, door: Door, *, base: str = "") -> Resource:
    """Carries out a batch or transaction and answers the response Bundle, its entries in the order of the request.

    A transaction raises the first fault (its issues name `Bundle.entry[i]`) and must then be undone by the caller. `base` is this
    server's own address, which request URLs may begin with.
    """
    match bundle.get("type") if bundle.get("resourceType") == "Bundle" else None:
        case "transaction":
            answers = await _transaction(entries_of(bundle, base=base), door, base)
        case "batch":
            answers = await _batch(entries_of(bundle, base=base), door)
        case other:
            raise Invalid(f"a Bundle of type batch or transaction is expected here, not {other!r}")
    return {"resourceType": "Bundle", "type": f"{bundle['type']}-response", "entry": answers}


async def _transaction(entries: list[Entry], door: Door, base: str) -> list[Resource]:
    answers: dict[int, Resource] = {}
    writes = [e for method in METHODS[:-1] for e in entries if e.method == method]
    kept = [entry for entry in writes if not await _settled(entry, door, answers)]
    await _link(writes, kept, door, base)
    for entry, stored in zip(kept, await _written(kept, door), strict=True):
        answers[entry.place] = _answer(stored)
    for entry in entries:
        if entry.method == "GET":
            answers[entry.place] = await _got(entry, door)
    return [answers[place] for place in range(len(entries))]


async def _batch(entries: list[Entry], door: Door) -> list[Resource]:
    answers: dict[int, Resource] = {}
    for entry in (e for method in METHODS for e in entries if e.method == method):
        try:
            async with door.savepoint():
                answers[entry.place] = await _alone(entry, door)
        except MaillageError as fault:
            answers[entry.place] = _refused(fault)
    return [answers[place] for place in range(len(entries))]


async def _alone(entry: Entry, door: Door) -> Resource:
    answers: dict[int, Resource] = {}
    if entry.method == "GET":
        return await _got(entry, door)
    if await _settled(entry, door, answers):
        return answers[entry.place]
    await _link([], [entry], door, "")
    return _answer((await _written([entry], door))[0])


async def _settled(entry: Entry, door: Door, answers: dict[int, Resource]) -> bool:
    """Gives the entry its id. True (with its answer) when its criteria leave nothing to do."""
    if entry.criteria is None:
        entry.id = entry.id or str(uuid4())
        return False
    try:
        found = await door.find(entry.kind, entry.criteria)
    except MaillageError as fault:
        raise at(entry.place, fault) from None
    if len(found) > 1:
        message = f"the criteria of {entry.method} {entry.kind} find more than one resource"
        raise at(entry.place, PreconditionFailed(message, issues=[Issue("multiple-matches", message, "request")]))
    if found:
        if entry.method == "PUT" and (entry.resource or {}).get("id", found[0]) != found[0]:
            message = f"the criteria find {entry.kind}/{found[0]}, which is not the resource's id"
            raise at(entry.place, Invalid(message, issues=[Issue("invalid", message, "resource.id")]))
        entry.id = found[0]
        if entry.only_if_none:
            answers[entry.place] = {"response": {"status": "200 OK", "location": f"{entry.kind}/{entry.id}"}}
        return entry.only_if_none
    if entry.method == "DELETE":
        answers[entry.place] = {"response": {"status": "204 No Content"}}
        return True
    entry.id = str((entry.resource or {}).get("id") or uuid4()) if entry.method == "PUT" else str(uuid4())
    return False


async def _link(writes: list[Entry], kept: list[Entry], door: Door, base: str) -> None:
    """Makes the references of the resources to be written point to where their targets are, or will be."""
    links = _links(writes)
    for entry in kept:
        wanted = set(conditional(entry.resource))
        try:
            links |= {text: await _target(text, door, kept) for text in wanted if text not in links}
        except MaillageError as fault:
            raise at(entry.place, fault) from None
    for entry in kept:
        if entry.resource is not None:
            entry.resource = rewritten({**entry.resource, "id": entry.id}, links)


def _links(entries: list[Entry]) -> dict[str, str]:
    links: dict[str, str] = {}
    for entry in entries:
        if not entry.full_url or entry.resource is None:
            continue
        target, link = f"{entry.kind}/{entry.id}", entry.full_url
        if links.setdefault(link, target) != target:
            message = f"another entry has the fullUrl {link!r} too"
            raise at(entry.place, Invalid(message, issues=[Issue("duplicate", message, "fullUrl")]))
        if link.startswith(("http://", "https://")):  # a relative reference then means the same (R4 bundle.html#references)
            links.setdefault("/".join(link.split("/")[-2:]), target)
    return links


async def _target(text: str, door: Door, kept: list[Entry]) -> str:
    """What a conditional reference finds: one resource of the bundle by its identifier, else one of the store."""
    kind, _, query = text.partition("?")
    params = parse_qsl(query, keep_blank_values=True)
    near = [e.id for e in kept if e.kind == kind and e.resource is not None and _carries(e.resource, params)]
    found = near or await door.find(kind, params)
    if len(found) != 1:
        message = f"the reference {text!r} finds {'more than one resource' if found else 'nothing'}"
        raise PreconditionFailed(message, issues=[Issue("multiple-matches" if found else "not-found", message, "resource")])
    return f"{kind}/{found[0]}"


def _carries(resource: Resource, params: list[tuple[str, str]]) -> bool:
    """Whether the resource has the identifier that is all the criteria ask for."""
    match params:
        case [("identifier", value)] if "|" in value:
            system, _, number = value.partition("|")
            identifiers = resource.get("identifier", [])
            listed = identifiers if isinstance(identifiers, list) else [identifiers]
            return any(isinstance(i, dict) and i.get("system", "") == system and i.get("value") == number for i in listed)
    return False


async def _written(entries: list[Entry], door: Door) -> list[Stored]:
    try:
        return await door.write_changes([_change(entry) for entry in entries])
    except MaillageError as fault:
        raise _located(fault, entries) from fault


def _located(fault: MaillageError, entries: list[Entry]) -> MaillageError:
    expression = fault.issues[0].expression or ""
    if expression.startswith("change["):
        return at(entries[int(expression[len("change[") : expression.index("]")])].place, fault)
    return at(entries[0].place, fault) if len(entries) == 1 else fault


def _change(entry: Entry) -> Change:
    resource = entry.resource or {"resourceType": entry.kind, "id": entry.id}
    verb = {"DELETE": Verb.DELETE, "POST": Verb.CREATE, "PUT": Verb.PUT}[entry.method]
    return Change(verb, resource, entry.expected)


async def _got(entry: Entry, door: Door) -> Resource:
    try:
        return {"resource": await door.get(entry.url), "response": {"status": "200 OK"}}
    except MaillageError as fault:
        raise at(entry.place, fault) from None


def _answer(stored: Stored) -> Resource:
    response = {
        "status": stored.operation.status,
        "location": f"{stored.type}/{stored.id}/_history/{stored.version}",
        "etag": f'W/"{stored.version}"',
        "lastModified": instant(stored.updated),
    }
    return {"response": response}


def _refused(fault: MaillageError) -> Resource:
    return {"response": {"status": str(fault.status), "outcome": outcome(fault.issues)}}
