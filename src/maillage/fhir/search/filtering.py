"""From a filter to the condition that it is on resources of a type."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from msgspec import structs

from maillage.errors import Invalid
from maillage.fhir.definitions import SearchParameter
from maillage.fhir.rows import present
from maillage.fhir.search.criteria import (
    Criterion,
    MainDate,
    OtherDate,
    Present,
    UpdatedAt,
)
from maillage.fhir.search.dates import PREFIXES
from maillage.fhir.search.filters import Comparison, Filter, Joined, Step
from maillage.fhir.search.logic import AllOf, AnyOf, Not
from maillage.fhir.search.texts import StringContains, StringIs, StringStarts
from maillage.fhir.search.words import PARAMETERS as WORDS
from maillage.fhir.sounds import PARAMETER as PHONETIC

_ORDERED = ("date", "number", "quantity")
_OF_TEXT = ("eq", "ne", "co", "sw", "ew")


class Parameters(Protocol):
    """The plain search parameters, as the rest of a search reads them."""

    def known(self, kind: str, code: str) -> SearchParameter:
        """The parameter of a type; Invalid when there is none."""
        ...

    def plain(self, kind: str, name: str, value: str) -> Criterion:
        """The condition of one parameter and value."""
        ...

    def chained(self, kind: str, parameter: SearchParameter, target: str | None, far: Callable[[str], Criterion]) -> Criterion:
        """That the reference leads to a resource for which `far(its type)` holds."""
        ...


def condition(node: Filter, kind: str, parameters: Parameters) -> Criterion:
    """The condition that a filter is on a type. What cannot be compared so is Invalid, with what can."""
    if isinstance(node, Comparison):
        return _compared(node.path, node, kind, parameters)
    if isinstance(node, Joined):
        parts = tuple(condition(part, kind, parameters) for part in node.parts)
        return AllOf(parts) if node.word == "and" else AnyOf(parts)
    return Not(condition(node.part, kind, parameters))


def _compared(path: Sequence[Step], node: Comparison, kind: str, parameters: Parameters) -> Criterion:
    """`ne` denies the whole comparison, its path included."""
    if node.operator == "ne" and parameters.known(kind, path[0].name).type not in _ORDERED and path[-1].name not in WORDS:
        return Not(_compared(path, replace(node, operator="eq"), kind, parameters))
    step, *rest = path
    parameter = parameters.known(kind, step.name)
    if not rest:
        if step.condition or step.kind:
            raise Invalid(f"a condition or a type behind {step.name} needs a path that goes on")
        return _leaf(parameter, node, kind, parameters)

    def far(target: str) -> Criterion:
        wanted = _compared(rest, node, target, parameters)
        return AllOf((condition(step.condition, target, parameters), wanted)) if step.condition else wanted

    return parameters.chained(kind, parameter, step.kind, far)


def _leaf(parameter: SearchParameter, node: Comparison, kind: str, parameters: Parameters) -> Criterion:
    operator, value = node.operator, node.value
    escaped = value.replace("\\", "\\\\").replace(",", "\\,")
    if parameter.code in WORDS:
        if operator != "co":
            raise _refused(parameter, operator, ("co",))
        return parameters.plain(kind, parameter.code, escaped)
    if operator == "pr":
        if value not in ("true", "false"):
            raise Invalid(f"pr takes true or false, not {value!r}")
        return Present(present(kind, parameter.code), missing=value == "false")
    if parameter.code in ("_id", PHONETIC) or parameter.type not in ("string", *_ORDERED):
        return _equal(parameter, operator, parameters.plain(kind, parameter.code, escaped))
    if parameter.type == "string":
        return _text(parameter, operator, parameters.plain(kind, parameter.code, escaped))
    if operator == "po" and parameter.type == "date":
        around = parameters.plain(kind, parameter.code, f"eq{escaped}")
        if isinstance(around, MainDate | OtherDate | UpdatedAt):
            return structs.replace(around, tests=tuple(structs.replace(test, prefix="po") for test in around.tests))
    if operator not in PREFIXES:
        raise _refused(parameter, operator, (*PREFIXES, "po", "pr") if parameter.type == "date" else (*PREFIXES, "pr"))
    return parameters.plain(kind, parameter.code, f"{operator}{escaped}")


def _equal(parameter: SearchParameter, operator: str, equal: Criterion) -> Criterion:
    if operator != "eq":
        raise _refused(parameter, operator, ("eq", "ne", "pr"))
    return equal


def _text(parameter: SearchParameter, operator: str, begins: Criterion) -> Criterion:
    if operator not in _OF_TEXT or not isinstance(begins, StringStarts):
        raise _refused(parameter, operator, (*_OF_TEXT, "pr"))
    match operator:
        case "eq":
            return StringIs(begins.parameter, begins.texts)
        case "co":
            return StringContains(begins.parameter, begins.texts)
        case "ew":
            return StringContains(begins.parameter, begins.texts, ending=True)
    return begins


def _refused(parameter: SearchParameter, operator: str, known: Sequence[str]) -> Invalid:
    return Invalid(f"{parameter.code} ({parameter.type}) is compared by {', '.join(known)}, not by {operator}")
