"""The entries of a bundle as requests; what is no request is refused with its place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from maillage.errors import Invalid, Issue, MaillageError
from maillage.fhir import ids
from maillage.fhir.change import Resource

METHODS = ("DELETE", "POST", "PUT", "GET")
"""In the order in which R4 has them done (http.html#trules)."""

_ETAG = re.compile(r'(?:W/)?"?(\d{1,9})"?')


@dataclass(slots=True)
class Entry:
    """One request of a bundle. `criteria` are those of a conditional update, deletion or (`only_if_none`) creation."""

    place: int
    method: str
    url: str
    kind: str
    id: str | None
    resource: Resource | None
    full_url: str | None
    criteria: Sequence[tuple[str, str]] | None
    only_if_none: bool
    expected: int | None


def entries_of(bundle: Resource, *, base: str) -> list[Entry]:
    """The requests of a batch or transaction. Raises Invalid naming the first entry that is none."""
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise Invalid("Bundle.entry is a list")
    return [_entry(place, entry, base) for place, entry in enumerate(entries)]


def at(place: int, fault: MaillageError) -> MaillageError:
    """The same fault, saying at which entry."""
    issues = [
        Issue(i.code, i.diagnostics, f"{_name(place)}.{_inside(i.expression)}".rstrip("."), i.severity) for i in fault.issues
    ]
    return type(fault)(f"{_name(place)}: {fault.message}", issues=issues)


def _name(place: int) -> str:
    return f"Bundle.entry[{place}]"


def _inside(expression: str | None) -> str:
    """The place inside the entry: without the `change[i]` that the store says."""
    return re.sub(r"^change\[\d+\]\.?", "", expression or "")


def _entry(place: int, entry: Any, base: str) -> Entry:
    try:
        return _request(place, entry, base)
    except Invalid as fault:
        raise at(place, fault) from None


def _request(place: int, entry: Any, base: str) -> Entry:
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("url"), str):
        raise _invalid("an entry of a batch or transaction needs request.method and request.url", "request")
    method, url = request.get("method"), request["url"].removeprefix(f"{base}/").lstrip("/")
    if method not in METHODS:
        raise _invalid(f"the method {method!r} is not supported in bundles (supported: {', '.join(METHODS)})", "request.method")
    path, _, query = url.partition("?")
    parts = path.split("/")
    found = Entry(
        place,
        method,
        url,
        parts[0],
        None,
        entry.get("resource"),
        entry.get("fullUrl"),
        None,
        False,
        _version(request.get("ifMatch")),
    )
    if method != "GET":
        _aim(found, parts, query, request.get("ifNoneExist"))
    if method in {"POST", "PUT"}:
        _check_resource(found)
    return found


def _aim(entry: Entry, parts: list[str], query: str, if_none_exist: Any) -> None:
    """Sets what the request is about: a type, one resource, or those that criteria find."""
    ids.number(entry.kind)
    if len(parts) > 2 or (entry.method == "POST" and len(parts) != 1):
        raise _invalid(f"{entry.method} {entry.url} is not supported in bundles", "request.url")
    if len(parts) == 2:
        if not ids.legal(parts[1]) or query:
            raise _invalid(f"{entry.url!r} does not name a resource", "request.url")
        entry.id = parts[1]
    elif entry.method != "POST":
        entry.criteria = _criteria(query, "request.url")
    elif if_none_exist is not None:
        entry.criteria, entry.only_if_none = _criteria(str(if_none_exist).lstrip("?"), "request.ifNoneExist"), True


def _check_resource(entry: Entry) -> None:
    resource = entry.resource
    if not isinstance(resource, dict) or resource.get("resourceType") != entry.kind:
        raise _invalid(f"{entry.method} {entry.url} needs a resource of type {entry.kind}", "resource")
    if entry.id is not None and resource.get("id", entry.id) != entry.id:
        raise _invalid(f"the resource has the id {resource['id']!r}, the url {entry.id!r}", "resource.id")


def _criteria(query: str, where: str) -> Sequence[tuple[str, str]]:
    criteria = parse_qsl(query, keep_blank_values=True)
    if not criteria:
        raise _invalid("a conditional request needs criteria", where)
    return criteria


def _version(if_match: Any) -> int | None:
    if if_match is None:
        return None
    found = _ETAG.fullmatch(str(if_match))
    if found is None:
        raise _invalid(f"{if_match!r} is not the ETag of a version", "request.ifMatch")
    return int(found[1])


def _invalid(message: str, where: str) -> Invalid:
    return Invalid(message, issues=[Issue("invalid", message, where)])
