"""The operations of the door: the routes, the CapabilityStatement and the OperationDefinitions are made of them."""

from maillage.errors import NotFound
from maillage.fhir.definitions import resource_types
from maillage.http.faults import MethodNotAllowed
from maillage.http.fhir import documents, everything, lastn, meta, validating
from maillage.http.fhir.operation import Level, Operation

_OF_THE_DOOR = (
    everything.PATIENT,
    everything.ENCOUNTER,
    lastn.LASTN,
    documents.DOCUMENT,
    validating.VALIDATE,
    meta.SHOW,
    meta.ADD,
    meta.DELETE,
)

_OF_SERVICES: list[Operation] = []
_LEVELS = {2: Level.TYPE, 3: Level.INSTANCE}


def add(*some: Operation) -> None:
    """Operations that a service declares in its module `operations`: routed, told of and found in bundles as those of the door, whose routes are made after."""
    _OF_SERVICES.extend(one for one in some if one not in _OF_SERVICES)


def operations() -> tuple[Operation, ...]:
    """Every operation that is answered."""
    return (*_OF_THE_DOOR, *_OF_SERVICES)


def asked_for(method: str, path: str) -> Operation:
    """The operation of this method and address below the base. NotFound, or MethodNotAllowed, says what there is."""
    parts = path.split("/")
    kind, code, level = parts[0], parts[-1].removeprefix("$"), _LEVELS.get(len(parts))
    there = [one for one in operations() if one.kind in (None, kind) and level in one.levels] if kind in resource_types() else []
    found = next((one for one in there if one.code == code), None)
    if found is None:
        known = ", ".join(f"${one.code}" for one in there) or "none"
        raise NotFound(f"{path} is no operation; at such an address there are {known}")
    methods = [known for known, _ in found.methods]
    if method not in methods:
        raise MethodNotAllowed(f"${code} is asked by {' or '.join(methods)}, not by {method}")
    return found
