"""What an operation of the door is, and what was sent to it: the routes, the OperationDefinitions and the refusals are made of it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from maillage.access.permissions import Permission
from maillage.errors import Invalid, Issue
from maillage.fhir.validation import validate
from maillage.http.fhir import negotiation
from maillage.http.formats import Pairs
from maillage.http.request import Request
from maillage.http.routes import Endpoint

_ANY = {"resourceType": "Parameters"}


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
    search: str | None = None
    """The type of search parameter, of one that is a search parameter too."""

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


async def sent(request: Request, known: tuple[Parameter, ...], *, paged: bool = False, itself: str = "") -> Sent:
    """What was sent in the query and, by POST, in a Parameters resource. Unknown and repeated parameters are Invalid.

    `paged`: `_cursor` is taken too. `itself`: a body of this type is the parameter `resource` (R4 operations.html#3.2.0.1.1).
    """
    pairs = negotiation.pairs_of(request)
    whole: dict[str, Any] = {}
    if request.method == "POST" and await request.body():
        body = await negotiation.sent_resource(request, "Parameters", *([itself] if itself else []))
        if body["resourceType"] == "Parameters":
            more, whole = _read(body)
            pairs = pairs + more
        else:
            whole = {"resource": body}
    if itself and whole.get("resource", {}).get("resourceType", itself) != itself:
        raise refused("resource", f"a resource of type {itself} is expected")
    return checked(pairs, whole, known, paged=paged)


async def sent_freely(request: Request) -> Pairs:
    """What was sent to an operation that takes search parameters: simple values only, not yet compared with what is known."""
    pairs = negotiation.pairs_of(request)
    if request.method == "POST" and await request.body():
        more, whole = _read(await negotiation.sent_resource(request, "Parameters"))
        if whole:
            raise refused(next(iter(whole)), "a simple value is expected")
        pairs = pairs + more
    return pairs


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


def refused(name: str, message: str, *, code: str = "value") -> Invalid:
    """Invalid, about one parameter."""
    return Invalid(f"{name}: {message}", issues=[Issue(code, f"{name}: {message}", name)])


def _read(parameters: dict[str, Any]) -> tuple[Pairs, dict[str, Any]]:
    """The parameters of a valid Parameters resource, apart by what they hold."""
    validate(_frame(parameters))
    pairs: Pairs = []
    whole: dict[str, Any] = {}
    for one in parameters.get("parameter", ()):
        value = next((value for key, value in one.items() if key == "resource" or key.startswith("value")), None)
        if value is None:
            raise refused(one["name"], "a value or a resource is expected")
        if not isinstance(value, dict):
            pairs.append((one["name"], str(value).lower() if isinstance(value, bool) else str(value)))
        elif whole.setdefault(one["name"], value) is not value:
            raise refused(one["name"], "is taken once")
    return pairs, whole


def _frame(parameters: dict[str, Any]) -> dict[str, Any]:
    """The parameters without the content of resources: whether that is valid is another question."""
    listed = parameters.get("parameter")
    if not isinstance(listed, list):
        return parameters
    framed = [
        one | {"resource": _ANY} if isinstance(one, dict) and isinstance(one.get("resource"), dict) else one for one in listed
    ]
    return parameters | {"parameter": framed}
