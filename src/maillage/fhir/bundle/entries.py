"""The entries of a bundle as requests; what is no request is refused with its place."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from maillage.errors import Invalid, Issue, MaillageError, Unprocessable
from maillage.fhir import ids, query_strings
from maillage.fhir.change import Resource
from maillage.fhir.matching import expected_version
from maillage.fhir.summary import PART_REFUSED, is_part

ORDER = (("DELETE",), ("POST",), ("PUT", "PATCH"), ("GET", "HEAD"))
"""In which R4 has them done (http.html#trules)."""
READS = ORDER[-1]
METHODS = tuple(method for together in ORDER for method in together)
MAX_ENTRIES = 20_000

_RESULTS = re.compile(
    r"_(sort|count|cursor|include|revinclude|total|summary|elements|format|pretty|contained|containedType)(:.*)?"
)


@dataclass(slots=True)
class Entry:
    """One request of a bundle. `criteria` are those of a conditional update, patch, deletion or (`only_if_none`) creation."""

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
    if_none_match: str | None
    if_modified_since: str | None
    creates: bool = False
    """Whether an update turned out to make a resource that is not there."""

    @property
    def path(self) -> str:
        """The address without its parameters."""
        return self.url.partition("?")[0]

    @property
    def query(self) -> str:
        """The parameters of the address."""
        return self.url.partition("?")[2]

    @property
    def operates(self) -> bool:
        """Whether it asks for an operation."""
        return operates(self.url)

    @property
    def writes(self) -> bool:
        """Whether it may write: an operation may."""
        return self.operates or self.method not in READS

    @property
    def last(self) -> bool:
        """Whether it comes after all writes: it reads, or asks for an operation."""
        return self.method in READS or self.operates


def operates(url: str) -> bool:
    """Whether an entry with this address asks for an operation (R4 operations.html): it ends with `$` and a name."""
    return url.partition("?")[0].rpartition("/")[2].startswith("$")


def entries_of(bundle: Resource, *, base: str) -> list[Entry]:
    """The requests of a batch or transaction. Raises Invalid naming the first entry that is none."""
    return [entry_at(place, entry, base) for place, entry in enumerate(listed(bundle))]


def listed(bundle: Resource) -> list[Any]:
    """What stands in `Bundle.entry`. Invalid where that is no list, or one of more than `MAX_ENTRIES`."""
    entries = bundle.get("entry", [])
    if not isinstance(entries, list) or len(entries) > MAX_ENTRIES:
        raise Invalid.at("Bundle.entry", f"Bundle.entry is a list of {MAX_ENTRIES} requests at most")
    return entries


def entry_at(place: int, entry: Any, base: str) -> Entry:
    """One request; a fault says at which entry."""
    try:
        return _request(place, entry, base)
    except Invalid as fault:
        raise at(place, fault) from None


def in_order(entries: Sequence[Entry]) -> list[Entry]:
    """The entries as R4 has them done."""
    writes = [entry for entry in entries if not entry.last]
    return [entry for together in ORDER for entry in writes if entry.method in together] + [one for one in entries if one.last]


def at(place: int, fault: MaillageError) -> MaillageError:
    """The same fault, saying at which entry."""
    issues = [
        Issue(i.code, i.diagnostics, f"{_name(place)}.{_inside(i.expression)}".rstrip("."), i.severity) for i in fault.issues
    ]
    return type(fault)(f"{_name(place)}: {fault.message}", issues=issues)


def of_request(entry: Entry, fault: MaillageError) -> MaillageError:
    """The same fault of a read or an operation: what is wrong with a parameter is so in the address, or in the resource sent with it."""
    unplaced = "request.url" if isinstance(fault, Invalid) and entry.resource is None else None
    return type(fault)(fault.message, issues=[_of_request(entry, issue, unplaced) for issue in fault.issues])


def _of_request(entry: Entry, issue: Issue, unplaced: str | None) -> Issue:
    place = issue.expression
    if not place:
        return replace(issue, expression=unplaced)
    kind, dot, rest = place.partition(".")
    if kind == "request":
        return issue
    if kind == "Parameters" and entry.method == "POST":
        return replace(issue, expression=f"resource{dot}{rest}")
    if kind in ids.TYPES:  # an element of what is stored
        told = issue.diagnostics if issue.diagnostics.startswith(place) else f"{place}: {issue.diagnostics}"
        return replace(issue, diagnostics=told, expression="request.url")
    sent = entry.method == "POST" and (entry.resource is not None or place == "resource")
    in_address = place in {name for name, _ in query_strings.of_query(entry.query)}
    return replace(issue, expression="resource" if sent and not in_address else "request.url")


def _name(place: int) -> str:
    return f"Bundle.entry[{place}]"


def _inside(expression: str | None) -> str:
    """The place inside the entry: without the `change[i]` that the store says, and the type of its resource as the element that holds it."""
    place = re.sub(r"^change\[\d+\]\.?", "", expression or "")
    kind, dot, rest = place.partition(".")
    return f"resource{dot}{rest}" if kind in ids.TYPES and kind != "Parameters" else place  # a patch is not the resource


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
        place, method, url, parts[0], None, entry.get("resource"), entry.get("fullUrl"), None, False,
        expected_version(_text(request, "ifMatch"), place="request.ifMatch"),
        _text(request, "ifNoneMatch"), _text(request, "ifModifiedSince"),
    )  # fmt: skip
    if found.operates:
        if not isinstance(found.resource, dict | None):
            raise _invalid(f"{method} {url} takes a resource", "resource")
        return found
    if method not in READS:
        _aim(found, parts, query, _text(request, "ifNoneExist"))
    if method in {"POST", "PUT", "PATCH"}:
        _check_resource(found)
    return found


