"""The condition of a compartment: what concerns one patient, practitioner, encounter, device or related person (R4 compartmentdefinition)."""

from maillage.errors import Invalid
from maillage.fhir import definitions, ids
from maillage.fhir.compartment import home
from maillage.fhir.search.criteria import Criterion, IdIs, RefersTo, Target
from maillage.fhir.search.logic import AnyOf


def members(owner: str) -> tuple[str, ...]:
    """The types that may be in a compartment of this type; Invalid where R4 defines none."""
    known = definitions.compartments()
    if owner not in known:
        raise Invalid(f"{owner} has no compartment; there is one of {', '.join(sorted(known))}")
    return tuple(sorted(known[owner]))


def in_compartment(owner: str, id: str, kind: str) -> Criterion:
    """That a resource of type `kind` is in the compartment of `owner/id`; Invalid where that type never is."""
    if kind not in members(owner):
        raise Invalid(f"{kind} is in no compartment of {owner}; it holds {', '.join(members(owner))}")
    if not ids.legal(id):
        raise Invalid.at(f"{owner}.id", f"{id!r} is not an id: 1 to 64 of A-Z a-z 0-9 - . are")
    target = Target(ids.key(id), owner)
    parts: list[Criterion] = [
        RefersTo(code, (target,), (), code in home(kind)) for code in definitions.compartments()[owner][kind]
    ]
    if kind == owner:
        parts.append(IdIs((target.key,)))
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))
