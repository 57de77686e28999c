"""Which resource each write of a bundle is about: its id, given or found by criteria, and of a patch what it leaves."""

from collections import Counter
from collections.abc import Sequence
from uuid import uuid4

from maillage.errors import Conflict, Invalid, Issue, MaillageError, NotFound, PreconditionFailed
from maillage.fhir.bundle.answers import Done
from maillage.fhir.bundle.door import Door
from maillage.fhir.bundle.entries import Entry, at
from maillage.fhir.change import Stored
from maillage.fhir.holding import Hold, holds_of
from maillage.fhir.matching import not_at
from maillage.fhir.patch import patched

_PATIENCE = 20


async def hold_all(entries: Sequence[Entry], door: Door) -> None:
    """Holds what the criteria of all entries may find until the transaction ends: at once, so that two bundles do not wait for each other."""
    if holds := set[Hold]().union(*map(_holds, entries)):
        await door.hold(holds)


async def settle(entries: Sequence[Entry], door: Door) -> dict[int, Done]:
    """Gives each entry its id, and to a patch the patched resource; answers those that leave nothing to write, by their place."""
    await hold_all(entries, door)
    answers = await _not_there(entries, door)
    for entry in entries:
        try:
            if done := await _settled(entry, door):
                answers[entry.place] = done
        except MaillageError as fault:
            raise at(entry.place, fault) from None
    return answers


async def _not_there(entries: Sequence[Entry], door: Door) -> dict[int, Done]:
    """The deletions of what is not there: there is nothing to do, and nothing wrong (R4 http.html#delete), unless they name a version.

    What another entry writes is left to be refused. What is there nobody else deletes before this bundle does.
    """
    named = Counter((entry.kind, entry.id) for entry in entries if entry.id)
    deletions = [entry for entry in entries if entry.method == "DELETE" and entry.id and named[entry.kind, entry.id] == 1]
    names = [(entry.kind, str(entry.id)) for entry in deletions]
    beside = [(kind, id) for kind, id in named if id and (kind, id) not in set(names)]
    absent = await door.absent(names, beside=beside) if names else set()
    answers = {}
    for entry in deletions:
        if (entry.kind, str(entry.id)) in absent:
            if entry.expected is not None:
                raise at(entry.place, not_at(entry.kind, str(entry.id), entry.expected))
            answers[entry.place] = Done("204 No Content")
    return answers


def _holds(entry: Entry) -> set[Hold]:
    if entry.criteria is None:
        return set()
    return holds_of(entry.kind, entry.criteria, entry.resource if entry.method != "PATCH" else None)


async def _settled(entry: Entry, door: Door) -> Done | None:
    if entry.criteria is None:
        await _named(entry, door)
        return None
    found = await _matching(entry, entry.criteria, door)
    if found is None:
        return await _unmatched(entry, door)
    if entry.only_if_none:
        entry.id = found.id
        return Done("200 OK", found)
    if entry.method == "PUT" and (entry.resource or {}).get("id", found.id) != found.id:
        message = f"the criteria find {entry.kind}/{found.id}, which is not the resource's id"
        raise Invalid(message, issues=[Issue("invalid", message, "resource.id")])
    entry.id = found.id
    if entry.method == "PATCH":
        await _patch(entry, found.id, door)
    return None


async def _named(entry: Entry, door: Door) -> None:
    """An entry that says which resource it is about, or makes one."""
    if entry.id is None:
        entry.id = str(uuid4())
    elif entry.method == "PATCH":
        await _patch(entry, entry.id, door)
    elif entry.if_none_match is not None:
        entry.creates = not await door.was_deleted(entry.kind, entry.id)
        if not entry.creates:  # its versions go on: no unique key keeps two writers from each making the next one
            await door.hold([(entry.kind, None)])
        if await door.hold_row(entry.kind, entry.id) is not None:
            raise PreconditionFailed(f"{entry.kind}/{entry.id} is there already (If-None-Match: *)")


async def _unmatched(entry: Entry, door: Door) -> Done | None:
    match entry.method:
        case "DELETE":
            return Done("204 No Content")
        case "PATCH":
            raise NotFound(f"no {entry.kind} matches the criteria: there is nothing to patch")
    own = (entry.resource or {}).get("id") if entry.method == "PUT" else None
    if own is None:
        entry.id, entry.creates = str(uuid4()), True
        return None
    if await door.hold_row(entry.kind, str(own)) is not None:
        message = f"{entry.kind}/{own} is there and does not match the criteria"
        raise Conflict(message, issues=[Issue("conflict", message, "resource.id")])
    entry.id = str(own)
    return None


async def _matching(entry: Entry, criteria: Sequence[tuple[str, str]], door: Door) -> Stored | None:
    """The one resource that matches, held as it was found. PreconditionFailed when there are several."""
    for _ in range(_PATIENCE):
        found = await door.find(entry.kind, criteria)
        if len(found) > 1:
            message = f"the criteria of {entry.method} {entry.kind} find more than one resource"
            raise PreconditionFailed(message, issues=[Issue("multiple-matches", message, "request")])
        if not found:
            return None
        if entry.only_if_none or await door.hold_row(entry.kind, found[0].id) == found[0].version:
            return found[0]
    raise Conflict(f"other writers change what the criteria of {entry.method} {entry.kind} find all the time: try again")


async def _patch(entry: Entry, id: str, door: Door) -> None:
    """The entry becomes the update of the version that is patched."""
    await door.hold_row(entry.kind, id)
    stored = await door.read(entry.kind, id)
    if entry.expected not in {None, stored.version}:
        raise PreconditionFailed(
            f"{entry.kind}/{id} is at version {stored.version}, not {entry.expected}: read it again before patching"
        )
    entry.resource, entry.expected = patched(stored.resource, entry.resource or {}), stored.version