def _aim(entry: Entry, parts: list[str], query: str, if_none_exist: str | None) -> None:
    """Sets what the request is about: a type, one resource, or those that criteria find."""
    if entry.kind not in ids.TYPES:
        raise _invalid(f"{entry.kind} is not a resource type of FHIR R4", "request.url")
    if len(parts) > 2 or (entry.method == "POST" and len(parts) != 1):
        raise _invalid(f"{entry.method} {entry.url} is not supported in bundles", "request.url")
    if entry.if_none_match is not None and (entry.method != "PUT" or entry.if_none_match != "*" or len(parts) != 2):
        raise _invalid("If-None-Match is for reads, and as * for the update of one resource", "request.ifNoneMatch")
    if if_none_exist is not None and entry.method != "POST":
        raise _invalid("If-None-Exist is for creations", "request.ifNoneExist")
    if len(parts) == 2:
        if not ids.legal(parts[1]) or query:
            raise _invalid(f"{entry.url!r} does not name a resource", "request.url")
        entry.id = parts[1]
    elif entry.method != "POST":
        entry.criteria = _criteria(query, "request.url")
    elif query:
        raise _invalid("a creation takes no parameters: its criteria are in ifNoneExist", "request.url")
    elif if_none_exist is not None:
        entry.criteria, entry.only_if_none = _criteria(if_none_exist.lstrip("?"), "request.ifNoneExist"), True


def _check_resource(entry: Entry) -> None:
    resource, kinds = entry.resource, (entry.kind,) if entry.method != "PATCH" else ("Parameters", "Binary")
    if not isinstance(resource, dict) or resource.get("resourceType") not in kinds:
        raise _invalid(f"{entry.method} {entry.url} needs a resource of type {' or '.join(kinds)}", "resource")
    if entry.method == "PUT" and entry.id is not None and resource.get("id", entry.id) != entry.id:
        raise _invalid(f"the resource has the id {resource['id']!r}, the url {entry.id!r}", "resource.id")
    if entry.method == "PUT" and is_part(resource):
        raise Unprocessable.at("resource.meta.tag", PART_REFUSED)


def _criteria(query: str, where: str) -> Sequence[tuple[str, str]]:
    criteria = query_strings.of_query(query)
    if not criteria:
        raise _invalid("a conditional request needs criteria", where)
    if results := [name for name, _ in criteria if _RESULTS.fullmatch(name)]:
        raise _invalid(f"{', '.join(results)} cannot be a criterion: it is about the answer of a search", where)
    return criteria


def _text(request: dict[str, Any], name: str) -> str | None:
    value = request.get(name)
    if value is not None and not isinstance(value, str):
        raise _invalid(f"{name} is a text", f"request.{name}")
    return value


def _invalid(message: str, where: str) -> Invalid:
    return Invalid(message, issues=[Issue("invalid", message, where)])
