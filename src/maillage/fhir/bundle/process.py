"""Carries out the requests of a bundle: a transaction wholly or not at all, a batch entry by entry."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from maillage.errors import Invalid, Issue, MaillageError
from maillage.fhir.bundle import answers
from maillage.fhir.bundle.answers import Done
from maillage.fhir.bundle.door import Door
from maillage.fhir.bundle.entries import Entry, at, entries_of, entry_at, in_order, listed, of_request
from maillage.fhir.bundle.gets import got
from maillage.fhir.bundle.linking import link
from maillage.fhir.bundle.settling import hold_all, settle
from maillage.fhir.change import Change, Resource, Stored, Verb


async def process(
    bundle: Resource, door: Door, *, base: str = "", wants: str = "minimal", refused: Mapping[int, MaillageError] | None = None
) -> Resource:
    """Carries out a batch or transaction and answers the response Bundle, its entries in the order of the request.

    A transaction raises the first fault (its issues name `Bundle.entry[i]`) and must then be undone by the caller. `base` is this
    server's own address, which URLs may begin with; `wants` what the entries of writes answer (R4 http.html#return); `refused`, by their
    places, what is wrong with entries of a batch that are not even to be tried.
    """
    match bundle.get("type") if bundle.get("resourceType") == "Bundle" else None:
        case "transaction":
            done = await _transaction(entries_of(bundle, base=base), door, base)
            entries = [answers.entry_of(one, wants=wants) for one in done]
        case "batch":
            entries = await _batch(listed(bundle), door, base, wants, refused or {})
        case other:
            raise Invalid.at("Bundle.type", f"a Bundle of type batch or transaction is expected here, not {other!r}")
    return {"resourceType": "Bundle", "type": f"{bundle['type']}-response", **({"entry": entries} if entries else {})}


async def single(entry: Resource, door: Door, *, base: str = "") -> Done:
    """Carries out one entry as a transaction of its own."""
    return (await _transaction([entry_at(0, entry, base)], door, base))[0]


async def _transaction(entries: Sequence[Entry], door: Door, base: str) -> list[Done]:
    writes = [entry for entry in in_order(entries) if not entry.last]
    done = await settle(writes, door)
    kept = [entry for entry in writes if entry.place not in done]
    await link(writes, kept, door, base)
    done |= {entry.place: answers.written(stored) for entry, stored in zip(kept, await _written(kept, door), strict=True)}
    for entry in entries:
        if entry.last:
            done[entry.place] = await _got(entry, door, base)
    return [done[place] for place in sorted(done)]


async def _batch(
    asked: list[Any], door: Door, base: str, wants: str, refused: Mapping[int, MaillageError]
) -> list[Resource]:  # fmt: skip
    """Each entry by itself, in the order of the standard; one that is no request is refused alone."""
    found = {place: answers.refused(fault) for place, fault in refused.items()}
    entries = []
    for place, one in enumerate(asked):
        if place in refused:
            continue
        try:
            entries.append(entry_at(place, one, base))
        except MaillageError as fault:
            found[place] = answers.refused(fault)
    await hold_all(entries, door)
    for entry in in_order(entries):
        try:
            async with door.savepoint() if entry.writes else nullcontext():
                found[entry.place] = answers.entry_of((await _transaction([entry], door, base))[0], wants=wants)
        except MaillageError as fault:
            found[entry.place] = answers.refused(fault)
    return [found[place] for place in sorted(found)]


async def _written(entries: Sequence[Entry], door: Door) -> list[Stored]:
    try:
        return await door.write_changes([_change(entry) for entry in entries])
    except MaillageError as fault:
        raise _located(fault, entries) from fault


def _located(fault: MaillageError, entries: Sequence[Entry]) -> MaillageError:
    places = [_change_of(issue) for issue in fault.issues]
    if None not in places and len(set(places)) > 1:
        each = [
            at(entries[place or 0].place, Invalid(issue.diagnostics, issues=[issue]))
            for place, issue in zip(places, fault.issues, strict=True)
        ]
        return Invalid(each[0].message, issues=[issue for one in each for issue in one.issues])
    if places[0] is not None:
        return at(entries[places[0]].place, fault)
    return at(entries[0].place, fault) if len(entries) == 1 else fault


def _change_of(issue: Issue) -> int | None:
    expression = issue.expression or ""
    return int(expression[len("change[") : expression.index("]")]) if expression.startswith("change[") else None


def _change(entry: Entry) -> Change:
    resource = entry.resource or {"resourceType": entry.kind, "id": entry.id}
    verb = {"DELETE": Verb.DELETE, "POST": Verb.CREATE, "PUT": Verb.PUT, "PATCH": Verb.UPDATE}[entry.method]
    return Change(Verb.CREATE if entry.creates else verb, resource, entry.expected)


async def _got(entry: Entry, door: Door, base: str) -> Done:
    try:
        return await got(entry, door, base)
    except MaillageError as fault:
        raise at(entry.place, of_request(entry, fault)) from None
