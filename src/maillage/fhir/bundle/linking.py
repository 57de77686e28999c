"""Makes the references of the resources to be written point to where their targets are, or will be."""

from collections.abc import Sequence

from maillage.errors import Invalid, Issue, MaillageError, PreconditionFailed
from maillage.fhir import query_strings
from maillage.fhir.bundle.door import Door
from maillage.fhir.bundle.entries import Entry, at
from maillage.fhir.bundle.references import conditional, relative, rewritten
from maillage.fhir.change import Resource


async def link(writes: Sequence[Entry], kept: Sequence[Entry], door: Door, base: str) -> None:
    """Rewrites the resources of `kept`, what is left to write of `writes` (whose entries with a fullUrl may be referred to)."""
    links = _links(writes)
    for entry in kept:
        if entry.resource is not None:
            entry.resource = relative(entry.resource, base)
        wanted = set(conditional(entry.resource))
        try:
            links |= {text: await _target(text, door, kept) for text in sorted(wanted) if text not in links}
        except MaillageError as fault:
            raise at(entry.place, fault) from None
    for entry in kept:
        if entry.resource is not None:
            entry.resource = rewritten({**entry.resource, "id": entry.id}, links)


def _links(entries: Sequence[Entry]) -> dict[str, str]:
    links: dict[str, str] = {}
    for entry in entries:
        if not entry.full_url or entry.resource is None:
            continue
        target, full = f"{entry.kind}/{entry.id}", entry.full_url
        if links.setdefault(full, target) != target:
            message = f"another entry has the fullUrl {full!r} too"
            raise at(entry.place, Invalid(message, issues=[Issue("duplicate", message, "fullUrl")]))
        if full.startswith(("http://", "https://")):  # a relative reference then means the same (R4 bundle.html#references)
            links.setdefault("/".join(full.split("/")[-2:]), target)
    return links


async def _target(text: str, door: Door, kept: Sequence[Entry]) -> str:
    """What a conditional reference finds once the bundle is written: exactly one resource, of the bundle or of the store."""
    kind, _, query = text.partition("?")
    params = query_strings.of_query(query)
    written = {entry.id: entry for entry in kept if entry.kind == kind}
    near = {id for id, entry in written.items() if entry.resource is not None and _carries(entry.resource, params)}
    stored = {one.id for one in await door.find(kind, params)}
    found = near | {id for id in stored if not _no_more(written.get(id), params)}
    if len(found) != 1:
        message = f"the reference {text!r} finds {'more than one resource' if found else 'nothing'}"
        raise PreconditionFailed(message, issues=[Issue("multiple-matches" if found else "not-found", message, "resource")])
    return f"{kind}/{found.pop()}"


def _no_more(entry: Entry | None, params: list[tuple[str, str]]) -> bool:
    """Whether the bundle deletes what was found, or takes away the identifier by which it was."""
    if entry is None:
        return False
    return entry.resource is None or (_identifier(params) is not None and not _carries(entry.resource, params))


def _carries(resource: Resource, params: list[tuple[str, str]]) -> bool:
    """Whether the resource has the identifier that is all the criteria ask for."""
    wanted = _identifier(params)
    identifiers = resource.get("identifier", [])
    listed = identifiers if isinstance(identifiers, list) else [identifiers]
    return wanted is not None and any(isinstance(i, dict) and (i.get("system", ""), i.get("value")) == wanted for i in listed)


def _identifier(params: list[tuple[str, str]]) -> tuple[str, str] | None:
    match params:
        case [("identifier", value)] if "|" in value and "," not in value:
            system, _, number = value.partition("|")
            return system, number
    return None
