"""The reads of a bundle: read, vread, history and search by their relative URL."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from msgspec import structs

from maillage.errors import NotFound, Unsupported
from maillage.fhir import ids, json, query_strings, summary
from maillage.fhir.bundle.answers import Done
from maillage.fhir.bundle.door import Door
from maillage.fhir.bundle.entries import Entry
from maillage.fhir.change import Operation, Resource, Stored, instant
from maillage.fhir.matching import etag, unchanged
from maillage.fhir.outcome import outcome
from maillage.fhir.past import past
from maillage.fhir.search import Owner, SearchQuery, SeveralQuery, StoredPage, parse, parse_several

Pairs = Sequence[tuple[str, str]]
Query = SearchQuery | SeveralQuery


async def got(entry: Entry, door: Door, base: str) -> Done:
    """What a GET finds, or an operation; of a HEAD only that it does, and of what the client has already that it is unchanged (304)."""
    done = await door.operate(entry) if entry.operates else await _found(entry, door, base)
    same = done.stored is not None and unchanged(done.stored, entry.if_none_match, entry.if_modified_since)
    if entry.method == "HEAD" or same:
        return Done("304 Not Modified" if same else done.status, done.stored)
    return done


async def _found(entry: Entry, door: Door, base: str) -> Done:
    path, said = entry.path, query_strings.of_query(entry.query)
    kind = path.partition("/")[0]
    much = summary.asked(said, kind if kind in ids.TYPES else None)
    done = await _answered(path, said, door, base, much)
    return _parted(done, much.part) if much.part else done


def _parted(done: Done, part: summary.Part) -> Done:
    if done.resource is not None:
        return replace(done, resource=summary.parted(done.resource, part, whole=False))
    stored = done.stored
    return done if stored is None else replace(done, stored=structs.replace(stored, body=json.dumps(part(stored.resource))))


async def _answered(path: str, said: Pairs, door: Door, base: str, much: summary.Asked) -> Done:
    pairs = summary.particular(said)
    match path.split("/"):
        case [kind, id] if kind in ids.TYPES and id[:1] != "_" and not pairs:
            return Done("200 OK", await door.read(kind, id), read=True)
        case [kind, id, "_history", version] if not pairs:
            if not (version.isascii() and version.isdigit() and len(version) < 10):
                raise NotFound(f"{kind}/{id} has no version {version!r}")
            return Done("200 OK", await door.vread(kind, id, int(version)), read=True)
        case ["_history"]:
            return await _history(None, None, said, door, base)
        case [kind, "_history"]:
            return await _history(kind, None, said, door, base)
        case [kind, id, "_history"]:
            return await _history(kind, id, said, door, base)
        case [kind] if kind in ids.TYPES:
            return await _searched(parse(kind, pairs, base=base), path, said, door, base, much)
        case [""]:
            return await _searched(parse_several(pairs, base=base), path, said, door, base, much)
        case [kind, id, member] if kind in ids.TYPES and (member == "*" or member in ids.TYPES):
            return await _searched(_within((kind, id), member, pairs, base), path, said, door, base, much)
    raise Unsupported.at("request.url", f"GET {path} is not supported in bundles")


def _within(owner: Owner, member: str, pairs: Pairs, base: str) -> Query:
    """What is asked of a compartment: of one type in it, or (`*`) of all."""
    if member == "*":
        return parse_several(pairs, base=base, within=owner)
    return parse(member, pairs, base=base, within=owner)


async def _searched(query: Query, path: str, said: Pairs, door: Door, base: str, much: summary.Asked) -> Done:
    much.refuse_included(query)
    return _page(await door.search(query), path, said, base)


def _page(page: StoredPage, path: str, said: Pairs, base: str) -> Done:
    modes = [(one, "match") for one in page.matches] + [(one, "include") for one in page.included]
    entries = [{**_named(one, base), "resource": one.resource, "search": {"mode": mode}} for one, mode in modes]
    if page.issues:
        entries.append({"resource": outcome(page.issues), "search": {"mode": "outcome"}})
    address = f"{base}/{path}".rstrip("/")
    return Done("200 OK", resource=_bundle("searchset", entries, address, said, page.next, page.total))


async def _history(kind: str | None, id: str | None, said: Pairs, door: Door, base: str) -> Done:
    page = await door.history(kind, id, past(summary.particular(said)))
    entries = [_version_entry(one, base) for one in page.versions]
    address = "/".join(part for part in (base, kind, id, "_history") if part)
    return Done("200 OK", resource=_bundle("history", entries, address, said, page.next, page.total))


def _bundle(kind: str, entries: list[Resource], address: str, pairs: Pairs, following: str | None, total: int | None) -> Resource:
    kept = [pair for pair in pairs if pair[0] != "_cursor"]
    links = query_strings.links_of(address, kept, following)
    counted = {} if total is None else {"total": total}
    return {"resourceType": "Bundle", "type": kind, **counted, "link": links, **({"entry": entries} if entries else {})}


def _named(stored: Stored, base: str) -> Resource:
    return {"fullUrl": f"{base}/{stored.type}/{stored.id}"} if base else {}


def _version_entry(stored: Stored, base: str) -> Resource:
    place = f"{stored.type}/{stored.id}"
    url = stored.type if stored.operation is Operation.CREATE else place
    request = {"method": stored.operation.method, "url": url}
    response = {"status": stored.operation.status, "etag": etag(stored), "lastModified": instant(stored.updated)}
    resource: dict[str, Any] = {} if stored.body is None else {"resource": stored.resource}
    return {**_named(stored, base), **resource, "request": request, "response": response}
