"""The FHIRPath of a patch: which places of a resource it finds, so that they can be changed and not only read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from maillage.errors import Invalid, Unprocessable
from maillage.fhir.patch.places import Place
from maillage.fhir.validation.expressions import evaluated, strictly_parsed
from maillage.fhir.validation.faults import Run

MAX_LENGTH = 1_000
"""Characters of one path."""

_KEYWORD = re.compile(r"""('(?:[^'\\]|\\.)*')|\.div\b""")
"""Narrative.div has the name of an operator, which FHIRPath wants between backquotes and nobody writes so. Group 1: a text, left as it is."""

_FUNCTIONS = ("where", "ofType", "as", "extension", "first", "last", "single")
_CONDITIONS = frozenset({
    "exists", "empty", "not", "count", "all", "any", "where", "first", "last", "single", "tail", "ofType", "as", "is", "extension",
    "hasValue", "startsWith", "endsWith", "contains", "lower", "upper", "length", "toString", "iif",
})  # fmt: skip
"""Functions that the condition of a `where` may use: each looks down from its element only, in time bounded by what is there."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path. `value` is a name, a type or an URL (text), a place in a list (int) or a condition (a parsed expression)."""

    name: str
    """member, index, or the name of a function."""
    value: Any = None


def places(path: tuple[Step, ...], root: Place) -> list[Place]:
    """Every place of the resource that the path finds, in its order."""
    found = [root]
    for number, step in enumerate(path):
        if number == 0 and step.name == "member" and step.value == root.kind:
            continue
        found = list(_taken(step, found, root))
    return found


def _taken(step: Step, found: list[Place], root: Place) -> Iterator[Place]:
    match step.name:
        case "member":
            for place in found:
                yield from place.children(step.value)
        case "extension":
            for place in found:
                yield from (one for one in place.children("extension") if one.value.get("url") == step.value)
        case "ofType" | "as":
            yield from (place for place in found if place.type == step.value)
        case "where":
            yield from (place for place in found if _holds(step.value, place, root))
        case "index":
            yield from found[step.value : step.value + 1]
        case "first":
            yield from found[:1]
        case "last":
            yield from found[-1:]
        case _:
            if len(found) > 1:
                raise Unprocessable(f"single(): {len(found)} elements are found")
            yield from found


def _holds(condition: Any, place: Place, root: Place) -> bool:
    try:
        answer = evaluated(condition, place.value, place.type, Run(root.value, root.value))
    except Exception as fault:  # the engine raises plain Exception for what it cannot evaluate
        raise Invalid(f"the condition of where() cannot be evaluated: {fault}") from fault
    if answer not in ([], [True], [False]):
        raise Invalid("the condition of where() is neither true nor false")
    return answer == [True]


@lru_cache(maxsize=256)
def steps(text: str) -> tuple[Step, ...]:
    """The steps of a path. Invalid for what is no FHIRPath, or more of it than a path of places."""
    if not text.strip() or len(text) > MAX_LENGTH:
        raise Invalid(f"a path has 1 to {MAX_LENGTH} characters")
    tree = strictly_parsed(_KEYWORD.sub(lambda found: found[1] or ".`div`", text))["children"][0]
    return tuple(_steps(tree))


def _steps(node: dict[str, Any]) -> Iterator[Step]:
    below = node.get("children", [])
    match node["type"]:
        case "TermExpression" | "InvocationTerm" | "ParenthesizedTerm":
            yield from _steps(below[0])
        case "InvocationExpression":
            yield from _steps(below[0])
            yield from _steps(below[1])
        case "IndexerExpression":
            yield from _steps(below[0])
            yield Step("index", _number(below[1]))
        case "TypeExpression" if node["terminalNodeText"] == ["as"]:
            yield from _steps(below[0])
            yield Step("as", _type(below[1]["text"]))
        case "MemberInvocation":
            yield Step("member", below[0]["text"].strip("`"))
        case "FunctionInvocation":
            yield _call(below[0])
        case other:
            raise Invalid(f"a path is made of elements, [n] and {', '.join(_FUNCTIONS)}; {other} is not taken")


def _call(node: dict[str, Any]) -> Step:
    name, arguments = node["children"][0]["text"], node["children"][1]["children"] if len(node["children"]) > 1 else []
    if name not in _FUNCTIONS or len(arguments) != (0 if name in {"first", "last", "single"} else 1):
        raise Invalid(f"{name}() with {len(arguments)} arguments is not taken in a path; it may use {', '.join(_FUNCTIONS)}")
    match name:
        case "where":
            _check_condition(arguments[0])
            return Step(name, {"children": arguments})
        case "extension":
            return Step(name, _string(arguments[0]))
        case "ofType" | "as":
            return Step(name, _type(arguments[0].get("text", "")))
    return Step(name)


def _check_condition(node: dict[str, Any]) -> None:
    if node["type"] == "ExternalConstantTerm":
        raise Invalid("the condition of where() may not use %variables")
    if node["type"] == "Functn" and (name := node["children"][0]["text"]) not in _CONDITIONS:
        raise Invalid(f"the condition of where() may not use {name}()")
    for below in node.get("children", []):
        _check_condition(below)


def _type(text: str) -> str:
    return text.removeprefix("FHIR.").strip("`")


def _number(node: dict[str, Any]) -> int:
    text = node.get("text", "")
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise Invalid(f"[{text}] is no place in a list")
    return int(text)


def _string(node: dict[str, Any]) -> str:
    text: str = node.get("text", "")
    if not re.fullmatch(r"'[^'\\]*'", text):
        raise Invalid("extension() takes the URL between quotes")
    return text[1:-1]
