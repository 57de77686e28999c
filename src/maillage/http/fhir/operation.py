"""What an operation of the door is, and what was sent to it: the routes, the OperationDefinitions and the refusals are made of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from maillage.access.permissions import Permission
from maillage.errors import Invalid, Issue
from maillage.http.fhir import negotiation
from maillage.http.fhir.negotiation import Pairs
from maillage.http.request import Request
from maillage.http.routes import Endpoint


class Level(StrEnum):
    """Where an operation is invoked: on a type, on one resource."""

    TYPE = "type"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input parameter, in the terms of OperationDefinition.parameter."""

    name: str
    type: str
    about: str
    required: bool = False
    many: bool = False

    @property
    def simple(self) -> bool:
        """Whether its value is a primitive, which a query can hold."""
        return self.type[0].islower()


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `kind` None: of every type. `by_get`: a GET does it; `by_post_writes`: a POST may write."""

    code: str
    title: str
    about: str
    kind: str | None
    levels: tuple[Level, ...]
    endpoint: Endpoint
    parameters: tuple[Parameter, ...]
    answer: str
    """The type of what comes back."""
    permission: Permission = Permission.FHIR_READ
    by_get: bool = True
    by_post_writes: bool = False

    @property
    def id(self) -> str:
        """The id of its OperationDefinition, as R4 names those."""
        return f"{self.kind or 'Resource'}-{self.code}"

    @property
    def paths(self) -> tuple[str, ...]:
        """Its addresses below the base."""
        kind = self.kind or "{kind}"
        at = {Level.TYPE: f"/{kind}/${self.code}", Level.INSTANCE: f"/{kind}/{{id}}/${self.code}"}
        return tuple(at[level] for level in self.levels)

    @property
    def methods(self) -> tuple[tuple[str, bool], ...]:
        """(method, whether it only reads)."""
        post = ("POST", not self.by_post_writes)
        return (("GET", True), post) if self.by_get else (post,)


@dataclass(frozen=True, slots=True)
class Sent:
    """The parameters of an invocation: simple values as text in `pairs`, complex values and resources by name in `whole`."""

    pairs: Pairs
    whole: dict[str, Any]

    def get(self, name: str) -> str | None:
        """The one value of a simple parameter, or None."""
        return next((value for known, value in self.pairs if known == name), None)


async def sent(request: Request, known: tuple[Parameter, ...], *, paged: bool = False) -> Sent:
    """What was sent in the query and, by POST, in a Parameters resource. Unknown and repeated parameters are Invalid.

    `paged`: `_cursor` is taken too.
    """
    pairs = negotiation.pairs_of(request)
    whole: dict[str, Any] = {}
    if request.method == "POST" and await request.body():
        parameters = await negotiation.sent_resource(request, "Parameters")
        more, whole = _read(parameters)
        pairs = pairs + more
    return checked(pairs, whole, known, paged=paged)


def checked(pairs: Pairs, whole: dict[str, Any], known: tuple[Parameter, ...], *, paged: bool = False) -> Sent:
    """These parameters, unless one is not among the known ones, or is given twice where it may not be."""
    names = (*(one.name for one in known), *(("_cursor",) if paged else ()))
    given = [name for name, _ in pairs] + list(whole)
    negotiation.refuse_unknown([(name, "") for name in given], names)
    once = {one.name for one in known if not one.many} | {"_cursor"}
    if twice := sorted({name for name in given if name in once and given.count(name) > 1}):
        raise refused(twice[0], "is taken once")
    for one in known:
        if one.name in (whole if one.simple else dict(pairs)):
            raise refused(one.name, f"a value of type {one.type} is expected")
    return Sent(pairs, whole)


def refused(name: str, message: str) -> Invalid:
    """Invalid, about one parameter."""
    return Invalid(f"{name}: {message}", issues=[Issue("value", f"{name}: {message}", name)])


def _read(parameters: dict[str, Any]) -> tuple[Pairs, dict[str, Any]]:
    """The parameters of a Parameters resource, apart by what they hold."""
    listed = parameters.get("parameter", [])
    if not isinstance(listed, list) or not all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in listed):
        raise _unreadable("each parameter is an object with a name", "Parameters.parameter")
    pairs: Pairs = []
    whole: dict[str, Any] = {}
    for place, one in enumerate(listed):
        values = [value for key, value in one.items() if key == "resource" or key.startswith("value")]
        where = f"Parameters.parameter[{place}]"
        if len(values) != 1:
            raise _unreadable("one value or one resource is expected", where)
        if isinstance(values[0], dict):
            if one["name"] in whole:
                raise refused(one["name"], "is taken once")
            whole[one["name"]] = values[0]
        elif isinstance(values[0], list) or values[0] is None:
            raise _unreadable("a value is expected, neither a list nor null", where)
        else:
            pairs.append((one["name"], str(values[0]).lower() if isinstance(values[0], bool) else str(values[0])))
    return pairs, whole


def _unreadable(message: str, place: str) -> Invalid:
    return Invalid(f"{place}: {message}", issues=[Issue("structure", message, place)])
