"""The OperationDefinitions and SearchParameters of this server, made from what is routed and searched; read by id like stored ones.

A definition says what is answered here; `base` and `derivedFrom` name the one of R4 that it keeps to.
"""

from functools import lru_cache
from typing import Any

from starlette.responses import Response

from maillage.access.context import Context
from maillage.errors import NotFound
from maillage.fhir import json
from maillage.fhir.definitions import SearchParameter, resource_types
from maillage.fhir.search import searchable
from maillage.fhir.search.dates import PREFIXES
from maillage.fhir.search.values import modifiers
from maillage.http.fhir import answers, instances, negotiation
from maillage.http.fhir.catalogue import operations
from maillage.http.fhir.operation import Level, Operation, Parameter
from maillage.http.request import Request

R4 = "http://hl7.org/fhir"
_COMPARED = ("date", "number", "quantity")
_MODIFIER_CODES = {"of-type": "ofType"}
"""Where the code of search-modifier-code is not the modifier as it is written."""

Resource = dict[str, Any]


async def read(request: Request, ctx: Context) -> Response:
    """The stored resource; without one, the definition of this server that has the id."""
    try:
        return await instances.read(request, ctx)
    except NotFound:
        found = own(negotiation.kind_of(request), request.path_params["id"], negotiation.base_of(request))
        if found is None:
            raise
    return answers.fhir(found)


@lru_cache(maxsize=512)
def own(kind: str, id: str, base: str) -> bytes | None:
    """The definition of this type and id, as JSON; None where this server has none."""
    found: Resource | None = None
    if kind == "OperationDefinition":
        found = next((operation_definition(one, base) for one in operations() if one.id == id), None)
    elif kind == "SearchParameter":
        found = _search_parameter(id, base)
    return None if found is None else json.dumps(found)


def operation_definition(one: Operation, base: str) -> Resource:
    """What an operation takes and answers, and where it is invoked."""
    return {
        "resourceType": "OperationDefinition",
        "id": one.id,
        "url": f"{base}/OperationDefinition/{one.id}",
        "name": "".join(part.capitalize() for part in one.id.split("-")),
        "title": one.title,
        "status": "active",
        "kind": "operation",
        "description": one.about,
        "affectsState": one.by_post_writes and not one.by_get,
        "code": one.code,
        "base": f"{R4}/OperationDefinition/{one.id}",
        "resource": [one.kind or "Resource"],
        "system": False,
        "type": Level.TYPE in one.levels,
        "instance": Level.INSTANCE in one.levels,
        "parameter": [*map(_taken, one.parameters), {"name": "return", "use": "out", "min": 1, "max": "1", "type": one.answer}],
    }


def search_parameter(kind: str, one: SearchParameter, base: str) -> Resource:
    """How a type is searched by a parameter here."""
    id = parameter_id(kind, one)
    taken = [_MODIFIER_CODES.get(modifier, modifier) for modifier in _modifiers(one)]
    return {
        "resourceType": "SearchParameter",
        "id": id,
        "url": f"{base}/SearchParameter/{id}",
        "name": "".join(part.capitalize() for part in id.split("-")),
        "derivedFrom": one.url,
        "status": "active",
        "description": f"{one.code} of {_base(kind, one)}, as {one.url} defines it.",
        "code": one.code,
        "base": [_base(kind, one)],
        "type": one.type,
        **({"target": list(one.targets)} if one.targets else {}),
        "multipleOr": True,
        "multipleAnd": True,
        **({"comparator": list(PREFIXES)} if one.type in _COMPARED else {}),
        **({"modifier": taken} if taken else {}),
    }


def parameter_id(kind: str, one: SearchParameter) -> str:
    """The id of the definition of a parameter of a type; those of every type (`_id`) have one."""
    return f"{_base(kind, one)}-{one.code.removeprefix('_')}"


def _base(kind: str, one: SearchParameter) -> str:
    return ("DomainResource" if one.code == "_text" else "Resource") if one.code.startswith("_") else kind


def _search_parameter(id: str, base: str) -> Resource | None:
    kind = id.partition("-")[0]
    kinds = ("Patient",) if kind in ("Resource", "DomainResource") else (kind,) if kind in resource_types() else ()
    found = ((kind, one) for kind in kinds for one in searchable(kind) if parameter_id(kind, one) == id)
    return next((search_parameter(kind, one, base) for kind, one in found), None)


def _modifiers(one: SearchParameter) -> tuple[str, ...]:
    return (*modifiers(one), *(("type",) if one.type == "reference" else ()))


def _taken(one: Parameter) -> Resource:
    searched = {"searchType": one.search} if one.search else {}
    most = {"min": int(one.required), "max": "*" if one.many else "1"}
    return {"name": one.name, "use": "in", **most, "documentation": one.about, "type": one.type, **searched}
